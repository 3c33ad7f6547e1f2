/* Which answer belongs to which message, where these have no marks. */
#include "client/replies.h"
#include "runner.h"

#include <stdlib.h>
#include <string.h>

static struct tally tally;
static struct replies *replies;

static void begin(bool by_id, uint32_t sent)
{
    memset(&tally, 0, sizeof tally);
    replies = replies_create(&tally, by_id);
    ck_assert_ptr_nonnull(replies);
    replies->counts = true;
    tally.now_ns = 1000;
    for (uint32_t i = 0; i < sent; i++) {
        ck_assert(pending_reserve(&replies->pending));
        ck_assert_uint_eq(pending_add(&replies->pending, 1 + i), i);
    }
}

/* In two pieces, as a socket may give them. */
static void receive(const char *text)
{
    const size_t half = strlen(text) / 2;
    replies_read(replies, (const uint8_t *)text, half);
    replies_read(replies, (const uint8_t *)text + half, strlen(text) - half);
    replies_enter(replies);
}

START_TEST(answers_come_in_order)
{
    begin(false, 2);
    receive("a");
    receive("b");
    ck_assert_uint_eq(tally.delivered, 2);
    ck_assert_uint_eq(tally.latencies.largest, 999);
    receive("c");
    ck_assert_uint_eq(tally.repeated, 1);
    replies_destroy(replies);
}
END_TEST

START_TEST(a_greeting_is_no_answer)
{
    begin(false, 0);
    replies->counts = false;
    receive("hello");
    ck_assert_uint_eq(tally.repeated + tally.delivered, 0);
    replies_destroy(replies);
}
END_TEST

START_TEST(answers_with_ids_come_in_any_order)
{
    begin(true, 3);
    receive("{\"id\":2,\"data\":{}}");
    receive("{\"id\":0,\"data\":null}");
    receive("{\"event\":\"said\",\"data\":1}");
    receive("{\"id\":1,\"error\":{\"kind\":\"conflict\"}}");
    ck_assert_uint_eq(tally.delivered, 3);
    ck_assert_uint_eq(tally.errors, 1);
    ck_assert_uint_eq(tally.repeated + tally.strayed + tally.damaged, 0);
    ck_assert_uint_eq(replies->pending.waiting, 0);
    replies_destroy(replies);
}
END_TEST

START_TEST(wrong_answers_are_counted)
{
    begin(true, 2);
    receive("{\"id\":0}");
    receive("{\"id\":0}");
    receive("{\"id\":7}");
    receive("{\"id\":null,\"error\":{}}");
    receive("{\"id\":-1}");
    receive("not JSON");
    receive("7");
    ck_assert_uint_eq(tally.delivered, 1);
    ck_assert_uint_eq(tally.repeated, 2);
    ck_assert_uint_eq(tally.strayed, 2);
    ck_assert_uint_eq(tally.damaged, 2);
    ck_assert_uint_eq(replies->pending.waiting, 1);
    replies_destroy(replies);
}
END_TEST

START_TEST(who_is_given_up_may_still_come)
{
    begin(true, 3);
    receive("{\"id\":1}");
    pending_give_up(&replies->pending);
    ck_assert_uint_eq(replies->pending.waiting, 0);
    ck_assert_uint_eq(replies->pending.abandoned, 2);
    receive("{\"id\":0}");
    ck_assert_uint_eq(tally.delivered, 2);
    ck_assert_uint_eq(replies->pending.abandoned, 1);
    replies_destroy(replies);
}
END_TEST

/* Without ids the next answer is for who was sent after that. */
START_TEST(order_begins_anew_behind_who_is_given_up)
{
    begin(false, 2);
    pending_give_up(&replies->pending);
    ck_assert(pending_reserve(&replies->pending));
    ck_assert_uint_eq(pending_add(&replies->pending, 900), 2);
    receive("a");
    ck_assert_uint_eq(tally.delivered, 1);
    ck_assert_uint_eq(tally.latencies.largest, 100);
    ck_assert_uint_eq(replies->pending.waiting, 0);
    ck_assert_uint_eq(replies->pending.abandoned, 2);
    replies_destroy(replies);
}
END_TEST

START_TEST(so_many_wait_and_no_more)
{
    begin(true, PENDING_MAX);
    ck_assert(!pending_reserve(&replies->pending));
    receive("{\"id\":1}");
    ck_assert(!pending_reserve(&replies->pending));
    receive("{\"id\":0}");
    ck_assert(pending_reserve(&replies->pending));
    replies_destroy(replies);
}
END_TEST

/* What is lost again and again must not stop a run. */
START_TEST(those_given_up_are_forgotten_in_the_end)
{
    begin(true, 0);
    for (uint32_t i = 0; i < 2 * PENDING_MAX; i++) {
        ck_assert(pending_reserve(&replies->pending));
        (void)pending_add(&replies->pending, 1);
        pending_give_up(&replies->pending);
    }
    ck_assert_uint_eq(replies->pending.abandoned, 2 * PENDING_MAX);
    replies_destroy(replies);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bench_replies");
    TCase *cases = tcase_create("bench_replies");
    tcase_add_test(cases, answers_come_in_order);
    tcase_add_test(cases, a_greeting_is_no_answer);
    tcase_add_test(cases, answers_with_ids_come_in_any_order);
    tcase_add_test(cases, wrong_answers_are_counted);
    tcase_add_test(cases, who_is_given_up_may_still_come);
    tcase_add_test(cases, order_begins_anew_behind_who_is_given_up);
    tcase_add_test(cases, so_many_wait_and_no_more);
    tcase_add_test(cases, those_given_up_are_forgotten_in_the_end);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
