/* Where a room begins on a node: at its top when the engine heard that it is wanted. */
#include "cluster_fixture.h"
#include "runner.h"

#include <stdio.h>
#include <string.h>

static struct room_key key(const char *text)
{
    return (struct room_key){.bytes = text, .size = strlen(text)};
}

START_TEST(what_comes_while_the_subscription_is_on_its_way_is_filled)
{
    world_begin_up(NULL);
    world_others_publish("a", "before");
    world.stops_subscriptions = true;
    world_subscribe("a");
    world_others_publish("a", "2");
    world_others_publish("a", "3");
    world_expect_nothing();
    world.stops_subscriptions = false;
    world_run();
    world_expect("deliver a 2 2", "deliver a 3 3");
    world_end();
}
END_TEST

START_TEST(without_a_history_it_is_told)
{
    world_begin_up(NULL);
    world_room("a")->keeps = false;
    world.stops_subscriptions = true;
    world_subscribe("a");
    world_others_publish("a", "1");
    world_others_publish("a", "2");
    world.stops_subscriptions = false;
    world_run();
    world_expect("gap a 1..2 no-history");
    world_others_publish("a", "3");
    world_expect("deliver a 3 3");
    world_end();
}
END_TEST

START_TEST(a_message_that_the_subscription_brings_shows_what_is_missing_before_it)
{
    world_begin_up(NULL);
    world.stops_subscriptions = true;
    world_subscribe("a");
    world_others_publish("a", "1");
    world.loses_echoes = true; /* no top is compared */
    world.stops_subscriptions = false;
    world_run();
    world_others_publish("a", "2");
    world_expect_nothing();
    world_break();
    world.loses_echoes = false;
    world_forget();
    world_pass(150);
    ck_assert_uint_eq(world_count("gap"), 0);
    ck_assert_uint_eq(world_count("deliver"), 2);
    world_end();
}
END_TEST

START_TEST(what_this_node_says_after_a_join_is_never_before_it)
{
    world_begin_up(NULL);
    world.stops_subscriptions = true;
    world_subscribe("a");
    world_publish("a", "mine");
    world_expect("result 1 ok 1");
    world.stops_subscriptions = false;
    world_run();
    world_expect("deliver a 1 mine");
    world_end();
}
END_TEST

START_TEST(what_comes_before_the_top_is_known_waits_for_it)
{
    world_begin_up(NULL);
    world_others_publish("a", "before");
    world.stops_tops = true;
    world_subscribe("a");
    world_others_publish("a", "2");
    world_others_publish("a", "3");
    world_expect_nothing();
    world.stops_tops = false;
    world_run(); /* the top is 3, and 2 has come all the same */
    world_expect("deliver a 2 2", "deliver a 3 3");
    world_end();
}
END_TEST

static void hold_few(struct node_settings *settings)
{
    settings->held_messages = 2;
}

START_TEST(what_waits_for_the_top_is_bounded)
{
    world_begin_up(hold_few);
    world_others_publish("a", "1");
    world_others_publish("a", "2");
    world.stops_tops = true;
    world_subscribe("a");
    world_others_publish("a", "3");
    world_others_publish("a", "4");
    world_expect_nothing();
    world_others_publish("a", "5");
    world_expect("gap a 0..2 holding", "deliver a 3 3", "deliver a 4 4", "deliver a 5 5");
    world.stops_tops = false;
    world_run();
    world_expect_nothing();
    world_end();
}
END_TEST

START_TEST(a_top_that_is_not_answered_ends_the_connection)
{
    world_begin_up(NULL);
    world_others_publish("a", "1");
    world.stops_tops = true;
    world_subscribe("a");
    world_pass(999);
    world_expect_nothing();
    world_pass(1);
    world_expect("state down no-reply");
    world.stops_tops = false;
    world_others_publish("a", "2");
    world_pass(150);
    /* The engine may have answered, and this node's place may have been anywhere. */
    world_expect("state degraded connected", "gap a 0..2 away", "state up caught-up");
    world_end();
}
END_TEST

START_TEST(epochs_that_do_not_meet_are_told)
{
    world_begin_up(NULL);
    world.stops_tops = true;
    world_subscribe("a");
    world_others_publish("a", "old");
    world_room("a")->epoch = 0; /* evicted */
    world_others_publish("a", "new");
    world_expect("gap a 0..0 epoch", "deliver a 1 old", "gap a 2..0 epoch", "deliver a 1 new");
    world_subscribe("b");
    world_others_publish("b", "old");
    world_room("b")->epoch = 0;
    world.stops_tops = false;
    world_run();
    world_expect("deliver b 1 old", "gap b 2..0 epoch");
    world_end();
}
END_TEST

START_TEST(a_first_message_that_overtakes_the_answer_that_there_is_none_is_no_gap)
{
    world_begin_up(NULL);
    world.stops_tops = true;
    world_subscribe("a");
    world_others_publish("a", "1");
    world_others_publish("a", "2");
    world_expect_nothing();
    world.stops_tops = false;
    world.had_no_numbers = true;
    world_run();
    world_expect("deliver a 1 1", "deliver a 2 2");
    world_end();
}
END_TEST

START_TEST(who_joins_while_the_server_is_away_is_told_unless_there_is_nothing)
{
    world_begin_up(NULL);
    world.is_away = true;
    world_break();
    world_subscribe("a");
    world_subscribe("b");
    world_others_publish("a", "1");
    world.is_away = false;
    world_forget();
    world_pass(500);
    world_expect("state degraded connected", "gap a 0..1 away", "state up caught-up");
    world_others_publish("a", "2");
    world_others_publish("b", "1");
    world_expect("deliver a 2 2", "deliver b 1 1");
    world_end();
}
END_TEST

START_TEST(who_joins_while_the_first_connection_is_made_begins_with_it)
{
    world_begin(NULL);
    world_others_publish("a", "1");
    world_subscribe("a");
    world_run();
    ck_assert_uint_eq(world_count("gap"), 0);
    world_forget();
    world_others_publish("a", "2");
    world_expect("deliver a 2 2");
    world_end();
}
END_TEST

START_TEST(a_room_without_numbers_misses_nothing_over_a_connection)
{
    world_begin_up(NULL);
    world_subscribe("a");
    world_subscribe("b");
    world_break();
    world_others_publish("a", "1");
    world_others_publish("a", "2");
    world_forget();
    world_pass(150);
    world_expect("state degraded connected", "deliver a 1 1", "deliver a 2 2",
                 "state up caught-up");
    world_end();
}
END_TEST

START_TEST(with_other_data_nobody_knows_whether_a_room_had_numbers)
{
    world_begin_up(NULL);
    world_subscribe("a");
    world_restart_empty();
    world_forget();
    world_pass(150);
    world_expect("state degraded connected", "gap a 0..0 away", "state up caught-up");
    world_others_publish("a", "1");
    world_expect("deliver a 1 1");
    world_end();
}
END_TEST

START_TEST(who_comes_back_while_a_room_is_left_misses_nothing)
{
    world_begin_up(NULL);
    world_subscribe("a");
    world_others_publish("a", "1");
    node_unsubscribe(world.node, key("a"), world.now_ms);
    world.stops_subscriptions = true;
    world_pass(1000);
    ck_assert_uint_eq(world.commands[OUTPUT_UNSUBSCRIBE], 1);
    world_forget();
    world_others_publish("a", "2"); /* nobody is there */
    world_subscribe("a");
    world_publish("a", "3");
    world_expect("result 1 ok 3", "deliver a 3 3"); /* the old subscription still brings it */
    world.stops_subscriptions = false;
    world_run();
    world_expect_nothing();
    ck_assert_uint_eq(world.commands[OUTPUT_SUBSCRIBE], 1);
    world_others_publish("a", "4");
    world_expect("deliver a 4 4");
    world_end();
}
END_TEST

START_TEST(a_room_that_lingers_asks_nothing)
{
    world_begin_up(NULL);
    world_subscribe("a");
    ck_assert_uint_eq(world.commands[OUTPUT_SUBSCRIBE], 1);
    ck_assert_uint_eq(world.commands[OUTPUT_TOPS], 2); /* where it begins, what came since */
    world_forget();
    for (int i = 0; i < 1000; i++) {
        node_unsubscribe(world.node, key("a"), world.now_ms);
        world_pass(1);
        world_subscribe("a");
    }
    ck_assert_uint_eq(world.commands[OUTPUT_SUBSCRIBE], 0);
    ck_assert_uint_eq(world.commands[OUTPUT_TOPS], 0);
    world_end();
}
END_TEST

enum { MANY = 10000 };

static void subscribe_many(void)
{
    char name[16];

    for (int i = 0; i < MANY; i++) {
        (void)snprintf(name, sizeof(name), "r%d", i);
        ck_assert_int_eq(node_subscribe(world.node, key(name), 0, world.now_ms), CLUSTER_DONE);
    }
}

START_TEST(many_rooms_are_asked_about_together_few_at_a_time)
{
    world_begin(NULL);
    world.is_away = true;
    world_run();
    subscribe_many();
    world_forget();
    world.is_away = false;
    world.stops_tops = true;
    world_pass(150);
    ck_assert_uint_eq(world.batch_most, ROOMS_A_COMMAND);
    ck_assert_uint_eq(world.commands[OUTPUT_TOPS], 8);
    /* The last one is not among them; but nothing is said in it before it has begun. */
    world_publish("r9999", "mine");
    ck_assert_uint_eq(world.commands[OUTPUT_TOPS], 9);
    world_publish("r9999", "mine");
    ck_assert_uint_eq(world.commands[OUTPUT_TOPS], 9);
    world_forget();
    world.stops_tops = false;
    world_run();
    /* 11 of those that begin, and those that are compared. */
    ck_assert_uint_le(world.commands[OUTPUT_TOPS], 11 + 2 * (MANY + 511) / 512);
    ck_assert_uint_eq(world_count("state up caught-up"), 1);
    world_end();
}
END_TEST

START_TEST(many_joins_within_a_round_trip_are_few_questions)
{
    world_begin_up(NULL);
    world.stops_tops = true;
    subscribe_many();
    world_run();
    ck_assert_uint_eq(world.commands[OUTPUT_TOPS], 8);
    world_forget();
    world.stops_tops = false;
    world_run();
    /* Of the last 9,992 rooms: where they begin, and what came since; and of the first eight. */
    ck_assert_uint_le(world.commands[OUTPUT_TOPS], 2 * ((MANY + 511) / 512) + 8);
    world_end();
}
END_TEST

START_TEST(rooms_that_have_begun_are_not_asked_where_again)
{
    world_begin_up(NULL);
    subscribe_many();
    world_run();
    world_forget();
    world_break();
    world_pass(150);
    /* Only compared. */
    ck_assert_uint_le(world.commands[OUTPUT_TOPS], (MANY + 511) / 512 + 8);
    ck_assert_uint_eq(world_count("gap"), 0);
    world_end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cluster_joins");
    TCase *tcase = tcase_create("joins");

    tcase_add_test(tcase, what_comes_while_the_subscription_is_on_its_way_is_filled);
    tcase_add_test(tcase, without_a_history_it_is_told);
    tcase_add_test(tcase, a_message_that_the_subscription_brings_shows_what_is_missing_before_it);
    tcase_add_test(tcase, what_this_node_says_after_a_join_is_never_before_it);
    tcase_add_test(tcase, what_comes_before_the_top_is_known_waits_for_it);
    tcase_add_test(tcase, what_waits_for_the_top_is_bounded);
    tcase_add_test(tcase, a_top_that_is_not_answered_ends_the_connection);
    tcase_add_test(tcase, epochs_that_do_not_meet_are_told);
    tcase_add_test(tcase, a_first_message_that_overtakes_the_answer_that_there_is_none_is_no_gap);
    tcase_add_test(tcase, who_joins_while_the_server_is_away_is_told_unless_there_is_nothing);
    tcase_add_test(tcase, who_joins_while_the_first_connection_is_made_begins_with_it);
    tcase_add_test(tcase, a_room_without_numbers_misses_nothing_over_a_connection);
    tcase_add_test(tcase, with_other_data_nobody_knows_whether_a_room_had_numbers);
    tcase_add_test(tcase, who_comes_back_while_a_room_is_left_misses_nothing);
    tcase_add_test(tcase, a_room_that_lingers_asks_nothing);
    tcase_add_test(tcase, many_rooms_are_asked_about_together_few_at_a_time);
    tcase_add_test(tcase, many_joins_within_a_round_trip_are_few_questions);
    tcase_add_test(tcase, rooms_that_have_begun_are_not_asked_where_again);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
