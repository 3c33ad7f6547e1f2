/* Tests of base/log, through a sink that keeps what it is given; and through a pipe what only the
 * sink to stderr can show. */
#include <errno.h>
#include <float.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/utf8.h"
#include "runner.h"

#define CUT_MARK "\xE2\x80\xA6"

struct capture {
    char line[LOG_LINE_SIZE + 1];
    size_t length;
    enum log_level level;
    unsigned count;
};

static struct capture captured;

static void capture_line(void *data, enum log_level level, const char *line, size_t length)
{
    struct capture *capture = data;

    ck_assert_uint_le(length, LOG_LINE_SIZE);
    memcpy(capture->line, line, length);
    capture->line[length] = '\0';
    capture->length = length;
    capture->level = level;
    capture->count++;
}

static void set_up(void)
{
    captured = (struct capture){.count = 0};
    log_set_level(LOG_LEVEL_INFO);
    log_set_sink(capture_line, &captured);
}

static void tear_down(void)
{
    log_set_sink(NULL, NULL);
}

static bool begins_with_time(const char *line)
{
    for (const char *form = "time=dddd-dd-ddTdd:dd:dd.dddZ "; *form != '\0'; form++, line++) {
        if (*form == 'd' ? *line < '0' || *line > '9' : *line != *form)
            return false;
    }
    return true;
}

/* The line that was captured, without its time. */
static const char *after_time(void)
{
    const char *space = strchr(captured.line, ' ');
    ck_assert_ptr_nonnull(space);
    return space + 1;
}

/* The value of the line's field `v`, with the newline. */
static const char *after_v(void)
{
    const char *v = strstr(captured.line, " v=");
    ck_assert_ptr_nonnull(v);
    return v + 3;
}

START_TEST(a_line_without_fields)
{
    log_info("listening");
    ck_assert_str_eq(after_time(), "level=info msg=\"listening\"\n");
    ck_assert_int_eq(captured.level, LOG_LEVEL_INFO);
}
END_TEST

START_TEST(a_line_begins_with_the_time)
{
    log_info("listening");
    ck_assert(begins_with_time(captured.line));
}
END_TEST

START_TEST(fields_of_all_kinds_in_their_order)
{
    log_error("kinds", log_str("s", "text"), log_strn("n", "text", 2), log_int("i", INT64_MIN),
              log_uint("u", UINT64_MAX), log_double("d", -0.25));
    ck_assert_str_eq(after_time(), "level=error msg=\"kinds\" s=text n=te i=-9223372036854775808 "
                                   "u=18446744073709551615 d=-0.25\n");
}
END_TEST

START_TEST(extreme_doubles)
{
    log_info("x", log_double("a", DBL_MAX), log_double("b", -DBL_MIN), log_double("c", 0.0),
             log_double("d", (double)INFINITY), log_double("e", 1234567.0));
    ck_assert_str_eq(
        after_time(),
        "level=info msg=\"x\" a=1.79769e+308 b=-2.22507e-308 c=0 d=inf e=1.23457e+06\n");
}
END_TEST

START_TEST(values_are_quoted_when_they_must_be)
{
    static const struct {
        const char *value, *written;
    } cases[] = {
        {"", "\"\""},
        {NULL, "\"\""},
        {"bare", "bare"},
        {"127.0.0.1:9000", "127.0.0.1:9000"},
        {"!#$%&'()*+,-./<>?@[]^_`{|}~", "!#$%&'()*+,-./<>?@[]^_`{|}~"},
        {"two words", "\"two words\""},
        {"a=b", "\"a=b\""},
        {"say \"hi\"", "\"say \\\"hi\\\"\""},
        {"\"", "\"\\\"\""},
        {"C:\\x", "\"C:\\\\x\""},
        {"a\nlevel=error", "\"a\\nlevel=error\""},
        {"\t\r", "\"\\t\\r\""},
        {"\x01\x1B[31m\x7F", "\"\\x01\\x1B[31m\\x7F\""},
        {"Z\xC3\xBCrich", "Z\xC3\xBCrich"},
        {"\xC2\x85", "\"\\xC2\\x85\""}, /* a C1 control: NEL */
        {"\xC2\xA0", "\xC2\xA0"},       /* the first that is none */
        /* What turns the text around in a terminal, so that it reads as another: RLO, RLI, RLM,
           ALM. */
        {"a\xE2\x80\xAEz", "\"a\\xE2\\x80\\xAEz\""},
        {"\xE2\x81\xA7", "\"\\xE2\\x81\\xA7\""},
        {"\xE2\x80\x8F", "\"\\xE2\\x80\\x8F\""},
        {"\xD8\x9C", "\"\\xD8\\x9C\""},
        {"\xE2\x80\xA8", "\"\\xE2\\x80\\xA8\""},                  /* a line separator */
        {"\xE2\x80\x8D\xE2\x81\xAA", "\xE2\x80\x8D\xE2\x81\xAA"}, /* their neighbours */
        {"\xFFz", "\"\\xFFz\""},                                  /* not UTF-8 */
        {"\xE2\x82", "\"\\xE2\\x82\""},                           /* cut off */
        {"\xED\xA0\x80", "\"\\xED\\xA0\\x80\""},                  /* a surrogate */
        {"\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char expected[64];
        (void)snprintf(expected, sizeof expected, "%s\n", cases[i].written);
        log_info("x", log_str("v", cases[i].value));
        ck_assert_str_eq(after_v(), expected);
    }
}
END_TEST

START_TEST(a_string_with_a_length_may_hold_anything)
{
    log_info("x", log_strn("v", "a\0b", 3));
    ck_assert_str_eq(after_v(), "\"a\\x00b\"\n");
    log_info("x", log_strn("v", NULL, 0));
    ck_assert_str_eq(after_v(), "\"\"\n");
}
END_TEST

START_TEST(what_strangers_sent_is_kept_brief)
{
    char text[LOG_BRIEF_SIZE + 10];
    char expected[LOG_BRIEF_SIZE + 16];

    memset(text, 'a', sizeof text);
    log_info("x", log_brief("v", text, LOG_BRIEF_SIZE), log_uint("next", 1));
    ck_assert(strcmp(after_v() + LOG_BRIEF_SIZE, " next=1\n") == 0);

    log_info("x", log_brief("v", text, LOG_BRIEF_SIZE + 1), log_uint("next", 1));
    ck_assert(strcmp(after_v() + LOG_BRIEF_SIZE, CUT_MARK " next=1\n") == 0);

    /* No character is cut in two. */
    text[LOG_BRIEF_SIZE - 1] = '\xC3';
    text[LOG_BRIEF_SIZE] = '\xA9';
    log_info("x", log_brief("v", text, LOG_BRIEF_SIZE + 1));
    (void)snprintf(expected, sizeof expected, "%.*s" CUT_MARK "\n", LOG_BRIEF_SIZE - 1, text);
    ck_assert_str_eq(after_v(), expected);

    log_info("x", log_brief("v", "short", 5));
    ck_assert_str_eq(after_v(), "short\n");
    log_info("x", log_brief("v", NULL, 0));
    ck_assert_str_eq(after_v(), "\"\"\n");
}
END_TEST

START_TEST(a_message_cannot_forge_a_field)
{
    log_info("a\" level=error\n");
    ck_assert_str_eq(after_time(), "level=info msg=\"a\\\" level=error\\n\"\n");
}
END_TEST

START_TEST(what_is_below_the_threshold_is_not_written)
{
    static const enum log_level levels[] = {LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN,
                                            LOG_LEVEL_ERROR};

    for (size_t i = 0; i < 4; i++) {
        captured.count = 0;
        log_set_level(levels[i]);
        log_debug("x");
        log_info("x");
        log_warn("x");
        log_error("x");
        log_write(LOG_LEVEL_DEBUG, "x", NULL, 0);
        ck_assert_uint_eq(captured.count, i == 0 ? 5 : 4 - i);
        ck_assert_int_eq(log_enabled(LOG_LEVEL_DEBUG), i == 0);
    }
}
END_TEST

START_TEST(fields_below_the_threshold_are_not_evaluated)
{
    int64_t evaluated = 0;

    log_debug("x", log_int("v", ++evaluated));
    ck_assert_int_eq(evaluated, 0);
    log_at(LOG_LEVEL_WARN, "x", log_int("v", ++evaluated));
    ck_assert_int_eq(evaluated, 1);
    ck_assert_int_eq(captured.level, LOG_LEVEL_WARN);
}
END_TEST

START_TEST(levels_have_names)
{
    ck_assert_int_eq(log_level_parse("debug"), LOG_LEVEL_DEBUG);
    ck_assert_int_eq(log_level_parse("info"), LOG_LEVEL_INFO);
    ck_assert_int_eq(log_level_parse("warn"), LOG_LEVEL_WARN);
    ck_assert_int_eq(log_level_parse("error"), LOG_LEVEL_ERROR);
    ck_assert_int_eq(log_level_parse("warning"), -1);
    ck_assert_int_eq(log_level_parse("INFO"), -1);
    ck_assert_int_eq(log_level_parse(""), -1);
}
END_TEST

START_TEST(errno_is_kept)
{
    errno = ENOENT;
    log_info("x");
    ck_assert_int_eq(errno, ENOENT);
}
END_TEST

static bool ends_with(const char *end)
{
    const size_t length = strlen(end);
    return captured.length >= length && strcmp(captured.line + captured.length - length, end) == 0;
}

/* Logs a value of @p size bytes and one field after it. Whatever the value is made of, the line
 * stays within the limit, is valid UTF-8 with its quotes closed, and says so if it was cut. Returns
 * whether it was. */
static bool log_value(const char *value, size_t size, bool quoted)
{
    log_info("x", log_strn("v", value, size), log_str("next", "n"));

    const bool whole = ends_with(" next=n\n");
    const bool cut_in_value = ends_with(quoted ? CUT_MARK "\"\n" : CUT_MARK "\n");
    ck_assert(whole || cut_in_value || ends_with(" " CUT_MARK "\n"));
    ck_assert(whole == (strstr(captured.line, CUT_MARK) == NULL));
    ck_assert(utf8_valid(captured.line, captured.length));
    ck_assert_ptr_eq(strchr(captured.line, '\n'), captured.line + captured.length - 1);
    return !whole;
}

/* Of every length around the limit, for the number of bytes that a unit takes in the line. */
static void log_repeated(const char *unit, bool quoted)
{
    static char value[(LOG_LINE_SIZE + 64) * 4];
    const size_t size = strlen(unit);
    bool was_cut = false;

    for (size_t i = 0; i < sizeof value; i++)
        value[i] = unit[i % size];
    for (size_t count = LOG_LINE_SIZE / 8 - 64; count < LOG_LINE_SIZE + 64; count++) {
        const bool cut = log_value(value, count * size, quoted);
        ck_assert(cut || !was_cut);
        was_cut = cut;
    }
    ck_assert(was_cut);
    ck_assert_uint_ge(captured.length, LOG_LINE_SIZE - 16);
}

START_TEST(a_long_line_is_cut_visibly)
{
    log_repeated("a", false);
    log_repeated("\xC3\xA9", false);
    log_repeated("\xF0\x9F\x98\x80", false);
    log_repeated(" ", true);
    log_repeated("\"", true);
    log_repeated("\n", true);
    log_repeated("\x01", true);
    log_repeated("\xC2\x85", true);
}
END_TEST

START_TEST(a_long_message_and_too_many_fields_are_cut)
{
    static char message[LOG_LINE_SIZE * 2];
    struct log_field fields[2000];

    memset(message, 'm', sizeof message - 1);
    log_info(message, log_int("v", 1));
    ck_assert(ends_with("m" CUT_MARK "\"\n"));

    for (size_t i = 0; i < 2000; i++)
        fields[i] = log_int("v", 1);
    log_write(LOG_LEVEL_INFO, "x", fields, 2000);
    ck_assert(ends_with(" v=1 " CUT_MARK "\n"));
    ck_assert_uint_le(captured.length, LOG_LINE_SIZE);

    log_info("x", log_int(message, 1));
    ck_assert_str_eq(after_time(), "level=info msg=\"x\" " CUT_MARK "\n");
}
END_TEST

enum { THREADS = 4, LINES = 2000, ALL_LINES = THREADS * LINES };

static void count_line(void *data, enum log_level level, const char *line, size_t length)
{
    (void)level;
    if (line[length - 1] == '\n')
        atomic_fetch_add((atomic_uint *)data, 1);
}

static void *log_many(void *arg)
{
    for (int i = 0; i < LINES; i++)
        log_info("line", log_str("thread", arg), log_int("i", i));
    return NULL;
}

static void run_threads(void)
{
    static char names[THREADS][2] = {"0", "1", "2", "3"};
    pthread_t threads[THREADS];

    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, log_many, names[i]), 0);
    /* Meanwhile the threshold moves, though never so that a line is lost. */
    for (int i = 0; i < 100; i++)
        log_set_level(i % 2 == 0 ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
}

START_TEST(no_line_is_lost_among_threads)
{
    static atomic_uint count;

    log_set_sink(count_line, &count);
    run_threads();
    ck_assert_uint_eq(atomic_load(&count), ALL_LINES);
}
END_TEST

START_TEST(a_sink_that_was_replaced_is_no_longer_called)
{
    pthread_t thread;
    char name[] = "0";

    ck_assert_int_eq(pthread_create(&thread, NULL, log_many, name), 0);
    for (int i = 0; i < 200; i++) {
        atomic_uint *count = calloc(1, sizeof *count);
        ck_assert_ptr_nonnull(count);
        log_set_sink(count_line, count);
        log_set_sink(capture_line, &captured);
        free(count); /* were it still in use, a sanitizer would see it */
    }
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}
END_TEST

/* The other end of the pipe that stands for stderr: counts whole lines, and faulty ones. */
struct reader {
    FILE *stream;
    unsigned whole, torn;
};

/* Tells whether @p line is one that log_many() logs, and nothing else. */
static bool is_whole(const char *line)
{
    static const char text[] = " level=info msg=\"line\" thread=";

    if (!begins_with_time(line))
        return false;
    line = strstr(line, text);
    if (line == NULL)
        return false;
    line += strlen(text);
    line += strspn(line, "0123");
    if (strncmp(line, " i=", 3) != 0)
        return false;
    line += 3;
    return strcmp(line + strspn(line, "0123456789"), "\n") == 0;
}

static void *read_lines(void *arg)
{
    struct reader *reader = arg;
    char line[LOG_LINE_SIZE + 1];

    while (fgets(line, sizeof line, reader->stream) != NULL) {
        if (is_whole(line))
            reader->whole++;
        else
            reader->torn++;
    }
    return NULL;
}

START_TEST(lines_to_stderr_are_whole)
{
    struct reader reader = {0};
    pthread_t thread;
    int ends[2];

    ck_assert_int_eq(pipe(ends), 0);
    reader.stream = fdopen(ends[0], "r");
    ck_assert_ptr_nonnull(reader.stream);
    ck_assert_int_eq(pthread_create(&thread, NULL, read_lines, &reader), 0);

    const int saved = dup(STDERR_FILENO);
    ck_assert_int_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    ck_assert_int_eq(close(ends[1]), 0);
    log_set_sink(NULL, NULL);
    run_threads();
    ck_assert_int_eq(dup2(saved, STDERR_FILENO), STDERR_FILENO);
    ck_assert_int_eq(close(saved), 0);

    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(fclose(reader.stream), 0);
    ck_assert_uint_eq(reader.whole, ALL_LINES);
    ck_assert_uint_eq(reader.torn, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/log");
    TCase *cases = tcase_create("all");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, a_line_without_fields);
    tcase_add_test(cases, a_line_begins_with_the_time);
    tcase_add_test(cases, fields_of_all_kinds_in_their_order);
    tcase_add_test(cases, extreme_doubles);
    tcase_add_test(cases, values_are_quoted_when_they_must_be);
    tcase_add_test(cases, a_string_with_a_length_may_hold_anything);
    tcase_add_test(cases, what_strangers_sent_is_kept_brief);
    tcase_add_test(cases, a_message_cannot_forge_a_field);
    tcase_add_test(cases, what_is_below_the_threshold_is_not_written);
    tcase_add_test(cases, fields_below_the_threshold_are_not_evaluated);
    tcase_add_test(cases, levels_have_names);
    tcase_add_test(cases, errno_is_kept);
    tcase_add_test(cases, a_long_line_is_cut_visibly);
    tcase_add_test(cases, a_long_message_and_too_many_fields_are_cut);
    tcase_add_test(cases, no_line_is_lost_among_threads);
    tcase_add_test(cases, a_sink_that_was_replaced_is_no_longer_called);
    tcase_add_test(cases, lines_to_stderr_are_whole);
    tcase_set_timeout(cases, 300);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
