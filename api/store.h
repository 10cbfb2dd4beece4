/* store.h — the folder of attachments: <folder>/<tenant>/<id>, and <folder>/.incoming/<id> while one is being sent. */
#ifndef WHISTLED_STORE_H
#define WHISTLED_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STORE_PATH = 1024, STORE_BUFFER = 32768, STORE_HEX = 65, STORE_LEFTOVER_S = 3600 };

/* A file on its way in. It belongs to one upload; store_keep may run in another thread than the rest, but never beside
 * it. */
struct store_file {
    int fd;                                                           /* -1: none */
    bool incoming;                                                    /* there is a file under `temporary` */
    uint64_t size;                                                    /* bytes written */
    size_t n;                                                         /* in `buffer`, not written yet */
    char folder[STORE_PATH], temporary[STORE_PATH], path[STORE_PATH]; /* folder: the tenant's */
    char sha256[STORE_HEX];                                           /* by store_keep */
    char buffer[STORE_BUFFER];
};

/* At start: makes the folder when there is none, and sweeps what uploads left there that a crash cut off. Those of
 * another instance that shares the folder are younger than STORE_LEFTOVER_S and stay. 0, or -Exxx with a sentence
 * (malloc'ed) in reterr_text. */
int store_prepare(const char *folder, char **reterr_text);

/* Where it lies. A tenant's name may hold anything: what is not a–z, 0–9 or - becomes _ and two hexadecimal digits of
 * each byte, so that it is never a path, and never another tenant's. 0 or -ENAMETOOLONG. */
int store_path(const char *folder, const char *tenant, const char *id, char ret_path[STORE_PATH]);

/* All: 0 or -Exxx. `id` is a UUID of ours. store_begin creates, store_place says where it shall lie, store_write
 * appends (by way of the buffer), store_patch overwrites what was written, store_keep hashes, syncs and puts the file
 * at its place: after it the file outlives a loss of power. */
int store_begin(struct store_file *file, const char *folder, const char *id);
int store_place(struct store_file *file, const char *folder, const char *tenant, const char *id);
int store_write(struct store_file *file, const void *data, size_t size);
int store_flush(struct store_file *file);
int store_patch(struct store_file *file, uint64_t at, const void *data, size_t size);
int store_keep(struct store_file *file);
/* Closes, and removes what was not kept. */
void store_end(struct store_file *file);
/* The row was not written after all. */
void store_remove(const struct store_file *file);

#endif
