/* The engine suite: leases. */
#include "engine_private.h"

#include "node_private.h"

enum { LONG_MS = 60000, SHORT_MS = 300, STEP = 1000 };

static toni_engine_lease want(const toni_fake_node *node, uint32_t ttl_ms)
{
    return (toni_engine_lease){.struct_size = sizeof(toni_engine_lease),
                               .ttl_ms = ttl_ms,
                               .incarnation = node->server_incarnation,
                               .node = node->incarnation,
                               .boot_step = STEP,
                               .name = node == LEFT ? TONI_LIT("left") : TONI_LIT("right")};
}

/* @param lease  Its slot and boot are set to what the node has then. */
static const toni_told *ask(toni_fake_node *node, toni_engine_lease *lease)
{
    const uint64_t request = toni_fake_node_lease(node, lease);
    const toni_told *told = toni_fake_node_next(node, TONI_TOLD_LEASE);
    ck_assert_uint_eq(told->request, request);
    ck_assert_uint_ne(told->slot, 0);
    ck_assert_uint_ne(told->boot, 0);
    lease->slot = told->slot;
    lease->boot = told->boot;
    return told;
}

static const toni_engine_leased *find(const toni_told *told, uint32_t slot)
{
    for (uint32_t i = 0; i < told->count; i++) {
        if (told->leases[i].slot == slot)
            return &told->leases[i];
    }
    return NULL;
}

static void expect_listed(const toni_told *told, const toni_engine_lease *lease)
{
    const toni_engine_leased *found = find(told, lease->slot);
    ck_assert_msg(found != NULL, "a lease that is not over is not listed");
    ck_assert_uint_eq(found->node, lease->node);
    ck_assert_uint_eq(found->boot, lease->boot);
    ck_assert_uint_gt(found->left_ms, 0);
    ck_assert_uint_le(found->left_ms, lease->ttl_ms);
    engine_check_bytes(found->name, lease->name);
}

START_TEST(a_new_lease_has_a_slot_and_a_boot_number)
{
    toni_engine_lease lease = want(LEFT, LONG_MS);
    const toni_told *told = ask(LEFT, &lease);
    ck_assert_uint_eq(told->count, 1);
    expect_listed(told, &lease);
}
END_TEST

START_TEST(two_nodes_are_two)
{
    toni_engine_lease left = want(LEFT, LONG_MS), right = want(RIGHT, LONG_MS);
    (void)ask(LEFT, &left);
    const toni_told *told = ask(RIGHT, &right);
    ck_assert_uint_ne(left.slot, right.slot);
    ck_assert_uint_ge(right.boot, left.boot + STEP);
    ck_assert_uint_eq(told->count, 2);
    expect_listed(told, &left);
    expect_listed(told, &right);
}
END_TEST

START_TEST(a_renewed_lease_is_the_same)
{
    toni_engine_lease lease = want(LEFT, LONG_MS);
    (void)ask(LEFT, &lease);
    const toni_engine_lease first = lease;
    for (int i = 0; i < 3; i++) {
        const toni_told *told = ask(LEFT, &lease);
        ck_assert_uint_eq(lease.slot, first.slot);
        ck_assert_uint_eq(lease.boot, first.boot);
        ck_assert_uint_eq(told->count, 1);
        expect_listed(told, &lease);
    }
}
END_TEST

START_TEST(a_lease_begins_anew_when_it_is_renewed)
{
    toni_engine_lease lease = want(LEFT, 3 * SHORT_MS);
    int64_t asked_ms = node_now_ms();
    const int64_t until_ms = asked_ms + 5 * (int64_t)SHORT_MS;
    (void)ask(LEFT, &lease);
    while (asked_ms < until_ms) {
        const toni_engine_lease before = lease;
        const int64_t before_ms = asked_ms;
        toni_fake_node_wait(LEFT, SHORT_MS / 3);
        asked_ms = node_now_ms();
        (void)ask(LEFT, &lease);
        if (node_now_ms() - before_ms < 3 * (int64_t)SHORT_MS) /* else this machine was too busy */
            ck_assert_uint_eq(lease.boot, before.boot);
    }
}
END_TEST

/* Waits until the right node sees no lease but its own. */
static void wait_until_over(toni_engine_lease *right)
{
    const int64_t until_ms = node_now_ms() + SHORT_MS + RIGHT->patience_ms;
    while (ask(RIGHT, right)->count > 1) {
        ck_assert_msg(node_now_ms() < until_ms, "a lease does not end");
        toni_fake_node_wait(RIGHT, 20);
    }
}

START_TEST(a_lease_ends)
{
    toni_engine_lease left = want(LEFT, SHORT_MS), right = want(RIGHT, LONG_MS);
    (void)ask(LEFT, &left);
    const toni_engine_lease first = left;
    wait_until_over(&right);
    (void)ask(LEFT, &left); /* and nobody may restore it */
    ck_assert_uint_ge(left.boot, right.boot + STEP);
    ck_assert_uint_gt(left.boot, first.boot);
}
END_TEST

START_TEST(a_lease_that_is_over_is_restored_as_it_was)
{
    toni_engine_lease left = want(LEFT, SHORT_MS), right = want(RIGHT, LONG_MS);
    (void)ask(LEFT, &left);
    const toni_engine_lease first = left;
    wait_until_over(&right);
    left.may_restore = 1;
    const toni_told *told = ask(LEFT, &left);
    ck_assert_uint_eq(left.slot, first.slot);
    ck_assert_uint_eq(left.boot, first.boot);
    ck_assert_uint_eq(told->count, 2);
    expect_listed(told, &left);
}
END_TEST

START_TEST(a_slot_that_another_has_is_not_restored)
{
    toni_engine_lease left = want(LEFT, LONG_MS), right = want(RIGHT, LONG_MS);
    (void)ask(LEFT, &left);
    right.slot = left.slot;
    right.boot = left.boot - 1;
    right.may_restore = 1;
    const toni_told *told = ask(RIGHT, &right);
    ck_assert_uint_ne(right.slot, left.slot);
    ck_assert_uint_ge(right.boot, left.boot + STEP);
    expect_listed(told, &left);
}
END_TEST

START_TEST(a_restored_boot_number_is_not_given_out_again)
{
    toni_engine_lease left = want(LEFT, LONG_MS), right = want(RIGHT, LONG_MS);
    left.slot = 5;
    left.boot = UINT64_C(1) << 50;
    left.may_restore = 1;
    (void)ask(LEFT, &left);
    ck_assert_uint_eq(left.slot, 5);
    ck_assert_uint_eq(left.boot, UINT64_C(1) << 50);
    (void)ask(RIGHT, &right);
    ck_assert_uint_ge(right.boot, left.boot + STEP);
    ck_assert_uint_ne(right.slot, 5);
}
END_TEST

START_TEST(boot_numbers_are_above_the_floor_and_the_clock)
{
    toni_engine_lease left = want(LEFT, LONG_MS), right = want(RIGHT, LONG_MS);
    (void)ask(LEFT, &left);
    /* The server's clock may be another; it is not the time since a machine was started. */
    ck_assert_uint_gt(left.boot, UINT64_C(1600000000000));
    right.boot_floor = left.boot + 1000000;
    (void)ask(RIGHT, &right);
    ck_assert_uint_ge(right.boot, left.boot + 1000000 + STEP);
}
END_TEST

START_TEST(boot_numbers_may_be_large)
{
    toni_engine_lease left = want(LEFT, LONG_MS), right = want(RIGHT, LONG_MS);
    left.boot_floor = UINT64_C(1) << 51;
    left.boot_step = 1;
    (void)ask(LEFT, &left);
    ck_assert_uint_eq(left.boot, (UINT64_C(1) << 51) + 1);
    right.boot_step = 1;
    (void)ask(RIGHT, &right);
    ck_assert_uint_eq(right.boot, left.boot + 1);
}
END_TEST

/* It was given by another clock. */
START_TEST(a_lease_that_ends_too_late_is_cut)
{
    toni_engine_lease left = want(LEFT, LONG_MS), right = want(RIGHT, LONG_MS / 4);
    (void)ask(LEFT, &left);
    const toni_engine_leased *found = find(ask(RIGHT, &right), left.slot);
    ck_assert_ptr_nonnull(found);
    ck_assert_uint_le(found->left_ms, LONG_MS / 4);
}
END_TEST

START_TEST(the_first_id_key_is_kept)
{
    toni_engine_lease left = want(LEFT, LONG_MS), right = want(RIGHT, LONG_MS);
    left.id_key = engine_large[_i];
    right.id_key = 99;
    ck_assert_uint_eq(ask(LEFT, &left)->id_key, engine_large[_i]);
    ck_assert_uint_eq(ask(RIGHT, &right)->id_key, engine_large[_i]);
    left.id_key = 98;
    ck_assert_uint_eq(ask(LEFT, &left)->id_key, engine_large[_i]);
}
END_TEST

START_TEST(a_name_has_up_to_64_bytes)
{
    static const char longest[] =
        "m\xc3\xbcnchen: {a} \"b\" 'c' \\d \n 0123456789 0123456789 0123456789 012";
    toni_engine_lease left = want(LEFT, LONG_MS), right = want(RIGHT, LONG_MS);
    left.name = toni_str_make(longest, 64);
    right.name = TONI_LIT("");
    expect_listed(ask(LEFT, &left), &left);
    const toni_told *told = ask(RIGHT, &right);
    expect_listed(told, &left);
    expect_listed(told, &right);
}
END_TEST

START_TEST(nodes_have_64_bits)
{
    toni_engine_lease lease = want(LEFT, LONG_MS);
    lease.node = engine_large[_i];
    expect_listed(ask(LEFT, &lease), &lease);
}
END_TEST

START_TEST(another_incarnation_gets_no_lease)
{
    toni_engine_lease left = want(LEFT, LONG_MS), right = want(RIGHT, LONG_MS);
    left.incarnation++;
    const uint64_t request = toni_fake_node_lease(LEFT, &left);
    const toni_told *told = toni_fake_node_next(LEFT, TONI_TOLD_FAILED);
    ck_assert_uint_eq(told->request, request);
    ck_assert_int_eq(told->answer, TONI_ENGINE_OTHER_INCARNATION);
    ck_assert_uint_eq(ask(RIGHT, &right)->count, 1);
}
END_TEST

/* @param boot  By how much the number that is given back differs from the node's. */
static void give_back(toni_fake_node *node, const toni_engine_lease *lease, uint64_t boot)
{
    toni_engine_lease nothing = *lease;
    nothing.ttl_ms = 0;
    nothing.boot += boot;
    const uint64_t request = toni_fake_node_lease(node, &nothing);
    const toni_told *told = toni_fake_node_next(node, TONI_TOLD_LEASE);
    ck_assert_uint_eq(told->request, request);
    ck_assert_uint_eq(told->slot, 0);
}

START_TEST(a_lease_that_is_given_back_ends_at_once_and_no_other_changes)
{
    toni_engine_lease left = want(LEFT, LONG_MS), right = want(RIGHT, LONG_MS);
    (void)ask(LEFT, &left);
    (void)ask(RIGHT, &right);
    give_back(LEFT, &left, 0);
    toni_engine_lease third = want(LEFT, LONG_MS);
    third.node = 99;
    const toni_told *told = ask(LEFT, &third);
    ck_assert_uint_eq(told->count, 2);
    expect_listed(told, &right);
    expect_listed(told, &third);
    ck_assert_uint_gt(find(told, right.slot)->left_ms, LONG_MS / 2);
    ck_assert_uint_ge(third.boot, right.boot + STEP);
}
END_TEST

START_TEST(only_its_own_lease_is_given_back)
{
    toni_engine_lease left = want(LEFT, LONG_MS), right = want(RIGHT, LONG_MS);
    (void)ask(LEFT, &left);
    (void)ask(RIGHT, &right);
    give_back(LEFT, &left, 1); /* it had that slot, and another boot number */
    toni_engine_lease others = left;
    others.node = right.node;
    give_back(RIGHT, &others, 0);
    others = want(RIGHT, LONG_MS); /* without any */
    give_back(RIGHT, &others, 0);
    const toni_told *told = ask(RIGHT, &right);
    ck_assert_uint_eq(told->count, 2);
    expect_listed(told, &left);
    expect_listed(told, &right);
}
END_TEST

START_TEST(twenty_nodes_are_twenty)
{
    toni_engine_lease leases[20];
    const toni_told *told = NULL;
    for (uint32_t i = 0; i < 20; i++) {
        leases[i] = want(LEFT, LONG_MS);
        leases[i].node = 100 + i;
        told = ask(LEFT, &leases[i]);
        ck_assert_uint_eq(told->count, i + 1);
    }
    for (uint32_t i = 0; i < 20; i++)
        expect_listed(told, &leases[i]);
}
END_TEST

TCase *engine_leases_case(void)
{
    TCase *made = engine_case("leases");
    tcase_add_test(made, a_new_lease_has_a_slot_and_a_boot_number);
    tcase_add_test(made, two_nodes_are_two);
    tcase_add_test(made, a_renewed_lease_is_the_same);
    tcase_add_test(made, a_lease_begins_anew_when_it_is_renewed);
    tcase_add_test(made, a_lease_ends);
    tcase_add_test(made, a_lease_that_is_over_is_restored_as_it_was);
    tcase_add_test(made, a_slot_that_another_has_is_not_restored);
    tcase_add_test(made, a_restored_boot_number_is_not_given_out_again);
    tcase_add_test(made, boot_numbers_are_above_the_floor_and_the_clock);
    tcase_add_test(made, boot_numbers_may_be_large);
    tcase_add_test(made, a_lease_that_ends_too_late_is_cut);
    tcase_add_loop_test(made, the_first_id_key_is_kept, 0, ENGINE_LARGE_COUNT);
    tcase_add_test(made, a_name_has_up_to_64_bytes);
    tcase_add_loop_test(made, nodes_have_64_bits, 0, ENGINE_LARGE_COUNT);
    tcase_add_test(made, another_incarnation_gets_no_lease);
    tcase_add_test(made, a_lease_that_is_given_back_ends_at_once_and_no_other_changes);
    tcase_add_test(made, only_its_own_lease_is_given_back);
    tcase_add_test(made, twenty_nodes_are_twenty);
    return made;
}
