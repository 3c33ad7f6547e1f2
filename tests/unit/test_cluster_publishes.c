/* What becomes of publishes: one result for each, and the right one; connections that break,
 * servers that stop, refuse, or come back as others. */
#include "cluster/publishes.h"
#include "cluster_fixture.h"
#include "runner.h"

#include <string.h>

static void refuse(enum engine_answer answer, uint32_t times)
{
    world.publish_answer = answer;
    world.answers_left = times;
}

START_TEST(a_server_that_is_away_makes_busy)
{
    world_begin(NULL);
    ck_assert_int_eq(world_publish("a", "x"), CLUSTER_BUSY); /* still connecting */
    world_forget();
    ck_assert_int_eq(world_publish("a", "x"), CLUSTER_DONE);
    world_break();
    world_forget();
    world.is_away = true;
    ck_assert_int_eq(world_publish("a", "x"), CLUSTER_BUSY);
    world_pass(20000);
    ck_assert_uint_eq(world_count("result"), 0);
    world_end();
}
END_TEST

START_TEST(a_stopped_server_gives_unknown_within_a_second_and_nothing_twice)
{
    world_begin_up(NULL);
    world_subscribe("a");
    world.is_stopped = true;
    world_publish("a", "x");
    world_pass(999);
    world_expect_nothing();
    world_pass(1);
    ck_assert_uint_eq(world_count("result 1 unknown old"), 1);
    world_pass(30000);
    ck_assert_int_eq(world_publish("a", "y"), CLUSTER_BUSY);
    ck_assert_uint_eq(world_count("state up"), 0);
    world_forget();
    world.is_stopped = false;
    world_run(); /* it executes what it was sent before */
    world_pass(11000);
    ck_assert_uint_eq(world_count("state up"), 1);
    ck_assert_uint_eq(world_count("result"), 0);
    ck_assert_uint_eq(world_room("a")->offset, 1);
    world_end();
}
END_TEST

START_TEST(what_has_no_answer_is_sent_again_in_order_and_applied_once)
{
    world_begin_up(NULL);
    world_subscribe("a");
    world_publish("a", "0"); /* so that the room has an epoch */
    world_forget();
    world.is_stopped = true;
    world_publish("a", "1");
    world_publish("a", "2");
    world_publish("a", "3");
    world_break();
    world_forget();
    world.is_stopped = false; /* the old connection's are executed, too, before the new one's */
    world_pass(150);
    ck_assert_uint_eq(world_room("a")->offset, 4);
    ck_assert_str_eq(world_room("a")->messages[2], "1");
    ck_assert_str_eq(world_room("a")->messages[4], "3");
    ck_assert_uint_eq(world_count("result"), 3);
    /* None is applied before the one in front of it, so the last one's number says it of all. */
    ck_assert_uint_eq(world_count("result 2 ok"), 1);
    ck_assert_uint_eq(world_count("result 3 ok"), 1);
    ck_assert_uint_eq(world_count("result 4 ok 4"), 1);
    ck_assert_uint_eq(world_count("deliver"), 3);
    world_end();
}
END_TEST

START_TEST(under_another_incarnation_nothing_is_sent_again)
{
    world_begin_up(NULL);
    world_subscribe("a");
    world_publish("a", "0");
    world.is_stopped = true;
    world_publish("a", "1");
    world_forget();
    world_restart_empty();
    world.is_stopped = false;
    world_pass(150);
    ck_assert_uint_eq(world_count("result 2 unknown inc"), 1);
    ck_assert_uint_eq(world_room("a")->epoch, 101); /* nobody published into the new data */
    ck_assert_uint_eq(world_count("gap a 2..0 epoch"), 1);
    world_end();
}
END_TEST

START_TEST(an_evicted_room_is_not_published_into_twice)
{
    world_begin_up(NULL);
    world_subscribe("a");
    world_publish("a", "0");
    world.is_stopped = true;
    world_publish("a", "1");
    world_break();
    world.is_stopped = false;
    world_run(); /* applied; and then the room is evicted */
    ck_assert_uint_eq(world_room("a")->offset, 2);
    world_room("a")->epoch = 0;
    world_forget();
    world_pass(150);
    ck_assert_uint_eq(world_count("result 2 unknown epoch"), 1);
    ck_assert_uint_eq(world_room("a")->epoch, 0);
    world_end();
}
END_TEST

START_TEST(another_incarnation_found_by_a_publish_ends_the_connection)
{
    world_begin_up(NULL);
    world.incarnation++;
    world_publish("a", "x");
    world_expect("result 1 rejected inc", "state down inc");
    world_pass(150);
    ck_assert_int_eq(world_publish("a", "x"), CLUSTER_DONE);
    ck_assert_uint_eq(world_count("result 2 ok 1"), 1);
    world_end();
}
END_TEST

START_TEST(a_replica_ends_the_connection)
{
    world_begin_up(NULL);
    refuse(ENGINE_READ_ONLY, 1);
    world_publish("a", "x");
    world_expect("result 1 rejected read-only", "state down read-only");
    world.is_read_only = true;
    world_pass(150);
    ck_assert_int_eq(world_publish("a", "x"), CLUSTER_BUSY);
    world_end();
}
END_TEST

START_TEST(an_error_rejects_one_and_the_connection_stays)
{
    world_begin_up(NULL);
    refuse(ENGINE_ERROR, 1);
    world_publish("a", "x");
    world_expect("result 1 rejected refused");
    world_publish("a", "y");
    world_expect("result 2 ok 1");
    world_end();
}
END_TEST

START_TEST(a_lost_script_loses_nothing_and_keeps_the_order)
{
    world_begin_up(NULL);
    world_subscribe("a");
    world.is_stopped = true;
    world_publish("a", "1");
    world_publish("a", "2");
    world_publish("a", "3");
    refuse(ENGINE_NOT_RUN, 3);
    world.is_stopped = false;
    world_run();
    world_expect("result 1 ok 1", "deliver a 1 1", "result 2 ok 2", "deliver a 2 2",
                 "result 3 ok 3", "deliver a 3 3");
    world_end();
}
END_TEST

START_TEST(a_script_that_comes_back_in_between_loses_nothing_and_keeps_the_order)
{
    world_begin_up(NULL);
    world_subscribe("a");
    world.is_stopped = true;
    world_publish("a", "1");
    world_publish("a", "2");
    world_publish("b", "other room");
    refuse(ENGINE_NOT_RUN, 1); /* the first only: another node loads it */
    world.is_stopped = false;
    world_run();
    world_expect("result 3 ok 1", "result 1 ok 1", "deliver a 1 1", "result 2 ok 2",
                 "deliver a 2 2");
    world_end();
}
END_TEST

/* A server that is full, or has something else in the place of a room. */
START_TEST(what_is_behind_one_that_is_refused_is_sent_once)
{
    world_begin_up(NULL);
    world.is_stopped = true;
    for (uint32_t i = 0; i < 20; i++)
        world_publish("a", "x");
    const uint32_t sent = world.commands[OUTPUT_PUBLISH];
    refuse(ENGINE_ERROR, UINT32_MAX);
    world.is_stopped = false;
    world_run();
    ck_assert_uint_eq(world_count("result"), 20);
    ck_assert_uint_eq(world_count("result 1 rejected refused"), 1);
    ck_assert_uint_eq(world_count("result 20 rejected refused"), 1);
    ck_assert_uint_eq(world.commands[OUTPUT_PUBLISH], sent);
    world_end();
}
END_TEST

START_TEST(what_comes_behind_one_that_is_refused_is_tried)
{
    world_begin_up(NULL);
    world.is_stopped = true;
    world_publish("a", "1");
    world_publish("a", "2");
    world_publish("b", "other room");
    refuse(ENGINE_ERROR, 1);
    world.is_stopped = false;
    world_publish("a", "3"); /* sent before the first answer */
    world_expect("result 1 rejected refused", "result 2 rejected refused", "result 3 ok 1",
                 "result 4 rejected refused");
    world_publish("a", "4");
    world_publish("a", "5");
    world_expect("result 5 ok 1", "result 6 ok 2");
    world_end();
}
END_TEST

static void few_bytes(struct node_settings *settings)
{
    settings->pending_bytes = 1000;
}

START_TEST(what_waits_is_bounded_in_bytes)
{
    struct node_figures figures;
    int done = 0;

    world_begin_up(few_bytes);
    world.is_stopped = true;
    while (world_publish("a", "xxxxxxxxxx") == CLUSTER_DONE) {
        node_figures(world.node, 0, &figures);
        ck_assert_uint_le(figures.pending_bytes, 1000);
        ck_assert_int_lt(++done, 100);
    }
    ck_assert_int_gt(done, 1);
    world.is_stopped = false;
    world_run();
    node_figures(world.node, 0, &figures);
    ck_assert_uint_eq(figures.pending_bytes, 0);
    ck_assert_uint_eq(figures.ok, (uint64_t)done);
    ck_assert_uint_eq(figures.busy, 1);
    world_end();
}
END_TEST

START_TEST(a_key_that_is_none_is_refused)
{
    struct payload *payload = payload_create("x", 1, 1);

    world_begin_up(NULL);
    ck_assert_int_eq(node_publish(world.node, (struct room_key){"", 0}, payload,
                                  (struct keeping){0, 0}, 0, 1, world.now_ms),
                     CLUSTER_INVALID);
    payload_unref(payload);
    world_end();
}
END_TEST

static int publish_alone(const char *room, const char *text)
{
    struct payload *payload = payload_create(text, strlen(text), 1);
    const int status =
        node_publish(world.node, (struct room_key){room, strlen(room)}, payload,
                     (struct keeping){0, 0}, ROOM_LOCAL_ONLY, ++world.last_cookie, world.now_ms);
    payload_unref(payload);
    world_run();
    return status;
}

START_TEST(a_room_may_go_on_alone_and_heals_with_a_gap)
{
    world_begin_up(NULL);
    node_subscribe(world.node, (struct room_key){"a", 1}, ROOM_LOCAL_ONLY, world.now_ms);
    world_run();
    world_subscribe("b");
    world_others_publish("a", "1");
    world.is_away = true;
    world_break();
    world_forget();
    ck_assert_int_eq(publish_alone("a", "alone"), CLUSTER_DONE);
    ck_assert_int_eq(publish_alone("a", "still"), CLUSTER_DONE);
    world_expect("result 1 ok 1", "deliver a 1 alone local", "result 2 ok 2",
                 "deliver a 2 still local");
    ck_assert_int_eq(publish_alone("b", "x"), CLUSTER_BUSY); /* it was not subscribed so */
    ck_assert_int_eq(world_publish("a", "x"), CLUSTER_BUSY); /* it does not want that */
    ck_assert_int_eq(publish_alone("c", "x"), CLUSTER_BUSY); /* nobody is here */
    world_others_publish("a", "2");
    world.is_away = false;
    world_pass(500);
    ck_assert_uint_eq(world_count("gap a 1..2 local"), 1);
    ck_assert_uint_eq(world_count("deliver a 2 2"), 1);
    ck_assert_uint_eq(world_count("gap a"), 1);
    ck_assert_uint_eq(world_count("gap b"), 0); /* nobody has ever said anything in it */
    world_forget();
    ck_assert_int_eq(publish_alone("a", "together"), CLUSTER_DONE);
    world_expect("result 6 ok 3", "deliver a 3 together");
    world_end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cluster_publishes");
    TCase *tcase = tcase_create("publishes");

    tcase_add_test(tcase, a_server_that_is_away_makes_busy);
    tcase_add_test(tcase, a_stopped_server_gives_unknown_within_a_second_and_nothing_twice);
    tcase_add_test(tcase, what_has_no_answer_is_sent_again_in_order_and_applied_once);
    tcase_add_test(tcase, under_another_incarnation_nothing_is_sent_again);
    tcase_add_test(tcase, an_evicted_room_is_not_published_into_twice);
    tcase_add_test(tcase, another_incarnation_found_by_a_publish_ends_the_connection);
    tcase_add_test(tcase, a_replica_ends_the_connection);
    tcase_add_test(tcase, an_error_rejects_one_and_the_connection_stays);
    tcase_add_test(tcase, a_lost_script_loses_nothing_and_keeps_the_order);
    tcase_add_test(tcase, a_script_that_comes_back_in_between_loses_nothing_and_keeps_the_order);
    tcase_add_test(tcase, what_is_behind_one_that_is_refused_is_sent_once);
    tcase_add_test(tcase, what_comes_behind_one_that_is_refused_is_tried);
    tcase_add_test(tcase, what_waits_is_bounded_in_bytes);
    tcase_add_test(tcase, a_key_that_is_none_is_refused);
    tcase_add_test(tcase, a_room_may_go_on_alone_and_heals_with_a_gap);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
