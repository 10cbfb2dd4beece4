/* store.c — the folder of attachments. */
#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define INCOMING ".incoming"

static int tenant_folder(const char *folder, const char *tenant, char ret_path[STORE_PATH])
{
    int size = snprintf(ret_path, STORE_PATH, "%s/", folder);

    for (const unsigned char *c = (const unsigned char *)tenant; *c && size < STORE_PATH - 4; c++) {
        bool plain = (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '-';

        size += snprintf(ret_path + size, (size_t)(STORE_PATH - size), plain ? "%c" : "_%02x", *c);
    }
    return *tenant && size < STORE_PATH - 4 ? 0 : -ENAMETOOLONG;
}

static int join(const char *folder, const char *name, char ret_path[STORE_PATH])
{
    return snprintf(ret_path, STORE_PATH, "%s/%s", folder, name) < STORE_PATH ? 0 : -ENAMETOOLONG;
}

int store_path(const char *folder, const char *tenant, const char *id, char ret_path[STORE_PATH])
{
    char place[STORE_PATH];
    int r = tenant_folder(folder, tenant, place);

    return r ? r : join(place, id, ret_path);
}

static int make_folder(const char *path)
{
    return mkdir(path, 0700) && errno != EEXIST ? -errno : 0;
}

/* Names of ours only: whatever else somebody keeps there is none of our business. */
static void sweep(const char *path)
{
    DIR *folder = opendir(path);
    struct dirent *entry;
    struct stat status;
    time_t now = time(NULL);

    while (folder && (entry = readdir(folder)))
        if (entry->d_name[0] != '.' && !fstatat(dirfd(folder), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) &&
            S_ISREG(status.st_mode) && now - status.st_mtim.tv_sec > STORE_LEFTOVER_S)
            (void)unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder)
        closedir(folder);
}

int store_prepare(const char *folder, char **reterr_text)
{
    char path[STORE_PATH];
    int r = make_folder(folder);

    if (!r)
        r = join(folder, INCOMING, path);
    if (!r)
        r = make_folder(path);
    if (!r && (access(path, R_OK | W_OK | X_OK) || access(folder, R_OK | W_OK | X_OK)))
        r = -errno;
    if (!r)
        sweep(path);
    else if (asprintf(reterr_text, "The folder of attachments %s cannot be used: %s.", folder, strerror(-r)) < 0)
        *reterr_text = NULL;
    return r;
}

int store_place(struct store_file *file, const char *folder, const char *tenant, const char *id)
{
    int r = tenant_folder(folder, tenant, file->folder);

    return r ? r : join(file->folder, id, file->path);
}

int store_begin(struct store_file *file, const char *folder, const char *id)
{
    char incoming[STORE_PATH];
    int r = join(folder, INCOMING, incoming);

    file->fd = -1;
    file->incoming = false;
    file->size = file->n = 0;
    if (!r)
        r = join(incoming, id, file->temporary);
    if (r)
        return r;
    file->fd = open(file->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file->fd < 0)
        return -errno;
    file->incoming = true;
    return 0;
}

static int write_all(int fd, const char *data, size_t size)
{
    while (size) {
        ssize_t n = write(fd, data, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        data += n;
        size -= (size_t)n;
    }
    return 0;
}

int store_flush(struct store_file *file)
{
    int r = write_all(file->fd, file->buffer, file->n);

    file->n = 0;
    return r;
}

int store_write(struct store_file *file, const void *data, size_t size)
{
    int r = 0;

    if (file->n + size > STORE_BUFFER)
        r = store_flush(file);
    file->size += size;
    if (r || size > STORE_BUFFER)
        return r ? r : write_all(file->fd, data, size);
    memcpy(file->buffer + file->n, data, size);
    file->n += size;
    return 0;
}

int store_patch(struct store_file *file, uint64_t at, const void *data, size_t size)
{
    int r = store_flush(file);

    if (r)
        return r;
    return pwrite(file->fd, data, size, (off_t)at) == (ssize_t)size ? 0 : -EIO;
}

static int hash(struct store_file *file)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool fine = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1;
    uint64_t at = 0;

    while (fine && at < file->size) {
        ssize_t n = pread(file->fd, file->buffer, STORE_BUFFER, (off_t)at);

        fine = n > 0 && EVP_DigestUpdate(context, file->buffer, (size_t)n) == 1;
        at += n > 0 ? (uint64_t)n : 0;
    }
    fine = fine && EVP_DigestFinal_ex(context, digest, NULL) == 1;
    EVP_MD_CTX_free(context);
    for (size_t i = 0; fine && i < 32; i++)
        snprintf(file->sha256 + 2 * i, 3, "%02x", digest[i]);
    return fine ? 0 : -EIO;
}

/* A name is only as durable as the folder that holds it. */
static int sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = fd < 0 || fsync(fd) ? -errno : 0;

    if (fd >= 0)
        close(fd);
    return r;
}

static int new_folder(const char *path)
{
    char parent[STORE_PATH];
    int r;

    if (!access(path, X_OK))
        return 0;
    r = make_folder(path);
    snprintf(parent, sizeof parent, "%.*s", (int)(strrchr(path, '/') - path), path);
    return r ? r : sync_folder(parent);
}

int store_keep(struct store_file *file)
{
    int r = store_flush(file);

    if (!r)
        r = hash(file);
    if (!r && fdatasync(file->fd))
        r = -errno;
    if (!r)
        r = new_folder(file->folder);
    if (!r && rename(file->temporary, file->path))
        r = -errno;
    if (r)
        return r;
    file->incoming = false;
    r = sync_folder(file->folder);
    if (r)
        store_remove(file);
    return r;
}

void store_end(struct store_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    if (file->incoming)
        unlink(file->temporary);
    file->fd = -1;
    file->incoming = false;
}

void store_remove(const struct store_file *file)
{
    unlink(file->path);
}
