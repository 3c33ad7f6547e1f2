/* The smaller parts, beside plain models: what is wanted and what is subscribed, the order of a
 * room, the publishes that wait, the queue of outputs. TONI_TEST_SEED chooses other random numbers.
 */
#include "cluster/output.h"
#include "cluster/publishes.h"
#include "cluster/room_order.h"
#include "cluster/subscriptions.h"
#include "dice.h"
#include "runner.h"

#include <stdio.h>
#include <string.h>

static struct dice dice;

START_TEST(the_queue_keeps_its_order_while_it_grows)
{
    struct outputs outputs;
    struct output output;
    uint64_t put = 0, taken = 0;

    outputs_init(&outputs);
    for (int i = 0; i < 20000; i++) {
        if (dice_below(&dice, 100) < 52) {
            ck_assert_int_eq(outputs_reserve(&outputs, 1 + dice_below(&dice, 3)), 0);
            outputs_put(&outputs, &(struct output){.kind = OUTPUT_STATE, .request = put++});
        } else if (outputs_take(&outputs, &output)) {
            ck_assert_uint_eq(output.request, taken++);
        } else {
            ck_assert_uint_eq(put, taken);
        }
    }
    outputs_finish(&outputs);
}
END_TEST

START_TEST(held_messages_come_out_in_order_and_once)
{
    enum { MESSAGES = 200 };

    for (int round = 0; round < 50; round++) {
        struct room_order order = {0};
        bool is_sent[MESSAGES + 1] = {false};
        uint64_t next = 1;
        room_order_advance(&order, (struct position){5, 0});
        while (next <= MESSAGES) {
            const uint64_t most = next + 19 > MESSAGES ? MESSAGES : next + 19;
            const uint64_t offset = next + dice_below(&dice, (uint32_t)(most - next + 1));
            struct payload *payload = payload_create(&offset, sizeof(offset), 0), *taken;
            const enum order_verdict verdict =
                room_order_judge(&order, (struct position){5, offset});
            ck_assert_int_eq(verdict, offset == order.at.offset + 1 ? ORDER_NEXT : ORDER_HOLE);
            is_sent[offset] = true;
            ck_assert_int_eq(room_order_hold(&order, offset, payload), 0);
            payload_unref(payload);
            while ((taken = room_order_take(&order))) {
                ck_assert_mem_eq(taken->bytes, &next, sizeof(next));
                ck_assert_uint_eq(order.at.offset, next);
                next++;
                payload_unref(taken);
            }
            ck_assert(next > MESSAGES || !is_sent[next]);
        }
        ck_assert_uint_eq(order.held_count, 0);
        ck_assert_uint_eq(order.held_bytes, 0);
        room_order_finish(&order);
    }
}
END_TEST

START_TEST(an_order_judges_by_where_it_is)
{
    struct room_order order = {0};
    struct payload *payload = payload_create("x", 1, 0);

    ck_assert_int_eq(room_order_judge(&order, (struct position){5, 9}), ORDER_EARLY);
    order.at.epoch = 5;
    ck_assert_int_eq(room_order_hold(&order, 9, payload), 0);
    ck_assert_int_eq(room_order_judge(&order, (struct position){5, 1}), ORDER_EARLY);
    ck_assert_int_eq(room_order_judge(&order, (struct position){6, 1}), ORDER_EPOCH);
    room_order_advance(&order, (struct position){5, 9});
    ck_assert_int_eq(room_order_judge(&order, (struct position){5, 9}), ORDER_OLDER);
    ck_assert_int_eq(room_order_judge(&order, (struct position){5, 10}), ORDER_NEXT);
    ck_assert_int_eq(room_order_judge(&order, (struct position){5, 11}), ORDER_HOLE);
    ck_assert_int_eq(room_order_judge(&order, (struct position){6, 10}), ORDER_EPOCH);
    for (uint64_t offset = 12; offset < 15; offset++)
        ck_assert_int_eq(room_order_hold(&order, offset, payload), 0);
    ck_assert_int_eq(room_order_hold(&order, 13, payload), 0); /* again */
    ck_assert_uint_eq(order.held_count, 3);
    ck_assert_uint_eq(payload->refs, 4);
    room_order_advance(&order, (struct position){5, 13}); /* told as lost */
    ck_assert_uint_eq(order.held_count, 1);
    room_order_advance(&order, (struct position){6, 1});
    ck_assert_uint_eq(order.held_count, 0);
    ck_assert_uint_eq(payload->refs, 1);
    payload_unref(payload);
    room_order_finish(&order);
}
END_TEST

/* A subscription socket that answers in order, and may break. */
enum { ROOMS = 40, LINGER_MS = 100, MOST = 4, QUEUE = 64 };

static struct subscriptions subs;
static struct subscription rooms[ROOMS];
static uint32_t wanted[ROOMS];
static bool is_subscribed[ROOMS];
static struct {
    uint32_t room;
    bool subscribes;
} sent[QUEUE];
static uint32_t sent_first, sent_last;

static void send_all(uint64_t now_ms)
{
    struct subscription *batch[MOST];
    bool subscribes = false;
    uint32_t count;

    while ((count = subscriptions_batch(&subs, batch, MOST, &subscribes)) > 0) {
        for (uint32_t i = 0; i < count; i++) {
            subscriptions_sent(&subs, batch[i], now_ms);
            sent[sent_last % QUEUE].room = (uint32_t)(batch[i] - rooms);
            sent[sent_last++ % QUEUE].subscribes = subscribes;
        }
        ck_assert_uint_le(subs.flying_count, 2 * MOST);
    }
}

static void answer_one(void)
{
    if (sent_first == sent_last)
        return;
    const uint32_t room = sent[sent_first % QUEUE].room;
    const bool subscribes = sent[sent_first++ % QUEUE].subscribes;
    is_subscribed[room] = subscribes;
    ck_assert(subscriptions_acked(&subs, &rooms[room], subscribes));
    ck_assert(!subscriptions_acked(&subs, &rooms[room], subscribes));
}

static void break_connection(void)
{
    sent_first = sent_last;
    memset(is_subscribed, 0, sizeof(is_subscribed));
    for (uint32_t i = 0; i < ROOMS; i++)
        ck_assert(subscription_restart(&subs, &rooms[i]) == subscription_is_needed(&rooms[i]));
    ck_assert_uint_eq(subs.flying_count, 0);
    ck_assert_uint_eq(subs.held_count, 0);
}

static void change_one(uint32_t room, uint64_t now_ms)
{
    if (wanted[room] > 0 && dice_chance(&dice, 60)) {
        wanted[room]--;
        subscription_unwant(&subs, &rooms[room], now_ms);
    } else {
        wanted[room]++;
        subscription_want(&subs, &rooms[room]);
    }
}

START_TEST(what_is_subscribed_follows_what_is_wanted)
{
    uint64_t now_ms = 0;

    subscriptions_init(&subs, 2 * MOST, LINGER_MS);
    memset(rooms, 0, sizeof(rooms));
    for (int i = 0; i < 50000; i++) {
        const uint32_t roll = dice_below(&dice, 1000);
        if (roll < 400)
            change_one(dice_below(&dice, ROOMS), now_ms);
        else if (roll < 800)
            answer_one();
        else if (roll < 802)
            break_connection();
        else
            now_ms += dice_below(&dice, 20);
        while (subscriptions_expire(&subs, now_ms))
            ;
        send_all(now_ms);
    }
    for (int i = 0; i < 10; i++) {
        now_ms += LINGER_MS;
        while (subscriptions_expire(&subs, now_ms))
            ;
        send_all(now_ms);
        while (sent_first != sent_last) {
            answer_one();
            send_all(now_ms);
        }
    }
    for (uint32_t i = 0; i < ROOMS; i++) {
        ck_assert_uint_eq(rooms[i].wanted, wanted[i]);
        ck_assert(is_subscribed[i] == (wanted[i] > 0));
    }
}
END_TEST

static struct publishes publishes;
static const struct hash_key hash_key = {{1, 2}};

static void add(uint64_t number)
{
    struct payload *payload = payload_create("x", 1, 0);

    ck_assert_int_eq(publishes_add(&publishes, (struct room_key){"a", 1}, payload,
                                   &(struct publish){.number = number}),
                     CLUSTER_DONE);
    payload_unref(payload);
}

/* follows: the number of the one before it that flies. */
static void send_next(uint64_t number, uint64_t follows)
{
    struct publish *next = publishes_next(&publishes);

    ck_assert_ptr_nonnull(next);
    ck_assert_uint_eq(next->number, number);
    uint64_t after = 0;
    ck_assert_int_eq(publishes_sent(&publishes, 100 + number, number, &after), CLUSTER_DONE);
    ck_assert_uint_eq(after, follows);
}

START_TEST(publishes_are_sent_again_before_the_new_ones)
{
    publishes_init(&publishes, 1 << 20, &hash_key);
    add(1);
    add(2);
    send_next(1, 0);
    send_next(2, 1);
    add(3);
    publishes_remove(&publishes, publishes_find(&publishes, 1));
    publishes_restart(&publishes);
    ck_assert_ptr_null(publishes_find(&publishes, 2)); /* it flies no more */
    ck_assert(publishes_next(&publishes)->was_sent);
    send_next(2, 0);
    ck_assert_uint_eq(publishes_find(&publishes, 2)->incarnation, 102);
    ck_assert(!publishes_next(&publishes)->was_sent);
    send_next(3, 2);
    ck_assert_ptr_null(publishes_next(&publishes));
    ck_assert_ptr_null(publishes_find(&publishes, 9));
    publishes_finish(&publishes);
    ck_assert_uint_eq(publishes.bytes, 0);
    ck_assert_uint_eq(publishes.count, 0);
}
END_TEST

START_TEST(what_was_put_off_waits_for_all_that_flies)
{
    publishes_init(&publishes, 1 << 20, &hash_key);
    for (uint64_t i = 1; i < 4; i++) {
        add(i);
        send_next(i, i - 1);
    }
    publishes_put_off(&publishes, publishes_find(&publishes, 1));
    add(4);
    ck_assert_ptr_null(publishes_next(&publishes));
    publishes_put_off(&publishes, publishes_find(&publishes, 2));
    ck_assert_ptr_null(publishes_next(&publishes));
    struct publish *third = publishes_find(&publishes, 3);
    publishes_remove(&publishes, third);
    send_next(1, 0);
    send_next(2, 1);
    send_next(4, 2);
    publishes_finish(&publishes);
}
END_TEST

START_TEST(each_reason_has_words)
{
    for (int why = WHY_NONE + 1; why < WHY_COUNT; why++)
        ck_assert_uint_gt(strlen(cluster_why_text((enum cluster_why)why)), 5);
    ck_assert_str_eq(cluster_why_text(WHY_NONE), "");
    ck_assert_str_eq(cluster_why_text((enum cluster_why)WHY_COUNT), "");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cluster_parts");
    TCase *tcase = tcase_create("parts");

    dice.state = environment_number("TONI_TEST_SEED", 1);
    printf("TONI_TEST_SEED=%llu\n", (unsigned long long)dice.state);
    tcase_add_test(tcase, the_queue_keeps_its_order_while_it_grows);
    tcase_add_test(tcase, held_messages_come_out_in_order_and_once);
    tcase_add_test(tcase, an_order_judges_by_where_it_is);
    tcase_add_test(tcase, what_is_subscribed_follows_what_is_wanted);
    tcase_add_test(tcase, publishes_are_sent_again_before_the_new_ones);
    tcase_add_test(tcase, what_was_put_off_waits_for_all_that_flies);
    tcase_add_test(tcase, each_reason_has_words);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
