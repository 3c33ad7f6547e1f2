/* What the lanes count: who was targeted, what was queued, written, dropped and why, what waits.
 * That each message is counted once at its end the fixture requires after every test of
 * core/rooms. */
#include "rooms_fixture.h"
#include "runner.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct fixture fixture;
static toni_connections *connections;
static struct peer *peers[8];
static size_t peer_count;
static struct limits limits;
static struct connections_figures figures;

static void set_up(void)
{
    limits = limits_default();
    limits.outbox_messages = 3;
    limits.pending_bytes_per_room = 1000;
    fixture_init(&fixture, &limits, 2);
    connections = fixture.connections;
    peer_count = 0;
}

static void tear_down(void)
{
    fixture_turn(&fixture);
    for (size_t i = 0; i < peer_count; i++)
        peer_destroy(&fixture, peers[i]);
    fixture_finish(&fixture);
}

static struct peer *add(uint32_t lane)
{
    return peers[peer_count++] = peer_connect(&fixture, lane);
}

static struct peer *member(uint32_t lane, const char *room)
{
    struct peer *peer = add(lane);
    ck_assert_int_eq(toni_join_room(connections, peer->id, toni_str_of(room)), TONI_OK);
    return peer;
}

static int32_t broadcast(const char *room, const char *text)
{
    return toni_broadcast_to_roomf(connections, toni_str_of(room), "%s", text);
}

static int32_t send_text(const struct peer *peer, const char *text)
{
    toni_message message = toni_text(toni_str_of(text));
    return toni_send_to_client(connections, peer->id, &message);
}

static int32_t send_target(toni_target *target, const char *text)
{
    toni_message message = toni_text(toni_str_of(text));
    return toni_target_send(target, &message);
}

static void turn(void)
{
    fixture_turn(&fixture);
}

/* Reads the figures anew. */
static void read_figures(void)
{
    connections_figures(connections, &figures);
}

#define COUNTED(figure, number) ck_assert_uint_eq(figures.figure, number)

START_TEST(nothing_at_the_beginning)
{
    static const struct connections_figures none = {0};
    read_figures();
    ck_assert_mem_eq(&figures, &none, sizeof none);
}
END_TEST

START_TEST(a_broadcast_counts_each_member_of_all_lanes)
{
    member(0, "r");
    member(1, "r");
    member(1, "r");
    member(0, "s");
    ck_assert_int_eq(broadcast("r", "12345"), 3);
    read_figures();
    COUNTED(targeted, 3); /* at once */
    COUNTED(queued, 0);
    turn();
    ck_assert_int_eq(broadcast("r", "x"), 3);
    ck_assert_int_eq(broadcast("r", "y"), 3); /* the same command */
    turn();
    read_figures();
    COUNTED(targeted, 9);
    COUNTED(queued, 9);
    COUNTED(sent, 9);
    COUNTED(sent_bytes, 3 * (7 + 3 + 3));
    COUNTED(outbox_messages, 0);
    ck_assert_uint_eq(fixture_dropped(connections), 0);
    ck_assert_uint_eq(atomic_load(&connections->memberships), 4);
}
END_TEST

START_TEST(a_spread_counts_each_client_once)
{
    struct peer *both = member(0, "r");
    member(1, "s");
    ck_assert_int_eq(toni_join_room(connections, both->id, toni_str_of("s")), TONI_OK);
    toni_target *target = toni_to_room(connections, toni_str_of("r"));
    toni_target_to_room(target, toni_str_of("s"));
    ck_assert_int_eq(send_target(target, "x"), 2);
    turn();
    read_figures();
    COUNTED(targeted, 2);
    COUNTED(queued, 2);
    COUNTED(sent, 2);
    COUNTED(sent_bytes, 6);
}
END_TEST

START_TEST(direct_sends_count)
{
    struct peer *peer = add(0);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(send_text(peer, "x"), TONI_OK);
    ck_assert_int_eq(send_text(peer, "x"), TONI_ERR_FULL);
    turn();
    read_figures();
    COUNTED(targeted, 3);
    COUNTED(sent, 3);
    ck_assert_uint_eq(counter_read(&connections->refused_sends[REFUSED_FULL]), 1);
}
END_TEST

START_TEST(what_waits_is_shown)
{
    struct peer *peer = member(0, "r");
    struct peer *other = member(1, "r");
    peer->socket.window = other->socket.window = 1;
    broadcast("r", "x"); /* its rest is the socket's, not the outbox's */
    turn();
    broadcast("r", "12345");
    turn();
    read_figures();
    COUNTED(queued, 4);
    COUNTED(sent, 2);
    COUNTED(outbox_messages, 2);
    COUNTED(outbox_bytes, 14);
    peer_take(peer, WINDOW_OPEN);
    read_figures();
    COUNTED(sent, 3);
    COUNTED(outbox_messages, 1);
    COUNTED(outbox_bytes, 7);
    peer_lose(other);
    read_figures();
    COUNTED(outbox_bytes, 0);
    COUNTED(dropped[DROP_CLOSED], 1);
}
END_TEST

START_TEST(a_slow_consumer_loses_what_waits)
{
    struct peer *peer = member(0, "r");
    peer->socket.window = 1;
    for (int i = 0; i < 6; i++) {
        broadcast("r", "x");
        turn();
    }
    ck_assert(!client_is_open(peer->client));
    ck_assert(peer->client->receiver.slow);
    read_figures();
    COUNTED(targeted, 6);
    COUNTED(sent, 1);
    COUNTED(dropped[DROP_SLOW_CONSUMER], 5);
    COUNTED(outbox_messages, 1); /* its close frame */
    peer_take(peer, WINDOW_OPEN);
    read_figures();
    COUNTED(sent, 1); /* that is no message */
    COUNTED(sent_bytes, 3 + 2 + 2 + strlen("slow consumer"));
}
END_TEST

START_TEST(what_comes_after_a_close_is_dropped)
{
    struct peer *peer = member(0, "r");
    broadcast("r", "x");
    ck_assert_int_eq(toni_close_client(connections, peer->id, 1000, toni_str_of("")), TONI_OK);
    turn();
    read_figures();
    COUNTED(sent, 1);
    COUNTED(sent_bytes, 3 + 4);

    struct peer *lost = member(0, "r");
    broadcast("r", "x");
    client_untarget(lost->client);
    client_discard(lost->client);
    turn();
    read_figures();
    COUNTED(targeted, 2);
    COUNTED(queued, 1);
    COUNTED(dropped[DROP_CLOSING], 1);
}
END_TEST

START_TEST(a_close_at_once_drops_what_waits)
{
    struct peer *peer = member(0, "r");
    broadcast("r", "x");
    lane_flush(&connections->lanes[0]);
    peer->socket.window = 0;
    broadcast("r", "x");
    turn();
    broadcast("r", "x");
    turn();
    client_close_now(peer->client, 1011, toni_str_of("fault"));
    read_figures();
    COUNTED(sent, 2);
    COUNTED(dropped[DROP_CLOSED], 1);
    ck_assert(!peer->client->receiver.slow);
}
END_TEST

START_TEST(refused_broadcasts_count)
{
    char text[901];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    member(0, "r");
    ck_assert_int_eq(broadcast("r", text), 1);
    ck_assert_int_eq(broadcast("r", text), TONI_ERR_BUSY);
    ck_assert_int_eq(send_target(toni_to_room(connections, toni_str_of("r")), text), TONI_ERR_BUSY);
    ck_assert_uint_eq(counter_read(&connections->refused_busy), 2);
    turn();
    read_figures();
    COUNTED(targeted, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rooms/figures");
    TCase *cases = tcase_create("all");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, nothing_at_the_beginning);
    tcase_add_test(cases, a_broadcast_counts_each_member_of_all_lanes);
    tcase_add_test(cases, a_spread_counts_each_client_once);
    tcase_add_test(cases, direct_sends_count);
    tcase_add_test(cases, what_waits_is_shown);
    tcase_add_test(cases, a_slow_consumer_loses_what_waits);
    tcase_add_test(cases, what_comes_after_a_close_is_dropped);
    tcase_add_test(cases, a_close_at_once_drops_what_waits);
    tcase_add_test(cases, refused_broadcasts_count);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
