/* The list of rooms that a client is in, when these are many: beside a plain list, at every size
 * where its index comes, grows, shrinks and goes; and what a join costs in a long list. */
#include "rooms_fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { NAMES = 400, STEPS = 40000, ROOMS = 64000, PART = 4000 };

static struct fixture fixture;
static struct peer *peer;

static void ignore_line(void *data, enum log_level level, const char *line, size_t length)
{
    (void)data, (void)level, (void)line, (void)length;
}

static void begin(uint32_t rooms_per_client)
{
    struct limits limits = limits_default();
    limits.rooms_per_client = rooms_per_client;
    log_set_sink(ignore_line, NULL);
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

static double cpu_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static double time_of(int32_t (*call)(uint32_t room), uint32_t first)
{
    const double before = cpu_ms();
    for (uint32_t room = first; room < first + PART; room++)
        ck_assert_int_eq(call(room), TONI_OK);
    return cpu_ms() - before;
}

/* A list that is walked for each makes the last ones take thirty times as long. */
START_TEST(the_last_of_many_joins_takes_about_as_long_as_the_first)
{
    begin(ROOMS);
    const double first = time_of(join, 0);
    for (uint32_t room = PART; room < ROOMS - PART; room++)
        ck_assert_int_eq(join(room), TONI_OK);
    const double last = time_of(join, ROOMS - PART);
    ck_assert_int_eq(join(ROOMS), TONI_ERR_LIMIT);
    const double again = time_of(join, 0); /* which it is in already */
    const double leaves = time_of(leave, 0);
    const double before = cpu_ms();
    end();
    const double all = cpu_ms() - before;
    fixture_set_note("%u joins: first %.2f ms, last %.2f, again %.2f; leaves %.2f; end %.2f", PART,
                     first, last, again, leaves, all);
    REQUIRE(last < 8 * first);
    REQUIRE(again < 8 * first);
    REQUIRE(leaves < 8 * first);
    REQUIRE(all < 8 * first * ROOMS / PART);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rooms/memberships");
    TCase *cases = tcase_create("all");

    tcase_add_test(cases, random_joins_and_leaves_agree_with_a_plain_list);
    tcase_add_test(cases, the_last_of_many_joins_takes_about_as_long_as_the_first);
    suite_add_tcase(suite, cases);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
