/* When memory is given back after a peak. */
#include "net/trim.h"

#include <check.h>
#include <stdlib.h>

#define MIB (UINT64_C(1) << 20)

static struct budget budgets[BUDGET_KINDS];
static struct trim trim;

static void set_up(void)
{
    for (unsigned kind = 0; kind < BUDGET_KINDS; kind++)
        budget_init(&budgets[kind], (enum budget_kind)kind, UINT64_MAX, 0, NULL, NULL);
    trim = (struct trim){.budgets = budgets};
}

START_TEST(once_after_a_peak)
{
    ck_assert(!trim_is_due(&trim));
    budget_charge(&budgets[BUDGET_OUTBOX], 100 * MIB);
    ck_assert(!trim_is_due(&trim));
    budget_release(&budgets[BUDGET_OUTBOX], 70 * MIB);
    ck_assert(!trim_is_due(&trim));
    budget_release(&budgets[BUDGET_OUTBOX], 10 * MIB);
    ck_assert(trim_is_due(&trim));
    ck_assert(!trim_is_due(&trim));
    budget_charge(&budgets[BUDGET_INBOUND], 1 * MIB);
    budget_release(&budgets[BUDGET_INBOUND], 1 * MIB);
    ck_assert(!trim_is_due(&trim));
}
END_TEST

START_TEST(a_peak_between_two_looks_counts)
{
    budget_charge(&budgets[BUDGET_INBOUND], 20 * MIB);
    budget_release(&budgets[BUDGET_INBOUND], 20 * MIB);
    ck_assert(trim_is_due(&trim));
    ck_assert(!trim_is_due(&trim));
    budget_charge(&budgets[BUDGET_INBOUND], 20 * MIB);
    budget_release(&budgets[BUDGET_INBOUND], 20 * MIB);
    ck_assert(trim_is_due(&trim));
}
END_TEST

START_TEST(a_small_peak_does_not)
{
    budget_charge(&budgets[BUDGET_INBOUND], 10 * MIB);
    budget_release(&budgets[BUDGET_INBOUND], 10 * MIB);
    ck_assert(!trim_is_due(&trim));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net/trim");
    TCase *cases = tcase_create("all");

    tcase_add_checked_fixture(cases, set_up, NULL);
    tcase_add_test(cases, once_after_a_peak);
    tcase_add_test(cases, a_peak_between_two_looks_counts);
    tcase_add_test(cases, a_small_peak_does_not);
    suite_add_tcase(suite, cases);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
