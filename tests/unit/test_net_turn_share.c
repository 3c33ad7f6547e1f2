/* What one client's input may take of a turn. The clock is the test's. */
#include "net/turn_share.h"

#include "net/inflating.h"
#include "runner.h"
#include "ws/frame.h"

#include <stdlib.h>
#include <string.h>

static uint64_t now_ns;
static uint64_t look_ns; /* passes with each look at the clock */
static unsigned looks;

uint64_t __wrap_clock_now_ns(void);

uint64_t __wrap_clock_now_ns(void)
{
    looks++;
    now_ns += look_ns;
    return now_ns;
}

static struct turn_share share;

static void set_up(void)
{
    now_ns = 1000000000;
    look_ns = 0;
    looks = 0;
    turn_share_end_turn(&share);
    turn_share_begin(&share);
}

/* @return How many events of so many nanoseconds each it takes to use the share up. */
static unsigned events_of(uint64_t event_ns)
{
    unsigned events = 0;
    do {
        now_ns += event_ns;
        events++;
    } while (!turn_share_is_used(&share));
    return events;
}

START_TEST(many_quick_events_are_as_much_as_few_slow_ones)
{
    ck_assert_uint_eq(events_of(1000000), 2);
    turn_share_begin(&share);
    ck_assert_uint_eq(events_of(TURN_SHARE_NS), 2);
    turn_share_end_turn(&share);
    turn_share_begin(&share);
    const unsigned quick = events_of(100);
    ck_assert_uint_ge(quick, TURN_SHARE_NS / 100);
    ck_assert_uint_le(quick, TURN_SHARE_NS / 100 + 20);
}
END_TEST

START_TEST(the_clock_is_asked_seldom)
{
    (void)events_of(100);
    ck_assert_uint_le(looks, TURN_SHARE_NS / 100 / 8 + 5);
}
END_TEST

START_TEST(one_that_begins_with_the_clock_known_ends_in_time)
{
    turn_share_begin_at(&share, now_ns, UINT64_MAX);
    ck_assert_uint_eq(events_of(TURN_SHARE_NS), 1);
    turn_share_begin_at(&share, now_ns, now_ns + 500);
    ck_assert_uint_eq(events_of(500), 1);
    turn_share_begin_at(&share, now_ns, now_ns + 501);
    ck_assert_uint_eq(events_of(500), 2);
}
END_TEST

START_TEST(each_client_has_a_share_of_its_own)
{
    for (unsigned client = 0; client < 10; client++) {
        turn_share_begin(&share);
        now_ns += TURN_SHARE_NS - 1;
        ck_assert(!turn_share_is_used(&share));
    }
}
END_TEST

/* @return How many of so many clients' events of a microsecond are taken in one turn. */
static unsigned events_of_clients(unsigned clients)
{
    unsigned events = 0;
    turn_share_end_turn(&share);
    while (clients-- > 0) {
        turn_share_begin(&share);
        events += events_of(1000);
    }
    return events;
}

/* Many that come at once, of whom each would need much more than a share. */
START_TEST(who_follows_one_that_needs_much_has_less)
{
    const unsigned one = events_of_clients(1);
    ck_assert_uint_ge(one, TURN_SHARE_NS / 1000);
    ck_assert_uint_ge(events_of_clients(2), one + one / 2 - 2);
    ck_assert_uint_lt(events_of_clients(100), 100 * (TURN_SHARE_LEAST_NS / 1000 + 10) + 2 * one);
    ck_assert_uint_ge(events_of_clients(100), 100 * (TURN_SHARE_LEAST_NS / 1000));
}
END_TEST

START_TEST(who_needs_little_leaves_the_others_shares_alone)
{
    for (unsigned client = 0; client < 100; client++) {
        turn_share_begin(&share);
        for (unsigned event = 0; event < 10; event++, now_ns += 1000)
            ck_assert(!turn_share_is_used(&share));
    }
    turn_share_begin(&share);
    ck_assert_uint_ge(events_of(1000), TURN_SHARE_NS / 1000);
}
END_TEST

/* --- Inflating by shares */

#define PLAIN_SIZE 3000000

static struct inflater *spare;

/* So much text that shrinks to some half, compressed. */
static toni_message *make_message(char *plain)
{
    struct deflaters deflaters;
    uint32_t state = 1;
    for (size_t i = 0; i < PLAIN_SIZE; i++) {
        state = state * 1103515245 + 12345;
        plain[i] = (char)('a' + (state >> 16) % 16);
    }
    deflaters_init(&deflaters);
    const toni_message message = toni_text(toni_str_make(plain, PLAIN_SIZE));
    toni_message *made = deflaters_shrink(&deflaters, &message);
    deflaters_finish(&deflaters);
    ck_assert_ptr_nonnull(made);
    return made;
}

/* Each step takes a fifth of a share: it is set aside again and again, reads nothing any more of
 * where its bytes lay, and becomes the same. */
START_TEST(a_message_is_inflated_in_pieces)
{
    char *plain = malloc(PLAIN_SIZE);
    toni_message *made = make_message(plain);
    struct inflating first;
    inflating_begin(&first, &spare, FRAME_TEXT, made->body.data, made->body.size);
    look_ns = TURN_SHARE_NS / 5;
    ck_assert_int_eq(inflating_go_on(&first, &share, PLAIN_SIZE), INFLATED_MORE);
    struct inflating *aside = inflating_set_aside(&first);
    ck_assert_ptr_nonnull(aside);
    ck_assert_uint_ge(inflating_memory(aside), INFLATER_MEMORY + aside->compressed.length);
    free(made);
    unsigned times = 1;
    enum inflated result;
    do {
        turn_share_begin(&share);
        result = inflating_go_on(aside, &share, PLAIN_SIZE);
        times++;
    } while (result == INFLATED_MORE);
    ck_assert_int_eq(result, INFLATED);
    ck_assert_uint_gt(times, PLAIN_SIZE / 2 / 1024 / 8);
    ck_assert_uint_eq(aside->message.length, PLAIN_SIZE);
    ck_assert_mem_eq(aside->message.bytes, plain, PLAIN_SIZE);
    inflating_free(aside, &spare);
    free(plain);
}
END_TEST

/* The one beside it is inflated meanwhile, with an inflater of its own; one is kept for later. */
START_TEST(another_message_need_not_wait)
{
    static const uint8_t hello[] = {0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00};
    char *plain = malloc(PLAIN_SIZE);
    toni_message *made = make_message(plain);
    struct inflating large, small;
    look_ns = TURN_SHARE_NS;
    inflating_begin(&large, &spare, FRAME_TEXT, made->body.data, made->body.size);
    ck_assert_int_eq(inflating_go_on(&large, &share, PLAIN_SIZE), INFLATED_MORE);
    inflating_begin(&small, &spare, FRAME_TEXT, hello, sizeof hello);
    turn_share_begin(&share);
    ck_assert_int_eq(inflating_go_on(&small, &share, 5), INFLATED);
    ck_assert_mem_eq(small.message.bytes, "Hello", 5);
    inflating_finish(&small, &spare);
    ck_assert_ptr_nonnull(spare);
    struct inflater *kept = spare;
    inflating_finish(&large, &spare);
    ck_assert_ptr_eq(spare, kept);
    free(made);
    free(plain);
}
END_TEST

/* Blocks that only say how nothing is encoded: none of them makes a byte. */
START_TEST(much_that_becomes_nothing_is_read_in_pieces)
{
    static const uint8_t stored[] = {0x00, 0x00, 0x00, 0xff, 0xff}; /* no bytes */
    const size_t count = 20000;
    uint8_t *bytes = malloc(count * sizeof stored + 1);
    for (size_t i = 0; i < count; i++)
        memcpy(bytes + i * sizeof stored, stored, sizeof stored);
    bytes[count * sizeof stored] = 0;
    struct inflating inflating;
    inflating_begin(&inflating, &spare, FRAME_BINARY, bytes, count * sizeof stored + 1);
    look_ns = TURN_SHARE_NS;
    unsigned times = 1;
    while (inflating_go_on(&inflating, &share, 100) == INFLATED_MORE) {
        turn_share_begin(&share);
        times++;
    }
    ck_assert_uint_ge(times, count * sizeof stored / 1024 / 2);
    ck_assert_uint_eq(inflating.message.length, 0);
    inflating_finish(&inflating, &spare);
    free(bytes);
}
END_TEST

static void tear_down(void)
{
    inflater_destroy(spare);
    spare = NULL;
}

int main(void)
{
    Suite *suite = suite_create("net/turn_share");
    TCase *cases = tcase_create("all");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, many_quick_events_are_as_much_as_few_slow_ones);
    tcase_add_test(cases, the_clock_is_asked_seldom);
    tcase_add_test(cases, one_that_begins_with_the_clock_known_ends_in_time);
    tcase_add_test(cases, who_follows_one_that_needs_much_has_less);
    tcase_add_test(cases, who_needs_little_leaves_the_others_shares_alone);
    tcase_add_test(cases, each_client_has_a_share_of_its_own);
    tcase_add_test(cases, a_message_is_inflated_in_pieces);
    tcase_add_test(cases, another_message_need_not_wait);
    tcase_add_test(cases, much_that_becomes_nothing_is_read_in_pieces);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
