/* test_csv.c — cells of CSV: quotes, what a spreadsheet must not run, types, and the header's two languages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "csv.h"
#include "encode_value.h"
#include "pg_row.h"

static void check_text(const char *text, const char *expected)
{
    struct buffer out = {0};

    csv_text(text, strlen(text), &out);
    buffer_add(&out, "", 1);
    assert_string_equal(out.data ? out.data : "", expected);
    buffer_free(&out);
}

static void texts(void **state)
{
    (void)state;
    check_text("", "");
    check_text("plain", "plain");
    check_text("新风路12号", "新风路12号");
    check_text("a,b", "\"a,b\"");
    check_text("a\"b\"", "\"a\"\"b\"\"\"");
    check_text("\"", "\"\"\"\"");
    check_text("a\r\nb", "\"a\r\nb\"");
    check_text(" a", "\" a\"");
    check_text("a ", "\"a \"");
    check_text("a;b", "\"a;b\"");
    check_text("a\tb", "\"a\tb\"");
    check_text("a b", "a b");
}

static void formulas(void **state)
{
    (void)state;
    check_text("=1+1", "'=1+1");
    check_text("+8613900000701", "'+8613900000701");
    check_text("-2", "'-2");
    check_text("@SUM(A1)", "'@SUM(A1)");
    check_text("\t=1", "\"'\t=1\"");
    check_text("\r=1", "\"'\r=1\"");
    check_text("\n=1", "\"'\n=1\"");
    check_text("＝1", "'＝1");
    check_text("＋1", "'＋1");
    check_text("－1", "'－1");
    check_text("＠x", "'＠x");
    check_text("=HYPERLINK(\"http://x\",\"y\")", "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"");
    check_text("a=1", "a=1");
    check_text("\xef\xbc\x81=1", "！=1"); /* another character of the same row */
}

static const struct schema string = {.types = JSON_KIND_STRING};
static const struct schema uuid = {.types = JSON_KIND_STRING, .format = FORMAT_UUID};
static const struct schema instant = {.types = JSON_KIND_STRING, .format = FORMAT_DATE_TIME};
static const struct schema number = {.types = JSON_KIND_NUMBER};
static const struct schema boolean = {.types = JSON_KIND_BOOLEAN};
static const struct schema strings = {.types = JSON_KIND_ARRAY, .items = &string};
static const struct schema object = {.types = JSON_KIND_OBJECT, .free_form = true};

#define COLUMN(property, of, kind_of, place, heading)                                                                  \
    {                                                                                                                  \
        .name = (property), .kind = ENCODE_COLUMN, .column = (of), .schema = &(kind_of), .nullable = true,             \
        .slot = (place), .title = (heading)                                                                            \
    }

static const struct encode_node location[] = {
    COLUMN("lon", "location__lon", number, 2, "位置经度"),
    COLUMN("name", "location__name", string, 3, "位置,名称"),
};
static const struct encode_node nodes[] = {
    COLUMN("id", "id", uuid, 0, "编号"),
    COLUMN("at", "at", instant, 1, "时间"),
    {.name = "location", .kind = ENCODE_OBJECT, .children = location, .n_children = 2, .nullable = true},
    COLUMN("tags", "tags", strings, 4, "标签"),
    COLUMN("late", "late", boolean, 5, "超时"),
    COLUMN("more", "more", object, 6, "其他"),
};
static const struct encoder encoder = {.nodes = nodes, .n_nodes = 6, .n_slots = 7};
static const struct operation operation = {.id = "things.export", .encoder = &encoder};

/* Header of a one-dimensional array of text with n elements. */
#define TEXTS(n) "\0\0\0\1\0\0\0\0\0\0\0\x19\0\0\0" n "\0\0\0\1"

enum { ID, AT, LON, NAME, TAGS, LATE, MORE, N_CELLS };
static const struct cell full[N_CELLS] = {
    [ID] = CELL("id", PG_UUID, "\x01\x93\x47\x15\x52\xfb\x78\x99\x8e\x50\x37\x73\x2b\x70\xda\x57"),
    [AT] = CELL("at", PG_TIMESTAMPTZ, "\0\x02\xca\x4c\x70\x14\x44\x78"),
    [LON] = CELL("location__lon", PG_FLOAT8, "\xc0\x5f\x40\0\0\0\0\0"),
    [NAME] = CELL("location__name", PG_TEXT, "-x"),
    [TAGS] = CELL("tags", PG_TEXT_ARRAY, TEXTS("\2") "\0\0\0\2=a\0\0\0\1b"),
    [LATE] = CELL("late", PG_BOOL, "\1"),
    [MORE] = CELL("more", PG_JSONB, "\1{\"a\": 1}"),
};

static int line_of(const struct cell *cells, const struct csv_style *style, struct buffer *ret_out)
{
    PGresult *result = pg_row(cells, N_CELLS, 1);
    struct zone *zone = zone_new("Asia/Shanghai");
    const struct encoding encoding = {.zone = zone};
    struct binding *binding = NULL;
    char *text;
    int r;

    assert_int_equal(binding_new(&operation, result, &binding, &text), 0);
    r = csv_row(binding, result, 0, &encoding, style, ret_out);
    buffer_add(ret_out, "", 1);
    binding_free(binding);
    zone_free(zone);
    PQclear(result);
    return r;
}

static void check_line(const struct cell *cells, const struct csv_style *style, const char *expected)
{
    struct buffer out = {0};

    assert_int_equal(line_of(cells, style, &out), 0);
    assert_string_equal(out.data, expected);
    buffer_free(&out);
}

static void a_line(void **state)
{
    static const struct csv_style local = {.local_times = true};
    static const struct csv_style plain = {.titles = true};

    (void)state;
    /* A number below zero is a number, a text that begins as one is not. */
    check_line(full, &plain,
               "01934715-52fb-7899-8e50-37732b70da57,2024-11-20T09:00:00.123+08:00,-125,'-x,\"'=a;b\",true,"
               "\"{\"\"a\"\": 1}\"\r\n");
    check_line(full, &local,
               "01934715-52fb-7899-8e50-37732b70da57,2024-11-20 09:00:00,-125,'-x,\"'=a;b\",true,"
               "\"{\"\"a\"\": 1}\"\r\n");
}

static void nothing_is_nothing(void **state)
{
    static const struct csv_style plain = {.titles = false};
    struct cell cells[N_CELLS];

    (void)state;
    memcpy(cells, full, sizeof cells);
    for (unsigned i = 0; i < N_CELLS; i++)
        cells[i].data = NULL;
    check_line(cells, &plain, ",,,,,,\r\n");
    cells[TAGS] = (struct cell)CELL("tags", PG_TEXT_ARRAY, "\0\0\0\0\0\0\0\0\0\0\0\x19");
    check_line(cells, &plain, ",,,,,,\r\n");
}

static void what_breaks_the_contract(void **state)
{
    static const struct csv_style plain = {.titles = false};
    struct cell cells[N_CELLS];
    struct buffer out = {0};

    (void)state;
    memcpy(cells, full, sizeof cells);
    cells[TAGS] = (struct cell)CELL("tags", PG_TEXT_ARRAY, TEXTS("\2") "\0\0\0\2=a\xff\xff\xff\xff");
    assert_int_equal(line_of(cells, &plain, &out), -EINVAL);
    buffer_free(&out);
    cells[TAGS] = full[TAGS];
    cells[LON] = (struct cell)CELL("location__lon", PG_FLOAT8, "\x7f\xf0\0\0\0\0\0\0");
    assert_int_equal(line_of(cells, &plain, &out), -EINVAL);
    buffer_free(&out);
}

static void the_header(void **state)
{
    static const struct csv_style names = {.titles = false}, titles = {.titles = true};
    struct buffer out = {0};

    (void)state;
    csv_header(&encoder, &names, &out);
    buffer_add(&out, "", 1);
    assert_string_equal(out.data, "id,at,location.lon,location.name,tags,late,more\r\n");
    out.size = 0;
    csv_header(&encoder, &titles, &out);
    buffer_add(&out, "", 1);
    assert_string_equal(out.data, "编号,时间,位置经度,\"位置,名称\",标签,超时,其他\r\n");
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts),
        cmocka_unit_test(formulas),
        cmocka_unit_test(a_line),
        cmocka_unit_test(nothing_is_nothing),
        cmocka_unit_test(what_breaks_the_contract),
        cmocka_unit_test(the_header),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
