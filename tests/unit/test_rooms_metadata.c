/* Metadata of rooms: what was set is what is read, it ends with the room, it has a bound, and
 * threads see whole values alone. */
#include "rooms_fixture.h"
#include "runner.h"

#include "rooms/metadata.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { PEERS = 4, MAX = TONI_ROOM_METADATA_MAX };

static struct fixture fixture;
static toni_connections *connections;
static struct peer *peers[PEERS];

static const toni_str R = TONI_LIT_INIT("r"), S = TONI_LIT_INIT("s");

static void begin(uint64_t bytes)
{
    struct limits limits = limits_default();
    limits.room_metadata_bytes = bytes;
    fixture_init(&fixture, &limits, 2);
    connections = fixture.connections;
    for (uint32_t i = 0; i < PEERS; i++)
        peers[i] = peer_connect(&fixture, i % 2);
}

static void set_up(void)
{
    begin(limits_default().room_metadata_bytes);
}

static void tear_down(void)
{
    fixture_turn(&fixture);
    for (uint32_t i = 0; i < PEERS; i++)
        peer_destroy(&fixture, peers[i]);
    fixture_finish(&fixture); /* requires that none is left, and nothing charged */
}

static void join(const struct peer *peer, toni_str room)
{
    ck_assert_int_eq(toni_join_room(connections, peer->id, room), TONI_OK);
}

static void leave(const struct peer *peer, toni_str room)
{
    ck_assert_int_eq(toni_leave_room(connections, peer->id, room), TONI_OK);
}

static int32_t set(toni_str room, const char *value)
{
    return toni_set_room_metadata(connections, room, toni_str_of(value));
}

/* @return `size` bytes, for a value. */
static toni_str bytes_of(size_t size)
{
    static char bytes[MAX + 1];
    memset(bytes, 'v', sizeof bytes);
    return toni_str_make(bytes, size);
}

static void check_value(toni_connections *handle, toni_str room, const char *expected)
{
    char buffer[MAX];
    size_t size = 99;
    ck_assert_int_eq(toni_get_room_metadata(handle, room, buffer, sizeof buffer, &size), TONI_OK);
    ck_assert_uint_eq(size, strlen(expected));
    ck_assert_mem_eq(buffer, expected, size);
}

static void check_nothing(toni_connections *handle, toni_str room, int32_t error)
{
    char buffer[MAX];
    size_t size = 99;
    ck_assert_int_eq(toni_get_room_metadata(handle, room, buffer, sizeof buffer, &size), error);
    ck_assert_uint_eq(size, 0);
}

START_TEST(what_was_set_is_read)
{
    join(peers[0], R);
    join(peers[0], S);
    check_nothing(connections, R, TONI_OK);
    ck_assert_int_eq(set(R, "topic"), TONI_OK);
    ck_assert_int_eq(set(S, "other"), TONI_OK);
    check_value(connections, R, "topic");
    ck_assert_int_eq(set(R, "a longer topic"), TONI_OK);
    check_value(connections, R, "a longer topic");
    ck_assert_int_eq(set(R, ""), TONI_OK);
    check_nothing(connections, R, TONI_OK);
    ck_assert_int_eq(set(R, ""), TONI_OK);
    check_value(connections, S, "other");
    ck_assert_int_eq(toni_set_room_metadata(connections, R, toni_str_make("\0\xff\n", 3)), TONI_OK);
    char buffer[3];
    size_t size;
    ck_assert_int_eq(toni_get_room_metadata(connections, R, buffer, 3, &size), TONI_OK);
    ck_assert_uint_eq(size, 3);
    ck_assert_mem_eq(buffer, "\0\xff\n", 3);
}
END_TEST

START_TEST(sizes)
{
    char buffer[MAX];
    size_t size;
    join(peers[0], R);
    ck_assert_int_eq(toni_set_room_metadata(connections, R, bytes_of(MAX)), TONI_OK);
    ck_assert_int_eq(toni_set_room_metadata(connections, R, bytes_of(MAX + 1)), TONI_ERR_TOO_BIG);
    ck_assert_int_eq(toni_get_room_metadata(connections, R, buffer, MAX, &size), TONI_OK);
    ck_assert_uint_eq(size, MAX);
    ck_assert_mem_eq(buffer, bytes_of(MAX).data, MAX);

    memset(buffer, '-', sizeof buffer);
    ck_assert_int_eq(toni_get_room_metadata(connections, R, buffer, MAX - 1, &size),
                     TONI_ERR_TOO_BIG);
    ck_assert_uint_eq(size, MAX);
    ck_assert_int_eq(buffer[0], '-');
    ck_assert_int_eq(toni_get_room_metadata(connections, R, NULL, 0, &size), TONI_ERR_TOO_BIG);
    ck_assert_uint_eq(size, MAX);
    ck_assert_int_eq(set(R, ""), TONI_OK);
    ck_assert_int_eq(toni_get_room_metadata(connections, R, NULL, 0, &size), TONI_OK);
    ck_assert_uint_eq(size, 0);
}
END_TEST

START_TEST(rooms_and_names_that_are_none)
{
    ck_assert_int_eq(set(R, "x"), TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(set(R, ""), TONI_ERR_NOT_FOUND);
    check_nothing(connections, R, TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(set(TONI_LIT(""), "x"), TONI_ERR_INVALID);
    ck_assert_int_eq(set(TONI_LIT("a\nb"), "x"), TONI_ERR_INVALID);
    check_nothing(connections, TONI_LIT(""), TONI_ERR_INVALID);
    ck_assert_uint_eq(toni_room_count(connections), 0); /* none was made */
}
END_TEST

START_TEST(it_ends_with_the_last_member)
{
    join(peers[0], R);
    join(peers[1], R);
    ck_assert_int_eq(set(R, "topic"), TONI_OK);
    leave(peers[0], R);
    check_value(connections, R, "topic");
    leave(peers[1], R);
    check_nothing(connections, R, TONI_ERR_NOT_FOUND);
    join(peers[1], R);
    check_nothing(connections, R, TONI_OK);
    ck_assert_int_eq(set(R, "new"), TONI_OK);
    check_value(connections, R, "new");
    ck_assert_int_eq(toni_members_leave(connections, R), 1);
    join(peers[0], R);
    check_nothing(connections, R, TONI_OK);
}
END_TEST

/* So a gateway's `on_disconnect` can still read that of its client's rooms. */
START_TEST(who_is_being_closed_keeps_it_until_it_has_gone)
{
    join(peers[0], R);
    ck_assert_int_eq(set(R, "topic"), TONI_OK);
    ck_assert_int_eq(toni_close_client(connections, peers[0]->id, 1000, TONI_LIT("")), TONI_OK);
    fixture_turn(&fixture);
    check_value(connections, R, "topic");
    ck_assert_int_eq(set(R, "last"), TONI_OK);
    peer_lose(peers[0]);
    fixture_turn(&fixture);
    check_nothing(connections, R, TONI_ERR_NOT_FOUND);
}
END_TEST

START_TEST(namespaces_have_their_own)
{
    toni_connections *quiz = space_handle(connections_space(connections, "quiz"));
    struct peer *other = peer_connect_in(&fixture, 0, space_of(quiz));
    join(peers[0], R);
    ck_assert_int_eq(set(R, "common"), TONI_OK);
    check_nothing(quiz, R, TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(toni_set_room_metadata(quiz, R, TONI_LIT("x")), TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(toni_join_room(quiz, other->id, R), TONI_OK);
    check_nothing(quiz, R, TONI_OK);
    ck_assert_int_eq(toni_set_room_metadata(quiz, R, TONI_LIT("quiz")), TONI_OK);
    check_value(quiz, R, "quiz");
    check_value(connections, R, "common");
    leave(peers[0], R);
    check_value(quiz, R, "quiz");
    fixture_turn(&fixture);
    peer_destroy(&fixture, other);
}
END_TEST

/* The bound of all together: two values of 100 bytes, and not a byte more. */
START_TEST(there_is_a_bound)
{
    begin(2 * (METADATA_COST + 100));
    toni_str rooms[] = {R, S, TONI_LIT("t")};
    for (size_t i = 0; i < 3; i++)
        join(peers[0], rooms[i]);
    ck_assert_int_eq(toni_set_room_metadata(connections, R, bytes_of(100)), TONI_OK);
    ck_assert_int_eq(toni_set_room_metadata(connections, S, bytes_of(100)), TONI_OK);
    ck_assert_uint_eq(connections->metadata_bytes, 2 * (METADATA_COST + 100));
    ck_assert_int_eq(set(rooms[2], "x"), TONI_ERR_LIMIT);
    check_nothing(connections, rooms[2], TONI_OK);
    ck_assert_int_eq(toni_set_room_metadata(connections, R, bytes_of(101)), TONI_ERR_LIMIT);
    ck_assert_int_eq(set(R, "the same hundred bytes are no more than before: replaced"), TONI_OK);
    ck_assert_int_eq(toni_set_room_metadata(connections, R, bytes_of(100)), TONI_OK);
    ck_assert_int_eq(toni_set_room_metadata(connections, R, bytes_of(101)), TONI_ERR_LIMIT);
    char buffer[MAX];
    size_t size;
    ck_assert_int_eq(toni_get_room_metadata(connections, R, buffer, MAX, &size), TONI_OK);
    ck_assert_uint_eq(size, 100);
    leave(peers[0], S); /* what ended is charged no more */
    ck_assert_int_eq(toni_set_room_metadata(connections, rooms[2], bytes_of(100)), TONI_OK);
    ck_assert_int_eq(set(R, ""), TONI_OK);
    ck_assert_uint_eq(connections->metadata_bytes, METADATA_COST + 100);
    tear_down();
}
END_TEST

/* --- Threads: each joins and leaves, sets and reads in rooms that all share. A value is one byte
 * as often as that byte says, so that a torn one is seen. */

enum { ROUNDS = 50000, THREAD_ROOMS = 3, LONGEST = 200 };

static void set_any(struct dice *dice, toni_str room)
{
    char value[LONGEST];
    const size_t size = dice_below(dice, LONGEST + 1);
    memset(value, (int)size, sizeof value);
    const int32_t result = toni_set_room_metadata(connections, room, toni_str_make(value, size));
    REQUIRE(result == TONI_OK || result == TONI_ERR_NOT_FOUND || result == TONI_ERR_LIMIT);
}

static bool read_any(toni_str room)
{
    char value[LONGEST];
    size_t size = 0;
    const int32_t result = toni_get_room_metadata(connections, room, value, sizeof value, &size);
    REQUIRE(result == TONI_OK || result == TONI_ERR_NOT_FOUND);
    for (size_t i = 0; i < size; i++)
        REQUIRE((uint8_t)value[i] == size);
    return size > 0;
}

static void *play(void *data)
{
    static const toni_str rooms[THREAD_ROOMS] = {TONI_LIT_INIT("1"), TONI_LIT_INIT("2"),
                                                 TONI_LIT_INIT("3")};
    const struct peer *peer = data;
    struct dice dice = {peer->id};
    size_t seen = 0;
    for (int i = 0; i < ROUNDS; i++) {
        const toni_str room = rooms[dice_below(&dice, THREAD_ROOMS)];
        switch (dice_below(&dice, 6)) {
        case 0:
            REQUIRE(toni_join_room(connections, peer->id, room) == TONI_OK);
            break;
        case 1:
            REQUIRE(toni_leave_room(connections, peer->id, room) == TONI_OK);
            break;
        case 2:
        case 3:
            set_any(&dice, room);
            break;
        default:
            seen += read_any(room);
        }
    }
    REQUIRE(seen > 0);
    return NULL;
}

START_TEST(threads_see_whole_values)
{
    begin(2 * (METADATA_COST + LONGEST)); /* of three rooms, so that the bound is met, too */
    pthread_t threads[PEERS];
    for (int i = 0; i < PEERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, play, peers[i]), 0);
    for (int i = 0; i < PEERS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_uint_le(connections->metadata_bytes, 2 * (METADATA_COST + LONGEST));
    tear_down();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rooms/metadata");
    TCase *cases = tcase_create("with the default bound"), *bounds = tcase_create("with a low one");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, what_was_set_is_read);
    tcase_add_test(cases, sizes);
    tcase_add_test(cases, rooms_and_names_that_are_none);
    tcase_add_test(cases, it_ends_with_the_last_member);
    tcase_add_test(cases, who_is_being_closed_keeps_it_until_it_has_gone);
    tcase_add_test(cases, namespaces_have_their_own);
    suite_add_tcase(suite, cases);
    tcase_add_test(bounds, there_is_a_bound);
    tcase_add_test(bounds, threads_see_whole_values);
    tcase_set_timeout(bounds, 0); /* that of ctest */
    suite_add_tcase(suite, bounds);
    return run_suite(suite);
}
