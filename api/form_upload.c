/* form_upload.c — fields and pictures of one request. */
#include "form_upload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "answer.h"
#include "filer.h"
#include "form.h"
#include "image.h"
#include "multipart.h"
#include "perform.h"
#include "store.h"
#include "text.h"
#include "uuid.h"
#include "worker.h"

struct picture {
    struct store_file file;
    char id[UUID_SIZE];
    const char *content_type;
    uint32_t width, height;
};

/* Where the present part goes. */
enum part_place { PLACE_NOWHERE, PLACE_FIELD, PLACE_PICTURE };

struct form_upload {
    struct filing filing; /* must come first: the filer hands it back */
    struct request *request;
    struct multipart multipart;
    enum part_place place;
    char name[MULTIPART_TEXT];
    struct buffer value; /* of the present field */
    size_t text_size;    /* of all fields */
    struct image image;  /* of the present picture */
    struct picture *pictures[MAX_PICTURES];
    size_t n_pictures;
    const char *code; /* why nothing more is taken */
};

bool form_upload_is_meant(const struct request *request)
{
    const char *type = request->headers.values[HEADER_CONTENT_TYPE];

    return request->operation && request->operation->pictures && request->framing.has_body && type &&
           text_equal(type, strcspn(type, "; \t"), "multipart/form-data");
}

static int stop(struct form_upload *upload, const char *code, int r)
{
    upload->code = code;
    return r;
}

static void add_fault(struct form_upload *upload, const char *code)
{
    struct request *request = upload->request;
    const char *pointer = arena_printf(request->arena, "/%s", request->operation->pictures);

    faults_add(&request->faults, request->arena, pointer ? pointer : "", code);
}

static int write_picture(void *context, const void *data, size_t size)
{
    struct form_upload *upload = context;

    return store_write(&upload->pictures[upload->n_pictures - 1]->file, data, size);
}

/* Our fault, or the disk's: the log says which. */
static int break_off(struct form_upload *upload, int r)
{
    struct request *request = upload->request;

    request->note = arena_printf(request->arena, "picture not written: %s", strerror(-r));
    return stop(upload, "unavailable", r);
}

static int begin_picture(struct form_upload *upload, const char *content_type)
{
    const char *folder = upload->request->worker->service->config->attachments_dir;
    struct picture *picture;
    int r;

    if (upload->n_pictures == MAX_PICTURES) {
        add_fault(upload, "too_many_items");
        return 0;
    }
    if (image_start(&upload->image, content_type, write_picture, upload)) {
        add_fault(upload, "bad_image");
        return 0;
    }
    picture = folder[0] ? arena_alloc(upload->request->arena, sizeof *picture) : NULL;
    if (!picture || uuid_new(picture->id))
        return break_off(upload, folder[0] ? -ENOMEM : -ENOENT);
    picture->content_type = upload->image.content_type;
    r = store_begin(&picture->file, folder, picture->id);
    if (r)
        return break_off(upload, r);
    upload->pictures[upload->n_pictures++] = picture;
    upload->place = PLACE_PICTURE;
    return 0;
}

/* `media` and `media[]` are the same. */
static bool holds_pictures(const struct form_upload *upload, const char *name)
{
    const char *wanted = upload->request->operation->pictures;
    size_t size = strlen(wanted);

    return !strncmp(name, wanted, size) && (!name[size] || !strcmp(name + size, "[]"));
}

static int begin_part(void *context, const struct part *part)
{
    struct form_upload *upload = context;

    upload->place = part->file ? PLACE_NOWHERE : PLACE_FIELD;
    upload->value.size = 0;
    memcpy(upload->name, part->name, sizeof upload->name);
    if (part->file && !part->empty_name && holds_pictures(upload, part->name))
        return begin_picture(upload, part->content_type);
    return 0;
}

static int take_data(void *context, const void *data, size_t size)
{
    struct form_upload *upload = context;
    int r = 0;

    if (upload->place == PLACE_FIELD) {
        upload->text_size += size;
        if (upload->text_size > upload->request->operation->max_body)
            return stop(upload, "body_too_large", -E2BIG);
        buffer_add(&upload->value, data, size);
    } else if (upload->place == PLACE_PICTURE) {
        r = image_feed(&upload->image, data, size);
        if (r == -EBADMSG) {
            add_fault(upload, "bad_image");
            upload->place = PLACE_NOWHERE;
            return 0;
        }
    }
    return r ? break_off(upload, r) : 0;
}

static int end_field(struct form_upload *upload)
{
    struct request *request = upload->request;
    const char *text = upload->value.size ? upload->value.data : "";

    if (upload->value.failed)
        return stop(upload, "unavailable", -ENOMEM);
    if (!text_is_utf8(text, upload->value.size))
        return stop(upload, "malformed_form", -EBADMSG);
    text = arena_strndup(request->arena, text, upload->value.size);
    if (!text ||
        form_put(request->arena, request->operation->body, request->json, upload->name, text, &request->faults))
        return stop(upload, "unavailable", -ENOMEM);
    return 0;
}

static int end_picture(struct form_upload *upload)
{
    struct picture *picture = upload->pictures[upload->n_pictures - 1];
    unsigned char patch[4];
    bool patched = false;
    int r = 0;

    if (image_end(&upload->image, &patched, patch)) {
        add_fault(upload, "bad_image");
        return 0;
    }
    if (patched)
        r = store_patch(&picture->file, IMAGE_PATCH_AT, patch, sizeof patch);
    picture->width = upload->image.width;
    picture->height = upload->image.height;
    return r ? break_off(upload, r) : 0;
}

static int end_part(void *context)
{
    struct form_upload *upload = context;

    if (upload->place == PLACE_FIELD)
        return end_field(upload);
    return upload->place == PLACE_PICTURE ? end_picture(upload) : 0;
}

static int take_chunk(struct request *request, const char *data, size_t size)
{
    struct form_upload *upload = request->state;
    int r = upload->code ? -ECANCELED : multipart_feed(&upload->multipart, data, size);

    if (r && !upload->code)
        upload->code = "malformed_form";
    return r;
}

static void release(struct request *request)
{
    struct form_upload *upload = request->state;

    for (size_t i = 0; i < upload->n_pictures; i++)
        store_end(&upload->pictures[i]->file);
    buffer_free(&upload->value);
    request->worker->form_uploads--;
}

void form_upload_open(struct request *request)
{
    static const struct part_sink sink = {.begin = begin_part, .data = take_data, .end = end_part};
    struct worker *worker = request->worker;
    struct form_upload *upload =
        worker->form_uploads < MAX_FORM_UPLOADS ? arena_alloc(request->arena, sizeof *upload) : NULL;

    request->json = upload ? json_object() : NULL;
    if (!request->json) {
        request->note = "no room for another form with pictures";
        request_refuse(request, "unavailable");
        return;
    }
    worker->form_uploads++;
    upload->request = request;
    request->state = upload;
    request->body_chunk = take_chunk;
    request->release = release;
    if (multipart_start(&upload->multipart, request->headers.values[HEADER_CONTENT_TYPE], &sink, upload))
        request_refuse(request, "malformed_form");
}

/* @body, and what stands for the body in the key's fingerprint. */
static char *text_of(const json_t *json)
{
    return json_dumps(json, JSON_COMPACT);
}

/* The row that a picture gets; its id is another each time it is sent, so a fingerprint goes without. */
static json_t *picture_json(const struct picture *picture, bool with_id)
{
    json_t *json = json_pack("{s:s, s:I, s:s, s:i, s:i}", "content_type", picture->content_type, "size",
                             (json_int_t)picture->file.size, "sha256", picture->file.sha256, "width",
                             (int)picture->width, "height", (int)picture->height);

    if (json && with_id)
        json_object_set_new(json, "id", json_string(picture->id));
    return json;
}

static char *text_with_pictures(const struct form_upload *upload, bool with_id)
{
    json_t *array = json_array();

    for (size_t i = 0; i < upload->n_pictures; i++)
        json_array_append_new(array, picture_json(upload->pictures[i], with_id));
    if (json_object_set_new(upload->request->json, upload->request->operation->pictures, array))
        return NULL;
    return text_of(upload->request->json);
}

static void remove_pictures(const struct form_upload *upload)
{
    for (size_t i = 0; i < upload->n_pictures; i++)
        if (!upload->pictures[i]->file.incoming)
            store_remove(&upload->pictures[i]->file);
}

/* As with single pictures: a refusal and a replay leave none; where nobody knows whether the rows were written the
 * files stay, for a row without a file would be worse. */
static void stored(struct db_call *call)
{
    struct request *request = call->context;
    bool nobodys =
        call->outcome != DB_OK || answer_refuses(request, call->result) || answer_replays(request, call->result);

    if (nobodys && !call->uncertain)
        remove_pictures(request->state);
    perform_done(call);
}

static int keep(struct filing *filing)
{
    struct form_upload *upload = (struct form_upload *)filing;
    int r = 0;

    for (size_t i = 0; i < upload->n_pictures && !r; i++)
        r = store_keep(&upload->pictures[i]->file);
    return r;
}

/* The files are safe; now their rows. */
static void kept(struct filing *filing)
{
    struct form_upload *upload = (struct form_upload *)filing;
    struct request *request = upload->request;
    char *text = NULL;
    int r = filing->result;

    if (!r) {
        free(request->body);
        request->body = text_with_pictures(upload, /* with_id= */ false);
        request->body_size = request->body ? strlen(request->body) : 0;
        text = text_with_pictures(upload, /* with_id= */ true);
        request->json_text = text ? arena_strdup(request->arena, text) : NULL;
        free(text);
        r = request->body && request->json_text ? 0 : -ENOMEM;
    }
    /* Only now does the database's time begin: a slow line has used up the one that began with the request. */
    request->deadline_ms = request->worker->now_ms + request->worker->service->config->request_timeout_ms;
    if (!r)
        r = request_submit(request, request->operation->statement, stored);
    if (r) {
        remove_pictures(upload);
        (void)break_off(upload, r);
        request_refuse(request, upload->code);
    }
}

/* Let in: whose street it is, is known only now. */
static void take_end(struct request *request)
{
    struct form_upload *upload = request->state;
    const char *folder = request->worker->service->config->attachments_dir;
    int r = 0;

    for (size_t i = 0; i < upload->n_pictures && !r; i++)
        r = store_place(&upload->pictures[i]->file, folder, request->actor->tenant, upload->pictures[i]->id);
    if (r) {
        (void)break_off(upload, r);
        request_refuse(request, upload->code);
        return;
    }
    upload->filing = (struct filing){.work = keep, .done = kept};
    filer_submit(request->worker->filer, &upload->filing);
}

const char *form_upload_close(struct request *request)
{
    struct form_upload *upload = request->state;

    if (!upload->code && !multipart_is_whole(&upload->multipart))
        upload->code = "malformed_form";
    if (upload->code) {
        request->faults.n = 0;
        json_decref(request->json);
        request->json = NULL;
        return upload->code;
    }
    request->body = text_of(request->json);
    request->body_size = request->body ? strlen(request->body) : 0;
    if (upload->n_pictures)
        request->body_end = take_end;
    return request->body ? NULL : "unavailable";
}
