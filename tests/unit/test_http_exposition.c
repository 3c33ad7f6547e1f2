/* Prometheus' text format, byte by byte. */
#include "http/exposition.h"
#include "runner.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

static struct exposition exposition;

static void set_up(void)
{
    exposition_init(&exposition);
}

static void tear_down(void)
{
    exposition_finish(&exposition);
}

static void check_text(const char *wanted)
{
    ck_assert(!exposition.failed);
    ck_assert_int_eq(buffer_append(&exposition.text, "", 1), 0);
    ck_assert_str_eq(exposition.text.bytes, wanted);
    buffer_clear(&exposition.text);
}

START_TEST(a_metric_without_labels)
{
    exposition_family(&exposition, "toni_rooms", "gauge", "Rooms.");
    exposition_number(&exposition, NO_LABELS, 18446744073709551615u);
    check_text("# HELP toni_rooms Rooms.\n# TYPE toni_rooms gauge\n"
               "toni_rooms 18446744073709551615\n");
}
END_TEST

START_TEST(several_samples_and_labels)
{
    exposition_family(&exposition, "a_total", "counter", "A.");
    exposition_number(&exposition, LABELS({"b", "1"}), 2);
    exposition_number(&exposition, LABELS({"b", "2"}, {"c", ""}), 0);
    check_text("# HELP a_total A.\n# TYPE a_total counter\n"
               "a_total{b=\"1\"} 2\na_total{b=\"2\",c=\"\"} 0\n");
}
END_TEST

START_TEST(values_and_help_are_escaped)
{
    exposition_family(&exposition, "a", "gauge", "a \"b\" \\ c\nd");
    check_text("# HELP a a \"b\" \\\\ c\\nd\n# TYPE a gauge\n");
    exposition_number(&exposition, LABELS({"b", "\"\\\n"}, {"c", "x\"y\\z\nä"}), 1);
    check_text("a{b=\"\\\"\\\\\\n\",c=\"x\\\"y\\\\z\\nä\"} 1\n");
}
END_TEST

START_TEST(seconds_are_exact_and_short)
{
    static const struct {
        uint64_t ns;
        const char *text;
    } cases[] = {
        {0, "a 0\n"},
        {1, "a 0.000000001\n"},
        {10000, "a 0.00001\n"},
        {500000000, "a 0.5\n"},
        {1000000000, "a 1\n"},
        {10000000000, "a 10\n"},
        {1234567890123456789, "a 1234567890.123456789\n"},
        {UINT64_MAX, "a 18446744073.709551615\n"},
    };
    (void)setlocale(LC_ALL, "de_DE.UTF-8"); /* where there is one, its point is a comma */
    exposition.family = "a";
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        exposition_seconds(&exposition, NO_LABELS, cases[i].ns);
        check_text(cases[i].text);
    }
}
END_TEST

START_TEST(a_histogram_is_cumulative)
{
    struct histogram histogram = {0};
    struct histogram_figures figures = {0};
    histogram_add(&histogram, 10000);
    histogram_add(&histogram, 10001);
    histogram_add(&histogram, 3000000);
    histogram_add(&histogram, 2000000000);
    histogram_read(&histogram, &figures);
    exposition_family(&exposition, "t_seconds", "histogram", "T.");
    exposition_histogram(&exposition, LABELS({"i", "x"}), &figures);
    check_text("# HELP t_seconds T.\n# TYPE t_seconds histogram\n"
               "t_seconds_bucket{i=\"x\",le=\"0.00001\"} 1\n"
               "t_seconds_bucket{i=\"x\",le=\"0.00005\"} 2\n"
               "t_seconds_bucket{i=\"x\",le=\"0.0001\"} 2\n"
               "t_seconds_bucket{i=\"x\",le=\"0.0005\"} 2\n"
               "t_seconds_bucket{i=\"x\",le=\"0.001\"} 2\n"
               "t_seconds_bucket{i=\"x\",le=\"0.005\"} 3\n"
               "t_seconds_bucket{i=\"x\",le=\"0.01\"} 3\n"
               "t_seconds_bucket{i=\"x\",le=\"0.05\"} 3\n"
               "t_seconds_bucket{i=\"x\",le=\"0.1\"} 3\n"
               "t_seconds_bucket{i=\"x\",le=\"0.5\"} 3\n"
               "t_seconds_bucket{i=\"x\",le=\"1\"} 3\n"
               "t_seconds_bucket{i=\"x\",le=\"+Inf\"} 4\n"
               "t_seconds_sum{i=\"x\"} 2.003020001\n"
               "t_seconds_count{i=\"x\"} 4\n");
    exposition_histogram(&exposition, NO_LABELS, &figures);
    static const char first[] = "t_seconds_bucket{le=\"0.00001\"} 1\n";
    ck_assert_int_eq(strncmp(exposition.text.bytes, first, strlen(first)), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net/exposition");
    TCase *cases = tcase_create("all");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, a_metric_without_labels);
    tcase_add_test(cases, several_samples_and_labels);
    tcase_add_test(cases, values_and_help_are_escaped);
    tcase_add_test(cases, seconds_are_exact_and_short);
    tcase_add_test(cases, a_histogram_is_cumulative);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
