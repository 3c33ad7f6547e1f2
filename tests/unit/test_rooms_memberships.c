/* The set of rooms that a client is in, when these are many: beside a plain list, at every size
 * where it comes, grows, shrinks and goes; and how much of it is looked at in a large one. */
#include "rooms_fixture.h"
#include "runner.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How many memberships were looked at: each may be a cache line to wait for. The set is compiled
 * into the test, in place of the library's, so that this can be counted. */
static uint64_t looks;

static struct room *look_at(const struct membership *membership)
{
    looks++;
    return membership->audience->room;
}

#define membership_room look_at
#include "rooms/memberships.c" /* NOLINT(bugprone-suspicious-include) */
#undef membership_room

enum { NAMES = 400, STEPS = 40000, MANY = 64000, PART = 4000 };

static struct fixture fixture;
static struct peer *peer;

static void begin(uint32_t rooms_per_client)
{
    struct limits limits = limits_default();
    limits.rooms_per_client = rooms_per_client;
    fixture_init(&fixture, &limits, 1);
    peer = peer_connect(&fixture, 0);
}

/* The client ends, and leaves all that it is still in. */
static void end(void)
{
    peer_lose(peer);
    fixture_turn(&fixture);
    ck_assert_uint_eq(toni_room_count(fixture.connections), 0);
    peer_destroy(&fixture, peer);
    fixture_finish(&fixture);
}

static toni_str name_of(uint32_t room)
{
    static char text[32];
    (void)snprintf(text, sizeof text, "room%u", room);
    return toni_str_of(text);
}

static int32_t join(uint32_t room)
{
    return toni_join_room(fixture.connections, peer->id, name_of(room));
}

static int32_t leave(uint32_t room)
{
    return toni_leave_room(fixture.connections, peer->id, name_of(room));
}

static void require_rooms(const bool *is_in, size_t expected)
{
    toni_room_names *names;
    bool found[NAMES] = {false};
    ck_assert_int_eq(toni_get_client_rooms(fixture.connections, peer->id, &names), TONI_OK);
    ck_assert_uint_eq(names->count, expected);
    ck_assert_uint_eq(toni_room_count(fixture.connections), expected);
    for (size_t i = 0; i < names->count; i++) {
        uint32_t room = (uint32_t)strtoul(names->names[i].data + strlen("room"), NULL, 10);
        ck_assert(room < NAMES && is_in[room] && !found[room]);
        found[room] = true;
    }
    toni_room_names_destroy(names);
}

/* Mostly joins, then mostly leaves, and again: so the list grows and shrinks over all its sizes. */
START_TEST(random_joins_and_leaves_agree_with_a_plain_list)
{
    struct dice dice = {.state = environment_number("TONI_TEST_SEED", 1)};
    bool is_in[NAMES] = {false};
    size_t count = 0;
    begin(NAMES / 2);
    for (uint32_t i = 0; i < STEPS; i++) {
        const uint32_t room = dice_below(&dice, NAMES);
        if (dice_chance(&dice, i / (STEPS / 8) % 2 == 0 ? 80 : 20)) {
            const bool may = is_in[room] || count < NAMES / 2;
            ck_assert_int_eq(join(room), may ? TONI_OK : TONI_ERR_LIMIT);
            count += may && !is_in[room];
            is_in[room] = is_in[room] || may;
        } else {
            ck_assert_int_eq(leave(room), TONI_OK);
            count -= is_in[room];
            is_in[room] = false;
        }
        if (i % 37 == 0)
            require_rooms(is_in, count);
    }
    end();
}
END_TEST

/* --- What is looked at */

/* Rooms that are nowhere: the set knows them by their addresses alone, which are those of an
 * allocator that gives a room 352 bytes, and the same in each run. */
struct filed {
    struct membership membership;
    struct audience audience;
};

static struct room *room_at(uint32_t index)
{
    return (struct room *)(0x7f0000000000 + (uintptr_t)index * 352);
}

static struct filed *entries;
static struct memberships set;

/* @return How many memberships were looked at for rooms from @p first on to be joined. */
static uint64_t looks_of_joins(uint32_t first, uint32_t count)
{
    looks = 0;
    for (uint32_t i = first; i < first + count; i++) {
        entries[i].audience.room = room_at(i);
        entries[i].membership.audience = &entries[i].audience;
        REQUIRE(!memberships_find(&set, room_at(i)));
        REQUIRE(!memberships_reserve(&set));
        memberships_add(&set, &entries[i].membership);
    }
    return looks;
}

static uint64_t looks_of_finds(uint32_t first, uint32_t count)
{
    looks = 0;
    for (uint32_t i = first; i < first + count; i++)
        REQUIRE(memberships_find(&set, room_at(i)) == &entries[i].membership);
    return looks;
}

static uint64_t looks_of_leaves(uint32_t first, uint32_t count)
{
    looks = 0;
    for (uint32_t i = first; i < first + count; i++)
        memberships_remove(&set, &entries[i].membership);
    return looks;
}

/* @return How many places are in use one behind the other, at most: no lookup reads more tags. */
static uint32_t longest_run(void)
{
    uint32_t longest = 0, run = 0;
    for (uint32_t i = 0; i < 2 * set.size; i++) {
        run = tags_of(&set)[i % set.size] ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    return longest;
}

/* A join looks at its own membership, and at hardly any other to find that there is none in this
 * room yet; a table that doubles looks at each once. */
START_TEST(a_join_looks_at_as_much_in_the_first_room_as_in_the_last)
{
    entries = calloc(MANY, sizeof *entries);
    REQUIRE(entries);
    const uint64_t first = looks_of_joins(0, PART);
    const uint64_t middle = looks_of_joins(PART, 16000 - PART);
    const uint64_t later = looks_of_joins(16000, PART); /* it grows at 12,288, then at 24,576 */
    const uint64_t last = looks_of_joins(16000 + PART, MANY - 16000 - PART);
    ck_assert_uint_le(first, 3 * PART);
    ck_assert_uint_le(middle, 3 * (16000 - PART));
    ck_assert_uint_le(later, PART + PART / 10);
    ck_assert_uint_le(last, 3 * (MANY - 16000 - PART));
    ck_assert_uint_le(longest_run(), 300);
    ck_assert_uint_le(looks_of_finds(0, PART), PART + PART / 10);
    ck_assert_uint_le(looks_of_finds(MANY - PART, PART), PART + PART / 10);
    ck_assert_uint_le(looks_of_leaves(0, PART), 8 * PART);
    ck_assert_uint_le(looks_of_leaves(PART, MANY - PART), 8 * (MANY - PART));
    ck_assert_uint_eq(set.count, 0);
    memberships_finish(&set);
    free(entries);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rooms/memberships");
    TCase *cases = tcase_create("all");

    tcase_add_test(cases, random_joins_and_leaves_agree_with_a_plain_list);
    tcase_add_test(cases, a_join_looks_at_as_much_in_the_first_room_as_in_the_last);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
