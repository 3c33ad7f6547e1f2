/* Coming back: all that was missed, or nothing and the reason; the last messages for late joiners;
 * the log of a host that is its own engine. */
#include "cluster/history_log.h"
#include "cluster/recovery.h"
#include "cluster_fixture.h"
#include "dice.h"
#include "runner.h"

#include <stdio.h>
#include <string.h>

static const struct room_key a = {"a", 1};

static void recover(uint64_t epoch, uint64_t offset, uint32_t limit, uint64_t cookie)
{
    ck_assert_int_eq(
        node_recover(world.node, a, (struct position){epoch, offset}, limit, cookie, world.now_ms),
        CLUSTER_DONE);
    world_run();
}

static void begin_with_five(void)
{
    world_begin_up(NULL);
    world_subscribe("a");
    for (int i = 0; i < 5; i++)
        world_others_publish("a", (const char *[]){"1", "2", "3", "4", "5"}[i]);
    world_forget();
}

START_TEST(who_comes_back_gets_exactly_what_was_missed)
{
    begin_with_five();
    recover(101, 2, 10, 1);
    world_expect("recovered 1 at 5 3:3 4:4 5:5");
    recover(101, 5, 10, 2);
    world_expect("recovered 2 at 5");
    recover(101, 0, 5, 3);
    world_expect("recovered 3 at 5 1:1 2:2 3:3 4:4 5:5");
    world_end();
}
END_TEST

START_TEST(or_nothing_and_the_reason)
{
    begin_with_five();
    recover(55, 2, 10, 1);
    world_expect("recovered 1 none epoch");
    recover(101, 6, 10, 2);
    world_expect("recovered 2 none ahead");
    recover(101, 1, 3, 3);
    world_expect("recovered 3 none too-much");
    world_room("a")->first_kept = 4;
    recover(101, 2, 10, 4);
    world_expect("recovered 4 none trimmed");
    recover(101, 3, 10, 5);
    world_expect("recovered 5 at 5 4:4 5:5");
    world_room("a")->keeps = false;
    recover(101, 3, 10, 6);
    world_expect("recovered 6 none no-history");
    world_end();
}
END_TEST

START_TEST(after_the_data_fell_back_nobody_is_recovered_falsely)
{
    begin_with_five();
    world_restart_empty(); /* it comes back with offset 2, and six more are published */
    for (int i = 0; i < 7; i++)
        world_others_publish("a", "new");
    world_pass(150);
    world_forget();
    recover(101, 5, 100, 1);
    world_expect("recovered 1 none epoch");
    world_end();
}
END_TEST

/* Whoever may publish on the engine's channels can say any number. */
static void forge(uint64_t offset)
{
    const struct position at = {101, offset};
    ck_assert_int_eq(
        node_message(world.node, 0, world.generation, a, at, "forged", 6, 1, world.now_ms),
        CLUSTER_DONE);
    world_run();
}

START_TEST(a_forged_number_makes_nobody_miss_what_follows)
{
    static const uint64_t numbers[] = {7, 1000, (1ULL << 32) + 1, UINT64_MAX};

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        begin_with_five();
        forge(numbers[i]);
        world_pass(6000); /* nothing fills the hole */
        ck_assert_uint_eq(world_count("gap a"), 2);
        world_forget();
        recover(101, 2, 100, 1);
        world_expect("recovered 1 at 5 3:3 4:4 5:5");
        world_others_publish("a", "6");
        world_run();
        world_expect("deliver a 6 6");
        world_end();
    }
}
END_TEST

START_TEST(who_comes_back_behind_a_forged_number_is_not_given_more_than_there_is)
{
    begin_with_five();
    world.stops_tops = true;
    forge((1ULL << 32) + 1);
    world_pass(5000);
    world_forget();
    recover(101, 2, 100, 1); /* before the tops tell what is so */
    world.stops_tops = false;
    world_run();
    world_pass(3000);
    ck_assert_uint_eq(world_count("recovered 1"), 1);
    world_end();
}
END_TEST

START_TEST(those_of_one_room_share_a_question)
{
    begin_with_five();
    world.is_stopped = true;
    recover(101, 1, 10, 1);
    ck_assert_uint_eq(world.commands[OUTPUT_HISTORY], 1);
    for (uint64_t i = 2; i < 50; i++)
        recover(101, i % 5, 10, i);
    ck_assert_uint_eq(world.commands[OUTPUT_HISTORY], 1);
    world.is_stopped = false;
    world_run();
    ck_assert_uint_eq(world.commands[OUTPUT_HISTORY], 2);
    ck_assert_uint_eq(world_count("recovered"), 49);
    ck_assert_uint_eq(world_count("recovered 8 at 5 4:4 5:5"), 1);
    world_end();
}
END_TEST

/* Takes all outputs; the messages of those who have recovered are these, or become them.
 * @return The question for a history; 0: there is none. */
static uint64_t take_recovered(struct payload **payloads, uint32_t *recovered)
{
    struct output output;
    uint64_t request = 0;

    while (node_take(world.node, &output)) {
        const bool is_recovered = output.kind == OUTPUT_RECOVERED && output.recovered.is_complete;
        const struct entries *missed = is_recovered ? output.recovered.entries : NULL;
        if (output.kind == OUTPUT_HISTORY)
            request = output.request;
        for (uint32_t i = 0; missed && i < missed->count; i++) {
            const struct entry *entry = &missed->list[i];
            if (!payloads[entry->offset])
                payloads[entry->offset] = payload_ref(entry->payload);
            ck_assert_ptr_eq(entry->payload, payloads[entry->offset]);
        }
        *recovered += is_recovered;
        output_finish(&output);
    }
    return request;
}

/* However many come back at once, each message is there once. */
START_TEST(those_of_one_room_share_the_messages)
{
    const struct history_entry entries[] = {{3, "3", 1, 1}, {4, "4", 1, 1}, {5, "5", 1, 1}};
    const struct position top = {101, 5};
    struct payload *payloads[6] = {0};
    uint32_t recovered = 0;

    begin_with_five();
    for (uint64_t i = 0; i <= 100; i++) { /* one asks at once, the others with the next question */
        ck_assert_int_eq(
            node_recover(world.node, a, (struct position){101, 5 - i % 4}, 10, i, world.now_ms),
            CLUSTER_DONE);
    }
    uint64_t request = take_recovered(payloads, &recovered);
    node_history_reply(world.node, 0, world.generation, request, top, entries, 3, world.now_ms);
    request = take_recovered(payloads, &recovered);
    ck_assert_uint_eq(recovered, 1);
    node_history_reply(world.node, 0, world.generation, request, top, entries, 3, world.now_ms);
    ck_assert_uint_eq(take_recovered(payloads, &recovered), 0);
    ck_assert_uint_eq(recovered, 101);
    for (int i = 3; i <= 5; i++) {
        ck_assert_uint_eq(payloads[i]->refs, 1);
        payload_unref(payloads[i]);
    }
    world_end();
}
END_TEST

/* The history was read before a message that the room's members have got meanwhile. */
START_TEST(what_is_delivered_meanwhile_is_not_missing)
{
    const struct history_entry entries[] = {{4, "4", 1, 1}, {5, "5", 1, 1}};
    struct output output;
    uint64_t request = 0;

    begin_with_five();
    ck_assert_int_eq(node_recover(world.node, a, (struct position){101, 3}, 10, 1, world.now_ms),
                     CLUSTER_DONE);
    while (node_take(world.node, &output)) {
        ck_assert_int_eq(output.kind, OUTPUT_HISTORY);
        request = output.request;
        output_finish(&output);
    }
    world_others_publish("a", "6");
    world_others_publish("a", "7");
    node_history_reply(world.node, 0, world.generation, request, (struct position){101, 5}, entries,
                       2, world.now_ms);
    world_run();
    world_expect("deliver a 6 6", "deliver a 7 7", "recovered 1 at 7 4:4 5:5 6:6 7:7");
    world_end();
}
END_TEST

/* The history was read after messages that are still on their way to the room's members. */
START_TEST(what_is_delivered_afterwards_does_not_come_twice)
{
    begin_with_five();
    world.loses_messages = true; /* late, rather */
    world_others_publish("a", "6");
    world.loses_messages = false;
    recover(101, 3, 10, 1);
    world_expect("recovered 1 at 5 4:4 5:5");
    node_message(world.node, 0, world.generation, a, (struct position){101, 6}, "6", 1, 1,
                 world.now_ms);
    world_run();
    world_expect("deliver a 6 6");
    world_end();
}
END_TEST

START_TEST(a_client_that_is_ahead_of_this_node_is_told_where_it_is)
{
    begin_with_five();
    world.loses_messages = true;
    world_others_publish("a", "6");
    world_others_publish("a", "7");
    world.loses_messages = false;
    recover(101, 7, 10, 1);
    world_expect("recovered 1 at 7");
    world_end();
}
END_TEST

START_TEST(late_joiners_get_the_last_ones)
{
    begin_with_five();
    node_recover_last(world.node, a, 2, 1, world.now_ms);
    node_recover_last(world.node, a, 50, 2, world.now_ms);
    world_run();
    world_expect("recovered 1 at 5 4:4 5:5", "recovered 2 at 5 1:1 2:2 3:3 4:4 5:5");
    world_room("a")->keeps = false;
    node_recover_last(world.node, a, 2, 3, world.now_ms);
    world_run();
    world_expect("recovered 3 at 5");
    world_subscribe("b"); /* in which nothing was ever said */
    node_recover_last(world.node, (struct room_key){"b", 1}, 2, 4, world.now_ms);
    world_run();
    world_expect("recovered 4 at 0");
    world_end();
}
END_TEST

START_TEST(a_room_that_was_just_subscribed_is_waited_for)
{
    world_begin_up(NULL);
    for (int i = 0; i < 5; i++)
        world_others_publish("a", "m");
    world.is_stopped = true;
    world_subscribe("a");
    recover(101, 4, 10, 1);
    ck_assert_uint_eq(world.commands[OUTPUT_HISTORY], 0);
    world.is_stopped = false;
    world_run();
    world_expect("recovered 1 at 5 5:m");
    world_end();
}
END_TEST

START_TEST(an_evicted_room_is_found_by_who_comes_back)
{
    begin_with_five();
    world_room("a")->epoch = 0;
    recover(101, 2, 10, 1);
    world_expect("recovered 1 none epoch", "gap a 6..0 epoch");
    world_end();
}
END_TEST

START_TEST(who_comes_back_while_the_server_is_away_has_an_answer_in_time)
{
    begin_with_five();
    world.is_away = true;
    world_break();
    world_forget();
    recover(101, 2, 10, 1);
    world_pass(1999);
    ck_assert_uint_eq(world_count("recovered"), 0);
    world_pass(1);
    ck_assert_uint_eq(world_count("recovered 1 none away"), 1);
    world_end();
}
END_TEST

START_TEST(a_connection_that_breaks_meanwhile_is_no_end)
{
    begin_with_five();
    world.is_stopped = true;
    recover(101, 2, 10, 1);
    world_break();
    world.is_stopped = false;
    world_forget();
    world_pass(150);
    ck_assert_uint_eq(world_count("recovered 1 at 5 3:3 4:4 5:5"), 1);
    ck_assert_uint_eq(world_count("recovered"), 1);
    world_end();
}
END_TEST

START_TEST(a_room_that_nobody_wants_any_more_answers_all)
{
    begin_with_five();
    world.is_stopped = true;
    recover(101, 2, 10, 1);
    node_unsubscribe(world.node, a, world.now_ms);
    world.is_stopped = false;
    world.never_answers_leases = false;
    ck_assert_int_eq(node_recover(world.node, a, (struct position){101, 2}, 10, 2, world.now_ms),
                     CLUSTER_INVALID);
    world_pass(3000);
    ck_assert_uint_eq(world_count("recovered 1"), 1);
    world_end();
}
END_TEST

static void two_recoveries(struct node_settings *settings)
{
    settings->recoveries_max = 2;
}

START_TEST(recoveries_are_bounded)
{
    world_begin_up(two_recoveries);
    world_subscribe("a");
    world.is_stopped = true;
    recover(0, 0, 10, 1);
    recover(0, 0, 10, 2);
    ck_assert_int_eq(node_recover(world.node, a, (struct position){0, 0}, 10, 3, world.now_ms),
                     CLUSTER_TOO_MANY);
    world.is_stopped = false;
    world_run();
    world_expect("recovered 1 at 0", "recovered 2 at 0");
    recover(0, 0, 10, 4);
    world_expect("recovered 4 at 0");
    ck_assert_int_eq(node_recover(world.node, (struct room_key){"z", 1}, (struct position){0, 0}, 9,
                                  3, world.now_ms),
                     CLUSTER_INVALID);
    world_end();
}
END_TEST

START_TEST(a_history_is_judged_as_a_whole)
{
    static const struct {
        struct position since;
        struct history_span span;
        uint32_t limit;
        enum cluster_why why;
    } rows[] = {
        {{1, 5}, {{1, 9}, 6, 9}, 10, WHY_NONE},
        {{1, 5}, {{1, 9}, 1, 9}, 10, WHY_NONE},
        {{1, 9}, {{1, 9}, 1, 0}, 10, WHY_NONE},
        {{1, 5}, {{1, 9}, 7, 9}, 10, WHY_TRIMMED},
        {{1, 5}, {{1, 9}, 6, 8}, 10, WHY_TRIMMED},
        {{1, 5}, {{1, 9}, 6, 9}, 3, WHY_TOO_MUCH},
        {{1, 5}, {{1, 9}, 6, 9}, 4, WHY_NONE},
        {{2, 5}, {{1, 9}, 6, 9}, 10, WHY_EPOCH},
        {{1, 10}, {{1, 9}, 6, 9}, 10, WHY_AHEAD},
        {{1, 5}, {{1, 9}, 1, 0}, 10, WHY_NO_HISTORY},
        {{1, 5}, {{0, 0}, 1, 0}, 10, WHY_EPOCH},
        {{0, 0}, {{0, 0}, 1, 0}, 10, WHY_NONE},
        {{1, 0}, {{1, UINT64_MAX}, 1, UINT64_MAX}, UINT32_MAX, WHY_TOO_MUCH},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        ck_assert_msg(recovery_judge(rows[i].since, rows[i].limit, &rows[i].span) == rows[i].why,
                      "row %zu", i);
}
END_TEST

/* The log of a host that is alone. */
static struct history_log history;
static uint64_t log_now_ms; /* of the last message */

static void append(const char *text, uint64_t now_ms)
{
    struct payload *payload = payload_create(text, strlen(text), 1);

    history_log_append(&history, payload, now_ms);
    payload_unref(payload);
    log_now_ms = now_ms;
}

static void expect_log(enum cluster_why why, struct entries *entries, uint64_t first,
                       uint32_t count)
{
    ck_assert_int_eq(why, WHY_NONE);
    ck_assert_uint_eq(entries ? entries->count : 0, count);
    for (uint32_t i = 0; i < count; i++) {
        char text[16];
        const int size = snprintf(text, sizeof(text), "m%d", (int)(first + i));
        const struct entry *entry = &entries->list[i];
        /* Thousands of them: Check takes its time for each assertion. */
        if (entry->offset != first + i || entry->payload->size != (size_t)size ||
            memcmp(entry->payload->bytes, text, (size_t)size) != 0)
            ck_abort_msg("%s is not at its place", text);
    }
    entries_destroy(entries);
}

static void expect_since(uint64_t offset, uint32_t count)
{
    struct entries *entries;
    const enum cluster_why why =
        history_log_since(&history, (struct position){9, offset}, 1000, &entries, log_now_ms);

    expect_log(why, entries, offset + 1, count);
}

static void expect_last(uint32_t limit, uint64_t first, uint32_t count)
{
    struct entries *entries;
    const enum cluster_why why = history_log_last(&history, limit, &entries, log_now_ms);

    expect_log(why, entries, first, count);
}

static void begin_log(const struct history_bounds *bounds, uint32_t count)
{
    char text[16];

    history_log_init(&history, bounds, 9);
    for (uint32_t i = 1; i <= count; i++) {
        (void)snprintf(text, sizeof(text), "m%u", i);
        append(text, 100);
    }
}

START_TEST(a_log_keeps_so_many_messages)
{
    struct entries *entries;

    begin_log(&(struct history_bounds){20, 1000}, 100);
    ck_assert_uint_eq(history.count, 20);
    expect_since(80, 20);
    expect_since(95, 5);
    expect_since(100, 0);
    ck_assert_int_eq(history_log_since(&history, (struct position){9, 79}, 1000, &entries, 100),
                     WHY_TRIMMED);
    ck_assert_ptr_null(entries);
    ck_assert_int_eq(history_log_since(&history, (struct position){9, 101}, 1000, &entries, 100),
                     WHY_AHEAD);
    ck_assert_int_eq(history_log_since(&history, (struct position){8, 99}, 1000, &entries, 100),
                     WHY_EPOCH);
    ck_assert_int_eq(history_log_since(&history, (struct position){9, 90}, 9, &entries, 100),
                     WHY_TOO_MUCH);
    expect_last(3, 98, 3);
    expect_last(300, 81, 20);
    expect_last(0, 0, 0);
    history_log_finish(&history);
}
END_TEST

START_TEST(a_message_that_is_not_kept_is_a_hole)
{
    begin_log(&(struct history_bounds){1000, 1000}, 100);
    history_log_skip(&history);
    ck_assert_uint_eq(history.count, 0);
    ck_assert_uint_eq(history.bytes, 0);
    ck_assert_uint_eq(history.top.offset, 101);
    append("m102", 100);
    expect_since(101, 1);
    expect_last(5, 102, 1);
    history_log_finish(&history);
}
END_TEST

START_TEST(a_log_keeps_for_so_long)
{
    begin_log(&(struct history_bounds){1000, 1000}, 3);
    append("m4", 600);
    ck_assert_uint_eq(history_log_trim(&history, 1099), 1100);
    ck_assert_uint_eq(history.count, 4);
    ck_assert_uint_eq(history_log_trim(&history, 1100), 1600);
    ck_assert_uint_eq(history.count, 1);
    ck_assert_uint_eq(history_log_trim(&history, 1600), UINT64_MAX);
    ck_assert_uint_eq(history.capacity, 0); /* a quiet room costs nothing */
    ck_assert_uint_eq(history.top.offset, 4);
    append("m5", 2000);
    expect_since(4, 1);
    history_log_finish(&history);
}
END_TEST

/* Under a room's lock: so no call drops more than so many, and what is there still is not kept. */
START_TEST(a_log_lets_go_of_so_many_at_a_time)
{
    const uint32_t all = 10000;
    struct entries *entries;
    uint32_t calls = 0;

    begin_log(&(struct history_bounds){all, 1000}, all);
    for (uint32_t left = all; left > 0; calls++) {
        const uint64_t next = history_log_trim(&history, 1100);
        ck_assert_uint_le(left - history.count, HISTORY_DROPS_MOST);
        left = history.count;
        ck_assert_uint_eq(next, left > 0 ? 1100 : UINT64_MAX);
        ck_assert_int_eq(
            history_log_since(&history, (struct position){9, all - 1}, all, &entries, 1100),
            WHY_NO_HISTORY);
        left = history.count;
    }
    ck_assert_uint_ge(calls, all / HISTORY_DROPS_MOST / 2);
    ck_assert_uint_eq(history.bytes, 0);
    history_log_finish(&history);
}
END_TEST

/* What is not gone yet takes nobody's place, and is no part of what comes. */
START_TEST(a_log_goes_on_while_it_lets_go)
{
    begin_log(&(struct history_bounds){5000, 1000}, 5000);
    history_log_skip(&history);
    ck_assert_uint_eq(history.count, 5000 - HISTORY_DROPS_MOST);
    append("m5002", 200);
    append("m5003", 200);
    expect_since(5001, 2);
    expect_last(1000, 5002, 2);
    history_log_bind(&history, &(struct history_bounds){1, 1000}, 200);
    expect_last(1000, 5003, 1);
    for (int i = 0; i < 20; i++)
        ck_assert_uint_ge(history_log_trim(&history, 200), 200);
    ck_assert_uint_eq(history.count, 1);
    history_log_finish(&history);
}
END_TEST

/* Random commands beside what a plain list says. */
enum { LOG_STEPS = 1000, LOG_MOST = 1200 };

/* @param gone  Up to there nothing is kept; it never comes back. */
static void check_beside_list(const uint64_t *at_ms, uint64_t *gone, uint64_t now_ms,
                              struct dice *dice)
{
    const uint64_t top = history.top.offset;
    const struct history_bounds bounds = history.bounds;
    struct entries *entries;
    uint64_t first = top > bounds.messages ? top - bounds.messages + 1 : 1;

    if (first <= *gone)
        first = *gone + 1;
    while (first <= top && now_ms - at_ms[first] >= bounds.ms)
        first++;
    *gone = first - 1;
    const uint64_t since = top - dice_below(dice, top > 1500 ? 1500 : (uint32_t)top + 1);
    const enum cluster_why why =
        history_log_since(&history, (struct position){9, since}, UINT32_MAX, &entries, now_ms);
    if (since + 1 >= first || since == top)
        expect_log(why, entries, since + 1, (uint32_t)(top - since));
    else
        ck_assert_int_eq(why, first > top ? WHY_NO_HISTORY : WHY_TRIMMED);
    log_now_ms = now_ms;
    expect_last(UINT32_MAX, first, (uint32_t)(top - first + 1));
}

START_TEST(a_log_is_as_a_plain_list_says)
{
    const uint64_t seed = environment_number("TONI_TEST_SEED", 1 + (uint64_t)_i);
    struct dice dice = {seed};
    static uint64_t at_ms[LOG_STEPS * 50];
    uint64_t now_ms = 100, gone = 0;
    char text[24];

    begin_log(&(struct history_bounds){500, 1000}, 0);
    for (int step = 0; step < LOG_STEPS; step++) {
        switch (dice_below(&dice, 40)) {
        case 0:
            history_log_bind(&history,
                             &(struct history_bounds){1 + dice_below(&dice, LOG_MOST),
                                                      1 + dice_below(&dice, 3000)},
                             now_ms);
            break;
        case 1:
            history_log_skip(&history);
            gone = history.top.offset;
            break;
        case 2:
            now_ms += dice_below(&dice, 2000);
            break;
        case 3:
            (void)history_log_trim(&history, now_ms);
            break;
        default:
            now_ms += dice_below(&dice, 3);
            for (uint32_t i = dice_below(&dice, 50); i > 0; i--) {
                (void)snprintf(text, sizeof(text), "m%d", (int)(history.top.offset + 1));
                append(text, now_ms);
                at_ms[history.top.offset] = now_ms;
            }
            break;
        }
        check_beside_list(at_ms, &gone, now_ms, &dice);
    }
    history_log_finish(&history);
}
END_TEST

START_TEST(a_log_that_keeps_nothing_still_counts)
{
    struct entries *entries;

    begin_log(&(struct history_bounds){0, 1000}, 3);
    ck_assert_uint_eq(history.top.offset, 3);
    ck_assert_int_eq(history_log_since(&history, (struct position){9, 2}, 10, &entries, 100),
                     WHY_NO_HISTORY);
    history_log_bind(&history, &(struct history_bounds){2, 1000}, 100);
    append("m4", 100);
    append("m5", 100);
    append("m6", 100);
    expect_since(4, 2);
    history_log_bind(&history, &(struct history_bounds){1, 1000}, 100);
    expect_since(5, 1);
    history_log_finish(&history);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cluster_recovery");
    TCase *tcase = tcase_create("recovery");

    tcase_add_test(tcase, who_comes_back_gets_exactly_what_was_missed);
    tcase_add_test(tcase, or_nothing_and_the_reason);
    tcase_add_test(tcase, after_the_data_fell_back_nobody_is_recovered_falsely);
    tcase_add_test(tcase, a_forged_number_makes_nobody_miss_what_follows);
    tcase_add_test(tcase, who_comes_back_behind_a_forged_number_is_not_given_more_than_there_is);
    tcase_add_test(tcase, those_of_one_room_share_a_question);
    tcase_add_test(tcase, those_of_one_room_share_the_messages);
    tcase_add_test(tcase, what_is_delivered_meanwhile_is_not_missing);
    tcase_add_test(tcase, what_is_delivered_afterwards_does_not_come_twice);
    tcase_add_test(tcase, a_client_that_is_ahead_of_this_node_is_told_where_it_is);
    tcase_add_test(tcase, late_joiners_get_the_last_ones);
    tcase_add_test(tcase, a_room_that_was_just_subscribed_is_waited_for);
    tcase_add_test(tcase, an_evicted_room_is_found_by_who_comes_back);
    tcase_add_test(tcase, who_comes_back_while_the_server_is_away_has_an_answer_in_time);
    tcase_add_test(tcase, a_connection_that_breaks_meanwhile_is_no_end);
    tcase_add_test(tcase, a_room_that_nobody_wants_any_more_answers_all);
    tcase_add_test(tcase, recoveries_are_bounded);
    tcase_add_test(tcase, a_history_is_judged_as_a_whole);
    tcase_add_test(tcase, a_log_keeps_so_many_messages);
    tcase_add_test(tcase, a_message_that_is_not_kept_is_a_hole);
    tcase_add_test(tcase, a_log_keeps_for_so_long);
    tcase_add_test(tcase, a_log_that_keeps_nothing_still_counts);
    tcase_add_test(tcase, a_log_lets_go_of_so_many_at_a_time);
    tcase_add_test(tcase, a_log_goes_on_while_it_lets_go);
    tcase_add_loop_test(tcase, a_log_is_as_a_plain_list_says, 0, 4);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
