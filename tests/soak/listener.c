/* listener.c — hundreds who listen, for next to nothing: one thread, one epoll, and of what comes only the lines are
 * counted.
 *
 *     listener PORT < PLAN
 *
 * Each line of the plan is one of them: `stream TOKEN`, or `wait PATH FIRST TOKEN`, which asks with the query FIRST,
 * and then again and again with Prefer: wait=25 from where the last page ended. An empty line begins; each line after
 * it is answered with one JSON object about what was heard by now, and the end of the input ends.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "reply.h"

enum { MAX_EVENTS = 256, IN_STEP = 16 * 1024, REQUEST_SIZE = 4096, CURSOR_SIZE = 512, TAIL = 1024, PARTS = 4 };

struct listener {
    int fd;
    char *path, *token;       /* path NULL: a stream */
    char where[CURSOR_SIZE];  /* the query of its next request */
    bool waits;               /* has seen all there was */
    bool headers, line_start; /* of a stream: they are over; the next byte begins a line */
    char *in;
    size_t size, capacity;
};

static struct {
    unsigned long long events, pages, empty, bytes;
} heard;

static in_port_t port;

static void *must(void *memory)
{
    if (!memory)
        errx(1, "out of memory");
    return memory;
}

static void ask(struct listener *one)
{
    char request[REQUEST_SIZE];
    int size;

    if (one->path)
        size = snprintf(request, sizeof request,
                        "GET %s?limit=200&%s HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\n%s\r\n", one->path,
                        one->where, one->token, one->waits ? "Prefer: wait=25\r\n" : "");
    else
        size = snprintf(
            request, sizeof request,
            "GET /v1/events HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\nAccept: text/event-stream\r\n\r\n",
            one->token);
    if (size >= REQUEST_SIZE || send(one->fd, request, (size_t)size, MSG_NOSIGNAL) != size)
        err(1, "send");
}

static void open_one(struct listener *one, int epoll)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = one};

    one->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (one->fd < 0 || connect(one->fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, one->fd, &event) < 0)
        err(1, "connect");
    ask(one);
}

/* The lines `data: …` are the events. */
static void count_events(struct listener *one, const char *text, size_t size)
{
    const char *end = text + size;

    while (text < end) {
        const char *line_end = memchr(text, '\n', (size_t)(end - text));

        heard.events += one->line_start && *text == 'd';
        one->line_start = line_end;
        text = line_end ? line_end + 1 : end;
    }
}

static void read_stream(struct listener *one)
{
    static char in[1 << 16];
    ssize_t size = recv(one->fd, in, sizeof in, MSG_DONTWAIT);

    if (size < 0 && errno == EAGAIN)
        return;
    if (size <= 0)
        errx(1, "a stream ended");
    if (!one->headers && strncmp(in, "HTTP/1.1 200", 12) != 0)
        errx(1, "a stream was refused: %.*s", (int)size, in);
    one->headers = true;
    heard.bytes += (size_t)size;
    count_events(one, in, (size_t)size);
}

/* The cursor is the last that a page says. */
static void take_page(struct listener *one, const struct http_reply *reply)
{
    static const char name[] = "\"next_cursor\":\"", nothing[] = "{\"items\":[]";
    size_t tail = reply->body_size < TAIL ? reply->body_size : TAIL;
    const char *from = reply->body + reply->body_size - tail, *cursor, *end;
    bool empty = reply->body_size > sizeof nothing && !memcmp(reply->body, nothing, sizeof nothing - 1);

    cursor = reply->status == 200 ? memmem(from, tail, name, sizeof name - 1) : NULL;
    end = cursor ? memchr(cursor + sizeof name - 1, '"', (size_t)(from + tail - cursor) - sizeof name + 1) : NULL;
    if (!end)
        errx(1, "that is no page: %d %.*s", reply->status, (int)tail, from);
    cursor += sizeof name - 1;
    if (snprintf(one->where, sizeof one->where, "cursor=%.*s", (int)(end - cursor), cursor) >= CURSOR_SIZE)
        errx(1, "a long cursor");
    heard.pages += one->waits && !empty;
    heard.empty += one->waits && empty;
    heard.bytes += reply->size;
    one->waits = one->waits || empty;
    one->size = 0;
    ask(one);
}

static void read_page(struct listener *one)
{
    struct http_reply reply;
    ssize_t size;

    if (one->capacity - one->size < IN_STEP) {
        one->capacity += one->capacity + IN_STEP;
        one->in = must(realloc(one->in, one->capacity));
    }
    size = recv(one->fd, one->in + one->size, one->capacity - one->size, MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN)
        return;
    if (size <= 0)
        errx(1, "a wait was cut off");
    one->size += (size_t)size;
    size = reply_parse(one->in, one->size, &reply);
    if (size < 0)
        errx(1, "that is no HTTP");
    if (size > 0)
        take_page(one, &reply);
}

static struct listener *listener_of(char *line)
{
    struct listener *one = must(calloc(1, sizeof *one));
    char *parts[PARTS] = {strtok(line, " "), strtok(NULL, " "), strtok(NULL, " "), strtok(NULL, " ")};
    bool waits = parts[0] && !strcmp(parts[0], "wait");

    if (!parts[1] || (waits ? !parts[3] : strcmp(parts[0], "stream") != 0))
        errx(1, "a plan has no such line: %s", line);
    *one = (struct listener){.fd = -1, .path = waits ? must(strdup(parts[1])) : NULL, .line_start = true};
    one->token = must(strdup(parts[waits ? 3 : 1]));
    if (waits && snprintf(one->where, sizeof one->where, "%s", parts[2]) >= CURSOR_SIZE)
        errx(1, "a long query");
    return one;
}

static void read_plan(int epoll)
{
    char *line = NULL;
    size_t capacity = 0;

    while (getline(&line, &capacity, stdin) > 1) {
        line[strcspn(line, "\n")] = '\0';
        open_one(listener_of(line), epoll);
    }
    free(line);
}

static void print_heard(void)
{
    printf("{\"events\":%llu,\"pages\":%llu,\"empty\":%llu,\"bytes\":%llu}\n", heard.events, heard.pages, heard.empty,
           heard.bytes);
    fflush(stdout);
}

/* False at the end of the input. */
static bool answer_question(void)
{
    char line[TAIL];

    if (read(STDIN_FILENO, line, sizeof line) <= 0)
        return false;
    print_heard();
    return true;
}

static void listen_to_all(int epoll)
{
    struct epoll_event events[MAX_EVENTS], end = {.events = EPOLLIN, .data.ptr = NULL};

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &end) < 0)
        err(1, "epoll");
    for (;;) {
        int n = epoll_wait(epoll, events, MAX_EVENTS, -1);

        for (int i = 0; i < n; i++) {
            struct listener *one = events[i].data.ptr;

            if (one)
                one->path ? read_page(one) : read_stream(one);
            else if (!answer_question())
                return;
        }
    }
}

int main(int argc, char **argv)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    port = (in_port_t)(argc == 2 ? strtoul(argv[1], NULL, 10) : 0);
    if (!port || epoll < 0)
        errx(2, "usage: listener PORT < PLAN");
    setvbuf(stdin, NULL, _IONBF, 0);
    read_plan(epoll);
    listen_to_all(epoll);
    return 0;
}
