/* Tests of base/log_thread and base/log_stderr, with a pipe or a socket in the place of stderr.
 * Each runs in a process of its own (Check forks), since there is one log. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/log_stderr.h"
#include "base/log_thread.h"
#include "runner.h"

#define LONG_MS 60000
#define SHORT_MS 20

static int reading_end;
static int real_stderr;

static void take_the_place_of_stderr(int writing_end)
{
    real_stderr = dup(STDERR_FILENO);
    ck_assert_int_eq(dup2(writing_end, STDERR_FILENO), STDERR_FILENO);
    close(writing_end);
}

static void bring_stderr_back(void)
{
    dup2(real_stderr, STDERR_FILENO);
}

static void set_up(void)
{
    int ends[2];

    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_gt(fcntl(ends[1], F_SETPIPE_SZ, 4096), 0);
    reading_end = ends[0];
    take_the_place_of_stderr(ends[1]);
}

/* What the other end of stderr has seen. */
struct seen {
    unsigned lines, lost;
    char last[LOG_LINE_SIZE + 1];
};

static void *read_all(void *data)
{
    struct seen *seen = data;
    FILE *stream = fdopen(reading_end, "r");
    char line[LOG_LINE_SIZE + 1];

    while (fgets(line, sizeof line, stream)) {
        const char *told = strstr(line, " msg=\"lines of the log are lost");
        const char *lines = told ? strstr(told, " lines=") : NULL;
        if (lines)
            seen->lost += (unsigned)strtoul(lines + sizeof " lines=" - 1, NULL, 10);
        else
            seen->lines++;
        memcpy(seen->last, line, sizeof line);
    }
    (void)fclose(stream);
    return NULL;
}

static pthread_t begin_to_read(struct seen *seen)
{
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, read_all, seen), 0);
    return thread;
}

enum { WRITERS = 4, LINES = 5000 };

static void *log_many(void *data)
{
    (void)data;
    for (int i = 0; i < LINES; i++)
        log_warn("line", log_int("i", i));
    return NULL;
}

static void log_from_many_threads(void)
{
    pthread_t threads[WRITERS];

    for (int i = 0; i < WRITERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, log_many, NULL), 0);
    for (int i = 0; i < WRITERS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
}

START_TEST(every_line_is_written_or_told_as_lost)
{
    struct seen seen = {0};
    pthread_t reader = begin_to_read(&seen);

    ck_assert_int_eq(log_thread_start(), 0);
    log_from_many_threads();
    log_thread_stop(LONG_MS);
    bring_stderr_back();
    ck_assert_int_eq(pthread_join(reader, NULL), 0);
    ck_assert_uint_eq(seen.lines + seen.lost, WRITERS * LINES);
    ck_assert_uint_eq(seen.lost, log_thread_lost());
}
END_TEST

START_TEST(nobody_waits_for_who_does_not_read)
{
    struct seen seen = {0};

    ck_assert_int_eq(log_thread_start(), 0);
    log_from_many_threads(); /* would never end */
    ck_assert_uint_gt(log_thread_lost(), 0);
    ck_assert_int_eq(log_thread_flush(SHORT_MS), -1);

    pthread_t reader = begin_to_read(&seen);
    ck_assert_int_eq(log_thread_flush(LONG_MS), 0);
    log_thread_stop(LONG_MS);
    bring_stderr_back();
    ck_assert_int_eq(pthread_join(reader, NULL), 0);
    ck_assert_uint_eq(seen.lines + seen.lost, WRITERS * LINES);
    ck_assert_uint_eq(seen.lost, log_thread_lost());
}
END_TEST

START_TEST(a_stop_does_not_wait_for_who_does_not_read)
{
    ck_assert_int_eq(log_thread_start(), 0);
    log_from_many_threads();
    log_thread_stop(SHORT_MS);
    log_error("lost"); /* nor does this */
    bring_stderr_back();
}
END_TEST

START_TEST(without_the_thread_lines_are_written_at_once)
{
    struct seen seen = {0};

    log_info("before");
    ck_assert_int_eq(log_thread_start(), 0);
    log_info("meanwhile");
    log_thread_stop(LONG_MS);
    log_info("after");
    bring_stderr_back();
    read_all(&seen);
    ck_assert_uint_eq(seen.lines, 3);
    ck_assert_ptr_nonnull(strstr(seen.last, "msg=\"after\"\n"));
}
END_TEST

START_TEST(a_child_has_none_of_the_lines_and_writes_its_own)
{
    struct seen seen = {0};
    int status;

    ck_assert_int_eq(log_thread_start(), 0);
    log_from_many_threads(); /* many wait: nobody reads yet */
    const uint64_t lost = log_thread_lost();
    const pid_t child = fork();
    if (child == 0) {
        log_info("of the child");
        _exit(log_thread_flush(SHORT_MS) == 0 ? 0 : 1);
    }
    ck_assert_int_gt(child, 0);
    pthread_t reader = begin_to_read(&seen);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    log_thread_stop(LONG_MS);
    bring_stderr_back();
    ck_assert_int_eq(pthread_join(reader, NULL), 0);
    ck_assert_uint_eq(seen.lines, WRITERS * LINES - lost + 1);
}
END_TEST

/* In a process that ends then, as the one that it is for. */
static void seize_and_end(void)
{
    const struct log_field field = log_int("number", -11);

    if (log_thread_start() != 0)
        _exit(1);
    log_from_many_threads();
    log_thread_seize(LONG_MS);
    log_thread_write_now(LOG_LEVEL_ERROR, "the last", &field, 1);
    _exit(0);
}

START_TEST(who_seizes_the_log_writes_what_waits)
{
    struct seen seen = {0};
    int status;
    const pid_t child = fork();

    if (child == 0)
        seize_and_end();
    ck_assert_int_gt(child, 0);
    bring_stderr_back();
    read_all(&seen);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq(seen.lines + seen.lost, WRITERS * LINES + 1);
    ck_assert_ptr_nonnull(strstr(seen.last, "level=error msg=\"the last\" number=-11\n"));
}
END_TEST

START_TEST(who_seizes_the_log_does_not_wait_for_who_does_not_read)
{
    ck_assert_int_eq(log_thread_start(), 0);
    log_from_many_threads();
    log_thread_seize(SHORT_MS);
    log_thread_write_now(LOG_LEVEL_ERROR, "the last", NULL, 0);
    bring_stderr_back();
}
END_TEST

/* --- The journal */

/* systemd's is a stream socket; the variable names it as fstat(2) does. */
static void log_to_journal(ino_t other, const char *expected)
{
    char stream[64], text[4096] = "";
    size_t used = 0;
    struct stat status;
    int ends[2];

    bring_stderr_back();
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    take_the_place_of_stderr(ends[1]);
    ck_assert_int_eq(fstat(STDERR_FILENO, &status), 0);
    (void)snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)status.st_dev,
                   (uintmax_t)status.st_ino + other);
    ck_assert_int_eq(setenv("JOURNAL_STREAM", stream, 1), 0);
    log_set_level(LOG_LEVEL_DEBUG);
    log_stderr_look();
    log_debug("a");
    log_info("b");
    log_warn("c");
    log_error("d");
    log_thread_write_now(LOG_LEVEL_ERROR, "e", NULL, 0);
    bring_stderr_back();

    FILE *stream_of_lines = fdopen(ends[0], "r");
    char line[LOG_LINE_SIZE];
    while (fgets(line, sizeof line, stream_of_lines)) {
        ck_assert_ptr_nonnull(strstr(line, "time="));
        used += (size_t)snprintf(text + used, sizeof text - used, "%.*s|",
                                 (int)(strstr(line, "time=") - line), line);
        ck_assert_uint_lt(used, sizeof text);
    }
    (void)fclose(stream_of_lines);
    ck_assert_str_eq(text, expected);
}

START_TEST(the_journal_gets_priorities)
{
    log_to_journal(0, "<7>|<6>|<4>|<3>|<3>|");
}
END_TEST

START_TEST(what_is_not_the_journal_gets_none)
{
    log_to_journal(1, "|||||");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/log_thread");
    TCase *cases = tcase_create("all");

    tcase_add_checked_fixture(cases, set_up, NULL);
    tcase_add_test(cases, every_line_is_written_or_told_as_lost);
    tcase_add_test(cases, nobody_waits_for_who_does_not_read);
    tcase_add_test(cases, a_stop_does_not_wait_for_who_does_not_read);
    tcase_add_test(cases, without_the_thread_lines_are_written_at_once);
    tcase_add_test(cases, a_child_has_none_of_the_lines_and_writes_its_own);
    tcase_add_test(cases, who_seizes_the_log_writes_what_waits);
    tcase_add_test(cases, who_seizes_the_log_does_not_wait_for_who_does_not_read);
    tcase_add_test(cases, the_journal_gets_priorities);
    tcase_add_test(cases, what_is_not_the_journal_gets_none);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
