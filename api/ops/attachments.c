/* attachments.c — pictures in and out: streamed through image.h into the store, then a row; a row, then the file. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../answer.h"
#include "../filer.h"
#include "../image.h"
#include "../store.h"
#include "../uuid.h"
#include "../worker.h"
#include "ops.h"

enum { MAX_UPLOADS = 256 }; /* at the same time in one worker: each has 100 KB of memory and a descriptor */

/* One picture on its way in, from its headers to the end of its request. */
struct upload {
    struct filing filing; /* must come first: the filer hands it back */
    struct request *request;
    struct store_file file;
    struct image image;
};

/* Our fault, or the disk's: the log says which. */
static void refuse_broken(struct request *request, const char *what, int r)
{
    request->note = arena_printf(request->arena, "%s: %s", what, strerror(-r));
    request_refuse(request, "unavailable");
}

static int write_file(void *context, const void *data, size_t size)
{
    struct upload *upload = context;

    return store_write(&upload->file, data, size);
}

/* A piece is at most what libmicrohttpd holds of a connection, 16 KB, and goes to the page cache: that is short enough
 * for the loop. What has to wait for the disk itself is the filer's. */
static int take_chunk(struct request *request, const char *data, size_t size)
{
    struct upload *upload = request->state;
    int r = image_feed(&upload->image, data, size);

    if (r == -EBADMSG)
        request_refuse(request, "bad_image");
    else if (r)
        refuse_broken(request, "attachment not written", r);
    return r;
}

/* The row: what the statement reads as @body. It stands for the body in the key's fingerprint too. */
static int describe(struct upload *upload)
{
    struct request *request = upload->request;
    int size =
        asprintf(&request->body, "{\"content_type\":\"%s\",\"size\":%llu,\"sha256\":\"%s\",\"width\":%u,\"height\":%u}",
                 upload->image.content_type, (unsigned long long)upload->file.size, upload->file.sha256,
                 upload->image.width, upload->image.height);

    if (size < 0) {
        request->body = NULL;
        return -ENOMEM;
    }
    request->body_size = (size_t)size;
    request->json_text = request->body;
    return 0;
}

/* A replay answers the first upload's row, and a refusal none: this file is nobody's then. Where nobody knows whether
 * the row was written, or whose replay it is, the file stays, for a row without a file would be worse. */
static void stored(struct db_call *call)
{
    struct request *request = call->context;
    struct upload *upload = request->state;

    if (call->outcome != DB_OK) {
        if (!call->uncertain)
            store_remove(&upload->file);
        request_refuse_outcome(request, call);
        return;
    }
    answer_fill(request, call->result);
    if (!call->uncertain && (request->reply.status != request->operation->status || request->reply.replayed))
        store_remove(&upload->file);
    if (request->reply.status == request->operation->status)
        request->reply.etag = arena_printf(request->arena, "\"%s\"", upload->file.sha256);
    request_finish(request);
}

static int keep(struct filing *filing)
{
    struct upload *upload = (struct upload *)filing;

    return store_keep(&upload->file);
}

/* The file is safe; now its row. In the other order a crash in between would leave a row whose picture is gone. */
static void kept(struct filing *filing)
{
    struct upload *upload = (struct upload *)filing;
    struct request *request = upload->request;
    int r = filing->result;

    if (r) {
        refuse_broken(request, "attachment not kept", r);
        return;
    }
    r = describe(upload);
    /* Only now does the database's time begin: a slow line has used up the one that began with the request. */
    request->deadline_ms = request->worker->now_ms + request->worker->service->config->request_timeout_ms;
    if (!r)
        r = request_submit(request, request->operation->statement, stored);
    if (r) {
        store_remove(&upload->file);
        refuse_broken(request, "attachment not stored", r);
    }
}

static void take_end(struct request *request)
{
    struct upload *upload = request->state;
    unsigned char patch[4];
    bool patched = false;
    int r = image_end(&upload->image, &patched, patch);

    if (r) {
        request_refuse(request, "bad_image");
        return;
    }
    if (patched)
        r = store_patch(&upload->file, IMAGE_PATCH_AT, patch, sizeof patch);
    if (r) {
        refuse_broken(request, "attachment not written", r);
        return;
    }
    filer_submit(request->worker->filer, &upload->filing);
}

static void release(struct request *request)
{
    struct upload *upload = request->state;

    store_end(&upload->file);
    request->worker->uploads--;
}

static struct upload *new_upload(struct request *request)
{
    struct upload *upload = arena_alloc(request->arena, sizeof *upload);
    char id[UUID_SIZE];

    if (!upload || uuid_new(id))
        return NULL;
    request->new_id = arena_strdup(request->arena, id); /* @id of the row: the file has its name */
    upload->filing = (struct filing){.work = keep, .done = kept};
    upload->request = request;
    upload->file.fd = -1;
    return request->new_id ? upload : NULL;
}

/* Called when the headers are there and before the body comes. */
void attachments_create(struct request *request)
{
    struct worker *worker = request->worker;
    const char *folder = worker->service->config->attachments_dir;
    struct upload *upload = folder[0] && worker->uploads < MAX_UPLOADS ? new_upload(request) : NULL;
    int r;

    if (!upload) {
        request->note = folder[0] ? "no room for another upload" : "attachments_dir is not set";
        request_refuse(request, "unavailable");
        return;
    }
    worker->uploads++;
    request->state = upload;
    request->body_chunk = take_chunk;
    request->body_end = take_end;
    request->release = release;
    if (image_start(&upload->image, request->headers.values[HEADER_CONTENT_TYPE], write_file, upload)) {
        request_refuse(request, "unsupported_media_type");
        return;
    }
    r = store_begin(&upload->file, folder, request->new_id);
    if (!r)
        r = store_place(&upload->file, folder, request->actor->tenant, request->new_id);
    if (r)
        refuse_broken(request, "attachment not begun", r);
}

/* The row's own values, binary. */
struct found {
    char id[UUID_SIZE];
    const char *content_type, *sha256;
    uint64_t size;
};

static int read_row(const PGresult *result, struct found *ret_found)
{
    int id = PQfnumber(result, "id"), size = PQfnumber(result, "size");
    int type = PQfnumber(result, "content_type"), sha256 = PQfnumber(result, "sha256");

    if (id < 0 || size < 0 || type < 0 || sha256 < 0 || PQgetlength(result, 0, id) != 16 ||
        PQgetlength(result, 0, size) != 8)
        return -EINVAL;
    uuid_text((const unsigned char *)PQgetvalue(result, 0, id), ret_found->id);
    memcpy(&ret_found->size, PQgetvalue(result, 0, size), sizeof ret_found->size);
    ret_found->size = be64toh(ret_found->size);
    ret_found->content_type = PQgetvalue(result, 0, type);
    ret_found->sha256 = PQgetvalue(result, 0, sha256);
    return 0;
}

/* A file without all of its bytes is no picture any more: better none, and a line in the log. */
static int open_file(struct request *request, const struct found *found, int *ret_fd)
{
    const char *folder = request->worker->service->config->attachments_dir;
    char path[STORE_PATH];
    struct stat status;
    int r = folder[0] ? store_path(folder, request->actor->tenant, found->id, path) : -ENOENT;
    int fd = r ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (r || fd < 0)
        return r ? r : -errno;
    if (fstat(fd, &status) || !S_ISREG(status.st_mode) || (uint64_t)status.st_size != found->size) {
        close(fd);
        return -EIO;
    }
    *ret_fd = fd;
    return 0;
}

/* libmicrohttpd sends the file by sendfile, as the client takes it. */
static int fill_file(struct request *request, const struct found *found)
{
    struct reply *reply = &request->reply;
    int fd = -1;
    int r = open_file(request, found, &fd);

    if (r)
        return r;
    reply->response = MHD_create_response_from_fd64(found->size, fd);
    if (!reply->response) {
        close(fd);
        return -ENOMEM;
    }
    reply->status = request->operation->status;
    reply->content_type = arena_strdup(request->arena, found->content_type);
    reply->etag = arena_printf(request->arena, "\"%s\"", found->sha256);
    /* A stranger's bytes under our address: shown as the picture that they are, and as nothing else. */
    MHD_add_response_header(reply->response, "Content-Disposition", "inline");
    MHD_add_response_header(reply->response, "Content-Security-Policy", "default-src 'none'; sandbox");
    return 0;
}

static void got(struct db_call *call)
{
    struct request *request = call->context;
    struct found found;
    int r;

    if (call->outcome != DB_OK) {
        request_refuse_outcome(request, call);
        return;
    }
    if (!PQntuples(call->result) || answer_code(call->result)) {
        answer_fill(request, call->result);
        request_finish(request);
        return;
    }
    r = read_row(call->result, &found);
    if (!r)
        r = fill_file(request, &found);
    if (r)
        refuse_broken(request, "attachment not readable", r);
    else
        request_finish(request);
}

void attachments_get(struct request *request)
{
    if (request_submit(request, request->operation->statement, got))
        request_refuse(request, "unavailable");
}
