/* Rooms on one node: their order, holes, gaps, epochs, connections that break. */
#include "cluster_fixture.h"
#include "runner.h"

#include <stdio.h>
#include <string.h>

static struct room_key key(const char *text)
{
    return (struct room_key){.bytes = text, .size = strlen(text)};
}

/* A message arrives out of turn, as the subscription socket brings it. */
static void arrive(const char *room, uint64_t epoch, uint64_t offset, const char *text)
{
    node_message(world.node, 0, world.generation, key(room), (struct position){epoch, offset}, text,
                 strlen(text), 1, world.now_ms);
    world_run();
}

static void lose(const char *room, const char *text)
{
    world.loses_messages = true;
    world_others_publish(room, text);
    world.loses_messages = false;
}

START_TEST(nothing_is_delivered_before_the_engine_has_ordered_it)
{
    world_begin_up(NULL);
    ck_assert_int_eq(world_subscribe("a"), CLUSTER_DONE);
    world.is_stopped = true;
    ck_assert_int_eq(world_publish("a", "mine"), CLUSTER_DONE);
    world_expect_nothing();
    world.is_stopped = false;
    world_run();
    world_expect("result 1 ok 1", "deliver a 1 mine");
    world_end();
}
END_TEST

START_TEST(messages_come_in_order_and_once)
{
    world_begin_up(NULL);
    world_subscribe("a");
    world_others_publish("a", "x");
    world_others_publish("a", "y");
    arrive("a", world_room("a")->epoch, 1, "again");
    world_expect("deliver a 1 x", "deliver a 2 y");
    world_end();
}
END_TEST

START_TEST(a_room_begins_where_it_is_found)
{
    world_begin_up(NULL);
    world_others_publish("a", "x");
    world_others_publish("a", "y");
    world_subscribe("a");
    world_expect_nothing();
    world_others_publish("a", "z");
    world_expect("deliver a 3 z");
    world_end();
}
END_TEST

START_TEST(a_hole_is_filled_out_of_the_history)
{
    world_begin_up(NULL);
    world_subscribe("a");
    world_others_publish("a", "1");
    lose("a", "2");
    lose("a", "3");
    world_forget();
    world_others_publish("a", "4");
    world_expect("deliver a 2 2", "deliver a 3 3", "deliver a 4 4");
    ck_assert_uint_eq(world.commands[OUTPUT_HISTORY], 1);
    world_end();
}
END_TEST

START_TEST(what_comes_behind_a_hole_waits_and_asks_once)
{
    world_begin_up(NULL);
    world_subscribe("a");
    world_others_publish("a", "1");
    lose("a", "2");
    world_forget();
    world.is_stopped = true;
    world_others_publish("a", "3");
    world_others_publish("a", "4");
    world_expect_nothing();
    ck_assert_uint_eq(world.commands[OUTPUT_HISTORY], 1);
    world.is_stopped = false;
    world_run();
    world_expect("deliver a 2 2", "deliver a 3 3", "deliver a 4 4");
    ck_assert_uint_eq(world.commands[OUTPUT_HISTORY], 1);
    world_end();
}
END_TEST

START_TEST(without_a_history_the_gap_is_told)
{
    world_begin_up(NULL);
    world_room("a")->keeps = false;
    world_subscribe("a");
    world_others_publish("a", "1");
    lose("a", "2");
    lose("a", "3");
    world_others_publish("a", "4");
    world_expect("deliver a 1 1", "gap a 2..3 no-history", "deliver a 4 4");
    world_end();
}
END_TEST

START_TEST(what_the_history_no_longer_has_is_told)
{
    world_begin_up(NULL);
    world_subscribe("a");
    world_others_publish("a", "1");
    lose("a", "2");
    lose("a", "3");
    world_room("a")->first_kept = 3;
    world_others_publish("a", "4");
    world_expect("deliver a 1 1", "gap a 2..2 trimmed", "deliver a 3 3", "deliver a 4 4");
    world_end();
}
END_TEST

START_TEST(a_quiet_loss_is_found_by_sampling)
{
    world_begin_up(NULL);
    world_subscribe("a");
    world_others_publish("a", "1");
    lose("a", "2");
    world_expect("deliver a 1 1");
    world_pass(41000);
    world_expect("deliver a 2 2");
    world_end();
}
END_TEST

START_TEST(a_quiet_loss_is_found_after_a_connection)
{
    world_begin_up(NULL);
    world_subscribe("a");
    world_subscribe("b");
    world_others_publish("a", "1");
    world_others_publish("b", "1");
    world_forget();
    world_break();
    world_others_publish("a", "2");
    world_pass(150);
    world_expect("state down closed", "state degraded connected", "deliver a 2 2",
                 "state up caught-up");
    ck_assert_uint_eq(world.commands[OUTPUT_HISTORY], 1); /* of the room that changed alone */
    world_end();
}
END_TEST

START_TEST(a_new_epoch_is_told_with_the_message_that_brings_it)
{
    world_begin_up(NULL);
    world_subscribe("a");
    world_others_publish("a", "1");
    world_room("a")->epoch = 0; /* evicted */
    world_others_publish("a", "new");
    world_expect("deliver a 1 1", "gap a 2..0 epoch", "deliver a 1 new");
    /* The new epoch's first ones are asked for. */
    world_room("a")->epoch = 0;
    lose("a", "n1");
    world_others_publish("a", "n2");
    world_expect("gap a 2..0 epoch", "deliver a 1 n1", "deliver a 2 n2");
    world_end();
}
END_TEST

START_TEST(a_forgotten_room_is_told_by_sampling)
{
    world_begin_up(NULL);
    world_subscribe("a");
    world_others_publish("a", "1");
    world_room("a")->epoch = 0;
    world_pass(41000);
    world_expect("deliver a 1 1", "gap a 2..0 epoch");
    world_pass(100000);
    world_expect_nothing(); /* once */
    world_others_publish("a", "2");
    world_expect("deliver a 1 2");
    world_end();
}
END_TEST

START_TEST(a_server_that_lost_its_data_loses_nothing_untold)
{
    world_begin_up(NULL);
    world_subscribe("a");
    world_others_publish("a", "1");
    world_forget();
    world_restart_empty();
    world_others_publish("a", "while-away");
    world_pass(150);
    world_expect("state down closed", "state degraded connected", "gap a 2..0 epoch",
                 "deliver a 1 while-away", "state up caught-up");
    world_end();
}
END_TEST

START_TEST(offsets_that_go_back_in_an_epoch_are_told)
{
    world_begin_up(NULL);
    world_subscribe("a");
    world_others_publish("a", "1");
    world_others_publish("a", "2");
    world_forget();
    world_room("a")->offset = 1;
    world_pass(41000);
    world_expect("gap a 3..0 epoch");
    world_others_publish("a", "other");
    world_expect("deliver a 2 other");
    world_end();
}
END_TEST

static void hold_few(struct node_settings *settings)
{
    settings->held_messages = 2;
}

START_TEST(what_waits_behind_a_hole_is_bounded)
{
    world_begin_up(hold_few);
    world_subscribe("a");
    world_others_publish("a", "1");
    lose("a", "2");
    world.is_stopped = true;
    world_others_publish("a", "3");
    world_others_publish("a", "4");
    world_expect("deliver a 1 1");
    world_others_publish("a", "5");
    world_expect("gap a 2..2 holding", "deliver a 3 3", "deliver a 4 4", "deliver a 5 5");
    world.is_stopped = false;
    world_run();
    world_expect_nothing(); /* the history comes too late */
    world_end();
}
END_TEST

static void hold_few_bytes(struct node_settings *settings)
{
    settings->held_bytes = 100;
}

START_TEST(what_waits_behind_holes_is_bounded_in_bytes)
{
    struct node_figures figures;

    world_begin_up(hold_few_bytes);
    world_subscribe("a");
    world_others_publish("a", "1");
    lose("a", "2");
    world.is_stopped = true;
    for (int i = 3; i < 20; i++) {
        world_others_publish("a", "m");
        node_figures(world.node, 0, &figures);
        ck_assert_uint_le(figures.held_bytes, 100);
    }
    ck_assert_uint_eq(world_count("gap a 2..2 holding"), 1);
    ck_assert_uint_eq(world_count("deliver"), 18);
    world_end();
}
END_TEST

START_TEST(what_waits_behind_a_hole_waits_no_longer_than_it_may)
{
    world_begin_up(NULL);
    world_subscribe("a");
    world_others_publish("a", "1");
    lose("a", "2");
    world.is_stopped = true;
    world_others_publish("a", "3");
    world_break();
    world.is_away = true;
    world_forget();
    world_pass(4000);
    ck_assert_uint_eq(world_count("deliver"), 0);
    world_pass(1000);
    ck_assert_uint_eq(world_count("gap a 2..2 holding"), 1);
    ck_assert_uint_eq(world_count("deliver a 3 3"), 1);
    world_end();
}
END_TEST

START_TEST(a_room_that_was_never_compared_goes_on_where_it_began)
{
    world_begin_up(NULL);
    world_others_publish("a", "1");
    world.loses_echoes = true;
    world_subscribe("a");
    world_break();
    world.loses_echoes = false;
    world_others_publish("a", "2");
    world_forget();
    world_pass(150);
    ck_assert_uint_eq(world_count("gap"), 0);
    ck_assert_uint_eq(world_count("deliver a 2 2"), 1);
    world_end();
}
END_TEST

START_TEST(subscriptions_are_counted_and_linger)
{
    world_begin_up(NULL);
    world_subscribe("a");
    world_subscribe("a");
    ck_assert_uint_eq(world.commands[OUTPUT_SUBSCRIBE], 1);
    node_unsubscribe(world.node, key("a"), world.now_ms);
    world_pass(5000);
    ck_assert_uint_eq(world.commands[OUTPUT_UNSUBSCRIBE], 0);
    node_unsubscribe(world.node, key("a"), world.now_ms);
    world_pass(999);
    ck_assert_uint_eq(world.commands[OUTPUT_UNSUBSCRIBE], 0);
    world_subscribe("a"); /* in time: nothing is asked */
    world_pass(5000);
    ck_assert_uint_eq(world.commands[OUTPUT_UNSUBSCRIBE], 0);
    ck_assert_uint_eq(world.commands[OUTPUT_SUBSCRIBE], 1);
    node_unsubscribe(world.node, key("a"), world.now_ms);
    world_pass(1000);
    ck_assert_uint_eq(world.commands[OUTPUT_UNSUBSCRIBE], 1);
    ck_assert(!world_room("a")->is_subscribed);
    ck_assert_int_eq(node_unsubscribe(world.node, key("a"), world.now_ms), CLUSTER_INVALID);
    world_end();
}
END_TEST

START_TEST(a_room_that_comes_back_while_it_is_left_begins_anew)
{
    world_begin_up(NULL);
    world_subscribe("a");
    world_others_publish("a", "1");
    node_unsubscribe(world.node, key("a"), world.now_ms);
    world.is_stopped = true;
    world_pass(1000);
    world_subscribe("a");
    ck_assert_uint_eq(world.commands[OUTPUT_SUBSCRIBE], 1);
    world.is_stopped = false;
    world_run();
    ck_assert_uint_eq(world.commands[OUTPUT_SUBSCRIBE], 2);
    ck_assert(world_room("a")->is_subscribed);
    world_forget();
    world_others_publish("a", "2");
    world_expect("deliver a 2 2");
    world_end();
}
END_TEST

START_TEST(all_rooms_are_subscribed_again_in_large_commands_few_at_a_time)
{
    enum { ROOMS = 10000 };
    struct node_figures figures;
    char name[16];

    world_begin(NULL);
    world.is_away = true;
    world_run();
    for (int i = 0; i < ROOMS; i++) {
        (void)snprintf(name, sizeof(name), "r%d", i);
        ck_assert_int_eq(node_subscribe(world.node, key(name), 0, world.now_ms), CLUSTER_DONE);
    }
    world_forget();
    world.is_away = false;
    world.stops_subscriptions = true;
    world_pass(150);
    ck_assert_uint_eq(world.batch_most, ROOMS_A_COMMAND);
    ck_assert_uint_eq(world.commands[OUTPUT_SUBSCRIBE], 8); /* flight_commands */
    world_expect("state degraded connected", "held 1/1 ");
    world.stops_subscriptions = false;
    world_run();
    node_figures(world.node, 0, &figures);
    ck_assert_uint_eq(figures.subscribed, ROOMS);
    ck_assert_uint_eq(world.commands[OUTPUT_SUBSCRIBE], (ROOMS + 511) / 512);
    world_expect("state up caught-up");
    world_end();
}
END_TEST

static void few_rooms(struct node_settings *settings)
{
    settings->rooms_max = 2;
}

START_TEST(rooms_are_bounded)
{
    char name[ROOM_KEY_MAX + 1];

    world_begin_up(few_rooms);
    ck_assert_int_eq(world_subscribe("a"), CLUSTER_DONE);
    ck_assert_int_eq(world_subscribe("b"), CLUSTER_DONE);
    ck_assert_int_eq(world_subscribe("c"), CLUSTER_TOO_MANY);
    memset(name, 'x', sizeof(name));
    ck_assert_int_eq(node_subscribe(world.node, (struct room_key){name, sizeof(name)}, 0, 1),
                     CLUSTER_INVALID);
    ck_assert_int_eq(node_subscribe(world.node, (struct room_key){name, 0}, 0, 1), CLUSTER_INVALID);
    world_end();
}
END_TEST

START_TEST(a_message_of_another_connection_or_room_is_nothing)
{
    const struct position at = {1, 1};

    world_begin_up(NULL);
    world_subscribe("a");
    ck_assert_int_eq(
        node_message(world.node, 0, world.generation + 1, key("a"), at, "x", 1, 1, world.now_ms),
        CLUSTER_DONE);
    ck_assert_int_eq(
        node_message(world.node, 9, world.generation, key("a"), at, "x", 1, 1, world.now_ms),
        CLUSTER_DONE);
    ck_assert_int_eq(
        node_message(world.node, 0, world.generation, key("b"), at, "x", 1, 1, world.now_ms),
        CLUSTER_DONE);
    ck_assert_int_eq(node_message(world.node, 0, world.generation, key("a"),
                                  (struct position){1, 0}, "x", 1, 1, world.now_ms),
                     CLUSTER_INVALID);
    world_expect_nothing();
    world_end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cluster_rooms");
    TCase *tcase = tcase_create("rooms");

    tcase_add_test(tcase, nothing_is_delivered_before_the_engine_has_ordered_it);
    tcase_add_test(tcase, messages_come_in_order_and_once);
    tcase_add_test(tcase, a_room_begins_where_it_is_found);
    tcase_add_test(tcase, a_hole_is_filled_out_of_the_history);
    tcase_add_test(tcase, what_comes_behind_a_hole_waits_and_asks_once);
    tcase_add_test(tcase, without_a_history_the_gap_is_told);
    tcase_add_test(tcase, what_the_history_no_longer_has_is_told);
    tcase_add_test(tcase, a_quiet_loss_is_found_by_sampling);
    tcase_add_test(tcase, a_quiet_loss_is_found_after_a_connection);
    tcase_add_test(tcase, a_new_epoch_is_told_with_the_message_that_brings_it);
    tcase_add_test(tcase, a_forgotten_room_is_told_by_sampling);
    tcase_add_test(tcase, a_server_that_lost_its_data_loses_nothing_untold);
    tcase_add_test(tcase, offsets_that_go_back_in_an_epoch_are_told);
    tcase_add_test(tcase, what_waits_behind_a_hole_is_bounded);
    tcase_add_test(tcase, what_waits_behind_holes_is_bounded_in_bytes);
    tcase_add_test(tcase, what_waits_behind_a_hole_waits_no_longer_than_it_may);
    tcase_add_test(tcase, a_room_that_was_never_compared_goes_on_where_it_began);
    tcase_add_test(tcase, subscriptions_are_counted_and_linger);
    tcase_add_test(tcase, a_room_that_comes_back_while_it_is_left_begins_anew);
    tcase_add_test(tcase, all_rooms_are_subscribed_again_in_large_commands_few_at_a_time);
    tcase_add_test(tcase, rooms_are_bounded);
    tcase_add_test(tcase, a_message_of_another_connection_or_room_is_nothing);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
