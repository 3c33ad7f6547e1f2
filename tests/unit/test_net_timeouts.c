/* The wheel against a plain list of what is due when, with random settings, clearings and pauses on
 * a clock of the test's own; then on a real loop and clock, that what has come is heard first. */
#include "net/timeouts.h"
#include "runner.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT 64

/* --- The clock and the timer, linked in with --wrap */

static bool is_fake;
static uint64_t fake_now;
static uint64_t fake_due; /* of the timer; UINT64_MAX: not set */
static uv_timer_cb fake_call;

uint64_t __real_uv_now(const uv_loop_t *loop);
uint64_t __wrap_uv_now(const uv_loop_t *loop);
int __real_uv_timer_start(uv_timer_t *timer, uv_timer_cb call, uint64_t delay, uint64_t repeat);
int __wrap_uv_timer_start(uv_timer_t *timer, uv_timer_cb call, uint64_t delay, uint64_t repeat);

uint64_t __wrap_uv_now(const uv_loop_t *loop)
{
    return is_fake ? fake_now : __real_uv_now(loop);
}

int __wrap_uv_timer_start(uv_timer_t *timer, uv_timer_cb call, uint64_t delay, uint64_t repeat)
{
    if (!is_fake)
        return __real_uv_timer_start(timer, call, delay, repeat);
    fake_call = call;
    fake_due = fake_now + delay;
    return 0;
}

/* --- The reference */

static uv_loop_t loop;
static struct timeouts timeouts;
static struct timeout entries[COUNT];
static uint64_t due[COUNT]; /* UINT64_MAX: not set */
static uint64_t expirations;
static uint64_t late_ms; /* the last time that the timer was called */

static void set(size_t i, uint64_t delay)
{
    due[i] = fake_now + delay;
    timeout_set(&timeouts, &entries[i], delay);
}

static void clear(size_t i)
{
    due[i] = UINT64_MAX;
    timeout_clear(&timeouts, &entries[i]);
}

static uint64_t random_delay(void)
{
    static const uint64_t most[] = {1, 12, 60, 1000, 45000, 200000};
    return (uint64_t)rand() % most[(size_t)rand() % (sizeof most / sizeof most[0])];
}

static void change_one(void)
{
    size_t i = (size_t)rand() % COUNT;
    if (rand() % 4 == 0)
        clear(i);
    else
        set(i, random_delay());
}

static void on_expired(struct timeout *timeout)
{
    size_t i = (size_t)(timeout - entries);
    ck_assert_msg(due[i] != UINT64_MAX, "%zu expired, and was not set", i);
    ck_assert_msg(due[i] <= fake_now, "%zu expired too early", i);
    due[i] = UINT64_MAX;
    expirations++;
    if (rand() % 3 == 0)
        set(i, random_delay());
    if (rand() % 3 == 0)
        change_one();
}

static void on_late(struct timeouts *all, uint64_t ms)
{
    ck_assert_ptr_eq(all, &timeouts);
    late_ms = ms;
}

static void start(void)
{
    is_fake = true;
    fake_now = 1234567;
    fake_due = UINT64_MAX;
    expirations = 0;
    memset(entries, 0, sizeof entries);
    memset(due, 0xff, sizeof due);
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    timeouts_init(&timeouts, &loop, on_expired, on_late);
}

static void finish(void)
{
    timeouts_close(&timeouts);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
}

/* The timer's call, and the polls after it. */
static void fire(void)
{
    fake_due = UINT64_MAX;
    fake_call(&timeouts.timer);
    do
        uv_run(&loop, UV_RUN_NOWAIT);
    while (fake_due == UINT64_MAX && uv_loop_alive(&loop));
    ck_assert_msg(fake_due > fake_now, "the timer is set to the past: the loop would spin");
}

static void check_nothing_is_late(void)
{
    size_t set_ones = 0;
    for (size_t i = 0; i < COUNT; i++) {
        set_ones += due[i] != UINT64_MAX;
        ck_assert_msg(due[i] == UINT64_MAX || due[i] + TIMEOUT_TICK_MS > fake_now,
                      "%zu is late by %llu ms", i, (unsigned long long)(fake_now - due[i]));
    }
    ck_assert_uint_eq(timeouts.count, set_ones);
}

START_TEST(test_each_expires_once_and_in_time)
{
    srand((unsigned)_i + 1);
    start();
    for (int step = 0; step < 3000; step++) {
        change_one();
        uint64_t end = fake_now + random_delay() / 8;
        while (fake_due <= end) {
            fake_now = fake_due > fake_now ? fake_due : fake_now;
            fire();
        }
        fake_now = end;
        check_nothing_is_late();
    }
    ck_assert_uint_gt(expirations, 500);
    finish();
}
END_TEST

/* The loop stands still for a while, up to several rounds of the wheel. */
START_TEST(test_after_a_pause_all_that_is_due_expires)
{
    srand((unsigned)_i + 1);
    start();
    for (int step = 0; step < 1000; step++) {
        change_one();
        fake_now += random_delay();
        while (fake_due <= fake_now)
            fire();
        check_nothing_is_late();
    }
    ck_assert_uint_gt(expirations, 500);
    finish();
}
END_TEST

START_TEST(test_without_timeouts_the_timer_rests)
{
    start();
    set(0, 5);
    clear(0);
    clear(0);
    fake_now = fake_due;
    fire();
    ck_assert_uint_eq(fake_due, UINT64_MAX);
    finish();
}
END_TEST

/* --- Many at once */

#define MANY 1000

static struct timeout many[MANY];

static void on_one_of_many(struct timeout *timeout)
{
    ck_assert_ptr_null(timeout->link);
    expirations++;
}

static void start_many(void)
{
    start();
    timeouts.expired = on_one_of_many;
    memset(many, 0, sizeof many);
    for (size_t i = 0; i < MANY; i++)
        timeout_set(&timeouts, &many[i], i % 100);
    fake_now += 200;
    fake_call(&timeouts.timer);
}

/* @return How many expired. */
static uint64_t turn(void)
{
    const uint64_t before = expirations;
    uv_run(&loop, UV_RUN_NOWAIT);
    return expirations - before;
}

START_TEST(test_of_many_a_portion_expires_between_two_polls)
{
    start_many();
    for (size_t i = 0; i < MANY / TIMEOUTS_A_TURN; i++)
        ck_assert_uint_eq(turn(), TIMEOUTS_A_TURN);
    ck_assert_uint_eq(turn(), MANY % TIMEOUTS_A_TURN);
    ck_assert_uint_eq(timeouts.count, 0);
    ck_assert_uint_eq(turn(), 0);
    finish();
}
END_TEST

START_TEST(test_between_portions_others_are_set_and_cleared)
{
    struct timeout later = {0}, far = {0};
    start_many();
    ck_assert_uint_eq(turn(), TIMEOUTS_A_TURN);
    size_t cleared = 0;
    for (size_t i = 0; i < MANY; i += 2) { /* their peers were in time */
        cleared += many[i].link != NULL;
        timeout_clear(&timeouts, &many[i]);
    }
    timeout_set(&timeouts, &later, 5);
    timeout_set(&timeouts, &far, 60000); /* a round of the wheel later */
    fake_now += 20;
    fake_due = UINT64_MAX;
    while (fake_due == UINT64_MAX)
        ck_assert_uint_le(turn(), TIMEOUTS_A_TURN);
    ck_assert_uint_eq(expirations, MANY - cleared);
    ck_assert_uint_le(fake_due, fake_now); /* it became due meanwhile, and waits no longer */
    fire();
    ck_assert_ptr_null(later.link);
    ck_assert_ptr_nonnull(far.link);
    fake_now += 60000;
    fire();
    ck_assert_ptr_null(far.link);
    finish();
}
END_TEST

/* --- On a real loop */

static int pipe_ends[2];

static void on_heard(uv_poll_t *poll, int status, int events)
{
    char byte;
    (void)status;
    (void)events;
    ck_assert_int_eq(read(pipe_ends[0], &byte, 1), 1);
    timeout_clear(&timeouts, &entries[0]);
    uv_poll_stop(poll);
}

static void on_real_expired(struct timeout *timeout)
{
    ck_assert_msg(timeout != &entries[0], "expired, although the peer was in time");
    expirations++;
}

START_TEST(test_how_late_the_timer_is_called_is_told_first)
{
    start();
    set(0, 100);
    fake_now = fake_due;
    fire();
    ck_assert_uint_eq(late_ms, 0);
    set(0, 100);
    fake_now = fake_due + 7000;
    fire();
    ck_assert_uint_eq(late_ms, 7000);
    finish();
}
END_TEST

START_TEST(test_what_has_come_is_heard_first)
{
    uv_poll_t poll;
    is_fake = false;
    expirations = 0;
    memset(entries, 0, sizeof entries);
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    ck_assert_int_eq(pipe(pipe_ends), 0);
    timeouts_init(&timeouts, &loop, on_real_expired, on_late);
    ck_assert_int_eq(uv_poll_init(&loop, &poll, pipe_ends[0]), 0);
    uv_poll_start(&poll, UV_READABLE, on_heard);
    timeout_set(&timeouts, &entries[0], 0);
    timeout_set(&timeouts, &entries[1], 0);
    uint64_t due_at = uv_now(&loop) + 2 * TIMEOUT_TICK_MS;

    ck_assert_int_eq(write(pipe_ends[1], "x", 1), 1);
    while (uv_now(&loop) < due_at) /* a callback that takes long */
        uv_update_time(&loop);
    while (expirations == 0)
        uv_run(&loop, UV_RUN_ONCE);

    uv_close((uv_handle_t *)&poll, NULL);
    finish();
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    ck_assert_uint_eq(expirations, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net_timeouts");
    TCase *tcase = tcase_create("timeouts");
    tcase_set_timeout(tcase, 30);
    tcase_add_loop_test(tcase, test_each_expires_once_and_in_time, 0, 8);
    tcase_add_loop_test(tcase, test_after_a_pause_all_that_is_due_expires, 0, 8);
    tcase_add_test(tcase, test_without_timeouts_the_timer_rests);
    tcase_add_test(tcase, test_of_many_a_portion_expires_between_two_polls);
    tcase_add_test(tcase, test_between_portions_others_are_set_and_cleared);
    tcase_add_test(tcase, test_how_late_the_timer_is_called_is_told_first);
    tcase_add_test(tcase, test_what_has_come_is_heard_first);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
