/* Histories of rooms: who comes back gets all that it missed, once and in order, and then what
 * comes; or nothing of it, and is told why. Time is the test's. */
#include "rooms/broadcast.h"
#include "rooms/history_change.h"
#include "rooms/receipt.h"
#include "rooms/remote.h"
#include "rooms/returning.h"
#include "rooms/room_history.h"
#include "rooms_fixture.h"
#include "runner.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <toni/history.h>

enum { MANY = 64, KEPT = 5, SECONDS = 10 };

static struct fixture fixture;
static toni_connections *connections;
static struct peer *peers[MANY];
static uint32_t peer_count;
static uint64_t clock_ms;

static uint64_t test_now(void)
{
    return clock_ms;
}

/* From now on these rooms keep messages, and no others. */
static void keep(const char *rooms, uint32_t messages, uint32_t seconds)
{
    fixture_keep(&fixture, rooms, messages, seconds);
}

static void begin(const struct limits *limits)
{
    fixture_init(&fixture, limits, 2);
    connections = fixture.connections;
    connections->histories.now_ms = test_now;
    clock_ms = 1000;
    peer_count = 0;
    keep("k*", KEPT, SECONDS);
}

static void setup(void)
{
    begin(NULL);
}

static void turn(void)
{
    fixture_turn(&fixture);
}

static void teardown(void)
{
    turn();
    for (uint32_t i = 0; i < peer_count; i++) {
        if (!peers[i]->finished)
            peer_lose(peers[i]);
    }
    turn();
    for (uint32_t i = 0; i < peer_count; i++)
        peer_destroy(&fixture, peers[i]);
    room_history_end(connections);
    ck_assert_uint_eq(connections->histories.bytes, 0);
    ck_assert_uint_eq(connections->histories.rooms, 0);
    ck_assert_uint_eq(connections->histories.awaited, 0);
    ck_assert_uint_eq(connections->histories.count, 0);
    fixture_finish(&fixture);
}

static struct peer *add(uint32_t lane)
{
    return peers[peer_count++] = peer_connect(&fixture, lane);
}

static struct peer *add_to(uint32_t lane, const char *room)
{
    struct peer *peer = add(lane);
    ck_assert_int_eq(toni_join_room(connections, peer->id, toni_str_of(room)), TONI_OK);
    return peer;
}

static void lose(struct peer *peer)
{
    turn();
    peer_lose(peer);
    turn();
}

static int32_t say(const char *room, const char *text)
{
    return toni_broadcast_to_roomf(connections, toni_str_of(room), "%s", text);
}

static toni_position where(const char *room)
{
    toni_position position;
    ck_assert_int_eq(toni_room_position(connections, toni_str_of(room), &position), TONI_OK);
    return position;
}

/* What came of the last comeback. */
static struct comeback last;

static void on_finished(struct comeback *comeback)
{
    last = *comeback;
    free(comeback);
}

static int32_t ask(const struct peer *peer, const char *room, toni_since since)
{
    struct comeback *comeback = calloc(1, sizeof *comeback);
    ck_assert_ptr_nonnull(comeback);
    comeback->since = since;
    comeback->finished = on_finished;
    const int32_t result = comeback_begin(connections, peer->id, toni_str_of(room), comeback);
    if (result != TONI_OK)
        free(comeback);
    return result;
}

/* A new client that was there until @p position. */
static struct peer *come_back(const char *room, toni_position position)
{
    struct peer *peer = add(0);
    ck_assert_int_eq(ask(peer, room, toni_since_position(position)), TONI_OK);
    ck_assert_int_eq(last.status, TONI_OK);
    return peer;
}

static void check_recovered(struct peer *peer, uint32_t messages, const char *texts)
{
    turn();
    ck_assert_str_eq(not_recovered_word(last.why), "");
    ck_assert(last.is_recovered);
    ck_assert_uint_eq(last.messages, messages);
    ck_assert_str_eq(peer_texts(peer), texts);
}

static void check_not(struct peer *peer, const char *why)
{
    turn();
    ck_assert_str_eq(not_recovered_word(last.why), why);
    ck_assert(!last.is_recovered);
    ck_assert_uint_eq(last.messages, 0);
    ck_assert_str_eq(peer_texts(peer), "");
}

static bool is_member(const struct peer *peer, const char *room)
{
    toni_client_ids *ids;
    bool is = false;
    ck_assert_int_eq(toni_get_room_members(connections, toni_str_of(room), &ids), TONI_OK);
    for (size_t i = 0; i < ids->count; i++)
        is = is || ids->ids[i] == peer->id;
    toni_client_ids_destroy(ids);
    return is;
}

/* --- Coming back */

START_TEST(who_comes_back_gets_what_it_missed_and_then_what_comes)
{
    struct peer *peer = add_to(0, "k");
    add_to(1, "k");
    ck_assert_int_eq(say("k", "1"), 2);
    const toni_position position = where("k");
    ck_assert_uint_eq(position.offset, 1);
    ck_assert_uint_ne(position.epoch, 0);
    lose(peer);
    say("k", "2");
    say("k", "3");
    struct peer *again = come_back("k", position);
    say("k", "4");
    check_recovered(again, 2, "2|3|4");
    ck_assert_uint_eq(last.at.epoch, position.epoch);
    ck_assert_uint_eq(last.at.offset, 3);
    ck_assert(is_member(again, "k"));
    ck_assert_uint_eq(counter_read(&connections->histories.recovered), 1);
}
END_TEST

START_TEST(who_missed_nothing_is_recovered)
{
    add_to(0, "k");
    say("k", "1");
    struct peer *again = come_back("k", where("k"));
    check_recovered(again, 0, "");
    say("k", "2");
    turn();
    ck_assert_str_eq(peer_texts(again), "2");
}
END_TEST

START_TEST(what_was_sent_before_the_comeback_is_not_sent_twice)
{
    struct peer *again = add(0);
    const toni_position start = where((add_to(0, "k"), "k"));
    for (int i = 0; i < 3; i++)
        say("k", "x");
    /* The lanes have not turned: the three are on their way to the other member. */
    ck_assert_int_eq(ask(again, "k", toni_since_position(start)), TONI_OK);
    say("k", "y");
    check_recovered(again, 3, "x|x|x|y");
}
END_TEST

START_TEST(who_was_never_there_gets_the_last_ones)
{
    add_to(1, "k");
    for (int i = 1; i <= 7; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "%d", i);
        say("k", text);
    }
    struct peer *peer = add(0), *greedy = add(0), *modest = add(0);
    ck_assert_int_eq(ask(peer, "k", toni_since_last(2)), TONI_OK);
    ck_assert_uint_eq(last.messages, 2);
    ck_assert(!last.is_recovered);
    ck_assert_str_eq(not_recovered_word(last.why), "");
    ck_assert_int_eq(ask(greedy, "k", toni_since_last(1000)), TONI_OK);
    ck_assert_uint_eq(last.messages, KEPT);
    ck_assert_int_eq(ask(modest, "k", toni_since_last(0)), TONI_OK);
    ck_assert_uint_eq(last.messages, 0);
    turn();
    ck_assert_str_eq(peer_texts(peer), "6|7");
    ck_assert_str_eq(peer_texts(greedy), "3|4|5|6|7");
    ck_assert_str_eq(peer_texts(modest), "");
    ck_assert_uint_eq(counter_read(&connections->histories.recovered), 0);
}
END_TEST

START_TEST(a_member_stays_what_it_is)
{
    struct peer *peer = add_to(0, "k");
    say("k", "1");
    turn();
    ck_assert_int_eq(ask(peer, "k", toni_since_position((toni_position){where("k").epoch, 0})),
                     TONI_OK);
    ck_assert_str_eq(not_recovered_word(last.why), "member");
    ck_assert_uint_eq(last.at.offset, 1);
    turn();
    ck_assert_str_eq(peer_texts(peer), "1");
}
END_TEST

/* --- Why not */

START_TEST(more_than_is_kept_is_trimmed)
{
    add_to(1, "k");
    say("k", "0");
    const toni_position start = where("k");
    for (int i = 0; i < KEPT; i++)
        say("k", "x");
    check_recovered(come_back("k", start), KEPT, "x|x|x|x|x");
    say("k", "y");
    check_not(come_back("k", start), "trimmed");
    ck_assert_uint_eq(counter_read(&connections->histories.not_recovered[NOT_TRIMMED]), 1);
}
END_TEST

START_TEST(what_is_too_old_is_trimmed)
{
    add_to(1, "k");
    const toni_position start = where("k");
    say("k", "1");
    clock_ms += SECONDS * 1000 - 1;
    say("k", "2");
    check_recovered(come_back("k", start), 2, "1|2");
    clock_ms++;
    check_not(come_back("k", start), "trimmed");
    check_recovered(come_back("k", (toni_position){start.epoch, 1}), 1, "2");
    clock_ms += SECONDS * 1000;
    check_not(come_back("k", (toni_position){start.epoch, 1}), "trimmed");
    check_recovered(come_back("k", (toni_position){start.epoch, 2}), 0, "");
}
END_TEST

START_TEST(positions_that_are_none)
{
    add_to(1, "k");
    say("k", "1");
    const toni_position here = where("k");
    check_not(come_back("k", (toni_position){here.epoch, 2}), "ahead");
    check_not(come_back("k", (toni_position){here.epoch, UINT64_MAX}), "ahead");
    check_not(come_back("k", (toni_position){here.epoch + 1, 1}), "epoch");
    check_not(come_back("k", (toni_position){UINT64_MAX, UINT64_MAX}), "epoch");
    check_not(come_back("other", here), "no_history");
    ck_assert_uint_eq(last.at.epoch, 0);
    const toni_position position = where("other");
    ck_assert_uint_eq(position.epoch, 0);
}
END_TEST

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

/* --- Less than all */

START_TEST(who_may_miss_less_gets_nothing_of_more)
{
    add_to(1, "k");
    toni_since since = toni_since_position(where("k"));
    for (int i = 0; i < 3; i++)
        say("k", "x");
    struct peer *peer = add(0);
    since.limit = 2;
    ck_assert_int_eq(ask(peer, "k", since), TONI_OK);
    check_not(peer, "too_much");
    since.limit = 3;
    peer = add(0);
    ck_assert_int_eq(ask(peer, "k", since), TONI_OK);
    check_recovered(peer, 3, "x|x|x");
}
END_TEST

START_TEST(what_does_not_fit_into_the_outbox_is_not_begun)
{
    struct limits limits = limits_default();
    limits.outbox_messages = 3;
    add_to(1, "k");
    const toni_position start = where("k");
    for (int i = 0; i < 4; i++)
        say("k", "x");
    struct peer *peer = peers[peer_count++] = peer_connect_limited(&fixture, 0, &limits);
    ck_assert_int_eq(ask(peer, "k", toni_since_position(start)), TONI_OK);
    check_not(peer, "outbox");
    ck_assert(is_member(peer, "k"));
    say("k", "y");
    turn();
    ck_assert_str_eq(peer_texts(peer), "y");
    struct peer *other = peers[peer_count++] = peer_connect_limited(&fixture, 0, &limits);
    ck_assert_int_eq(ask(other, "k", toni_since_position((toni_position){start.epoch, 2})),
                     TONI_OK);
    check_recovered(other, 3, "x|x|y");
    /* What waits there counts, too. */
    struct peer *full = peers[peer_count++] = peer_connect_limited(&fixture, 0, &limits);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(toni_send_to_client_text(connections, full->id, TONI_LIT("d")), TONI_OK);
    ck_assert_int_eq(ask(full, "k", toni_since_position((toni_position){start.epoch, 3})), TONI_OK);
    ck_assert_str_eq(not_recovered_word(last.why), "outbox");
    turn();
    ck_assert_str_eq(peer_texts(full), "d|d");
}
END_TEST

START_TEST(faults_are_those_of_a_join)
{
    struct limits limits = limits_default();
    limits.rooms_per_client = 1;
    struct peer *peer = peers[peer_count++] = peer_connect_limited(&fixture, 0, &limits);
    toni_since since = toni_since_last(1);
    ck_assert_int_eq(ask(peer, "", since), TONI_ERR_INVALID);
    ck_assert_int_eq(ask(peer, "k", since), TONI_OK);
    ck_assert_int_eq(ask(peer, "k2", since), TONI_ERR_LIMIT);
    ck_assert_uint_eq(toni_room_count(connections), 1);
    since.struct_size = 4;
    ck_assert_int_eq(ask(peer, "k", since), TONI_ERR_INVALID);
    lose(peer);
    ck_assert_int_eq(ask(peer, "k", toni_since_last(1)), TONI_ERR_NOT_FOUND);
}
END_TEST

/* --- What is kept */

START_TEST(a_room_keeps_its_messages_without_members)
{
    ck_assert_int_eq(say("k", "1"), 0);
    struct peer *peer = add_to(0, "k");
    const toni_position start = {where("k").epoch, 0};
    lose(peer);
    ck_assert_int_eq(say("k", "2"), 0);
    ck_assert_uint_eq(toni_room_count(connections), 0);
    toni_room_info *info;
    ck_assert_int_eq(toni_get_room(connections, toni_str_of("k"), &info), TONI_ERR_NOT_FOUND);
    toni_page page = TONI_PAGE_INIT;
    toni_room_names *names;
    ck_assert_int_eq(toni_list_rooms(connections, &page, &names), TONI_OK);
    ck_assert_uint_eq(names->count, 0);
    toni_room_names_destroy(names);
    ck_assert_int_eq(toni_set_room_metadata(connections, toni_str_of("k"), TONI_LIT("m")),
                     TONI_ERR_NOT_FOUND);
    check_recovered(come_back("k", start), 2, "1|2");
    ck_assert_uint_eq(toni_room_count(connections), 1);
}
END_TEST

START_TEST(an_empty_room_ends_when_its_last_message_is_too_old)
{
    say("k", "1");
    clock_ms += 3000;
    say("k", "2");
    const toni_position end = where("k");
    clock_ms += SECONDS * 1000 - 1;
    ck_assert(!room_history_sweep(connections, 100));
    ck_assert_uint_eq(connections->histories.rooms, 1);
    clock_ms++;
    ck_assert(!room_history_sweep(connections, 100));
    ck_assert_uint_eq(connections->histories.rooms, 0);
    ck_assert_uint_eq(connections->histories.bytes, 0);
    ck_assert_uint_eq(connections->histories.count, 0);
    check_not(come_back("k", end), "epoch");
}
END_TEST

START_TEST(so_many_rooms_forget_at_a_time)
{
    for (int i = 0; i < 10; i++) {
        char room[16];
        (void)snprintf(room, sizeof room, "k%d", i);
        say(room, "x");
    }
    clock_ms += SECONDS * 1000;
    ck_assert(room_history_sweep(connections, 4));
    ck_assert_uint_eq(connections->histories.rooms, 6);
    ck_assert(room_history_sweep(connections, 6));
    ck_assert(!room_history_sweep(connections, 1));
    ck_assert_uint_eq(connections->histories.count, 0);
}
END_TEST

static int32_t send_to(toni_target *target, const char *text)
{
    const toni_message message = toni_text(toni_str_of(text));
    return toni_target_send(target, &message);
}

static void receipt_finished(struct receipt *receipt)
{
    receipt->targeted += 100;
}

START_TEST(messages_of_the_room_alone_are_kept)
{
    struct peer *sender = add_to(1, "k");
    add_to(1, "k2");
    const toni_position start = where("k");
    toni_target *target = toni_to_room(connections, toni_str_of("k"));
    toni_target_except(target, sender->id);
    ck_assert_int_eq(send_to(target, "except"), 0);
    target = toni_to_room(connections, toni_str_of("k"));
    for (int i = 0; i < EXCEPTED_MAX + 1; i++)
        toni_target_except(target, add(0)->id);
    ck_assert_int_eq(send_to(target, "many"), 1);
    struct receipt receipt = {.finished = receipt_finished};
    const toni_message message = toni_text(TONI_LIT("receipt"));
    ck_assert_int_eq(
        target_send_receipt(toni_to_room(connections, toni_str_of("k")), &message, &receipt), 1);
    turn();
    ck_assert_uint_eq(receipt.targeted, 101);
    /* None of these takes a number. */
    target = toni_to_room(connections, toni_str_of("k"));
    toni_target_to_room(target, toni_str_of("k2"));
    ck_assert_int_eq(send_to(target, "union"), 2);
    send_to(toni_to_all(connections), "all");
    target = toni_to_room(connections, toni_str_of("k"));
    toni_target_to_client(target, sender->id);
    send_to(target, "client");
    ck_assert_uint_eq(where("k").offset, 3);
    ck_assert_uint_eq(where("k2").offset, 0);
    check_recovered(come_back("k", start), 3, "except|many|receipt");
}
END_TEST

START_TEST(rooms_that_nobody_is_in_are_kept_however_they_are_addressed)
{
    toni_target *target = toni_to_room(connections, toni_str_of("k1"));
    ck_assert_int_eq(send_to(target, "1"), 0);
    target = toni_to_room(connections, toni_str_of("k1"));
    for (int i = 0; i < EXCEPTED_MAX + 1; i++)
        toni_target_except(target, add(0)->id);
    ck_assert_int_eq(send_to(target, "2"), 0);
    const toni_position start = {where("k1").epoch, 0};
    check_recovered(come_back("k1", start), 2, "1|2");
    /* Others don't come about by that. */
    toni_position none;
    ck_assert_int_eq(say("other", "x"), 0);
    ck_assert_int_eq(toni_room_position(connections, toni_str_of("other"), &none),
                     TONI_ERR_NOT_FOUND);
}
END_TEST

START_TEST(a_refused_message_takes_no_number)
{
    add_to(0, "k");
    const toni_position start = where("k");
    ck_assert_int_eq(say("k", "\xff"), TONI_ERR_INVALID);
    ck_assert_uint_eq(where("k").offset, start.offset);
}
END_TEST

/* --- The host's bytes */

START_TEST(full_the_oldest_of_the_room_that_grows_go)
{
    keep("k*", 1000, SECONDS);
    atomic_store(&connections->histories.limit, 2 * HISTORY_COST + 10 * 64);
    add_to(1, "k1");
    add_to(1, "k2");
    const toni_position other = where("k2");
    say("k2", "stays");
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(say("k1", "01234567890123456789"), 1);
        ck_assert_uint_le(connections->histories.bytes, connections->histories.limit);
    }
    const toni_position here = where("k1");
    ck_assert_uint_eq(here.offset, 100);
    check_not(come_back("k1", (toni_position){here.epoch, 80}), "trimmed");
    check_recovered(come_back("k1", (toni_position){here.epoch, 98}), 2,
                    "01234567890123456789|01234567890123456789");
    check_recovered(come_back("k2", other), 1, "stays");
    ck_assert_uint_gt(counter_read(&connections->histories.crowded), 80);
}
END_TEST

START_TEST(a_room_without_space_keeps_nothing_and_sends_all_the_same)
{
    atomic_store(&connections->histories.limit, HISTORY_COST);
    struct peer *peer = add_to(1, "k");
    const toni_position start = where("k");
    ck_assert_int_eq(say("k", "1"), 1);
    turn();
    ck_assert_str_eq(peer_texts(peer), "1");
    check_not(come_back("k", start), "trimmed");
    ck_assert_int_eq(say("nobody", "1"), 0);
    ck_assert_int_eq(say("k9", "1"), 0);
    toni_position none;
    ck_assert_int_eq(toni_room_position(connections, toni_str_of("k9"), &none), TONI_ERR_NOT_FOUND);
    ck_assert_uint_eq(connections->histories.bytes, 0);
}
END_TEST

/* --- Other rules */

START_TEST(a_reload_changes_rooms_that_are_there)
{
    struct peer *peer = add_to(1, "k");
    add_to(1, "m");
    const toni_position start = where("k");
    say("k", "1");
    say("k", "2");
    say("m", "0");
    ck_assert_uint_eq(where("m").epoch, 0);
    keep("*", 1, SECONDS);
    check_not(come_back("k", start), "trimmed");
    check_recovered(come_back("k", (toni_position){start.epoch, 1}), 1, "2");
    const toni_position begun = where("m");
    ck_assert_uint_ne(begun.epoch, 0);
    say("m", "1");
    check_recovered(come_back("m", begun), 1, "1");
    say("alone", "x");
    ck_assert_int_eq(history_change(space_of(connections), NULL), 0);
    check_not(come_back("k", (toni_position){start.epoch, 1}), "no_history");
    toni_position none;
    ck_assert_int_eq(toni_room_position(connections, toni_str_of("alone"), &none),
                     TONI_ERR_NOT_FOUND);
    turn();
    ck_assert_str_eq(peer_texts(peer), "1|2");
}
END_TEST

/* --- Positions in messages */

static toni_message marked(const char *text, size_t at)
{
    return toni_message_with_position(toni_text(toni_str_of(text)), at);
}

#define MARKED "at=" TONI_POSITION_NONE ";"

static void check_mark(const char *texts, toni_position position, uint64_t first, int count)
{
    char expected[512] = "", text[TONI_POSITION_TEXT + 1];
    for (int i = 0; i < count; i++) {
        toni_position_text((toni_position){position.epoch, first + (uint64_t)i}, text);
        const size_t length = strlen(expected);
        (void)snprintf(expected + length, sizeof expected - length, "%sat=%s;", i > 0 ? "|" : "",
                       text);
    }
    ck_assert_str_eq(texts, expected);
}

START_TEST(a_message_says_where_it_is)
{
    struct peer *peer = add_to(0, "k"), *sender = add_to(1, "k");
    const toni_message message = marked(MARKED, 3);
    const toni_position start = where("k");
    ck_assert_int_eq(toni_broadcast_to_room(connections, toni_str_of("k"), &message), 2);
    toni_target *target = toni_to_room(connections, toni_str_of("k"));
    toni_target_except(target, sender->id);
    ck_assert_int_eq(toni_target_send(target, &message), 1);
    struct receipt receipt = {.finished = receipt_finished};
    ck_assert_int_eq(
        target_send_receipt(toni_to_room(connections, toni_str_of("k")), &message, &receipt), 2);
    turn();
    check_mark(peer_texts(peer), start, 1, 3);
    struct peer *again = come_back("k", start);
    turn();
    check_mark(peer_texts(again), start, 1, 3);
    ck_assert_str_eq(message.body.data, MARKED);
}
END_TEST

START_TEST(where_there_is_no_position_the_text_stays)
{
    struct peer *peer = add_to(0, "other"), *both = add_to(0, "k");
    const toni_message message = marked(MARKED, 3);
    ck_assert_int_eq(toni_broadcast_to_room(connections, toni_str_of("other"), &message), 1);
    toni_target *target = toni_to_room(connections, toni_str_of("k"));
    toni_target_to_room(target, toni_str_of("other"));
    ck_assert_int_eq(toni_target_send(target, &message), 2);
    ck_assert_int_eq(toni_send_to_client(connections, peer->id, &message), TONI_OK);
    turn();
    ck_assert_str_eq(peer_texts(peer), MARKED "|" MARKED "|" MARKED);
    ck_assert_str_eq(peer_texts(both), MARKED);
}
END_TEST

START_TEST(a_position_has_to_fit)
{
    add_to(0, "k");
    toni_message message = marked(MARKED, 4);
    ck_assert_int_eq(toni_broadcast_to_room(connections, toni_str_of("k"), &message), 1);
    message.position_at = 5;
    ck_assert_int_eq(toni_broadcast_to_room(connections, toni_str_of("k"), &message),
                     TONI_ERR_INVALID);
    message.position_at = SIZE_MAX;
    ck_assert_int_eq(toni_broadcast_to_room(connections, toni_str_of("k"), &message),
                     TONI_ERR_INVALID);
    message = marked("short", 1);
    ck_assert_int_eq(toni_broadcast_to_room(connections, toni_str_of("k"), &message),
                     TONI_ERR_INVALID);
    /* A plugin of before knows no position. */
    message.struct_size = TONI_MESSAGE_SIZE_1_0;
    ck_assert_int_eq(toni_broadcast_to_room(connections, toni_str_of("k"), &message), 1);
}
END_TEST

START_TEST(a_compressed_message_has_its_position)
{
    struct limits limits = limits_default();
    limits.deflate_above = 10;
    struct peer *peer = peers[peer_count++] = peer_connect_deflating(&fixture, 0, &limits);
    ck_assert_int_eq(toni_join_room(connections, peer->id, toni_str_of("k")), TONI_OK);
    char text[600] = "at=" TONI_POSITION_NONE ";";
    memset(text + strlen(text), 'x', 500);
    const toni_message message = marked(text, 3);
    const toni_position start = where("k");
    ck_assert_int_eq(toni_broadcast_to_room(connections, toni_str_of("k"), &message), 1);
    turn();
    struct wire_reader reader;
    struct wire_message read;
    wire_reader_init(&reader, peer->socket.wire.bytes, peer->socket.wire.length);
    reader.deflates = true;
    ck_assert(wire_reader_next(&reader, &read));
    ck_assert(read.was_compressed);
    char position[TONI_POSITION_TEXT + 1];
    toni_position_text((toni_position){start.epoch, 1}, position);
    ck_assert_mem_eq(read.payload + 3, position, TONI_POSITION_TEXT);
    wire_reader_finish(&reader);
}
END_TEST

/* --- With a door: the engine behind it keeps the messages, and knows their places */

static int32_t want(struct remote *remote, struct space *space, toni_str room)
{
    (void)remote, (void)space, (void)room;
    return TONI_OK;
}

static void unwant(struct remote *remote, struct space *space, toni_str room)
{
    (void)remote, (void)space, (void)room;
}

START_TEST(with_a_door_the_places_are_those_of_the_engine)
{
    static struct remote door = {.want = want, .unwant = unwant};
    space_of(connections)->remote = &door;
    struct peer *peer = add_to(0, "k");
    add_to(0, "other");
    toni_position none;
    ck_assert_int_eq(toni_room_position(connections, toni_str_of("k"), &none), TONI_ERR_BUSY);
    ck_assert_uint_eq(none.epoch, 0);
    const toni_message message = marked(MARKED, 3);
    const toni_position at = {7, 3};
    const struct envelope to = {.position_at = 3};
    ck_assert_int_eq(remote_deliver(space_of(connections), TONI_LIT("k"), at, &message, &to, NULL),
                     1);
    ck_assert_int_eq(
        remote_deliver(space_of(connections), TONI_LIT("other"), at, &message, NULL, NULL), 1);
    turn();
    check_mark(peer_texts(peer), at, 3, 1);
    ck_assert_uint_eq(where("k").epoch, 7);
    ck_assert_uint_eq(where("k").offset, 3);
    ck_assert_uint_eq(where("other").epoch, 0);
    ck_assert_uint_eq(connections->histories.bytes, 0);
}
END_TEST

START_TEST(texts_of_positions)
{
    char text[TONI_POSITION_TEXT + 1];
    toni_position position;
    toni_position_text((toni_position){0x123456789abcdef0, 42}, text);
    ck_assert_str_eq(text, "123456789abcdef0:000000000000002a");
    ck_assert_int_eq(toni_position_parse(toni_str_of(text), &position), TONI_OK);
    ck_assert_uint_eq(position.epoch, 0x123456789abcdef0);
    ck_assert_uint_eq(position.offset, 42);
    static const char *const wrong[] = {"",
                                        "123456789abcdef0:000000000000002",
                                        "123456789abcdef0:000000000000002aa",
                                        "123456789abcdef0-000000000000002a",
                                        "123456789Abcdef0:000000000000002a",
                                        "123456789abcdef0:00000000000000 2a",
                                        "g23456789abcdef0:000000000000002a"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        ck_assert_int_eq(toni_position_parse(toni_str_of(wrong[i]), &position), TONI_ERR_INVALID);
    ck_assert_uint_eq(position.offset, 42);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rooms_history");
    TCase *cases = tcase_create("all");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, who_comes_back_gets_what_it_missed_and_then_what_comes);
    tcase_add_test(cases, who_missed_nothing_is_recovered);
    tcase_add_test(cases, what_was_sent_before_the_comeback_is_not_sent_twice);
    tcase_add_test(cases, who_was_never_there_gets_the_last_ones);
    tcase_add_test(cases, a_member_stays_what_it_is);
    tcase_add_test(cases, more_than_is_kept_is_trimmed);
    tcase_add_test(cases, what_is_too_old_is_trimmed);
    tcase_add_test(cases, positions_that_are_none);
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
    tcase_add_test(cases, who_may_miss_less_gets_nothing_of_more);
    tcase_add_test(cases, what_does_not_fit_into_the_outbox_is_not_begun);
    tcase_add_test(cases, faults_are_those_of_a_join);
    tcase_add_test(cases, a_room_keeps_its_messages_without_members);
    tcase_add_test(cases, an_empty_room_ends_when_its_last_message_is_too_old);
    tcase_add_test(cases, so_many_rooms_forget_at_a_time);
    tcase_add_test(cases, messages_of_the_room_alone_are_kept);
    tcase_add_test(cases, rooms_that_nobody_is_in_are_kept_however_they_are_addressed);
    tcase_add_test(cases, a_refused_message_takes_no_number);
    tcase_add_test(cases, full_the_oldest_of_the_room_that_grows_go);
    tcase_add_test(cases, a_room_without_space_keeps_nothing_and_sends_all_the_same);
    tcase_add_test(cases, a_reload_changes_rooms_that_are_there);
    tcase_add_test(cases, a_message_says_where_it_is);
    tcase_add_test(cases, where_there_is_no_position_the_text_stays);
    tcase_add_test(cases, a_position_has_to_fit);
    tcase_add_test(cases, a_compressed_message_has_its_position);
    tcase_add_test(cases, with_a_door_the_places_are_those_of_the_engine);
    tcase_add_test(cases, texts_of_positions);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
