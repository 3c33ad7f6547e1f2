/* The keys of session tickets: made anew every hour, the two before still known, handed to another
 * process. Each test runs in a process of its own, so it begins without keys. */
#include "tls/tickets.h"

#include "runner.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define LINE_SIZE 256

static char lines[TICKET_KEYS + 1][LINE_SIZE];

/* @return How many keys there are; `lines` are those. */
static size_t export_lines(void)
{
    char text[TICKET_TEXT_SIZE], *rest = text;
    size_t count = 0;
    tls_tickets_export(text);
    for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
        if (*line == '\0')
            continue;
        ck_assert_uint_lt(count, TICKET_KEYS);
        (void)snprintf(lines[count++], LINE_SIZE, "%s", line);
    }
    return count;
}

/* @return The key itself, without when it was made. */
static const char *key_of(const char *line)
{
    const char *key = strchr(line, ' ');
    ck_assert_ptr_nonnull(key);
    return key + 1;
}

START_TEST(a_key_lasts_for_an_hour)
{
    char first[LINE_SIZE];
    ck_assert_uint_eq(export_lines(), 1);
    (void)snprintf(first, sizeof first, "%s", key_of(lines[0]));
    tls_tickets_advance(TICKET_KEY_S - 60);
    ck_assert_uint_eq(export_lines(), 1);
    ck_assert_str_eq(key_of(lines[0]), first);
}
END_TEST

START_TEST(the_two_before_are_known)
{
    char first[LINE_SIZE];
    (void)export_lines();
    (void)snprintf(first, sizeof first, "%s", key_of(lines[0]));
    for (size_t hour = 1; hour <= 2; hour++) {
        tls_tickets_advance(TICKET_KEY_S);
        ck_assert_uint_eq(export_lines(), hour + 1);
        ck_assert_str_eq(key_of(lines[hour]), first);
        ck_assert_str_ne(key_of(lines[0]), first);
    }
    tls_tickets_advance(TICKET_KEY_S);
    ck_assert_uint_eq(export_lines(), TICKET_KEYS);
    for (size_t i = 0; i < TICKET_KEYS; i++)
        ck_assert_str_ne(key_of(lines[i]), first);
}
END_TEST

START_TEST(keys_that_nobody_used_for_hours_are_gone)
{
    char first[LINE_SIZE];
    (void)export_lines();
    (void)snprintf(first, sizeof first, "%s", key_of(lines[0]));
    tls_tickets_advance((uint64_t)TICKET_KEY_S * 24);
    ck_assert_uint_eq(export_lines(), 1);
    ck_assert_str_ne(key_of(lines[0]), first);
}
END_TEST

START_TEST(another_process_takes_them)
{
    char kept[TICKET_KEYS][LINE_SIZE];
    (void)export_lines();
    tls_tickets_advance(TICKET_KEY_S);
    ck_assert_uint_eq(export_lines(), 2);
    memcpy(kept, lines, sizeof kept);
    tls_tickets_advance((uint64_t)TICKET_KEY_S * 24); /* as if it had none */
    ck_assert_uint_eq(export_lines(), 1);
    /* Nothing of this can be taken, and none of it does harm. */
    tls_tickets_import("");
    tls_tickets_import("socket");
    tls_tickets_import("ticket_key=");
    tls_tickets_import("ticket_key=12");
    tls_tickets_import("ticket_key=12 00ff");
    tls_tickets_import("ticket_key=12 zz");
    ck_assert_uint_eq(export_lines(), 1);
    /* The newest comes first, as it was written. */
    tls_tickets_import(kept[0]);
    ck_assert_uint_eq(export_lines(), 2);
    ck_assert_str_eq(key_of(lines[1]), key_of(kept[0]));
}
END_TEST

START_TEST(a_process_without_keys_begins_with_those_that_it_gets)
{
    static const char key[] = "ticket_key=%lld %s";
    char hex[161], line[LINE_SIZE];
    memset(hex, 'a', 160);
    hex[160] = '\0';
    (void)snprintf(line, sizeof line, key, (long long)time(NULL), hex);
    tls_tickets_import(line);
    ck_assert_uint_eq(export_lines(), 1);
    ck_assert_str_eq(lines[0], line);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls_tickets");
    TCase *cases = tcase_create("all");
    tcase_add_test(cases, a_key_lasts_for_an_hour);
    tcase_add_test(cases, the_two_before_are_known);
    tcase_add_test(cases, keys_that_nobody_used_for_hours_are_gone);
    tcase_add_test(cases, another_process_takes_them);
    tcase_add_test(cases, a_process_without_keys_begins_with_those_that_it_gets);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
