/* keys.c — the keys of both places: found by kid, read again when their files change. */
#include "keys.h"

#include <errno.h>
#include <string.h>

#include "key_folder.h"

struct keys {
    char *directory, *jwks_file; /* NULL: not configured */
    keys_note *note;
    struct key_list own, foreign;
    uint64_t own_stamp, foreign_stamp;
    int64_t looked_at;
};

static const struct key *find_in(const struct key_list *list, const char *kid)
{
    for (unsigned i = 0; i < list->n; i++)
        if (list->items[i]->kid && !strcmp(list->items[i]->kid, kid))
            return list->items[i];
    return NULL;
}

bool key_list_add(struct key_list *list, struct key *key)
{
    if (list->n == KEYS_MAX || (key->kid && find_in(list, key->kid))) {
        key_free(key);
        return false;
    }
    list->items[list->n++] = key;
    return true;
}

void key_list_clear(struct key_list *list)
{
    while (list->n)
        key_free(list->items[--list->n]);
}

static void say(const struct keys *keys, const char *text)
{
    if (keys->note)
        keys->note(text);
}

static int read_jwks(const struct keys *keys, struct key_list *ret_list, char **reterr_text)
{
    char *text = NULL;
    size_t size = 0;
    int r = key_file_read(keys->jwks_file, JWKS_FILE_MAX, /* secret= */ false, &text, &size);

    ret_list->n = 0;
    if (!r)
        r = jwks_read(text, size, keys->note, ret_list);
    free(text);
    if (r && asprintf(reterr_text, "The JWKS file %s cannot be used: %s.", keys->jwks_file,
                      r == -EINVAL ? "it is no JSON object with an array \"keys\"" : strerror(-r)) < 0)
        *reterr_text = NULL;
    return r;
}

/* One name must not mean two keys: who writes the JWKS could take a name of ours over, or lock us out of it. */
static void drop_shadowed(struct keys *keys)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < keys->foreign.n; i++) {
        struct key *key = keys->foreign.items[i];

        if (key->kid && find_in(&keys->own, key->kid)) {
            say(keys, "a key of the JWKS is passed over: a file of the key folder has its kid");
            key_free(key);
        } else {
            keys->foreign.items[kept++] = key;
        }
    }
    keys->foreign.n = kept;
}

static int read_first(struct keys *keys, char **reterr_text)
{
    int r = 0;

    if (keys->directory) {
        keys->own_stamp = key_folder_stamp(keys->directory);
        r = key_folder_read(keys->directory, /* strict= */ true, keys->note, &keys->own, reterr_text);
    }
    if (!r && keys->jwks_file) {
        keys->foreign_stamp = key_file_stamp(keys->jwks_file);
        r = read_jwks(keys, &keys->foreign, reterr_text);
    }
    if (r)
        return r;
    drop_shadowed(keys);
    if (keys->own.n + keys->foreign.n)
        return 0;
    *reterr_text = strdup(keys->directory || keys->jwks_file
                              ? "There is no usable key in key_dir or jwks_file: no token could ever be valid."
                              : "Neither key_dir nor jwks_file is set: no token could ever be valid.");
    return -ENOENT;
}

static char *setting(const char *text)
{
    return text && *text ? strdup(text) : NULL;
}

int keys_new(const char *directory, const char *jwks_file, keys_note *note, struct keys **ret_keys, char **reterr_text)
{
    struct keys *keys = calloc(1, sizeof *keys);
    int r;

    *reterr_text = NULL;
    if (!keys)
        return -ENOMEM;
    keys->note = note;
    keys->directory = setting(directory);
    keys->jwks_file = setting(jwks_file);
    r = read_first(keys, reterr_text);
    if (r) {
        keys_free(keys);
        return r;
    }
    *ret_keys = keys;
    return 0;
}

struct keys *keys_free(struct keys *keys)
{
    if (!keys)
        return NULL;
    key_list_clear(&keys->own);
    key_list_clear(&keys->foreign);
    free(keys->directory);
    free(keys->jwks_file);
    free(keys);
    return NULL;
}

static void replace(struct keys *keys, struct key_list *place, const struct key_list *fresh, const char *text)
{
    key_list_clear(place);
    *place = *fresh;
    say(keys, text);
}

/* A reading failed: the keys stay as they are. What may recover is tried again at the next look; a file that is simply
 * wrong waits until somebody changes it, and is not complained of every few seconds. */
static void keep(struct keys *keys, uint64_t *stamp, int r, char *text)
{
    if (key_file_may_recover(r))
        *stamp = 0;
    say(keys, text ? text : "The keys cannot be read again for lack of memory.");
    free(text);
}

/* The stamp is taken before the files are read: what is written in between shows as a change at the next look. */
static bool refresh_own(struct keys *keys)
{
    uint64_t stamp = keys->directory ? key_folder_stamp(keys->directory) : 0;
    struct key_list fresh = {.n = 0};
    char *text = NULL;
    int r;

    if (stamp == keys->own_stamp)
        return false;
    keys->own_stamp = stamp;
    r = key_folder_read(keys->directory, /* strict= */ false, keys->note, &fresh, &text);
    if (r)
        keep(keys, &keys->own_stamp, r, text);
    else
        replace(keys, &keys->own, &fresh, "the key folder was read again");
    return !r;
}

static bool refresh_foreign(struct keys *keys, bool own_changed)
{
    uint64_t stamp = keys->jwks_file ? key_file_stamp(keys->jwks_file) : 0;
    struct key_list fresh = {.n = 0};
    char *text = NULL;
    int r;

    /* A key that a file of ours shadowed, or does now: only the whole set knows. */
    if (!keys->jwks_file || (stamp == keys->foreign_stamp && !own_changed))
        return false;
    keys->foreign_stamp = stamp;
    r = read_jwks(keys, &fresh, &text);
    if (r)
        keep(keys, &keys->foreign_stamp, r, text);
    else
        replace(keys, &keys->foreign, &fresh, "the JWKS was read again");
    return !r;
}

bool keys_refresh(struct keys *keys, int64_t now)
{
    bool own, foreign;

    /* Also when the clock was set back. */
    if (now >= keys->looked_at && now - keys->looked_at < KEYS_LOOK_EVERY_S)
        return false;
    keys->looked_at = now;
    own = refresh_own(keys);
    foreign = refresh_foreign(keys, own);
    drop_shadowed(keys);
    return own || foreign;
}

const struct key *keys_find(const struct keys *keys, const char *kid)
{
    const struct key *key;

    if (!kid) {
        if (keys->own.n + keys->foreign.n != 1)
            return NULL;
        return keys->own.n ? keys->own.items[0] : keys->foreign.items[0];
    }
    key = find_in(&keys->own, kid);
    return key ? key : find_in(&keys->foreign, kid);
}

const struct key *keys_signer(const struct keys *keys, const char *kid, const char **reterr_text)
{
    const struct key *found = NULL;

    for (unsigned i = 0; i < keys->own.n; i++) {
        const struct key *key = keys->own.items[i];

        if (!key_can_sign(key) || (kid && strcmp(key->kid, kid) != 0))
            continue;
        if (found) {
            *reterr_text = "The key folder has several keys that can sign: name one with --kid.";
            return NULL;
        }
        found = key;
    }
    if (!found)
        *reterr_text = kid ? "The key folder has no key of that kid that can sign."
                           : "The key folder has no key that can sign (a secret or a private key).";
    return found;
}
