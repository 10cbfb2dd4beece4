/* sender.c — libcurl's multi interface with an epoll of its own. What a URL's name resolved to is judged where it
 * counts: when the socket for that very address is made. */
#include "sender.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "webhook_signature.h"

enum {
    CONNECT_MS = 10000,
    MAX_ANSWER = 64 * 1024, /* bytes of header and body that are read and thrown away */
    MAX_IDLE = 64,          /* connections kept open */
    TURN_EVENTS = 64,
};

struct sender {
    struct sender_settings settings;
    CURLM *multi;
    int epoll_fd, timer_fd;
    struct sending *first;
    unsigned n;
};

const char *send_error_name(enum send_error error)
{
    static const char *const names[N_SEND_ERRORS] = {
        [SEND_OK] = "delivered",      [SEND_STATUS] = "status", [SEND_REDIRECT] = "redirect",
        [SEND_TIMEOUT] = "timeout",   [SEND_DNS] = "dns",       [SEND_REFUSED_ADDRESS] = "refused_address",
        [SEND_CONNECT] = "connect",   [SEND_TLS] = "tls",       [SEND_PROTOCOL] = "protocol",
        [SEND_INTERNAL] = "internal",
    };

    return names[error];
}

static int64_t wall_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static uint64_t monotonic_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* libcurl's sockets and timer, in our epoll */

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *known)
{
    struct sender *sender = context;
    struct epoll_event event = {.data.fd = fd};

    (void)easy;
    (void)known;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(sender->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
        event.events |= EPOLLIN;
    if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
        event.events |= EPOLLOUT;
    if (epoll_ctl(sender->epoll_fd, EPOLL_CTL_MOD, fd, &event) < 0 &&
        epoll_ctl(sender->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        return -1;
    return 0;
}

static int set_timer(CURLM *multi, long timeout_ms, void *context)
{
    struct sender *sender = context;
    struct itimerspec timer = {.it_value = {.tv_sec = 0}};

    (void)multi;
    if (timeout_ms == 0)
        timer.it_value.tv_nsec = 1; /* zero would disarm it */
    else if (timeout_ms > 0)
        timer.it_value = (struct timespec){.tv_sec = timeout_ms / 1000, .tv_nsec = timeout_ms % 1000 * 1000000L};
    return timerfd_settime(sender->timer_fd, 0, &timer, NULL);
}

/* One request */

/* The only door out: whatever the name, the redirect or the cleverness, here stands the address that will be called. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct sending *sending = context;
    enum address_kind kind = address_kind_of(sending->sender->settings.rules, &address->addr);

    if (purpose != CURLSOCKTYPE_IPCXN || kind == ADDRESS_FORBIDDEN || (kind == ADDRESS_PUBLIC && !sending->https)) {
        sending->refused = true;
        return CURL_SOCKET_BAD;
    }
    sending->called = true;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t take_body(char *data, size_t size, size_t n, void *context)
{
    struct sending *sending = context;

    (void)data;
    sending->received += size * n;
    return sending->received > MAX_ANSWER ? 0 : size * n;
}

/* The blank line behind the header of a final answer decides; what follows is only read away. */
static size_t take_header(char *data, size_t size, size_t n, void *context)
{
    struct sending *sending = context;
    long status = 0;

    size *= n;
    sending->received += size;
    if (size <= 2 && (data[0] == '\r' || data[0] == '\n')) {
        curl_easy_getinfo(sending->easy, CURLINFO_RESPONSE_CODE, &status);
        sending->answered = status >= 200;
    }
    return sending->received > MAX_ANSWER ? 0 : size;
}

static bool add_header(struct sending *sending, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool add_header(struct sending *sending, const char *format, ...)
{
    char line[WEBHOOK_SIGNATURE_SIZE + 64];
    struct curl_slist *longer;
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    longer = curl_slist_append(sending->headers, line);
    if (longer)
        sending->headers = longer;
    return longer;
}

static int make_headers(struct sending *sending)
{
    long long seconds = sending->begun_ms / 1000;
    char signature[WEBHOOK_SIGNATURE_SIZE];
    int r = webhook_sign(sending->secrets, sending->id, seconds, sending->body, strlen(sending->body), signature);

    if (r)
        return r;
    /* "Expect:" and "Accept:" take away what libcurl would add. */
    if (!add_header(sending, "Content-Type: application/json") || !add_header(sending, "webhook-id: %s", sending->id) ||
        !add_header(sending, "webhook-timestamp: %lld", seconds) ||
        !add_header(sending, "webhook-signature: %s", signature) || !add_header(sending, "Expect:") ||
        !add_header(sending, "Accept:"))
        return -ENOMEM;
    return 0;
}

/* Nothing of the environment, of other protocols, of other hosts: this URL, these bytes. */
static bool set_limits(CURL *easy, const struct sender_settings *settings)
{
    long connect_ms = settings->timeout_ms < CONNECT_MS ? settings->timeout_ms : CONNECT_MS;

    return !curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") &&
           !curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) && !curl_easy_setopt(easy, CURLOPT_PROXY, "") &&
           !curl_easy_setopt(easy, CURLOPT_NOPROXY, "*") &&
           !curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L) &&
           !curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) &&
           !curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
           !curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L) && !curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) &&
           /* A name server that hangs must not hold the others up when its request times out. */
           !curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) &&
           !curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms) &&
           !curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)settings->timeout_ms) &&
           !curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) && !curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) &&
           !curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
           (!settings->ca_file[0] || !curl_easy_setopt(easy, CURLOPT_CAINFO, settings->ca_file));
}

static bool set_request(CURL *easy, struct sending *sending)
{
    return !curl_easy_setopt(easy, CURLOPT_URL, sending->url) && !curl_easy_setopt(easy, CURLOPT_POST, 1L) &&
           !curl_easy_setopt(easy, CURLOPT_POSTFIELDS, sending->body) &&
           !curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)strlen(sending->body)) &&
           !curl_easy_setopt(easy, CURLOPT_HTTPHEADER, sending->headers) &&
           !curl_easy_setopt(easy, CURLOPT_USERAGENT, sending->sender->settings.user_agent) &&
           !curl_easy_setopt(easy, CURLOPT_PRIVATE, sending) &&
           !curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) &&
           !curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, sending) &&
           !curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body) &&
           !curl_easy_setopt(easy, CURLOPT_WRITEDATA, sending) &&
           !curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header) &&
           !curl_easy_setopt(easy, CURLOPT_HEADERDATA, sending);
}

static void release(struct sending *sending)
{
    if (sending->easy)
        curl_easy_cleanup(sending->easy);
    curl_slist_free_all(sending->headers);
    sending->easy = sending->headers = NULL;
}

static void take_out(struct sender *sender, struct sending *sending)
{
    *(sending->previous ? &sending->previous->next : &sender->first) = sending->next;
    if (sending->next)
        sending->next->previous = sending->previous;
    sending->previous = sending->next = NULL;
    sender->n--;
    curl_multi_remove_handle(sender->multi, sending->easy);
    release(sending);
}

static void put_in(struct sender *sender, struct sending *sending)
{
    sending->previous = NULL;
    sending->next = sender->first;
    if (sender->first)
        sender->first->previous = sending;
    sender->first = sending;
    sender->n++;
}

int sender_begin(struct sender *sender, struct sending *sending)
{
    int r;

    sending->sender = sender;
    sending->begun_ms = wall_ms();
    sending->begun_us = monotonic_us();
    sending->https = !strncasecmp(sending->url, "https:", 6);
    sending->refused = sending->called = sending->answered = false;
    sending->received = 0;
    sending->headers = NULL;
    sending->easy = curl_easy_init();
    r = sending->easy ? make_headers(sending) : -ENOMEM;
    if (!r && (!set_limits(sending->easy, &sender->settings) || !set_request(sending->easy, sending)))
        r = -EINVAL;
    if (!r && curl_multi_add_handle(sender->multi, sending->easy) != CURLM_OK)
        r = -ENOMEM;
    if (r)
        release(sending);
    else
        put_in(sender, sending);
    return r;
}

static enum send_error error_of(CURLcode code)
{
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
        return SEND_TIMEOUT;
    case CURLE_COULDNT_RESOLVE_HOST:
        return SEND_DNS;
    case CURLE_COULDNT_CONNECT:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
        return SEND_CONNECT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
        return SEND_TLS;
    case CURLE_FAILED_INIT:
    case CURLE_OUT_OF_MEMORY:
    case CURLE_ABORTED_BY_CALLBACK:
        return SEND_INTERNAL;
    default:
        return SEND_PROTOCOL;
    }
}

/* No socket was made: the address was refused, or the URL before it; else there was none to make. */
static enum send_error error_uncalled(const struct sending *sending, CURLcode code)
{
    bool refused = sending->refused || code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL ||
                   code == CURLE_LOGIN_DENIED;

    return refused ? SEND_REFUSED_ADDRESS : error_of(code);
}

static enum send_error error_of_status(int status)
{
    if (status >= 200 && status < 300)
        return SEND_OK;
    return status >= 300 && status < 400 ? SEND_REDIRECT : SEND_STATUS;
}

/* An answer is an answer, whatever becomes of its body. */
static void judge(struct sending *sending, CURLcode code)
{
    long status = 0;
    curl_off_t retry_after = 0;

    sending->duration_ms = (unsigned)((monotonic_us() - sending->begun_us) / 1000);
    if (sending->answered) {
        curl_easy_getinfo(sending->easy, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(sending->easy, CURLINFO_RETRY_AFTER, &retry_after);
    }
    sending->status = (int)status;
    sending->retry_after = (long long)retry_after;
    if (sending->answered)
        sending->error = error_of_status(sending->status);
    else
        sending->error = sending->called ? error_of(code) : error_uncalled(sending, code);
}

static void finish(struct sender *sender, CURL *easy, CURLcode code)
{
    struct sending *sending = NULL;

    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &sending);
    judge(sending, code);
    take_out(sender, sending);
    sender->settings.done(sender->settings.context, sending);
}

static void collect(struct sender *sender)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(sender->multi, &left)))
        if (message->msg == CURLMSG_DONE)
            /* The message goes with its handle. */
            finish(sender, message->easy_handle, message->data.result);
}

void sender_turn(struct sender *sender)
{
    struct epoll_event events[TURN_EVENTS];
    int n = epoll_wait(sender->epoll_fd, events, TURN_EVENTS, 0), running;

    for (int i = 0; i < n; i++) {
        uint64_t rings;
        int mask = 0;

        if (events[i].data.fd == sender->timer_fd) {
            if (read(sender->timer_fd, &rings, sizeof rings) == (ssize_t)sizeof rings)
                curl_multi_socket_action(sender->multi, CURL_SOCKET_TIMEOUT, 0, &running);
            continue;
        }
        if (events[i].events & (EPOLLIN | EPOLLHUP))
            mask |= CURL_CSELECT_IN;
        if (events[i].events & EPOLLOUT)
            mask |= CURL_CSELECT_OUT;
        if (events[i].events & EPOLLERR)
            mask |= CURL_CSELECT_ERR;
        curl_multi_socket_action(sender->multi, events[i].data.fd, mask, &running);
    }
    collect(sender);
}

void sender_cancel_all(struct sender *sender)
{
    while (sender->first)
        take_out(sender, sender->first);
}

unsigned sender_under_way(const struct sender *sender)
{
    return sender->n;
}

int sender_fd(const struct sender *sender)
{
    return sender->epoll_fd;
}

static int set_up(struct sender *sender)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = sender->timer_fd};

    if (sender->epoll_fd < 0 || sender->timer_fd < 0 ||
        epoll_ctl(sender->epoll_fd, EPOLL_CTL_ADD, sender->timer_fd, &event) < 0)
        return -errno;
    if (!sender->multi || curl_multi_setopt(sender->multi, CURLMOPT_SOCKETFUNCTION, watch_socket) ||
        curl_multi_setopt(sender->multi, CURLMOPT_SOCKETDATA, sender) ||
        curl_multi_setopt(sender->multi, CURLMOPT_TIMERFUNCTION, set_timer) ||
        curl_multi_setopt(sender->multi, CURLMOPT_TIMERDATA, sender) ||
        curl_multi_setopt(sender->multi, CURLMOPT_MAXCONNECTS, (long)MAX_IDLE))
        return -ENOMEM;
    return 0;
}

int sender_new(const struct sender_settings *settings, struct sender **ret_sender)
{
    struct sender *sender = calloc(1, sizeof *sender);
    int r;

    if (!sender)
        return -ENOMEM;
    sender->settings = *settings;
    sender->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    sender->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    sender->multi = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? curl_multi_init() : NULL;
    r = set_up(sender);
    if (r) {
        sender_free(sender);
        return r;
    }
    *ret_sender = sender;
    return 0;
}

struct sender *sender_free(struct sender *sender)
{
    if (!sender)
        return NULL;
    sender_cancel_all(sender);
    if (sender->multi)
        curl_multi_cleanup(sender->multi);
    if (sender->timer_fd >= 0)
        close(sender->timer_fd);
    if (sender->epoll_fd >= 0)
        close(sender->epoll_fd);
    free(sender);
    return NULL;
}
