/* The engine suite: tops, and what a room's history answers. */
#include "engine_private.h"

#include "node_private.h"

#include <stdio.h>

static const toni_str room = TONI_LIT_INIT("/room");

/* --- Tops */

START_TEST(tops_are_in_the_order_of_the_rooms)
{
    const toni_position a = engine_publish(LEFT, TONI_LIT("/a"), TONI_LIT("x"));
    (void)engine_publish(LEFT, TONI_LIT("/b"), TONI_LIT("x"));
    const toni_position b = engine_publish(RIGHT, TONI_LIT("/b"), TONI_LIT("y"));
    const toni_str rooms[] = {TONI_LIT("/b"), TONI_LIT("/missing"), TONI_LIT("/a"), TONI_LIT("/b")};
    const uint64_t request = toni_fake_node_tops(LEFT, rooms, 4);
    const toni_told *told = toni_fake_node_next(LEFT, TONI_TOLD_TOPS);
    ck_assert_uint_eq(told->request, request);
    ck_assert_uint_eq(told->count, 4);
    engine_check_at(told->tops[0], b.epoch, 2);
    engine_check_at(told->tops[1], 0, 0);
    engine_check_at(told->tops[2], a.epoch, 1);
    engine_check_at(told->tops[3], b.epoch, 2);
}
END_TEST

START_TEST(as_many_tops_as_a_host_asks_for)
{
    static char names[TONI_ENGINE_KEYS_MOST][8];
    static toni_str rooms[TONI_ENGINE_KEYS_MOST];
    for (uint32_t i = 0; i < TONI_ENGINE_KEYS_MOST; i++) {
        (void)snprintf(names[i], sizeof names[i], "/%u", (unsigned)i);
        rooms[i] = toni_str_of(names[i]);
        for (uint32_t j = 0; j < i % 3; j++)
            (void)engine_publish(LEFT, rooms[i], TONI_LIT("x"));
    }
    (void)toni_fake_node_tops(RIGHT, rooms, TONI_ENGINE_KEYS_MOST);
    const toni_told *told = toni_fake_node_next(RIGHT, TONI_TOLD_TOPS);
    ck_assert_uint_eq(told->count, TONI_ENGINE_KEYS_MOST);
    for (uint32_t i = 0; i < TONI_ENGINE_KEYS_MOST; i++) {
        ck_assert_uint_eq(told->tops[i].offset, i % 3);
        ck_assert_int_eq(told->tops[i].epoch == 0, i % 3 == 0);
    }
}
END_TEST

START_TEST(a_subscription_makes_no_room)
{
    engine_subscribe(LEFT, room);
    engine_check_at(engine_top(LEFT, room), 0, 0);
}
END_TEST

/* --- History. Bodies are "1", "2" and so on, as the offsets. */

static toni_position keep_some(uint32_t count, uint32_t messages, uint32_t seconds)
{
    toni_position at = {0};
    for (uint32_t i = 0; i < count; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "%llu", (unsigned long long)at.offset + 1);
        at = engine_keep(i % 2 == 0 ? LEFT : RIGHT, room, toni_str_of(text), messages, seconds);
    }
    return at;
}

/* @param first, last  Offsets of what has to be there; last 0: nothing. */
static void expect_entries(const toni_told *told, toni_position top, uint64_t first, uint64_t last)
{
    engine_check_at(told->at, top.epoch, top.offset);
    ck_assert_uint_eq(told->count, last == 0 ? 0 : last - first + 1);
    for (uint32_t i = 0; i < told->count; i++) {
        char text[24];
        (void)snprintf(text, sizeof text, "%llu", (unsigned long long)first + i);
        ck_assert_uint_eq(told->entries[i].offset, first + i);
        engine_check_bytes(told->entries[i].body, toni_str_of(text));
    }
}

static const toni_told *since(toni_position position, uint32_t limit)
{
    const uint64_t request = toni_fake_node_history(RIGHT, room, position, limit);
    const toni_told *told = toni_fake_node_next(RIGHT, TONI_TOLD_HISTORY);
    ck_assert_uint_eq(told->request, request);
    return told;
}

static const toni_told *last(uint32_t limit)
{
    return engine_last(RIGHT, room, limit);
}

START_TEST(since_a_position_it_is_what_came_above_it)
{
    const toni_position top = keep_some(9, 100, 60);
    for (uint64_t offset = 0; offset < 9; offset++)
        expect_entries(since((toni_position){top.epoch, offset}, 100), top, offset + 1, 9);
    expect_entries(since(top, 100), top, 0, 0);
    expect_entries(since((toni_position){top.epoch, 20}, 100), top, 0, 0);
}
END_TEST

START_TEST(a_limit_takes_the_oldest)
{
    const toni_position top = keep_some(9, 100, 60);
    expect_entries(since((toni_position){top.epoch, 2}, 3), top, 3, 5);
    expect_entries(since((toni_position){top.epoch, 0}, 1), top, 1, 1);
    expect_entries(since((toni_position){top.epoch, 2}, 7), top, 3, 9);
}
END_TEST

START_TEST(the_last_ones_end_with_the_offset)
{
    const toni_position top = keep_some(9, 100, 60);
    expect_entries(last(3), top, 7, 9);
    expect_entries(last(9), top, 1, 9);
    expect_entries(last(100), top, 1, 9);
    expect_entries(last(1), top, 9, 9);
}
END_TEST

START_TEST(another_epoch_has_nothing_but_the_top)
{
    const toni_position top = keep_some(3, 100, 60);
    expect_entries(since((toni_position){top.epoch + 1, 0}, 100), top, 0, 0);
    expect_entries(since((toni_position){0, 0}, 100), top, 0, 0);
}
END_TEST

START_TEST(a_missing_room_has_no_history)
{
    expect_entries(last(10), (toni_position){0}, 0, 0);
    expect_entries(since((toni_position){0}, 10), (toni_position){0}, 0, 0);
    expect_entries(since((toni_position){5, 1}, 10), (toni_position){0}, 0, 0);
}
END_TEST

/* More than was asked to be kept is fine, a hole isn't; the last ones are there in any case. */
START_TEST(a_history_is_trimmed_by_messages)
{
    const toni_position top = keep_some(300, 5, 60);
    const toni_told *told = since((toni_position){top.epoch, 0}, 1000);
    ck_assert_msg(told->count >= 5 && told->count < 300, "%u of 300 messages are kept, not 5",
                  (unsigned)told->count);
    ck_assert_uint_eq(told->entries[told->count - 1].offset, 300);
    expect_entries(last(5), top, 296, 300);
    expect_entries(since((toni_position){top.epoch, 295}, 100), top, 296, 300);
}
END_TEST

START_TEST(a_history_is_trimmed_by_seconds)
{
    const toni_position top = keep_some(3, 100, 1);
    const int64_t until_ms = node_now_ms() + 1000 + RIGHT->patience_ms;
    expect_entries(last(10), top, 1, 3);
    while (last(10)->count > 0) {
        ck_assert_msg(node_now_ms() < until_ms, "a history of one second does not end");
        toni_fake_node_wait(RIGHT, 50);
    }
    engine_check_at(engine_top(RIGHT, room), top.epoch, 3); /* the room's order goes on */
    ck_assert_uint_eq(engine_keep(LEFT, room, TONI_LIT("4"), 100, 60).offset, 4);
    expect_entries(since((toni_position){top.epoch, 0}, 10), (toni_position){top.epoch, 4}, 4, 4);
}
END_TEST

START_TEST(a_room_that_keeps_none_has_none)
{
    const toni_position top = keep_some(3, 0, 0);
    expect_entries(last(10), top, 0, 0);
    expect_entries(since((toni_position){top.epoch, 0}, 10), top, 0, 0);
}
END_TEST

/* The entries before it can't be told any more: the fake node fails the test for a hole. */
START_TEST(a_message_that_is_not_kept_leaves_no_hole)
{
    (void)keep_some(3, 100, 60);
    toni_position top = engine_keep(LEFT, room, TONI_LIT("4"), 0, 0);
    const toni_told *told = last(10);
    ck_assert_msg(told->count == 0, "the last ones do not end with the offset");
    engine_check_at(told->at, top.epoch, 4);
    (void)engine_keep(LEFT, room, TONI_LIT("5"), 100, 60);
    top = engine_keep(RIGHT, room, TONI_LIT("6"), 100, 60);
    expect_entries(last(10), top, 5, 6);
    expect_entries(since((toni_position){top.epoch, 4}, 10), top, 5, 6);
    (void)since((toni_position){top.epoch, 0}, 10);
}
END_TEST

START_TEST(fewer_may_be_kept_from_now_on)
{
    toni_position top = keep_some(30, 100, 60);
    for (int i = 31; i <= 300; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "%d", i);
        top = engine_keep(LEFT, room, toni_str_of(text), 2, 60);
    }
    expect_entries(last(2), top, 299, 300);
    ck_assert_uint_lt(since((toni_position){top.epoch, 0}, 1000)->count, 300);
}
END_TEST

TCase *engine_history_case(void)
{
    TCase *made = engine_case("history");
    tcase_add_test(made, tops_are_in_the_order_of_the_rooms);
    tcase_add_test(made, as_many_tops_as_a_host_asks_for);
    tcase_add_test(made, a_subscription_makes_no_room);
    tcase_add_test(made, since_a_position_it_is_what_came_above_it);
    tcase_add_test(made, a_limit_takes_the_oldest);
    tcase_add_test(made, the_last_ones_end_with_the_offset);
    tcase_add_test(made, another_epoch_has_nothing_but_the_top);
    tcase_add_test(made, a_missing_room_has_no_history);
    tcase_add_test(made, a_history_is_trimmed_by_messages);
    tcase_add_test(made, a_history_is_trimmed_by_seconds);
    tcase_add_test(made, a_room_that_keeps_none_has_none);
    tcase_add_test(made, a_message_that_is_not_kept_leaves_no_hole);
    tcase_add_test(made, fewer_may_be_kept_from_now_on);
    return made;
}
