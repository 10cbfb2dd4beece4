/* drip.c — a reply in parts: libmicrohttpd asks for the next piece, and the connection sleeps while there is none. */
#include "drip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "negotiate.h"
#include "worker.h"

enum { BLOCK = 16384, GZIP_WINDOW = 15 + 16, GZIP_MEMORY = 8, GZIP_ROOM = 32768 };

struct drip {
    drip_source source;
    uint64_t until_ms;
    struct buffer out; /* what goes to the client, from `taken` on */
    size_t taken;
    struct buffer plain; /* what is packed into it */
    z_stream gzip;
    bool packs, ended;
};

static int pack(struct drip *drip)
{
    int flush = drip->ended ? Z_FINISH : Z_NO_FLUSH;
    int r = Z_OK;

    drip->gzip.next_in = (unsigned char *)drip->plain.data;
    drip->gzip.avail_in = (unsigned)drip->plain.size;
    do {
        if (!buffer_reserve(&drip->out, GZIP_ROOM))
            return -ENOMEM;
        drip->gzip.next_out = (unsigned char *)drip->out.data + drip->out.size;
        drip->gzip.avail_out = GZIP_ROOM;
        r = deflate(&drip->gzip, flush);
        drip->out.size += GZIP_ROOM - drip->gzip.avail_out;
    } while (r == Z_OK && !drip->gzip.avail_out);
    drip->plain.size = 0;
    return r == Z_OK || r == Z_STREAM_END || r == Z_BUF_ERROR ? 0 : -EIO;
}

static bool is_over(struct request *request)
{
    bool over = request->worker->now_ms >= request->drip->until_ms;

    if (over)
        request->note = "its time is over";
    return over;
}

/* Until there is a byte to send, or a reason why not. */
static enum drip_verdict refill(struct request *request)
{
    struct drip *drip = request->drip;
    struct buffer *into = drip->packs ? &drip->plain : &drip->out;

    drip->out.size = drip->taken = 0;
    while (!drip->ended) {
        enum drip_verdict verdict = is_over(request) ? DRIP_CUT : drip->source(request, into);

        drip->ended = verdict == DRIP_END;
        if (verdict == DRIP_CUT || into->failed || (drip->packs && pack(drip)) || drip->out.failed)
            return DRIP_CUT;
        if (drip->out.size)
            return DRIP_MORE;
        if (verdict == DRIP_WAIT)
            return DRIP_WAIT;
    }
    return DRIP_END;
}

/* libmicrohttpd cuts a stream by closing the connection without the last chunk. */
static ssize_t give(void *cls, uint64_t position, char *to, size_t most)
{
    struct request *request = cls;
    struct drip *drip = request->drip;
    size_t size;

    (void)position;
    connection_enter(request->peer, CONNECTION_DRIPPING);
    if (drip->taken == drip->out.size)
        switch (refill(request)) {
        case DRIP_MORE:
            break;
        case DRIP_WAIT:
            request_suspend(request);
            return 0;
        case DRIP_END:
            return MHD_CONTENT_READER_END_OF_STREAM;
        case DRIP_CUT:
            request->reply.cut = true;
            return MHD_CONTENT_READER_END_WITH_ERROR;
        }
    size = drip->out.size - drip->taken;
    size = size < most ? size : most;
    memcpy(to, drip->out.data + drip->taken, size);
    drip->taken += size;
    return (ssize_t)size;
}

static struct drip *drip_new(const struct request *request, drip_source source, uint64_t until_ms)
{
    struct drip *drip = calloc(1, sizeof *drip);

    if (!drip)
        return NULL;
    drip->source = source;
    drip->until_ms = until_ms;
    /* Without room for it the client gets it as it is. */
    drip->packs = negotiate_gzip(request->headers.values[HEADER_ACCEPT_ENCODING]) &&
                  deflateInit2(&drip->gzip, 1, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY, Z_DEFAULT_STRATEGY) == Z_OK;
    return drip;
}

int drip_start(struct request *request, drip_source source, uint64_t until_ms)
{
    struct MHD_Response *response;

    request->drip = drip_new(request, source, until_ms);
    if (!request->drip)
        return -ENOMEM;
    response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, give, request, /* free= */ NULL);
    if (!response) {
        drip_free(request->drip);
        request->drip = NULL;
        return -ENOMEM;
    }
    if (request->drip->packs)
        MHD_add_response_header(response, "Content-Encoding", "gzip");
    request->reply.response = response;
    return 0;
}

void drip_wake(struct request *request)
{
    request_finish(request);
}

void drip_free(struct drip *drip)
{
    if (!drip)
        return;
    if (drip->packs)
        deflateEnd(&drip->gzip);
    buffer_free(&drip->out);
    buffer_free(&drip->plain);
    free(drip);
}
