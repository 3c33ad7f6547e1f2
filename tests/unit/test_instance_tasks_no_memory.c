/* Every allocation of the tasks, made to fail in turn: then nothing has changed, and nothing is run
 * or released. */
#include "no_memory.h"
#include "runner.h"
#include "tasks_fixture.h"

#include <stdlib.h>

static void run(void *self, void *data)
{
    (void)self, (void)data;
    note("run");
}

static int32_t work(void *data)
{
    (void)data;
    note("work");
    return TONI_OK;
}

static void done(void *self, void *data, int32_t result)
{
    (void)self, (void)data;
    note(result == TONI_OK ? "done" : "failed");
}

static void release(void *data)
{
    (void)data;
    note("release");
}

static int64_t ask_post(toni_context *context)
{
    return toni_post(context, run, NULL, release);
}

static int64_t ask_after(toni_context *context)
{
    return toni_after(context, 0, run, NULL, release);
}

static int64_t ask_every(toni_context *context)
{
    return toni_every(context, 1000, run, NULL, release);
}

static int64_t ask_work(toni_context *context)
{
    return toni_work(context, work, done, NULL, release);
}

/* Each with threads of its own, so that there is room for nothing yet. */
static void fail_each_allocation(int64_t (*ask)(toni_context *context), unsigned allocations,
                                 size_t words, const char *record)
{
    int64_t result = TONI_ERR_NO_MEMORY;

    for (unsigned i = 0; i < allocations; i++) {
        struct fixture fixture;
        fixture_init(&fixture);
        struct instance *instance = fixture_make(&fixture);
        WITH_ALLOCATIONS(i, result = ask(instance_context(instance)));
        ck_assert_int_eq(result, TONI_ERR_NO_MEMORY);
        ck_assert_uint_eq(counter_read(&instance->figures->tasks_pending), 0);
        ck_assert_uint_eq(counter_read(&instance->figures->timers_active), 0);
        fixture_fence(instance);
        expect_record("");
        WITH_ALLOCATIONS(allocations, result = ask(instance_context(instance)));
        ck_assert_int_ge(result, 0);
        await_words(words);
        instance_destroy(instance);
        expect_record(record);
        fixture_finish(&fixture);
    }
}

START_TEST(nothing_is_asked_for_without_memory)
{
    fail_each_allocation(ask_post, 2, 2, "run release ");
    fail_each_allocation(ask_after, 3, 2, "run release ");
    fail_each_allocation(ask_every, 3, 0, "release ");
    fail_each_allocation(ask_work, 3, 3, "work done release ");
}
END_TEST

START_TEST(threads_need_memory)
{
    struct tasks *tasks;

    WITH_ALLOCATIONS(0, tasks = tasks_create(fixture_now_ns));
    ck_assert_ptr_null(tasks);
    tasks_destroy(NULL);
}
END_TEST

int main(void)
{
    if (!no_memory_works())
        return NO_MEMORY_SKIPPED;

    Suite *suite = suite_create("instance_tasks_no_memory");
    TCase *cases = tcase_create("all");

    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, nothing_is_asked_for_without_memory);
    tcase_add_test(cases, threads_need_memory);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
