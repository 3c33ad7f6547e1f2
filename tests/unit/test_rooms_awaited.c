/* Rooms with a history that everybody has left: they go on for who comes back, as many as there may
 * be; and clients that come back to take what they can get of the host. Time is the test's. */
#include "history_fixture.h"
#include "runner.h"

#include <stdio.h>
#include <string.h>

/* --- Rooms that everybody has left */

static void check_awaited(uint64_t rooms)
{
    ck_assert_uint_eq(connections->histories.awaited, rooms);
    ck_assert_uint_eq(connections->histories.bytes, rooms * HISTORY_COST);
    ck_assert_uint_eq(connections->histories.rooms, 0);
    ck_assert_uint_eq(connections->histories.count, rooms);
    ck_assert_uint_eq(connections->histories.due.count, rooms);
}

static void sweep(void)
{
    while (room_history_sweep(connections, 100))
        continue;
}

START_TEST(who_comes_back_to_a_room_in_which_nothing_was_said_is_recovered)
{
    struct peer *peer = add_to(0, "k");
    const toni_position start = where("k");
    lose(peer);
    check_awaited(1);
    clock_ms += SECONDS * 1000 - 1;
    sweep();
    struct peer *again = come_back("k", start);
    check_recovered(again, 0, "");
    ck_assert_uint_eq(last.at.epoch, start.epoch);
    ck_assert_uint_eq(connections->histories.awaited, 0);
    ck_assert_uint_eq(connections->histories.bytes, 0);
    say("k", "1");
    turn();
    ck_assert_str_eq(peer_texts(again), "1");
}
END_TEST

START_TEST(a_room_to_which_nobody_came_back_in_time_has_another_epoch)
{
    struct peer *peer = add_to(0, "k");
    const toni_position old = where("k");
    lose(peer);
    clock_ms += SECONDS * 1000;
    sweep();
    check_awaited(0);
    toni_position none;
    ck_assert_int_eq(toni_room_position(connections, toni_str_of("k"), &none), TONI_ERR_NOT_FOUND);
    check_not(come_back("k", old), "epoch");
}
END_TEST

/* Its messages may be too old long before. */
START_TEST(a_room_is_awaited_since_its_last_member_left)
{
    struct peer *first = add_to(0, "k"), *peer = add_to(0, "k");
    const toni_position start = where("k");
    say("k", "1");
    const toni_position end = where("k");
    lose(first);
    clock_ms += SECONDS * 1000 - 1;
    lose(peer);
    ck_assert_uint_eq(connections->histories.rooms, 1);
    clock_ms += SECONDS * 1000 - 1;
    sweep();
    check_awaited(1);
    check_not(come_back("k", start), "trimmed");
    check_recovered(come_back("k", end), 0, "");
}
END_TEST

START_TEST(what_is_said_meanwhile_is_not_missed)
{
    struct peer *peer = add_to(0, "k");
    const toni_position start = where("k");
    lose(peer);
    clock_ms += SECONDS * 1000 - 1;
    ck_assert_int_eq(say("k", "1"), 0);
    clock_ms += 1; /* it is not awaited any more, and has a message */
    sweep();
    ck_assert_uint_eq(connections->histories.awaited, 0);
    check_recovered(come_back("k", start), 1, "1");
}
END_TEST

/* One client joins and leaves rooms of these numbers. */
static void visit(const struct peer *peer, int from, int to, bool stays)
{
    char room[16];
    for (int i = from; i < to; i++) {
        (void)snprintf(room, sizeof room, "k%d", i);
        ck_assert_int_eq(toni_join_room(connections, peer->id, toni_str_of(room)), TONI_OK);
        if (!stays)
            ck_assert_int_eq(toni_leave_room(connections, peer->id, toni_str_of(room)), TONI_OK);
    }
}

static void leave(const struct peer *peer, int from, int to)
{
    char room[16];
    for (int i = from; i < to; i++) {
        (void)snprintf(room, sizeof room, "k%d", i);
        ck_assert_int_eq(toni_leave_room(connections, peer->id, toni_str_of(room)), TONI_OK);
    }
}

static void await_at_most(uint64_t rooms)
{
    atomic_store(&connections->histories.limit, rooms * HISTORY_COST * HISTORY_AWAITED_SHARE);
}

START_TEST(one_client_has_no_more_than_so_many_rooms_awaited)
{
    await_at_most(100);
    visit(add(0), 0, 5000, false);
    turn();
    check_awaited(100);
    ck_assert_uint_eq(counter_read(&connections->histories.unawaited), 4900);
    add_to(1, "kept");
    const toni_position start = where("kept");
    say("kept", "1"); /* there is space for what others say */
    check_recovered(come_back("kept", start), 1, "1");
}
END_TEST

START_TEST(rooms_that_end_before_they_were_to_be_looked_at_leave_nothing)
{
    const struct peer *peer = add(0);
    await_at_most(10);
    for (int i = 0; i < 20; i += 10) {
        visit(peer, i, i + 10, false);
        visit(peer, i, i + 10, true); /* noted, and not awaited any more */
        visit(peer, i + 100, i + 110, false);
        check_not(come_back("other", (toni_position){1, 1}), "no_history");
        leave(peer, i, i + 10);
        turn();
        check_awaited(10); /* i + 100 to i + 109 */
        clock_ms += SECONDS * 1000;
        sweep();
        check_awaited(0);
    }
}
END_TEST

START_TEST(a_reload_ends_what_is_awaited)
{
    const struct peer *peer = add(0);
    visit(peer, 0, 10, false);
    turn();
    check_awaited(10);
    keep("k*", KEPT, 1);
    check_awaited(10);
    clock_ms += 1000;
    visit(peer, 0, 1, true);
    leave(peer, 0, 1);
    keep("other", KEPT, SECONDS);
    turn();
    check_awaited(0);
}
END_TEST

START_TEST(without_bytes_no_room_is_awaited)
{
    atomic_store(&connections->histories.limit, 0);
    struct peer *peer = add_to(0, "k");
    const toni_position old = where("k");
    lose(peer);
    check_awaited(0);
    check_not(come_back("k", old), "epoch");
}
END_TEST

/* --- Whoever means ill */

/* One that reads nothing comes back again and again: what waits for it is bounded as for all. */
START_TEST(a_slow_reader_that_comes_back_again_and_again_fills_no_more_than_its_outbox)
{
    enum { TIMES = 2000, FITS = 20 };
    struct limits limits = limits_default();
    uint32_t recovered = 0;
    limits.outbox_messages = KEPT * FITS;
    struct peer *peer = peers[peer_count++] = peer_connect_limited(&fixture, 0, &limits);
    peer->socket.window = 0;
    add_to(1, "k");
    const toni_position start = where("k");
    for (int i = 0; i < KEPT; i++)
        say("k", "x");
    for (int i = 0; i < TIMES; i++) {
        ck_assert_int_eq(ask(peer, "k", toni_since_position(start)), TONI_OK);
        recovered += last.is_recovered;
        ck_assert(last.is_recovered || last.why == NOT_OUTBOX);
        ck_assert_int_eq(toni_leave_room(connections, peer->id, toni_str_of("k")), TONI_OK);
        turn();
        ck_assert_uint_le(peer->client->receiver.outbox.messages, limits.outbox_messages);
    }
    /* The socket has taken some into its rest. */
    ck_assert_uint_ge(recovered, FITS);
    ck_assert_uint_le(recovered, FITS + 1);
    ck_assert(client_is_open(peer->client));
    client_set_limits(peer->client, &connections->limits);
}
END_TEST

/* What waits for one that does not read is counted by what it takes, and that is little more than
 * the messages have. */
START_TEST(what_waits_for_who_came_back_takes_what_its_messages_take)
{
    enum { COUNT = 100, SIZE = 100 };
    char text[SIZE + 1];
    memset(text, 'x', SIZE);
    text[SIZE] = '\0';
    keep("k*", COUNT, SECONDS);
    add_to(1, "k");
    const toni_position start = where("k");
    for (int i = 0; i < COUNT; i++)
        say("k", text);
    turn();
    struct peer *peer = add(0);
    peer->socket.cuts = true;
    peer->socket.window = 0;
    ck_assert_int_eq(ask(peer, "k", toni_since_position(start)), TONI_OK);
    turn();
    ck_assert_uint_eq(peer->client->receiver.outbox.messages, COUNT);
    ck_assert_uint_le(budget_used(&connections->budgets[BUDGET_OUTBOX]),
                      COUNT * (frame_message_size(SIZE) + 2 * sizeof(uint32_t)) + 1024);
}
END_TEST

START_TEST(who_comes_back_has_nobody_else_written_to)
{
    struct peer *other = add_to(0, "other");
    add_to(0, "k");
    fixture_attach(&fixture); /* as in a callback of the worker */
    const toni_position start = where("k");
    turn();
    const uint32_t writes = other->socket.writes;
    for (int i = 0; i < 10; i++) {
        say("other", "x");
        ck_assert_int_eq(ask(add(0), "k", toni_since_position(start)), TONI_OK);
    }
    turn();
    ck_assert_uint_eq(other->socket.writes, writes + 1);
}
END_TEST

START_TEST(who_joins_again_and_again_changes_nothing)
{
    struct peer *peer = add_to(0, "k");
    add_to(1, "k");
    const toni_position start = where("k");
    say("k", "1");
    for (int i = 0; i < 10000; i++) {
        ck_assert_int_eq(ask(peer, "k", toni_since_position(start)), TONI_OK);
        ck_assert_uint_eq(last.why, NOT_MEMBER);
    }
    turn();
    ck_assert_str_eq(peer_texts(peer), "1");
    ck_assert_uint_eq(connections->memberships, 2);
}
END_TEST

/* Rooms come about by what is said to them, as many as their messages have bytes for. */
START_TEST(messages_to_very_many_rooms_keep_no_more_of_them_than_there_is_space_for)
{
    char room[16];
    const uint64_t each = HISTORY_COST + history_log_charge(1);
    atomic_store(&connections->histories.limit, 100 * each);
    for (int i = 0; i < 5000; i++) {
        (void)snprintf(room, sizeof room, "k%d", i);
        ck_assert_int_eq(say(room, "x"), 0);
    }
    ck_assert_uint_eq(connections->histories.rooms, 100);
    ck_assert_uint_eq(connections->histories.count, 100);
    ck_assert_uint_eq(connections->histories.bytes, 100 * each);
    ck_assert_uint_eq(counter_read(&connections->histories.crowded), 4900);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rooms_awaited");
    TCase *cases = tcase_create("all");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, who_comes_back_to_a_room_in_which_nothing_was_said_is_recovered);
    tcase_add_test(cases, a_room_to_which_nobody_came_back_in_time_has_another_epoch);
    tcase_add_test(cases, a_room_is_awaited_since_its_last_member_left);
    tcase_add_test(cases, what_is_said_meanwhile_is_not_missed);
    tcase_add_test(cases, one_client_has_no_more_than_so_many_rooms_awaited);
    tcase_add_test(cases, rooms_that_end_before_they_were_to_be_looked_at_leave_nothing);
    tcase_add_test(cases, a_reload_ends_what_is_awaited);
    tcase_add_test(cases, without_bytes_no_room_is_awaited);
    tcase_add_test(cases,
                   a_slow_reader_that_comes_back_again_and_again_fills_no_more_than_its_outbox);
    tcase_add_test(cases, what_waits_for_who_came_back_takes_what_its_messages_take);
    tcase_add_test(cases, who_comes_back_has_nobody_else_written_to);
    tcase_add_test(cases, who_joins_again_and_again_changes_nothing);
    tcase_add_test(cases, messages_to_very_many_rooms_keep_no_more_of_them_than_there_is_space_for);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
