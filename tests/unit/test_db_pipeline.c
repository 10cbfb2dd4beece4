/* test_db_pipeline.c — calls whose connection fails under them while they are sent. */
#include "unit.h"

#include "db_internal.h"

enum { N = 3 };

static unsigned n_done;

static void note_done(struct db_call *call)
{
    (void)call;
    n_done++;
}

/* libpq takes nothing, not even BEGIN: as when memory is out. */
static void nobody_is_lost_when_nothing_can_be_sent(void **state)
{
    struct db db = {.settings = {.read_connections = 1, .write_connections = 1, .queue_limit = 10, .group_limit = 32},
                    .epoll_fd = -1,
                    .n_connections = 2,
                    .next_deadline_ms = UINT64_MAX,
                    .random = 1,
                    .contract = &contract};
    struct db_connection *connections = calloc(2, sizeof *connections);
    struct db_call calls[N] = {0};

    (void)state;
    db.connections = connections;
    link_init(&db.reads);
    link_init(&db.writes);
    link_init(&db.delayed);
    link_init(&db.finished);
    for (unsigned i = 0; i < 2; i++) {
        connection_init(&connections[i], &db, i == 1);
        admission_init(&db.admissions[i], 10, 0);
    }
    connections[1].pg = PQconnectdb("host=/nowhere");
    connections[1].state = CONNECTION_UP;
    for (unsigned i = 0; i < N; i++) {
        calls[i] = (struct db_call){.statement = &contract.statements[0],
                                    .values = (const char *[256]){0},
                                    .write = true,
                                    .deadline_ms = UINT64_MAX,
                                    .done = note_done};
        db_submit(&db, &calls[i]);
    }
    db_flush(&db);
    assert_int_equal(connections[1].state, CONNECTION_DOWN);
    assert_int_equal(db_waiting(&db), N); /* for another connection */
    assert_ptr_equal(link_call(db.writes.next), &calls[0]);
    db_refuse_waiting(&db);
    db_deliver(&db);
    assert_int_equal(n_done, N);
    free(connections);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_is_lost_when_nothing_can_be_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
