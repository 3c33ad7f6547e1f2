/* Handshakes' share of a turn: who waits for a step, in which order, and for how long. What a step
 * does, and how long it takes, is the test's to say; so is the clock. The sockets are real. */
#include "net/stream.h"
#include "shaking_steps.h"

#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS (TLS_SHAKING_TOLD + 2)

struct client {
    struct stream stream; /* first */
    int peer;
    unsigned reads; /* that it was told of */
    bool is_open, is_gone;
};

static struct client clients[CLIENTS];
static struct streams streams;
static struct secure_totals totals;
static uv_loop_t loop;

static enum secure_step result;

/* The linker makes these names. NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c) */
enum secure_step __wrap_secure_shake(struct secure *secure);

enum secure_step __wrap_secure_shake(struct secure *secure)
{
    struct client *client = secure->stream;
    uint8_t byte;
    note_step((unsigned)(client - clients));
    (void)recv(client->stream.fd, &byte, 1, MSG_DONTWAIT);
    if (result == SECURE_STEP_DONE)
        secure->state = SECURE_OPEN;
    return result;
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c) */

/* --- The clients */

static void on_ready(struct stream *stream, unsigned events)
{
    struct client *client = (struct client *)stream;
    if (events & STREAM_READ)
        client->reads++;
}

static void on_gone(struct stream *stream)
{
    ((struct client *)stream)->is_gone = true;
}

static const struct stream_owner owner = {on_ready, on_gone};

static void set_up(void)
{
    steps_begin();
    result = SECURE_STEP_WAITS;
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    ck_assert_int_eq(streams_init(&streams, &totals), 0);
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct client *client = &clients[i];
        int ends[2];
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        *client = (struct client){.peer = ends[1], .is_open = true};
        ck_assert_int_eq(stream_open(&client->stream, &loop, ends[0], &owner), 0);
        ck_assert_int_eq(stream_secure(&client->stream, &streams, NULL, NULL, ""), 0);
    }
}

static void close_client(unsigned number)
{
    stream_close(&clients[number].stream);
    clients[number].is_open = false;
}

static void tear_down(void)
{
    for (unsigned i = 0; i < CLIENTS; i++) {
        if (clients[i].is_open)
            close_client(i);
        close(clients[i].peer);
    }
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    for (unsigned i = 0; i < CLIENTS; i++)
        ck_assert(clients[i].is_gone);
    ck_assert(!streams_wait(&streams));
    streams_finish(&streams);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
}

/* --- What happens */

/* The loop hears of one after the other. */
static void say(unsigned number)
{
    ck_assert_int_eq(send(clients[number].peer, "x", 1, MSG_NOSIGNAL), 1);
    (void)uv_run(&loop, UV_RUN_NOWAIT);
}

static void say_in_order(unsigned first, unsigned end)
{
    for (unsigned i = first; i < end; i++)
        say(i);
}

/* A turn's end; what came before it has taken so long. @return How many steps it had. */
static unsigned end_turn(uint64_t took_ns)
{
    const unsigned before = step_count;
    const uint64_t began_ns = now_ns;
    now_ns += took_ns;
    streams_go_on(&streams, began_ns);
    return step_count - before;
}

/* --- Tests */

/* So a message that comes while 30 handshakes wait is behind one step, not 30. */
START_TEST(a_turn_has_one_step_and_who_came_first_has_it)
{
    say_in_order(0, 4);
    ck_assert_uint_eq(step_count, 0); /* while others may have sent messages */
    for (unsigned i = 0; i < 4; i++) {
        ck_assert(streams_wait(&streams));
        ck_assert_uint_eq(end_turn(0), 1);
    }
    EXPECT_STEPS(0, 1, 2, 3);
    ck_assert(!streams_wait(&streams));
    ck_assert_uint_eq(end_turn(0), 0);
}
END_TEST

START_TEST(steps_that_take_little_fill_the_share)
{
    step_ns = TLS_SHAKING_NS / 4;
    say_in_order(0, 6);
    ck_assert_uint_eq(end_turn(0), 4);
    ck_assert_uint_eq(end_turn(0), 2);
    EXPECT_STEPS(0, 1, 2, 3, 4, 5);
}
END_TEST

/* With messages for 8 ms in each turn one step would be 120 a second. */
START_TEST(a_long_turn_leaves_them_a_part)
{
    step_ns = 500 * US;
    say_in_order(0, CLIENTS);
    ck_assert_uint_eq(end_turn((uint64_t)8 * MS), 8 * MS / TLS_SHAKING_PART / step_ns);
    ck_assert_uint_eq(end_turn((uint64_t)TLS_SHAKING_PART * step_ns), 1);
    EXPECT_STEPS(0, 1, 2, 3, 4);
}
END_TEST

START_TEST(one_that_comes_again_and_again_is_behind_all_that_wait)
{
    say_in_order(0, 3);
    for (unsigned i = 0; i < 4; i++) {
        (void)end_turn(0);
        say(0);
    }
    EXPECT_STEPS(0, 1, 2, 0);
}
END_TEST

/* Told in each turn of thousands that can be read a worker would do little else. */
START_TEST(where_many_wait_their_sockets_tell_no_more)
{
    say_in_order(0, CLIENTS);
    ck_assert_uint_eq(end_turn(0), 1);
    (void)uv_run(&loop, UV_RUN_NOWAIT);
    for (unsigned i = 1; i < CLIENTS; i++)
        ck_assert_uint_eq(clients[i].stream.wants, 0);
    for (unsigned i = 1; i < CLIENTS; i++) {
        ck_assert_uint_eq(end_turn(0), 1);
        ck_assert_uint_eq(clients[i].stream.wants, STREAM_READ);
    }
    say(1);
    ck_assert_uint_eq(end_turn(0), 1);
    ck_assert_uint_eq(steps[CLIENTS], 1);
}
END_TEST

START_TEST(where_few_wait_nothing_is_asked_of_the_kernel)
{
    say_in_order(0, TLS_SHAKING_TOLD);
    (void)uv_run(&loop, UV_RUN_NOWAIT);
    for (unsigned i = 0; i < TLS_SHAKING_TOLD; i++) {
        ck_assert_uint_eq(clients[i].stream.wants, STREAM_READ);
        ck_assert_uint_eq(end_turn(0), 1); /* told twice, it waits once */
        ck_assert_uint_eq(clients[i].stream.wants, STREAM_READ);
    }
    ck_assert(!streams_wait(&streams));
}
END_TEST

/* Its time is over, its peer has gone, or the host stops: the first, one in the middle, the last.
 */
START_TEST(one_that_is_closed_leaves_the_queue)
{
    static const unsigned expected[][3] = {{1, 2, 3}, {0, 2, 3}, {0, 1, 3}, {0, 1, 2}};
    say_in_order(0, 4);
    close_client((unsigned)_i);
    (void)uv_run(&loop, UV_RUN_NOWAIT);
    ck_assert(clients[_i].is_gone);
    for (unsigned i = 0; i < 3; i++)
        ck_assert_uint_eq(end_turn(0), 1);
    ck_assert(!streams_wait(&streams));
    expect_steps(expected[_i], 3);
    say(4); /* the queue's end is where it should be */
    ck_assert_uint_eq(end_turn(0), 1);
}
END_TEST

START_TEST(all_may_be_closed_while_they_wait)
{
    say_in_order(0, CLIENTS);
    for (unsigned i = 0; i < CLIENTS; i++)
        close_client(i);
    ck_assert(!streams_wait(&streams));
    ck_assert_uint_eq(end_turn(0), 0);
}
END_TEST

/* Its place is another's, who waits for it. */
START_TEST(one_that_was_ended_for_another_goes_before_all_steps)
{
    ck_assert_int_eq(places_init(&totals.places, "tls_handshakes", CLIENTS, 0), 0);
    say(0);
    struct secure *secure = clients[1].stream.secure;
    secure->state = SECURE_SHAKING;
    secure->place = calloc(1, sizeof *secure->place);
    secure->place->is_ended = true;
    say(1);
    ck_assert_uint_eq(clients[1].reads, 1);
    ck_assert(clients[1].stream.is_broken);
    ck_assert_uint_eq(step_count, 0);
    close_client(1);
    ck_assert_uint_eq(end_turn(0), 1);
    EXPECT_STEPS(0);
    places_finish(&totals.places);
}
END_TEST

START_TEST(the_owner_hears_when_it_is_over)
{
    result = SECURE_STEP_DONE;
    say(0);
    ck_assert_uint_eq(clients[0].reads, 0);
    ck_assert_uint_eq(end_turn(0), 1);
    ck_assert_uint_eq(clients[0].reads, 1);
    result = SECURE_STEP_FAILED;
    say(1);
    ck_assert_uint_eq(end_turn(0), 1);
    ck_assert_uint_eq(clients[1].reads, 1);
    ck_assert(clients[1].stream.is_broken);
    ck_assert_uint_eq(clients[1].stream.wants, 0);
    result = SECURE_STEP_PLAIN;
    say(2);
    ck_assert_uint_eq(end_turn(0), 1);
    ck_assert_uint_eq(clients[2].reads, 1);
    ck_assert(clients[2].stream.is_mistaken);
}
END_TEST

/* A peer that ends sends no more, but its end is a step as any other: it is read there. */
START_TEST(the_end_of_one_that_waits_is_found_in_its_turn)
{
    result = SECURE_STEP_FAILED;
    say_in_order(0, 2);
    shutdown(clients[1].peer, SHUT_RDWR);
    (void)uv_run(&loop, UV_RUN_NOWAIT);
    ck_assert_uint_eq(clients[1].reads, 0);
    ck_assert_uint_eq(end_turn(0) + end_turn(0), 2);
    EXPECT_STEPS(0, 1);
    ck_assert_uint_eq(clients[1].reads, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shaking");
    TCase *tests = tcase_create("shares");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_turn_has_one_step_and_who_came_first_has_it);
    tcase_add_test(tests, steps_that_take_little_fill_the_share);
    tcase_add_test(tests, a_long_turn_leaves_them_a_part);
    tcase_add_test(tests, one_that_comes_again_and_again_is_behind_all_that_wait);
    tcase_add_test(tests, where_many_wait_their_sockets_tell_no_more);
    tcase_add_test(tests, where_few_wait_nothing_is_asked_of_the_kernel);
    tcase_add_loop_test(tests, one_that_is_closed_leaves_the_queue, 0, 4);
    tcase_add_test(tests, all_may_be_closed_while_they_wait);
    tcase_add_test(tests, one_that_was_ended_for_another_goes_before_all_steps);
    tcase_add_test(tests, the_owner_hears_when_it_is_over);
    tcase_add_test(tests, the_end_of_one_that_waits_is_found_in_its_turn);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
