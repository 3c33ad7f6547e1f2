/* When memory is given back after a peak. */
#include "net/trim.h"

#include "rooms/pins.h"
#include "runner.h"

#include <stdlib.h>
#include <string.h>

#define MIB (UINT64_C(1) << 20)

static struct budget budgets[BUDGET_KINDS];
static struct lane *lanes; /* two */
static struct pin pins[2]; /* of a client of each */
static struct trim trim;

static void set_up(void)
{
    for (unsigned kind = 0; kind < BUDGET_KINDS; kind++)
        budget_init(&budgets[kind], (enum budget_kind)kind, UINT64_MAX, 0, NULL, NULL);
    lanes = calloc(2, sizeof *lanes);
    ck_assert_ptr_nonnull(lanes);
    memset(pins, 0, sizeof pins);
    trim = (struct trim){.budgets = budgets, .lanes = lanes, .lane_count = 2};
}

static void tear_down(void)
{
    free(lanes);
}

static void pin(uint64_t mib)
{
    budget_charge(&budgets[BUDGET_OUTBOX], mib * MIB);
}

static void unpin(uint64_t mib)
{
    budget_release(&budgets[BUDGET_OUTBOX], mib * MIB);
}

START_TEST(once_after_a_peak)
{
    ck_assert(!trim_is_due(&trim));
    pin(100);
    ck_assert(!trim_is_due(&trim));
    unpin(80);
    ck_assert(trim_is_due(&trim));
    ck_assert(!trim_is_due(&trim));
    unpin(20);
    ck_assert(trim_is_due(&trim));
    ck_assert(!trim_is_due(&trim));
}
END_TEST

START_TEST(a_peak_between_two_looks_counts)
{
    for (unsigned i = 0; i < 2; i++) {
        budget_charge(&budgets[BUDGET_INBOUND], 20 * MIB);
        budget_release(&budgets[BUDGET_INBOUND], 20 * MIB);
        ck_assert(trim_is_due(&trim));
        ck_assert(!trim_is_due(&trim));
    }
}
END_TEST

/* Those who read nothing leave, and others come in their place, for as long as the host runs. */
START_TEST(what_comes_and_goes_by_little_counts)
{
    unsigned times = 0;
    pin(14);
    for (unsigned i = 0; i < 100; i++) {
        unpin(1);
        times += trim_is_due(&trim);
        pin(1);
        times += trim_is_due(&trim);
    }
    ck_assert_uint_eq(times, 50);
}
END_TEST

START_TEST(little_does_not)
{
    for (unsigned i = 0; i < 10; i++) {
        budget_charge(&budgets[BUDGET_INBOUND], 100000);
        budget_release(&budgets[BUDGET_INBOUND], 100000);
    }
    ck_assert(!trim_is_due(&trim));
}
END_TEST

/* One who read nothing leaves, and another comes on the other worker: all together pin as much as
 * before, but what the first worker has freed is of no use to the other. */
START_TEST(what_goes_from_lane_to_lane_counts)
{
    budget_charge(&budgets[BUDGET_OUTBOX], 3 * MIB);
    pin_set(&lanes[0], BUDGET_OUTBOX, &pins[0], 3 * MIB);
    ck_assert(!trim_is_due(&trim));
    for (unsigned i = 0; i < 4; i++) {
        pin_set(&lanes[i % 2], BUDGET_OUTBOX, &pins[i % 2], 0);
        pin_set(&lanes[(i + 1) % 2], BUDGET_OUTBOX, &pins[(i + 1) % 2], 3 * MIB);
        ck_assert_uint_eq(pins_bytes(&lanes[i % 2], BUDGET_OUTBOX), 0);
        ck_assert(trim_is_due(&trim));
        ck_assert(!trim_is_due(&trim));
    }
}
END_TEST

/* Each of the members counts it, and it was there once. */
START_TEST(a_message_that_waited_for_many_counts_once)
{
    struct pin members[100] = {0};
    for (unsigned round = 0; round < 20; round++) {
        budget_charge(&budgets[BUDGET_OUTBOX], MIB / 16);
        for (size_t i = 0; i < 100; i++)
            pin_set(&lanes[0], BUDGET_OUTBOX, &members[i], MIB / 16);
        ck_assert(!trim_is_due(&trim));
        for (size_t i = 0; i < 100; i++)
            pin_set(&lanes[0], BUDGET_OUTBOX, &members[i], 0);
        budget_release(&budgets[BUDGET_OUTBOX], MIB / 16);
        ck_assert(!trim_is_due(&trim));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net/trim");
    TCase *cases = tcase_create("all");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, once_after_a_peak);
    tcase_add_test(cases, a_peak_between_two_looks_counts);
    tcase_add_test(cases, what_comes_and_goes_by_little_counts);
    tcase_add_test(cases, little_does_not);
    tcase_add_test(cases, what_goes_from_lane_to_lane_counts);
    tcase_add_test(cases, a_message_that_waited_for_many_counts_once);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
