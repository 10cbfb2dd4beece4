/* volley.c — drives a service through a scenario and says how fast it was.
 *
 *     volley run  [options] 127.0.0.1:PORT SCENARIO [ROWS]   prints one JSON object
 *     volley hold [options] 127.0.0.1:PORT SCENARIO          opens connections, sends one request on each, prints `held
 * N`, keeps them until its input ends, and prints how many still stand One thread: what it takes from the machine is
 * told with the rest. Addresses other than loopback are refused.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "user.h"

enum { MAX_EVENTS = 512, TICK_MS = 1, BATCH = 64, PATIENCE_S = 30, GENERATOR_NICE = -10 };

struct plan {
    size_t connections;
    double warm_s, run_s;
};

static void make_users(struct fleet *fleet, size_t n)
{
    struct rlimit limit = {.rlim_cur = n + 64, .rlim_max = n + 64};

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < n + 64) {
        limit.rlim_cur = n + 64;
        if (limit.rlim_max < limit.rlim_cur)
            limit.rlim_max = limit.rlim_cur;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
            err(1, "so many open files");
    }
    fleet->epoll = epoll_create1(EPOLL_CLOEXEC);
    fleet->users = calloc(n, sizeof *fleet->users);
    if (fleet->users == NULL)
        errx(1, "out of memory");
    fleet->n_users = n;
    for (size_t i = 0; i < n; i++) {
        fleet->users[i] = (struct user){.fleet = fleet, .fd = -1};
        fleet->users[i].out = malloc(REQUEST_SIZE);
        if (fleet->users[i].out == NULL)
            errx(1, "out of memory");
    }
}

static void turn(struct fleet *fleet, int timeout_ms)
{
    struct epoll_event events[MAX_EVENTS];
    int n = epoll_wait(fleet->epoll, events, MAX_EVENTS, timeout_ms);

    for (int i = 0; i < n; i++)
        user_event(events[i].data.ptr, events[i].events);
}

/* Open loop: what is due by now goes out on a free connection; what finds none is late, and its latency tells. */
static void send_due(struct fleet *fleet, uint64_t *sent)
{
    uint64_t due = (uint64_t)((double)(now_us() - fleet->epoch_us) * fleet->rate / 1e6);

    while (*sent < due && fleet->free != NULL) {
        if (!user_begin(user_rested(fleet), fleet->epoch_us + (uint64_t)((double)*sent * 1e6 / fleet->rate)))
            return;
        ++*sent;
    }
}

static size_t connecting(const struct fleet *fleet, size_t n)
{
    size_t found = 0;

    for (size_t i = 0; i < n; i++)
        found += !fleet->users[i].connected;
    return found;
}

/* Open loop: all connections stand before the first request is due, for what is measured is requests. In small batches,
 * so that no backlog overflows. */
static void connect_all(struct fleet *fleet)
{
    uint64_t until = now_us() + PATIENCE_S * 1000000ULL;

    for (size_t i = 0; i < fleet->n_users; i++) {
        user_open(&fleet->users[i]);
        user_rest(&fleet->users[i]);
        while ((i + 1) % BATCH == 0 && connecting(fleet, i + 1) > 0 && now_us() < until)
            turn(fleet, TICK_MS);
    }
}

static void start_all(struct fleet *fleet)
{
    if (fleet->rate > 0)
        connect_all(fleet);
    fleet->epoch_us = now_us();
    for (size_t i = 0; i < fleet->n_users && fleet->rate <= 0; i++) {
        user_open(&fleet->users[i]);
        user_begin(&fleet->users[i], now_us());
    }
}

/* Open loop: once a millisecond what is due goes out together and what came in is read together. Woken by each reply,
 * the generator would take the cores from whom it measures. */
static void tick(struct fleet *fleet, uint64_t *sent)
{
    usleep(TICK_MS * 1000);
    send_due(fleet, sent);
    turn(fleet, 0);
}

/* Returns the seconds that were counted. */
static double drive(struct fleet *fleet, const struct plan *plan)
{
    uint64_t warm_us = (uint64_t)(plan->warm_s * 1e6), end_us = warm_us + (uint64_t)(plan->run_s * 1e6);
    uint64_t sent = 0, counted_from = 0, last = 0;

    start_all(fleet);
    for (uint64_t at = 0; at < end_us && !(fleet->exhausted && !fleet->in_flight); at = now_us() - fleet->epoch_us) {
        if (!fleet->counting && at >= warm_us) {
            fleet->counting = true;
            counted_from = at;
        }
        if (fleet->rate > 0)
            tick(fleet, &sent);
        else
            turn(fleet, TICK_MS);
        last = now_us() - fleet->epoch_us;
        if (fleet->exhausted && fleet->counting)
            break; /* with some connections idle the rest would measure something else */
    }
    fleet->counting = false;
    fleet->stopping = true;
    return (double)(last - counted_from) / 1e6;
}

/* Iterations that have begun are ended, so that nothing is left half done. */
static void finish(struct fleet *fleet)
{
    uint64_t until = now_us() + PATIENCE_S * 1000000ULL;

    while (fleet->in_flight > 0 && now_us() < until)
        turn(fleet, TICK_MS);
}

static void print_json_text(const char *text)
{
    putchar('"');
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            printf("\\%c", *text);
        else if ((unsigned char)*text >= 0x20)
            putchar(*text);
    putchar('"');
}

static void print_latency(const char *name, const struct histogram *latency)
{
    printf(",\"%s\":{\"count\":%llu,\"mean_us\":%.0f,\"p50_us\":%llu,\"p99_us\":%llu,\"p999_us\":%llu,\"max_us\":%llu}",
           name, (unsigned long long)latency->total,
           latency->total ? (double)latency->sum_us / (double)latency->total : 0.0,
           (unsigned long long)histogram_quantile(latency, 0.5), (unsigned long long)histogram_quantile(latency, 0.99),
           (unsigned long long)histogram_quantile(latency, 0.999), (unsigned long long)latency->max_us);
}

static void print_seconds(const struct fleet *fleet, double seconds)
{
    size_t n = (size_t)seconds < MAX_SECONDS ? (size_t)seconds : MAX_SECONDS;

    printf(",\"seconds\":[");
    for (size_t i = 0; i < n; i++)
        printf("%s[%llu,%llu,%llu]", i ? "," : "", (unsigned long long)fleet->seconds[i].good,
               (unsigned long long)fleet->seconds[i].refused, (unsigned long long)fleet->seconds[i].other);
    printf("]");
}

static void print_result(const struct fleet *fleet, const struct plan *plan, double counted_s)
{
    struct rusage usage;
    bool first = true;

    getrusage(RUSAGE_SELF, &usage);
    printf("{\"seconds_counted\":%.6f,\"good\":%llu,\"iterations\":%llu,\"unexpected\":%llu,\"broken\":%llu,"
           "\"exhausted\":%s",
           counted_s, (unsigned long long)fleet->good.total, (unsigned long long)fleet->iterations,
           (unsigned long long)fleet->unexpected, (unsigned long long)fleet->broken,
           fleet->exhausted ? "true" : "false");
    printf(",\"rate\":%.3f,\"generator_cpu_s\":%.3f", (double)fleet->good.total / counted_s,
           (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
    print_latency("latency", &fleet->good);
    print_latency("refusals", &fleet->refused);
    printf(",\"statuses\":{");
    for (int i = 0; i < MAX_STATUS; i++)
        if (fleet->statuses[i]) {
            printf("%s\"%d\":%llu", first ? "" : ",", i, (unsigned long long)fleet->statuses[i]);
            first = false;
        }
    printf("},\"steps\":{\"\":null");
    for (size_t i = 0; i < fleet->scenario.n_steps; i++)
        print_latency(fleet->scenario.steps[i].name, &fleet->latency[i]);
    printf("},\"first_fault\":");
    print_json_text(fleet->first_fault);
    print_seconds(fleet, plan->warm_s + plan->run_s);
    printf("}\n");
}

static size_t still_open(const struct fleet *fleet)
{
    size_t n = 0;
    char byte;

    for (size_t i = 0; i < fleet->n_users; i++)
        n += fleet->users[i].connected && recv(fleet->users[i].fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
             errno == EAGAIN;
    return n;
}

/* In small batches, so that no backlog overflows; each has had one good reply before it rests. */
static void hold(struct fleet *fleet)
{
    char byte;

    fleet->epoch_us = now_us();
    fleet->stopping = true;
    fleet->counting = true;
    for (size_t i = 0; i < fleet->n_users; i += BATCH) {
        for (size_t k = i; k < i + BATCH && k < fleet->n_users; k++) {
            user_open(&fleet->users[k]);
            user_begin(&fleet->users[k], now_us());
        }
        finish(fleet);
    }
    printf("held %llu\n", (unsigned long long)fleet->good.total);
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
    printf("standing %zu\n", still_open(fleet));
    /* Reset rather than closed: ten thousand ports in TIME_WAIT would be missing for the next round. */
    for (size_t i = 0; i < fleet->n_users; i++)
        setsockopt(fleet->users[i].fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
}

static void take_address(struct fleet *fleet, const char *text)
{
    char host[64];
    const char *colon = strrchr(text, ':');

    snprintf(host, sizeof host, "%.*s", colon ? (int)(colon - text) : 0, text);
    fleet->address.sin_family = AF_INET;
    if (colon == NULL || inet_pton(AF_INET, host, &fleet->address.sin_addr) != 1 || strncmp(host, "127.", 4) != 0)
        errx(2, "an address is 127.x.x.x:PORT");
    fleet->address.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
}

static void take_option(struct fleet *fleet, struct plan *plan, int option)
{
    switch (option) {
    case 'c':
        plan->connections = strtoul(optarg, NULL, 10);
        break;
    case 'w':
        plan->warm_s = strtod(optarg, NULL);
        break;
    case 't':
        plan->run_s = strtod(optarg, NULL);
        break;
    case 'r':
        fleet->rate = strtod(optarg, NULL);
        break;
    case 'p':
        fleet->prefix = optarg;
        break;
    case '1':
        fleet->rows_once = true;
        break;
    default:
        errx(2, "usage: volley run|hold [-c connections] [-w warm s] [-t s] [-r rate] [-p prefix] [-1] ADDRESS "
                "SCENARIO [ROWS]");
    }
}

int main(int argc, char **argv)
{
    static struct fleet fleet = {.prefix = "k"};
    struct plan plan = {.connections = 64, .warm_s = 1, .run_s = 5};
    const char *verb = argc > 1 ? argv[1] : "";
    char authority[128];
    double counted_s;

    for (int option; (option = getopt(argc - 1, argv + 1, "c:w:t:r:p:1")) != -1;)
        take_option(&fleet, &plan, option);
    argv += optind + 1;
    argc -= optind + 1;
    if ((strcmp(verb, "run") != 0 && strcmp(verb, "hold") != 0) || argc < 2 || plan.connections == 0)
        take_option(&fleet, &plan, '?');
    take_address(&fleet, argv[0]);
    snprintf(authority, sizeof authority, "Host: %s", argv[0]);
    scenario_read(&fleet.scenario, argv[1], authority);
    if (argc > 2)
        scenario_read_rows(&fleet.scenario, argv[2]);
    fleet.seconds = calloc(MAX_SECONDS, sizeof *fleet.seconds);
    if (fleet.seconds == NULL)
        errx(1, "out of memory");
    make_users(&fleet, plan.connections);
    if (!strcmp(verb, "hold")) {
        hold(&fleet);
        return 0;
    }
    /* As if it ran elsewhere: what waits for a core must be the service, not its clock. Not for everybody to have. */
    (void)setpriority(PRIO_PROCESS, 0, GENERATOR_NICE);
    counted_s = drive(&fleet, &plan);
    finish(&fleet);
    print_result(&fleet, &plan, counted_s);
    return 0;
}
