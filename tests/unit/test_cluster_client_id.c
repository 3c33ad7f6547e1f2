/* Ids of clients that tell the nodes of a cluster where a client is. */
#include "cluster/client_id.h"

#include "dice.h"
#include "runner.h"

#include <string.h>

static const struct node_identity left = {3, UINT64_C(1764441600123)};
static const struct node_identity right = {4, UINT64_C(1764441600123)};

static struct client_ids ids_of(uint64_t key, struct node_identity identity)
{
    struct client_ids ids = {0};

    client_ids_identify(&ids, key, identity);
    return ids;
}

START_TEST(every_node_reads_where_a_client_is)
{
    struct client_ids at_left = ids_of(77, left), at_right = ids_of(77, right);

    for (unsigned i = 0; i < 1000; i++) {
        const uint64_t id = client_ids_next(&at_left);
        ck_assert(client_origin_is(client_ids_origin(&at_right, id), left));
        ck_assert(!client_origin_is(client_ids_origin(&at_right, id), right));
    }
}
END_TEST

START_TEST(any_slot_and_boot_comes_back)
{
    struct dice dice = {.state = 20261129};

    for (unsigned i = 0; i < 10000; i++) {
        const struct node_identity identity = {1 + dice_below(&dice, CLIENT_ID_SLOT_MOST),
                                               dice_next(&dice)};
        struct client_ids ids = ids_of(dice_next(&dice), identity);
        ids.next = dice_next(&dice) >> 33;
        const uint64_t id = client_ids_next(&ids);
        ck_assert_uint_ne(id, 0);
        ck_assert(client_origin_is(client_ids_origin(&ids, id), identity));
    }
}
END_TEST

START_TEST(another_key_reads_nothing_of_it)
{
    struct client_ids ours = ids_of(77, left);
    const struct client_ids theirs = ids_of(78, right);
    unsigned hits = 0;

    for (unsigned i = 0; i < 10000; i++)
        hits += client_origin_is(client_ids_origin(&theirs, client_ids_next(&ours)), left);
    ck_assert_uint_eq(hits, 0);
}
END_TEST

START_TEST(every_bit_of_the_key_counts)
{
    struct client_ids first = ids_of(0, left);
    const uint64_t id = client_ids_next(&first);

    for (unsigned bit = 0; bit < 64; bit++) {
        struct client_ids other = ids_of(UINT64_C(1) << bit, left);
        ck_assert_uint_ne(client_ids_next(&other), id);
    }
}
END_TEST

START_TEST(an_identity_that_comes_back_goes_on_counting)
{
    struct client_ids ids = ids_of(77, left);
    const uint64_t first = client_ids_next(&ids);

    client_ids_identify(&ids, 77, left);
    ck_assert_uint_ne(client_ids_next(&ids), first);
    ck_assert_uint_eq(ids.next, 2);
    /* The engine has lost its key, and back comes another. */
    client_ids_identify(&ids, 78, left);
    const uint64_t third = client_ids_next(&ids);
    ck_assert_uint_eq(ids.next, 3);
    ck_assert(client_origin_is(client_ids_origin(&ids, third), left));
}
END_TEST

START_TEST(without_an_identity_there_are_none)
{
    struct client_ids ids = {0};

    ck_assert_uint_eq(client_ids_next(&ids), 0);
    ck_assert_uint_eq(client_ids_origin(&ids, 12345).slot, 0);
    client_ids_identify(&ids, 77, (struct node_identity){CLIENT_ID_SLOT_MOST + 1, 9});
    ck_assert_uint_eq(client_ids_next(&ids), 0);
    client_ids_identify(&ids, 77, (struct node_identity){CLIENT_ID_SLOT_MOST, 9});
    ck_assert_uint_ne(client_ids_next(&ids), 0);
}
END_TEST

START_TEST(one_that_has_used_up_its_counter_makes_no_id_twice)
{
    struct client_ids ids = ids_of(77, left);

    ids.next = UINT32_MAX;
    ck_assert_uint_ne(client_ids_next(&ids), 0);
    ck_assert_uint_eq(client_ids_next(&ids), 0);
    ck_assert_uint_eq(client_ids_next(&ids), 0);
    client_ids_identify(&ids, 77, right);
    ck_assert(client_origin_is(client_ids_origin(&ids, client_ids_next(&ids)), right));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cluster_client_id");
    TCase *tcase = tcase_create("ids");

    tcase_add_test(tcase, every_node_reads_where_a_client_is);
    tcase_add_test(tcase, any_slot_and_boot_comes_back);
    tcase_add_test(tcase, another_key_reads_nothing_of_it);
    tcase_add_test(tcase, every_bit_of_the_key_counts);
    tcase_add_test(tcase, an_identity_that_comes_back_goes_on_counting);
    tcase_add_test(tcase, without_an_identity_there_are_none);
    tcase_add_test(tcase, one_that_has_used_up_its_counter_makes_no_id_twice);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
