/* Hooks that take their time, and hooks that never return. Nothing here waits for time to pass but
 * for the limits themselves, of a millisecond. */
#include "base/log.h"
#include "plugin/hooks.h"
#include "runner.h"

#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define LONG_MS 3600000

static struct hooks *hooks;
static sem_t go_on, over, logged;
static char log_lines[4096];
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;

static void keep_line(void *data, enum log_level level, const char *line, size_t length)
{
    (void)data, (void)level;
    pthread_mutex_lock(&log_lock);
    ck_assert_uint_lt(strlen(log_lines) + length, sizeof log_lines);
    strncat(log_lines, line, length);
    pthread_mutex_unlock(&log_lock);
    sem_post(&logged);
}

static bool has_logged(const char *text)
{
    pthread_mutex_lock(&log_lock);
    const bool has = strstr(log_lines, text) != NULL;
    pthread_mutex_unlock(&log_lock);
    return has;
}

static void set_up(void)
{
    log_lines[0] = '\0';
    sem_init(&go_on, 0, 0);
    sem_init(&over, 0, 0);
    sem_init(&logged, 0, 0);
    log_set_sink(keep_line, NULL);
    hooks = hooks_create();
    ck_assert_ptr_nonnull(hooks);
}

static void tear_down(void)
{
    hooks_destroy(hooks);
    log_set_sink(NULL, NULL);
}

static void note_thread(void *data)
{
    *(pthread_t *)data = pthread_self();
}

static void wait_to_go_on(void *data)
{
    (void)data;
    sem_wait(&go_on);
    sem_post(&over);
}

START_TEST(hooks_run_on_one_thread_that_is_not_the_caller)
{
    pthread_t first, second;

    ck_assert_int_eq(hooks_run(hooks, "rooms", "create", LONG_MS, note_thread, &first), 0);
    ck_assert_int_eq(hooks_run(hooks, "rooms", "start", LONG_MS, note_thread, &second), 0);
    ck_assert(pthread_equal(first, second));
    ck_assert(!pthread_equal(first, pthread_self()));
    ck_assert_str_eq(log_lines, "");
}
END_TEST

START_TEST(one_that_hangs_is_named_and_left_behind_when_the_host_ends)
{
    pthread_t thread;

    hooks_hurry(hooks, PATIENCE_ENDS);
    ck_assert_int_eq(hooks_run(hooks, "rooms", "stopping", 1, wait_to_go_on, NULL), -1);
    ck_assert(has_logged("the host ends without it"));
    ck_assert(has_logged("instance=rooms hook=stopping limit_ms=1"));

    /* those after it still get their turn, while it hangs and after it has ended */
    ck_assert_int_eq(hooks_run(hooks, "echo", "stopping", LONG_MS, note_thread, &thread), 0);
    sem_post(&go_on);
    sem_wait(&over);
    ck_assert_int_eq(hooks_run(hooks, "echo", "destroy", LONG_MS, note_thread, &thread), 0);
}
END_TEST

START_TEST(two_that_hang)
{
    pthread_t thread;

    hooks_hurry(hooks, PATIENCE_ENDS);
    ck_assert_int_eq(hooks_run(hooks, "rooms", "stopping", 1, wait_to_go_on, NULL), -1);
    ck_assert_int_eq(hooks_run(hooks, "echo", "stopping", 1, wait_to_go_on, NULL), -1);
    ck_assert_int_eq(hooks_run(hooks, "chat", "stopping", LONG_MS, note_thread, &thread), 0);
    sem_post(&go_on);
    sem_post(&go_on);
    sem_wait(&over);
    sem_wait(&over);
}
END_TEST

static void *spin(void *data)
{
    while (!atomic_load((atomic_bool *)data))
        ;
    return NULL;
}

/* On one busy processor the thread is slower to take a hook than the limit. */
START_TEST(one_that_is_left_behind_has_begun)
{
    cpu_set_t one;
    atomic_bool is_over = false;
    pthread_t busy[4];

    CPU_ZERO(&one);
    CPU_SET((size_t)sched_getcpu(), &one);
    ck_assert_int_eq(sched_setaffinity(0, sizeof one, &one), 0);
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&busy[i], NULL, spin, &is_over), 0);
    hooks_hurry(hooks, PATIENCE_ENDS);
    for (int i = 0; i < 100; i++) {
        log_lines[0] = '\0';
        ck_assert_int_eq(hooks_run(hooks, "rooms", "stopping", 0, wait_to_go_on, NULL), -1);
        ck_assert_int_eq(hooks_run(hooks, "echo", "stopping", 0, wait_to_go_on, NULL), -1);
        for (int hook = 0; hook < 2; hook++) {
            sem_post(&go_on);
            sem_wait(&over);
        }
    }
    atomic_store(&is_over, true);
    for (size_t i = 0; i < 4; i++)
        pthread_join(busy[i], NULL);
}
END_TEST

/* Waits for the line that says the limit has passed, then lets the hook go on. */
static void *let_go_on(void *data)
{
    (void)data;
    sem_wait(&logged);
    sem_post(&go_on);
    return NULL;
}

START_TEST(one_that_is_late_is_waited_for_while_the_host_starts)
{
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, let_go_on, NULL), 0);
    ck_assert_int_eq(hooks_run(hooks, "rooms", "start", 1, wait_to_go_on, NULL), 0);
    ck_assert_int_eq(sem_trywait(&over), 0);
    ck_assert(has_logged("the host waits for it\" instance=rooms hook=start limit_ms=1"));
    ck_assert(!has_logged("ends without it"));
    pthread_join(thread, NULL);
}
END_TEST

/* Waits for the same line, then asks the host to stop. */
static void *hurry(void *data)
{
    (void)data;
    sem_wait(&logged);
    hooks_hurry(hooks, PATIENCE_ENDS);
    return NULL;
}

START_TEST(a_stop_ends_that_wait)
{
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, hurry, NULL), 0);
    ck_assert_int_eq(hooks_run(hooks, "rooms", "start", 1, wait_to_go_on, NULL), -1);
    ck_assert(has_logged("ends without it\" instance=rooms hook=start"));
    pthread_join(thread, NULL);
    sem_post(&go_on);
    sem_wait(&over);
}
END_TEST

START_TEST(a_stop_leaves_a_hook_its_time)
{
    hooks_hurry(hooks, PATIENCE_ENDS);
    sem_post(&go_on);
    ck_assert_int_eq(hooks_run(hooks, "rooms", "start", LONG_MS, wait_to_go_on, NULL), 0);
    ck_assert_str_eq(log_lines, "");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plugin_hooks");
    TCase *cases = tcase_create("hooks");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, hooks_run_on_one_thread_that_is_not_the_caller);
    tcase_add_test(cases, one_that_hangs_is_named_and_left_behind_when_the_host_ends);
    tcase_add_test(cases, two_that_hang);
    tcase_add_test(cases, one_that_is_left_behind_has_begun);
    tcase_add_test(cases, one_that_is_late_is_waited_for_while_the_host_starts);
    tcase_add_test(cases, a_stop_ends_that_wait);
    tcase_add_test(cases, a_stop_leaves_a_hook_its_time);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
