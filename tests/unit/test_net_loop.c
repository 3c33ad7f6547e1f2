/* A loop's table of descriptors, without memory. */
#include "net/loop.h"

#include "no_memory.h"
#include "runner.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* Higher than the table of a new loop is long. */
#define HIGH_DESCRIPTOR 500

static uv_loop_t loop;
static int ends[2]; /* of a pipe; the one that is read has a high number */

static void set_up(void)
{
    ck_assert_int_eq(loop_init(&loop), 0);
    ck_assert_int_eq(pipe(ends), 0);
    const int high = fcntl(ends[0], F_DUPFD_CLOEXEC, HIGH_DESCRIPTOR);
    ck_assert_int_ge(high, HIGH_DESCRIPTOR);
    close(ends[0]);
    ends[0] = high;
}

static void tear_down(void)
{
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    close(ends[0]);
    close(ends[1]);
}

static void on_byte(uv_poll_t *poll, int status, int events)
{
    bool *has_come = poll->data;
    *has_come = status == 0 && events == UV_READABLE;
    uv_close((uv_handle_t *)poll, NULL);
}

/* @return Whether a byte was heard of, and no memory was taken for that. */
static bool hears_without_memory(uv_loop_t *of, int fd)
{
    bool has_come = false;
    uv_poll_t poll;
    int error = -1;
    ck_assert_int_eq(uv_poll_init(of, &poll, fd), 0);
    poll.data = &has_come;
    (void)allocation_failed();
    WITH_ALLOCATIONS(0, error = uv_poll_start(&poll, UV_READABLE, on_byte));
    ck_assert_int_eq(error, 0);
    ck_assert_int_eq(write(ends[1], "x", 1), 1);
    WITH_ALLOCATIONS(0, uv_run(of, UV_RUN_DEFAULT));
    return has_come && !allocation_failed();
}

START_TEST(a_descriptor_without_a_place_is_refused_and_with_one_needs_no_memory)
{
    int error = 0;
    for (unsigned count = 0; count < 2; count++) {
        WITH_ALLOCATIONS(count, error = loop_make_place(&loop, ends[0]));
        ck_assert_int_eq(error, UV_ENOMEM);
    }
    WITH_ALLOCATIONS(2, error = loop_make_place(&loop, ends[0]));
    ck_assert_int_eq(error, 0);
    ck_assert(hears_without_memory(&loop, ends[0]));
}
END_TEST

START_TEST(who_is_watched_already_is_watched_in_the_larger_table)
{
    int error = -1;
    bool has_come = false;
    int first[2];
    uv_poll_t poll;
    ck_assert_int_eq(pipe(first), 0);
    ck_assert_int_eq(loop_make_place(&loop, first[0]), 0);
    ck_assert_int_eq(uv_poll_init(&loop, &poll, first[0]), 0);
    poll.data = &has_come;
    uv_poll_start(&poll, UV_READABLE, on_byte);

    error = loop_make_place(&loop, ends[0]);
    ck_assert_int_eq(error, 0);
    ck_assert_int_eq(write(first[1], "x", 1), 1);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert(has_come);
    close(first[0]);
    close(first[1]);
}
END_TEST

START_TEST(what_cannot_be_watched_is_refused)
{
    const int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    const int high = fcntl(file, F_DUPFD_CLOEXEC, HIGH_DESCRIPTOR);
    ck_assert_int_eq(loop_make_place(&loop, high), UV_EPERM);
    close(high);
    close(file);
}
END_TEST

START_TEST(a_loop_is_made_or_refused)
{
    uv_loop_t made;
    int error = UV_ENOMEM;
    unsigned count = 0;
    for (; error && count < 20; count++) {
        WITH_ALLOCATIONS(count, error = loop_init(&made));
        if (error)
            ck_assert_int_eq(error, UV_ENOMEM);
    }
    ck_assert_int_eq(error, 0);
    ck_assert_uint_ge(count, 2);
    ck_assert_int_eq(uv_loop_close(&made), 0);
}
END_TEST

int main(void)
{
    if (!no_memory_works())
        return NO_MEMORY_SKIPPED;
    loop_guard_memory();
    Suite *suite = suite_create("net_loop");
    TCase *tests = tcase_create("loop");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_descriptor_without_a_place_is_refused_and_with_one_needs_no_memory);
    tcase_add_test(tests, who_is_watched_already_is_watched_in_the_larger_table);
    tcase_add_test(tests, what_cannot_be_watched_is_refused);
    tcase_add_test(tests, a_loop_is_made_or_refused);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
