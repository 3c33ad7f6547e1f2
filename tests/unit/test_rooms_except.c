/* Messages that leave somebody out: they are broadcasts of their room like any other, and nobody
 * but who is left out notices. And unions, which count and reach each client once. */
#include "rooms/broadcast.h"
#include "rooms_fixture.h"
#include "runner.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 40, MORE_THAN_A_FEW = EXCEPTED_MAX + 3 };

static struct fixture fixture;
static toni_connections *connections;
static struct peer *peers[MANY];
static uint32_t peer_count;

static void setup(void)
{
    fixture_init(&fixture, NULL, 2);
    connections = fixture.connections;
    peer_count = 0;
}

static void turn(void)
{
    fixture_turn(&fixture);
}

static void teardown(void)
{
    peers_end(&fixture, peers, peer_count);
    fixture_finish(&fixture);
}

static toni_str room_name(const char *room)
{
    return toni_str_of(room);
}

static struct peer *add(uint32_t lane, const char *room)
{
    struct peer *peer = peers[peer_count++] = peer_connect(&fixture, lane);
    if (room)
        ck_assert_int_eq(toni_join_room(connections, peer->id, room_name(room)), TONI_OK);
    return peer;
}

static int32_t send_to(toni_target *target, const char *text)
{
    const toni_message message = toni_text(toni_str_of(text));
    return toni_target_send(target, &message);
}

/* What a chat sends. */
static int32_t to_others(const struct peer *sender, const char *room, const char *text)
{
    toni_target *target = toni_to_room(connections, room_name(room));
    toni_target_except(target, sender->id);
    return send_to(target, text);
}

static int32_t broadcast(const char *room, const char *text)
{
    return toni_broadcast_to_roomf(connections, room_name(room), "%s", text);
}

static uint64_t sequence_of(const char *room)
{
    toni_room_info *info;
    ck_assert_int_eq(toni_get_room(connections, room_name(room), &info), TONI_OK);
    const uint64_t sequence = info->sequence;
    toni_room_info_destroy(info);
    return sequence;
}

#define RECEIVED(peer, texts) ck_assert_str_eq(peer_texts(peer), texts)

START_TEST(a_turn_of_a_chat_is_one_command_and_one_write)
{
    struct peer *a = add(0, "r"), *b = add(0, "r"), *reads = add(0, "r");
    turn();
    ck_assert_int_eq(to_others(a, "r", "a1"), 2);
    ck_assert_int_eq(to_others(b, "r", "b1"), 2);
    ck_assert_int_eq(broadcast("r", "all"), 3);
    ck_assert_int_eq(to_others(a, "r", "a2"), 2);
    ck_assert_int_eq(to_others(a, "r", "a3"), 2);
    ck_assert_ptr_eq(connections->lanes[0].first_command, connections->lanes[0].last_command);
    turn();
    RECEIVED(reads, "a1|b1|all|a2|a3");
    RECEIVED(a, "b1|all");
    RECEIVED(b, "a1|all|a2|a3");
    ck_assert_uint_eq(reads->socket.writes, 1);
    ck_assert_uint_eq(a->socket.writes, 1);
    ck_assert_uint_eq(b->socket.writes, 1);
    ck_assert_uint_eq(sequence_of("r"), 5);
}
END_TEST

START_TEST(on_another_lane_it_is_a_plain_broadcast)
{
    struct peer *a = add(0, "r"), *near = add(0, "r"), *far = add(1, "r");
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(to_others(a, "r", "x"), 2);
    broadcast("r", "y");
    turn();
    RECEIVED(near, "x|x|x|y");
    RECEIVED(far, "x|x|x|y");
    RECEIVED(a, "y");
    ck_assert_uint_eq(far->socket.writes, 1);
}
END_TEST

START_TEST(a_lane_with_nobody_else_gets_no_command)
{
    struct peer *a = add(0, "r"), *far = add(1, "r");
    turn();
    ck_assert_int_eq(to_others(a, "r", "1"), 1);
    ck_assert_ptr_null(connections->lanes[0].first_command);
    broadcast("r", "2");
    to_others(a, "r", "3");
    to_others(far, "r", "4");
    turn();
    RECEIVED(a, "2|4");
    RECEIVED(far, "1|2|3");
}
END_TEST

START_TEST(with_nobody_else_there_it_takes_no_number)
{
    struct peer *a = add(0, "r");
    ck_assert_int_eq(to_others(a, "r", "x"), 0);
    ck_assert_uint_eq(sequence_of("r"), 0);
    turn();
    RECEIVED(a, "");
}
END_TEST

START_TEST(who_is_no_member_changes_nothing)
{
    struct peer *a = add(0, "r"), *stranger = add(0, "other"), *left = add(0, "r");
    toni_leave_room(connections, left->id, room_name("r"));
    ck_assert_int_eq(to_others(stranger, "r", "1"), 1);
    ck_assert_int_eq(to_others(left, "r", "2"), 1);
    turn();
    RECEIVED(a, "1|2");
    RECEIVED(left, "");
}
END_TEST

START_TEST(who_is_being_closed_is_not_counted_twice)
{
    struct peer *a = add(0, "r"), *closing = add(0, "r");
    broadcast("r", "1");
    toni_close_client(connections, closing->id, 4000, toni_str_of(""));
    ck_assert_int_eq(to_others(closing, "r", "2"), 1);
    turn();
    RECEIVED(a, "1|2");
    RECEIVED(closing, "1|<4000>");
}
END_TEST

/* All of these happen between two messages of one batch. */
START_TEST(leaving_and_joining_again_around_a_message)
{
    struct peer *a = add(0, "r"), *reads = add(0, "r"), *other = add(0, "r");
    broadcast("r", "1");
    to_others(a, "r", "2");
    broadcast("r", "3");
    toni_leave_room(connections, a->id, room_name("r"));
    broadcast("r", "4");
    toni_leave_room(connections, other->id, room_name("r"));
    ck_assert_int_eq(toni_join_room(connections, a->id, room_name("r")), TONI_OK);
    broadcast("r", "5");
    to_others(a, "r", "6");
    broadcast("r", "7");
    turn();
    RECEIVED(reads, "1|2|3|4|5|6|7");
    RECEIVED(a, "1|3|5|7");
    RECEIVED(other, "1|2|3|4");
    ck_assert_uint_eq(other->client->refs, 1); /* no ghost's */
}
END_TEST

/* The one that moves to the place of a ghost takes its exceptions along. */
START_TEST(members_move_while_exceptions_wait)
{
    struct peer *ghost = add(0, "r"), *reads = add(0, "r"), *last = add(0, "r");
    broadcast("r", "1");
    toni_leave_room(connections, ghost->id, room_name("r"));
    const toni_message direct = toni_text(toni_str_of("direct"));
    toni_send_to_client(connections, reads->id, &direct);
    to_others(last, "r", "2"); /* in another command */
    broadcast("r", "3");
    turn();
    RECEIVED(ghost, "1");
    RECEIVED(reads, "1|direct|2|3");
    RECEIVED(last, "1|3");
}
END_TEST

START_TEST(a_few_and_more_than_a_few)
{
    for (uint32_t i = 0; i < MANY / 2; i++)
        add(i % 2, "r");
    for (uint32_t count = 0; count <= MORE_THAN_A_FEW; count++) {
        toni_target *target = toni_to_room(connections, room_name("r"));
        for (uint32_t i = 0; i < count; i++) {
            toni_target_except(target, peers[i]->id);
            toni_target_except(target, peers[i / 2]->id); /* again */
        }
        ck_assert_uint_eq((uint32_t)send_to(target, "x"), MANY / 2 - count);
    }
    turn();
    for (uint32_t i = 0; i < MANY / 2; i++) {
        const uint32_t times = i < MORE_THAN_A_FEW ? i + 1 : MORE_THAN_A_FEW + 1;
        ck_assert_uint_eq(peers[i]->socket.wire.length, times * 3);
    }
}
END_TEST

START_TEST(everyone_but_one)
{
    struct peer *a = add(0, NULL), *b = add(1, NULL), *c = add(0, "r");
    turn();
    for (int i = 0; i < 3; i++) {
        toni_target *target = toni_to_all(connections);
        toni_target_except(target, a->id);
        ck_assert_int_eq(send_to(target, "x"), 2);
    }
    ck_assert_ptr_eq(connections->lanes[0].first_command, connections->lanes[0].last_command);
    turn();
    RECEIVED(a, "");
    RECEIVED(b, "x|x|x");
    RECEIVED(c, "x|x|x");
}
END_TEST

/* --- Unions */

static toni_target *rooms(const char *names)
{
    toni_target *target = NULL;
    for (; *names; names++) {
        const toni_str room = toni_str_make(names, 1);
        if (target)
            toni_target_to_room(target, room);
        else
            target = toni_to_room(connections, room);
    }
    return target;
}

START_TEST(a_union_counts_each_once)
{
    static const char *const in[] = {"a", "b", "ab", "abc", "c", "bc", ""};
    for (uint32_t i = 0; i < 28; i++) {
        add(i % 2, NULL);
        for (const char *room = in [i % 7]; *room; room++)
            toni_join_room(connections, peers[i]->id, toni_str_make(room, 1));
    }
    ck_assert_int_eq(send_to(rooms("ab"), "1"), 20);
    ck_assert_int_eq(send_to(rooms("ba"), "2"), 20);
    ck_assert_int_eq(send_to(rooms("abc"), "3"), 24);
    toni_target *target = rooms("bc");
    toni_target_except(target, peers[3]->id); /* who is in all */
    toni_target_except(target, peers[6]->id); /* in none */
    toni_target_to_client(target, peers[0]->id);
    toni_target_to_client(target, peers[3]->id);
    toni_target_to_client(target, peers[4]->id); /* in c already */
    ck_assert_int_eq(send_to(target, "4"), 20);
    turn();
    RECEIVED(peers[0], "1|2|3|4");
    RECEIVED(peers[3], "1|2|3");
    RECEIVED(peers[4], "3|4");
    RECEIVED(peers[6], "");
}
END_TEST

/* So nothing is on its way to a lane on which nobody was. */
START_TEST(who_comes_and_goes_before_a_union_arrives_leaves_no_ghost)
{
    struct peer *a = add(0, "a"), *b = add(0, "b"), *passes = add(1, NULL), *far = add(1, "a");
    ck_assert_int_eq(send_to(rooms("ab"), "x"), 3);
    toni_join_room(connections, passes->id, room_name("b"));
    turn();
    toni_leave_room(connections, passes->id, room_name("b"));
    ck_assert_uint_eq(passes->client->refs, 1);
    RECEIVED(a, "x");
    RECEIVED(b, "x");
    RECEIVED(far, "x");
    RECEIVED(passes, "");
}
END_TEST

/* --- Memory */

static uint32_t count_audiences(const struct room *room)
{
    uint32_t count = 0;
    for (const struct audience *audience = room->audiences; audience; audience = audience->next)
        count++;
    return count;
}

START_TEST(a_room_has_audiences_on_the_lanes_that_have_members)
{
    struct peer *near = add(0, "r"), *far = add(1, "r");
    struct room *room = room_table_find(&connections->common, room_name("r"));
    ck_assert_uint_eq(count_audiences(room), 2);
    for (int i = 0; i < 4; i++)
        broadcast("r", "x");
    turn();
    toni_leave_room(connections, far->id, room_name("r"));
    ck_assert_uint_eq(count_audiences(room), 1);
    broadcast("r", "y");
    broadcast("r", "y");
    turn();
    ck_assert_int_eq(toni_join_room(connections, far->id, room_name("r")), TONI_OK);
    broadcast("r", "z");
    toni_leave_room(connections, near->id, room_name("r"));
    turn();
    ck_assert_uint_eq(count_audiences(room), 1);
    toni_leave_room(connections, far->id, room_name("r"));
    ck_assert_uint_eq(count_audiences(room), 0);
    room_unref(room);
    RECEIVED(near, "x|x|x|x|y|y|z");
    RECEIVED(far, "x|x|x|x|z");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rooms/except");
    TCase *cases = tcase_create("all");
    tcase_add_checked_fixture(cases, setup, teardown);

    tcase_add_test(cases, a_turn_of_a_chat_is_one_command_and_one_write);
    tcase_add_test(cases, on_another_lane_it_is_a_plain_broadcast);
    tcase_add_test(cases, a_lane_with_nobody_else_gets_no_command);
    tcase_add_test(cases, with_nobody_else_there_it_takes_no_number);
    tcase_add_test(cases, who_is_no_member_changes_nothing);
    tcase_add_test(cases, who_is_being_closed_is_not_counted_twice);
    tcase_add_test(cases, leaving_and_joining_again_around_a_message);
    tcase_add_test(cases, members_move_while_exceptions_wait);
    tcase_add_test(cases, a_few_and_more_than_a_few);
    tcase_add_test(cases, everyone_but_one);
    tcase_add_test(cases, a_union_counts_each_once);
    tcase_add_test(cases, who_comes_and_goes_before_a_union_arrives_leaves_no_ghost);
    tcase_add_test(cases, a_room_has_audiences_on_the_lanes_that_have_members);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
