/* Descriptors that an instance has watched: real pipes and sockets, and the thread that waits for
 * them. What happens is waited for; that nothing more does, a fence shows. */
#include "tasks_fixture.h"

#include "instance/watches.h"
#include "runner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct fixture fixture;
static struct instance *instance;
static toni_context *context;
static int ends[2]; /* of a socket pair: the plugin's, and its peer's */
static int64_t watch;

static void set_up(void)
{
    fixture_init(&fixture);
    instance = fixture_make(&fixture);
    context = instance_context(instance);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    watch = 0;
}

static void close_own(void)
{
    close(ends[0]);
    ends[0] = -1;
}

static void tear_down(void)
{
    instance_destroy(instance);
    if (ends[0] >= 0)
        close(ends[0]);
    close(ends[1]);
    fixture_finish(&fixture);
}

static void on_release(void *data)
{
    note(data ? data : "released");
}

static char taken[16];

/* Reads one byte and notes it; at the end it cancels. */
static void take_one(void *self, void *data, uint32_t events)
{
    (void)data;
    ck_assert_uint_eq(events, TONI_READABLE);
    const ssize_t size = read(ends[0], taken, 1);
    if (size == 1) {
        taken[1] = '\0';
        note(taken);
        return;
    }
    note(size == 0 ? "end" : "nothing");
    ck_assert_int_eq(toni_unwatch(self, watch), TONI_OK);
    ck_assert_int_eq(toni_unwatch(self, watch), TONI_ERR_NOT_FOUND);
}

static void say(const char *text)
{
    ck_assert_int_eq(write(ends[1], text, strlen(text)), (ssize_t)strlen(text));
}

static void begin(void)
{
    watch = toni_watch(context, ends[0], TONI_READABLE, take_one, NULL, on_release);
    ck_assert_int_gt(watch, 0);
    ck_assert_uint_eq(counter_read(&instance->figures->watches_active), 1);
}

/* @return Whether the peer has ended: nobody has the socket open any more. */
static bool peer_sees_end(void)
{
    struct pollfd entry = {.fd = ends[1], .events = POLLIN};
    char byte;
    return poll(&entry, 1, 0) == 1 && recv(ends[1], &byte, 1, MSG_PEEK) == 0;
}

START_TEST(it_runs_while_there_is_something)
{
    begin();
    say("abc");
    await_words(3);
    fixture_fence(instance);
    expect_record("a b c ");
    say("d");
    await_words(1);
    fixture_fence(instance);
    expect_record("d ");
}
END_TEST

START_TEST(at_the_end_it_cancels_itself)
{
    begin();
    say("a");
    shutdown(ends[1], SHUT_WR);
    await_words(3);
    fixture_fence(instance);
    expect_record("a end released ");
    ck_assert_uint_eq(counter_read(&instance->figures->watches_active), 0);
    ck_assert(!peer_sees_end()); /* the plugin's own is open */
    close_own();
    ck_assert(peer_sees_end());
}
END_TEST

/* libuv would end the process for that. */
START_TEST(a_plugin_that_closes_its_descriptor_harms_nothing)
{
    begin();
    const int other = dup(ends[0]); /* to see what is left */
    close_own();
    ends[0] = other;         /* the number that was watched is free, or another's */
    fixture_fence(instance); /* `take_one` reads it: ThreadSanitizer sees no order in a socket */
    say("a");
    await_words(1);
    expect_record("a ");
    ck_assert_int_eq(toni_unwatch(context, watch), TONI_OK);
    await_words(1);
    expect_record("released ");
    close_own();
    ck_assert(peer_sees_end());
}
END_TEST

START_TEST(what_is_watched_stays_open_until_it_is_cancelled)
{
    begin();
    close_own();
    ck_assert(!peer_sees_end());
    ck_assert_int_eq(toni_unwatch(context, watch), TONI_OK);
    await_words(1); /* released once the duplicate is closed */
    expect_record("released ");
    ck_assert(peer_sees_end());
}
END_TEST

START_TEST(a_cancelled_one_does_not_run)
{
    begin();
    ck_assert_int_eq(toni_unwatch(context, watch), TONI_OK);
    say("a");
    await_words(1);
    fixture_fence(instance);
    expect_record("released ");
    ck_assert_int_eq(toni_unwatch(context, watch), TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(toni_cancel_timer(context, watch), TONI_ERR_NOT_FOUND);
}
END_TEST

static void note_events(void *self, void *data, uint32_t events)
{
    (void)data;
    note(events == TONI_WRITABLE                     ? "writable"
         : events == (TONI_READABLE | TONI_WRITABLE) ? "both"
                                                     : "readable");
    (void)toni_unwatch(self, watch);
}

START_TEST(it_tells_what_it_is_ready_for)
{
    lock_take(&instance->lock); /* `watch` is set before it runs */
    watch = toni_watch(context, ends[0], TONI_READABLE | TONI_WRITABLE, note_events, NULL, NULL);
    lock_give(&instance->lock);
    await_words(1);
    expect_record("writable ");
    say("a");
    lock_take(&instance->lock);
    watch = toni_watch(context, ends[0], TONI_READABLE | TONI_WRITABLE, note_events, NULL, NULL);
    lock_give(&instance->lock);
    await_words(1);
    expect_record("both ");
    lock_take(&instance->lock);
    watch = toni_watch(context, ends[0], TONI_READABLE, note_events, NULL, NULL);
    lock_give(&instance->lock);
    await_words(1);
    expect_record("readable ");
    fixture_fence(instance);
}
END_TEST

START_TEST(what_can_not_be_watched_is_refused)
{
    const int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    const int closed = dup(file);
    close(closed);
    ck_assert_int_eq(toni_watch(context, file, TONI_READABLE, take_one, NULL, on_release),
                     TONI_ERR_INVALID); /* epoll: EPERM */
    ck_assert_int_eq(toni_watch(context, closed, TONI_READABLE, take_one, NULL, on_release),
                     TONI_ERR_INVALID);
    ck_assert_int_eq(toni_watch(context, -1, TONI_READABLE, take_one, NULL, on_release),
                     TONI_ERR_INVALID);
    ck_assert_int_eq(toni_watch(context, ends[0], 0, take_one, NULL, on_release), TONI_ERR_INVALID);
    ck_assert_int_eq(toni_watch(context, ends[0], 4, take_one, NULL, on_release), TONI_ERR_INVALID);
    ck_assert_int_eq(toni_watch(context, ends[0], TONI_READABLE, NULL, NULL, on_release),
                     TONI_ERR_INVALID);
    ck_assert_int_ge(fcntl(file, F_GETFD), 0); /* it was not closed */
    close(file);
    fixture_fence(instance);
    expect_record("");
    ck_assert_uint_eq(counter_read(&instance->figures->watches_active), 0);
}
END_TEST

static size_t open_descriptors(void)
{
    size_t count = 0;
    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static int64_t watch_quietly(struct instance *of)
{
    return toni_watch(instance_context(of), ends[0], TONI_READABLE, take_one, "", on_release);
}

START_TEST(they_are_bounded)
{
    const size_t before = open_descriptors();
    struct instance *second = fixture_make(&fixture), *third = fixture_make(&fixture);
    for (int i = 0; i < TONI_WATCHES_MOST; i++) {
        ck_assert_int_gt(watch_quietly(instance), 0);
        ck_assert_int_gt(watch_quietly(second), 0);
    }
    ck_assert_int_eq(watch_quietly(instance), TONI_ERR_LIMIT);
    ck_assert_int_eq(watch_quietly(third),
                     WATCHES_MOST > 2 * TONI_WATCHES_MOST ? 1 : TONI_ERR_LIMIT);
    ck_assert_uint_eq(open_descriptors(), before + 2 * TONI_WATCHES_MOST);
    instance_destroy(second);
    ck_assert_uint_eq(open_descriptors(), before + TONI_WATCHES_MOST);
    ck_assert_int_gt(watch_quietly(third), 0);
    instance_destroy(third);
}
END_TEST

START_TEST(the_end_of_the_instance_cancels)
{
    struct instance *other = fixture_make(&fixture);
    const size_t before = open_descriptors();
    ck_assert_int_gt(
        toni_watch(instance_context(other), ends[0], TONI_READABLE, take_one, "over", on_release),
        0);
    ck_assert_uint_eq(open_descriptors(), before + 1);
    tasks_close(other); /* as at a swap: what is ready from now on does not run */
    say("a");
    ck_assert_int_eq(watch_quietly(other), TONI_ERR_CLOSING);
    ck_assert_int_ge(fcntl(ends[0], F_GETFD), 0);
    fixture_fence(instance);
    expect_record("");
    instance_destroy(other);
    expect_record("over ");
    ck_assert_uint_eq(open_descriptors(), before);
}
END_TEST

START_TEST(those_of_create_wait_for_its_end)
{
    fixture.setup.is_held = true;
    struct instance *held = fixture_make(&fixture);
    say("a");
    watch = toni_watch(instance_context(held), ends[0], TONI_READABLE, take_one, NULL, on_release);
    ck_assert_int_gt(watch, 0);
    fixture_fence(instance);
    expect_record("");
    tasks_open(held);
    await_words(1);
    expect_record("a ");
    instance_destroy(held);
    expect_record("released ");
}
END_TEST

static void cancel_itself(void *self, void *data, uint32_t events)
{
    (void)events;
    note("x");
    ck_assert_int_eq(toni_unwatch(self, *(const int64_t *)data), TONI_OK);
}

/* One thread cancels what another has ready all the time: it runs, or is cancelled, and never both
 * after one another. */
START_TEST(cancelling_meets_what_is_on_its_way)
{
    static int64_t ids[1000];
    size_t ran = 0;
    say("x");
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        lock_take(&instance->lock); /* so that it knows its number */
        ids[i] = toni_watch(context, ends[0], TONI_READABLE, cancel_itself, &ids[i], NULL);
        lock_give(&instance->lock);
        ck_assert_int_gt(ids[i], 0);
        lock_take(&instance->lock); /* as a callback has it */
        const bool is_cancelled = i % 3 > 0 && toni_unwatch(context, ids[i]) == TONI_OK;
        lock_give(&instance->lock);
        if (is_cancelled) {
            fixture_fence(instance); /* it has been let go of */
            continue;
        }
        await_words(++ran);
    }
    fixture_fence(instance);
    ck_assert_uint_eq(counter_read(&instance->figures->watches_active), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("instance_watches");
    TCase *cases = tcase_create("all");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, it_runs_while_there_is_something);
    tcase_add_test(cases, at_the_end_it_cancels_itself);
    tcase_add_test(cases, a_plugin_that_closes_its_descriptor_harms_nothing);
    tcase_add_test(cases, what_is_watched_stays_open_until_it_is_cancelled);
    tcase_add_test(cases, a_cancelled_one_does_not_run);
    tcase_add_test(cases, it_tells_what_it_is_ready_for);
    tcase_add_test(cases, what_can_not_be_watched_is_refused);
    tcase_add_test(cases, they_are_bounded);
    tcase_add_test(cases, the_end_of_the_instance_cancels);
    tcase_add_test(cases, those_of_create_wait_for_its_end);
    tcase_add_test(cases, cancelling_meets_what_is_on_its_way);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
