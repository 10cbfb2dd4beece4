/* test_sender.c — the door out: what a name resolves to is judged when it is called; a name server that hangs, a
 * receiver that is slow, a proxy of the environment are nobody else's trouble.
 *
 * This program's getaddrinfo stands in front of the C library's: names under .test resolve as the test wants. */
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "sender.h"

#define SECRET "whsec_AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="

enum { PATIENCE_MS = 20000 };

/* Names */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t released = PTHREAD_COND_INITIALIZER;
static bool release_hung;
static unsigned hung, asked_rebind;

/* One block each, as freeaddrinfo of the C library frees them. */
static struct addrinfo *found(const char *address, const char *service, struct addrinfo *next)
{
    struct {
        struct addrinfo info;
        struct sockaddr_storage name;
    } *block = calloc(1, sizeof *block);
    struct sockaddr_in6 *v6;
    struct sockaddr_in *v4;
    uint16_t number = service ? htons((uint16_t)strtoul(service, NULL, 10)) : 0;

    if (!block)
        return NULL;
    v4 = (struct sockaddr_in *)&block->name;
    v6 = (struct sockaddr_in6 *)&block->name;
    block->info = (struct addrinfo){.ai_socktype = SOCK_STREAM,
                                    .ai_protocol = IPPROTO_TCP,
                                    .ai_addr = (struct sockaddr *)&block->name,
                                    .ai_next = next};
    if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = number;
        block->info.ai_addrlen = sizeof *v4;
    } else {
        inet_pton(AF_INET6, address, &v6->sin6_addr);
        v6->sin6_family = AF_INET6;
        v6->sin6_port = number;
        block->info.ai_addrlen = sizeof *v6;
    }
    block->info.ai_family = block->name.ss_family;
    return &block->info;
}

static int answer(const char *first, const char *second, const char *service, struct addrinfo **ret_found)
{
    *ret_found = found(first, service, second ? found(second, service, NULL) : NULL);
    return *ret_found ? 0 : EAI_MEMORY;
}

static int hang(void)
{
    pthread_mutex_lock(&lock);
    hung++;
    while (!release_hung)
        pthread_cond_wait(&released, &lock);
    pthread_mutex_unlock(&lock);
    return EAI_FAIL;
}

static unsigned count_rebind(void)
{
    unsigned n;

    pthread_mutex_lock(&lock);
    n = asked_rebind++;
    pthread_mutex_unlock(&lock);
    return n;
}

int getaddrinfo(const char *restrict name, const char *restrict service, const struct addrinfo *restrict hints,
                struct addrinfo **restrict ret_found)
{
    (void)hints;
    if (!strcmp(name, "fine.test"))
        return answer("127.0.0.2", NULL, service, ret_found);
    if (!strcmp(name, "inside.test"))
        return answer("127.0.0.1", NULL, service, ret_found);
    if (!strcmp(name, "mapped.test"))
        return answer("::ffff:127.0.0.1", NULL, service, ret_found);
    if (!strcmp(name, "six.test"))
        return answer("::1", NULL, service, ret_found);
    if (!strcmp(name, "cloud.test"))
        return answer("169.254.169.254", NULL, service, ret_found);
    if (!strcmp(name, "both.test"))
        return answer("127.0.0.1", "127.0.0.2", service, ret_found);
    if (!strcmp(name, "rebind.test"))
        return answer(count_rebind() ? "127.0.0.1" : "127.0.0.2", NULL, service, ret_found);
    if (!strcmp(name, "hung.test"))
        return hang();
    return EAI_NONAME;
}

/* A receiver on 127.0.0.2, which the rules list, and a trap on 127.0.0.1, which they do not; on the same port. */

struct server {
    int fd;
    atomic_uint calls;
    const char *reply;
    pthread_t thread;
};

static struct server fine, trap;
static uint16_t port;

static void serve_one(struct server *server, int fd)
{
    char text[8192];
    ssize_t size = 0, more;

    /* The body is one byte long and comes with or after the header. */
    while (size < (ssize_t)sizeof text - 1 && (more = read(fd, text + size, sizeof text - 1 - (size_t)size)) > 0) {
        const char *end;

        size += more;
        text[size] = '\0';
        end = strstr(text, "\r\n\r\n");
        if (end && end[4])
            break;
    }
    atomic_fetch_add(&server->calls, 1);
    if (write(fd, server->reply, strlen(server->reply)) < 0)
        return;
}

static void *serve(void *context)
{
    struct server *server = context;
    int fd;

    while ((fd = accept(server->fd, NULL, NULL)) >= 0) {
        serve_one(server, fd);
        close(fd);
    }
    return NULL;
}

static int open_server(struct server *server, const char *address)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t size = sizeof name;

    inet_pton(AF_INET, address, &name.sin_addr);
    *server = (struct server){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
                              .reply = "HTTP/1.1 204 No Content\r\n\r\n"};
    if (server->fd < 0 || bind(server->fd, (struct sockaddr *)&name, sizeof name) || listen(server->fd, 16) ||
        getsockname(server->fd, (struct sockaddr *)&name, &size) ||
        pthread_create(&server->thread, NULL, serve, server))
        return -1;
    port = ntohs(name.sin_port);
    return 0;
}

static int open_servers(void **state)
{
    (void)state;
    return open_server(&fine, "127.0.0.2") || open_server(&trap, "127.0.0.1");
}

static int close_servers(void **state)
{
    (void)state;
    shutdown(fine.fd, SHUT_RDWR);
    shutdown(trap.fd, SHUT_RDWR);
    pthread_join(fine.thread, NULL);
    pthread_join(trap.thread, NULL);
    close(fine.fd);
    close(trap.fd);
    return 0;
}

/* Sending */

struct bench {
    struct address_rules rules;
    struct sender *sender;
    unsigned done;
};

static void count(void *context, struct sending *sending)
{
    struct bench *bench = context;

    (void)sending;
    bench->done++;
}

static void open_bench(struct bench *bench, unsigned timeout_ms)
{
    struct sender_settings settings = {.rules = &bench->rules,
                                       .ca_file = "",
                                       .timeout_ms = timeout_ms,
                                       .user_agent = "t",
                                       .done = count,
                                       .context = bench};

    *bench = (struct bench){.done = 0};
    assert_int_equal(address_parse_networks("127.0.0.2/32", &bench->rules), 0);
    assert_int_equal(address_parse_ports("1-65535", &bench->rules), 0);
    assert_int_equal(sender_new(&settings, &bench->sender), 0);
}

static void run_until(struct bench *bench, unsigned n)
{
    struct pollfd polled = {.fd = sender_fd(bench->sender), .events = POLLIN};

    while (bench->done < n) {
        if (poll(&polled, 1, PATIENCE_MS) <= 0)
            fail_msg("nothing happens: %u of %u are done", bench->done, n);
        sender_turn(bench->sender);
    }
}

static struct sending to(const char *url)
{
    return (struct sending){.url = url, .id = "0193471e-7abb-7686-91cc-43ee00a39ec9", .secrets = SECRET, .body = "x"};
}

/* Sends one by a sender of its own, so that nothing is remembered of a name. */
static struct sending send_one(const char *name)
{
    struct bench bench;
    struct sending sending;
    char url[128];

    snprintf(url, sizeof url, "http://%s:%u/", name, port);
    sending = to(url);
    open_bench(&bench, 5000);
    assert_int_equal(sender_begin(bench.sender, &sending), 0);
    run_until(&bench, 1);
    sender_free(bench.sender);
    sending.url = NULL;
    return sending;
}

static void test_names_that_lead_inside(void **state)
{
    static const char *const names[] = {"inside.test",        "mapped.test", "six.test",  "cloud.test",
                                        "127.0.0.1",          "2130706433",  "0x7f.1",    "0177.0.0.1",
                                        "[::ffff:127.0.0.1]", "[::1]",       "localhost", "127.1"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct sending sent = send_one(names[i]);

        if (sent.error != SEND_REFUSED_ADDRESS)
            fail_msg("%s: %s", names[i], send_error_name(sent.error));
        assert_int_equal(sent.status, 0);
    }
    assert_int_equal(atomic_load(&trap.calls), 0);
}

/* One of two addresses is forbidden: the other one is called. */
static void test_the_better_of_two(void **state)
{
    unsigned before = atomic_load(&fine.calls);
    struct sending sent = send_one("both.test");

    (void)state;
    assert_int_equal(sent.error, SEND_OK);
    assert_int_equal(sent.status, 204);
    assert_int_equal(atomic_load(&fine.calls), before + 1);
    assert_int_equal(atomic_load(&trap.calls), 0);
}

/* The first answer of the name server may be called, the second may not: DNS rebinding. */
static void test_a_name_that_changes(void **state)
{
    (void)state;
    assert_int_equal(send_one("rebind.test").error, SEND_OK);
    assert_int_equal(send_one("rebind.test").error, SEND_REFUSED_ADDRESS);
    assert_int_equal(asked_rebind, 2);
    assert_int_equal(atomic_load(&trap.calls), 0);
}

static void test_redirects(void **state)
{
    char reply[256];
    struct sending sent;

    (void)state;
    snprintf(reply, sizeof reply,
             "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:%u/\r\nContent-Length: 0\r\n\r\n", port);
    fine.reply = reply;
    sent = send_one("fine.test");
    fine.reply = "HTTP/1.1 204 No Content\r\n\r\n";
    assert_int_equal(sent.error, SEND_REDIRECT);
    assert_int_equal(sent.status, 307);
    assert_int_equal(atomic_load(&trap.calls), 0);
}

/* The operator's proxy for other things is none for this. */
static void test_no_proxy_of_the_environment(void **state)
{
    static const char *const names[] = {"http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY", "ALL_PROXY"};
    char url[64];

    (void)state;
    snprintf(url, sizeof url, "http://127.0.0.1:%u", port);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        setenv(names[i], url, 1);
    assert_int_equal(send_one("fine.test").error, SEND_OK);
    assert_int_equal(send_one("unknown.test").error, SEND_DNS);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
    assert_int_equal(atomic_load(&trap.calls), 0);
}

static void test_other_schemes_and_names_in_urls(void **state)
{
    static const char *const urls[] = {"file:///etc/passwd",
                                       "ftp://fine.test/",
                                       "gopher://fine.test:70/",
                                       "dict://fine.test:2628/",
                                       "http://user:word@fine.test/",
                                       "http://[/",
                                       "fine test"};
    struct bench bench;

    (void)state;
    open_bench(&bench, 5000);
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        struct sending sending = to(urls[i]);

        assert_int_equal(sender_begin(bench.sender, &sending), 0);
        run_until(&bench, (unsigned)i + 1);
        if (sending.error != SEND_REFUSED_ADDRESS)
            fail_msg("%s: %s", urls[i], send_error_name(sending.error));
    }
    sender_free(bench.sender);
}

/* Eight requests hang in the resolver and run out of time; others pass, and nothing waits for the resolver. */
static void test_a_name_server_that_hangs(void **state)
{
    struct bench bench;
    struct sending stuck[8], sending;
    struct timespec begun, now;
    char url[64];

    (void)state;
    snprintf(url, sizeof url, "http://fine.test:%u/", port);
    open_bench(&bench, 400);
    clock_gettime(CLOCK_MONOTONIC, &begun);
    for (size_t i = 0; i < 8; i++) {
        stuck[i] = to("http://hung.test:8080/");
        assert_int_equal(sender_begin(bench.sender, &stuck[i]), 0);
    }
    sending = to(url);
    assert_int_equal(sender_begin(bench.sender, &sending), 0);
    run_until(&bench, 1);
    assert_int_equal(sending.error, SEND_OK);
    run_until(&bench, 9);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(stuck[i].error, SEND_TIMEOUT);
    sending = to(url);
    assert_int_equal(sender_begin(bench.sender, &sending), 0);
    run_until(&bench, 10);
    assert_int_equal(sending.error, SEND_OK);
    stuck[0] = to("http://hung.test:8080/");
    assert_int_equal(sender_begin(bench.sender, &stuck[0]), 0);
    sender_free(bench.sender); /* breaks it off, without waiting */
    clock_gettime(CLOCK_MONOTONIC, &now);
    assert_true(now.tv_sec - begun.tv_sec < 10);

    pthread_mutex_lock(&lock);
    assert_true(hung >= 8);
    release_hung = true;
    pthread_cond_broadcast(&released);
    pthread_mutex_unlock(&lock);
}

static void test_broken_off(void **state)
{
    struct bench bench;
    struct sending sending[3];
    char url[64];

    (void)state;
    snprintf(url, sizeof url, "http://fine.test:%u/", port);
    open_bench(&bench, 5000);
    for (size_t i = 0; i < 3; i++) {
        sending[i] = to(url);
        assert_int_equal(sender_begin(bench.sender, &sending[i]), 0);
    }
    assert_int_equal(sender_under_way(bench.sender), 3);
    sender_cancel_all(bench.sender);
    assert_int_equal(sender_under_way(bench.sender), 0);
    assert_int_equal(bench.done, 0);
    sending[0] = to(url);
    assert_int_equal(sender_begin(bench.sender, &sending[0]), 0);
    run_until(&bench, 1);
    assert_int_equal(sending[0].error, SEND_OK);
    sending[0] = to(url);
    sending[0].secrets = "none";
    assert_true(sender_begin(bench.sender, &sending[0]) < 0);
    assert_int_equal(sender_under_way(bench.sender), 0);
    sender_free(bench.sender);
    assert_null(sender_free(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_that_lead_inside),      cmocka_unit_test(test_the_better_of_two),
        cmocka_unit_test(test_a_name_that_changes),         cmocka_unit_test(test_redirects),
        cmocka_unit_test(test_no_proxy_of_the_environment), cmocka_unit_test(test_other_schemes_and_names_in_urls),
        cmocka_unit_test(test_a_name_server_that_hangs),    cmocka_unit_test(test_broken_off),
    };

    return cmocka_run_group_tests(tests, open_servers, close_servers);
}
