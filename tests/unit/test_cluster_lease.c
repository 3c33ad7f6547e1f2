/* The lease of a node, and the other nodes that it sees. */
#include "cluster/lease.h"
#include "cluster_fixture.h"
#include "runner.h"

#include <string.h>

START_TEST(a_lease_is_renewed_and_stays)
{
    world_begin_up(NULL);
    world_pass(60000);
    ck_assert_uint_eq(world.commands[OUTPUT_LEASE], 20);
    world_expect_nothing();
    ck_assert_uint_eq(node_identity(world.node, world.now_ms).slot, 1);
    world_end();
}
END_TEST

START_TEST(a_node_knows_that_its_lease_is_over_before_the_engine_does)
{
    uint64_t sent_ms;

    world_begin_up(NULL);
    world_pass(3000);
    ck_assert_uint_eq(world.commands[OUTPUT_LEASE], 1); /* the engine counts from here */
    sent_ms = world.now_ms;
    world.is_away = true;
    world_break();
    world_forget();
    world_pass(9800);
    ck_assert_uint_eq(world_count("lost"), 0);
    world_pass(150);
    ck_assert_uint_eq(world_count("lost 1/1 over"), 1);
    ck_assert_uint_lt(world.now_ms, sent_ms + 10000);
    ck_assert_uint_eq(node_identity(world.node, world.now_ms).slot, 0);
    world_end();
}
END_TEST

START_TEST(nobody_relies_on_a_lease_that_no_tick_has_ended_yet)
{
    world_begin_up(NULL);
    ck_assert_uint_eq(node_identity(world.node, world.now_ms + 9899).slot, 1);
    ck_assert_uint_eq(node_identity(world.node, world.now_ms + 9900).slot, 0);
    world_end();
}
END_TEST

/* The node loses its lease, and the engine lets it end. */
static void lose_the_lease(void)
{
    world_begin_up(NULL);
    world.is_away = true;
    world_break();
    world_pass(10000);
    ck_assert_uint_eq(world_count("lost 1/1 over"), 1);
    world.lease_count = 0;
    world.is_away = false;
    world_forget();
}

START_TEST(after_a_lost_lease_the_identity_comes_back_while_its_slot_is_free)
{
    lose_the_lease();
    world_pass(11000);
    ck_assert_uint_eq(world_count("held 1/1 "), 1);
    world_pass(60000);
    ck_assert_uint_eq(world_count("lost"), 0);
    world_end();
}
END_TEST

START_TEST(after_a_lost_lease_there_is_another_identity_if_the_slot_was_given_away)
{
    lose_the_lease();
    world_named_node(1, ++world.boots, 88, "quick");
    world_pass(11000);
    ck_assert_uint_eq(world_count("held 2/3 "), 1);
    world_end();
}
END_TEST

START_TEST(an_engine_that_forgot_gives_the_same_identity_again)
{
    world_begin_up(NULL);
    world_restart_empty();
    world_forget();
    world_pass(150);
    ck_assert_uint_eq(world_count("held"), 0);
    ck_assert_uint_eq(world_count("lost"), 0);
    ck_assert_uint_eq(world.lease_count, 1);
    ck_assert_uint_eq(world.leases[0].identity.boot, 1);
    world_end();
}
END_TEST

START_TEST(a_lease_without_an_answer_ends_the_connection)
{
    world_begin_up(NULL);
    world.never_answers_leases = true;
    world_pass(3999);
    world_expect_nothing();
    world_pass(1);
    world_expect("state down no-reply");
    world_end();
}
END_TEST

START_TEST(where_all_slots_are_taken_a_node_asks_as_often_as_it_would_renew_and_rooms_go_on)
{
    world_begin(NULL);
    world.has_no_slot = true;
    world_pass(1000);
    ck_assert_uint_eq(world_count("state up"), 1);
    ck_assert_uint_eq(world_count("held"), 0);
    world_forget();
    world_pass(59000);
    world_expect_nothing();
    ck_assert_uint_eq(world.commands[OUTPUT_LEASE], 19);
    ck_assert_int_eq(world_publish("a", "x"), CLUSTER_DONE);
    world_run();
    world_expect("result 1 ok 1");
    world.has_no_slot = false;
    world_pass(3000);
    world_expect("held 1/1 ");
    world_end();
}
END_TEST

START_TEST(a_node_whose_slot_was_given_away_and_that_gets_no_other_has_none_at_once)
{
    world_begin_up(NULL);
    world.has_no_slot = true;
    world_pass(3000);
    world_expect("lost 1/1 full");
    ck_assert_uint_eq(node_identity(world.node, world.now_ms).slot, 0);
    world_end();
}
END_TEST

START_TEST(other_nodes_are_seen_and_lost)
{
    world_begin_up(NULL);
    world_other_node(2, 50, 88, 10000);
    world_pass(3000);
    world_expect("seen 2/50 ");
    world_pass(6000);
    world_expect_nothing();
    world.lease_count = 0;
    world_other_node(1, 1, 77, 10000); /* this node's own */
    world_pass(3000);
    world_expect("gone 2/50 gone");
    world_end();
}
END_TEST

START_TEST(a_node_that_began_anew_is_another)
{
    world_begin_up(NULL);
    world_other_node(2, 50, 88, 10000);
    world_pass(3000);
    for (uint32_t i = 0; i < world.lease_count; i++)
        world.leases[i].identity.boot += world.leases[i].node == 88 ? 1 : 0;
    world_pass(3000);
    world_expect("seen 2/50 ", "gone 2/50 gone", "seen 2/51 ");
    world_end();
}
END_TEST

START_TEST(names_come_with_the_nodes_that_are_seen_and_lost)
{
    world_begin_up(NULL);
    world_named_node(2, 50, 88, "left");
    world_pass(3000);
    world_expect("seen 2/50  left");
    world.lease_count = 0;
    world_other_node(1, 1, 77, 10000); /* this node's own */
    world_pass(3000);
    world_expect("gone 2/50 gone left");
    world_end();
}
END_TEST

START_TEST(what_is_no_name_is_none)
{
    char long_name[NODE_NAME_MAX + 2];

    memset(long_name, 'x', sizeof long_name);
    long_name[NODE_NAME_MAX + 1] = '\0';
    world_begin_up(NULL);
    world_named_node(2, 50, 88, "\xff");
    world_named_node(3, 51, 89, "a\nb");
    world_named_node(4, 52, 90, long_name);
    long_name[NODE_NAME_MAX] = '\0';
    ck_assert(lease_is_name(long_name, NODE_NAME_MAX));
    long_name[NODE_NAME_MAX] = 'x';
    world_pass(3000);
    world_expect("seen 4/52 ", "seen 2/50 ", "seen 3/51 ");
    world_end();
}
END_TEST

START_TEST(a_node_can_not_be_made_with_a_name_that_is_none)
{
    static const char *const servers[] = {"one:6379"};
    struct node_settings settings = {
        .servers = servers, .server_count = 1, .incarnation = 77, .name = "a\tb"};

    node_settings_defaults(&settings);
    ck_assert_ptr_null(node_create(&settings, 0));
}
END_TEST

static void name_it(struct node_settings *settings)
{
    settings->name = "mine";
}

START_TEST(two_nodes_with_one_name_both_live_and_it_is_said)
{
    world_begin(name_it);
    world_run();
    world_expect("state degraded connected", "held 1/1  mine", "state up caught-up");
    world_named_node(2, 50, 88, "left");
    world_named_node(3, 51, 89, "mine");
    world_named_node(4, 52, 90, "left");
    world_named_node(5, 53, 91, "right");
    world_forget();
    world_pass(3000);
    world_expect("seen 5/53  right", "seen 2/50  left", "seen 3/51 same-name mine",
                 "seen 4/52 same-name left");
    world_end();
}
END_TEST

/* --- A host that stops */

static void leave(void)
{
    node_leave(world.node, world.now_ms);
    world_run();
}

START_TEST(a_host_that_stops_gives_its_lease_back_and_asks_for_none_any_more)
{
    world_begin_up(NULL);
    ck_assert(!node_has_left(world.node));
    leave();
    world_expect("lost 1/1 left");
    ck_assert(node_has_left(world.node));
    ck_assert_uint_eq(world.lease_count, 0);
    ck_assert_uint_eq(node_identity(world.node, world.now_ms).slot, 0);
    world.commands[OUTPUT_LEASE] = 0;
    world_break();
    world_pass(30000); /* also on another connection */
    leave();
    ck_assert_uint_eq(world_count("state up"), 1);
    ck_assert_uint_eq(world.commands[OUTPUT_LEASE], 0);
    ck_assert_uint_eq(world_count("held"), 0);
    world_end();
}
END_TEST

START_TEST(a_lease_that_is_just_being_asked_for_is_given_back_too)
{
    world_begin(NULL);
    world.never_answers_leases = true;
    world_run();
    ck_assert_uint_eq(world.commands[OUTPUT_LEASE], 1);
    leave();
    ck_assert_uint_eq(world.commands[OUTPUT_LEASE], 1); /* which it is, nobody has said yet */
    world.never_answers_leases = false;
    world_answer_lease();
    world_run();
    ck_assert_uint_eq(world_count("held 1/1"), 1);
    ck_assert_uint_eq(world_count("lost 1/1 left"), 1);
    ck_assert(node_has_left(world.node));
    ck_assert_uint_eq(world.lease_count, 0);
    world_end();
}
END_TEST

START_TEST(one_that_is_just_being_renewed_is_given_back_behind_that)
{
    world_begin_up(NULL);
    world_pass(2999);
    world.is_stopped = true;
    world_pass(1);
    leave();
    ck_assert(!node_has_left(world.node));
    world.is_stopped = false;
    world_run();
    ck_assert(node_has_left(world.node));
    ck_assert_uint_eq(world.lease_count, 0);
    world_end();
}
END_TEST

START_TEST(publishes_of_a_host_that_leaves_still_have_their_results)
{
    world_begin_up(NULL);
    world.is_stopped = true;
    ck_assert_int_eq(world_publish("a", "x"), CLUSTER_DONE);
    leave();
    ck_assert(!node_has_left(world.node));
    world.is_stopped = false;
    world_run();
    ck_assert_uint_eq(world_count("result 1 ok"), 1);
    ck_assert(node_has_left(world.node));
    world_end();
}
END_TEST

START_TEST(a_server_that_does_not_answer_is_waited_for_no_longer_than_for_any_reply)
{
    world_begin_up(NULL);
    world.never_answers_leases = true;
    leave();
    world_pass(999);
    ck_assert(!node_has_left(world.node));
    world_pass(1);
    ck_assert(node_has_left(world.node));
    world_end();
}
END_TEST

START_TEST(a_server_that_is_away_is_not_waited_for)
{
    world_begin_up(NULL);
    world.is_away = true;
    world_break();
    leave();
    ck_assert(node_has_left(world.node));
    world.is_away = false;
    world_pass(30000);
    ck_assert_uint_eq(world_count("held"), 0);
    world_end();
}
END_TEST

static void take_no_lease(struct node_settings *settings)
{
    settings->takes_no_lease = true;
}

START_TEST(who_only_looks_takes_no_lease)
{
    world_begin(take_no_lease);
    world_run();
    world_pass(30000);
    world_expect("state degraded connected", "state up caught-up");
    ck_assert_uint_eq(world.commands[OUTPUT_LEASE], 0);
    leave();
    ck_assert(node_has_left(world.node));
    world_expect_nothing();
    world_end();
}
END_TEST

static uint64_t key_held;

static void note_key(const struct output *output)
{
    if (output->kind == OUTPUT_LEASE_HELD)
        key_held = output->node.id_key;
}

START_TEST(the_first_node_gives_the_cluster_its_key_and_an_engine_that_forgot_has_it_back)
{
    world_begin(NULL);
    world.on_event = note_key;
    world_run();
    ck_assert_uint_eq(key_held, 5);
    world.id_key = 0;
    world_restart_empty();
    world_pass(200);
    ck_assert_uint_eq(world.id_key, 5);
    world_end();
}
END_TEST

START_TEST(others_take_the_key_that_the_cluster_has)
{
    world_begin(NULL);
    world.id_key = 1234;
    world.on_event = note_key;
    world_run();
    ck_assert_uint_eq(key_held, 1234);
    world.on_event = NULL;
    world_forget();
    /* Another node was quicker than any that knew it. */
    world.id_key = 99;
    world_pass(3000);
    world_expect("lost 1/1 key", "held 1/1 ");
    world_end();
}
END_TEST

/* Without the world: what an engine that forgot all leases does to those of others. */
static struct lease lease;
static struct outputs outputs;

static void begin(void)
{
    const struct lease_settings settings = {
        .node = 7, .lease_ms = 10000, .renew_ms = 3000, .nodes_max = 4};

    outputs_init(&outputs);
    ck_assert_int_eq(lease_init(&lease, &settings), 0);
}

static void end(void)
{
    lease_finish(&lease);
    outputs_finish(&outputs);
}

static uint32_t count(enum output_kind kind)
{
    struct output output;
    uint32_t found = 0;

    while (outputs_take(&outputs, &output)) {
        found += output.kind == kind;
        output_finish(&output);
    }
    return found;
}

static struct output ask(uint64_t incarnation, uint64_t now_ms)
{
    struct output output;

    lease_ask(&lease, 1, incarnation, now_ms, &output);
    output_finish(&output);
    return output;
}

static struct lease_entry entry_of(uint32_t slot, uint64_t boot, uint64_t node, uint32_t left_ms)
{
    return (struct lease_entry){.identity = {slot, boot}, .node = node, .left_ms = left_ms};
}

/* The reply to a node that has what is listed first. */
static void take(uint64_t incarnation, const struct lease_entry *leases, uint32_t entries,
                 uint64_t now_ms)
{
    const struct lease_reply reply = {
        .identity = leases[0].identity, .leases = leases, .count = entries};

    ck_assert_int_eq(lease_take(&lease, incarnation, &reply, &outputs, now_ms), 0);
}

START_TEST(those_whom_the_engine_forgot_have_the_time_that_they_had)
{
    const struct lease_entry entries[] = {entry_of(1, 1, 7, 10000), entry_of(2, 5, 8, 9000)};

    begin();
    ck_assert(!ask(100, 0).lease.may_restore);
    take(100, entries, 2, 0);
    ck_assert_uint_eq(count(OUTPUT_NODE_SEEN), 1);
    const struct output output = ask(200, 3000); /* another incarnation: it lists nobody yet */
    ck_assert(output.lease.may_restore);
    ck_assert_uint_eq(output.lease.boot_floor, 5);
    take(200, entries, 1, 3000);
    ck_assert_uint_eq(count(OUTPUT_NODE_LOST), 0);
    (void)ask(200, 9000);
    take(200, entries, 1, 9000);
    ck_assert_uint_eq(count(OUTPUT_NODE_LOST), 1);
    end();
}
END_TEST

START_TEST(a_reply_that_comes_too_late_gives_no_lease)
{
    const struct lease_entry entry = entry_of(1, 1, 7, 10000);

    begin();
    (void)ask(100, 0);
    take(100, &entry, 1, 9900);
    ck_assert_uint_eq(lease.identity.slot, 0);
    ck_assert_uint_eq(count(OUTPUT_LEASE_HELD), 0);
    end();
}
END_TEST

START_TEST(an_identity_that_was_given_to_another_is_said_to_be_lost)
{
    const struct lease_entry first = entry_of(1, 1, 7, 10000), second = entry_of(3, 9, 7, 10000);
    struct output output;

    begin();
    (void)ask(100, 0);
    take(100, &first, 1, 0);
    ck_assert_uint_eq(count(OUTPUT_LEASE_HELD), 1);
    (void)ask(100, 3000);
    take(100, &second, 1, 3000);
    ck_assert(outputs_take(&outputs, &output));
    ck_assert_int_eq(output.kind, OUTPUT_LEASE_LOST);
    ck_assert_int_eq(output.node.why, WHY_LEASE_TAKEN);
    output_finish(&output);
    ck_assert_uint_eq(count(OUTPUT_LEASE_HELD), 1);
    end();
}
END_TEST

START_TEST(the_nodes_that_are_known_are_bounded)
{
    struct lease_entry entries[9] = {entry_of(1, 1, 7, 10000)};

    begin();
    for (uint32_t i = 1; i < 9; i++)
        entries[i] = entry_of(i + 1, i + 1, 100 + i, 10000);
    (void)ask(100, 0);
    take(100, entries, 9, 0);
    ck_assert_uint_eq(count(OUTPUT_NODE_SEEN), 4);
    ck_assert_uint_eq(lease.other_count, 4);
    end();
}
END_TEST

/* --- Others announce themselves */

/* Within 4 ms, and 4 for each that is seen. */
START_TEST(a_lease_is_renewed_earlier_if_another_node_says_that_it_has_one)
{
    world_begin_up(NULL);
    world_pass(100);
    world_named_node(2, 50, 88, "new");
    world_pass(100);
    world_expect_nothing();
    node_renew_early(world.node, world.now_ms);
    world_pass(4);
    world_expect("seen 2/50  new");
    ck_assert_uint_eq(world.commands[OUTPUT_LEASE], 1);
    world_pass(2990); /* the next is as long after that as ever */
    ck_assert_uint_eq(world.commands[OUTPUT_LEASE], 1);
    world_pass(10);
    ck_assert_uint_eq(world.commands[OUTPUT_LEASE], 2);
    world_end();
}
END_TEST

START_TEST(however_many_say_so_one_request_a_second_comes_of_it)
{
    world_begin_up(NULL);
    world_pass(100);
    world.commands[OUTPUT_LEASE] = 0;
    for (uint32_t i = 0; i < 10000; i++) {
        node_renew_early(world.node, world.now_ms);
        world_pass(1);
        ck_assert_uint_le(world.commands[OUTPUT_LEASE], 1 + (i + 1) / 1000);
    }
    ck_assert_uint_eq(world.commands[OUTPUT_LEASE], 10);
    world_end();
}
END_TEST

START_TEST(one_that_is_announced_while_a_request_is_on_its_way_is_seen_by_another)
{
    world_begin_up(NULL);
    world.never_answers_leases = true;
    world_pass(3000);
    ck_assert_uint_eq(world.commands[OUTPUT_LEASE], 1); /* the engine has answered, without it */
    node_renew_early(world.node, world.now_ms);
    world_pass(500);
    ck_assert_uint_eq(world.commands[OUTPUT_LEASE], 1);
    world.never_answers_leases = false;
    world_answer_lease();
    world_named_node(2, 50, 88, "new");
    world_run();
    world_pass(1);
    world_expect("seen 2/50  new");
    ck_assert_uint_eq(world.commands[OUTPUT_LEASE], 2);
    world_end();
}
END_TEST

/* @return How long it is until a request that others have made earlier. */
static uint32_t wait_for_the_early_one(void)
{
    uint32_t waited_ms = 0;

    world.commands[OUTPUT_LEASE] = 0;
    node_renew_early(world.node, world.now_ms);
    for (; world.commands[OUTPUT_LEASE] == 0 && waited_ms < 2000; waited_ms++)
        world_pass(1);
    return waited_ms;
}

START_TEST(where_many_are_told_their_requests_are_spread)
{
    uint32_t shortest_ms = UINT32_MAX, longest_ms = 0;

    world_begin_up(NULL);
    for (uint32_t slot = 2; slot < 8; slot++)
        world_other_node(slot, slot, slot + 100, 1000000);
    world_pass(3000);
    for (uint32_t i = 0; i < 100; i++) {
        world_pass(1500);
        const uint32_t waited_ms = wait_for_the_early_one();
        ck_assert_uint_le(waited_ms, 28 + 1);
        shortest_ms = waited_ms < shortest_ms ? waited_ms : shortest_ms;
        longest_ms = waited_ms > longest_ms ? waited_ms : longest_ms;
    }
    ck_assert_uint_lt(shortest_ms, 8);
    ck_assert_uint_gt(longest_ms, 20);
    world_end();
}
END_TEST

START_TEST(who_leaves_or_takes_no_lease_asks_for_none_because_of_others)
{
    world_begin_up(NULL);
    leave();
    world.commands[OUTPUT_LEASE] = 0;
    node_renew_early(world.node, world.now_ms);
    world_pass(2000);
    ck_assert_uint_eq(world.commands[OUTPUT_LEASE], 0);
    world_end();
    world_begin(take_no_lease);
    world_run();
    node_renew_early(world.node, world.now_ms);
    world_pass(2000);
    ck_assert_uint_eq(world.commands[OUTPUT_LEASE], 0);
    world_end();
}
END_TEST

START_TEST(before_there_is_a_connection_nothing_is_asked_for)
{
    world_begin(NULL);
    world.is_away = true;
    node_renew_early(world.node, world.now_ms);
    world_pass(500);
    ck_assert_uint_eq(world.commands[OUTPUT_LEASE], 0);
    world.is_away = false;
    world_pass(2000);
    ck_assert_uint_eq(world_count("held"), 1);
    ck_assert_uint_eq(world.commands[OUTPUT_LEASE], 1);
    world_end();
}
END_TEST

START_TEST(what_nobody_can_have_is_no_lease)
{
    const struct lease_entry good[] = {entry_of(1, 1, 7, 10000), entry_of(1023, INT64_MAX, 7, 0)};
    const struct lease_entry bad[] = {
        entry_of(0, 1, 7, 10000), entry_of(1024, 1, 7, 10000),
        entry_of(1, 0, 7, 10000), entry_of(1, (uint64_t)INT64_MAX + 1, 7, 10000),
        entry_of(1, 1, 0, 10000),
    };

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        ck_assert(lease_entry_is_good(&good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert(!lease_entry_is_good(&bad[i]));
}
END_TEST

START_TEST(a_forged_boot_number_is_no_floor_for_others)
{
    const struct lease_entry entries[] = {entry_of(1, 1, 7, 10000), entry_of(2, 5, 8, 9000),
                                          entry_of(3, (uint64_t)INT64_MAX / 2 + 1, 9, 9000),
                                          entry_of(4, INT64_MAX, 10, 9000)};

    begin();
    (void)ask(100, 0);
    take(100, entries, 4, 0);
    ck_assert_uint_eq(count(OUTPUT_NODE_SEEN), 3); /* whoever it is, is there */
    ck_assert_uint_eq(ask(100, 3000).lease.boot_floor, 5);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cluster_lease");
    TCase *tcase = tcase_create("lease");

    tcase_add_test(tcase, a_lease_is_renewed_and_stays);
    tcase_add_test(tcase, a_node_knows_that_its_lease_is_over_before_the_engine_does);
    tcase_add_test(tcase, nobody_relies_on_a_lease_that_no_tick_has_ended_yet);
    tcase_add_test(tcase, after_a_lost_lease_the_identity_comes_back_while_its_slot_is_free);
    tcase_add_test(tcase, after_a_lost_lease_there_is_another_identity_if_the_slot_was_given_away);
    tcase_add_test(tcase, an_engine_that_forgot_gives_the_same_identity_again);
    tcase_add_test(tcase, a_lease_without_an_answer_ends_the_connection);
    tcase_add_test(
        tcase, where_all_slots_are_taken_a_node_asks_as_often_as_it_would_renew_and_rooms_go_on);
    tcase_add_test(tcase, a_node_whose_slot_was_given_away_and_that_gets_no_other_has_none_at_once);
    tcase_add_test(tcase, other_nodes_are_seen_and_lost);
    tcase_add_test(tcase, a_node_that_began_anew_is_another);
    tcase_add_test(tcase, names_come_with_the_nodes_that_are_seen_and_lost);
    tcase_add_test(tcase, what_is_no_name_is_none);
    tcase_add_test(tcase, a_node_can_not_be_made_with_a_name_that_is_none);
    tcase_add_test(tcase, two_nodes_with_one_name_both_live_and_it_is_said);
    tcase_add_test(tcase, a_host_that_stops_gives_its_lease_back_and_asks_for_none_any_more);
    tcase_add_test(tcase, a_lease_that_is_just_being_asked_for_is_given_back_too);
    tcase_add_test(tcase, one_that_is_just_being_renewed_is_given_back_behind_that);
    tcase_add_test(tcase, publishes_of_a_host_that_leaves_still_have_their_results);
    tcase_add_test(tcase, a_server_that_does_not_answer_is_waited_for_no_longer_than_for_any_reply);
    tcase_add_test(tcase, a_server_that_is_away_is_not_waited_for);
    tcase_add_test(tcase, who_only_looks_takes_no_lease);
    tcase_add_test(tcase,
                   the_first_node_gives_the_cluster_its_key_and_an_engine_that_forgot_has_it_back);
    tcase_add_test(tcase, others_take_the_key_that_the_cluster_has);
    tcase_add_test(tcase, those_whom_the_engine_forgot_have_the_time_that_they_had);
    tcase_add_test(tcase, a_reply_that_comes_too_late_gives_no_lease);
    tcase_add_test(tcase, an_identity_that_was_given_to_another_is_said_to_be_lost);
    tcase_add_test(tcase, the_nodes_that_are_known_are_bounded);
    tcase_add_test(tcase, a_lease_is_renewed_earlier_if_another_node_says_that_it_has_one);
    tcase_add_test(tcase, however_many_say_so_one_request_a_second_comes_of_it);
    tcase_add_test(tcase, one_that_is_announced_while_a_request_is_on_its_way_is_seen_by_another);
    tcase_add_test(tcase, where_many_are_told_their_requests_are_spread);
    tcase_add_test(tcase, who_leaves_or_takes_no_lease_asks_for_none_because_of_others);
    tcase_add_test(tcase, before_there_is_a_connection_nothing_is_asked_for);
    tcase_add_test(tcase, what_nobody_can_have_is_no_lease);
    tcase_add_test(tcase, a_forged_boot_number_is_no_floor_for_others);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
