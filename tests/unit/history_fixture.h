/* What tests of rooms that keep messages share: a host with two lanes whose clock is the test's,
 * where rooms `k…` keep KEPT messages for SECONDS; clients of it; and what came of the last that
 * came back.
 */
#ifndef HISTORY_FIXTURE_H
#define HISTORY_FIXTURE_H

#include "rooms/returning.h"
#include "rooms/room_history.h"
#include "rooms_fixture.h"

#include <check.h>
#include <stdlib.h>
#include <toni/history.h>

enum { MANY = 64, KEPT = 5, SECONDS = 10 };

static struct fixture fixture;
static toni_connections *connections;
static struct peer *peers[MANY];
static uint32_t peer_count;
static uint64_t clock_ms;

static inline uint64_t test_now(void)
{
    return clock_ms;
}

/* From now on these rooms keep messages, and no others. */
static inline void keep(const char *rooms, uint32_t messages, uint32_t seconds)
{
    fixture_keep(&fixture, rooms, messages, seconds);
}

static inline void begin(const struct limits *limits)
{
    fixture_init(&fixture, limits, 2);
    connections = fixture.connections;
    connections->histories.now_ms = test_now;
    clock_ms = 1000;
    peer_count = 0;
    keep("k*", KEPT, SECONDS);
}

static inline void setup(void)
{
    begin(NULL);
}

static inline void turn(void)
{
    fixture_turn(&fixture);
}

static inline void teardown(void)
{
    peers_end(&fixture, peers, peer_count);
    room_history_end(connections);
    ck_assert_uint_eq(connections->histories.bytes, 0);
    ck_assert_uint_eq(connections->histories.rooms, 0);
    ck_assert_uint_eq(connections->histories.awaited, 0);
    ck_assert_uint_eq(connections->histories.count, 0);
    fixture_finish(&fixture);
}

static inline struct peer *add(uint32_t lane)
{
    return peers[peer_count++] = peer_connect(&fixture, lane);
}

static inline struct peer *add_to(uint32_t lane, const char *room)
{
    struct peer *peer = add(lane);
    ck_assert_int_eq(toni_join_room(connections, peer->id, toni_str_of(room)), TONI_OK);
    return peer;
}

static inline void lose(struct peer *peer)
{
    turn();
    peer_lose(peer);
    turn();
}

static inline int32_t say(const char *room, const char *text)
{
    return toni_broadcast_to_roomf(connections, toni_str_of(room), "%s", text);
}

static inline toni_position where(const char *room)
{
    toni_position position;
    ck_assert_int_eq(toni_room_position(connections, toni_str_of(room), &position), TONI_OK);
    return position;
}

/* What came of the last comeback. */
static struct comeback last;

static inline void on_finished(struct comeback *comeback)
{
    last = *comeback;
    free(comeback);
}

static inline int32_t ask(const struct peer *peer, const char *room, toni_since since)
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
static inline struct peer *come_back(const char *room, toni_position position)
{
    struct peer *peer = add(0);
    ck_assert_int_eq(ask(peer, room, toni_since_position(position)), TONI_OK);
    ck_assert_int_eq(last.status, TONI_OK);
    return peer;
}

static inline void check_recovered(struct peer *peer, uint32_t messages, const char *texts)
{
    turn();
    ck_assert_str_eq(not_recovered_word(last.why), "");
    ck_assert(last.is_recovered);
    ck_assert_uint_eq(last.messages, messages);
    ck_assert_str_eq(peer_texts(peer), texts);
}

static inline void check_not(struct peer *peer, const char *why)
{
    turn();
    ck_assert_str_eq(not_recovered_word(last.why), why);
    ck_assert(!last.is_recovered);
    ck_assert_uint_eq(last.messages, 0);
    ck_assert_str_eq(peer_texts(peer), "");
}

#endif
