/* Envelopes: what is written is read again, and nothing else is read. TONI_TEST_SEED repeats a run
 * of the random test. */
#include "cluster/envelope.h"
#include "dice.h"
#include "runner.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The longest envelope that there is. */
enum {
    MOST = 46 + 2 * ENVELOPE_NAMES_MOST * (1 + ENVELOPE_NAME_SIZE_MOST) + 2 * ENVELOPE_IDS_MOST * 8
};

static uint8_t bytes[MOST + 64];
static char letters[ENVELOPE_NAME_SIZE_MOST + 1];
static struct envelope_name rooms[ENVELOPE_NAMES_MOST + 1], gateways[ENVELOPE_NAMES_MOST + 1];
static uint64_t clients[ENVELOPE_IDS_MOST + 1], except[ENVELOPE_IDS_MOST + 1];

/* Each name is as many letters of one text. */
static void setup(void)
{
    for (size_t i = 0; i < sizeof letters; i++)
        letters[i] = (char)('a' + i % 26);
    for (size_t i = 0; i <= ENVELOPE_NAMES_MOST; i++)
        rooms[i] = gateways[i] = (struct envelope_name){letters, ENVELOPE_NAME_SIZE_MOST};
    for (size_t i = 0; i <= ENVELOPE_IDS_MOST; i++) {
        clients[i] = i;
        except[i] = UINT64_MAX - i;
    }
}

static struct envelope everything(void)
{
    return (struct envelope){.rooms = rooms,
                             .gateways = gateways,
                             .clients = clients,
                             .except = except,
                             .room_count = ENVELOPE_NAMES_MOST,
                             .gateway_count = ENVELOPE_NAMES_MOST,
                             .client_count = ENVELOPE_IDS_MOST,
                             .except_count = ENVELOPE_IDS_MOST,
                             .receipt = UINT64_MAX,
                             .receipt_slot = UINT32_MAX,
                             .receipt_boot = UINT64_MAX,
                             .position_at = UINT32_MAX,
                             .lost = UINT32_MAX,
                             .lost_node = UINT64_MAX};
}

static bool same_names(const struct envelope_name *a, const struct envelope_name *b, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (a[i].size != b[i].size || memcmp(a[i].bytes, b[i].bytes, a[i].size) != 0)
            return false;
    }
    return true;
}

static bool same_ids(const uint64_t *a, const uint64_t *b, uint32_t count)
{
    return count == 0 || memcmp(a, b, count * sizeof *a) == 0;
}

static bool same(const struct envelope *a, const struct envelope *b)
{
    return a->is_all == b->is_all && a->room_count == b->room_count &&
           a->gateway_count == b->gateway_count && a->client_count == b->client_count &&
           a->except_count == b->except_count && a->receipt == b->receipt &&
           a->receipt_slot == b->receipt_slot && a->position_at == b->position_at &&
           a->lost == b->lost && a->lost_node == b->lost_node &&
           a->receipt_boot == b->receipt_boot && same_names(a->rooms, b->rooms, a->room_count) &&
           same_names(a->gateways, b->gateways, a->gateway_count) &&
           same_ids(a->clients, b->clients, a->client_count) &&
           same_ids(a->except, b->except, a->except_count);
}

/* @return What reading the first bytes of those said, from memory that ends behind them. */
static int read_first(size_t size, struct envelope **envelope, size_t *size_read)
{
    static uint8_t *copy;
    free(copy);
    copy = malloc(size + 1);
    ck_assert_ptr_nonnull(copy);
    uint8_t *end_aligned = copy + 1; /* so that no number is aligned */
    memcpy(end_aligned, bytes, size);
    return envelope_read(end_aligned, size, envelope, size_read);
}

static void ck_round_trip(const struct envelope *envelope, size_t behind)
{
    struct envelope *read = NULL;
    size_t size_read = 0;
    const size_t size = envelope_size(envelope);
    ck_assert_uint_gt(size, 0);
    memset(bytes, 0xa5, size + behind + 1);
    envelope_write(envelope, bytes);
    ck_assert_uint_eq(bytes[size], 0xa5); /* as much as it said */
    ck_assert_int_eq(read_first(size + behind, &read, &size_read), CLUSTER_DONE);
    ck_assert_uint_eq(size_read, size);
    ck_assert(same(envelope, read));
    free(read);
}

START_TEST(what_is_written_is_read_again)
{
    struct envelope envelope = {.is_all = true};
    ck_round_trip(&envelope, 0);
    envelope = (struct envelope){.receipt = 1, .receipt_slot = 2, .receipt_boot = 3};
    ck_round_trip(&envelope, 5);
    envelope = (struct envelope){.lost = 1, .lost_node = 2};
    ck_round_trip(&envelope, 0);
    envelope = everything();
    ck_round_trip(&envelope, 5);
    ck_assert_uint_eq(envelope_size(&envelope), MOST);
}
END_TEST

/* Hosts of several versions share an engine. */
START_TEST(the_bytes_are_these)
{
    const uint64_t ids[] = {0x1122334455667788u, 9};
    const struct envelope_name room = {"hall", 4}, gateway = {"g", 1};
    const struct envelope envelope = {.rooms = &room,
                                      .gateways = &gateway,
                                      .clients = ids,
                                      .except = ids + 1,
                                      .room_count = 1,
                                      .gateway_count = 1,
                                      .client_count = 1,
                                      .except_count = 1,
                                      .receipt = 0x0102,
                                      .receipt_slot = 3,
                                      .receipt_boot = 0x0405,
                                      .position_at = 0x0607,
                                      .lost = 0x0809,
                                      .lost_node = 0x0a0b};
    static const uint8_t expected[] = "\x01\x0e\x01\x00\x01\x00\x01\x00\x01\x00"
                                      "\x02\x01\0\0\0\0\0\0\x03\0\0\0\x05\x04\0\0\0\0\0\0"
                                      "\x07\x06\0\0"
                                      "\x09\x08\0\0\x0b\x0a\0\0\0\0\0\0"
                                      "\x04hall\x01g"
                                      "\x88\x77\x66\x55\x44\x33\x22\x11\x09\0\0\0\0\0\0";
    ck_assert_uint_eq(envelope_size(&envelope), sizeof expected);
    envelope_write(&envelope, bytes);
    ck_assert_mem_eq(bytes, expected, sizeof expected);
}
END_TEST

START_TEST(too_much_has_no_size)
{
    struct envelope envelope = everything();
    envelope.room_count++;
    ck_assert_uint_eq(envelope_size(&envelope), 0);
    envelope = everything();
    envelope.gateway_count++;
    ck_assert_uint_eq(envelope_size(&envelope), 0);
    envelope = everything();
    envelope.client_count++;
    ck_assert_uint_eq(envelope_size(&envelope), 0);
    envelope = everything();
    envelope.except_count++;
    ck_assert_uint_eq(envelope_size(&envelope), 0);
    envelope = (struct envelope){.is_all = true, .clients = clients, .client_count = 1};
    ck_assert_uint_eq(envelope_size(&envelope), 0);
    envelope = (struct envelope){.rooms = rooms, .room_count = 1};
    rooms[0].size++;
    ck_assert_uint_eq(envelope_size(&envelope), 0);
    rooms[0].size = 0;
    ck_assert_uint_eq(envelope_size(&envelope), 0);
}
END_TEST

static struct envelope small(void)
{
    rooms[0].size = gateways[0].size = 3;
    return (struct envelope){.rooms = rooms,
                             .gateways = gateways,
                             .clients = clients,
                             .except = except,
                             .room_count = 1,
                             .gateway_count = 1,
                             .client_count = 2,
                             .except_count = 1,
                             .receipt = 7};
}

START_TEST(one_that_is_cut_off_is_none)
{
    struct envelope *read = NULL;
    size_t size_read = 0;
    const struct envelope envelope = small();
    const size_t size = envelope_size(&envelope);
    envelope_write(&envelope, bytes);
    for (size_t i = 0; i < size; i++)
        ck_assert_int_eq(read_first(i, &read, &size_read), CLUSTER_INVALID);
    ck_assert_ptr_null(read);
    ck_assert_uint_eq(size_read, 0);
}
END_TEST

/* In small() the first room's name begins there. */
enum { FIRST_NAME = 30 };

static void ck_refused(size_t at, unsigned byte)
{
    struct envelope *read = NULL;
    size_t size_read = 0;
    const struct envelope envelope = small();
    envelope_write(&envelope, bytes);
    bytes[at] = (uint8_t)byte;
    ck_assert_int_eq(read_first(envelope_size(&envelope), &read, &size_read), CLUSTER_INVALID);
    ck_assert_ptr_null(read);
}

START_TEST(others_than_are_written_are_none)
{
    ck_refused(0, 0);      /* versions */
    ck_refused(0, 2);      /* */
    ck_refused(1, 2 | 1);  /* all, and others */
    ck_refused(1, 2 | 16); /* a flag that there isn't */
    ck_refused(1, 0x80 | 2);
    ck_refused(10, 0);    /* a receipt without a number */
    ck_refused(3, 4 + 1); /* more rooms, gateways, clients than there may be */
    ck_refused(5, 4 + 1);
    ck_refused(7, 16 + 1);
    ck_refused(9, 16 + 1);
    ck_refused(2, 200); /* more than there are */
    ck_refused(6, 200);
    ck_refused(FIRST_NAME, 0);   /* an empty name */
    ck_refused(FIRST_NAME, 255); /* one that is longer than the rest */
}
END_TEST

START_TEST(a_notice_of_nothing_is_none)
{
    struct envelope *read = NULL;
    size_t size_read = 0;
    const struct envelope notice = {.lost = 1, .lost_node = 7};
    envelope_write(&notice, bytes);
    bytes[10] = 0;
    ck_assert_int_eq(read_first(envelope_size(&notice), &read, &size_read), CLUSTER_INVALID);
    ck_assert_ptr_null(read);
}
END_TEST

/* --- At random */

static uint32_t random_count(struct dice *dice, uint32_t most)
{
    return dice_chance(dice, 80) ? dice_below(dice, 4) : dice_below(dice, most + 1);
}

static void random_names(struct dice *dice, struct envelope_name *names, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t from = dice_below(dice, sizeof letters - 1);
        names[i].bytes = letters + from;
        names[i].size = 1 + dice_below(dice, (uint32_t)(sizeof letters - 1) - from);
    }
}

static struct envelope random_envelope(struct dice *dice)
{
    struct envelope envelope = {.rooms = rooms,
                                .gateways = gateways,
                                .clients = clients,
                                .except = except,
                                .is_all = dice_chance(dice, 20)};
    if (!envelope.is_all) {
        envelope.room_count = random_count(dice, ENVELOPE_NAMES_MOST);
        envelope.gateway_count = random_count(dice, ENVELOPE_NAMES_MOST);
        envelope.client_count = random_count(dice, ENVELOPE_IDS_MOST);
    }
    envelope.except_count = random_count(dice, ENVELOPE_IDS_MOST);
    random_names(dice, rooms, envelope.room_count);
    random_names(dice, gateways, envelope.gateway_count);
    for (uint32_t i = 0; i < envelope.client_count; i++)
        clients[i] = dice_next(dice);
    for (uint32_t i = 0; i < envelope.except_count; i++)
        except[i] = dice_next(dice);
    if (dice_chance(dice, 50))
        envelope.position_at = 1 + dice_below(dice, 1000);
    if (dice_chance(dice, 50)) {
        envelope.receipt = 1 + dice_next(dice) / 2;
        envelope.receipt_slot = dice_below(dice, 1000);
        envelope.receipt_boot = dice_next(dice);
    }
    return envelope;
}

/* What is read although it was changed is written again as it was. */
static void change_and_read(struct dice *dice, size_t size)
{
    static uint8_t again[sizeof bytes];
    struct envelope *read;
    size_t size_read;
    for (uint32_t i = dice_below(dice, 4); i > 0; i--)
        bytes[dice_below(dice, (uint32_t)(size < 64 ? size : 64))] ^=
            (uint8_t)(1u << dice_below(dice, 8));
    if (envelope_read(bytes, size, &read, &size_read) != CLUSTER_DONE)
        return;
    ck_assert_uint_eq(envelope_size(read), size_read);
    envelope_write(read, again);
    ck_assert_mem_eq(again, bytes, size_read);
    free(read);
}

START_TEST(at_random)
{
    const uint64_t seed = environment_number("TONI_TEST_SEED", (uint64_t)(size_t)&free);
    struct dice dice = {.state = seed};
    printf("TONI_TEST_SEED=%llu\n", (unsigned long long)seed);
    for (int i = 0; i < 2000; i++) {
        const struct envelope envelope = random_envelope(&dice);
        const size_t behind = dice_below(&dice, 64);
        ck_round_trip(&envelope, behind);
        change_and_read(&dice, envelope_size(&envelope) + behind);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cluster/envelope");
    TCase *cases = tcase_create("all");

    tcase_add_checked_fixture(cases, setup, NULL);
    tcase_add_test(cases, what_is_written_is_read_again);
    tcase_add_test(cases, the_bytes_are_these);
    tcase_add_test(cases, too_much_has_no_size);
    tcase_add_test(cases, one_that_is_cut_off_is_none);
    tcase_add_test(cases, others_than_are_written_are_none);
    tcase_add_test(cases, a_notice_of_nothing_is_none);
    tcase_add_test(cases, at_random);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
