/* When messages are due at a rate, and which connection of a run is what. */
#include "base/clock.h"
#include "command/plan.h"
#include "command/schedule.h"
#include "runner.h"

#include <stdlib.h>

#define START (7 * (uint64_t)NS_PER_S)

START_TEST(messages_are_due_in_even_steps)
{
    const struct schedule schedule = {.start_ns = START, .rate = 1000, .senders = 4};
    ck_assert_uint_eq(schedule_due(&schedule, 0), START);
    ck_assert_uint_eq(schedule_due(&schedule, 1), START + NS_PER_MS);
    ck_assert_uint_eq(schedule_due(&schedule, 60000), START + 60 * (uint64_t)NS_PER_S);
}
END_TEST

/* The turns of all senders are all turns, each once. */
START_TEST(senders_take_turns)
{
    const struct schedule schedule = {.start_ns = START, .rate = 10, .senders = 3};
    bool taken[30] = {false};
    for (uint32_t sender = 0; sender < 3; sender++) {
        for (uint32_t number = 0; number < 10; number++) {
            const uint64_t turn = schedule_turn(&schedule, sender, number);
            ck_assert_uint_lt(turn, 30);
            ck_assert(!taken[turn]);
            taken[turn] = true;
        }
    }
}
END_TEST

/* Of any rate, at any time: those counted are due, and the next one is not. */
START_TEST(what_is_counted_is_due)
{
    static const double rates[] = {0.001, 0.7, 1, 3, 999.9, 60000, 333333.3, 1e8};
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        const struct schedule schedule = {.start_ns = START, .rate = rates[i], .senders = 1};
        for (uint64_t passed = 0; passed < 10 * (uint64_t)NS_PER_S; passed += 987654321) {
            const uint64_t count = schedule_count(&schedule, START + passed);
            ck_assert_uint_gt(count, 0);
            ck_assert_uint_le(schedule_due(&schedule, count - 1), START + passed);
            ck_assert_uint_gt(schedule_due(&schedule, count), START + passed);
        }
        ck_assert_uint_eq(schedule_count(&schedule, START - 1), 0);
    }
}
END_TEST

/* Every publisher is one of its room, by the number that it has there. */
static void check_plan(const struct plan *plan)
{
    const uint32_t rooms = plan->rooms ? plan->rooms : plan->connections;
    uint32_t publishers = 0;
    for (uint32_t room = 0; room < rooms; room++) {
        const uint32_t of_room = plan_room_publishers(plan, room);
        for (uint32_t index = 0; index < of_room; index++) {
            const uint32_t connection = plan_publisher(plan, room, index);
            ck_assert_uint_lt(connection, plan->connections);
            ck_assert(plan_publishes(plan, connection));
            ck_assert_uint_eq(plan_room(plan, connection), room);
            ck_assert_uint_eq(plan_publisher_index(plan, connection), index);
        }
        publishers += of_room;
    }
    ck_assert_uint_eq(publishers, plan->publishers);
}

START_TEST(publishers_are_numbered_in_their_rooms)
{
    for (uint32_t connections = 1; connections < 12; connections++) {
        for (uint32_t rooms = 0; rooms <= connections; rooms++) {
            for (uint32_t publishers = 1; publishers <= connections; publishers++) {
                const struct plan plan = {
                    .connections = connections, .rooms = rooms, .publishers = publishers};
                check_plan(&plan);
            }
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bench_schedule");
    TCase *cases = tcase_create("bench_schedule");
    tcase_add_test(cases, messages_are_due_in_even_steps);
    tcase_add_test(cases, senders_take_turns);
    tcase_add_test(cases, what_is_counted_is_due);
    tcase_add_test(cases, publishers_are_numbered_in_their_rooms);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
