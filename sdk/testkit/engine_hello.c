/* The engine suite: servers, incarnations and engine ids. Its nodes are attached, and have no
 * connection yet. */
#include "engine_private.h"

START_TEST(servers_are_the_same_on_all_nodes)
{
    ck_assert_uint_eq(LEFT->server_count, RIGHT->server_count);
    for (uint32_t i = 0; i < LEFT->server_count; i++) {
        ck_assert_uint_gt(LEFT->servers[i].size, 0);
        engine_check_bytes(LEFT->servers[i], RIGHT->servers[i]);
        for (uint32_t j = 0; j < i; j++)
            ck_assert_msg(!toni_str_equal(LEFT->servers[i], LEFT->servers[j]),
                          "two servers have one name");
    }
}
END_TEST

/* Says hello on a new connection. */
static const toni_told *hello(toni_fake_node *node, uint64_t proposed)
{
    (void)toni_fake_node_open(node);
    (void)toni_fake_node_next(node, TONI_TOLD_CONNECTED);
    const uint64_t request = toni_fake_node_hello(node, proposed);
    const toni_told *reply = toni_fake_node_next(node, TONI_TOLD_HELLO);
    ck_assert_uint_eq(reply->request, request);
    return reply;
}

START_TEST(an_empty_server_takes_what_is_proposed)
{
    const toni_told *reply = hello(LEFT, engine_large[_i]);
    ck_assert_uint_eq(reply->incarnation, engine_large[_i]);
    ck_assert_uint_eq(reply->engine_id, engine_large[_i]);
}
END_TEST

START_TEST(all_others_find_it)
{
    (void)hello(LEFT, engine_large[_i]);
    const toni_told *reply = hello(RIGHT, 99);
    ck_assert_uint_eq(reply->incarnation, engine_large[_i]);
    ck_assert_uint_eq(reply->engine_id, engine_large[_i]);
    toni_fake_node_close(LEFT);
    reply = hello(LEFT, 98);
    ck_assert_uint_eq(reply->incarnation, engine_large[_i]);
    ck_assert_uint_eq(reply->engine_id, engine_large[_i]);
}
END_TEST

/* Node numbers of 64 bits: another node's connection stays, however near its number is. */
START_TEST(hello_ends_what_this_node_had_before_and_no_other)
{
    LEFT->incarnation = engine_large[_i];
    RIGHT->incarnation = engine_large[_i] - 1 > 0 ? engine_large[_i] - 1 : 2;
    toni_fake_node_connect(LEFT);
    toni_fake_node_connect(RIGHT);
    engine_expect_silence(LEFT);
    toni_fake_node_close(RIGHT);
    RIGHT->incarnation = engine_large[_i]; /* the same node, in another process */
    toni_fake_node_connect(RIGHT);
    (void)toni_fake_node_next(LEFT, TONI_TOLD_CLOSED);
    engine_expect_silence(RIGHT);
}
END_TEST

START_TEST(each_server_has_rooms_of_its_own)
{
    const toni_str room = TONI_LIT("/room");
    for (uint32_t i = 0; i < LEFT->server_count; i++) {
        LEFT->server = i;
        toni_fake_node_connect(LEFT);
        engine_check_at(engine_top(LEFT, room), 0, 0);
        ck_assert_uint_eq(engine_publish(LEFT, room, TONI_LIT("x")).offset, 1);
    }
}
END_TEST

START_TEST(a_connection_may_be_closed_before_it_is_there)
{
    for (int i = 0; i < 20; i++) {
        (void)toni_fake_node_open(LEFT);
        if (i % 2 == 0)
            toni_fake_node_flush(LEFT);
        toni_fake_node_close(LEFT);
    }
    toni_fake_node_connect(LEFT);
    engine_expect_silence(LEFT);
}
END_TEST

START_TEST(an_engine_may_be_detached_before_a_connection_is_there)
{
    (void)toni_fake_node_open(LEFT);
    toni_fake_node_detach(LEFT);
}
END_TEST

TCase *engine_hello_case(void)
{
    TCase *made = tcase_create("hello");
    tcase_add_checked_fixture(made, engine_attach, engine_finish);
    tcase_set_timeout(made, 120);
    tcase_add_test(made, servers_are_the_same_on_all_nodes);
    tcase_add_loop_test(made, an_empty_server_takes_what_is_proposed, 0, ENGINE_LARGE_COUNT);
    tcase_add_loop_test(made, all_others_find_it, 0, ENGINE_LARGE_COUNT);
    tcase_add_loop_test(made, hello_ends_what_this_node_had_before_and_no_other, 0,
                        ENGINE_LARGE_COUNT);
    tcase_add_test(made, each_server_has_rooms_of_its_own);
    tcase_add_test(made, a_connection_may_be_closed_before_it_is_there);
    tcase_add_test(made, an_engine_may_be_detached_before_a_connection_is_there);
    return made;
}
