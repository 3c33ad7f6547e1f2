/* Timers, posts and jobs of instances, with real threads and a clock of the test's own. */
#include "tasks_fixture.h"

#include "base/clock.h"
#include "base/log.h"
#include "runner.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static struct fixture fixture;
static char log_lines[16384];
static _Atomic unsigned released;

static void keep_line(void *data, enum log_level level, const char *line, size_t length)
{
    (void)data, (void)level;
    ck_assert_uint_lt(strlen(log_lines) + length, sizeof log_lines);
    strncat(log_lines, line, length);
}

static void set_up(void)
{
    log_lines[0] = '\0';
    log_set_sink(keep_line, NULL);
    released = 0;
    fixture_init(&fixture);
}

static void tear_down(void)
{
    fixture_finish(&fixture);
    log_set_sink(NULL, NULL);
}

/* --- What tasks do; `data` is a word */

static void say(void *self, void *data)
{
    ck_assert_ptr_nonnull(self);
    note(data);
}

static void let_go(void *data)
{
    (void)data;
    atomic_fetch_add(&released, 1);
}

static int32_t work(void *data)
{
    note(data);
    return 7;
}

static int32_t work_quietly(void *data)
{
    (void)data;
    return 7;
}

static void say_done(void *self, void *data, int32_t result)
{
    (void)data;
    ck_assert_ptr_nonnull(self);
    ck_assert_int_eq(result, 7);
    note("done");
}

static int64_t after(struct instance *instance, uint64_t ms, const char *word)
{
    return toni_after(instance_context(instance), ms, say, (void *)word, let_go);
}

static int64_t every(struct instance *instance, uint64_t ms, const char *word)
{
    return toni_every(instance_context(instance), ms, say, (void *)word, let_go);
}

static int32_t post(struct instance *instance, const char *word)
{
    return toni_post(instance_context(instance), say, (void *)word, let_go);
}

static int32_t cancel(struct instance *instance, int64_t timer)
{
    return toni_cancel_timer(instance_context(instance), timer);
}

static void advance(struct instance *instance, uint64_t ms)
{
    fixture_advance(&fixture, ms);
    fixture_fence(instance);
}

/* --- Order */

START_TEST(posts_run_in_order)
{
    struct instance *instance = fixture_make(&fixture);

    ck_assert_int_eq(post(instance, "a"), TONI_OK);
    ck_assert_int_eq(post(instance, "b"), TONI_OK);
    ck_assert_int_eq(post(instance, "c"), TONI_OK);
    fixture_fence(instance);
    expect_record("a b c ");
    ck_assert_uint_eq(released, 3);
    ck_assert_uint_eq(counter_read(&instance->figures->tasks_run), 4); /* and the fence */
    ck_assert_uint_eq(counter_read(&instance->figures->tasks_cancelled), 0);
    instance_destroy(instance);
}
END_TEST

START_TEST(timers_run_by_time_then_by_call)
{
    struct instance *instance = fixture_make(&fixture);

    ck_assert_int_gt(after(instance, 30, "d"), 0);
    ck_assert_int_gt(after(instance, 10, "b"), 0);
    ck_assert_int_gt(after(instance, 10, "c"), 0);
    ck_assert_int_gt(after(instance, 0, "a"), 0);
    fixture_fence(instance);
    expect_record("a ");
    ck_assert_uint_eq(counter_read(&instance->figures->timers_active), 3);
    advance(instance, 9);
    expect_record("");
    advance(instance, 1);
    expect_record("b c ");
    ck_assert_int_eq(post(instance, "now"), TONI_OK);
    advance(instance, 1000);
    expect_record("now d ");
    ck_assert_uint_eq(released, 5);
    ck_assert_uint_eq(counter_read(&instance->figures->timers_active), 0);
    instance_destroy(instance);
}
END_TEST

START_TEST(every_runs_again_and_again)
{
    struct instance *instance = fixture_make(&fixture);

    ck_assert_int_gt(every(instance, 10, "e"), 0);
    fixture_fence(instance);
    expect_record("");
    advance(instance, 10);
    expect_record("e ");
    advance(instance, 9);
    expect_record("");
    advance(instance, 1);
    expect_record("e ");
    ck_assert_uint_eq(counter_read(&instance->figures->periods_skipped), 0);
    ck_assert_uint_eq(released, 0);
    instance_destroy(instance);
    ck_assert_uint_eq(released, 1);
}
END_TEST

START_TEST(every_leaves_out_what_has_passed)
{
    struct instance *instance = fixture_make(&fixture);

    every(instance, 10, "e");
    advance(instance, 55); /* 10, then 20, 30, 40 and 50 have passed */
    expect_record("e ");
    ck_assert_uint_eq(counter_read(&instance->figures->periods_skipped), 4);
    advance(instance, 4);
    expect_record("");
    advance(instance, 1); /* 60 */
    expect_record("e ");
    ck_assert_uint_eq(counter_read(&instance->figures->periods_skipped), 4);
    instance_destroy(instance);
}
END_TEST

static void be_slow(void *self, void *data)
{
    (void)self;
    fixture_spend(35);
    note(data);
}

START_TEST(a_slow_every_does_not_pile_up)
{
    struct instance *instance = fixture_make(&fixture);

    toni_every(instance_context(instance), 10, be_slow, "slow", NULL);
    fixture_advance(&fixture, 10);
    await_words(1); /* it has the clock at 45 */
    fixture_fence(instance);
    expect_record("slow ");
    ck_assert_uint_eq(counter_read(&instance->figures->periods_skipped), 3);
    advance(instance, 5); /* 50, and then 85 */
    expect_record("slow ");
    ck_assert_uint_eq(counter_read(&instance->figures->periods_skipped), 6);
    instance_destroy(instance);
}
END_TEST

START_TEST(work_is_done_then_told)
{
    struct instance *instance = fixture_make(&fixture);
    toni_context *context = instance_context(instance);

    ck_assert_int_eq(toni_work(context, work, say_done, "job", let_go), TONI_OK);
    await_words(2);
    fixture_fence(instance);
    expect_record("job done ");
    ck_assert_uint_eq(released, 1);
    ck_assert_uint_eq(counter_read(&instance->figures->jobs_run), 1);
    ck_assert_int_eq(toni_work(context, work, NULL, "quiet", let_go), TONI_OK);
    ck_assert_int_eq(toni_work(context, work, say_done, "loud", NULL), TONI_OK);
    while (atomic_load(&released) < 2)
        sched_yield();
    await_words(3);
    instance_destroy(instance);
}
END_TEST

/* Where tasks and jobs wait for the test. */
static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool is_open;
} gate = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void set_gate(bool is_open)
{
    pthread_mutex_lock(&gate.mutex);
    gate.is_open = is_open;
    pthread_cond_broadcast(&gate.changed);
    pthread_mutex_unlock(&gate.mutex);
}

static void pass_gate(void)
{
    pthread_mutex_lock(&gate.mutex);
    while (!gate.is_open)
        pthread_cond_wait(&gate.changed, &gate.mutex);
    pthread_mutex_unlock(&gate.mutex);
}

static void run_through_gate(void *self, void *data)
{
    (void)self, (void)data;
    note("in");
    pass_gate();
    note("out");
}

static _Atomic bool may_end;

static int32_t work_until_told(void *data)
{
    note(data);
    while (!atomic_load(&may_end))
        sched_yield();
    return 7;
}

/* What a job leaves to be told comes by the time at which the job has ended. */
START_TEST(work_is_told_in_its_turn)
{
    struct instance *instance = fixture_make(&fixture);

    ck_assert_int_eq(toni_work(instance_context(instance), work_until_told, say_done, "job", NULL),
                     TONI_OK);
    await_words(1);
    fixture_advance(&fixture, 1);
    may_end = false;
    set_gate(false);
    ck_assert_int_eq(toni_post(instance_context(instance), run_through_gate, NULL, NULL), TONI_OK);
    await_words(2);
    ck_assert_int_eq(post(instance, "post"), TONI_OK);
    fixture_advance(&fixture, 1);
    may_end = true;
    while (counter_read(&instance->figures->jobs_run) < 1)
        sched_yield();
    set_gate(true);
    await_words(5);
    fixture_fence(instance);
    expect_record("job in out post done ");
    instance_destroy(instance);
}
END_TEST

/* --- One that is held up */

/* What another instance asks for while one is held up, from which its own queue must not wait. */
static void check_others_go_on(struct instance *other)
{
    const int64_t timer = every(other, 10, "tick");

    for (int i = 0; i < 3; i++)
        advance(other, 10);
    ck_assert_int_eq(post(other, "post"), TONI_OK);
    ck_assert_int_eq(toni_work(instance_context(other), work_quietly, say_done, NULL, NULL),
                     TONI_OK);
    await_words(5);
    ck_assert_int_eq(cancel(other, timer), TONI_OK);
    fixture_fence(other);
    expect_record("tick tick tick post done ");
}

START_TEST(a_slow_task_makes_no_other_instance_late)
{
    struct instance *slow = fixture_make(&fixture), *other = fixture_make(&fixture);

    set_gate(false);
    toni_post(instance_context(slow), run_through_gate, NULL, NULL);
    await_words(1);
    expect_record("in ");
    post(slow, "b");
    after(slow, 0, "c");
    check_others_go_on(other);
    set_gate(true);
    fixture_fence(slow);
    expect_record("out b c "); /* and its own come in their order */
    ck_assert_uint_gt(tasks_read(fixture.tasks).reliefs, 0);
    instance_destroy(slow);
    instance_destroy(other);
}
END_TEST

START_TEST(a_slow_callback_makes_no_other_instance_late)
{
    struct instance *slow = fixture_make(&fixture), *other = fixture_make(&fixture);
    struct plugin_call entered;
    instance_enter(slow, "test", &entered);

    post(slow, "a");
    after(slow, 0, "b");
    check_others_go_on(other);
    instance_leave(slow, &entered);
    fixture_fence(slow);
    expect_record("a b ");
    instance_destroy(slow);
    instance_destroy(other);
}
END_TEST

START_TEST(a_closed_gate_makes_no_other_instance_late)
{
    struct instance *closed = fixture_make(&fixture), *other = fixture_make(&fixture);
    struct gate *entrance = &closed->setup.slot->gate;

    gate_close(entrance);
    post(closed, "a");
    check_others_go_on(other);
    gate_open(entrance);
    fixture_fence(closed);
    expect_record("a ");
    instance_destroy(closed);
    instance_destroy(other);
}
END_TEST

START_TEST(what_is_set_aside_takes_no_thread)
{
    struct instance *aside[3 * TASKS_RUNNERS_MOST], *other = fixture_make(&fixture);

    for (size_t i = 0; i < sizeof aside / sizeof aside[0]; i++) {
        aside[i] = fixture_make(&fixture);
        tasks_set_aside(aside[i]);
        gate_close(&aside[i]->setup.slot->gate);
        post(aside[i], "aside");
        (void)cancel(aside[i], after(aside[i], 0, "never"));
    }
    const uint64_t threads = tasks_read(fixture.tasks).threads;
    check_others_go_on(other);
    ck_assert_uint_eq(released, 1 + 1); /* by `other`: the tick and the post */
    ck_assert_uint_le(tasks_read(fixture.tasks).threads,
                      threads + 1); /* a slow machine may relieve */
    for (size_t i = 0; i < sizeof aside / sizeof aside[0]; i++) {
        gate_open(&aside[i]->setup.slot->gate);
        tasks_go_on(aside[i]);
        fixture_fence(aside[i]);
        expect_record("aside ");
        instance_destroy(aside[i]);
    }
    ck_assert_uint_eq(released, 2 + 2 * sizeof aside / sizeof aside[0]);
    instance_destroy(other);
}
END_TEST

/* More than there may be threads: the rest waits, until one of them comes back. */
START_TEST(threads_are_bounded)
{
    struct instance *slow[TASKS_RUNNERS_MOST + 3];
    const size_t count = sizeof slow / sizeof slow[0];

    set_gate(false);
    for (size_t i = 0; i < count; i++) {
        slow[i] = fixture_make(&fixture);
        toni_post(instance_context(slow[i]), run_through_gate, NULL, let_go);
    }
    await_words(TASKS_RUNNERS_MOST);
    ck_assert_uint_eq(tasks_read(fixture.tasks).threads, TASKS_RUNNERS_MOST);
    set_gate(true);
    await_words(2 * count);
    for (size_t i = 0; i < count; i++) {
        fixture_fence(slow[i]);
        instance_destroy(slow[i]);
    }
    ck_assert_uint_eq(released, count);
    ck_assert_uint_eq(tasks_read(fixture.tasks).threads, TASKS_RUNNERS_MOST);
}
END_TEST

/* --- Cancelling */

START_TEST(a_cancelled_timer_does_not_run)
{
    struct instance *instance = fixture_make(&fixture), *other = fixture_make(&fixture);
    const int64_t once = after(instance, 10, "once"), again = every(instance, 10, "again");

    ck_assert_int_ne(once, again);
    ck_assert_int_eq(cancel(other, once), TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(cancel(instance, once), TONI_OK);
    ck_assert_int_eq(cancel(instance, once), TONI_ERR_NOT_FOUND);
    fixture_fence(instance);
    ck_assert_uint_eq(released, 1);
    advance(instance, 10);
    expect_record("again ");
    ck_assert_int_eq(cancel(instance, again), TONI_OK);
    ck_assert_uint_eq(counter_read(&instance->figures->timers_active), 0);
    advance(instance, 100);
    expect_record("");
    ck_assert_uint_eq(released, 2);
    ck_assert_uint_eq(counter_read(&instance->figures->tasks_cancelled), 2);
    while (counter_read(&instance->figures->tasks_pending) > 0) /* the fence is over soon */
        sched_yield();
    ck_assert_int_eq(cancel(instance, 0), TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(cancel(instance, -1), TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(cancel(instance, again + 1000), TONI_ERR_NOT_FOUND);
    instance_destroy(instance);
    instance_destroy(other);
    ck_assert_uint_eq(released, 2);
}
END_TEST

static int64_t own_timer;
static int32_t own_result;

static void cancel_own(void *self, void *data)
{
    own_result = toni_cancel_timer(self, own_timer);
    ck_assert_uint_eq(released, 0); /* not before this has returned */
    note(data);
}

START_TEST(a_timer_cancels_itself)
{
    struct instance *instance = fixture_make(&fixture);

    own_timer = toni_every(instance_context(instance), 10, cancel_own, "self", let_go);
    advance(instance, 10);
    advance(instance, 100);
    expect_record("self ");
    ck_assert_int_eq(own_result, TONI_OK);
    ck_assert_uint_eq(released, 1);
    ck_assert_int_eq(cancel(instance, own_timer), TONI_ERR_NOT_FOUND);

    released = 0;
    own_timer = toni_after(instance_context(instance), 10, cancel_own, "once", let_go);
    advance(instance, 10);
    expect_record("once ");
    ck_assert_int_eq(own_result, TONI_ERR_NOT_FOUND); /* it has begun */
    ck_assert_uint_eq(released, 1);
    ck_assert_uint_eq(counter_read(&instance->figures->tasks_cancelled), 1);
    instance_destroy(instance);
}
END_TEST

/* Each round races the tasks' thread, which may have taken the timer and be waiting for the lock;
 * whoever wins, what a callback has cancelled does not run. */
START_TEST(what_a_callback_cancels_is_not_about_to_run)
{
    struct instance *instance = fixture_make(&fixture);

    for (unsigned i = 0; i < 500; i++) {
        struct plugin_call entered;
        instance_enter(instance, "test", &entered);
        const int64_t timer = i % 2 ? every(instance, 1, "never") : after(instance, 1, "never");
        fixture_advance(&fixture, 1);
        for (unsigned n = 0; n < i; n++)
            sched_yield();
        ck_assert_int_eq(cancel(instance, timer), TONI_OK);
        instance_leave(instance, &entered);
    }
    fixture_fence(instance);
    expect_record("");
    ck_assert_uint_eq(released, 500);
    instance_destroy(instance);
}
END_TEST

/* --- The end of an instance */

static int32_t work_through_gate(void *data)
{
    run_through_gate(NULL, data);
    return 7;
}

static void note_destroy(void *self)
{
    toni_context *context = self;

    note("destroy");
    ck_assert_int_eq(toni_post(context, say, "x", let_go), TONI_ERR_CLOSING);
    ck_assert_int_eq(toni_after(context, 0, say, "x", let_go), TONI_ERR_CLOSING);
    ck_assert_int_eq(toni_every(context, 1, say, "x", let_go), TONI_ERR_CLOSING);
    ck_assert_int_eq(toni_work(context, work, say_done, "x", let_go), TONI_ERR_CLOSING);
    ck_assert_int_eq(toni_cancel_timer(context, own_timer), TONI_ERR_NOT_FOUND);
}

static void *destroy_instance(void *data)
{
    instance_destroy(data);
    return NULL;
}

/* The thread is in instance_destroy() for good once nothing can be asked for any more. */
static pthread_t begin_destroy(struct instance *instance)
{
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, destroy_instance, instance), 0);
    for (int64_t timer = 0; timer != TONI_ERR_CLOSING; sched_yield()) {
        timer = after(instance, 1000, "x");
        (void)cancel(instance, timer);
    }
    return thread;
}

/* As many as there are threads, and more. */
START_TEST(slow_jobs_of_one_instance_leave_threads_to_others)
{
    struct instance *slow = fixture_make(&fixture), *instance = fixture_make(&fixture);

    set_gate(false);
    for (int i = 0; i < TASKS_JOB_THREADS + 1; i++)
        toni_work(instance_context(slow), work_through_gate, NULL, NULL, let_go);
    await_words(TASKS_JOBS_OF_ONE);
    toni_work(instance_context(instance), work, say_done, "job", let_go);
    await_words(TASKS_JOBS_OF_ONE + 2);
    expect_record("in in in in job done ");
    set_gate(true);
    await_words(2 * (TASKS_JOB_THREADS + 1) - TASKS_JOBS_OF_ONE); /* those that waited run, too */
    instance_destroy(instance);
    instance_destroy(slow);
    ck_assert_uint_eq(released, TASKS_JOB_THREADS + 2);
}
END_TEST

START_TEST(destroy_waits_for_a_task_and_cancels_the_rest)
{
    fixture.plugin.descriptor.destroy = note_destroy;
    struct instance *instance = fixture_make(&fixture);

    set_gate(false);
    toni_post(instance_context(instance), run_through_gate, NULL, NULL);
    await_words(1);
    post(instance, "post");
    after(instance, 0, "zero");
    own_timer = after(instance, 1000, "after");
    every(instance, 1, "every");
    pthread_t thread = begin_destroy(instance);
    const unsigned probes = atomic_load(&released);
    ck_assert_uint_eq(probes, 0); /* the tasks' thread is busy */
    set_gate(true);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    expect_record("in out destroy ");
    ck_assert_uint_ge(released, 4); /* and the timers that begin_destroy() made */
}
END_TEST

START_TEST(destroy_waits_for_running_jobs_alone)
{
    fixture.plugin.descriptor.destroy = note_destroy;
    struct instance *instance = fixture_make(&fixture);
    toni_context *context = instance_context(instance);

    set_gate(false);
    for (int i = 0; i < TASKS_JOBS_OF_ONE; i++)
        toni_work(context, work_through_gate, say_done, NULL, let_go);
    await_words(TASKS_JOBS_OF_ONE);
    toni_work(context, work, say_done, "never", let_go);
    toni_work(context, work, say_done, "never", let_go);
    pthread_t thread = begin_destroy(instance);
    set_gate(true);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    expect_record("in in in in out out out out destroy ");
    ck_assert_uint_ge(released, TASKS_JOBS_OF_ONE + 2);
}
END_TEST

/* A task of one instance that does not end keeps no other from ending. */
START_TEST(destroy_does_not_wait_for_others)
{
    struct instance *slow = fixture_make(&fixture), *instance = fixture_make(&fixture);

    set_gate(false);
    toni_post(instance_context(slow), run_through_gate, NULL, NULL);
    toni_work(instance_context(slow), work_through_gate, NULL, NULL, NULL);
    await_words(2);
    every(instance, 1, "never");
    toni_work(instance_context(instance), work, say_done, "job", let_go);
    await_words(4);
    fixture_fence(instance);
    instance_destroy(instance);
    ck_assert_uint_eq(released, 2);
    set_gate(true);
    await_words(6);
    instance_destroy(slow);
    expect_record("in in job done out out ");
}
END_TEST

static void say_released(void *data)
{
    note(data);
}

START_TEST(what_destroy_cancels_is_released_in_order)
{
    struct instance *instance = fixture_make(&fixture);

    toni_after(instance_context(instance), 30, say, "a", say_released);
    toni_every(instance_context(instance), 10, say, "b", say_released);
    toni_after(instance_context(instance), 20, say, "c", say_released);
    instance_destroy(instance);
    expect_record("a b c ");
}
END_TEST

/* In each round the tasks' thread has mostly taken the task, and waits for the lock. */
START_TEST(what_has_not_begun_when_the_end_begins_does_not_run)
{
    for (int i = 0; i < 100; i++) {
        struct instance *instance = fixture_make(&fixture);

        lock_take(&instance->lock); /* as a callback that takes its time */
        ck_assert_int_eq(post(instance, "never"), TONI_OK);
        for (int n = 0; n < i; n++)
            sched_yield();
        pthread_t thread = begin_destroy(instance);
        lock_give(&instance->lock);
        ck_assert_int_eq(pthread_join(thread, NULL), 0);
    }
    expect_record("");
}
END_TEST

static void check_locked(void *data)
{
    struct instance *instance = data;

    ck_assert(!lock_try(&instance->lock));
    let_go(data);
}

static void ignore(void *self, void *data)
{
    (void)self, (void)data;
}

START_TEST(release_is_serialised_too)
{
    struct instance *instance = fixture_make(&fixture);
    toni_context *context = instance_context(instance);

    toni_post(context, ignore, instance, check_locked);
    toni_work(context, work_quietly, NULL, instance, check_locked);
    cancel(instance, toni_after(context, 1000, ignore, instance, check_locked));
    while (atomic_load(&released) < 3)
        sched_yield();
    toni_every(context, 1000, ignore, instance, check_locked);
    instance_destroy(instance);
    ck_assert_uint_eq(released, 4);
}
END_TEST

/* --- create */

static struct instance *bystander;
static int32_t create_result;
static _Atomic bool has_returned;

static int32_t work_after_create(void *data)
{
    (void)data;
    ck_assert(has_returned);
    return 7;
}

static void count_done(void *self, void *data, int32_t result)
{
    (void)self, (void)data;
    ck_assert_int_eq(result, 7);
}

/* A task that was not held would be run before the fence, or stop the tasks' thread for good: this
 * instance's lock is held. */
static int32_t ask_in_create(toni_context *context, void **self)
{
    ck_assert_int_eq(toni_post(context, say, "post", let_go), TONI_OK);
    ck_assert_int_gt(toni_after(context, 0, say, "zero", let_go), 0);
    ck_assert_int_gt(toni_every(context, 10, say, "every", let_go), 0);
    const int64_t timer = toni_after(context, 0, say, "never", let_go);
    ck_assert_int_eq(toni_cancel_timer(context, timer), TONI_OK);
    ck_assert_int_eq(toni_cancel_timer(context, timer), TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(toni_work(context, work_after_create, count_done, NULL, let_go), TONI_OK);
    advance(bystander, 35);
    note("created");
    has_returned = true;
    *self = context;
    return create_result;
}

START_TEST(what_create_asks_for_waits_until_it_has_returned)
{
    bystander = fixture_make(&fixture);
    fixture.plugin.descriptor.create = ask_in_create;
    create_result = TONI_OK;
    struct instance *instance = fixture_make(&fixture);

    while (atomic_load(&released) < 4) /* what `never` was for, too; not `every` */
        sched_yield();
    expect_record("created post zero every ");
    ck_assert_uint_eq(counter_read(&instance->figures->jobs_run), 1);
    ck_assert_uint_eq(counter_read(&instance->figures->periods_skipped), 2);
    instance_destroy(instance);
    ck_assert_uint_eq(released, 5);
    instance_destroy(bystander);
}
END_TEST

/* --- An instance that takes the place of another: swap.h */

START_TEST(what_a_held_instance_asks_for_waits_until_it_serves)
{
    struct instance *other = fixture_make(&fixture);
    fixture.setup.is_held = true;
    struct instance *instance = fixture_make(&fixture);

    post(instance, "post");
    after(instance, 0, "zero");
    toni_work(instance_context(instance), work, say_done, "job", let_go);
    fixture_advance(&fixture, 10);
    fixture_fence(other);
    expect_record("");
    ck_assert_uint_eq(counter_read(&instance->figures->jobs_run), 0);
    tasks_open(instance);
    while (atomic_load(&released) < 3)
        sched_yield();
    ck_assert_uint_eq(counter_read(&instance->figures->tasks_run), 3);
    instance_destroy(instance);
    instance_destroy(other);
}
END_TEST

START_TEST(a_held_instance_that_never_serves_runs_nothing)
{
    fixture.setup.is_held = true;
    struct instance *instance = fixture_make(&fixture);

    post(instance, "never");
    every(instance, 1, "never");
    toni_work(instance_context(instance), work, say_done, "never", let_go);
    instance_destroy(instance);
    expect_record("");
    ck_assert_uint_eq(released, 3);
}
END_TEST

START_TEST(closing_does_not_wait_and_releases_nothing)
{
    struct instance *instance = fixture_make(&fixture);
    toni_context *context = instance_context(instance);

    set_gate(false);
    toni_work(context, work_through_gate, say_done, NULL, let_go);
    toni_post(context, run_through_gate, NULL, let_go);
    await_words(2);
    post(instance, "never");
    every(instance, 1, "never");
    tasks_close(instance); /* while two run */
    ck_assert_int_eq(toni_post(context, say, "never", let_go), TONI_ERR_CLOSING);
    ck_assert_uint_eq(released, 0);
    set_gate(true);
    await_words(4);
    instance_destroy(instance);
    expect_record("in in out out ");
    ck_assert_uint_eq(released, 4);
}
END_TEST

/* Whether the tasks' thread stands before the gate by then, or comes to it later. */
START_TEST(a_task_that_finds_its_instance_replaced_does_not_run)
{
    struct instance *other = fixture_make(&fixture);

    for (unsigned i = 0; i < 100; i++) {
        struct instance *instance = fixture_make(&fixture);
        struct gate *entrance = &instance->setup.slot->gate;

        gate_close(entrance);
        ck_assert(gate_wait_empty(entrance, UINT64_MAX));
        post(instance, "never");
        after(instance, 0, "never");
        tasks_close(instance);
        gate_open(entrance);
        fixture_fence(other);
        ck_assert_uint_eq(released, 2 * i);
        instance_destroy(instance);
    }
    expect_record("");
    instance_destroy(other);
}
END_TEST

START_TEST(what_a_failed_create_asked_for_is_released)
{
    struct instance *instance;

    bystander = fixture_make(&fixture);
    fixture.plugin.descriptor.create = ask_in_create;
    create_result = TONI_ERR_FAILED;
    fixture_prepare(&fixture);
    ck_assert_int_eq(instance_create(&fixture.setup, &fixture.table, NULL, &instance),
                     TONI_ERR_FAILED);
    ck_assert_uint_eq(released, 5);
    advance(bystander, 1000);
    expect_record("created ");
    instance_destroy(bystander);
}
END_TEST

/* --- Serialised, and not */

enum { THREADS = 3, ROUNDS = 300 };

static _Atomic int inside;
static _Atomic int overlaps;
static _Atomic int wait_for;
static _Atomic int most_inside;

static void pass(void)
{
    const int now = atomic_fetch_add(&inside, 1) + 1;
    int most = atomic_load(&most_inside);

    if (now > 1)
        atomic_fetch_add(&overlaps, 1);
    while (now > most && !atomic_compare_exchange_weak(&most_inside, &most, now))
        ;
    while (atomic_load(&most_inside) < atomic_load(&wait_for))
        sched_yield();
    sched_yield();
    atomic_fetch_sub(&inside, 1);
}

static int32_t pass_message(void *self, toni_client *client, const toni_message *message)
{
    (void)self, (void)client, (void)message;
    pass();
    return TONI_OK;
}

static void pass_run(void *self, void *data)
{
    (void)self, (void)data;
    pass();
}

static void pass_done(void *self, void *data, int32_t result)
{
    (void)self, (void)data, (void)result;
    pass();
}

static void pass_release(void *data)
{
    pass();
    let_go(data);
}

static int32_t do_nothing(void *data)
{
    (void)data;
    return 0;
}

static void *ask_and_call(void *data)
{
    struct instance *instance = data;
    toni_context *context = instance_context(instance);
    const toni_message message = toni_text(toni_str_of("x"));

    for (int i = 0; i < ROUNDS; i++) {
        instance_on_message(instance, NULL, &message);
        ck_assert_int_eq(toni_post(context, pass_run, NULL, pass_release), TONI_OK);
        ck_assert_int_eq(toni_work(context, do_nothing, pass_done, NULL, pass_release), TONI_OK);
        ck_assert_int_gt(toni_after(context, (uint64_t)i % 3, pass_run, NULL, pass_release), 0);
        const int64_t timer = toni_every(context, 1, pass_run, NULL, pass_release);
        fixture_advance(&fixture, 1);
        instance_on_message(instance, NULL, &message);
        ck_assert_int_eq(toni_cancel_timer(context, timer), TONI_OK);
    }
    return NULL;
}

static void ask_from_threads(struct instance *instance)
{
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_and_call, instance), 0);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
}

START_TEST(tasks_are_serialised_with_callbacks)
{
    fixture.plugin.descriptor.on_message = pass_message;
    struct instance *instance = fixture_make(&fixture);

    ask_from_threads(instance);
    ck_assert_int_eq(overlaps, 0);
    instance_destroy(instance);
    ck_assert_int_eq(overlaps, 0);
    ck_assert_uint_eq(released, THREADS * ROUNDS * 4);
}
END_TEST

START_TEST(tasks_of_concurrent_instances_are_not)
{
    fixture.plugin.descriptor.on_message = pass_message;
    fixture.plugin.descriptor.flags = TONI_CONCURRENT;
    struct instance *instance = fixture_make(&fixture);
    const toni_message message = toni_text(toni_str_of("x"));

    wait_for = 2; /* or forever, if they did not run together */
    toni_post(instance_context(instance), pass_run, NULL, NULL);
    instance_on_message(instance, NULL, &message);
    fixture_fence(instance);
    ck_assert_int_eq(most_inside, 2);
    wait_for = 0;
    instance_destroy(instance);
}
END_TEST

/* --- Refusals and measures */

START_TEST(bad_arguments_are_refused)
{
    struct instance *instance = fixture_make(&fixture);
    toni_context *context = instance_context(instance);

    ck_assert_int_eq(toni_after(context, 1, NULL, NULL, let_go), TONI_ERR_INVALID);
    ck_assert_int_eq(toni_every(context, 1, NULL, NULL, let_go), TONI_ERR_INVALID);
    ck_assert_int_eq(toni_every(context, 0, say, NULL, let_go), TONI_ERR_INVALID);
    ck_assert_int_eq(toni_post(context, NULL, NULL, let_go), TONI_ERR_INVALID);
    ck_assert_int_eq(toni_work(context, NULL, say_done, NULL, let_go), TONI_ERR_INVALID);
    ck_assert_int_eq(after(instance, TONI_TASK_MOST_MS + 1, "x"), TONI_ERR_INVALID);
    ck_assert_int_eq(every(instance, UINT64_MAX, "x"), TONI_ERR_INVALID);
    ck_assert_int_gt(after(instance, TONI_TASK_MOST_MS, "x"), 0);
    ck_assert_int_gt(every(instance, TONI_TASK_MOST_MS, "x"), 0);
    fixture_fence(instance);
    expect_record("");
    ck_assert_uint_eq(released, 0);
    instance_destroy(instance);
    ck_assert_uint_eq(released, 2);
}
END_TEST

START_TEST(an_instance_has_so_many_tasks_at_most)
{
    struct instance *instance = fixture_make(&fixture), *other = fixture_make(&fixture);

    for (int i = 0; i < TASKS_MOST; i++)
        ck_assert_int_gt(after(instance, 1, "x"), 0);
    ck_assert_int_eq(post(instance, "x"), TONI_ERR_LIMIT);
    ck_assert_int_eq(post(other, "other"), TONI_OK);
    fixture_fence(other);
    expect_record("other ");
    ck_assert_uint_eq(counter_read(&instance->figures->tasks_pending), TASKS_MOST);
    instance_destroy(instance);
    ck_assert_uint_eq(released, TASKS_MOST + 1);
    instance_destroy(other);
}
END_TEST

START_TEST(without_tasks_all_is_refused)
{
    fixture.setup.tasks = NULL;
    struct instance *instance = fixture_make(&fixture);

    ck_assert_int_eq(post(instance, "x"), TONI_ERR_CLOSING);
    ck_assert_int_eq(after(instance, 0, "x"), TONI_ERR_CLOSING);
    ck_assert_int_eq(cancel(instance, 1), TONI_ERR_NOT_FOUND);
    instance_destroy(instance);
}
END_TEST

static void spin(void *self, void *data)
{
    struct instance *instance = instance_of(self);
    const uint64_t end = clock_now_ns() + 2 * instance->callback_limit_ns;

    (void)data;
    while (clock_now_ns() < end)
        sched_yield();
}

START_TEST(slow_tasks_are_logged_and_counted)
{
    fixture.setup.limits.callback_ms = 1;
    struct instance *instance = fixture_make(&fixture);

    toni_after(instance_context(instance), 0, spin, NULL, NULL);
    fixture_fence(instance);
    ck_assert_uint_ge(counter_read(&instance->figures->slow_callbacks), 1);
    instance_destroy(instance);
    ck_assert_ptr_nonnull(strstr(log_lines, "instance=inst"));
    ck_assert_ptr_nonnull(strstr(log_lines, "callback=after"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("instance_tasks");
    TCase *cases = tcase_create("all");

    tcase_set_timeout(cases, 120);
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, posts_run_in_order);
    tcase_add_test(cases, timers_run_by_time_then_by_call);
    tcase_add_test(cases, every_runs_again_and_again);
    tcase_add_test(cases, every_leaves_out_what_has_passed);
    tcase_add_test(cases, a_slow_every_does_not_pile_up);
    tcase_add_test(cases, work_is_done_then_told);
    tcase_add_test(cases, work_is_told_in_its_turn);
    tcase_add_test(cases, a_slow_task_makes_no_other_instance_late);
    tcase_add_test(cases, a_slow_callback_makes_no_other_instance_late);
    tcase_add_test(cases, a_closed_gate_makes_no_other_instance_late);
    tcase_add_test(cases, what_is_set_aside_takes_no_thread);
    tcase_add_test(cases, threads_are_bounded);
    tcase_add_test(cases, a_cancelled_timer_does_not_run);
    tcase_add_test(cases, a_timer_cancels_itself);
    tcase_add_test(cases, what_a_callback_cancels_is_not_about_to_run);
    tcase_add_test(cases, slow_jobs_of_one_instance_leave_threads_to_others);
    tcase_add_test(cases, destroy_waits_for_a_task_and_cancels_the_rest);
    tcase_add_test(cases, destroy_waits_for_running_jobs_alone);
    tcase_add_test(cases, destroy_does_not_wait_for_others);
    tcase_add_test(cases, what_destroy_cancels_is_released_in_order);
    tcase_add_test(cases, what_has_not_begun_when_the_end_begins_does_not_run);
    tcase_add_test(cases, release_is_serialised_too);
    tcase_add_test(cases, what_create_asks_for_waits_until_it_has_returned);
    tcase_add_test(cases, what_a_held_instance_asks_for_waits_until_it_serves);
    tcase_add_test(cases, a_held_instance_that_never_serves_runs_nothing);
    tcase_add_test(cases, closing_does_not_wait_and_releases_nothing);
    tcase_add_test(cases, a_task_that_finds_its_instance_replaced_does_not_run);
    tcase_add_test(cases, what_a_failed_create_asked_for_is_released);
    tcase_add_test(cases, tasks_are_serialised_with_callbacks);
    tcase_add_test(cases, tasks_of_concurrent_instances_are_not);
    tcase_add_test(cases, bad_arguments_are_refused);
    tcase_add_test(cases, an_instance_has_so_many_tasks_at_most);
    tcase_add_test(cases, without_tasks_all_is_refused);
    tcase_add_test(cases, slow_tasks_are_logged_and_counted);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
