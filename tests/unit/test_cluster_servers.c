/* A node and its servers: states, probes, deadlines, waits, leases, and rooms spread over several.
 */
#include "cluster/rendezvous.h"
#include "cluster/server_state.h"
#include "cluster_fixture.h"
#include "runner.h"

#include <stdio.h>
#include <string.h>

START_TEST(a_server_is_up_when_its_probe_came_back)
{
    world_begin(NULL);
    world.loses_echoes = true;
    world_run();
    world_expect("state degraded connected", "held 1/1 ");
    world_pass(999);
    world_expect_nothing();
    world_pass(1);
    world_expect("state down no-echo");
    world.loses_echoes = false;
    world_pass(500);
    ck_assert_uint_eq(world_count("state up"), 1);
    world_end();
}
END_TEST

START_TEST(a_silent_server_is_down_within_two_seconds)
{
    world_begin_up(NULL);
    world_pass(500);
    world.is_stopped = true;
    world_pass(1499);
    world_expect_nothing();
    world_pass(2);
    world_expect("state down no-reply");
    world_end();
}
END_TEST

/* The machine does: nobody answers meanwhile, and nobody looks at the clock. */
static void stand_still(uint32_t ms)
{
    world.now_ms += ms;
    node_tick(world.node, world.now_ms);
}

START_TEST(a_machine_that_stood_still_costs_no_connection_and_no_message)
{
    world_begin_up(NULL);
    world_subscribe("a");
    world_forget();
    world.is_stopped = true;
    world_pass(1000); /* a probe is on its way */
    world_publish("a", "x");
    stand_still(5000);
    world.is_stopped = false;
    world_run();
    world_expect("result 1 ok 1", "deliver a 1 x");
    world_pass(10000);
    world_expect_nothing();
    world_end();
}
END_TEST

START_TEST(a_server_that_is_silent_after_a_standstill_is_down_a_second_later)
{
    world_begin_up(NULL);
    world.is_stopped = true;
    world_pass(1000);
    stand_still(5000);
    world_pass(999);
    world_expect_nothing();
    world_pass(1);
    world_expect("state down no-reply");
    world_end();
}
END_TEST

/* @return How often the machine is awake for a moment, and stands still again, until the server is
 * taken for lost. */
static uint32_t standstills_until_down(uint32_t awake_ms, uint32_t still_ms)
{
    uint32_t count = 0;

    while (world_count("state down no-reply") == 0 && count < 100) {
        world_pass(awake_ms);
        stand_still(still_ms);
        world_run();
        count++;
    }
    return count;
}

START_TEST(a_machine_that_stands_still_again_and_again_loses_a_server_that_is_silent)
{
    world_begin_up(NULL);
    world.is_stopped = true;
    world_pass(1000); /* a probe is on its way, and due after the second */
    ck_assert_uint_eq(standstills_until_down(150, 600), 4);
    world_end();

    world_begin_up(NULL);
    world.is_stopped = true;
    world_pass(1000);
    ck_assert_uint_eq(standstills_until_down(150, 60000), 3); /* however long */
    world_end();
}
END_TEST

START_TEST(a_machine_that_stands_still_again_and_again_keeps_a_server_that_answers)
{
    world_begin_up(NULL);
    world_subscribe("a");
    world_forget();
    for (int i = 0; i < 100; i++) {
        world.is_stopped = true;
        world_publish("a", "x");
        world_pass(140);
        stand_still(1200);
        world.is_stopped = false;
        world_pass(10);
    }
    ck_assert_uint_eq(world_count("state"), 0);
    ck_assert_uint_eq(world_count("deliver a"), 100);
    world_end();
}
END_TEST

START_TEST(a_node_that_waits_for_nothing_is_not_ticked_more_often_than_it_probes)
{
    world_begin_up(NULL);
    world_pass(1);
    const uint64_t due = node_due(world.node);
    world_pass((uint32_t)(due - world.now_ms)); /* the probe goes out, and comes back */
    ck_assert_uint_eq(node_due(world.node), due + 1000);
    world_end();
}
END_TEST

START_TEST(a_probe_is_sent_at_once_for_whom_wants_to_know_that_all_has_come)
{
    world_begin_up(NULL);
    world.is_stopped = true;
    const uint64_t probe = node_probe(world.node, 0, world.now_ms);
    ck_assert_uint_ne(probe, 0);
    world_run();
    ck_assert(node_is_probing(world.node, 0, probe));
    world.is_stopped = false;
    world_run();
    ck_assert(!node_is_probing(world.node, 0, probe));

    world.is_stopped = true; /* one that is lost with its connection is waited for no more */
    const uint64_t lost = node_probe(world.node, 0, world.now_ms);
    world_run();
    ck_assert(node_is_probing(world.node, 0, lost));
    world_break();
    ck_assert(!node_is_probing(world.node, 0, lost));
    ck_assert_uint_eq(node_probe(world.node, 0, world.now_ms), 0);
    ck_assert(!node_is_probing(world.node, 0, 0));
    world_end();
}
END_TEST

START_TEST(a_probe_that_finds_other_data_ends_the_connection)
{
    world_begin_up(NULL);
    world.incarnation++;
    world_pass(2000);
    ck_assert_uint_eq(world_count("state down inc"), 1);
    ck_assert_uint_eq(world_count("state up"), 1);
    world_end();
}
END_TEST

START_TEST(another_engine_on_the_port_is_said)
{
    struct node_figures figures;

    world_begin_up(NULL);
    world.engine_id++;
    world_restart_empty();
    world_forget();
    world_pass(150);
    ck_assert_uint_eq(world_count("state degraded other-engine"), 1);
    node_figures(world.node, 0, &figures);
    ck_assert_uint_eq(figures.other_data, 1);
    world_end();
}
END_TEST

START_TEST(a_replica_is_no_server)
{
    world_begin(NULL);
    world.is_read_only = true;
    world_run();
    world_expect("state down read-only");
    world_end();
}
END_TEST

START_TEST(a_server_that_refuses_is_tried_with_longer_waits)
{
    uint32_t before = 0;

    world_begin(NULL);
    world.is_away = true;
    world_run();
    world_pass(1000);
    before = world.commands[OUTPUT_OPEN];
    ck_assert_uint_ge(before, 3);
    world_pass(60000);
    ck_assert_uint_le(world.commands[OUTPUT_OPEN], before + 40);
    ck_assert_uint_ge(world.commands[OUTPUT_OPEN], before + 7);
    world_end();
}
END_TEST

START_TEST(an_opening_or_a_hello_without_an_end_is_given_up)
{
    world_begin(NULL);
    world.is_stopped = true;
    world_run();
    world_pass(1000);
    ck_assert_uint_eq(world.commands[OUTPUT_CLOSE], 1);
    world_expect("state down no-reply");
    world_end();
}
END_TEST

START_TEST(a_request_that_is_refused_ends_the_connection)
{
    world_begin_up(NULL);
    node_request_failed(world.node, 0, world.generation, 1, ENGINE_ERROR, world.now_ms);
    world_run();
    world_expect("state down refused");
    node_request_failed(world.node, 0, 99, 1, ENGINE_ERROR, world.now_ms);
    node_request_failed(world.node, 7, 1, 1, ENGINE_ERROR, world.now_ms);
    world_run();
    world_expect_nothing();
    world_end();
}
END_TEST

START_TEST(waits_are_random_below_a_bound_that_doubles)
{
    struct chance chance = {.state = 5};
    struct server_life life;
    uint32_t seen_low = 0, seen_high = 0;

    server_life_init(&life, 100, 10000, 1000, 0);
    for (int i = 0; i < 1000; i++) {
        life.attempts = 0;
        server_life_fail(&life, &chance, 0);
        ck_assert_uint_le(life.due_ms, 100);
        seen_low += life.due_ms < 20;
        seen_high += life.due_ms > 80;
    }
    ck_assert_uint_gt(seen_low, 100);
    ck_assert_uint_gt(seen_high, 100);
    life.attempts = 0;
    for (uint32_t bound = 100, i = 0; i < 12; i++, bound = bound < 5000 ? 2 * bound : 10000) {
        ck_assert_uint_eq(server_life_wait_max(&life), bound);
        server_life_fail(&life, &chance, 0);
    }
    life.attempts = UINT32_MAX;
    ck_assert_uint_eq(server_life_wait_max(&life), 10000);
    ck_assert(!server_life_is(&life, life.generation));
    server_life_open(&life, 0);
    ck_assert(server_life_is(&life, life.generation));
    ck_assert(!server_life_is(&life, life.generation - 1));
}
END_TEST

START_TEST(rooms_are_spread_evenly_and_few_move)
{
    enum { ROOMS = 8000 };
    const char *const five[] = {"a:1", "b:1", "c:1", "d:1", "e:1"};
    const char *const turned[] = {"e:1", "d:1", "c:1", "b:1", "a:1"};
    uint32_t counts[5] = {0}, moved = 0;
    char name[16];

    for (int i = 0; i < ROOMS; i++) {
        const size_t size = (size_t)snprintf(name, sizeof(name), "room%d", i);
        const struct room_key key = {name, size};
        const uint32_t of_five = rendezvous_choose(five, 5, key);
        const uint32_t of_four = rendezvous_choose(five, 4, key);
        counts[of_five]++;
        moved += of_four != of_five;
        ck_assert(of_five == 4 || of_four == of_five); /* only the fifth's rooms move */
        ck_assert_str_eq(turned[rendezvous_choose(turned, 5, key)], five[of_five]);
    }
    for (int i = 0; i < 5; i++) {
        ck_assert_uint_gt(counts[i], ROOMS / 5 * 9 / 10);
        ck_assert_uint_lt(counts[i], ROOMS / 5 * 11 / 10);
    }
    ck_assert_uint_eq(moved, counts[4]);
    ck_assert_uint_eq(rendezvous_choose(five, 1, (struct room_key){"x", 1}), 0);
}
END_TEST

/* With several servers the fixture's engine can't serve; what comes out is looked at by hand. */
static uint32_t count_kind(struct cluster_node *node, enum output_kind kind, uint32_t server)
{
    struct output output;
    uint32_t count = 0;

    while (node_take(node, &output)) {
        count += output.kind == kind && output.server == server;
        output_finish(&output);
    }
    return count;
}

static void connect(struct cluster_node *node, uint32_t server, uint64_t generation)
{
    struct output output;
    uint64_t hello = 0;

    node_connected(node, server, generation, 1);
    while (node_take(node, &output)) {
        hello = output.kind == OUTPUT_HELLO ? output.request : hello;
        output_finish(&output);
    }
    node_hello_reply(node, server, generation, hello, &(struct hello_reply){5, 6, false}, 1);
}

START_TEST(a_server_that_is_lost_leaves_the_rooms_of_others_alone)
{
    const char *const servers[] = {"one:6379", "two:6379"};
    struct node_settings settings = {
        .servers = servers, .server_count = 2, .incarnation = 7, .seed = 1};
    struct payload *payload = payload_create("x", 1, 1);
    struct room_key rooms[2] = {{0}};
    const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};

    node_settings_defaults(&settings);
    struct cluster_node *node = node_create(&settings, 1);
    for (size_t i = 0; i < 8; i++)
        rooms[node_server_of(node, (struct room_key){names[i], 1})] =
            (struct room_key){names[i], 1};
    ck_assert_uint_eq(rooms[0].size + rooms[1].size, 2);
    connect(node, 0, 1);
    connect(node, 1, 1);
    for (int i = 0; i < 2; i++)
        node_subscribe(node, rooms[i], 0, 1);
    count_kind(node, OUTPUT_SUBSCRIBE, 0);
    node_closed(node, 0, 1, 2);
    ck_assert_int_eq(node_publish(node, rooms[0], payload, (struct keeping){0, 0}, 0, 1, 2),
                     CLUSTER_BUSY);
    ck_assert_uint_eq(count_kind(node, OUTPUT_STATE, 1), 0);
    ck_assert_int_eq(node_publish(node, rooms[1], payload, (struct keeping){0, 0}, 0, 1, 2),
                     CLUSTER_DONE);
    ck_assert_uint_eq(count_kind(node, OUTPUT_PUBLISH, 1), 1);
    payload_unref(payload);
    node_destroy(node);
}
END_TEST

START_TEST(settings_that_are_none_make_no_node)
{
    const char *const servers[] = {"one:6379"};
    struct node_settings good = {.servers = servers,
                                 .server_count = 1,
                                 .incarnation = 7,
                                 .seed = 1},
                         bad;

    node_settings_defaults(&good);
    bad = good;
    bad.server_count = 0;
    ck_assert_ptr_null(node_create(&bad, 0));
    bad.server_count = NODE_SERVERS_MAX + 1;
    ck_assert_ptr_null(node_create(&bad, 0));
    bad = good;
    bad.incarnation = 0;
    ck_assert_ptr_null(node_create(&bad, 0));
    bad = good;
    bad.lease_ms = bad.renew_ms;
    ck_assert_ptr_null(node_create(&bad, 0));
    node_destroy(NULL);
}
END_TEST

START_TEST(the_same_inputs_give_the_same_outputs)
{
    uint64_t proposed[2] = {0};

    for (int i = 0; i < 2; i++) {
        struct output output;
        world_begin(NULL);
        world_run();
        struct payload *payload = payload_create("x", 1, 1);
        node_publish(world.node, (struct room_key){"a", 1}, payload, (struct keeping){0, 0}, 0, 1,
                     world.now_ms);
        payload_unref(payload);
        ck_assert(node_take(world.node, &output));
        ck_assert_int_eq(output.kind, OUTPUT_PUBLISH);
        proposed[i] = output.publish.proposed;
        output_finish(&output);
        world_end();
    }
    ck_assert_uint_ne(proposed[0], 0);
    ck_assert_uint_eq(proposed[0], proposed[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cluster_servers");
    TCase *tcase = tcase_create("servers");

    tcase_add_test(tcase, a_server_is_up_when_its_probe_came_back);
    tcase_add_test(tcase, a_silent_server_is_down_within_two_seconds);
    tcase_add_test(tcase, a_machine_that_stood_still_costs_no_connection_and_no_message);
    tcase_add_test(tcase, a_server_that_is_silent_after_a_standstill_is_down_a_second_later);
    tcase_add_test(tcase,
                   a_machine_that_stands_still_again_and_again_loses_a_server_that_is_silent);
    tcase_add_test(tcase, a_machine_that_stands_still_again_and_again_keeps_a_server_that_answers);
    tcase_add_test(tcase, a_node_that_waits_for_nothing_is_not_ticked_more_often_than_it_probes);
    tcase_add_test(tcase, a_probe_is_sent_at_once_for_whom_wants_to_know_that_all_has_come);
    tcase_add_test(tcase, a_probe_that_finds_other_data_ends_the_connection);
    tcase_add_test(tcase, another_engine_on_the_port_is_said);
    tcase_add_test(tcase, a_replica_is_no_server);
    tcase_add_test(tcase, a_server_that_refuses_is_tried_with_longer_waits);
    tcase_add_test(tcase, an_opening_or_a_hello_without_an_end_is_given_up);
    tcase_add_test(tcase, a_request_that_is_refused_ends_the_connection);
    tcase_add_test(tcase, waits_are_random_below_a_bound_that_doubles);
    tcase_add_test(tcase, rooms_are_spread_evenly_and_few_move);
    tcase_add_test(tcase, a_server_that_is_lost_leaves_the_rooms_of_others_alone);
    tcase_add_test(tcase, settings_that_are_none_make_no_node);
    tcase_add_test(tcase, the_same_inputs_give_the_same_outputs);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
