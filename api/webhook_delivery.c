/* webhook_delivery.c — rows become messages to send, and what became of them becomes JSON. */
#include "webhook_delivery.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "array.h"
#include "encode.h"

enum { DELIVERY_SIZE = 64 * 1024 };

void deliveries_add(struct deliveries *list, struct delivery *delivery)
{
    delivery->previous = NULL;
    delivery->next = list->first;
    if (list->first)
        list->first->previous = delivery;
    list->first = delivery;
    list->n++;
}

void deliveries_remove(struct deliveries *list, struct delivery *delivery)
{
    *(delivery->previous ? &delivery->previous->next : &list->first) = delivery->next;
    if (delivery->next)
        delivery->next->previous = delivery->previous;
    list->n--;
}

void deliveries_free(struct deliveries *list)
{
    while (list->first) {
        struct delivery *delivery = list->first;

        deliveries_remove(list, delivery);
        arena_free(delivery->arena);
    }
}

static const char *copy_value(struct arena *arena, const PGresult *result, int row, const char *name)
{
    return arena_strdup(arena, PQgetvalue(result, row, PQfnumber(result, name)));
}

struct delivery *delivery_new(const PGresult *result, int row)
{
    struct arena *arena = arena_new(DELIVERY_SIZE);
    struct delivery *delivery = arena ? arena_alloc(arena, sizeof *delivery) : NULL;

    if (delivery) {
        *delivery = (struct delivery){
            .sending = {.url = copy_value(arena, result, row, "url"),
                        .id = copy_value(arena, result, row, "id"),
                        .secrets = copy_value(arena, result, row, "secrets"),
                        .body = copy_value(arena, result, row, "body")},
            .arena = arena,
            .tenant = copy_value(arena, result, row, "tenant"),
            .webhook_id = copy_value(arena, result, row, "webhook_id"),
            .attempt = copy_value(arena, result, row, "attempt"),
        };
    }
    if (!delivery || !delivery->sending.url || !delivery->sending.id || !delivery->sending.secrets ||
        !delivery->sending.body || !delivery->tenant || !delivery->webhook_id || !delivery->attempt) {
        arena_free(arena);
        return NULL;
    }
    return delivery;
}

static void add_member(struct buffer *out, const char *name, const char *text)
{
    buffer_add_text(out, ",\"");
    buffer_add_text(out, name);
    buffer_add_text(out, "\":");
    if (text)
        buffer_add_json_string(out, text, strlen(text));
    else
        buffer_add_text(out, "null");
}

static void add_number(struct buffer *out, const char *name, long long number, bool null)
{
    char text[32];

    snprintf(text, sizeof text, "%lld", number);
    buffer_add_text(out, ",\"");
    buffer_add_text(out, name);
    buffer_add_text(out, "\":");
    buffer_add_text(out, null ? "null" : text);
}

static void add_outcome(struct buffer *out, const struct delivery *delivery)
{
    const struct sending *sending = &delivery->sending;
    time_t seconds = (time_t)(sending->begun_ms / 1000);
    char begun[64];
    struct tm utc;
    size_t size;

    gmtime_r(&seconds, &utc);
    size = strftime(begun, sizeof begun, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(begun + size, sizeof begun - size, ".%03dZ", (int)(sending->begun_ms % 1000));
    buffer_add_text(out, "{\"tenant\":");
    buffer_add_json_string(out, delivery->tenant, strlen(delivery->tenant));
    add_member(out, "id", sending->id);
    add_member(out, "attempt", delivery->attempt);
    add_member(out, "at", begun);
    add_number(out, "status", sending->status, sending->status == 0);
    add_member(out, "error", sending->error == SEND_OK ? NULL : send_error_name(sending->error));
    add_number(out, "duration_ms", sending->duration_ms, false);
    add_number(out, "retry_after_s", sending->retry_after, sending->retry_after <= 0);
    buffer_add_text(out, "}");
}

char *deliveries_outcomes(const struct deliveries *ended)
{
    struct buffer out = {.size = 0};

    buffer_add_text(&out, "[");
    for (const struct delivery *delivery = ended->first; delivery; delivery = delivery->next) {
        if (delivery != ended->first)
            buffer_add_text(&out, ",");
        add_outcome(&out, delivery);
    }
    buffer_add(&out, "]", sizeof "]");
    if (out.failed)
        buffer_free(&out);
    return out.data;
}

int deliveries_names(const struct deliveries *const *lists, unsigned n_lists, struct arena *arena,
                     const char **ret_tenants, const char **ret_ids)
{
    size_t n = 0, most = 1;
    const char **tenants, **ids;

    for (unsigned i = 0; i < n_lists; i++)
        most += lists[i]->n;
    tenants = arena_alloc(arena, most * sizeof *tenants);
    ids = arena_alloc(arena, most * sizeof *ids);
    if (!tenants || !ids)
        return -ENOMEM;
    for (unsigned i = 0; i < n_lists; i++)
        for (const struct delivery *delivery = lists[i]->first; delivery; delivery = delivery->next) {
            tenants[n] = delivery->tenant;
            ids[n++] = delivery->sending.id;
        }
    *ret_tenants = array_literal(arena, tenants, n);
    *ret_ids = array_literal(arena, ids, n);
    return *ret_tenants && *ret_ids ? 0 : -ENOMEM;
}
