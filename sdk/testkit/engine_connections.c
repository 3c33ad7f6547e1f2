/* The engine suite: connections that end, and the order of replies. */
#include "engine_private.h"

static const toni_str room = TONI_LIT_INIT("/room");

static void ask_for_much(toni_fake_node *node)
{
    toni_fake_node_subscribe(node, &room, 1);
    for (int i = 0; i < 50; i++) {
        const toni_engine_publish publish = toni_fake_node_message(node, room, TONI_LIT("x"));
        toni_fake_node_publish(node, &publish);
        (void)toni_fake_node_tops(node, &room, 1);
        (void)toni_fake_node_history_last(node, room, 10);
        (void)toni_fake_node_probe(node, node->server_incarnation);
    }
    toni_fake_node_unsubscribe(node, &room, 1);
}

/* The fake node fails the test if something is told of a connection that is over. */
START_TEST(nothing_is_told_after_close)
{
    for (int64_t ms = -1; ms < 20; ms += 2) {
        ask_for_much(LEFT);
        if (ms >= 0)
            toni_fake_node_flush(LEFT);
        if (ms > 0)
            toni_fake_node_wait(LEFT, ms / 8);
        toni_fake_node_close(LEFT);
        toni_fake_node_wait(LEFT, 2);
        ck_assert_ptr_null(toni_fake_node_peek(LEFT, TONI_TOLD_CLOSED));
        toni_fake_node_connect(LEFT);
    }
    engine_expect_silence(LEFT);
}
END_TEST

START_TEST(a_close_of_a_connection_that_is_over_does_nothing)
{
    const uint64_t before = LEFT->links[0].connection;
    toni_fake_node_close(LEFT);
    toni_fake_node_connect(LEFT);
    LEFT->table->close(LEFT->self, LEFT->server, before);
    engine_expect_silence(LEFT);
}
END_TEST

START_TEST(nothing_is_told_after_detach)
{
    ask_for_much(LEFT);
    toni_fake_node_flush(LEFT);
    ask_for_much(RIGHT);
    toni_fake_node_detach(LEFT);
    toni_fake_node_flush(RIGHT);
    toni_fake_node_wait(RIGHT, 20);
}
END_TEST

START_TEST(another_is_attached_afterwards)
{
    const toni_position at = engine_publish(LEFT, room, TONI_LIT("x"));
    ask_for_much(LEFT);
    toni_fake_node_detach(LEFT);
    engine_begin_node(LEFT, 0x1ef7);
    toni_fake_node_connect(LEFT);
    ck_assert_uint_eq(LEFT->server_incarnation, RIGHT->server_incarnation);
    ck_assert_uint_eq(engine_top(LEFT, room).epoch, at.epoch);
}
END_TEST

START_TEST(subscriptions_end_with_the_connection)
{
    engine_subscribe(LEFT, room);
    toni_fake_node_close(LEFT);
    toni_fake_node_connect(LEFT);
    (void)engine_publish(RIGHT, room, TONI_LIT("x"));
    engine_expect_silence(LEFT);
}
END_TEST

START_TEST(replies_come_in_the_order_of_the_commands)
{
    const toni_engine_publish first = toni_fake_node_message(LEFT, room, TONI_LIT("x"));
    const toni_engine_publish second = toni_fake_node_message(LEFT, room, TONI_LIT("y"));
    const toni_engine_lease lease = {.struct_size = sizeof lease,
                                     .ttl_ms = 10000,
                                     .incarnation = LEFT->server_incarnation,
                                     .node = LEFT->incarnation,
                                     .boot_step = 1};
    toni_fake_node_publish(LEFT, &first);
    const uint64_t tops = toni_fake_node_tops(LEFT, &room, 1);
    const uint64_t history = toni_fake_node_history_last(LEFT, room, 3);
    const uint64_t probe = toni_fake_node_probe(LEFT, LEFT->server_incarnation);
    toni_fake_node_publish(LEFT, &second);
    const uint64_t leased = toni_fake_node_lease(LEFT, &lease);
    const uint64_t again = toni_fake_node_tops(LEFT, &room, 1);

    ck_assert_uint_eq(toni_fake_node_next(LEFT, TONI_TOLD_PUBLISHED)->at.offset, 1);
    const toni_told *told = toni_fake_node_next(LEFT, TONI_TOLD_TOPS);
    ck_assert_uint_eq(told->request, tops);
    ck_assert_uint_eq(told->tops[0].offset, 1);
    told = toni_fake_node_next(LEFT, TONI_TOLD_HISTORY);
    ck_assert_uint_eq(told->request, history);
    ck_assert_uint_eq(told->at.offset, 1);
    ck_assert_uint_eq(toni_fake_node_next(LEFT, TONI_TOLD_PROBE)->request, probe);
    ck_assert_uint_eq(toni_fake_node_next(LEFT, TONI_TOLD_PUBLISHED)->at.offset, 2);
    ck_assert_uint_eq(toni_fake_node_next(LEFT, TONI_TOLD_LEASE)->request, leased);
    told = toni_fake_node_next(LEFT, TONI_TOLD_TOPS);
    ck_assert_uint_eq(told->request, again);
    ck_assert_uint_eq(told->tops[0].offset, 2);
}
END_TEST

START_TEST(a_thousand_publishes_go_out_together)
{
    enum { COUNT = 1000 };
    const uint64_t before = LEFT->last_number;
    engine_subscribe(RIGHT, room);
    for (int i = 0; i < COUNT; i++) {
        const toni_engine_publish publish = toni_fake_node_message(LEFT, room, TONI_LIT("x"));
        toni_fake_node_publish(LEFT, &publish);
    }
    for (uint64_t i = 1; i <= COUNT; i++) {
        const toni_told *told = toni_fake_node_next(LEFT, TONI_TOLD_PUBLISHED);
        ck_assert_uint_eq(told->request, before + i);
        ck_assert_int_eq(told->answer, TONI_ENGINE_APPLIED);
        ck_assert_uint_eq(told->at.offset, i);
    }
    for (uint64_t i = 1; i <= COUNT; i++)
        ck_assert_uint_eq(toni_fake_node_next(RIGHT, TONI_TOLD_MESSAGE)->at.offset, i);
    engine_expect_silence(RIGHT);
}
END_TEST

TCase *engine_connections_case(void)
{
    TCase *made = engine_case("connections");
    tcase_add_test(made, nothing_is_told_after_close);
    tcase_add_test(made, a_close_of_a_connection_that_is_over_does_nothing);
    tcase_add_test(made, nothing_is_told_after_detach);
    tcase_add_test(made, another_is_attached_afterwards);
    tcase_add_test(made, subscriptions_end_with_the_connection);
    tcase_add_test(made, replies_come_in_the_order_of_the_commands);
    tcase_add_test(made, a_thousand_publishes_go_out_together);
    return made;
}
