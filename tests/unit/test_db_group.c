/* test_db_group.c — which writes share a transaction, in which order, and which wait for those under way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "db_internal.h"

enum { N = 6 };

struct queue {
    struct db_link head;
    struct db_call calls[N];
};

static void fill(struct queue *queue, unsigned n)
{
    memset(queue, 0, sizeof(*queue));
    link_init(&queue->head);
    for (unsigned i = 0; i < n; i++)
        link_append(&queue->head, &queue->calls[i].link);
}

static void takes_up_to_the_limit_in_order(void **state)
{
    struct queue queue;
    struct db_call *picked[GROUP_MAX];

    (void)state;
    fill(&queue, N);
    assert_int_equal(db_pick_group(&queue.head, 4, picked), 4);
    for (unsigned i = 0; i < 4; i++)
        assert_ptr_equal(picked[i], &queue.calls[i]);
    assert_int_equal(db_pick_group(&queue.head, 4, picked), 2);
    assert_int_equal(db_pick_group(&queue.head, 4, picked), 0);
}

static void sorts_by_tenant_then_object(void **state)
{
    struct queue queue;
    struct db_call *picked[GROUP_MAX];

    (void)state;
    fill(&queue, 5);
    queue.calls[0].tenant = "b";
    queue.calls[1].tenant = "a";
    queue.calls[1].object = "2";
    queue.calls[2].tenant = "a";
    queue.calls[2].object = "1";
    queue.calls[3].tenant = "a";
    queue.calls[3].object = "1";
    assert_int_equal(db_pick_group(&queue.head, GROUP_MAX, picked), 5);
    assert_ptr_equal(picked[0], &queue.calls[4]); /* no tenant */
    assert_ptr_equal(picked[1], &queue.calls[2]);
    assert_ptr_equal(picked[2], &queue.calls[3]); /* equals as they came */
    assert_ptr_equal(picked[3], &queue.calls[1]);
    assert_ptr_equal(picked[4], &queue.calls[0]);
}

static void who_goes_alone_shares_with_nobody(void **state)
{
    struct queue queue;
    struct db_call *picked[GROUP_MAX];

    (void)state;
    fill(&queue, 4);
    queue.calls[1].alone = true;
    queue.calls[2].solo = true;
    assert_int_equal(db_pick_group(&queue.head, GROUP_MAX, picked), 2);
    assert_ptr_equal(picked[0], &queue.calls[0]);
    assert_ptr_equal(picked[1], &queue.calls[3]);
    assert_int_equal(db_pick_group(&queue.head, GROUP_MAX, picked), 1);
    assert_ptr_equal(picked[0], &queue.calls[1]);
    assert_int_equal(db_pick_group(&queue.head, GROUP_MAX, picked), 1);
    assert_ptr_equal(picked[0], &queue.calls[2]);
    assert_true(link_empty(&queue.head));
}

static void removing_needs_no_list(void **state)
{
    struct queue queue;

    (void)state;
    fill(&queue, 2);
    link_remove(&queue.calls[0].link);
    link_remove(&queue.calls[0].link);
    assert_ptr_equal(link_call(queue.head.next), &queue.calls[1]);
    link_prepend(&queue.head, &queue.calls[0].link);
    assert_ptr_equal(link_call(queue.head.next), &queue.calls[0]);
}

static void writes_under_way_gather_for_a_while(void **state)
{
    struct db db = {.now_ms = 1000};
    static struct db_connection connection;
    struct db_segment *segment = &connection.segments[PIPELINE_DEPTH - 1];

    (void)state;
    connection = (struct db_connection){.db = &db, .write = true, .first = PIPELINE_DEPTH - 1};
    *segment = (struct db_segment){.kind = SEGMENT_GROUP, .n_calls = GATHER_FROM, .sent_ms = 990};
    assert_int_equal(db_gathers_until(&connection), 0); /* nothing is under way */
    connection.n_segments = 1;
    assert_int_equal(db_gathers_until(&connection), 990 + GATHER_WRITES_MS);
    segment->n_calls = GATHER_FROM - 1;
    assert_int_equal(db_gathers_until(&connection), 0);
    segment->n_calls = GATHER_FROM;
    connection.heard_ms = db.now_ms = 990 + GATHER_WRITES_MS;
    assert_int_equal(db_gathers_until(&connection), 0); /* it takes too long */
}

static void reads_under_way_gather_as_long_as_they_are_answered(void **state)
{
    struct db db = {.now_ms = 1000};
    static struct db_connection connection;

    (void)state;
    connection = (struct db_connection){.db = &db, .first = PIPELINE_DEPTH - 1, .n_segments = 2, .heard_ms = 1000};
    connection.segments[PIPELINE_DEPTH - 1] =
        (struct db_segment){.kind = SEGMENT_READ, .n_calls = GATHER_FROM - 1, .sent_ms = 10};
    connection.segments[0] = (struct db_segment){.kind = SEGMENT_READ, .n_calls = 1, .sent_ms = 20};
    assert_int_equal(db_gathers_until(&connection), 1000 + GATHER_READS_MS);
    db.now_ms = 1000 + GATHER_READS_MS;
    assert_int_equal(db_gathers_until(&connection), 0);
    connection.heard_ms = db.now_ms;
    assert_int_equal(db_gathers_until(&connection), db.now_ms + GATHER_READS_MS);
    connection.n_segments = 1;
    assert_int_equal(db_gathers_until(&connection), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_up_to_the_limit_in_order),
        cmocka_unit_test(sorts_by_tenant_then_object),
        cmocka_unit_test(who_goes_alone_shares_with_nobody),
        cmocka_unit_test(removing_needs_no_list),
        cmocka_unit_test(writes_under_way_gather_for_a_while),
        cmocka_unit_test(reads_under_way_gather_as_long_as_they_are_answered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
