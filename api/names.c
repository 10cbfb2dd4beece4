/* names.c — the names of streets: for each one block of texts and a hash table over it. */
#include "names.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* kind, key, NUL, name, NUL */
struct entry {
    const char *text;
    uint32_t hash;
};

struct street {
    struct street *next;
    char *tenant;
    int64_t edition;
    uint64_t learnt_ms;
    struct entry *entries; /* open addressing; a power of two, at most half full */
    size_t n_places;
    char *texts;
};

struct names {
    struct street *streets; /* few: those of one city at most */
};

struct names *names_new(void)
{
    return calloc(1, sizeof(struct names));
}

static struct street *street_free(struct street *street)
{
    if (!street)
        return NULL;
    free(street->tenant);
    free(street->entries);
    free(street->texts);
    free(street);
    return NULL;
}

struct names *names_free(struct names *names)
{
    if (!names)
        return NULL;
    for (struct street *street = names->streets, *next; street; street = next) {
        next = street->next;
        street_free(street);
    }
    free(names);
    return NULL;
}

const struct street *names_of(const struct names *names, const char *tenant)
{
    for (const struct street *street = names->streets; street; street = street->next)
        if (!strcmp(street->tenant, tenant))
            return street;
    return NULL;
}

int64_t street_edition(const struct street *street)
{
    return street->edition;
}

uint64_t street_learnt_ms(const struct street *street)
{
    return street->learnt_ms;
}

static uint32_t hash_of(char kind, const char *key, size_t size)
{
    uint32_t hash = (2166136261u ^ (unsigned char)kind) * 16777619u;

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)key[i]) * 16777619u;
    return hash ^ hash >> 15;
}

static bool is_entry(const struct entry *entry, uint32_t hash, char kind, const char *key, size_t size)
{
    return entry->hash == hash && entry->text[0] == kind && !strncmp(entry->text + 1, key, size) &&
           !entry->text[1 + size];
}

/* The entry of this key, or the free place where it would be. */
static struct entry *find(const struct street *street, char kind, const char *key, size_t size)
{
    uint32_t hash = hash_of(kind, key, size);
    size_t place = hash & (street->n_places - 1);

    while (street->entries[place].text && !is_entry(&street->entries[place], hash, kind, key, size))
        place = (place + 1) & (street->n_places - 1);
    return &street->entries[place];
}

const char *street_name(const struct street *street, char kind, const char *key, size_t size)
{
    const struct entry *entry = find(street, kind, key, size);

    return entry->text ? entry->text + 1 + size + 1 : NULL;
}

static size_t texts_size(const PGresult *result)
{
    size_t size = 1;

    for (int row = 0; row < PQntuples(result); row++)
        size += 1 + (size_t)PQgetlength(result, row, 1) + 1 + (size_t)PQgetlength(result, row, 2) + 1;
    return size;
}

static void fill(struct street *street, const PGresult *result)
{
    char *text = street->texts;

    for (int row = 0; row < PQntuples(result); row++) {
        char kind = PQgetvalue(result, row, 0)[0];
        size_t key_size = (size_t)PQgetlength(result, row, 1), name_size = (size_t)PQgetlength(result, row, 2);
        struct entry *entry = find(street, kind, PQgetvalue(result, row, 1), key_size);

        text[0] = kind;
        memcpy(text + 1, PQgetvalue(result, row, 1), key_size + 1);
        memcpy(text + 1 + key_size + 1, PQgetvalue(result, row, 2), name_size + 1);
        *entry = (struct entry){.text = text, .hash = hash_of(kind, text + 1, key_size)};
        text += 1 + key_size + 1 + name_size + 1;
    }
}

static struct street *street_new(const char *tenant, const PGresult *result)
{
    struct street *street = calloc(1, sizeof *street);

    if (!street)
        return NULL;
    street->n_places = 64;
    while (street->n_places < 2 * (size_t)PQntuples(result))
        street->n_places *= 2;
    street->tenant = strdup(tenant);
    street->entries = calloc(street->n_places, sizeof *street->entries);
    street->texts = malloc(texts_size(result));
    if (!street->tenant || !street->entries || !street->texts)
        return street_free(street);
    fill(street, result);
    return street;
}

static void forget(struct names *names, const char *tenant)
{
    for (struct street **place = &names->streets; *place; place = &(*place)->next)
        if (!strcmp((*place)->tenant, tenant)) {
            struct street *street = *place;

            *place = street->next;
            street_free(street);
            return;
        }
}

int names_take(struct names *names, const char *tenant, int64_t edition, uint64_t now_ms, const PGresult *result)
{
    struct street *street = street_new(tenant, result);

    if (!street)
        return -ENOMEM;
    forget(names, tenant);
    street->edition = edition;
    street->learnt_ms = now_ms;
    street->next = names->streets;
    names->streets = street;
    return 0;
}
