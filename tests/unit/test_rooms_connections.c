/* The table "Connections" of the contract, row by row and fault by fault, and the rules behind it:
 * order, closing, limits. In memory; lanes turn when the test says so. */
#include "rooms_fixture.h"
#include "runner.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fixture fixture;
static toni_connections *connections;
static struct peer *peers[16];
static size_t peer_count;

/* Begins again with other limits. */
static void begin(const struct limits *limits, uint32_t lanes)
{
    fixture_init(&fixture, limits, lanes);
    connections = fixture.connections;
    peer_count = 0;
}

static void setup(void)
{
    begin(NULL, 2);
}

static void teardown(void)
{
    peers_end(&fixture, peers, peer_count);
    fixture_finish(&fixture);
}

static void again(const struct limits *limits, uint32_t lanes)
{
    teardown();
    begin(limits, lanes);
}

static struct peer *add(uint32_t lane)
{
    return peers[peer_count++] = peer_connect(&fixture, lane);
}

static int32_t join(const struct peer *peer, const char *room)
{
    return toni_join_room(connections, peer->id, toni_str_of(room));
}

static int32_t leave(const struct peer *peer, const char *room)
{
    return toni_leave_room(connections, peer->id, toni_str_of(room));
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

static toni_target *to_room(const char *room)
{
    return toni_to_room(connections, toni_str_of(room));
}

static int32_t disconnect(const struct peer *peer, uint16_t code, const char *reason)
{
    return toni_close_client(connections, peer->id, code, toni_str_of(reason));
}

static size_t member_count(const char *room)
{
    toni_client_ids *members;
    ck_assert_int_eq(toni_get_room_members(connections, toni_str_of(room), &members), TONI_OK);
    size_t count = members->count;
    toni_client_ids_destroy(members);
    return count;
}

static bool is_member(const struct peer *peer, const char *room)
{
    toni_client_ids *members;
    bool found = false;
    ck_assert_int_eq(toni_get_room_members(connections, toni_str_of(room), &members), TONI_OK);
    for (size_t i = 0; i < members->count; i++)
        found = found || members->ids[i] == peer->id;
    toni_client_ids_destroy(members);
    return found;
}

static void turn(void)
{
    fixture_turn(&fixture);
}

#define RECEIVED(peer, text) ck_assert_str_eq(peer_texts(peer), text)

/* A client that was there and is gone. */
static toni_client_id gone_id(void)
{
    struct peer *peer = add(0);
    peer_lose(peer);
    return peer->id;
}

/* --- join_room */

START_TEST(join_makes_the_room_and_is_seen_at_once)
{
    struct peer *peer = add(0);
    ck_assert_uint_eq(toni_room_count(connections), 0);
    ck_assert_int_eq(join(peer, "r"), TONI_OK);
    ck_assert_uint_eq(toni_room_count(connections), 1);
    ck_assert(is_member(peer, "r"));
    ck_assert_uint_eq(member_count("r"), 1);
}
END_TEST

START_TEST(joining_twice_changes_nothing)
{
    struct peer *peer = add(0);
    ck_assert_int_eq(join(peer, "r"), TONI_OK);
    ck_assert_int_eq(join(peer, "r"), TONI_OK);
    ck_assert_uint_eq(member_count("r"), 1);
    ck_assert_int_eq(broadcast("r", "x"), 1);
    turn();
    RECEIVED(peer, "x");
    ck_assert_int_eq(leave(peer, "r"), TONI_OK);
    ck_assert_uint_eq(toni_room_count(connections), 0);
}
END_TEST

START_TEST(join_of_an_unknown_client_leaves_no_trace)
{
    ck_assert_int_eq(toni_join_room(connections, 0, toni_str_of("r")), TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(toni_join_room(connections, 4711, toni_str_of("r")), TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(toni_join_room(connections, gone_id(), toni_str_of("r")), TONI_ERR_NOT_FOUND);
    ck_assert_uint_eq(toni_room_count(connections), 0);
    ck_assert_uint_eq(member_count("r"), 0);
    for (uint32_t i = 0; i < STRIPES; i++)
        ck_assert_uint_eq(connections->room_table.stripes[i].table.count, 0);
}
END_TEST

static char long_name[256];

static const struct {
    toni_str name;
    bool valid;
} names[] = {
    {TONI_LIT_INIT(""), false},
    {{NULL, 0}, false},
    {TONI_LIT_INIT("r"), true},
    {TONI_LIT_INIT(" "), true},
    {TONI_LIT_INIT("Stra\xc3\x9f"
                   "e"),
     true},
    {TONI_LIT_INIT("\xf0\x9f\x98\x80"), true},
    {{long_name, 255}, true},
    {{long_name, 256}, false},
    {TONI_LIT_INIT("a\0b"), false},
    {TONI_LIT_INIT("a\nb"), false},
    {TONI_LIT_INIT("\x1f"), false},
    {TONI_LIT_INIT("\x7f"), false},
    {TONI_LIT_INIT("\xc2\x85"), false},     /* U+0085 */
    {TONI_LIT_INIT("\xff"), false},         /* never in UTF-8 */
    {TONI_LIT_INIT("\xc0\xaf"), false},     /* overlong */
    {TONI_LIT_INIT("\xed\xa0\x80"), false}, /* a surrogate */
    {TONI_LIT_INIT("abc\xe2\x82"), false},  /* cut off */
};

START_TEST(names_of_rooms)
{
    memset(long_name, 'n', sizeof long_name);
    struct peer *peer = add(0);
    toni_str name = names[_i].name;
    bool valid = names[_i].valid;
    int32_t ok = valid ? TONI_OK : TONI_ERR_INVALID;
    toni_message message = toni_text(toni_str_of("x"));
    toni_client_ids *members;
    toni_room_info *info;
    ck_assert_int_eq(toni_join_room(connections, peer->id, name), ok);
    ck_assert_int_eq(toni_broadcast_to_room(connections, name, &message), valid ? 1 : ok);
    ck_assert_int_eq(toni_target_send(toni_to_room(connections, name), &message), valid ? 1 : ok);
    ck_assert_int_eq(toni_get_room_members(connections, name, &members), ok);
    ck_assert_int_eq(members != NULL, valid);
    toni_client_ids_destroy(members);
    ck_assert_int_eq(toni_get_room(connections, name, &info), ok);
    ck_assert_int_eq(info != NULL, valid);
    toni_room_info_destroy(info);
    ck_assert_uint_eq(toni_room_count(connections), valid);
    ck_assert_int_eq(toni_leave_room(connections, peer->id, name), ok);
    turn();
    RECEIVED(peer, valid ? "x|x" : "");
}
END_TEST

START_TEST(join_up_to_the_limit)
{
    struct limits limits = limits_default();
    limits.rooms_per_client = 100;
    again(&limits, 2);
    struct peer *peer = add(0);
    char name[16];
    for (int i = 0; i < 100; i++) {
        (void)snprintf(name, sizeof name, "r%d", i);
        ck_assert_int_eq(join(peer, name), TONI_OK);
    }
    ck_assert_int_eq(join(peer, "r100"), TONI_ERR_LIMIT);
    ck_assert_int_eq(join(peer, "r7"), TONI_OK);
    ck_assert_uint_eq(toni_room_count(connections), 100);
    ck_assert_int_eq(leave(peer, "r50"), TONI_OK);
    ck_assert_int_eq(join(peer, "r100"), TONI_OK);
    for (int i = 0; i <= 100; i++) {
        (void)snprintf(name, sizeof name, "r%d", i);
        ck_assert_int_eq(broadcast(name, name), i != 50);
    }
}
END_TEST

START_TEST(memberships_of_all_clients_have_a_limit)
{
    struct limits limits = limits_default();
    limits.memberships = 3;
    again(&limits, 2);
    struct peer *first = add(0), *second = add(1);
    ck_assert_int_eq(join(first, "a"), TONI_OK);
    ck_assert_int_eq(join(first, "b"), TONI_OK);
    ck_assert_int_eq(join(second, "a"), TONI_OK);
    ck_assert_int_eq(join(second, "b"), TONI_ERR_LIMIT);
    ck_assert_int_eq(join(first, "new"), TONI_ERR_LIMIT);
    ck_assert_uint_eq(toni_room_count(connections), 2); /* no room is made in vain */
    ck_assert_int_eq(join(second, "a"), TONI_OK);       /* it is there already */
    ck_assert_int_eq(leave(second, "a"), TONI_OK);
    ck_assert_int_eq(leave(second, "a"), TONI_OK); /* which gives nothing back twice */
    ck_assert_int_eq(join(second, "b"), TONI_OK);
    ck_assert_int_eq(join(second, "a"), TONI_ERR_LIMIT);
    peer_lose(first); /* with two */
    fixture_turn(&fixture);
    ck_assert_int_eq(join(second, "a"), TONI_OK);
    ck_assert_int_eq(join(second, "c"), TONI_OK);
    ck_assert_int_eq(join(second, "d"), TONI_ERR_LIMIT);
}
END_TEST

START_TEST(join_of_a_closing_client_fails)
{
    struct peer *peer = add(0);
    ck_assert_int_eq(join(peer, "r"), TONI_OK);
    ck_assert_int_eq(disconnect(peer, 1000, ""), TONI_OK);
    ck_assert_int_eq(join(peer, "s"), TONI_ERR_CLOSING);
    ck_assert_int_eq(join(peer, "r"), TONI_ERR_CLOSING);
    ck_assert(is_member(peer, "r"));
    ck_assert_uint_eq(toni_room_count(connections), 1);
}
END_TEST

/* --- leave_room */

START_TEST(leave_takes_out)
{
    struct peer *peer = add(0);
    ck_assert_int_eq(join(peer, "r"), TONI_OK);
    ck_assert_int_eq(leave(peer, "r"), TONI_OK);
    ck_assert(!is_member(peer, "r"));
    ck_assert_uint_eq(toni_room_count(connections), 0);
    ck_assert_int_eq(leave(peer, "r"), TONI_OK); /* not a member */
    ck_assert_int_eq(leave(peer, "unknown"), TONI_OK);
    ck_assert_int_eq(broadcast("r", "x"), 0);
    ck_assert_int_eq(toni_leave_room(connections, 4711, toni_str_of("r")), TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(toni_leave_room(connections, gone_id(), toni_str_of("r")), TONI_ERR_NOT_FOUND);
    turn();
    RECEIVED(peer, "");
}
END_TEST

START_TEST(a_closing_client_can_leave)
{
    struct peer *peer = add(0);
    ck_assert_int_eq(join(peer, "r"), TONI_OK);
    ck_assert_int_eq(disconnect(peer, 1000, ""), TONI_OK);
    ck_assert_int_eq(leave(peer, "r"), TONI_OK);
    ck_assert_uint_eq(toni_room_count(connections), 0);
}
END_TEST

START_TEST(after_a_leave_nothing_more_comes)
{
    struct peer *stays = add(0), *leaves = add(0), *other = add(1);
    join(stays, "r"), join(leaves, "r"), join(other, "r");
    ck_assert_int_eq(broadcast("r", "before"), 3);
    ck_assert_int_eq(leave(leaves, "r"), TONI_OK);
    ck_assert_int_eq(broadcast("r", "after"), 2);
    ck_assert_int_eq(send_text(leaves, "Left room: r"), TONI_OK);
    ck_assert_int_eq(broadcast("r", "later"), 2);
    turn();
    RECEIVED(leaves, "before|Left room: r");
    RECEIVED(stays, "before|after|later");
    RECEIVED(other, "before|after|later");
}
END_TEST

START_TEST(leaving_and_joining_again_misses_what_lies_between)
{
    struct peer *peer = add(0), *other = add(0);
    join(other, "r"), join(peer, "r");
    broadcast("r", "1");
    leave(peer, "r");
    broadcast("r", "2");
    join(peer, "r");
    broadcast("r", "3");
    leave(peer, "r"), join(peer, "r");
    broadcast("r", "4");
    turn();
    RECEIVED(peer, "1|3|4");
    RECEIVED(other, "1|2|3|4");
}
END_TEST

/* A client that has joined again is another member: what it gets as the first one must come first.
 */
START_TEST(who_joins_again_gets_what_came_before_first)
{
    struct peer *first = add(0), *peer = add(0), *stays = add(1);
    join(first, "r"), join(peer, "r"), join(stays, "r");
    ck_assert_int_eq(send_target(to_room("r"), "1"), 3);
    leave(first, "r");
    broadcast("r", "2");
    broadcast("r", "3");
    leave(peer, "r");
    ck_assert_int_eq(join(peer, "r"), TONI_OK);
    broadcast("r", "4");
    broadcast("r", "5");
    turn();
    RECEIVED(peer, "1|2|3|4|5");
    RECEIVED(first, "1");
}
END_TEST

START_TEST(a_client_that_left_is_let_go_of_by_its_lane)
{
    struct peer *far = add(1), *one = add(0), *two = add(0);
    join(far, "r"), join(one, "r");
    broadcast("r", "1");
    leave(one, "r");
    broadcast("r", "2"); /* not for lane 0 */
    join(two, "r"), leave(two, "r");
    turn();
    ck_assert_uint_eq(one->client->refs, 1);
    ck_assert_uint_eq(two->client->refs, 1);
}
END_TEST

START_TEST(a_room_ends_with_its_last_member_and_comes_again_as_another)
{
    struct peer *peer = add(0);
    join(peer, "r");
    struct room *room = room_table_find(&connections->common, toni_str_of("r"));
    uint64_t id = room->id;
    ck_assert_int_eq(leave(peer, "r"), TONI_OK);
    ck_assert(room->ended);
    turn(); /* the lane lets go of it, too */
    ck_assert_uint_eq(room->refs, 1);
    room_unref(room);
    ck_assert_ptr_null(room_table_find(&connections->common, toni_str_of("r")));
    join(peer, "r");
    room = room_table_find(&connections->common, toni_str_of("r"));
    ck_assert_uint_ne(room->id, id);
    room_unref(room);
}
END_TEST

START_TEST(a_room_that_ended_still_delivers)
{
    struct peer *peer = add(0);
    join(peer, "r");
    broadcast("r", "old");
    leave(peer, "r");
    join(peer, "r");
    broadcast("r", "new");
    turn();
    RECEIVED(peer, "old|new");
}
END_TEST

/* --- remove_client, disconnect */

/* As its on_disconnect sees it, which tells the others. */
START_TEST(one_that_leaves_is_a_member_but_not_listed)
{
    struct peer *peer = add(0), *other = add(1);
    toni_room_names *rooms;

    join(peer, "r"), join(other, "r"), join(peer, "alone");
    client_untarget(peer->client);
    ck_assert(is_member(peer, "r"));
    client_begin_leaving(peer->client);
    ck_assert(!is_member(peer, "r"));
    ck_assert_uint_eq(member_count("r"), 1);
    ck_assert_uint_eq(member_count("alone"), 0);
    ck_assert_uint_eq(toni_room_count(connections), 2);
    ck_assert_int_eq(toni_get_client_rooms(connections, peer->id, &rooms), TONI_OK);
    ck_assert_uint_eq(rooms->count, 2);
    toni_room_names_destroy(rooms);
    ck_assert_int_eq(broadcast("r", "gone"), 1);
    turn();
    RECEIVED(other, "gone");
    peer_lose(peer);
    ck_assert_uint_eq(toni_room_count(connections), 1);
}
END_TEST

START_TEST(remove_client_flushes_then_closes_with_1000)
{
    struct peer *peer = add(0), *other = add(1);
    join(peer, "r"), join(other, "r");
    broadcast("r", "1");
    send_text(peer, "2");
    ck_assert_int_eq(toni_remove_client(connections, peer->id), TONI_OK);
    ck_assert_int_eq(broadcast("r", "3"), 1);
    ck_assert_int_eq(send_text(peer, "4"), TONI_ERR_CLOSING);
    ck_assert(is_member(peer, "r")); /* until its on_disconnect has returned */
    turn();
    RECEIVED(peer, "1|2|<1000>");
    RECEIVED(other, "1|3");
    ck_assert_uint_eq(peer->socket.begun, 1);
    ck_assert_uint_eq(peer->socket.closed, 1);
    ck_assert(is_member(peer, "r"));
    ck_assert_uint_eq(fixture_dropped(connections), 0);
    peer_lose(peer);
    ck_assert(!is_member(peer, "r"));
    ck_assert_int_eq(toni_remove_client(connections, peer->id), TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(toni_remove_client(connections, 0), TONI_ERR_NOT_FOUND);
}
END_TEST

START_TEST(disconnect_flushes_then_closes)
{
    struct peer *peer = add(0);
    join(peer, "r");
    broadcast("r", "1");
    ck_assert_int_eq(disconnect(peer, 4000, "go away"), TONI_OK);
    ck_assert_int_eq(disconnect(peer, 4001, "again"), TONI_OK);
    ck_assert_int_eq(toni_remove_client(connections, peer->id), TONI_OK);
    turn();
    RECEIVED(peer, "1|<4000 go away>");
    ck_assert_int_eq(disconnect(peer, 4001, "again"), TONI_OK);
    turn();
    RECEIVED(peer, "1|<4000 go away>");
    ck_assert_int_eq(toni_close_client(connections, 4711, 1000, toni_str_of("")),
                     TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(toni_close_client(connections, gone_id(), 1000, toni_str_of("")),
                     TONI_ERR_NOT_FOUND);
}
END_TEST

static const struct {
    uint16_t first, last;
    bool valid;
} codes[] = {{0, 999, false},     {1000, 1003, true}, {1004, 1006, false}, {1007, 1014, true},
             {1015, 2999, false}, {3000, 4999, true}, {5000, 5001, false}, {65535, 65535, false}};

START_TEST(disconnect_with_every_code)
{
    for (uint32_t code = codes[_i].first; code <= codes[_i].last; code++) {
        struct peer *peer = peer_connect(&fixture, 0);
        ck_assert_int_eq(disconnect(peer, (uint16_t)code, ""),
                         codes[_i].valid ? TONI_OK : TONI_ERR_INVALID);
        ck_assert_int_eq(client_is_open(peer->client), !codes[_i].valid);
        peer_lose(peer);
        turn();
        peer_destroy(&fixture, peer);
    }
}
END_TEST

START_TEST(disconnect_with_a_reason)
{
    char reason[124];
    memset(reason, 'r', sizeof reason);
    struct peer *peer = add(0);
    ck_assert_int_eq(toni_close_client(connections, peer->id, 1000, toni_str_make(reason, 124)),
                     TONI_ERR_INVALID);
    ck_assert_int_eq(disconnect(peer, 1000, "\xff"), TONI_ERR_INVALID);
    ck_assert(client_is_open(peer->client));
    ck_assert_int_eq(toni_close_client(connections, peer->id, 1000, toni_str_make(reason, 123)),
                     TONI_OK);
    turn();
    ck_assert_uint_eq(peer->socket.wire.length, 127);
}
END_TEST

START_TEST(what_was_accepted_goes_out_before_a_close_even_if_the_outbox_is_full)
{
    struct limits limits = limits_default();
    limits.outbox_messages = 3;
    again(&limits, 1);
    struct peer *peer = add(0);
    peer->socket.window = 0;
    send_text(peer, "0");
    turn(); /* in the socket's rest */
    ck_assert_int_eq(send_text(peer, "1"), TONI_OK);
    ck_assert_int_eq(send_text(peer, "2"), TONI_OK);
    ck_assert_int_eq(send_text(peer, "3"), TONI_OK);
    ck_assert_int_eq(send_text(peer, "4"), TONI_ERR_FULL);
    turn();
    ck_assert_int_eq(send_text(peer, "4"), TONI_ERR_FULL);
    ck_assert_int_eq(disconnect(peer, 3000, ""), TONI_OK);
    turn();
    ck_assert_uint_eq(peer->socket.begun, 1);
    ck_assert_uint_eq(peer->socket.closed, 0);
    peer_take(peer, WINDOW_OPEN);
    RECEIVED(peer, "0|1|2|3|<3000>");
    ck_assert_uint_eq(peer->socket.closed, 1);
    ck_assert_uint_eq(fixture_dropped(connections), 0);
}
END_TEST

START_TEST(close_now_drops_what_waits_and_counts_it)
{
    struct peer *peer = add(0);
    join(peer, "r");
    peer->socket.window = 0;
    send_text(peer, "0");
    turn();
    send_text(peer, "1");
    broadcast("r", "2");
    turn();
    send_text(peer, "3"); /* still in the inbox */
    client_close_now(peer->client, 1002, toni_str_of("bad frame"));
    ck_assert_uint_eq(fixture_dropped(connections), 2);
    ck_assert_int_eq(broadcast("r", "4"), 0);
    turn();
    ck_assert_uint_eq(fixture_dropped(connections), 3);
    client_close_now(peer->client, 1008, toni_str_of("again"));
    peer_take(peer, WINDOW_OPEN);
    RECEIVED(peer, "0|<1002 bad frame>");
    ck_assert_uint_eq(fixture_dropped(connections), 3);
}
END_TEST

START_TEST(close_now_before_a_close_that_waits)
{
    struct peer *peer = add(0);
    ck_assert_int_eq(disconnect(peer, 4000, ""), TONI_OK);
    ck_assert_uint_eq(peer->client->close_code, 4000);
    client_close_now(peer->client, 1002, toni_str_of(""));
    ck_assert_uint_eq(peer->client->close_code, 1002); /* what it is told, not what was asked for */
    turn();
    RECEIVED(peer, "<1002>");
    client_close_now(peer->client, 1008, toni_str_of("")); /* too late */
    ck_assert_uint_eq(peer->client->close_code, 1002);
    ck_assert_uint_eq(peer->socket.begun, 1);
}
END_TEST

START_TEST(close_now_without_a_code)
{
    struct peer *peer = add(0);
    client_close_now(peer->client, 0, toni_str_of(""));
    turn();
    RECEIVED(peer, "<0>");
}
END_TEST

START_TEST(an_unwritten_close_is_no_message)
{
    struct peer *peer = add(0);
    peer->socket.window = 0;
    send_text(peer, "0");
    turn();
    send_text(peer, "1");
    disconnect(peer, 1000, "");
    turn();
    peer_lose(peer);
    ck_assert_uint_eq(fixture_dropped(connections), 1);
}
END_TEST

START_TEST(a_muted_client_is_no_target)
{
    struct peer *peer = add(0), *other = add(0);
    join(peer, "r"), join(other, "r");
    client_untarget(peer->client);
    ck_assert_int_eq(broadcast("r", "1"), 1);
    ck_assert_int_eq(send_text(peer, "2"), TONI_ERR_CLOSING);
    ck_assert_int_eq(send_target(toni_to_all(connections), "3"), 1);
    ck_assert_int_eq(send_target(toni_to_client(connections, peer->id), "4"), 0);
    toni_target *target = toni_to_client(connections, peer->id);
    toni_target_to_client(target, other->id);
    ck_assert_int_eq(send_target(target, "5"), 1);
    ck_assert(is_member(peer, "r"));
    turn();
    RECEIVED(peer, "");
    RECEIVED(other, "1|3|5");
}
END_TEST

START_TEST(a_retired_client_still_gets_what_it_was_sent)
{
    struct peer *peer = add(0);
    join(peer, "r");
    broadcast("r", "1");
    send_text(peer, "2");
    disconnect(peer, 1013, "too many");
    client_retire(peer->client);
    ck_assert_uint_eq(toni_room_count(connections), 0);
    ck_assert_int_eq(send_text(peer, "3"), TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(
        client_send(peer->client, &(toni_message){sizeof(toni_message), TONI_TEXT, {"x", 1}, 0}),
        TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(client_close(peer->client, 1000, toni_str_of("")), TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(client_join(peer->client, toni_str_of("r")), TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(client_leave(peer->client, toni_str_of("r")), TONI_ERR_NOT_FOUND);
    turn();
    RECEIVED(peer, "1|2|<1013 too many>");
}
END_TEST

START_TEST(a_lost_connection_drops_and_counts)
{
    struct peer *peer = add(0);
    join(peer, "r");
    broadcast("r", "1");
    send_text(peer, "2");
    peer_lose(peer);
    ck_assert_uint_eq(toni_room_count(connections), 0);
    turn();
    ck_assert_uint_eq(fixture_dropped(connections), 2);
    RECEIVED(peer, "");
}
END_TEST

START_TEST(a_failing_write_ends_the_client)
{
    struct peer *peer = add(0), *other = add(0);
    join(peer, "r"), join(other, "r");
    peer->socket.broken = true;
    ck_assert_int_eq(broadcast("r", "1"), 2);
    turn();
    ck_assert_uint_eq(fixture_dropped(connections), 1);
    ck_assert_int_eq(broadcast("r", "2"), 1);
    ck_assert_int_eq(send_text(peer, "3"), TONI_ERR_CLOSING);
    turn();
    ck_assert_uint_eq(peer->socket.writes, 1);
    ck_assert_uint_eq(peer->socket.begun, 0);
    RECEIVED(other, "1|2");
}
END_TEST

/* --- broadcast_to_room */

START_TEST(broadcast_reaches_each_member_once)
{
    struct peer *a = add(0), *b = add(1), *outside = add(1);
    join(a, "r"), join(b, "r"), join(outside, "s");
    ck_assert_int_eq(broadcast("r", "x"), 2);
    ck_assert_int_eq(broadcast("unknown", "x"), 0);
    turn();
    RECEIVED(a, "x");
    RECEIVED(b, "x");
    RECEIVED(outside, "");
    turn();
    RECEIVED(a, "x");
}
END_TEST

START_TEST(faults_of_messages)
{
    struct peer *peer = add(0);
    join(peer, "r");
    toni_message message = toni_text(toni_str_of("\xff"));
    toni_str room = toni_str_of("r");
    ck_assert_int_eq(toni_broadcast_to_room(connections, room, &message), TONI_ERR_INVALID);
    ck_assert_int_eq(toni_send_to_client(connections, peer->id, &message), TONI_ERR_INVALID);
    ck_assert_int_eq(toni_target_send(to_room("r"), &message), TONI_ERR_INVALID);
    message.kind = 3;
    ck_assert_int_eq(toni_broadcast_to_room(connections, room, &message), TONI_ERR_INVALID);
    message.kind = TONI_BINARY;
    message.struct_size = TONI_MESSAGE_SIZE_1_0 - 1;
    ck_assert_int_eq(toni_broadcast_to_room(connections, room, &message), TONI_ERR_INVALID);
    message.struct_size = sizeof message + 8;
    ck_assert_int_eq(toni_broadcast_to_room(connections, room, &message), 1);
    message = toni_text(toni_str_make(NULL, 0));
    ck_assert_int_eq(toni_broadcast_to_room(connections, room, &message), 1);
    ck_assert_int_eq(toni_client_send(peer->client, &message), TONI_OK);
    turn();
    RECEIVED(peer, "\xff||");
}
END_TEST

START_TEST(a_size_that_would_wrap_around)
{
    struct peer *peer = add(0);
    join(peer, "r");
    /* So many full fragments that their heads bring the sum to 2^64, which is 0. */
    toni_message message = toni_binary(toni_str_make("", ((size_t)1 << 48) * (FRAME_MAX - 4)));
    ck_assert_int_eq(toni_broadcast_to_room(connections, toni_str_of("r"), &message),
                     TONI_ERR_TOO_BIG);
    ck_assert_int_eq(toni_client_send(peer->client, &message), TONI_ERR_TOO_BIG);
    ck_assert_int_eq(toni_target_send(to_room("r"), &message), TONI_ERR_TOO_BIG);
}
END_TEST

/* 100 bytes are 102 on the wire. */
static char hundred[101] = "";

static const char *text_of_102(void)
{
    memset(hundred, 'h', 100);
    return hundred;
}

START_TEST(a_message_larger_than_its_limit)
{
    struct limits limits = limits_default();
    limits.pending_bytes_per_room = 101;
    limits.outbox_bytes = 101;
    again(&limits, 1);
    struct peer *peer = add(0);
    join(peer, "r");
    ck_assert_int_eq(broadcast("r", text_of_102()), TONI_ERR_TOO_BIG);
    ck_assert_int_eq(broadcast("unknown", text_of_102()), TONI_ERR_TOO_BIG);
    ck_assert_int_eq(send_target(to_room("r"), text_of_102()), TONI_ERR_TOO_BIG);
    ck_assert_int_eq(send_text(peer, text_of_102()), TONI_ERR_TOO_BIG);
    ck_assert_int_eq(broadcast("r", text_of_102() + 1), 1);
    turn();
    ck_assert_uint_eq(peer->socket.wire.length, 101);
}
END_TEST

START_TEST(a_room_that_is_busy)
{
    struct limits limits = limits_default();
    limits.pending_bytes_per_room = 204;
    again(&limits, 2);
    struct peer *near = add(0), *far = add(1);
    join(near, "r"), join(far, "r"), join(near, "s");
    ck_assert_int_eq(broadcast("r", text_of_102()), 2);
    ck_assert_int_eq(broadcast("r", text_of_102()), 2);
    ck_assert_int_eq(broadcast("r", "x"), TONI_ERR_BUSY);
    ck_assert_int_eq(send_target(to_room("r"), "x"), TONI_ERR_BUSY);
    ck_assert_int_eq(broadcast("s", "s"), 1);
    struct room *room = room_table_find(&connections->common, toni_str_of("r"));
    ck_assert_uint_eq(room->at.offset, 2); /* a refused message takes no number */
    ck_assert_uint_eq(room->pending, 204);
    lane_turn(&connections->lanes[0]);
    ck_assert_int_eq(broadcast("r", "x"), TONI_ERR_BUSY); /* lane 1 has not taken it */
    lane_turn(&connections->lanes[1]);
    ck_assert_uint_eq(room->pending, 0);
    ck_assert_int_eq(broadcast("r", "x"), 2);
    room_unref(room);
    turn();
    ck_assert_uint_eq(near->socket.wire.length, 204 + 3 + 3);
    ck_assert_uint_eq(far->socket.wire.length, 204 + 3);
}
END_TEST

START_TEST(a_host_that_is_busy)
{
    struct limits limits = limits_default();
    limits.pending_bytes = 204;
    again(&limits, 2);
    struct peer *peer = add(0), *far = add(1);
    join(peer, "r"), join(peer, "s"), join(far, "s");
    ck_assert_int_eq(broadcast("r", text_of_102()), 1);
    ck_assert_int_eq(broadcast("s", text_of_102()), 2);
    ck_assert_int_eq(broadcast("s", "x"), TONI_ERR_BUSY);
    ck_assert_int_eq(send_target(toni_to_all(connections), "x"), TONI_ERR_BUSY);
    ck_assert_int_eq(send_target(toni_to_client(connections, peer->id), "x"), TONI_ERR_BUSY);
    ck_assert_uint_eq(connections->pending, 204);
    lane_turn(&connections->lanes[0]);
    ck_assert_uint_eq(connections->pending, 102);
    lane_turn(&connections->lanes[1]);
    ck_assert_uint_eq(connections->pending, 0);
    ck_assert_int_eq(broadcast("s", "x"), 2);
}
END_TEST

START_TEST(a_union_is_pending_once_in_the_host_and_once_in_each_room)
{
    struct limits limits = limits_default();
    limits.pending_bytes = 204;
    limits.pending_bytes_per_room = 102;
    again(&limits, 2);
    struct peer *peer = add(0), *far = add(1);
    join(peer, "a"), join(peer, "b"), join(far, "b"), join(far, "c");
    toni_target *target = to_room("a");
    toni_target_to_room(target, toni_str_of("b"));
    ck_assert_int_eq(send_target(target, text_of_102()), 2);
    ck_assert_uint_eq(connections->pending, 102);
    ck_assert_int_eq(broadcast("a", "x"), TONI_ERR_BUSY);
    ck_assert_int_eq(broadcast("b", "x"), TONI_ERR_BUSY);
    target = to_room("c");
    toni_target_to_room(target, toni_str_of("b")); /* b is full: c gets it neither */
    ck_assert_int_eq(send_target(target, "x"), TONI_ERR_BUSY);
    ck_assert_int_eq(broadcast("c", text_of_102()), 1);
    ck_assert_int_eq(broadcast("c", "x"), TONI_ERR_BUSY);
    turn();
    ck_assert_uint_eq(connections->pending, 0);
    ck_assert_uint_eq(peer->socket.wire.length, 102);
    ck_assert_uint_eq(far->socket.wire.length, 204);
}
END_TEST

/* --- Questions */

START_TEST(questions_about_the_unknown)
{
    toni_client_ids *members;
    toni_room_names *rooms = (void *)1;
    toni_client_info *info = (void *)1;
    toni_room_info *room = (void *)1;
    ck_assert_int_eq(toni_get_room_members(connections, toni_str_of("r"), &members), TONI_OK);
    ck_assert_uint_eq(members->count, 0);
    toni_client_ids_destroy(members);
    ck_assert_int_eq(toni_get_client_rooms(connections, 4711, &rooms), TONI_ERR_NOT_FOUND);
    ck_assert_ptr_null(rooms);
    ck_assert_int_eq(toni_get_client(connections, gone_id(), &info), TONI_ERR_NOT_FOUND);
    ck_assert_ptr_null(info);
    ck_assert_int_eq(toni_get_room(connections, toni_str_of("r"), &room), TONI_ERR_NOT_FOUND);
    ck_assert_ptr_null(room);
    toni_client_ids_destroy(NULL);
    toni_room_names_destroy(NULL);
    toni_client_info_destroy(NULL);
    toni_room_info_destroy(NULL);
}
END_TEST

START_TEST(snapshots_are_the_callers)
{
    struct peer *a = add(0), *b = add(1);
    toni_client_ids *members;
    toni_room_names *rooms;
    join(a, "r"), join(b, "r"), join(a, "s");
    ck_assert_int_eq(toni_get_room_members(connections, toni_str_of("r"), &members), TONI_OK);
    ck_assert_int_eq(toni_get_client_rooms(connections, a->id, &rooms), TONI_OK);
    leave(a, "r"), leave(b, "r"), leave(a, "s");
    peer_lose(a);
    ck_assert_uint_eq(members->count, 2);
    ck_assert(members->ids[0] == a->id || members->ids[1] == a->id);
    ck_assert(members->ids[0] == b->id || members->ids[1] == b->id);
    ck_assert_uint_eq(rooms->count, 2);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_uint_eq(rooms->names[i].size, 1);
        ck_assert_int_eq(rooms->names[i].data[1], '\0');
        ck_assert(rooms->names[i].data[0] == (rooms->names[1 - i].data[0] == 'r' ? 's' : 'r'));
    }
    toni_client_ids_destroy(members);
    toni_room_names_destroy(rooms);
}
END_TEST

START_TEST(get_client_tells_what_is_known)
{
    struct peer *peer = add(0);
    toni_client_info *info;
    join(peer, "r"), join(peer, "s");
    peer->socket.window = 0;
    send_text(peer, "in the socket");
    turn();
    broadcast("r", "12345");
    turn();
    send_text(peer, "1");
    ck_assert_int_eq(toni_get_client(connections, peer->id, &info), TONI_OK);
    peer_lose(peer);
    ck_assert_uint_eq(info->struct_size, sizeof *info);
    ck_assert_uint_eq(info->id, peer->id);
    ck_assert_uint_eq(info->room_count, 2);
    ck_assert(toni_str_equal(info->path, toni_str_of("/rooms")));
    ck_assert(toni_str_equal(info->address, toni_str_of("::1")));
    ck_assert_int_eq(info->connected_since, peer->client->connected_since);
    ck_assert_uint_eq(info->outbox_messages, 2);
    ck_assert_uint_eq(info->outbox_bytes, 7 + 3);
    toni_client_info_destroy(info);
}
END_TEST

START_TEST(get_room_of_a_room_that_ended)
{
    struct peer *peer = add(0);
    toni_room_info *info = (void *)1;
    join(peer, "r"), leave(peer, "r");
    ck_assert_int_eq(toni_get_room(connections, toni_str_of("r"), &info), TONI_ERR_NOT_FOUND);
    ck_assert_ptr_null(info);
}
END_TEST

static toni_room_info look_at(const char *room)
{
    toni_room_info *info;
    ck_assert_int_eq(toni_get_room(connections, toni_str_of(room), &info), TONI_OK);
    toni_room_info seen = *info;
    toni_room_info_destroy(info);
    return seen;
}

START_TEST(get_room_tells_who_is_in_it)
{
    struct peer *a = add(0), *b = add(1);
    join(a, "r"), join(b, "r");
    toni_room_info info = look_at("r");
    ck_assert_ptr_eq(info.host, connections->common.host);
    ck_assert_uint_eq(info.struct_size, sizeof info);
    ck_assert_uint_eq(info.members, 2);
    ck_assert_uint_eq(info.targets, 2);
    disconnect(a, 1000, ""); /* no target any more, but a member until it is gone */
    ck_assert_uint_eq(look_at("r").members, 2);
    ck_assert_uint_eq(look_at("r").targets, 1);
    turn();
    peer_lose(a);
    ck_assert_uint_eq(look_at("r").members, 1);
    ck_assert_uint_eq(look_at("r").targets, 1);
}
END_TEST

START_TEST(get_room_tells_the_last_message)
{
    struct peer *a = add(0), *b = add(1);
    join(a, "r"), join(a, "s"), join(b, "t");
    ck_assert_uint_eq(look_at("r").sequence, 0);
    broadcast("r", "1"), broadcast("r", "2");
    ck_assert_uint_eq(look_at("r").sequence, 2);
    toni_target *target = to_room("r");
    toni_target_to_room(target, toni_str_of("s"));
    send_target(target, "of both");
    send_text(a, "of none"), send_target(toni_to_all(connections), "of none, either");
    ck_assert_uint_eq(look_at("r").sequence, 3);
    ck_assert_uint_eq(look_at("s").sequence, 1);
    disconnect(b, 1000, "");
    ck_assert_int_eq(broadcast("t", "to nobody"), 0);
    ck_assert_uint_eq(look_at("t").sequence, 0);
}
END_TEST

START_TEST(get_room_tells_a_room_from_one_of_the_same_name)
{
    struct peer *peer = add(0);
    join(peer, "r"), join(peer, "s");
    toni_room_info old = look_at("r");
    ck_assert_uint_ne(old.epoch, look_at("s").epoch);
    broadcast("r", "1");
    ck_assert_uint_eq(look_at("r").epoch, old.epoch);
    leave(peer, "r"), join(peer, "r");
    ck_assert_uint_ne(look_at("r").epoch, old.epoch);
    ck_assert_uint_eq(look_at("r").sequence, 0);
}
END_TEST

START_TEST(get_room_tells_what_is_on_its_way)
{
    struct peer *a = add(0), *b = add(1);
    join(a, "r"), join(b, "r"), join(a, "s");
    broadcast("r", "12345"), broadcast("r", "1");
    ck_assert_uint_eq(look_at("r").pending_bytes, 7 + 3); /* once, whoever gets it */
    ck_assert_uint_eq(look_at("s").pending_bytes, 0);
    lane_turn(&connections->lanes[0]);
    ck_assert_uint_eq(look_at("r").pending_bytes, 7 + 3);
    lane_turn(&connections->lanes[1]);
    ck_assert_uint_eq(look_at("r").pending_bytes, 0);
}
END_TEST

START_TEST(ids_are_names)
{
    struct peer *a = add(0), *b = add(0);
    ck_assert_uint_ne(a->id, 0);
    ck_assert_uint_ne(a->id, b->id);
    ck_assert_uint_ne(a->id + 1, b->id);
    ck_assert_str_eq(toni_client_name(a->client), toni_client_id_name(connections, a->id).text);
    ck_assert_uint_eq(strlen(toni_client_name(a->client)), 16);
    ck_assert_uint_eq(strtoull(toni_client_name(a->client), NULL, 16), a->id);
    int mine;
    ck_assert_ptr_null(toni_client_data(a->client));
    toni_client_set_data(a->client, &mine);
    ck_assert_ptr_eq(toni_client_data(a->client), &mine);
    ck_assert_int_eq(toni_client_close(a->client, 1004, TONI_LIT("")), TONI_ERR_INVALID);
    ck_assert_int_eq(toni_client_close(a->client, 4000, TONI_LIT("x")), TONI_OK);
    ck_assert_int_eq(toni_client_send_text(a->client, TONI_LIT("x")), TONI_ERR_CLOSING);
}
END_TEST

/* --- send_to_client */

START_TEST(a_direct_send)
{
    struct peer *peer = add(0);
    toni_message message = toni_text(toni_str_of("x"));
    ck_assert_int_eq(toni_send_to_client(connections, 4711, &message), TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(toni_send_to_client(connections, gone_id(), &message), TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(send_text(peer, "a"), TONI_OK);
    ck_assert_int_eq(send_text(peer, "b"), TONI_OK);
    turn();
    RECEIVED(peer, "a|b");
    ck_assert_uint_eq(peer->socket.writes, 1);
    disconnect(peer, 1000, "");
    ck_assert_int_eq(send_text(peer, "c"), TONI_ERR_CLOSING);
}
END_TEST

START_TEST(a_full_outbox_by_messages_and_by_bytes)
{
    struct limits limits = limits_default();
    limits.outbox_messages = 4;
    limits.outbox_bytes = 103;
    again(&limits, 1);
    struct peer *messages = add(0), *bytes = add(0);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(send_text(messages, "x"), TONI_OK);
    ck_assert_int_eq(send_text(messages, "x"), TONI_ERR_FULL);
    ck_assert_int_eq(send_text(bytes, text_of_102()), TONI_OK);
    ck_assert_int_eq(send_text(bytes, ""), TONI_ERR_FULL);
    turn();
    ck_assert_int_eq(send_text(messages, "y"), TONI_OK);
    ck_assert_int_eq(send_text(bytes, ""), TONI_OK);
    ck_assert(client_is_open(messages->client));
    turn();
    RECEIVED(messages, "x|x|x|x|y");
}
END_TEST

START_TEST(its_own_worker_tries_a_write_first)
{
    struct limits limits = limits_default();
    limits.outbox_messages = 4;
    again(&limits, 2);
    lane_attach(&connections->lanes[0]);
    struct peer *mine = add(0), *foreign = add(1), *blocked = add(0);
    blocked->socket.window = 0;
    for (int i = 0; i < 50; i++) {
        ck_assert_int_eq(send_text(mine, "x"), TONI_OK);
        ck_assert_int_eq(send_text(foreign, "x"), i < 4 ? TONI_OK : TONI_ERR_FULL);
        /* The socket takes one write into its rest; then four wait. */
        ck_assert_int_eq(send_text(blocked, "x"), i < 8 ? TONI_OK : TONI_ERR_FULL);
    }
    turn();
    ck_assert_uint_eq(mine->socket.wire.length, 150);
    ck_assert_uint_eq(foreign->socket.wire.length, 12);
    ck_assert(client_is_open(blocked->client)); /* a direct send alone closes nobody */
    peer_take(blocked, WINDOW_OPEN);
    ck_assert_uint_eq(blocked->socket.wire.length, 24);
    ck_assert_uint_eq(fixture_dropped(connections), 0);
}
END_TEST

/* A call that the lane runs at the beginning of a turn, and that sends until the outbox is full. */
struct nested {
    struct peer *peer;
    const struct nested *other;
    int accepted;
    int accepted_of_other; /* before this one */
};

static void send_six(void *data)
{
    struct nested *nested = data;
    nested->accepted_of_other = nested->other->accepted;
    for (int i = 0; i < 6; i++)
        nested->accepted += send_text(nested->peer, "in") == TONI_OK;
    REQUIRE(nested->accepted_of_other == nested->other->accepted);
}

START_TEST(a_write_tried_within_a_turn_keeps_the_order_and_calls_nobody)
{
    struct limits limits = limits_default();
    limits.outbox_messages = 4;
    again(&limits, 1);
    lane_attach(&connections->lanes[0]);
    struct nested one = {.peer = add(0)}, two = {.peer = add(0), .other = &one};
    one.other = &two;
    join(one.peer, "r"), join(two.peer, "r");
    ck_assert_int_eq(lane_post_call(&connections->lanes[0], send_six, &one), 0);
    broadcast("r", "1");
    ck_assert_int_eq(lane_post_call(&connections->lanes[0], send_six, &two), 0);
    broadcast("r", "2");
    lane_turn(&connections->lanes[0]);
    turn();
    ck_assert_int_eq(one.accepted, 6);
    ck_assert_int_eq(two.accepted, 6);
    ck_assert_int_eq(one.accepted_of_other, 0);
    ck_assert_int_eq(two.accepted_of_other, 6);
    RECEIVED(one.peer, "1|2|in|in|in|in|in|in");
    RECEIVED(two.peer, "1|2|in|in|in|in|in|in");
}
END_TEST

/* --- Targets */

START_TEST(a_union_reaches_each_once)
{
    struct peer *a = add(0), *b = add(0), *both = add(1), *none = add(1);
    join(a, "a"), join(both, "a"), join(b, "b"), join(both, "b");
    toni_target *target = to_room("a");
    toni_target_to_room(target, toni_str_of("b"));
    toni_target_to_room(target, toni_str_of("a"));
    toni_target_to_room(target, toni_str_of("unknown"));
    toni_target_to_client(target, both->id);
    toni_target_to_client(target, both->id);
    toni_target_to_client(target, 4711);
    ck_assert_int_eq(send_target(target, "x"), 3);
    turn();
    RECEIVED(a, "x");
    RECEIVED(b, "x");
    RECEIVED(both, "x");
    RECEIVED(none, "");
}
END_TEST

START_TEST(except_leaves_out_whatever_names_it)
{
    struct peer *a = add(0), *b = add(1);
    join(a, "r"), join(b, "r");
    toni_target *target = to_room("r");
    toni_target_except(target, a->id);
    toni_target_except(target, a->id);
    toni_target_except(target, 4711);
    toni_target_to_client(target, a->id);
    ck_assert_int_eq(send_target(target, "x"), 1);
    target = toni_to_all(connections);
    toni_target_except(target, b->id);
    ck_assert_int_eq(send_target(target, "y"), 1);
    target = toni_to_client(connections, a->id);
    toni_target_except(target, a->id);
    ck_assert_int_eq(send_target(target, "z"), 0);
    turn();
    RECEIVED(a, "y");
    RECEIVED(b, "x");
}
END_TEST

START_TEST(to_all_reaches_all)
{
    struct peer *a = add(0), *b = add(1), *closing = add(0);
    join(a, "r");
    disconnect(closing, 1000, "");
    ck_assert_int_eq(send_target(toni_to_all(connections), "x"), 2);
    toni_target *target = toni_to_all(connections);
    toni_target_to_room(target, toni_str_of("r"));
    toni_target_to_client(target, b->id);
    ck_assert_int_eq(send_target(target, "y"), 2);
    turn();
    RECEIVED(a, "x|y");
    RECEIVED(b, "x|y");
    RECEIVED(closing, "<1000>");
    ck_assert_uint_eq(toni_room_count(connections), 1); /* everyone is no room */
}
END_TEST

START_TEST(targets_of_nobody)
{
    add(0);
    ck_assert_int_eq(send_target(to_room("unknown"), "x"), 0);
    ck_assert_int_eq(send_target(toni_to_client(connections, 4711), "x"), 0);
    ck_assert_int_eq(send_target(NULL, "x"), TONI_ERR_NO_MEMORY);
    toni_target_to_room(NULL, toni_str_of("r"));
    toni_target_to_client(NULL, 1);
    toni_target_except(NULL, 1);
    toni_target_destroy(NULL);
    toni_target_destroy(to_room("r"));
}
END_TEST

START_TEST(the_first_error_of_a_target_stays)
{
    struct peer *peer = add(0);
    join(peer, "r");
    toni_target *target = to_room("r");
    toni_target_to_room(target, toni_str_of("bad\n"));
    toni_target_to_room(target, toni_str_of("r"));
    ck_assert_int_eq(send_target(target, "x"), TONI_ERR_INVALID);
    ck_assert_int_eq(send_target(to_room(""), "x"), TONI_ERR_INVALID);
    turn();
    RECEIVED(peer, "");
}
END_TEST

/* --- Order: design.md, "A message's way through", step 4 */

/* How each of these runs: on one lane or on others, by the own worker's thread or a foreign one. */
enum { ORDER_MODES = 4 };

static struct peer *order_begin(int mode, struct peer **other)
{
    again(NULL, 3);
    if (mode & 1)
        fixture_attach(&fixture);
    struct peer *peer = add(0);
    *other = add(mode & 2 ? 1 : 0);
    join(peer, "a"), join(peer, "b"), join(*other, "a"), join(*other, "b");
    return peer;
}

START_TEST(broadcasts_and_direct_sends_keep_program_order)
{
    struct peer *other, *peer = order_begin(_i, &other);
    broadcast("a", "1");
    send_text(peer, "2");
    broadcast("b", "3");
    broadcast("a", "4");
    send_text(other, "5");
    send_text(peer, "6");
    turn();
    RECEIVED(peer, "1|2|3|4|6");
    RECEIVED(other, "1|3|4|5");
}
END_TEST

START_TEST(broadcast_then_leave_keeps_program_order)
{
    struct peer *other, *peer = order_begin(_i, &other);
    broadcast("a", "1");
    leave(peer, "a");
    broadcast("b", "2");
    broadcast("a", "3");
    send_text(peer, "4");
    leave(peer, "b");
    broadcast("b", "5");
    turn();
    RECEIVED(peer, "1|2|4");
    RECEIVED(other, "1|2|3|5");
}
END_TEST

START_TEST(broadcast_then_close_keeps_program_order)
{
    struct peer *other, *peer = order_begin(_i, &other);
    broadcast("a", "1");
    send_text(peer, "2");
    broadcast("b", "3");
    disconnect(peer, 4000, "");
    broadcast("a", "4");
    turn();
    RECEIVED(peer, "1|2|3|<4000>");
    RECEIVED(other, "1|3|4");
}
END_TEST

START_TEST(unions_have_their_place_in_every_order)
{
    struct peer *other, *peer = order_begin(_i, &other);
    broadcast("a", "1");
    toni_target *target = to_room("b");
    toni_target_to_room(target, toni_str_of("a"));
    ck_assert_int_eq(send_target(target, "2"), 2);
    broadcast("b", "3");
    send_target(toni_to_all(connections), "4");
    send_target(toni_to_client(connections, peer->id), "5");
    broadcast("a", "6");
    turn();
    RECEIVED(peer, "1|2|3|4|5|6");
    RECEIVED(other, "1|2|3|4|6");
}
END_TEST

START_TEST(a_union_reaches_who_left_after_it_and_not_who_came)
{
    struct peer *other, *peer = order_begin(_i, &other);
    struct peer *comes = add(0);
    toni_target *target = to_room("a");
    toni_target_to_room(target, toni_str_of("b"));
    broadcast("a", "0");
    send_target(target, "1");
    leave(peer, "a");
    leave(peer, "b");
    join(comes, "a");
    broadcast("a", "2");
    turn();
    RECEIVED(peer, "0|1");
    RECEIVED(comes, "2");
    RECEIVED(other, "0|1|2");
}
END_TEST

START_TEST(a_join_before_a_broadcast_gets_it_and_one_after_does_not)
{
    struct peer *other, *peer = order_begin(_i, &other);
    struct peer *comes = add(2);
    broadcast("a", "1");
    join(comes, "a");
    send_text(comes, "Joined room: a");
    broadcast("a", "2");
    turn();
    RECEIVED(comes, "Joined room: a|2");
    RECEIVED(peer, "1|2");
    RECEIVED(other, "1|2");
}
END_TEST

START_TEST(lanes_that_turn_at_different_times_keep_the_order)
{
    struct peer *other, *peer = order_begin(_i, &other);
    broadcast("a", "1");
    lane_turn(&connections->lanes[0]); /* seals the batch that lane 1 has not taken */
    broadcast("a", "2");
    broadcast("a", "3");
    lane_turn(&connections->lanes[1]);
    broadcast("a", "4");
    leave(peer, "a");
    lane_turn(&connections->lanes[0]);
    broadcast("a", "5");
    turn();
    RECEIVED(peer, "1|2|3|4");
    RECEIVED(other, "1|2|3|4|5");
}
END_TEST

START_TEST(a_lane_that_was_left_out_takes_up_the_batch_again)
{
    struct peer *muted = add(0), *comes = add(0), *far = add(1);
    join(muted, "r"), join(far, "r");
    broadcast("r", "1");
    client_untarget(muted->client);
    broadcast("r", "2"); /* not for lane 0 */
    join(comes, "r");
    broadcast("r", "3");
    turn();
    RECEIVED(muted, "1");
    RECEIVED(comes, "3");
    RECEIVED(far, "1|2|3");
}
END_TEST

/* So the other finds all that a turn posts at once. */
START_TEST(a_worker_wakes_others_once_its_turn_ends)
{
    struct peer *near = add(0), *far = add(1);
    join(near, "r"), join(far, "r");
    fixture_settle(&fixture);
    lane_attach(&connections->lanes[0]);
    broadcast("r", "1");
    broadcast("r", "2");
    ck_assert_uint_eq(fixture.wakes[1], 0);
    lane_turn(&connections->lanes[0]);
    ck_assert_uint_eq(fixture.wakes[1], 1);
    ck_assert_uint_eq(fixture.wakes[0], 0);

    broadcast("r", "3"); /* it is awake, and has not taken the first two yet */
    ck_assert(lane_pending(&connections->lanes[0]));
    ck_assert_uint_eq(fixture.wakes[1], 1);

    lane_turn(&connections->lanes[1]);
    ck_assert(!lane_pending(&connections->lanes[1])); /* now it sleeps */
    broadcast("r", "4");
    ck_assert_uint_eq(fixture.wakes[1], 1);
    ck_assert(lane_pending(&connections->lanes[0])); /* before this one may sleep, too */
    ck_assert_uint_eq(fixture.wakes[1], 2);
    turn();
    RECEIVED(far, "1|2|3|4");
    ck_assert_uint_eq(far->socket.writes, 2);
}
END_TEST

static void *broadcast_from_elsewhere(void *data)
{
    broadcast("r", data);
    return NULL;
}

static void *turn_third_worker(void *data)
{
    struct lane *lane = &connections->lanes[2];
    lane_attach(lane);
    broadcast("r", data);
    lane_turn(lane);
    return NULL;
}

static void run_thread(void *(*run)(void *data), void *data)
{
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, run, data), 0);
    pthread_join(thread, NULL);
}

/* That turn may be one of a plugin that takes its time: others need not wait for it. */
START_TEST(who_posts_does_not_wait_for_the_turn_of_who_posted_before)
{
    struct peer *near = add(0), *far = add(1);
    join(near, "r"), join(far, "r");
    fixture_settle(&fixture);
    lane_attach(&connections->lanes[0]);
    broadcast("r", "1");
    ck_assert_uint_eq(fixture.wakes[1], 0);
    run_thread(broadcast_from_elsewhere, "2");
    ck_assert_uint_eq(fixture.wakes[1], 1);
    run_thread(broadcast_from_elsewhere, "3"); /* it is awake by now */
    ck_assert_uint_eq(fixture.wakes[1], 1);
    turn();
    ck_assert_uint_eq(fixture.wakes[1], 1); /* it was woken, and has taken all there was */
    RECEIVED(far, "1|2|3");
}
END_TEST

static void *send_from_elsewhere(void *data)
{
    ck_assert_int_eq(send_text(data, "2"), TONI_OK);
    return NULL;
}

/* The same where it is one client's, and what is sent lengthens a command that is there. */
START_TEST(who_sends_does_not_wait_for_the_turn_of_who_sent_before)
{
    struct peer *far = add(1);
    fixture_settle(&fixture);
    lane_attach(&connections->lanes[0]);
    ck_assert_int_eq(send_text(far, "1"), TONI_OK);
    ck_assert_uint_eq(fixture.wakes[1], 0);
    run_thread(send_from_elsewhere, far);
    ck_assert_uint_eq(fixture.wakes[1], 1);
    turn();
    ck_assert_uint_eq(fixture.wakes[1], 1);
    RECEIVED(far, "1|2");
}
END_TEST

START_TEST(a_worker_does_not_wait_for_another_that_posted_before)
{
    again(NULL, 3);
    struct peer *near = add(0), *far = add(1);
    join(near, "r"), join(far, "r");
    fixture_settle(&fixture);
    lane_attach(&connections->lanes[0]);
    broadcast("r", "1");
    run_thread(turn_third_worker, "2");
    ck_assert_uint_eq(fixture.wakes[1], 1);
    turn();
    ck_assert_uint_eq(fixture.wakes[1], 1);
    RECEIVED(far, "1|2");
}
END_TEST

START_TEST(a_turn_of_one_room_is_one_write)
{
    struct peer *peer = add(0), *second = add(0);
    join(peer, "r"), join(second, "r");
    fixture_settle(&fixture);
    for (int i = 0; i < 100; i++)
        broadcast("r", "x");
    ck_assert_uint_eq(fixture.wakes[0], 1);
    ck_assert_uint_eq(fixture.wakes[1], 0);
    ck_assert_ptr_eq(connections->lanes[0].first_command, connections->lanes[0].last_command);
    turn();
    ck_assert_uint_eq(peer->socket.writes, 1);
    ck_assert_uint_eq(second->socket.writes, 1);
    ck_assert_uint_eq(peer->socket.wire.length, 300);
}
END_TEST

/* --- The slow consumer */

START_TEST(a_burst_in_one_turn_harms_nobody_whose_socket_takes_it)
{
    struct peer *a = add(0), *b = add(1);
    join(a, "r"), join(b, "r");
    for (int i = 0; i < 5000; i++)
        ck_assert_int_eq(broadcast("r", text_of_102()), 2);
    turn();
    ck_assert(client_is_open(a->client));
    ck_assert_uint_eq(a->socket.wire.length, 5000 * 102);
    ck_assert_uint_eq(b->socket.wire.length, 5000 * 102);
    ck_assert_int_eq(broadcast("r", "x"), 2);
    turn();
    ck_assert(client_is_open(a->client));
}
END_TEST

START_TEST(a_burst_to_a_blocked_client_is_judged_when_more_comes)
{
    struct peer *peer = add(0);
    join(peer, "r");
    peer->socket.window = 0;
    for (int i = 0; i < 5000; i++)
        ck_assert_int_eq(broadcast("r", text_of_102()), 1);
    turn();
    turn();
    peer_take(peer, 1000); /* not enough for another write */
    turn();
    ck_assert(client_is_open(peer->client));
    ck_assert_int_eq(send_text(peer, "x"), TONI_ERR_FULL);
    ck_assert_int_eq(broadcast("r", "x"), 1);
    ck_assert(client_is_open(peer->client));
    turn();
    ck_assert(!client_is_open(peer->client));
    ck_assert_int_eq(broadcast("r", "x"), 0);
    uint64_t written = FRAME_MAX / 102;
    ck_assert_uint_eq(fixture_dropped(connections), 5001 - written);
    peer_take(peer, WINDOW_OPEN);
    ck_assert_uint_eq(peer->socket.wire.length, written * 102 + 2 + 2 + strlen("slow consumer"));
    ck_assert_uint_eq(peer->socket.closed, 1);
}
END_TEST

/* A send that finds its outbox full has the lane flushed within the turn, when no socket had a
 * chance to take more: that judges nobody. */
START_TEST(a_burst_that_flushes_within_its_turn_harms_nobody)
{
    struct limits limits = limits_default();
    limits.outbox_messages = 4;
    again(&limits, 1);
    lane_attach(&connections->lanes[0]);
    struct peer *sender = add(0), *member = add(0);
    join(member, "r");
    member->socket.window = 0;
    for (int i = 0; i < 50; i++) {
        ck_assert_int_eq(broadcast("r", "x"), 1);
        ck_assert_int_eq(send_text(sender, "y"), TONI_OK);
    }
    turn();
    ck_assert(client_is_open(member->client));
    peer_take(member, WINDOW_OPEN);
    ck_assert_uint_eq(member->socket.wire.length, 150);
    ck_assert_uint_eq(fixture_dropped(connections), 0);
}
END_TEST

START_TEST(a_burst_to_a_client_that_recovers_is_forgiven)
{
    struct peer *peer = add(0);
    join(peer, "r");
    peer->socket.window = 0;
    for (int i = 0; i < 5000; i++)
        broadcast("r", "x");
    turn();
    peer_take(peer, WINDOW_OPEN);
    broadcast("r", "y");
    turn();
    ck_assert(client_is_open(peer->client));
    ck_assert_uint_eq(peer->socket.wire.length, 5001 * 3);
}
END_TEST

/* Leaves `left` messages of `size` bytes on the wire in an outbox, and then one more. */
static bool survives(uint64_t left)
{
    struct peer *peer = add(0);
    join(peer, "r");
    peer->socket.window = 0;
    broadcast("r", "in the socket's rest");
    turn();
    for (uint64_t i = 0; i < left; i++)
        broadcast("r", "1");
    turn();
    REQUIRE(client_is_open(peer->client));
    broadcast("r", "2");
    turn();
    bool open = client_is_open(peer->client);
    peer_lose(peer);
    return open;
}

START_TEST(the_limits_of_a_slow_consumer_are_exact)
{
    struct limits limits = limits_default();
    limits.outbox_messages = 10;
    again(&limits, 1);
    ck_assert(survives(10));
    ck_assert(!survives(11));
    limits = limits_default();
    limits.outbox_bytes = 30;
    again(&limits, 1);
    ck_assert(survives(10));
    ck_assert(!survives(11));
}
END_TEST

START_TEST(the_touched_who_are_never_flushed_do_not_leak)
{
    struct peer *peer = peer_connect(&fixture, 0);
    client_close_now(peer->client, 1001, toni_str_of(""));
    peer_lose(peer);
    peer_destroy(NULL, peer);
    connections_destroy(connections); /* without a turn */
    begin(NULL, 2);
}
END_TEST

START_TEST(commands_that_are_never_delivered_do_not_leak)
{
    struct peer *a = peer_connect(&fixture, 0), *b = peer_connect(&fixture, 1);
    join(a, "r"), join(b, "r");
    broadcast("r", "1");
    send_text(a, "2");
    send_target(toni_to_all(connections), "3");
    disconnect(b, 1000, "");
    peer_lose(a), peer_lose(b);
    peer_destroy(NULL, a), peer_destroy(NULL, b);
    connections_destroy(connections);
    begin(NULL, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rooms/connections");
    TCase *cases = tcase_create("all");
    tcase_add_checked_fixture(cases, setup, teardown);

    tcase_add_test(cases, join_makes_the_room_and_is_seen_at_once);
    tcase_add_test(cases, joining_twice_changes_nothing);
    tcase_add_test(cases, join_of_an_unknown_client_leaves_no_trace);
    tcase_add_loop_test(cases, names_of_rooms, 0, sizeof names / sizeof names[0]);
    tcase_add_test(cases, join_up_to_the_limit);
    tcase_add_test(cases, memberships_of_all_clients_have_a_limit);
    tcase_add_test(cases, join_of_a_closing_client_fails);
    tcase_add_test(cases, leave_takes_out);
    tcase_add_test(cases, a_closing_client_can_leave);
    tcase_add_test(cases, after_a_leave_nothing_more_comes);
    tcase_add_test(cases, leaving_and_joining_again_misses_what_lies_between);
    tcase_add_test(cases, who_joins_again_gets_what_came_before_first);
    tcase_add_test(cases, a_client_that_left_is_let_go_of_by_its_lane);
    tcase_add_test(cases, a_room_ends_with_its_last_member_and_comes_again_as_another);
    tcase_add_test(cases, a_room_that_ended_still_delivers);
    tcase_add_test(cases, one_that_leaves_is_a_member_but_not_listed);
    tcase_add_test(cases, one_that_leaves_is_a_member_but_not_listed);
    tcase_add_test(cases, remove_client_flushes_then_closes_with_1000);
    tcase_add_test(cases, disconnect_flushes_then_closes);
    tcase_add_loop_test(cases, disconnect_with_every_code, 0, sizeof codes / sizeof codes[0]);
    tcase_add_test(cases, disconnect_with_a_reason);
    tcase_add_test(cases, what_was_accepted_goes_out_before_a_close_even_if_the_outbox_is_full);
    tcase_add_test(cases, close_now_drops_what_waits_and_counts_it);
    tcase_add_test(cases, close_now_before_a_close_that_waits);
    tcase_add_test(cases, close_now_without_a_code);
    tcase_add_test(cases, an_unwritten_close_is_no_message);
    tcase_add_test(cases, a_muted_client_is_no_target);
    tcase_add_test(cases, a_retired_client_still_gets_what_it_was_sent);
    tcase_add_test(cases, a_lost_connection_drops_and_counts);
    tcase_add_test(cases, a_failing_write_ends_the_client);
    tcase_add_test(cases, broadcast_reaches_each_member_once);
    tcase_add_test(cases, faults_of_messages);
    tcase_add_test(cases, a_size_that_would_wrap_around);
    tcase_add_test(cases, a_message_larger_than_its_limit);
    tcase_add_test(cases, a_room_that_is_busy);
    tcase_add_test(cases, a_host_that_is_busy);
    tcase_add_test(cases, a_union_is_pending_once_in_the_host_and_once_in_each_room);
    tcase_add_test(cases, questions_about_the_unknown);
    tcase_add_test(cases, snapshots_are_the_callers);
    tcase_add_test(cases, get_client_tells_what_is_known);
    tcase_add_test(cases, get_room_of_a_room_that_ended);
    tcase_add_test(cases, get_room_tells_who_is_in_it);
    tcase_add_test(cases, get_room_tells_the_last_message);
    tcase_add_test(cases, get_room_tells_a_room_from_one_of_the_same_name);
    tcase_add_test(cases, get_room_tells_what_is_on_its_way);
    tcase_add_test(cases, ids_are_names);
    tcase_add_test(cases, a_direct_send);
    tcase_add_test(cases, a_full_outbox_by_messages_and_by_bytes);
    tcase_add_test(cases, its_own_worker_tries_a_write_first);
    tcase_add_test(cases, a_write_tried_within_a_turn_keeps_the_order_and_calls_nobody);
    tcase_add_test(cases, a_union_reaches_each_once);
    tcase_add_test(cases, except_leaves_out_whatever_names_it);
    tcase_add_test(cases, to_all_reaches_all);
    tcase_add_test(cases, targets_of_nobody);
    tcase_add_test(cases, the_first_error_of_a_target_stays);
    tcase_add_loop_test(cases, broadcasts_and_direct_sends_keep_program_order, 0, ORDER_MODES);
    tcase_add_loop_test(cases, broadcast_then_leave_keeps_program_order, 0, ORDER_MODES);
    tcase_add_loop_test(cases, broadcast_then_close_keeps_program_order, 0, ORDER_MODES);
    tcase_add_loop_test(cases, unions_have_their_place_in_every_order, 0, ORDER_MODES);
    tcase_add_loop_test(cases, a_union_reaches_who_left_after_it_and_not_who_came, 0, ORDER_MODES);
    tcase_add_loop_test(cases, a_join_before_a_broadcast_gets_it_and_one_after_does_not, 0,
                        ORDER_MODES);
    tcase_add_loop_test(cases, lanes_that_turn_at_different_times_keep_the_order, 0, ORDER_MODES);
    tcase_add_test(cases, a_lane_that_was_left_out_takes_up_the_batch_again);
    tcase_add_test(cases, a_worker_wakes_others_once_its_turn_ends);
    tcase_add_test(cases, who_posts_does_not_wait_for_the_turn_of_who_posted_before);
    tcase_add_test(cases, who_sends_does_not_wait_for_the_turn_of_who_sent_before);
    tcase_add_test(cases, a_worker_does_not_wait_for_another_that_posted_before);
    tcase_add_test(cases, a_turn_of_one_room_is_one_write);
    tcase_add_test(cases, a_burst_in_one_turn_harms_nobody_whose_socket_takes_it);
    tcase_add_test(cases, a_burst_to_a_blocked_client_is_judged_when_more_comes);
    tcase_add_test(cases, a_burst_that_flushes_within_its_turn_harms_nobody);
    tcase_add_test(cases, a_burst_to_a_client_that_recovers_is_forgiven);
    tcase_add_test(cases, the_limits_of_a_slow_consumer_are_exact);
    tcase_add_test(cases, the_touched_who_are_never_flushed_do_not_leak);
    tcase_add_test(cases, commands_that_are_never_delivered_do_not_leak);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
