/* Handshakes' share of a turn of the front: as that of a worker's, which unit.net_shaking shows.
 * What a step does, and how long it takes, is the test's to say; so is the clock, and its thread is
 * the front's. The sockets are real. */
#include "certificates.h"
#include "http/tls_front_private.h"
#include "shaking_steps.h"
#include "temporary_folder.h"

#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS (TLS_SHAKING_TOLD + 2)
#define LINE 7

static struct tls_front *front;
static struct tls_door door;
static struct tls_figures figures;
static struct places places;
static struct {
    int fd, peer;
} clients[CLIENTS];
static unsigned lost; /* how many clients the door has heard of */

static enum tls_progress result;

/* @return Whose socket it is. */
static unsigned number_of(int fd)
{
    for (unsigned i = 0; i < CLIENTS; i++) {
        if (clients[i].fd == fd)
            return i;
    }
    ck_abort_msg("nobody has the socket %d", fd);
}

static struct tls_relay *relay_of(unsigned number)
{
    for (struct tls_relay *each = front->first; each; each = each->next) {
        if (each->is.fd == clients[number].fd)
            return each;
    }
    return NULL;
}

/* The linker makes these names. NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c) */
enum tls_progress __wrap_tls_session_shake(const struct tls_session *session,
                                           enum tls_failure *why);
int __wrap_uv_thread_create(const uv_thread_t *thread, uv_thread_cb entry, void *data);
int __wrap_uv_thread_join(const uv_thread_t *thread);

enum tls_progress __wrap_tls_session_shake(const struct tls_session *session, enum tls_failure *why)
{
    const struct tls_relay *relay = front->first;
    uint8_t byte;
    while (relay->session != session)
        relay = relay->next;
    note_step(number_of(relay->is.fd));
    (void)recv(relay->is.fd, &byte, 1, MSG_DONTWAIT);
    *why = TLS_FAILED_PROTOCOL;
    return result;
}

int __wrap_uv_thread_create(const uv_thread_t *thread, uv_thread_cb entry, void *data)
{
    (void)thread, (void)entry, (void)data;
    return 0;
}

int __wrap_uv_thread_join(const uv_thread_t *thread)
{
    (void)thread;
    return uv_run(&front->loop, UV_RUN_DEFAULT);
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c) */

/* --- The front and its clients */

static void on_lost(void *data)
{
    (void)data;
    lost++;
}

static void make_port(void)
{
    const struct value_place at = {.file = "gateways.conf", .line = LINE};
    struct made host = made_create(&(struct recipe){.name = "host.example"});
    made_write(testing_path("host.pem"), (const struct made *const[]){&host, NULL});
    made_write_key(testing_path("host.key"), &host, 0600);
    made_finish(&host);
    struct value *group = value_group_create(at);
    value_add_string(group, "certificate", at, "host.pem");
    value_add_string(group, "key", at, "host.key");
    struct tls_context *context = tls_context_create(group, test_folder, &faults);
    value_destroy(group);
    ck_assert_ptr_nonnull(context);
    tls_port_init(&door.port, context);
    tls_context_unref(context);
}

static void turn(void)
{
    (void)uv_run(&front->loop, UV_RUN_NOWAIT);
}

static void set_up(void)
{
    testing_setup();
    steps_begin();
    result = TLS_WAITS;
    lost = 0;
    ck_assert_int_eq(places_init(&places, "listen.http", CLIENTS, 0), 0);
    door = (struct tls_door){.places = &places, .lost = on_lost};
    make_port();
    front = door.front = tls_front_create(60000, &figures);
    ck_assert_ptr_nonnull(front);
    for (unsigned i = 0; i < CLIENTS; i++) {
        int ends[2];
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends),
                         0);
        clients[i].fd = ends[0];
        clients[i].peer = ends[1];
        tls_front_take(&door, &(struct tls_newcomer){.fd = ends[0], .peer.ss_family = AF_UNIX});
    }
    turn(); /* has them all */
    turn(); /* listens to them */
}

static void tear_down(void)
{
    tls_front_refuse(front);
    tls_front_destroy(front, 0);
    ck_assert_uint_eq(lost, CLIENTS);
    ck_assert_uint_eq(places_count_addresses(&places), 0);
    for (unsigned i = 0; i < CLIENTS; i++)
        close(clients[i].peer);
    tls_port_finish(&door.port);
    places_finish(&places);
    testing_teardown();
}

/* --- What happens */

/* All in one turn. */
static void say_in_order(unsigned first, unsigned end)
{
    for (unsigned i = first; i < end; i++)
        ck_assert_int_eq(send(clients[i].peer, "\x16", 1, MSG_NOSIGNAL), 1);
    turn();
}

/* The turn ends; what came before that has taken so long. @return How many steps it had. */
static unsigned end_turn(uint64_t took_ns)
{
    const unsigned before = step_count;
    now_ns += took_ns;
    turn();
    return step_count - before;
}

/* --- Tests */

/* So a request that comes while 30 handshakes wait is behind one step, not ten. */
START_TEST(a_turn_has_one_step_and_who_came_first_has_it)
{
    say_in_order(0, 4);
    ck_assert_uint_eq(step_count, 0); /* while others may have sent requests */
    for (unsigned i = 0; i < 4; i++)
        ck_assert_uint_eq(end_turn(0), 1);
    EXPECT_STEPS(0, 1, 2, 3);
    ck_assert_uint_eq(end_turn(0), 0);
}
END_TEST

START_TEST(a_long_turn_leaves_them_a_part)
{
    step_ns = 500 * US;
    say_in_order(0, CLIENTS);
    ck_assert_uint_eq(end_turn((uint64_t)8 * MS), 8 * MS / TLS_SHAKING_PART / step_ns);
    ck_assert_uint_eq(end_turn(0), 1);
    EXPECT_STEPS(0, 1, 2, 3, 4);
}
END_TEST

START_TEST(where_many_wait_their_sockets_tell_no_more)
{
    say_in_order(0, CLIENTS);
    ck_assert_uint_eq(end_turn(0), 1);
    for (unsigned i = 1; i < CLIENTS; i++)
        ck_assert_int_eq(relay_of(i)->client_events, 0);
    for (unsigned i = 1; i < CLIENTS; i++) {
        ck_assert_uint_eq(end_turn(0), 1);
        ck_assert_int_eq(relay_of(i)->client_events, UV_READABLE);
    }
    say_in_order(1, 2);
    ck_assert_uint_eq(end_turn(0), 1);
    ck_assert_uint_eq(steps[CLIENTS], 1);
}
END_TEST

START_TEST(where_few_wait_nothing_is_asked_of_the_kernel)
{
    say_in_order(0, TLS_SHAKING_TOLD);
    for (unsigned i = 0; i < TLS_SHAKING_TOLD; i++) {
        ck_assert_int_eq(relay_of(i)->client_events, UV_READABLE);
        ck_assert_uint_eq(end_turn(0), 1); /* told twice, it waits once */
        ck_assert_int_eq(relay_of(i)->client_events, UV_READABLE);
    }
    ck_assert_uint_eq(end_turn(0), 0);
}
END_TEST

/* Its place is another's, who waits for it. */
START_TEST(one_that_was_ended_for_another_goes_before_all_steps)
{
    say_in_order(0, 2);
    struct tls_relay *relay = relay_of(1);
    relay->place.is_ended = true;
    places.ending = 1;
    turn(); /* it is told of what it has not read */
    ck_assert_uint_eq(lost, 1);
    ck_assert_ptr_null(relay_of(1));
    ck_assert_uint_eq(end_turn(0), 0);
    EXPECT_STEPS(0);
}
END_TEST

START_TEST(one_that_fails_is_told_in_its_turn)
{
    char byte;
    result = TLS_FAILED;
    say_in_order(0, 2);
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_int_eq(recv(clients[i].peer, &byte, 1, 0), -1);
        ck_assert_uint_eq(end_turn(0), 1);
        ck_assert_int_eq(recv(clients[i].peer, &byte, 1, 0), 0);
    }
    ck_assert_uint_eq(counter_read(&figures.failed[TLS_FAILED_PROTOCOL]), 2);
}
END_TEST

/* The host stops; see tear_down(). */
START_TEST(all_may_be_ended_while_they_wait)
{
    say_in_order(0, CLIENTS);
    ck_assert_uint_eq(step_count, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http shaking");
    TCase *tests = tcase_create("shares");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_turn_has_one_step_and_who_came_first_has_it);
    tcase_add_test(tests, a_long_turn_leaves_them_a_part);
    tcase_add_test(tests, where_many_wait_their_sockets_tell_no_more);
    tcase_add_test(tests, where_few_wait_nothing_is_asked_of_the_kernel);
    tcase_add_test(tests, one_that_was_ended_for_another_goes_before_all_steps);
    tcase_add_test(tests, one_that_fails_is_told_in_its_turn);
    tcase_add_test(tests, all_may_be_ended_while_they_wait);
    suite_add_tcase(suite, tests);
    return testing_run(suite);
}
