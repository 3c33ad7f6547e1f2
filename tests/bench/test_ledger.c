/* That the generator sees what is wrong: frames and ledgers, in memory. */
#include "client/frames.h"
#include "client/ledger.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define ROOM 7
#define FILLER 30
#define STREAM_MAX 4096

static struct tally tally;
static struct ledger ledger;
static uint32_t next[2];
static uint8_t stream[STREAM_MAX];
static size_t stream_size;

static void setup(void)
{
    ledger_finish(&ledger);
    memset(&tally, 0, sizeof tally);
    memset(next, 0, sizeof next);
    tally.filler = FILLER;
    ledger_init(&ledger, &tally, ROOM, 2, next);
    stream_size = 0;
}

/* Appends a server's frame with a message, wrapped as the rooms gateway does it. */
static uint8_t *append(uint32_t room, uint32_t publisher, uint32_t seq)
{
    static const char prefix[] = "[r@7] 0123456789abcdef: ";
    const struct mark mark = {.room = room, .publisher = publisher, .seq = seq};
    uint8_t *at = stream + stream_size;
    *at++ = 0x81;
    *at++ = (uint8_t)(sizeof prefix - 1 + MARK_SIZE + FILLER);
    memcpy(at, prefix, sizeof prefix - 1);
    mark_write(&mark, at + sizeof prefix - 1);
    at += sizeof prefix - 1 + MARK_SIZE;
    memset(at, LEDGER_FILLER, FILLER);
    stream_size = (size_t)(at + FILLER - stream);
    return at;
}

static void on_payload(void *data, const uint8_t *bytes, size_t size)
{
    ledger_read(data, bytes, size);
}

static void on_control(void *data, enum opcode opcode, const uint8_t *bytes, size_t size)
{
    (void)data, (void)opcode, (void)bytes, (void)size;
}

/* Reads the stream in pieces of one size. @return What frame_read does at the end. */
static int feed(size_t piece)
{
    static const struct frame_sink sink = {.payload = on_payload, .control = on_control};
    struct frame_reader reader = {0};
    int result = 0;
    for (size_t at = 0; at < stream_size && result == 0; at += piece) {
        size_t left = stream_size - at;
        result = frame_read(&reader, &sink, &ledger, stream + at, left < piece ? left : piece);
    }
    return result;
}

START_TEST(all_is_counted_however_it_is_cut)
{
    for (size_t piece = 1; piece < 300; piece++) {
        setup();
        append(ROOM, 0, 0);
        append(ROOM, 1, 0);
        append(ROOM, 0, 1);
        ck_assert_int_eq(feed(piece), 0);
        ck_assert_uint_eq(tally.delivered, 3);
        ck_assert_uint_eq(tally.lost + tally.repeated + tally.strayed + tally.damaged, 0);
    }
}
END_TEST

START_TEST(faults_are_seen)
{
    append(ROOM, 0, 0);
    append(ROOM, 0, 3);
    append(ROOM, 0, 3);
    append(ROOM, 0, 1);
    append(ROOM + 1, 0, 4);
    append(ROOM, 2, 0);
    append(ROOM, 1, 0)[FILLER / 2] = 'y';
    ck_assert_int_eq(feed(64), 0);
    ck_assert_uint_eq(tally.delivered, 4);
    ck_assert_uint_eq(tally.lost, 1);
    ck_assert_uint_eq(tally.late, 1);
    ck_assert_uint_eq(tally.repeated, 1);
    ck_assert_uint_eq(tally.strayed, 2);
    ck_assert_uint_eq(tally.damaged, 1);
}
END_TEST

START_TEST(what_comes_late_is_no_loss_and_comes_once)
{
    static const uint32_t order[] = {0, 5, 3, 1, 2, 4, 3, 6};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        append(ROOM, 0, order[i]);
    ck_assert_int_eq(feed(STREAM_MAX), 0);
    ck_assert_uint_eq(tally.delivered, 7);
    ck_assert_uint_eq(tally.late, 4);
    ck_assert_uint_eq(tally.lost, 0);
    ck_assert_uint_eq(tally.repeated, 1);
}
END_TEST

/* Gaps that are too many to be remembered are counted as ever; only what of them comes late is
 * taken for what comes twice. */
START_TEST(many_gaps_are_borne)
{
    for (uint32_t i = 0; i < 2 * LEDGER_GAPS; i++) {
        append(ROOM, 0, 2 * i + 1);
        ck_assert_int_eq(feed(STREAM_MAX), 0);
        stream_size = 0;
    }
    ck_assert_uint_eq(tally.lost, (uint64_t)2 * LEDGER_GAPS);
    append(ROOM, 0, 0);
    append(ROOM, 0, 4 * LEDGER_GAPS - 2);
    ck_assert_int_eq(feed(STREAM_MAX), 0);
    ck_assert_uint_eq(tally.late, 1);
    ck_assert_uint_eq(tally.repeated, 1);
}
END_TEST

START_TEST(a_publishers_own_message_strays_if_it_is_left_out)
{
    ledger.own = 1;
    append(ROOM, 0, 0);
    append(ROOM, 1, 0);
    append(ROOM, 0, 1);
    ck_assert_int_eq(feed(STREAM_MAX), 0);
    ck_assert_uint_eq(tally.delivered, 2);
    ck_assert_uint_eq(tally.strayed, 1);
}
END_TEST

START_TEST(a_message_that_is_cut_off_is_not_delivered)
{
    append(ROOM, 0, 0);
    stream_size--;
    ck_assert_int_eq(feed(16), 0);
    ck_assert_uint_eq(tally.delivered, 0);
}
END_TEST

START_TEST(two_orders_are_told_apart)
{
    append(ROOM, 0, 0);
    append(ROOM, 1, 0);
    feed(stream_size);
    uint64_t order = ledger.order;
    setup();
    append(ROOM, 1, 0);
    append(ROOM, 0, 0);
    feed(stream_size);
    ck_assert_uint_ne(order, ledger.order);
}
END_TEST

START_TEST(what_is_no_frame_of_a_server_is_refused)
{
    static const uint8_t wrong[][2] = {
        {0xc1, 1},    /* a reserved bit */
        {0x81, 0x81}, /* masked */
        {0x80, 1},    /* continues nothing */
        {0x83, 1},    /* no such opcode */
        {0x09, 1},    /* a ping in fragments */
        {0x89, 126},  /* a ping that is too long */
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        setup();
        memset(stream, 0, 16);
        memcpy(stream, wrong[i], 2);
        stream[3] = 126;
        stream_size = 16;
        ck_assert_int_eq(feed(1), -1);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ledger");
    TCase *cases = tcase_create("ledger");
    tcase_add_checked_fixture(cases, setup, NULL);
    tcase_add_test(cases, all_is_counted_however_it_is_cut);
    tcase_add_test(cases, faults_are_seen);
    tcase_add_test(cases, what_comes_late_is_no_loss_and_comes_once);
    tcase_add_test(cases, many_gaps_are_borne);
    tcase_add_test(cases, a_publishers_own_message_strays_if_it_is_left_out);
    tcase_add_test(cases, a_message_that_is_cut_off_is_not_delivered);
    tcase_add_test(cases, two_orders_are_told_apart);
    tcase_add_test(cases, what_is_no_frame_of_a_server_is_refused);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
