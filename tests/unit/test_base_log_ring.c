/* Tests of base/log_ring: what goes in comes out, in its order, or is counted. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log_ring.h"
#include "runner.h"

static struct log_ring ring;
static struct log_record record;

static void set_up(void)
{
    memset(&ring, 0, sizeof ring);
    pthread_mutex_init(&ring.lock, NULL);
}

static void tear_down(void)
{
    pthread_mutex_destroy(&ring.lock);
}

/* A line of a length that depends on its number, and that tells it. */
static size_t make_line(char line[LOG_LINE_SIZE], unsigned number)
{
    const size_t length = 16 + number * 37 % (LOG_LINE_SIZE - 16);

    memset(line, 'a' + (int)(number % 26), length);
    (void)snprintf(line, 16, "%u", number);
    line[length - 1] = '\n';
    return length;
}

static bool put(enum log_level level, unsigned number)
{
    char line[LOG_LINE_SIZE];
    const size_t length = make_line(line, number);

    return log_ring_put(&ring, level, line, length);
}

static void take(enum log_level level, unsigned number, uint64_t lost)
{
    char line[LOG_LINE_SIZE];
    const size_t length = make_line(line, number);

    ck_assert(log_ring_take(&ring, &record));
    ck_assert_uint_eq(record.length, length);
    ck_assert_int_eq(memcmp(record.line, line, length), 0);
    ck_assert_int_eq(record.level, level);
    ck_assert_uint_eq(record.lost, lost);
}

START_TEST(an_empty_one_gives_nothing)
{
    ck_assert(log_ring_is_empty(&ring));
    ck_assert(!log_ring_take(&ring, &record));
}
END_TEST

START_TEST(lines_of_all_lengths_come_out_as_they_went_in)
{
    /* Many times round, at every offset. */
    for (unsigned i = 0; i < 20000; i++) {
        ck_assert(put(i % 4, i));
        if (i >= 5)
            take((i - 5) % 4, i - 5, 0);
    }
}
END_TEST

START_TEST(the_longest_line_fits_and_a_longer_one_is_lost)
{
    char line[LOG_LINE_SIZE + 1] = {0};

    ck_assert(log_ring_put(&ring, LOG_LEVEL_INFO, line, LOG_LINE_SIZE));
    ck_assert(!log_ring_put(&ring, LOG_LEVEL_ERROR, line, sizeof line));
    ck_assert(log_ring_take(&ring, &record));
    ck_assert_uint_eq(record.length, LOG_LINE_SIZE);
    ck_assert_uint_eq(record.lost, 0);
}
END_TEST

START_TEST(what_is_lost_is_told_where_it_would_have_stood)
{
    unsigned in = 0;

    while (put(LOG_LEVEL_ERROR, in))
        in++;
    ck_assert_uint_gt(in, LOG_RING_SIZE / LOG_LINE_SIZE);
    for (unsigned i = 0; i < 6; i++)
        ck_assert(!log_ring_put(&ring, LOG_LEVEL_ERROR, record.line, LOG_LINE_SIZE));
    for (unsigned i = 0; i < in; i++)
        take(LOG_LEVEL_ERROR, i, 0);
    ck_assert(put(LOG_LEVEL_ERROR, 1));
    take(LOG_LEVEL_ERROR, 1, 7);
    ck_assert(log_ring_is_empty(&ring));
}
END_TEST

START_TEST(what_is_lost_is_told_also_when_no_line_follows)
{
    unsigned in = 0;

    while (put(LOG_LEVEL_ERROR, in))
        in++;
    for (unsigned i = 0; i < in; i++)
        take(LOG_LEVEL_ERROR, i, 0);
    ck_assert(!log_ring_is_empty(&ring));
    ck_assert(log_ring_take(&ring, &record));
    ck_assert_uint_eq(record.lost, 1);
    ck_assert_uint_eq(record.length, 0);
    ck_assert(log_ring_is_empty(&ring));
    ck_assert(!log_ring_take(&ring, &record));
}
END_TEST

START_TEST(the_last_quarter_is_for_warnings_and_errors)
{
    const size_t size = make_line(record.line, 10);
    unsigned of_info = 0, of_warn = 0;

    while (put(LOG_LEVEL_INFO, 10))
        of_info++;
    ck_assert(!put(LOG_LEVEL_DEBUG, 10));
    while (put(LOG_LEVEL_WARN, 10))
        of_warn++;
    ck_assert(!put(LOG_LEVEL_ERROR, 10));
    ck_assert_uint_ge(of_warn, (LOG_RING_SIZE / 4) / (size + 16));
    ck_assert_uint_ge(of_info, (LOG_RING_SIZE / 4) * 3 / (size + 16));
}
END_TEST

enum { WRITERS = 4, LINES = 20000 };

struct writer {
    char number;
    unsigned lost;
};

static void *write_lines(void *data)
{
    struct writer *writer = data;
    char line[32];

    for (unsigned i = 0; i < LINES; i++) {
        const int length = snprintf(line, sizeof line, "%c %u\n", writer->number, i);
        pthread_mutex_lock(&ring.lock);
        writer->lost += !log_ring_put(&ring, LOG_LEVEL_WARN, line, (size_t)length);
        pthread_mutex_unlock(&ring.lock);
    }
    return NULL;
}

struct reader {
    atomic_bool is_ending;
    unsigned whole, lost, out_of_order, torn;
    unsigned next[WRITERS];
};

static void read_line(struct reader *reader)
{
    char *end;

    reader->lost += (unsigned)record.lost;
    if (record.length == 0)
        return;
    record.line[record.length] = '\0';
    const unsigned writer = (unsigned)record.line[0] - '0';
    const unsigned number = (unsigned)strtoul(record.line + 1, &end, 10);
    if (writer >= WRITERS || *end != '\n') {
        reader->torn++;
        return;
    }
    reader->whole++;
    reader->out_of_order += number < reader->next[writer];
    reader->next[writer] = number + 1;
}

static void *read_lines(void *data)
{
    struct reader *reader = data;

    for (;;) {
        const bool is_ending = atomic_load(&reader->is_ending);
        pthread_mutex_lock(&ring.lock);
        const bool is_there = log_ring_take(&ring, &record);
        pthread_mutex_unlock(&ring.lock);
        if (is_there)
            read_line(reader);
        else if (is_ending)
            return NULL;
    }
}

START_TEST(every_line_of_many_writers_is_read_or_counted)
{
    static struct writer writers[WRITERS];
    static struct reader reader;
    pthread_t threads[WRITERS], reading;
    unsigned lost = 0;

    ck_assert_int_eq(pthread_create(&reading, NULL, read_lines, &reader), 0);
    for (int i = 0; i < WRITERS; i++) {
        writers[i].number = (char)('0' + i);
        ck_assert_int_eq(pthread_create(&threads[i], NULL, write_lines, &writers[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        lost += writers[i].lost;
    }
    atomic_store(&reader.is_ending, true);
    ck_assert_int_eq(pthread_join(reading, NULL), 0);
    ck_assert_uint_eq(reader.torn, 0);
    ck_assert_uint_eq(reader.out_of_order, 0);
    ck_assert_uint_eq(reader.lost, lost);
    ck_assert_uint_eq(reader.whole + reader.lost, WRITERS * LINES);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/log_ring");
    TCase *cases = tcase_create("all");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, an_empty_one_gives_nothing);
    tcase_add_test(cases, lines_of_all_lengths_come_out_as_they_went_in);
    tcase_add_test(cases, the_longest_line_fits_and_a_longer_one_is_lost);
    tcase_add_test(cases, what_is_lost_is_told_where_it_would_have_stood);
    tcase_add_test(cases, what_is_lost_is_told_also_when_no_line_follows);
    tcase_add_test(cases, the_last_quarter_is_for_warnings_and_errors);
    tcase_add_test(cases, every_line_of_many_writers_is_read_or_counted);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
