/* What a client finds that did not read for a while, under each policy for full outboxes. In
 * memory; lanes turn when the test says so. The order of many operations is test_rooms_model's. */
#include "rooms_fixture.h"
#include "runner.h"

#include <stdlib.h>
#include <string.h>

static struct fixture fixture;
static toni_connections *connections;
static struct limits limits;
static struct gateway_figures gateway;
static struct peer *peer;

/* One client, that reads nothing until it is told to, in the rooms `r` and `s`. */
static void begin(enum outbox_policy policy, uint64_t messages, uint64_t bytes)
{
    limits = limits_default();
    limits.outbox_policy = policy;
    limits.outbox_messages = messages;
    limits.outbox_bytes = bytes;
    gateway = (struct gateway_figures){0};
    fixture_init(&fixture, &limits, 1);
    connections = fixture.connections;
    peer = peer_connect(&fixture, 0);
    peer->client->receiver.gateway_figures = &gateway;
    peer->socket.window = 0;
    ck_assert_int_eq(toni_join_room(connections, peer->id, toni_str_of("r")), TONI_OK);
    ck_assert_int_eq(toni_join_room(connections, peer->id, toni_str_of("s")), TONI_OK);
}

static void finish(void)
{
    fixture_turn(&fixture);
    if (!peer->finished)
        peer_lose(peer);
    fixture_turn(&fixture);
    peer_destroy(&fixture, peer);
    fixture_finish(&fixture);
}

static void broadcast(const char *room, const char *text)
{
    ck_assert_int_eq(toni_broadcast_to_roomf(connections, toni_str_of(room), "%s", text), 1);
}

static int32_t send_text(const char *text)
{
    toni_message message = toni_text(toni_str_of(text));
    return toni_send_to_client(connections, peer->id, &message);
}

/* Each of the texts to `r`, and a turn after each: the first is in the socket's rest from then on,
 * and does not belong to the outbox any more. */
static void broadcast_each(const char *texts)
{
    for (; *texts; texts++) {
        const char text[] = {*texts, '\0'};
        broadcast("r", text);
        fixture_turn(&fixture);
    }
}

static void check_received(const char *texts)
{
    peer_take(peer, WINDOW_OPEN);
    fixture_turn(&fixture);
    ck_assert_str_eq(peer_texts(peer), texts);
}

static uint64_t dropped(enum drop_reason reason)
{
    struct connections_figures figures;
    connections_figures(connections, &figures);
    ck_assert_uint_eq(figures.dropped[reason], counter_read(&gateway.dropped[reason]));
    return figures.dropped[reason];
}

static void check_dropped_in(const char *room, const toni_room_info *expected)
{
    toni_room_info *info;
    ck_assert_int_eq(toni_get_room(connections, toni_str_of(room), &info), TONI_OK);
    ck_assert_uint_eq(info->dropped_slow_consumer, expected->dropped_slow_consumer);
    ck_assert_uint_eq(info->dropped_oldest, expected->dropped_oldest);
    ck_assert_uint_eq(info->dropped_newest, expected->dropped_newest);
    ck_assert_uint_eq(info->dropped_not_latest, expected->dropped_not_latest);
    toni_room_info_destroy(info);
}

/* What a room lost: the counts that are not named are 0. */
#define CHECK_DROPPED_IN(room, ...) check_dropped_in(room, &(toni_room_info){__VA_ARGS__})
#define CHECK_NOTHING_DROPPED_IN(room) check_dropped_in(room, &(toni_room_info){0})

static uint64_t dropped_of_client(void)
{
    toni_client_info *info;
    ck_assert_int_eq(toni_get_client(connections, peer->id, &info), TONI_OK);
    uint64_t count = info->dropped_messages;
    toni_client_info_destroy(info);
    return count;
}

/* --- drop_oldest */

START_TEST(drop_oldest_keeps_the_newest)
{
    begin(OUTBOX_DROP_OLDEST, 3, 1000);
    broadcast_each("123456789");
    check_received("1|6|7|8|9"); /* three, and what came in the last turn */
    ck_assert_uint_eq(dropped(DROP_OLDEST), 4);
    CHECK_DROPPED_IN("r", .dropped_oldest = 4);
    CHECK_NOTHING_DROPPED_IN("s");
    ck_assert_uint_eq(dropped_of_client(), 4);
    ck_assert(client_is_open(peer->client));
    finish();
}
END_TEST

/* A socket that is full keeps nothing but the rest of what it has begun to take. */
START_TEST(what_a_full_socket_has_not_begun_may_be_dropped)
{
    static const struct {
        uint64_t window;
        const char *received;
        uint64_t dropped;
    } cases[] = {
        {0, "6|7|8|9", 5}, {1, "1|6|7|8|9", 4}, {3, "1|6|7|8|9", 4}, {4, "1|2|6|7|8|9", 3}};

    begin(OUTBOX_DROP_OLDEST, 3, 1000);
    peer->socket.sips = true;
    peer->socket.window = cases[_i].window;
    broadcast_each("123456789");
    check_received(cases[_i].received);
    ck_assert_uint_eq(dropped(DROP_OLDEST), cases[_i].dropped);
    finish();
}
END_TEST

/* One that keeps nothing: what it has begun to take goes on, and counts as what waits. */
START_TEST(what_is_cut_in_the_middle_goes_on)
{
    static const struct {
        uint64_t window;
        const char *received;
        uint64_t dropped;
    } cases[] = {{0, "6|7|8|9", 5}, {1, "1|7|8|9", 5}, {3, "1|6|7|8|9", 4}, {4, "1|2|7|8|9", 4}};

    begin(OUTBOX_DROP_OLDEST, 3, 1000);
    peer->socket.cuts = true;
    peer->socket.window = cases[_i].window;
    broadcast_each("123456789");
    check_received(cases[_i].received);
    ck_assert_uint_eq(dropped(DROP_OLDEST), cases[_i].dropped);
    finish();
}
END_TEST

/* The messages of one turn are one batch: the second of them is cut, and the others are dropped. */
START_TEST(what_is_cut_in_the_middle_of_a_batch_goes_on_alone)
{
    static const struct {
        enum outbox_policy policy;
        const char *received;
    } cases[] = {{OUTBOX_DROP_OLDEST, "1|2|8"},
                 {OUTBOX_DROP_NEWEST, "1|2|3|4|5|6|7"},
                 {OUTBOX_LATEST, "1|2|8"},
                 {OUTBOX_CLOSE, "1|2|<1008 slow consumer>"}};

    begin(cases[_i].policy, 1, 1000);
    peer->socket.cuts = true;
    peer->socket.window = 4;
    for (const char *text = "1234567"; *text; text++)
        broadcast("r", (const char[]){*text, '\0'});
    fixture_turn(&fixture);
    broadcast_each("8");
    check_received(cases[_i].received);
    finish();
}
END_TEST

/* A pong goes behind what waits, and is no message. */
START_TEST(control_frames_are_in_order_and_no_messages)
{
    begin(OUTBOX_DROP_OLDEST, 2, 1000);
    broadcast_each("1");
    ck_assert_int_eq(client_send_control(peer->client, FRAME_PONG, "a", 1), 0);
    ck_assert_int_eq(send_text("x"), TONI_OK);
    ck_assert_int_eq(client_send_control(peer->client, FRAME_PONG, "b", 1), 0);
    broadcast_each("2345");
    ck_assert_uint_eq(peer->client->receiver.outbox.controls, 2);
    for (int i = 2; i < OUTBOX_CONTROLS_MAX; i++)
        ck_assert_int_eq(client_send_control(peer->client, FRAME_PONG, "c", 1), 0);
    for (const char *late = "def"; *late; late++)
        ck_assert_int_eq(client_send_control(peer->client, FRAME_PONG, late, 1), 0);
    ck_assert_uint_eq(peer->client->receiver.outbox.controls, OUTBOX_CONTROLS_MAX);
    peer_take(peer, WINDOW_OPEN);
    static const char expected[] = "\x81\x01"
                                   "1"
                                   "\x8a\x01"
                                   "a"
                                   "\x81\x01x"
                                   "\x8a\x01"
                                   "b"
                                   "\x81\x01"
                                   "4"
                                   "\x81\x01"
                                   "5"
                                   "\x8a\x01"
                                   "c";
    ck_assert_uint_ge(peer->socket.wire.length, sizeof expected - 1);
    ck_assert_mem_eq(peer->socket.wire.bytes, expected, sizeof expected - 1);
    ck_assert_mem_eq(peer->socket.wire.bytes + peer->socket.wire.length - 6,
                     "\x8a\x01"
                     "c"
                     "\x8a\x01"
                     "f",
                     6);
    ck_assert_uint_eq(peer->client->receiver.outbox.controls, 0);
    ck_assert_uint_eq(dropped(DROP_OLDEST), 2);
    finish();
}
END_TEST

START_TEST(drop_oldest_by_bytes)
{
    begin(OUTBOX_DROP_OLDEST, 1000, 3 * 3); /* a text of one byte is a frame of three */
    broadcast_each("123456789");
    check_received("1|6|7|8|9");
    finish();
}
END_TEST

START_TEST(drop_oldest_goes_by_age_whatever_the_room)
{
    begin(OUTBOX_DROP_OLDEST, 2, 1000);
    broadcast_each("1");
    broadcast("s", "a");
    fixture_turn(&fixture);
    broadcast_each("234");
    check_received("1|2|3|4");
    CHECK_DROPPED_IN("s", .dropped_oldest = 1);
    CHECK_NOTHING_DROPPED_IN("r");
    finish();
}
END_TEST

START_TEST(direct_sends_are_never_dropped_and_fail_to_their_caller)
{
    begin(OUTBOX_DROP_OLDEST, 3, 1000);
    broadcast_each("1");
    ck_assert_int_eq(send_text("a"), TONI_OK);
    fixture_turn(&fixture);
    broadcast_each("23");
    ck_assert_int_eq(send_text("b"), TONI_ERR_FULL);
    broadcast_each("456");
    check_received("1|a|4|5|6");
    ck_assert_uint_eq(dropped(DROP_OLDEST), 2);
    finish();
}
END_TEST

START_TEST(a_close_comes_after_what_was_kept)
{
    begin(OUTBOX_DROP_OLDEST, 2, 1000);
    broadcast_each("12345");
    ck_assert_int_eq(toni_close_client(connections, peer->id, 4000, toni_str_of("bye")), TONI_OK);
    check_received("1|3|4|5|<4000 bye>");
    finish();
}
END_TEST

/* What has begun to go out can't be taken back: frames of it are on the wire. */
START_TEST(a_message_that_has_begun_goes_out_whole)
{
    static char large[200001];
    struct wire_reader reader;
    struct wire_message message;

    begin(OUTBOX_DROP_OLDEST, 1, 10);
    memset(large, 'x', sizeof large - 1);
    broadcast("r", large);
    fixture_turn(&fixture); /* its first fragment is in the socket's rest */
    broadcast_each("12345");
    peer_take(peer, WINDOW_OPEN);
    wire_reader_init(&reader, peer->socket.wire.bytes, peer->socket.wire.length);
    ck_assert(wire_reader_next(&reader, &message));
    ck_assert_uint_eq(message.size, sizeof large - 1);
    for (const char *text = "5"; *text; text++) {
        ck_assert(wire_reader_next(&reader, &message));
        ck_assert_mem_eq(message.payload, text, 1);
    }
    ck_assert(!wire_reader_next(&reader, &message));
    wire_reader_finish(&reader);
    finish();
}
END_TEST

START_TEST(a_limit_below_one_message_harms_nobody_who_keeps_up)
{
    static const enum outbox_policy policies[] = {OUTBOX_DROP_OLDEST, OUTBOX_DROP_NEWEST,
                                                  OUTBOX_LATEST, OUTBOX_CLOSE};

    begin(policies[_i], 1, 1);
    peer->socket.window = WINDOW_OPEN;
    broadcast_each("12");
    broadcast("r", "3");
    broadcast("r", "4");
    check_received("1|2|3|4");
    ck_assert_uint_eq(dropped_of_client(), 0);
    finish();
}
END_TEST

/* --- close */

START_TEST(close_drops_all_that_waits)
{
    begin(OUTBOX_CLOSE, 3, 1000);
    broadcast_each("12");
    broadcast("s", "a");
    fixture_turn(&fixture);
    ck_assert_int_eq(send_text("direct"), TONI_OK);
    broadcast_each("3");
    ck_assert(client_is_open(peer->client)); /* three, and what came in the last turn */
    broadcast_each("4");
    ck_assert(!client_is_open(peer->client));
    ck_assert_uint_eq(dropped(DROP_SLOW_CONSUMER), 5);
    CHECK_DROPPED_IN("r", .dropped_slow_consumer = 3);
    CHECK_DROPPED_IN("s", .dropped_slow_consumer = 1);
    ck_assert_uint_eq(dropped_of_client(), 5);
    check_received("1|<1008 slow consumer>");
    finish();
}
END_TEST

START_TEST(close_drops_the_rest_of_what_has_begun)
{
    static char large[200001];

    begin(OUTBOX_CLOSE, 1, 10);
    memset(large, 'x', sizeof large - 1);
    broadcast("r", large);
    fixture_turn(&fixture); /* its first fragment is in the socket's rest */
    broadcast_each("1");
    ck_assert(!client_is_open(peer->client));
    ck_assert_uint_eq(dropped(DROP_SLOW_CONSUMER), 2);
    CHECK_DROPPED_IN("r", .dropped_slow_consumer = 2);
    finish();
}
END_TEST

/* Another close drops what waits, too; but no policy did. */
START_TEST(a_client_that_is_lost_is_no_loss_of_its_rooms)
{
    begin(OUTBOX_CLOSE, 3, 1000);
    broadcast_each("12");
    client_discard(peer->client);
    ck_assert_uint_eq(dropped(DROP_CLOSED), 1);
    CHECK_NOTHING_DROPPED_IN("r");
    finish();
}
END_TEST

/* --- drop_newest */

START_TEST(drop_newest_keeps_the_oldest)
{
    begin(OUTBOX_DROP_NEWEST, 3, 1000);
    broadcast_each("123456789");
    check_received("1|2|3|4");
    ck_assert_uint_eq(dropped(DROP_NEWEST), 5);
    CHECK_DROPPED_IN("r", .dropped_newest = 5);
    finish();
}
END_TEST

START_TEST(drop_newest_takes_again_what_comes_once_there_is_room)
{
    begin(OUTBOX_DROP_NEWEST, 3, 1000);
    broadcast_each("123456");
    peer_take(peer, WINDOW_OPEN);
    broadcast_each("78");
    check_received("1|2|3|4|7|8");
    CHECK_DROPPED_IN("r", .dropped_newest = 2);
    finish();
}
END_TEST

START_TEST(drop_newest_leaves_direct_sends)
{
    begin(OUTBOX_DROP_NEWEST, 4, 1000);
    broadcast_each("1234");
    broadcast("r", "5");
    ck_assert_int_eq(send_text("a"), TONI_OK);
    broadcast("r", "6");
    fixture_turn(&fixture); /* three are old: there is room for a turn's more */
    broadcast("r", "7");
    ck_assert_int_eq(send_text("b"), TONI_ERR_FULL);
    fixture_turn(&fixture);
    check_received("1|2|3|4|5|a|6");
    finish();
}
END_TEST

/* --- latest */

START_TEST(latest_keeps_one_of_each_room)
{
    begin(OUTBOX_LATEST, 1000, 100000);
    broadcast_each("12");
    broadcast("s", "a");
    broadcast_each("3");
    ck_assert_int_eq(send_text("direct"), TONI_OK);
    broadcast("s", "b");
    broadcast_each("45");
    check_received("1|direct|b|5");
    ck_assert_uint_eq(dropped(DROP_NOT_LATEST), 4);
    CHECK_DROPPED_IN("r", .dropped_not_latest = 3);
    CHECK_DROPPED_IN("s", .dropped_not_latest = 1);
    finish();
}
END_TEST

/* However many entries an outbox has: each of these is one of its own. */
START_TEST(latest_keeps_one_of_each_room_of_a_large_burst)
{
    begin(OUTBOX_LATEST, 100000, 10000000);
    broadcast_each("1");
    for (int i = 0; i < 10000; i++)
        broadcast(i % 2 ? "r" : "s", i < 9998 ? "old" : "new");
    fixture_turn(&fixture);
    ck_assert_uint_eq(peer->client->receiver.outbox.messages, 2);
    check_received("1|new|new");
    ck_assert_uint_eq(dropped(DROP_NOT_LATEST), 9998);
    finish();
}
END_TEST

START_TEST(latest_sends_a_burst_to_who_keeps_up)
{
    begin(OUTBOX_LATEST, 1000, 100000);
    peer->socket.window = WINDOW_OPEN;
    broadcast("r", "1");
    broadcast("r", "2");
    broadcast("r", "3");
    check_received("1|2|3");
    finish();
}
END_TEST

START_TEST(latest_counts_a_message_to_everyone_and_one_with_exceptions)
{
    toni_message one = toni_text(toni_str_of("one")), two = toni_text(toni_str_of("two"));
    toni_target *target;

    begin(OUTBOX_LATEST, 1000, 100000);
    broadcast_each("1");
    ck_assert_int_eq(toni_target_send(toni_to_all(connections), &one), 1);
    ck_assert_int_eq(toni_target_send(toni_to_all(connections), &two), 1);
    broadcast_each("2");
    target = toni_to_room(connections, toni_str_of("r"));
    toni_target_except(target, peer->id + 1);
    ck_assert_int_eq(toni_target_send(target, &one), 1);
    fixture_turn(&fixture);
    check_received("1|two|one");
    ck_assert_uint_eq(dropped(DROP_NOT_LATEST), 2);
    CHECK_DROPPED_IN("r", .dropped_not_latest = 1); /* the other was for everyone */
    finish();
}
END_TEST

/* A union is of no one room: nothing takes its place, so only the limit bounds it. */
START_TEST(latest_bounds_what_is_of_no_one_room_too)
{
    begin(OUTBOX_LATEST, 2, 1000);
    broadcast_each("1");
    for (char text[] = "a"; *text < 'h'; ++*text) {
        toni_message message = toni_text(toni_str_of(text));
        toni_target *target = toni_to_room(connections, toni_str_of("r"));
        toni_target_to_room(target, toni_str_of("s"));
        ck_assert_int_eq(toni_target_send(target, &message), 1);
        fixture_turn(&fixture);
    }
    check_received("1|e|f|g");
    ck_assert_uint_eq(dropped(DROP_OLDEST), 4);
    CHECK_NOTHING_DROPPED_IN("r");
    CHECK_NOTHING_DROPPED_IN("s");
    finish();
}
END_TEST

/* What a turn brings and `latest` drops again makes no room for what is old. */
START_TEST(latest_bounds_unions_beside_a_busy_room)
{
    begin(OUTBOX_LATEST, 2, 1000);
    broadcast_each("1");
    for (char text[] = "a"; *text < 'h'; ++*text) {
        toni_message message = toni_text(toni_str_of(text));
        toni_target *target = toni_to_room(connections, toni_str_of("r"));
        toni_target_to_room(target, toni_str_of("s"));
        for (int i = 0; i < 10; i++)
            broadcast("r", "x");
        ck_assert_int_eq(toni_target_send(target, &message), 1);
        fixture_turn(&fixture);
        ck_assert_uint_le(peer->client->receiver.outbox.messages, 2 + 2);
    }
    check_received("1|e|f|x|g");
    finish();
}
END_TEST

/* --- All of them */

START_TEST(a_burst_in_one_turn_is_judged_when_more_comes)
{
    static const struct {
        enum outbox_policy policy;
        const char *received;
    } cases[] = {
        {OUTBOX_DROP_OLDEST, "1|6|7|8"},
        {OUTBOX_DROP_NEWEST, "1|2|3|4|5|6|7"},
    };

    begin(cases[_i].policy, 2, 1000);
    broadcast_each("1");
    for (char text[] = "2"; *text <= '7'; ++*text)
        broadcast("r", text);
    fixture_turn(&fixture);
    ck_assert_uint_eq(dropped_of_client(), 0);
    broadcast_each("8");
    check_received(cases[_i].received);
    finish();
}
END_TEST

/* Whoever reads nothing for ever costs no more than the limit and a turn. */
START_TEST(who_never_reads_is_bounded)
{
    static const enum outbox_policy policies[] = {OUTBOX_DROP_OLDEST, OUTBOX_DROP_NEWEST,
                                                  OUTBOX_LATEST};

    begin(policies[_i], 100, 1000000);
    for (int i = 0; i < 5000; i++) {
        broadcast(i % 2 ? "r" : "s", "text");
        fixture_turn(&fixture);
        ck_assert_uint_le(peer->client->receiver.outbox.messages, 101);
        ck_assert_uint_le(peer->client->receiver.outbox.capacity, 256);
    }
    ck_assert(client_is_open(peer->client));
    finish();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rooms/policies");
    TCase *cases = tcase_create("all");

    tcase_add_test(cases, drop_oldest_keeps_the_newest);
    tcase_add_loop_test(cases, what_a_full_socket_has_not_begun_may_be_dropped, 0, 4);
    tcase_add_loop_test(cases, what_is_cut_in_the_middle_goes_on, 0, 4);
    tcase_add_loop_test(cases, what_is_cut_in_the_middle_of_a_batch_goes_on_alone, 0, 4);
    tcase_add_test(cases, control_frames_are_in_order_and_no_messages);
    tcase_add_test(cases, drop_oldest_by_bytes);
    tcase_add_test(cases, drop_oldest_goes_by_age_whatever_the_room);
    tcase_add_test(cases, direct_sends_are_never_dropped_and_fail_to_their_caller);
    tcase_add_test(cases, a_close_comes_after_what_was_kept);
    tcase_add_test(cases, a_message_that_has_begun_goes_out_whole);
    tcase_add_loop_test(cases, a_limit_below_one_message_harms_nobody_who_keeps_up, 0, 4);
    tcase_add_test(cases, close_drops_all_that_waits);
    tcase_add_test(cases, close_drops_the_rest_of_what_has_begun);
    tcase_add_test(cases, a_client_that_is_lost_is_no_loss_of_its_rooms);
    tcase_add_test(cases, drop_newest_keeps_the_oldest);
    tcase_add_test(cases, drop_newest_takes_again_what_comes_once_there_is_room);
    tcase_add_test(cases, drop_newest_leaves_direct_sends);
    tcase_add_test(cases, latest_keeps_one_of_each_room);
    tcase_add_test(cases, latest_keeps_one_of_each_room_of_a_large_burst);
    tcase_add_test(cases, latest_sends_a_burst_to_who_keeps_up);
    tcase_add_test(cases, latest_counts_a_message_to_everyone_and_one_with_exceptions);
    tcase_add_test(cases, latest_bounds_what_is_of_no_one_room_too);
    tcase_add_test(cases, latest_bounds_unions_beside_a_busy_room);
    tcase_add_loop_test(cases, a_burst_in_one_turn_is_judged_when_more_comes, 0, 2);
    tcase_add_loop_test(cases, who_never_reads_is_bounded, 0, 3);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
