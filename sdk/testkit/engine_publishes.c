/* The engine suite: what a publish does, step by step. */
#include "engine_private.h"

#include <stdlib.h>
#include <string.h>

static const toni_str room = TONI_LIT_INIT("/room"), other = TONI_LIT_INIT("/other");

/* Nothing is done: no offset, no message, no number. */
static void expect_answer(const toni_engine_publish *publish, int32_t answer)
{
    const toni_position before = engine_top(LEFT, publish->room);
    ck_assert_int_eq(engine_answer(LEFT, publish)->answer, answer);
    engine_check_at(engine_top(LEFT, publish->room), before.epoch, before.offset);
    engine_expect_silence(RIGHT);
}

/* --- Step 1 */

START_TEST(another_incarnation_does_nothing)
{
    toni_engine_publish publish = toni_fake_node_message(LEFT, room, TONI_LIT("x"));
    engine_subscribe(RIGHT, room);
    publish.incarnation++;
    expect_answer(&publish, TONI_ENGINE_OTHER_INCARNATION);
    publish.is_repeat = 1; /* and it comes before all other steps */
    expect_answer(&publish, TONI_ENGINE_OTHER_INCARNATION);
    (void)engine_publish(LEFT, room, TONI_LIT("y"));
    (void)toni_fake_node_next(RIGHT, TONI_TOLD_MESSAGE);
    publish.is_repeat = 0;
    expect_answer(&publish, TONI_ENGINE_OTHER_INCARNATION);
}
END_TEST

/* --- Step 2 */

START_TEST(a_missing_room_begins_with_the_proposed_epoch)
{
    toni_engine_publish publish = toni_fake_node_message(LEFT, room, TONI_LIT("x"));
    publish.proposed = engine_large[_i];
    const toni_told *told = engine_answer(LEFT, &publish);
    ck_assert_int_eq(told->answer, TONI_ENGINE_APPLIED);
    engine_check_at(told->at, engine_large[_i], 1);
    engine_check_at(engine_top(RIGHT, room), engine_large[_i], 1);
    publish = toni_fake_node_message(RIGHT, room, TONI_LIT("y"));
    engine_check_at(engine_answer(RIGHT, &publish)->at, engine_large[_i], 2);
}
END_TEST

START_TEST(a_repeat_in_a_missing_room_is_lost)
{
    toni_engine_publish publish = toni_fake_node_message(LEFT, room, TONI_LIT("x"));
    engine_subscribe(RIGHT, room);
    publish.is_repeat = 1;
    expect_answer(&publish, TONI_ENGINE_LOST);
    publish.epoch = 7;
    expect_answer(&publish, TONI_ENGINE_LOST);
}
END_TEST

/* --- Step 3 */

START_TEST(a_repeat_of_another_epoch_is_lost)
{
    toni_engine_publish first = toni_fake_node_message(LEFT, room, TONI_LIT("x"));
    first.proposed = engine_large[_i];
    ck_assert_int_eq(engine_answer(LEFT, &first)->answer, TONI_ENGINE_APPLIED);
    engine_subscribe(RIGHT, room);
    toni_engine_publish publish = toni_fake_node_message(LEFT, room, TONI_LIT("y"));
    publish.is_repeat = 1;
    publish.epoch = engine_large[_i] - 1 > 0 ? engine_large[_i] - 1 : 2;
    expect_answer(&publish, TONI_ENGINE_LOST);
    first.is_repeat = 1; /* whether it was applied or not */
    first.epoch = publish.epoch;
    expect_answer(&first, TONI_ENGINE_LOST);
}
END_TEST

START_TEST(a_repeat_without_epoch_is_lost_unless_the_room_knows_the_node)
{
    (void)engine_publish(RIGHT, room, TONI_LIT("x"));
    toni_engine_publish publish = toni_fake_node_message(LEFT, room, TONI_LIT("y"));
    publish.is_repeat = 1;
    ck_assert_int_eq(engine_answer(LEFT, &publish)->answer, TONI_ENGINE_LOST);
    ck_assert_uint_eq(engine_publish(LEFT, room, TONI_LIT("z")).offset, 2);
    publish = toni_fake_node_message(LEFT, room, TONI_LIT("y"));
    publish.is_repeat = 1;
    const toni_told *told = engine_answer(LEFT, &publish);
    ck_assert_int_eq(told->answer, TONI_ENGINE_APPLIED);
    ck_assert_uint_eq(told->at.offset, 3);
    ck_assert_int_eq(engine_answer(LEFT, &publish)->answer, TONI_ENGINE_REPEAT);
}
END_TEST

START_TEST(a_repeat_of_this_epoch_that_was_not_applied_is_applied)
{
    const toni_position at = engine_publish(RIGHT, room, TONI_LIT("x"));
    toni_engine_publish publish = toni_fake_node_message(LEFT, room, TONI_LIT("y"));
    publish.is_repeat = 1;
    publish.epoch = at.epoch;
    const toni_told *told = engine_answer(LEFT, &publish);
    ck_assert_int_eq(told->answer, TONI_ENGINE_APPLIED);
    engine_check_at(told->at, at.epoch, 2);
}
END_TEST

/* --- Step 4 */

static void check_repeat(const toni_engine_publish *publish, toni_position at)
{
    const toni_told *told = engine_answer(LEFT, publish);
    ck_assert_int_eq(told->answer, TONI_ENGINE_REPEAT);
    ck_assert_uint_eq(told->at.epoch, at.epoch);
    ck_assert_msg(told->at.offset == at.offset || told->at.offset == 0,
                  "the repeat has another offset than the message");
}

START_TEST(a_message_is_applied_once)
{
    toni_engine_publish publish = toni_fake_node_message(LEFT, room, TONI_LIT("x"));
    publish.keep_messages = 10;
    publish.keep_seconds = 60;
    engine_subscribe(RIGHT, room);
    const toni_position at = engine_answer(LEFT, &publish)->at;
    engine_expect_message(RIGHT, room, at, TONI_LIT("x"));
    check_repeat(&publish, at); /* whatever it says of itself */
    publish.is_repeat = 1;
    check_repeat(&publish, at);
    publish.epoch = at.epoch;
    check_repeat(&publish, at);
    engine_check_at(engine_top(LEFT, room), at.epoch, at.offset);
    engine_expect_silence(RIGHT);
    ck_assert_uint_eq(engine_last(LEFT, room, 10)->count, 1);
}
END_TEST

START_TEST(a_lower_number_is_a_repeat)
{
    toni_engine_publish publish = toni_fake_node_message(LEFT, room, TONI_LIT("x"));
    publish.number = 10;
    const uint64_t epoch = engine_answer(LEFT, &publish)->at.epoch;
    publish.number = 12; /* numbers rise, and need not be one after the other */
    engine_check_at(engine_answer(LEFT, &publish)->at, epoch, 2);
    publish.number = 11;
    const toni_told *told = engine_answer(LEFT, &publish);
    ck_assert_int_eq(told->answer, TONI_ENGINE_REPEAT);
    ck_assert_uint_eq(told->at.epoch, epoch);
    ck_assert_uint_eq(told->at.offset, 0); /* nobody knows it */
}
END_TEST

/* --- Step 5 */

START_TEST(none_overtakes_one_before_it_that_was_not_applied)
{
    toni_engine_publish publish = toni_fake_node_message(LEFT, room, TONI_LIT("x"));
    engine_subscribe(RIGHT, room);
    publish.number = 12;
    publish.after = 11;
    expect_answer(&publish, TONI_ENGINE_NOT_RUN); /* and the room does not begin */
    publish.number = 10;
    publish.after = 0;
    const toni_position at = engine_answer(LEFT, &publish)->at;
    engine_expect_message(RIGHT, room, at, TONI_LIT("x"));
    publish.number = 12;
    publish.after = 11;
    expect_answer(&publish, TONI_ENGINE_NOT_RUN);
    publish.number = 11;
    publish.after = 10;
    engine_check_at(engine_answer(LEFT, &publish)->at, at.epoch, 2);
    publish.number = 13; /* what it names is applied, and more */
    publish.after = 10;
    engine_check_at(engine_answer(LEFT, &publish)->at, at.epoch, 3);
    publish.after = 12; /* a repeat, whatever was before it */
    ck_assert_int_eq(engine_answer(LEFT, &publish)->answer, TONI_ENGINE_REPEAT);
    publish.number = 14;
    publish.after = 13;
    publish.node++; /* whose numbers are its own */
    ck_assert_int_eq(engine_answer(LEFT, &publish)->answer, TONI_ENGINE_NOT_RUN);
}
END_TEST

START_TEST(what_is_asked_for_together_is_applied_in_its_order)
{
    toni_engine_publish publish = toni_fake_node_message(LEFT, room, TONI_LIT("x"));
    for (uint64_t i = 1; i <= 40; i++) {
        publish.number = i;
        publish.after = i - 1;
        toni_fake_node_publish(LEFT, &publish);
    }
    for (uint64_t i = 1; i <= 40; i++)
        ck_assert_uint_eq(toni_fake_node_next(LEFT, TONI_TOLD_PUBLISHED)->at.offset, i);
}
END_TEST

/* --- Numbers */

START_TEST(numbers_of_64_bits_differ_by_one)
{
    toni_engine_publish publish = toni_fake_node_message(LEFT, room, TONI_LIT("x"));
    publish.number = engine_large[_i] - 1 > 0 ? engine_large[_i] - 1 : 0;
    if (publish.number > 0)
        ck_assert_int_eq(engine_answer(LEFT, &publish)->answer, TONI_ENGINE_APPLIED);
    publish.number = engine_large[_i];
    ck_assert_int_eq(engine_answer(LEFT, &publish)->answer, TONI_ENGINE_APPLIED);
    ck_assert_int_eq(engine_answer(LEFT, &publish)->answer, TONI_ENGINE_REPEAT);
    publish.number = engine_large[_i] - 1;
    if (publish.number > 0)
        ck_assert_int_eq(engine_answer(LEFT, &publish)->answer, TONI_ENGINE_REPEAT);
}
END_TEST

/* As numbers and not as texts: 9 is below 10. */
START_TEST(numbers_rise_by_their_value)
{
    toni_engine_publish publish = toni_fake_node_message(LEFT, room, TONI_LIT("x"));
    uint64_t offset = 0;
    for (uint64_t nines = 9; nines < UINT64_C(1) << 59; nines = nines * 10 + 9) {
        publish.number = nines;
        ck_assert_uint_eq(engine_answer(LEFT, &publish)->at.offset, ++offset);
        publish.number = nines + 1;
        ck_assert_uint_eq(engine_answer(LEFT, &publish)->at.offset, ++offset);
    }
}
END_TEST

START_TEST(two_nodes_numbers_are_independent)
{
    toni_engine_publish publish = toni_fake_node_message(LEFT, room, TONI_LIT("x"));
    publish.node = engine_large[_i];
    publish.number = 100;
    ck_assert_int_eq(engine_answer(LEFT, &publish)->answer, TONI_ENGINE_APPLIED);
    publish.node = engine_large[_i] - 1 > 0 ? engine_large[_i] - 1 : 2;
    publish.number = 5;
    const toni_told *told = engine_answer(LEFT, &publish);
    ck_assert_int_eq(told->answer, TONI_ENGINE_APPLIED);
    ck_assert_uint_eq(told->at.offset, 2);
    ck_assert_int_eq(engine_answer(LEFT, &publish)->answer, TONI_ENGINE_REPEAT);
}
END_TEST

START_TEST(two_rooms_have_nothing_in_common)
{
    toni_engine_publish publish = toni_fake_node_message(LEFT, room, TONI_LIT("x"));
    publish.number = 100;
    ck_assert_int_eq(engine_answer(LEFT, &publish)->answer, TONI_ENGINE_APPLIED);
    publish.room = other;
    publish.number = 5;
    publish.proposed++;
    const toni_told *told = engine_answer(LEFT, &publish);
    ck_assert_int_eq(told->answer, TONI_ENGINE_APPLIED);
    engine_check_at(told->at, publish.proposed, 1);
}
END_TEST

START_TEST(offsets_have_no_holes_whoever_publishes)
{
    const uint64_t epoch = engine_publish(LEFT, room, TONI_LIT("x")).epoch;
    for (uint64_t offset = 2; offset < 40; offset++)
        engine_check_at(engine_publish(offset % 3 == 0 ? LEFT : RIGHT, room, TONI_LIT("x")), epoch,
                        offset);
}
END_TEST

START_TEST(receivers_are_the_nodes_that_subscribe)
{
    toni_engine_publish publish = toni_fake_node_message(LEFT, room, TONI_LIT("x"));
    ck_assert_uint_eq(engine_answer(LEFT, &publish)->receivers, 0);
    engine_subscribe(RIGHT, room);
    engine_subscribe(LEFT, other);
    publish.number = ++LEFT->last_number;
    ck_assert_uint_eq(engine_answer(LEFT, &publish)->receivers, 1);
    engine_subscribe(LEFT, room);
    publish.number = ++LEFT->last_number;
    ck_assert_uint_eq(engine_answer(LEFT, &publish)->receivers, 2);
    (void)toni_fake_node_next(RIGHT, TONI_TOLD_MESSAGE);
    (void)toni_fake_node_next(RIGHT, TONI_TOLD_MESSAGE);
    engine_unsubscribe(RIGHT, room);
    publish.number = ++LEFT->last_number;
    ck_assert_uint_eq(engine_answer(LEFT, &publish)->receivers, 1);
}
END_TEST

/* --- Bodies and keys */

static void expect_whole(toni_fake_node *node, const toni_engine_publish *publish, toni_position at)
{
    engine_expect_message(node, publish->room, at, publish->body);
    ck_assert_uint_eq(node->taken[2]->message_kind, publish->kind);
}

static void expect_kept(const toni_engine_publish *publish, toni_position at)
{
    const toni_told *told = engine_last(RIGHT, publish->room, 1);
    engine_check_at(told->at, at.epoch, at.offset);
    ck_assert_uint_eq(told->count, 1);
    ck_assert_uint_eq(told->entries[0].offset, at.offset);
    ck_assert_uint_eq(told->entries[0].kind, publish->kind);
    engine_check_bytes(told->entries[0].body, publish->body);
}

/* A message comes back as it was sent, and so it is kept. */
static void go_around(toni_str key, toni_str body, uint32_t kind)
{
    toni_engine_publish publish = toni_fake_node_message(LEFT, key, body);
    publish.kind = kind;
    publish.keep_messages = 3;
    publish.keep_seconds = 60;
    engine_subscribe(LEFT, key);
    engine_subscribe(RIGHT, key);
    const toni_told *told = engine_answer(LEFT, &publish);
    ck_assert_int_eq(told->answer, TONI_ENGINE_APPLIED);
    const toni_position at = told->at;
    expect_whole(LEFT, &publish, at);
    expect_whole(RIGHT, &publish, at);
    expect_kept(&publish, at);
    engine_check_at(engine_top(RIGHT, key), at.epoch, at.offset);
}

START_TEST(a_body_has_any_bytes)
{
    char bytes[512];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)i;
    go_around(room, TONI_LIT(""), 0);
    go_around(room, toni_str_make(bytes, sizeof bytes), 1);
    go_around(room, TONI_LIT("\0"), 2);
    go_around(room, TONI_LIT("\r\n$5\r\n*1\r\n"), 255);
    go_around(room, TONI_LIT("0 1 2 :"), UINT32_MAX);
}
END_TEST

START_TEST(a_body_may_be_large)
{
    const size_t size = 1 << 20;
    char *bytes = malloc(size);
    ck_assert_ptr_nonnull(bytes);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)(i * 7 + i / 251);
    go_around(room, toni_str_make(bytes, size), 1);
    free(bytes);
}
END_TEST

static const toni_str keys[] = {
    TONI_LIT_INIT("x"),
    TONI_LIT_INIT("/"),
    TONI_LIT_INIT("/*"),
    TONI_LIT_INIT("/[a-z]?"),
    TONI_LIT_INIT("\x01"
                  "quiz"),
    TONI_LIT_INIT("\x02"
                  "17"),
    TONI_LIT_INIT("\0\0"),
    TONI_LIT_INIT("/n\0a"),
    TONI_LIT_INIT("/n\0b"),
    TONI_LIT_INIT(" "),
    TONI_LIT_INIT("/a b"),
    TONI_LIT_INIT("/{a}b"),
    TONI_LIT_INIT("/}{"),
    TONI_LIT_INIT("/\r\n"),
    TONI_LIT_INIT("/\"'\\"),
    TONI_LIT_INIT("/%s%n"),
    TONI_LIT_INIT("quiz/gr\xc3\xbc\xc3\x9f"),
    TONI_LIT_INIT("/\xf0\x9f\x98\x80"),
    TONI_LIT_INIT("\xff\xfe\x80"),
    TONI_LIT_INIT("/:"),
};
enum { KEY_COUNT = sizeof keys / sizeof keys[0] };

START_TEST(a_key_has_any_bytes)
{
    go_around(keys[_i], TONI_LIT("x"), 1);
    engine_expect_silence(LEFT);
    engine_expect_silence(RIGHT);
}
END_TEST

START_TEST(no_key_stands_for_another)
{
    for (size_t i = 0; i < KEY_COUNT; i++)
        engine_subscribe(RIGHT, keys[i]);
    for (size_t i = 0; i < KEY_COUNT; i++) {
        const toni_position at = engine_publish(LEFT, keys[i], TONI_LIT("x"));
        ck_assert_uint_eq(at.offset, 1);
        engine_expect_message(RIGHT, keys[i], at, TONI_LIT("x"));
    }
    engine_expect_silence(RIGHT);
}
END_TEST

START_TEST(a_key_may_be_long)
{
    char bytes[TONI_ENGINE_KEY_MOST];
    memset(bytes, 'k', sizeof bytes);
    go_around(toni_str_make(bytes, sizeof bytes), TONI_LIT("x"), 1);
    memset(bytes, 0xc3, sizeof bytes);
    go_around(toni_str_make(bytes, sizeof bytes), TONI_LIT("x"), 1);
    bytes[sizeof bytes - 1] = 'l'; /* another one */
    ck_assert_uint_eq(engine_top(LEFT, toni_str_make(bytes, sizeof bytes)).epoch, 0);
}
END_TEST

TCase *engine_publishes_case(void)
{
    TCase *made = engine_case("publishes");
    tcase_add_test(made, another_incarnation_does_nothing);
    tcase_add_loop_test(made, a_missing_room_begins_with_the_proposed_epoch, 0, ENGINE_LARGE_COUNT);
    tcase_add_test(made, a_repeat_in_a_missing_room_is_lost);
    tcase_add_loop_test(made, a_repeat_of_another_epoch_is_lost, 0, ENGINE_LARGE_COUNT);
    tcase_add_test(made, a_repeat_without_epoch_is_lost_unless_the_room_knows_the_node);
    tcase_add_test(made, a_repeat_of_this_epoch_that_was_not_applied_is_applied);
    tcase_add_test(made, a_message_is_applied_once);
    tcase_add_test(made, a_lower_number_is_a_repeat);
    tcase_add_test(made, none_overtakes_one_before_it_that_was_not_applied);
    tcase_add_test(made, what_is_asked_for_together_is_applied_in_its_order);
    tcase_add_loop_test(made, numbers_of_64_bits_differ_by_one, 0, ENGINE_LARGE_COUNT);
    tcase_add_test(made, numbers_rise_by_their_value);
    tcase_add_loop_test(made, two_nodes_numbers_are_independent, 0, ENGINE_LARGE_COUNT);
    tcase_add_test(made, two_rooms_have_nothing_in_common);
    tcase_add_test(made, offsets_have_no_holes_whoever_publishes);
    tcase_add_test(made, receivers_are_the_nodes_that_subscribe);
    tcase_add_test(made, a_body_has_any_bytes);
    tcase_add_test(made, a_body_may_be_large);
    tcase_add_loop_test(made, a_key_has_any_bytes, 0, KEY_COUNT);
    tcase_add_test(made, no_key_stands_for_another);
    tcase_add_test(made, a_key_may_be_long);
    return made;
}
