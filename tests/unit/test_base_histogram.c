/* Histograms of times: bounds, sums, and many threads in one. */
#include "base/histogram.h"
#include "runner.h"

#include <pthread.h>
#include <stdlib.h>

#define MS UINT64_C(1000000)

START_TEST(a_bound_belongs_to_its_bucket)
{
    struct histogram histogram = {0};
    struct histogram_figures figures = {0};
    for (unsigned i = 0; i < HISTOGRAM_BOUNDS; i++) {
        histogram_add(&histogram, histogram_bounds_ns[i]);
        histogram_add(&histogram, histogram_bounds_ns[i] + 1);
    }
    histogram_add(&histogram, 0);
    histogram_read(&histogram, &figures);
    ck_assert_uint_eq(figures.buckets[0], 2);
    for (unsigned i = 1; i < HISTOGRAM_BOUNDS; i++)
        ck_assert_uint_eq(figures.buckets[i], 2);
    ck_assert_uint_eq(figures.buckets[HISTOGRAM_BOUNDS], 1);
}
END_TEST

START_TEST(bounds_ascend)
{
    for (unsigned i = 1; i < HISTOGRAM_BOUNDS; i++)
        ck_assert_uint_gt(histogram_bounds_ns[i], histogram_bounds_ns[i - 1]);
}
END_TEST

START_TEST(reading_adds_up)
{
    struct histogram first = {0}, second = {0};
    struct histogram_figures figures = {0};
    histogram_add(&first, 2 * MS);
    histogram_add(&second, 3 * MS);
    histogram_add(&second, 7000 * MS);
    histogram_read(&first, &figures);
    histogram_read(&second, &figures);
    ck_assert_uint_eq(figures.sum_ns, 7005 * MS);
    ck_assert_uint_eq(figures.buckets[5], 2);
    ck_assert_uint_eq(figures.buckets[HISTOGRAM_BOUNDS], 1);
}
END_TEST

enum { THREADS = 4, TIMES = 20000 };

static struct striped_histogram shared;

static void *add_many(void *data)
{
    (void)data;
    for (int i = 0; i < TIMES; i++)
        striped_histogram_add(&shared, 2 * MS);
    return NULL;
}

START_TEST(threads_lose_nothing)
{
    pthread_t threads[THREADS];
    struct histogram_figures figures = {0};
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, add_many, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    striped_histogram_read(&shared, &figures);
    ck_assert_uint_eq(figures.buckets[5], THREADS * TIMES);
    ck_assert_uint_eq(figures.sum_ns, THREADS * TIMES * 2 * MS);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/histogram");
    TCase *cases = tcase_create("all");

    tcase_add_test(cases, a_bound_belongs_to_its_bucket);
    tcase_add_test(cases, bounds_ascend);
    tcase_add_test(cases, reading_adds_up);
    tcase_add_test(cases, threads_lose_nothing);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
