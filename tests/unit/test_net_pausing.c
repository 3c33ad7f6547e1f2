/* A connection's clocks over a pause: they stand still for it, and none is ever ahead. */
#include "net/connection.h"
#include "net/inbound.h"
#include "net/pausing.h"
#include "runner.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static uint64_t now_ms;
static struct budget budgets[BUDGET_KINDS];
static struct lane lane;
static struct worker worker;
static struct connection connection;
static int peer;

/* The linker makes these names. NOLINTBEGIN(bugprone-reserved-identifier) */
uint64_t __wrap_uv_now(const uv_loop_t *loop);

uint64_t __wrap_uv_now(const uv_loop_t *loop)
{
    (void)loop;
    return now_ms;
}
/* NOLINTEND(bugprone-reserved-identifier) */

static void ignore_event(struct stream *stream, unsigned events)
{
    (void)stream, (void)events;
}

static void ignore_end(struct stream *stream)
{
    (void)stream;
}

static void ignore_timeout(struct timeout *timeout)
{
    (void)timeout;
}

static void ignore_late(struct timeouts *timeouts, uint64_t late_ms)
{
    (void)timeouts, (void)late_ms;
}

static const struct stream_owner owner = {ignore_event, ignore_end};

static void set_up(void)
{
    int ends[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    peer = ends[1];
    for (unsigned kind = 0; kind < BUDGET_KINDS; kind++)
        budget_init(&budgets[kind], (enum budget_kind)kind, UINT64_MAX, 1, NULL, NULL);
    lane = (struct lane){.budgets = budgets};
    worker = (struct worker){.lane = &lane};
    worker.last_resumed = &worker.resumed;
    ck_assert_int_eq(uv_loop_init(&worker.loop), 0);
    timeouts_init(&worker.timeouts, &worker.loop, ignore_timeout, ignore_late);
    connection = (struct connection){.served.worker = &worker, .state = CONNECTION_OPEN};
    ck_assert_int_eq(stream_open(&connection.stream, &worker.loop, ends[0], &owner), 0);
}

static void tear_down(void)
{
    inbound_forget(&connection);
    ck_assert_uint_eq(budget_used(&budgets[BUDGET_INBOUND]), 0);
    timeout_clear(&worker.timeouts, &connection.timeout);
    timeouts_close(&worker.timeouts);
    stream_close(&connection.stream);
    close(peer);
    uv_run(&worker.loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&worker.loop), 0);
}

/* All clocks are these from now on. */
static void set_clocks(uint64_t at_ms)
{
    connection.last_heard_ms = connection.last_message_ms = at_ms;
}

static void check_clocks(uint64_t at_ms)
{
    ck_assert_uint_eq(connection.last_heard_ms, at_ms);
    ck_assert_uint_eq(connection.last_message_ms, at_ms);
}

START_TEST(what_was_before_the_pause_is_as_long_ago_as_then)
{
    set_clocks(1000);
    now_ms = 1500;
    pausing_begin(&connection);
    ck_assert(connection.is_paused);
    connection.inbound->message_began_ms = 1400;
    now_ms = 4500;
    pausing_end(&connection);
    ck_assert(!connection.is_paused);
    check_clocks(4000);
    ck_assert_uint_eq(connection.inbound->message_began_ms, 4400);
}
END_TEST

/* Who takes what waits for it is heard of meanwhile. */
START_TEST(what_came_in_the_pause_is_not_set_ahead)
{
    set_clocks(1000);
    now_ms = 1500;
    pausing_begin(&connection);
    set_clocks(3000);
    connection.inbound->message_began_ms = 3000;
    now_ms = 4500;
    pausing_end(&connection);
    check_clocks(4500);
    ck_assert_uint_eq(connection.inbound->message_began_ms, 4500);
}
END_TEST

START_TEST(what_is_not_paused_is_left_alone)
{
    set_clocks(1000);
    now_ms = 4500;
    pausing_end(&connection);
    check_clocks(1000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net_pausing");
    TCase *cases = tcase_create("clocks");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, what_was_before_the_pause_is_as_long_ago_as_then);
    tcase_add_test(cases, what_came_in_the_pause_is_not_set_ahead);
    tcase_add_test(cases, what_is_not_paused_is_left_alone);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
