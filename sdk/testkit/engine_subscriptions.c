/* The engine suite: subscriptions, the order of messages, and probes. */
#include "engine_private.h"

#include <stdio.h>

static const toni_str room = TONI_LIT_INIT("/room"), other = TONI_LIT_INIT("/other");

START_TEST(messages_come_from_then_on)
{
    (void)engine_publish(LEFT, room, TONI_LIT("before"));
    engine_subscribe(RIGHT, room);
    const toni_position at = engine_publish(LEFT, room, TONI_LIT("x"));
    (void)engine_publish(LEFT, other, TONI_LIT("elsewhere"));
    const toni_position next = engine_publish(RIGHT, room, TONI_LIT("y"));
    engine_expect_message(RIGHT, room, at, TONI_LIT("x"));
    engine_expect_message(RIGHT, room, next, TONI_LIT("y"));
    engine_expect_silence(RIGHT);
    engine_expect_silence(LEFT);
}
END_TEST

START_TEST(unsubscribed_rooms_have_no_messages)
{
    engine_subscribe(RIGHT, room);
    engine_unsubscribe(RIGHT, room);
    (void)engine_publish(LEFT, room, TONI_LIT("x"));
    engine_expect_silence(RIGHT);
    engine_subscribe(RIGHT, room);
    const toni_position at = engine_publish(LEFT, room, TONI_LIT("y"));
    engine_expect_message(RIGHT, room, at, TONI_LIT("y"));
}
END_TEST

/* Each command has its answer; a room is subscribed, or it isn't. */
START_TEST(a_room_that_is_subscribed_twice_has_its_messages_once)
{
    engine_subscribe(RIGHT, room);
    engine_subscribe(RIGHT, room);
    const toni_position at = engine_publish(LEFT, room, TONI_LIT("x"));
    engine_expect_message(RIGHT, room, at, TONI_LIT("x"));
    engine_expect_silence(RIGHT);
    engine_unsubscribe(RIGHT, room);
    (void)engine_publish(LEFT, room, TONI_LIT("y"));
    engine_expect_silence(RIGHT);
    engine_unsubscribe(RIGHT, room);
    engine_expect_silence(RIGHT);
}
END_TEST

START_TEST(one_command_ends_what_another_began)
{
    for (int i = 0; i < 50; i++) {
        toni_fake_node_subscribe(RIGHT, &room, 1);
        toni_fake_node_unsubscribe(RIGHT, &room, 1);
    }
    toni_fake_node_subscribe(RIGHT, &room, 1);
    for (uint32_t i = 0; i <= 100; i++)
        ck_assert_uint_eq(toni_fake_node_next(RIGHT, TONI_TOLD_SUBSCRIBED)->is_subscribed,
                          i % 2 == 0);
    const toni_position at = engine_publish(LEFT, room, TONI_LIT("x"));
    engine_expect_message(RIGHT, room, at, TONI_LIT("x"));
    engine_expect_silence(RIGHT);
}
END_TEST

enum { MANY = TONI_ENGINE_KEYS_MOST };

static char names[MANY][16];
static toni_str many[MANY];

static void make_names(void)
{
    for (uint32_t i = 0; i < MANY; i++) {
        (void)snprintf(names[i], sizeof names[i], "quiz/room %u", (unsigned)i);
        many[i] = toni_str_of(names[i]);
    }
}

/* In whatever order, each once. */
static void expect_many(uint32_t is_subscribed)
{
    char seen[MANY] = {0};
    for (uint32_t i = 0; i < MANY; i++) {
        const toni_told *told = toni_fake_node_next(RIGHT, TONI_TOLD_SUBSCRIBED);
        uint32_t found = 0;
        ck_assert_uint_eq(told->is_subscribed, is_subscribed);
        while (found < MANY && !toni_str_equal(many[found], told->room))
            found++;
        ck_assert_msg(found < MANY && !seen[found], "a room was told twice, or is another");
        seen[found] = 1;
    }
}

START_TEST(one_command_has_as_many_rooms_as_a_host_gives_it)
{
    make_names();
    toni_fake_node_subscribe(RIGHT, many, MANY);
    expect_many(1);
    for (uint32_t i = 0; i < MANY; i++)
        (void)engine_publish(LEFT, many[i], TONI_LIT("x"));
    for (uint32_t i = 0; i < MANY; i++)
        engine_check_bytes(toni_fake_node_next(RIGHT, TONI_TOLD_MESSAGE)->room, many[i]);
    engine_expect_silence(RIGHT);
    toni_fake_node_unsubscribe(RIGHT, many, MANY);
    expect_many(0);
    (void)engine_publish(LEFT, many[MANY / 2], TONI_LIT("x"));
    engine_expect_silence(RIGHT);
}
END_TEST

/* --- Order */

static void publish_many(toni_fake_node *node, int count)
{
    for (int i = 0; i < count; i++) {
        const toni_engine_publish publish = toni_fake_node_message(node, room, TONI_LIT("x"));
        toni_fake_node_publish(node, &publish);
    }
}

static void expect_offsets(toni_fake_node *node, uint64_t count)
{
    for (uint64_t offset = 1; offset <= count; offset++) {
        const toni_told *told = toni_fake_node_next(node, TONI_TOLD_MESSAGE);
        ck_assert_uint_eq(told->at.offset, offset);
    }
    engine_expect_silence(node);
}

/* Neither waits for the other. */
START_TEST(all_nodes_have_the_messages_in_the_order_of_their_offsets)
{
    engine_subscribe(LEFT, room);
    engine_subscribe(RIGHT, room);
    for (int i = 0; i < 10; i++) {
        publish_many(LEFT, 7);
        toni_fake_node_flush(LEFT);
        publish_many(RIGHT, 13);
        toni_fake_node_flush(RIGHT);
    }
    for (int i = 0; i < 70; i++)
        (void)toni_fake_node_next(LEFT, TONI_TOLD_PUBLISHED);
    for (int i = 0; i < 130; i++)
        (void)toni_fake_node_next(RIGHT, TONI_TOLD_PUBLISHED);
    expect_offsets(LEFT, 200);
    expect_offsets(RIGHT, 200);
}
END_TEST

START_TEST(messages_have_the_position_that_their_reply_has)
{
    engine_subscribe(RIGHT, room);
    for (int i = 0; i < 10; i++) {
        const toni_position at = engine_publish(LEFT, room, TONI_LIT("x"));
        engine_expect_message(RIGHT, room, at, TONI_LIT("x"));
    }
}
END_TEST

/* Double zeros, and nothing of a text's. */
START_TEST(positions_have_64_bits)
{
    toni_engine_publish publish = toni_fake_node_message(LEFT, room, TONI_LIT("x"));
    publish.proposed = engine_large[_i];
    engine_subscribe(RIGHT, room);
    ck_assert_int_eq(engine_answer(LEFT, &publish)->answer, TONI_ENGINE_APPLIED);
    engine_expect_message(RIGHT, room, (toni_position){engine_large[_i], 1}, TONI_LIT("x"));
}
END_TEST

/* --- Probes */

START_TEST(an_echo_comes_behind_all_that_was_published_before)
{
    engine_subscribe(LEFT, room);
    for (int round = 0; round < 20; round++) {
        (void)engine_publish(RIGHT, room, TONI_LIT("x"));
        publish_many(LEFT, 5);
        const uint64_t request = toni_fake_node_probe(LEFT, LEFT->server_incarnation);
        for (int i = 0; i < 5; i++)
            (void)toni_fake_node_next(LEFT, TONI_TOLD_PUBLISHED);
        ck_assert_uint_eq(toni_fake_node_next(LEFT, TONI_TOLD_PROBE)->request, request);
        for (int i = 0; i < 6; i++)
            (void)toni_fake_node_next(LEFT, TONI_TOLD_MESSAGE);
        ck_assert_uint_eq(toni_fake_node_next(LEFT, TONI_TOLD_ECHO)->request, request);
    }
}
END_TEST

START_TEST(an_echo_is_for_one_connection)
{
    engine_subscribe(RIGHT, room);
    engine_expect_silence(LEFT);
    engine_expect_silence(RIGHT);
    (void)toni_fake_node_probe(LEFT, LEFT->server_incarnation);
    toni_fake_node_close(LEFT);
    toni_fake_node_connect(LEFT);
    engine_expect_silence(LEFT);
}
END_TEST

START_TEST(every_probe_has_its_echo)
{
    for (int i = 0; i < 10; i++)
        (void)toni_fake_node_probe(LEFT, LEFT->server_incarnation);
    for (uint64_t i = 0; i < 10; i++) {
        ck_assert_uint_eq(toni_fake_node_next(LEFT, TONI_TOLD_PROBE)->request,
                          LEFT->last_request - 9 + i);
        ck_assert_uint_eq(toni_fake_node_next(LEFT, TONI_TOLD_ECHO)->request,
                          LEFT->last_request - 9 + i);
    }
}
END_TEST

START_TEST(a_probe_of_another_incarnation_has_no_echo)
{
    const uint64_t request = toni_fake_node_probe(LEFT, LEFT->server_incarnation + 1);
    const toni_told *told = toni_fake_node_next(LEFT, TONI_TOLD_PROBE);
    ck_assert_uint_eq(told->request, request);
    ck_assert_int_eq(told->answer, TONI_ENGINE_OTHER_INCARNATION);
    engine_expect_silence(LEFT);
}
END_TEST

TCase *engine_subscriptions_case(void)
{
    TCase *made = engine_case("subscriptions");
    tcase_add_test(made, messages_come_from_then_on);
    tcase_add_test(made, unsubscribed_rooms_have_no_messages);
    tcase_add_test(made, a_room_that_is_subscribed_twice_has_its_messages_once);
    tcase_add_test(made, one_command_ends_what_another_began);
    tcase_add_test(made, one_command_has_as_many_rooms_as_a_host_gives_it);
    tcase_add_test(made, all_nodes_have_the_messages_in_the_order_of_their_offsets);
    tcase_add_test(made, messages_have_the_position_that_their_reply_has);
    tcase_add_loop_test(made, positions_have_64_bits, 0, ENGINE_LARGE_COUNT);
    tcase_add_test(made, an_echo_comes_behind_all_that_was_published_before);
    tcase_add_test(made, an_echo_is_for_one_connection);
    tcase_add_test(made, every_probe_has_its_echo);
    tcase_add_test(made, a_probe_of_another_incarnation_has_no_echo);
    return made;
}
