/* key_folder.h — reads the files of keys.h: a folder of them, or one. */
#ifndef WHISTLED_KEY_FOLDER_H
#define WHISTLED_KEY_FOLDER_H

#include "keys.h"

enum { KEY_FILE_MAX = 64 * 1024, JWKS_FILE_MAX = 1024 * 1024 };

/* The content and a NUL; malloc'ed. 0, -EFBIG, or what open and read say. `secret`: -EPERM when group or others may
 * read it. */
int key_file_read(const char *path, size_t limit, bool secret, char **ret_text, size_t *ret_size);

/* It was not the file's fault: no memory, no descriptor, a disk that did not answer, somebody just writing it. */
bool key_file_may_recover(int r);

/* All keys of the folder. A file that is no key by its name gets a note. One that cannot be used gets a note too, or,
 * when `strict`, is an error with its sentence (malloc'ed) in reterr_text. */
int key_folder_read(const char *directory, bool strict, keys_note *note, struct key_list *ret_list, char **reterr_text);

/* Changes when a file of the folder comes, goes or is written. 0 for a folder that cannot be read. */
uint64_t key_folder_stamp(const char *directory);
uint64_t key_file_stamp(const char *path);

#endif
