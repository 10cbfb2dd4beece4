/* key_folder.c — reads key files, and notices when they change. */
#include "key_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "text.h"

enum { PATH_SIZE = 4096, KID_MAX = 64 };

static int read_all(int fd, char *text, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = read(fd, text + done, size - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (!n)
            return -EAGAIN; /* it shrank while we read: somebody writes it right now */
        done += (size_t)n;
    }
    return 0;
}

int key_file_read(const char *path, size_t limit, bool secret, char **ret_text, size_t *ret_size)
{
    /* Without O_NONBLOCK a pipe put there would hang the service. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;
    char *text = NULL;
    int r = 0;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &status))
        r = -errno;
    else if (!S_ISREG(status.st_mode))
        r = -EINVAL;
    else if (secret && (status.st_mode & (S_IRWXG | S_IRWXO)))
        r = -EPERM;
    else if (status.st_size < 0 || (uintmax_t)status.st_size > limit)
        r = -EFBIG;
    if (!r) {
        text = malloc((size_t)status.st_size + 1);
        r = text ? read_all(fd, text, (size_t)status.st_size) : -ENOMEM;
    }
    close(fd);
    if (r) {
        free(text);
        return r;
    }
    text[status.st_size] = '\0';
    *ret_text = text;
    *ret_size = (size_t)status.st_size;
    return 0;
}

/* What a file's name says of its key. */
struct file_kind {
    const char *suffix;
    enum key_algorithm algorithm;
};

static const struct file_kind kinds[] = {
    {".hs256", KEY_HS256},
    {".rs256.pem", KEY_RS256},
    {".es256.pem", KEY_ES256},
};

static const struct file_kind *kind_of(const char *name, char ret_kid[KID_MAX + 1])
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t size = strlen(name);

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        size_t suffix = strlen(kinds[i].suffix);

        if (size <= suffix || size - suffix > KID_MAX || strcmp(name + size - suffix, kinds[i].suffix) != 0)
            continue;
        memcpy(ret_kid, name, size - suffix);
        ret_kid[size - suffix] = '\0';
        return strspn(ret_kid, allowed) == size - suffix ? &kinds[i] : NULL;
    }
    return NULL;
}

/* Length of printable text in front of nothing but one line end; 0 for anything else. */
static size_t line_size(const char *text, size_t size)
{
    size_t end = size;

    if (end && text[end - 1] == '\n')
        end--;
    if (end < size && end && text[end - 1] == '\r')
        end--;
    for (size_t i = 0; i < end; i++)
        if (text[i] < 0x20 || text[i] > 0x7e)
            return 0;
    return end;
}

static long decode_hex(const char *text, size_t size, unsigned char *ret_bytes)
{
    if (size % 2)
        return -EINVAL;
    for (size_t i = 0; i < size; i += 2) {
        int high = text_hex_digit(text[i]), low = text_hex_digit(text[i + 1]);

        if (high < 0 || low < 0)
            return -EINVAL;
        ret_bytes[i / 2] = (unsigned char)(high << 4 | low);
    }
    return (long)(size / 2);
}

static long decode_base64(char *text, size_t size, unsigned char *ret_bytes)
{
    while (size && text[size - 1] == '=')
        size--;
    for (size_t i = 0; i < size; i++)
        text[i] = (char)(text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i]);
    return text_base64url_decode(text, size, ret_bytes);
}

static struct key *read_secret(const char *kid, char *text, size_t size, const char **reterr_reason)
{
    size_t line = line_size(text, size);
    bool hex = line && !strncmp(text, "hex:", 4), base64 = line && !strncmp(text, "base64:", 7);
    unsigned char *bytes;
    struct key *key = NULL;
    long length;

    if (!hex && !base64)
        return key_new_secret(kid, text, line ? line : size, reterr_reason);
    bytes = malloc(size + 1);
    if (!bytes)
        return NULL;
    length = hex ? decode_hex(text + 4, line - 4, bytes) : decode_base64(text + 7, line - 7, bytes);
    if (length < 0)
        *reterr_reason = "is no hexadecimal or base64 behind its prefix";
    else
        key = key_new_secret(kid, bytes, (size_t)length, reterr_reason);
    OPENSSL_cleanse(bytes, size);
    free(bytes);
    return key;
}

bool key_file_may_recover(int r)
{
    return r == -ENOMEM || r == -EMFILE || r == -ENFILE || r == -EIO || r == -EAGAIN || r == -EINTR || r == -ESTALE;
}

static const char *read_fault(int r)
{
    return r == -EPERM    ? "can be read by others than its owner (chmod 600 it)"
           : r == -EFBIG  ? "is too large for a key"
           : r == -EINVAL ? "is no regular file"
                          : "cannot be read";
}

/* 0 with a key, -EINVAL with the reason, or what may recover. */
static int read_key(const char *path, const struct file_kind *kind, const char *kid, struct key **ret_key,
                    const char **reterr_reason)
{
    bool secret = kind->algorithm == KEY_HS256;
    char *text = NULL;
    size_t size = 0;
    int r = key_file_read(path, KEY_FILE_MAX, secret, &text, &size);

    *reterr_reason = NULL;
    /* Of a PEM one only knows inside whether it is a secret. */
    if (!r && text && !secret && strstr(text, "PRIVATE KEY")) {
        OPENSSL_cleanse(text, size);
        free(text);
        text = NULL;
        r = key_file_read(path, KEY_FILE_MAX, /* secret= */ true, &text, &size);
    }
    if (r || !text) {
        *reterr_reason = read_fault(r);
        return key_file_may_recover(r) ? r : -EINVAL;
    }
    *ret_key = kind->algorithm == KEY_HS256 ? read_secret(kid, text, size, reterr_reason)
                                            : key_new_pem(kid, kind->algorithm, text, size, reterr_reason);
    OPENSSL_cleanse(text, size);
    free(text);
    return *ret_key ? 0 : *reterr_reason ? -EINVAL : -ENOMEM;
}

/* One sentence about a file: to the operator who starts the service, or to who watches it run. */
static int refuse(bool strict, keys_note *note, const char *path, const char *reason, char **reterr_text)
{
    char *text = NULL;

    if (asprintf(&text, "The key file %s %s.", path, reason) < 0)
        return -ENOMEM;
    if (strict) {
        *reterr_text = text;
        return -EINVAL;
    }
    if (note)
        note(text);
    free(text);
    return 0;
}

static int read_file(const char *directory, const char *name, bool strict, keys_note *note, struct key_list *list,
                     char **reterr_text)
{
    char path[PATH_SIZE], kid[KID_MAX + 1];
    const struct file_kind *kind = kind_of(name, kid);
    const char *reason = NULL;
    struct key *key = NULL;
    int r;

    if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path)
        return refuse(strict, note, name, "has too long a path", reterr_text);
    if (!kind)
        return refuse(/* strict= */ false, note, path, "is no key by its name and is passed over", reterr_text);
    r = read_key(path, kind, kid, &key, &reason);
    if (key_file_may_recover(r))
        return r;
    if (r)
        return refuse(strict, note, path, reason, reterr_text);
    if (!key_list_add(list, key))
        return refuse(strict, note, path, "has a kid that another one has, or there are more than 64", reterr_text);
    return 0;
}

static int fail(const char *directory, const char *what, int r, char **reterr_text)
{
    if (asprintf(reterr_text, "The key folder %s %s: %s.", directory, what, strerror(-r)) < 0)
        *reterr_text = NULL;
    return r;
}

int key_folder_read(const char *directory, bool strict, keys_note *note, struct key_list *ret_list, char **reterr_text)
{
    DIR *folder = opendir(directory);
    struct dirent *entry;
    struct stat status = {0};
    int r = !folder || fstat(dirfd(folder), &status) ? -errno : 0;

    ret_list->n = 0;
    if (!r && (status.st_mode & S_IWOTH))
        r = fail(directory, "can be written by everybody", -EPERM, reterr_text);
    while (!r && (entry = readdir(folder)))
        if (entry->d_name[0] != '.')
            r = read_file(directory, entry->d_name, strict, note, ret_list, reterr_text);
    if (folder)
        closedir(folder);
    if (!r)
        return 0;
    key_list_clear(ret_list);
    return *reterr_text ? r : fail(directory, "cannot be read", r, reterr_text);
}

static uint64_t mix(uint64_t sum, uint64_t value)
{
    sum ^= value;
    sum *= 0x9e3779b97f4a7c15u;
    return sum ^ sum >> 29;
}

/* Rights too: a key that was made unreadable is no key any more. */
static uint64_t stamp_of(const struct stat *status)
{
    uint64_t sum = mix(1, (uint64_t)status->st_ino);

    sum = mix(sum, (uint64_t)status->st_size);
    sum = mix(sum, (uint64_t)status->st_mode);
    sum = mix(sum, (uint64_t)status->st_mtim.tv_sec);
    sum = mix(sum, (uint64_t)status->st_mtim.tv_nsec);
    sum = mix(sum, (uint64_t)status->st_ctim.tv_sec);
    return mix(sum, (uint64_t)status->st_ctim.tv_nsec);
}

uint64_t key_file_stamp(const char *path)
{
    struct stat status;

    return stat(path, &status) ? 0 : stamp_of(&status);
}

uint64_t key_folder_stamp(const char *directory)
{
    DIR *folder = opendir(directory);
    struct dirent *entry;
    struct stat status;
    uint64_t sum = 0;

    if (!folder)
        return 0;
    if (!fstat(dirfd(folder), &status))
        sum = stamp_of(&status);
    /* A sum, since the folder's order means nothing. */
    while ((entry = readdir(folder)))
        if (entry->d_name[0] != '.' && !fstatat(dirfd(folder), entry->d_name, &status, 0))
            sum += stamp_of(&status);
    closedir(folder);
    return sum;
}
