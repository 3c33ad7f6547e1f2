/* What rooms, memberships and clients take of the heap, weighed: to the byte, whatever the machine
 * does. A limit here is a figure of docs/performance.md: whoever has to raise it says so there. */
#include "rooms/room_history.h"
#include "rooms_fixture.h"
#include "runner.h"
#include "weighing.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    MEMBERSHIP_BYTES = 96,      /* in rooms of 100, of a client that is in 10 */
    ROOM_BYTES = 328,           /* with its one member */
    ROOM_ON_LANES_BYTES = 2100, /* with a member on each of 16 lanes */
    METADATA_BYTES = 100 + 64,  /* of 100 bytes, with what they are charged beyond */
    KEPT_BYTES = 100 + 48,      /* of 100 bytes; the charge is 32 beyond */
    CLIENT_BYTES = 640,         /* without its request; 80 are the first buckets of its stripe */
};

enum {
    MEMBERS = 100,
    FEW_ROOMS = 10,
    MANY_ROOMS = 3000,
    KEPT_MESSAGES = 8192,
    LANES = FIXTURE_LANES
};

static struct fixture fixture;
static struct peer *peers[MEMBERS];

/* The calling thread is no worker, so no memory is kept to be used again. */
static void begin(uint32_t lanes, uint32_t count)
{
    struct limits limits = limits_default();
    limits.rooms_per_client = MANY_ROOMS;
    fixture_init(&fixture, &limits, lanes);
    for (uint32_t i = 0; i < count; i++)
        peers[i] = peer_connect(&fixture, i % lanes);
    fixture_turn(&fixture);
}

static void end(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        peer_lose(peers[i]);
    fixture_turn(&fixture);
    for (uint32_t i = 0; i < count; i++)
        peer_destroy(&fixture, peers[i]);
    fixture_finish(&fixture);
}

static toni_str name_of(uint32_t room)
{
    static char text[32];
    (void)snprintf(text, sizeof text, "room%04u", room);
    return toni_str_of(text);
}

/* Check allocates, too: so what is weighed is asked for by REQUIRE. Each client joins each room;
 * the lanes turn after each room, as they would. */
static void join_all(uint32_t clients, uint32_t rooms)
{
    for (uint32_t room = 0; room < rooms; room++) {
        for (uint32_t i = 0; i < clients; i++)
            REQUIRE(toni_join_room(fixture.connections, peers[i]->id, name_of(room)) == TONI_OK);
        fixture_turn(&fixture);
    }
}

/* Says how many bytes it was. */
static void require_at_most(int64_t bytes, int64_t limit)
{
    fixture_set_note("%lld bytes, at most %lld", (long long)bytes, (long long)limit);
    if (getenv("TONI_TEST_VERBOSE"))
        (void)fprintf(stderr, "%lld bytes, at most %lld\n", (long long)bytes, (long long)limit);
    REQUIRE(bytes <= limit);
}

static void leave_all(uint32_t clients, uint32_t rooms)
{
    for (uint32_t i = 0; i < clients; i++) {
        for (uint32_t room = 0; room < rooms; room++)
            REQUIRE(toni_leave_room(fixture.connections, peers[i]->id, name_of(room)) == TONI_OK);
        fixture_turn(&fixture);
    }
}

static int32_t send_to(const struct peer *peer)
{
    const toni_message message = toni_text(toni_str_of("x"));
    return toni_send_to_client(fixture.connections, peer->id, &message);
}

/* @return What one of so many takes, in bytes. */
static int64_t each(int64_t before, uint32_t count)
{
    return (weighed_bytes() - before) / count;
}

START_TEST(a_membership)
{
    begin(1, MEMBERS);
    const int64_t before = weighed_bytes();
    join_all(MEMBERS, FEW_ROOMS);
    require_at_most(each(before, MEMBERS * FEW_ROOMS), MEMBERSHIP_BYTES);
    end(MEMBERS);
}
END_TEST

START_TEST(a_room_with_its_one_member)
{
    begin(1, 1);
    const int64_t before = weighed_bytes();
    join_all(1, MANY_ROOMS);
    require_at_most(each(before, MANY_ROOMS), ROOM_BYTES);
    end(1);
}
END_TEST

/* What they take is what `room_metadata_bytes` is told that they take. */
START_TEST(metadata_of_a_room)
{
    char value[100] = {0};
    begin(1, 1);
    join_all(1, MANY_ROOMS);
    const int64_t before = weighed_bytes();
    for (uint32_t room = 0; room < MANY_ROOMS; room++)
        REQUIRE(toni_set_room_metadata(fixture.connections, name_of(room),
                                       toni_str_make(value, sizeof value)) == TONI_OK);
    require_at_most(each(before, MANY_ROOMS), METADATA_BYTES);
    REQUIRE(fixture.connections->metadata_bytes == MANY_ROOMS * METADATA_BYTES);
    end(1);
}
END_TEST

static void keep_history(void)
{
    fixture_keep(&fixture, "*", HISTORY_MESSAGES_MOST, 60);
}

static void say(uint32_t room)
{
    char text[100] = {0};
    REQUIRE(toni_broadcast_to_room_text(fixture.connections, name_of(room),
                                        toni_str_make(text, sizeof text)) == 0);
}

/* As charged, but for what the allocator adds to each. */
START_TEST(a_message_that_a_room_keeps)
{
    begin(1, 0);
    keep_history();
    say(0);
    const int64_t before = weighed_bytes();
    const uint64_t charged = fixture.connections->histories.bytes;
    for (uint32_t i = 1; i < KEPT_MESSAGES; i++)
        say(0);
    require_at_most(each(before, KEPT_MESSAGES), KEPT_BYTES);
    REQUIRE(fixture.connections->histories.bytes - charged == (KEPT_MESSAGES - 1) * (100 + 32));
    room_history_end(fixture.connections);
    end(0);
}
END_TEST

/* An empty room is charged what it is, for its message. */
START_TEST(a_room_that_is_there_for_a_message)
{
    begin(1, 0);
    keep_history();
    const int64_t before = weighed_bytes();
    for (uint32_t room = 0; room < MANY_ROOMS; room++)
        say(room);
    require_at_most(each(before, MANY_ROOMS), HISTORY_COST + 100 + 32);
    REQUIRE(fixture.connections->histories.bytes == MANY_ROOMS * (HISTORY_COST + 100 + 32));
    room_history_end(fixture.connections);
    end(0);
}
END_TEST

START_TEST(a_room_with_a_member_on_each_of_16_lanes)
{
    begin(LANES, LANES);
    const int64_t before = weighed_bytes();
    join_all(LANES, MANY_ROOMS);
    require_at_most(each(before, MANY_ROOMS), ROOM_ON_LANES_BYTES);
    end(LANES);
}
END_TEST

START_TEST(a_room_with_its_one_member_on_one_of_16_lanes)
{
    begin(LANES, 1);
    const int64_t before = weighed_bytes();
    join_all(1, MANY_ROOMS);
    require_at_most(each(before, MANY_ROOMS), ROOM_BYTES);
    end(1);
}
END_TEST

START_TEST(a_broadcast_leaves_nothing_behind_in_a_room)
{
    begin(LANES, LANES);
    join_all(LANES, MANY_ROOMS);
    for (uint32_t i = 0; i < LANES; i++) /* an outbox has a ring from its first message on */
        REQUIRE(send_to(peers[i]) == TONI_OK);
    fixture_turn(&fixture);
    const int64_t before = weighed_bytes();
    for (uint32_t room = 0; room < MANY_ROOMS; room++)
        REQUIRE(toni_broadcast_to_roomf(fixture.connections, name_of(room), "x") == LANES);
    fixture_turn(&fixture);
    int64_t received = 0;
    for (uint32_t i = 0; i < LANES; i++)
        received += (int64_t)peers[i]->socket.wire.capacity;
    require_at_most(weighed_bytes() - before, received + 64 * LANES);
    end(LANES);
}
END_TEST

START_TEST(who_leaves_leaves_no_memory_behind)
{
    begin(LANES, MEMBERS);
    join_all(MEMBERS, 1); /* the table of rooms has its buckets */
    leave_all(MEMBERS, 1);
    for (int round = 0; round < 2; round++) {
        const int64_t before = weighed_bytes();
        join_all(MEMBERS, FEW_ROOMS);
        leave_all(MEMBERS, FEW_ROOMS);
        REQUIRE(round == 0 || weighed_bytes() == before);
    }
    end(MEMBERS);
}
END_TEST

/* From 1,000 members to 10: what is kept for those who have left is a bound part of it. */
START_TEST(a_room_that_was_large_gives_memory_back)
{
    begin(1, MEMBERS);
    join_all(MEMBERS - 90, 1);
    const int64_t small = weighed_bytes();
    join_all(MEMBERS, 1);
    for (uint32_t i = 10; i < MEMBERS; i++)
        toni_leave_room(fixture.connections, peers[i]->id, name_of(0));
    fixture_turn(&fixture);
    require_at_most(weighed_bytes() - small, 10 * 8 * (8 + 16));
    end(MEMBERS);
}
END_TEST

START_TEST(a_client)
{
    begin(1, 1);
    toni_request *request = peer_request(&fixture.host);
    struct fake_socket socket = {.window = WINDOW_OPEN};
    const int64_t before = weighed_bytes();
    toni_client *client =
        client_create(&fixture.connections->common, &fixture.connections->lanes[0], request,
                      &fixture.connections->limits, &fake_transport, &socket);
    fixture_turn(&fixture);
    REQUIRE(client);
    require_at_most(weighed_bytes() - before, CLIENT_BYTES);
    client_untarget(client);
    client_finish(client);
    fixture_turn(&fixture);
    client_unref(client);
    end(1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rooms/memory");
    TCase *cases = tcase_create("all");

    tcase_add_test(cases, a_membership);
    tcase_add_test(cases, a_room_with_its_one_member);
    tcase_add_test(cases, metadata_of_a_room);
    tcase_add_test(cases, a_message_that_a_room_keeps);
    tcase_add_test(cases, a_room_that_is_there_for_a_message);
    tcase_add_test(cases, a_room_with_a_member_on_each_of_16_lanes);
    tcase_add_test(cases, a_room_with_its_one_member_on_one_of_16_lanes);
    tcase_add_test(cases, a_broadcast_leaves_nothing_behind_in_a_room);
    tcase_add_test(cases, who_leaves_leaves_no_memory_behind);
    tcase_add_test(cases, a_room_that_was_large_gives_memory_back);
    tcase_add_test(cases, a_client);
    tcase_set_timeout(cases, 0); /* that of ctest */
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
