/* system.c — operations without a statement: is it alive, is it ready, its contract, its reference page. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../contract.h"
#include "../etag.h"
#include "../negotiate.h"
#include "../request.h"
#include "../worker.h"
#include "ops.h"

/* Operations with a reply schema are asked before; a function knows for itself what it answers. */
static void answer_json(struct request *request, const char *text, size_t size)
{
    if (negotiate_accepts(request->headers.values[HEADER_ACCEPT], "application", "json"))
        request_answer(request, 200, "application/json", text, size);
    else
        request_refuse(request, "not_acceptable");
}

static void answer_text(struct request *request, const char *text)
{
    answer_json(request, text, strlen(text));
}

void op_livez(struct request *request)
{
    answer_text(request, "{\"status\":\"ok\"}");
}

static void answer_ready(struct request *request, const char *database, const char *schema, bool draining)
{
    bool ready = !strcmp(database, "ok") && !strcmp(schema, "ok") && !draining;
    const char *text =
        arena_printf(request->arena, "{%s\"checks\":{\"database\":\"%s\",\"schema\":\"%s\",\"draining\":\"%s\"}}",
                     ready ? "\"status\":\"ready\"," : "", database, schema, draining ? "yes" : "ok");

    if (!text)
        request_refuse(request, "unavailable");
    else if (ready)
        answer_text(request, text);
    else
        request_refuse_with(request, "not_ready", text);
}

/* The statement runs in this build's schema only: that it answers says both. */
static void probed(struct db_call *call)
{
    struct request *request = call->context;
    bool fine = call->outcome == DB_OK;
    bool missing =
        !strcmp(call->sqlstate, "3F000") || !strcmp(call->sqlstate, "42883") || !strcmp(call->sqlstate, "42P01");

    request->note = fine ? NULL : arena_printf(request->arena, "%s %s", call->sqlstate, call->message);
    answer_ready(request, fine || missing ? "ok" : "unreachable", fine ? "ok" : missing ? "missing" : "unknown", false);
}

void op_readyz(struct request *request)
{
    if (atomic_load_explicit(&request->worker->service->draining, memory_order_relaxed))
        answer_ready(request, "ok", "ok", true);
    else if (!db_ready(request->worker->db))
        answer_ready(request, "unreachable", "unknown", false);
    else
        request_query(request, "system.ready", /* values= */ NULL, probed);
}

void op_openapi(struct request *request)
{
    request->reply.etag =
        etag_make(request->arena, /* version= */ -1, contract.openapi_json, contract.openapi_json_size);
    answer_json(request, (const char *)contract.openapi_json, contract.openapi_json_size);
}

struct file_type {
    const char *ending, *type, *main, *sub;
};

static const struct file_type *type_of(const char *name)
{
    static const struct file_type types[] = {
        {".html", "text/html; charset=utf-8", "text", "html"},
        {".js", "text/javascript; charset=utf-8", "text", "javascript"},
        {".css", "text/css; charset=utf-8", "text", "css"},
        {".svg", "image/svg+xml", "image", "svg+xml"},
        {".woff2", "font/woff2", "font", "woff2"},
    };
    const char *ending = strrchr(name, '.');

    for (size_t i = 0; ending && i < sizeof types / sizeof *types; i++)
        if (!strcmp(ending, types[i].ending))
            return &types[i];
    return NULL;
}

/* One plain file of the folder: no way up, no way aside, nothing hidden. */
static int open_file(const char *folder, const char *name, struct stat *ret_status)
{
    int folder_fd, fd;

    if (!folder[0] || name[0] == '.' || strchr(name, '/'))
        return -1;
    folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder_fd < 0)
        return -1;
    fd = openat(folder_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    close(folder_fd);
    if (fd >= 0 && (fstat(fd, ret_status) < 0 || !S_ISREG(ret_status->st_mode))) {
        close(fd);
        return -1;
    }
    return fd;
}

void op_docs(struct request *request)
{
    const char *name = request->path_values[0] ? request->path_values[0] : "index.html";
    const struct file_type *type = type_of(name);
    struct reply *reply = &request->reply;
    struct stat status;
    int fd = type ? open_file(request->worker->service->config->docs_dir, name, &status) : -1;

    if (fd < 0) {
        request_refuse(request, "not_found");
        return;
    }
    if (!negotiate_accepts(request->headers.values[HEADER_ACCEPT], type->main, type->sub)) {
        close(fd);
        request_refuse(request, "not_acceptable");
        return;
    }
    reply->response = MHD_create_response_from_fd64((uint64_t)status.st_size, fd);
    if (!reply->response) {
        close(fd);
        request_refuse(request, "unavailable");
        return;
    }
    reply->status = 200;
    reply->content_type = type->type;
    reply->etag = arena_printf(request->arena, "\"%llx-%llx\"", (unsigned long long)status.st_size,
                               (unsigned long long)status.st_mtim.tv_sec * 1000000000u +
                                   (unsigned long long)status.st_mtim.tv_nsec);
    request_finish(request);
}
