/* The lease of a node, and the other nodes that it sees. */
#include "cluster/lease.h"
#include "cluster_fixture.h"
#include "runner.h"

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

START_TEST(after_a_lost_lease_there_is_another_identity)
{
    world_begin_up(NULL);
    world.is_away = true;
    world_break();
    world_pass(10000);
    world.lease_count = 0; /* it is over for the engine, too */
    world.is_away = false;
    world_forget();
    world_pass(11000);
    ck_assert_uint_eq(world_count("held 1/2 "), 1);
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

/* Without the world: what an engine that forgot all leases does to those of others. */
static struct lease lease;
static struct outputs outputs;

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

static void ask(uint64_t incarnation, uint64_t now_ms, struct output *output)
{
    lease_ask(&lease, 1, incarnation, now_ms, output);
}

START_TEST(those_whom_the_engine_forgot_have_the_time_that_they_had)
{
    const struct lease_entry entries[] = {{{1, 1}, 7, 10000}, {{2, 5}, 8, 9000}};
    struct output output;

    outputs_init(&outputs);
    ck_assert_int_eq(lease_init(&lease, 7, 10000, 3000, 4), 0);
    ask(100, 0, &output);
    ck_assert(!output.lease.may_restore);
    ck_assert_int_eq(lease_take(&lease, 100, entries[0].identity, entries, 2, &outputs, 0), 0);
    ck_assert_uint_eq(count(OUTPUT_NODE_SEEN), 1);
    ask(200, 3000, &output); /* another incarnation: it lists nobody yet */
    ck_assert(output.lease.may_restore);
    ck_assert_uint_eq(output.lease.boot_floor, 5);
    ck_assert_int_eq(lease_take(&lease, 200, entries[0].identity, entries, 1, &outputs, 3000), 0);
    ck_assert_uint_eq(count(OUTPUT_NODE_LOST), 0);
    ask(200, 9000, &output);
    ck_assert(!output.lease.may_restore);
    ck_assert_int_eq(lease_take(&lease, 200, entries[0].identity, entries, 1, &outputs, 9000), 0);
    ck_assert_uint_eq(count(OUTPUT_NODE_LOST), 1);
    lease_finish(&lease);
    outputs_finish(&outputs);
}
END_TEST

START_TEST(a_reply_that_comes_too_late_gives_no_lease)
{
    const struct lease_entry entry = {{1, 1}, 7, 10000};
    struct output output;

    outputs_init(&outputs);
    ck_assert_int_eq(lease_init(&lease, 7, 10000, 3000, 4), 0);
    ask(100, 0, &output);
    ck_assert_int_eq(lease_take(&lease, 100, entry.identity, &entry, 1, &outputs, 9900), 0);
    ck_assert_uint_eq(lease.identity.slot, 0);
    ck_assert_uint_eq(count(OUTPUT_LEASE_HELD), 0);
    lease_finish(&lease);
    outputs_finish(&outputs);
}
END_TEST

START_TEST(an_identity_that_was_given_to_another_is_said_to_be_lost)
{
    const struct lease_entry first = {{1, 1}, 7, 10000}, second = {{3, 9}, 7, 10000};
    struct output output;

    outputs_init(&outputs);
    ck_assert_int_eq(lease_init(&lease, 7, 10000, 3000, 4), 0);
    ask(100, 0, &output);
    ck_assert_int_eq(lease_take(&lease, 100, first.identity, &first, 1, &outputs, 0), 0);
    ck_assert_uint_eq(count(OUTPUT_LEASE_HELD), 1);
    ask(100, 3000, &output);
    ck_assert_int_eq(lease_take(&lease, 100, second.identity, &second, 1, &outputs, 3000), 0);
    ck_assert(outputs_take(&outputs, &output));
    ck_assert_int_eq(output.kind, OUTPUT_LEASE_LOST);
    ck_assert_int_eq(output.node.why, WHY_LEASE_TAKEN);
    ck_assert_uint_eq(count(OUTPUT_LEASE_HELD), 1);
    lease_finish(&lease);
    outputs_finish(&outputs);
}
END_TEST

START_TEST(the_nodes_that_are_known_are_bounded)
{
    struct lease_entry entries[9] = {{{1, 1}, 7, 10000}};
    struct output output;

    outputs_init(&outputs);
    ck_assert_int_eq(lease_init(&lease, 7, 10000, 3000, 4), 0);
    for (uint32_t i = 1; i < 9; i++)
        entries[i] = (struct lease_entry){{i + 1, i + 1}, 100 + i, 10000};
    ask(100, 0, &output);
    ck_assert_int_eq(lease_take(&lease, 100, entries[0].identity, entries, 9, &outputs, 0), 0);
    ck_assert_uint_eq(count(OUTPUT_NODE_SEEN), 4);
    ck_assert_uint_eq(lease.other_count, 4);
    lease_finish(&lease);
    outputs_finish(&outputs);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cluster_lease");
    TCase *tcase = tcase_create("lease");

    tcase_add_test(tcase, a_lease_is_renewed_and_stays);
    tcase_add_test(tcase, a_node_knows_that_its_lease_is_over_before_the_engine_does);
    tcase_add_test(tcase, nobody_relies_on_a_lease_that_no_tick_has_ended_yet);
    tcase_add_test(tcase, after_a_lost_lease_there_is_another_identity);
    tcase_add_test(tcase, an_engine_that_forgot_gives_the_same_identity_again);
    tcase_add_test(tcase, a_lease_without_an_answer_ends_the_connection);
    tcase_add_test(tcase, other_nodes_are_seen_and_lost);
    tcase_add_test(tcase, a_node_that_began_anew_is_another);
    tcase_add_test(tcase, those_whom_the_engine_forgot_have_the_time_that_they_had);
    tcase_add_test(tcase, a_reply_that_comes_too_late_gives_no_lease);
    tcase_add_test(tcase, an_identity_that_was_given_to_another_is_said_to_be_lost);
    tcase_add_test(tcase, the_nodes_that_are_known_are_bounded);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
