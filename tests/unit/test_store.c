/* test_store.c — the folder of attachments, and the thread that waits on the disk for it. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "event.h"
#include "filer.h"
#include "store.h"

static char folder[64];

static int start(void **state)
{
    char *text = NULL;

    (void)state;
    snprintf(folder, sizeof folder, "/tmp/whistled-store-XXXXXX");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(store_prepare(folder, &text), 0);
    return 0;
}

static int stop(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return system(command);
}

static int begin(struct store_file *file, const char *place, const char *tenant, const char *id)
{
    int r = store_begin(file, place, id);

    return r ? r : store_place(file, place, tenant, id);
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static void test_kept(void **state)
{
    static struct store_file file;
    static const char piece[50000] = "x";
    struct stat status;
    char path[STORE_PATH];

    (void)state;
    assert_int_equal(begin(&file, folder, "maoshan", "id-1"), 0);
    assert_int_equal(store_write(&file, "abc", 3), 0);
    assert_int_equal(store_patch(&file, 1, "B", 1), 0);
    assert_true(exists(file.temporary));
    assert_int_equal(store_keep(&file), 0);
    /* printf aBc | sha256sum */
    assert_string_equal(file.sha256, "516dd854ec42b5b992888cfa87ae16e260864f5e051e045cd7d7c0b45eacbeb2");
    store_end(&file);
    assert_false(exists(file.temporary));
    assert_int_equal(store_path(folder, "maoshan", "id-1", path), 0);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_size, 3);
    assert_int_equal(status.st_mode & 0777, 0600);
    store_remove(&file);
    assert_false(exists(path));
    /* Larger than the buffer, and around its end. */
    assert_int_equal(begin(&file, folder, "maoshan", "id-2"), 0);
    assert_int_equal(store_write(&file, piece, 20000), 0);
    assert_int_equal(store_write(&file, piece, 20000), 0);
    assert_int_equal(store_write(&file, piece, 50000), 0);
    assert_int_equal(store_write(&file, piece, 0), 0);
    assert_int_equal(store_keep(&file), 0);
    store_end(&file);
    assert_int_equal(stat(file.path, &status), 0);
    assert_int_equal(status.st_size, 90000);
}

static void test_not_kept(void **state)
{
    static struct store_file file, second;

    (void)state;
    assert_int_equal(begin(&file, folder, "maoshan", "id-1"), 0);
    assert_int_equal(begin(&second, folder, "maoshan", "id-1"), -EEXIST);
    store_end(&second);
    assert_true(exists(file.temporary)); /* it is the first one's */
    store_end(&file);
    assert_false(exists(file.temporary));
    assert_false(exists(file.path));
    store_end(&file);
}

static void test_tenants_are_never_paths(void **state)
{
    static const char *const names[] = {"..", ".", "a/b",  "../../etc", "/etc", ".incoming",
                                        "A",  "a", "a_2f", "茂山",      "a b",  "_"};
    char paths[12][STORE_PATH], long_name[600];

    (void)state;
    for (size_t i = 0; i < 12; i++) {
        const char *rest;

        assert_int_equal(store_path(folder, names[i], "id", paths[i]), 0);
        rest = paths[i] + strlen(folder) + 1;
        assert_true(rest[0] != '.' && rest[0] != '/');
        assert_ptr_equal(strchr(rest, '/'), strrchr(rest, '/'));
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(paths[i], paths[k]);
    }
    memset(long_name, 'L', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    assert_int_equal(store_path(folder, long_name, "id", paths[0]), -ENAMETOOLONG);
    assert_int_equal(store_path(folder, "", "id", paths[0]), -ENAMETOOLONG);
}

static void test_leftovers_are_swept(void **state)
{
    char fresh[STORE_PATH], old[STORE_PATH], *text = NULL;
    const struct timespec long_ago[2] = {{.tv_sec = time(NULL) - STORE_LEFTOVER_S - 10},
                                         {.tv_sec = time(NULL) - STORE_LEFTOVER_S - 10}};

    (void)state;
    snprintf(fresh, sizeof fresh, "%s/.incoming/fresh", folder);
    snprintf(old, sizeof old, "%s/.incoming/old", folder);
    close(open(fresh, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    close(open(old, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    assert_int_equal(utimensat(AT_FDCWD, old, long_ago, 0), 0);
    assert_int_equal(store_prepare(folder, &text), 0);
    assert_true(exists(fresh)); /* another instance may be writing it */
    assert_false(exists(old));
}

static void test_bad_folders(void **state)
{
    static struct store_file file;
    char *text = NULL;

    (void)state;
    assert_int_equal(store_prepare("/nowhere/at/all", &text), -ENOENT);
    assert_non_null(strstr(text, "/nowhere/at/all"));
    free(text);
    assert_int_not_equal(store_prepare("/dev/null", &text), 0);
    free(text);
    assert_int_equal(begin(&file, "/nowhere", "t", "id"), -ENOENT);
    store_end(&file);
}

/* What the filer does is counted on both sides. */
struct errand {
    struct filing filing;
    unsigned *worked, *done;
    struct filer *filer;
    struct errand *follower;
};

static int work(struct filing *filing)
{
    ++*((struct errand *)filing)->worked;
    return 42;
}

static void done(struct filing *filing)
{
    struct errand *errand = (struct errand *)filing;

    ++*errand->done;
    if (errand->follower)
        filer_submit(errand->filer, &errand->follower->filing);
}

static void turn(int epoll_fd)
{
    struct epoll_event event;

    assert_int_equal(epoll_wait(epoll_fd, &event, 1, 10000), 1);
    ((struct event_source *)event.data.ptr)->ready(event.data.ptr, event.events);
}

static void test_filer(void **state)
{
    enum { N = 1000 };
    static struct errand errands[N + 1];
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct filer *filer = filer_new(epoll_fd);
    unsigned worked = 0, finished = 0;

    (void)state;
    assert_non_null(filer);
    for (unsigned i = 0; i <= N; i++)
        errands[i] = (struct errand){
            .filing = {.work = work, .done = done}, .worked = &worked, .done = &finished, .filer = filer};
    errands[0].follower = &errands[N];
    for (unsigned i = 0; i < N; i++)
        filer_submit(filer, &errands[i].filing);
    while (finished < N + 1)
        turn(epoll_fd);
    assert_int_equal(worked, N + 1);
    assert_int_equal(errands[N].filing.result, 42);
    /* At the end each is told, begun or not. */
    for (unsigned i = 1; i < N; i++)
        filer_submit(filer, &errands[i].filing);
    filer_free(filer);
    assert_int_equal(finished, N + 1 + N - 1);
    assert_true(errands[N - 1].filing.result == 42 || errands[N - 1].filing.result == -ECANCELED);
    close(epoll_fd);
    assert_null(filer_free(NULL));
}

static void test_filer_never_used(void **state)
{
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

    (void)state;
    filer_free(filer_new(epoll_fd));
    close(epoll_fd);
    assert_null(filer_new(-1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_kept, start, stop),
        cmocka_unit_test_setup_teardown(test_not_kept, start, stop),
        cmocka_unit_test_setup_teardown(test_tenants_are_never_paths, start, stop),
        cmocka_unit_test_setup_teardown(test_leftovers_are_swept, start, stop),
        cmocka_unit_test_setup_teardown(test_bad_folders, start, stop),
        cmocka_unit_test(test_filer),
        cmocka_unit_test(test_filer_never_used),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
