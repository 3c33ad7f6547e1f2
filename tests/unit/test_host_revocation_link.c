/* Who is revoked, told by two hosts to each other: both in this process, over a real pair. */
#include "base/clock.h"
#include "host/revocation_link.h"
#include "rooms/revocations.h"
#include "rooms/shared.h"
#include "rooms_fixture.h"
#include "runner.h"

#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS 20000

static struct fixture old, new;
static struct revocation_link before, after; /* of the old host, of the new one */

static void setup(void)
{
    fixture_init(&old, NULL, 1);
    fixture_init(&new, NULL, 1);
}

static void teardown(void)
{
    revocation_link_close(&after);
    revocation_link_close(&before);
    fixture_finish(&old);
    fixture_finish(&new);
}

static void note(struct fixture *host, const char *subject)
{
    ck_assert_int_eq(revocations_add(&host->connections->revocations, "", toni_str_of(subject),
                                     clock_wall_ms() / MS_PER_S),
                     1);
}

static bool knows(struct fixture *host, const char *subject)
{
    return revocations_cover(&host->connections->revocations, "", toni_str_of(subject), 0);
}

static void comes_to_know(struct fixture *host, const char *subject)
{
    const uint64_t end_ms = clock_now_ms() + PATIENCE_MS;
    while (!knows(host, subject)) {
        ck_assert_uint_lt(clock_now_ms(), end_ms);
        (void)poll(NULL, 0, 5);
    }
}

static void link_both(void)
{
    int fd;
    ck_assert_int_eq(revocation_link_begin(&before, old.connections, &fd), 0);
    revocation_link_join(&after, new.connections, fd, PATIENCE_MS);
}

START_TEST(all_is_known_once_it_has_joined)
{
    char subject[257];
    /* More than a pair of sockets holds. */
    for (int i = 0; i < 5000; i++) {
        (void)snprintf(subject, sizeof subject, "%0200d", i);
        note(&old, subject);
    }
    link_both();
    ck_assert_uint_eq(revocations_count(&new.connections->revocations), 5000);
}
END_TEST

START_TEST(what_either_revokes_later_is_known_to_both)
{
    link_both();
    note(&old, "ann");
    note(&new, "bob");
    comes_to_know(&new, "ann");
    comes_to_know(&old, "bob");
    ck_assert_uint_eq(revocations_count(&old.connections->revocations), 2);
    ck_assert_uint_eq(revocations_count(&new.connections->revocations), 2);
}
END_TEST

START_TEST(the_last_ones_are_sent_before_it_closes)
{
    link_both();
    note(&old, "ann");
    revocation_link_close(&before);
    comes_to_know(&new, "ann");
}
END_TEST

START_TEST(a_new_time_of_a_known_subject_goes_over)
{
    const int64_t now = clock_wall_ms() / MS_PER_S;
    note(&old, "ann");
    link_both();
    ck_assert_int_eq(
        revocations_add(&old.connections->revocations, "", toni_str_of("ann"), now + 100), 1);
    const uint64_t end_ms = clock_now_ms() + PATIENCE_MS;
    while (!revocations_cover(&new.connections->revocations, "", toni_str_of("ann"), now + 99)) {
        ck_assert_uint_lt(clock_now_ms(), end_ms);
        (void)poll(NULL, 0, 5);
    }
}
END_TEST

START_TEST(a_successor_that_is_gone_holds_nobody_up)
{
    int fd;
    ck_assert_int_eq(revocation_link_begin(&before, old.connections, &fd), 0);
    close(fd);
    note(&old, "ann");
    revocation_link_close(&before);
    ck_assert_int_eq(revocation_link_begin(&before, old.connections, &fd), 0); /* another one */
    revocation_link_join(&after, new.connections, fd, PATIENCE_MS);
    ck_assert(knows(&new, "ann"));
}
END_TEST

START_TEST(a_host_that_says_nothing_is_waited_for_so_long)
{
    int ends[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    const uint64_t began_ms = clock_now_ms();
    revocation_link_join(&after, new.connections, ends[1], 100);
    ck_assert_uint_ge(clock_now_ms() - began_ms, 100);
    static const char late[] = "4000000000 /ann\n"; /* is taken all the same */
    ck_assert_int_eq(write(ends[0], late, strlen(late)), (ssize_t)strlen(late));
    comes_to_know(&new, "ann");
    close(ends[0]);
}
END_TEST

START_TEST(what_is_no_line_is_left_out_and_one_without_end_ends_it)
{
    static char endless[8192];
    static const char lines[] = "nonsense\n4000000000 /ann\n\n";
    int ends[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    ck_assert_int_eq(write(ends[0], lines, strlen(lines)), (ssize_t)strlen(lines));
    revocation_link_join(&after, new.connections, ends[1], PATIENCE_MS);
    ck_assert(knows(&new, "ann"));
    ck_assert_uint_eq(revocations_count(&new.connections->revocations), 1);
    memset(endless, '7', sizeof endless);
    ck_assert_int_eq(write(ends[0], endless, sizeof endless), (ssize_t)sizeof endless);
    revocation_link_close(&after); /* waits for its thread, and shows who reads no more */
    close(ends[0]);
}
END_TEST

START_TEST(none)
{
    revocation_link_join(&after, new.connections, -1, PATIENCE_MS);
    revocation_link_close(&after);
    revocation_link_close(&after);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("host/revocation_link");
    TCase *tests = tcase_create("revocation_link");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, all_is_known_once_it_has_joined);
    tcase_add_test(tests, what_either_revokes_later_is_known_to_both);
    tcase_add_test(tests, the_last_ones_are_sent_before_it_closes);
    tcase_add_test(tests, a_new_time_of_a_known_subject_goes_over);
    tcase_add_test(tests, a_successor_that_is_gone_holds_nobody_up);
    tcase_add_test(tests, a_host_that_says_nothing_is_waited_for_so_long);
    tcase_add_test(tests, what_is_no_line_is_left_out_and_one_without_end_ends_it);
    tcase_add_test(tests, none);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
