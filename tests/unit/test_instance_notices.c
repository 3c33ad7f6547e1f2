/* Notices: what an instance is told of a stream, as often as something happens, and once that it is
 * over. With real threads for the tasks. */
#include "tasks_fixture.h"

#include "instance/notice.h"
#include "runner.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static struct fixture fixture;
static _Atomic unsigned released;

static void set_up(void)
{
    fixture_init(&fixture);
    atomic_store(&released, 0);
}

static void tear_down(void)
{
    fixture_finish(&fixture);
}

static void on_stream(void *self, void *data, toni_exchange_id stream, uint32_t what)
{
    (void)self;
    char word[32];
    (void)snprintf(word, sizeof word, "%s%u%s", (const char *)data, (unsigned)stream,
                   what == TONI_STREAM_ENDED ? "-" : "+");
    note(word);
}

static void release(void *data)
{
    (void)data;
    atomic_fetch_add(&released, 1);
}

static int64_t make(struct instance *instance, const char *name, uint64_t stream)
{
    const int64_t number =
        notice_create(instance, stream, on_stream, (void *)(uintptr_t)name, release);
    ck_assert_int_gt(number, 0);
    return number;
}

static void post(int64_t number, uint32_t news)
{
    notice_post(fixture.tasks, number, news);
}

START_TEST(it_is_told_again_and_again_and_once_of_the_end)
{
    struct instance *instance = fixture_make(&fixture);
    const int64_t a = make(instance, "a", 1), b = make(instance, "b", 2);
    fixture_fence(instance);
    expect_record("");
    for (int i = 0; i < 3; i++) {
        post(a, TONI_STREAM_DRAINED);
        fixture_fence(instance);
    }
    post(b, TONI_STREAM_ENDED);
    fixture_fence(instance);
    ck_assert_uint_eq(atomic_load(&released), 1);
    post(b, TONI_STREAM_DRAINED); /* nothing comes after the end */
    post(b, TONI_STREAM_ENDED);
    post(a, TONI_STREAM_DRAINED | TONI_STREAM_ENDED); /* the end is what counts */
    fixture_fence(instance);
    expect_record("a1+ a1+ a1+ b2- a1- ");
    ck_assert_uint_eq(atomic_load(&released), 2);
    instance_destroy(instance);
    ck_assert_uint_eq(atomic_load(&released), 2);
}
END_TEST

START_TEST(nobody_has_to_listen)
{
    struct instance *instance = fixture_make(&fixture);
    const int64_t number = notice_create(instance, 1, NULL, NULL, release);
    post(number, TONI_STREAM_DRAINED);
    post(number, TONI_STREAM_ENDED);
    fixture_fence(instance);
    ck_assert_uint_eq(atomic_load(&released), 1);
    expect_record("");
    instance_destroy(instance);
}
END_TEST

START_TEST(an_instance_that_ends_releases_it)
{
    struct instance *instance = fixture_make(&fixture);
    const int64_t number = make(instance, "a", 1);
    instance_destroy(instance);
    ck_assert_uint_eq(atomic_load(&released), 1);
    post(number, TONI_STREAM_ENDED);
    ck_assert(!notice_take_back(fixture.tasks, number));
    expect_record("");
}
END_TEST

START_TEST(it_can_be_taken_back)
{
    struct instance *instance = fixture_make(&fixture);
    const int64_t number = make(instance, "a", 1);
    ck_assert(notice_take_back(fixture.tasks, number));
    post(number, TONI_STREAM_ENDED);
    fixture_fence(instance);
    instance_destroy(instance);
    ck_assert_uint_eq(atomic_load(&released), 0);
    expect_record("");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("notices");
    TCase *tests = tcase_create("notices");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, it_is_told_again_and_again_and_once_of_the_end);
    tcase_add_test(tests, nobody_has_to_listen);
    tcase_add_test(tests, an_instance_that_ends_releases_it);
    tcase_add_test(tests, it_can_be_taken_back);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
