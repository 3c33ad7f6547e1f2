/* The table of revocations: against a plain model, its bound, its time, and as text. */
#include "rooms/revocations.h"

#include "base/clock.h"
#include "base/log.h"
#include "dice.h"
#include "rooms/identity.h"
#include "runner.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct revocations table;
static const struct hash_key key = {{1, 2}};
static unsigned warnings, changes;

static void count_line(void *data, enum log_level level, const char *line, size_t length)
{
    (void)data, (void)line, (void)length;
    warnings += level == LOG_LEVEL_WARN;
}

static void count_change(void *data)
{
    (void)data;
    changes++;
}

static int64_t now_s(void)
{
    return clock_wall_ms() / MS_PER_S;
}

static void begin(uint64_t most, uint64_t life_s)
{
    log_set_sink(count_line, NULL);
    ck_assert_int_eq(revocations_init(&table, &key, most, life_s), 0);
    table.changed = count_change;
    warnings = changes = 0;
}

static void add(const char *space, const char *subject, int64_t revoked_s)
{
    ck_assert_int_ge(revocations_add(&table, space, toni_str_of(subject), revoked_s), 0);
}

static bool covers(const char *space, const char *subject, int64_t issued_s)
{
    return revocations_cover(&table, space, toni_str_of(subject), issued_s);
}

START_TEST(only_younger_tokens_are_let_in)
{
    const int64_t then = now_s() - 60;
    begin(10, 1000);
    ck_assert(!covers("", "ann", 0));
    add("", "ann", then);
    ck_assert(covers("", "ann", 0));
    ck_assert(covers("", "ann", then - 5));
    ck_assert(covers("", "ann", then)); /* before or after, within that second, is not known */
    ck_assert(!covers("", "ann", then + 1));
    ck_assert(!covers("", "bob", 0));
    ck_assert(!covers("", "an", 0));
    revocations_finish(&table);
}
END_TEST

START_TEST(a_namespace_has_its_own)
{
    begin(10, 1000);
    add("games", "ann", now_s());
    ck_assert(covers("games", "ann", 0));
    ck_assert(!covers("", "ann", 0));
    add(REVOKED_EVERYWHERE, "bob", now_s());
    ck_assert(covers("games", "bob", 0));
    ck_assert(covers("", "bob", 0));
    add("", "games/cid", now_s()); /* is no subject of games */
    ck_assert(!covers("games", "cid", 0));
    revocations_finish(&table);
}
END_TEST

START_TEST(the_oldest_gives_way_and_it_is_logged)
{
    char name[16];
    const int64_t now = now_s();
    begin(3, 1000);
    for (int i = 0; i < 3; i++) {
        (void)snprintf(name, sizeof name, "n%d", i);
        add("", name, now);
    }
    add("", "n0", now + 1); /* again: the last now */
    ck_assert_uint_eq(warnings, 0);
    add("", "n3", now);
    ck_assert_uint_eq(warnings, 1);
    ck_assert_uint_eq(revocations_given_up(&table), 1);
    ck_assert_uint_eq(revocations_count(&table), 3);
    ck_assert(covers("", "n0", 0) && covers("", "n2", 0) && covers("", "n3", 0));
    ck_assert(!covers("", "n1", 0));
    revocations_finish(&table);
}
END_TEST

START_TEST(an_entry_ends_by_its_time)
{
    const int64_t now = now_s();
    begin(2, 100);
    add("", "old", now - 101);
    add("", "young", now - 50);
    ck_assert(!covers("", "old", 0));
    ck_assert(covers("", "young", 0));
    add("", "new", now); /* takes the place of the one that is over */
    ck_assert_uint_eq(warnings, 0);
    ck_assert(covers("", "young", 0));
    revocations_finish(&table);
}
END_TEST

START_TEST(an_earlier_time_changes_nothing)
{
    const int64_t now = now_s();
    begin(2, 1000);
    add("", "ann", now);
    add("", "ann", now - 10);
    ck_assert_uint_eq(changes, 1);
    ck_assert(covers("", "ann", now - 5));
    revocations_finish(&table);
}
END_TEST

static void read_all(const struct buffer *text)
{
    struct revocation_line read;
    toni_str rest = toni_str_make(text->bytes, text->length), line;
    while (toni_str_split_once(rest, '\n', &line, &rest))
        ck_assert_int_eq(revocations_read_line(&table, line, &read), 1);
}

START_TEST(text_is_read_as_it_was_written)
{
    struct buffer text, again;
    uint64_t number, other;
    buffer_init(&text);
    buffer_init(&again);
    begin(10, 1000);
    add("", "ann", now_s());
    add("games", "b o/b", now_s() - 3);
    add(REVOKED_EVERYWHERE, "\xc3\xa4", now_s());
    ck_assert_int_eq(revocations_write(&table, 0, &text, &number), 0);
    ck_assert_uint_eq(number, 3);
    add("", "last", now_s());
    ck_assert_int_eq(revocations_write(&table, number, &again, &other), 0);
    ck_assert(memmem(again.bytes, again.length, "/last\n", 6) && !memchr(again.bytes, 'b', 1));
    ck_assert_uint_lt(again.length, 32);
    revocations_finish(&table);
    begin(10, 1000);
    read_all(&text);
    buffer_clear(&again);
    ck_assert_int_eq(revocations_write(&table, 0, &again, &number), 0);
    ck_assert_uint_eq(again.length, text.length);
    ck_assert_mem_eq(again.bytes, text.bytes, text.length);
    ck_assert(covers("games", "b o/b", 0) && covers("x", "\xc3\xa4", 0));
    revocations_finish(&table);
    buffer_finish(&text);
    buffer_finish(&again);
}
END_TEST

START_TEST(what_is_no_line_is_refused)
{
    static const char *const lines[] = {
        "",          "1",       "1 ",      "x /ann",   "1x /ann",   "-1 /ann",
        "1 /",       "1 ann",   " /ann",   "1 /a\nb",  "1 /\xff",   "99999999999999999999999 /ann",
        "1 /a\tb",   "1+ /ann", "+1 /ann", "1+x /ann", "1+-1 /ann", "1+301 /ann",
        "1+1+1 /ann"};
    char long_space[200];
    struct revocation_line read;
    begin(10, 1000);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        ck_assert_msg(revocations_read_line(&table, toni_str_of(lines[i]), &read) == -1,
                      "`%s` is taken", lines[i]);
    (void)snprintf(long_space, sizeof long_space, "1 %065d/ann", 0);
    ck_assert_int_eq(revocations_read_line(&table, toni_str_of(long_space), &read), -1);
    ck_assert_uint_eq(revocations_count(&table), 0);
    revocations_finish(&table);
}
END_TEST

/* --- Clocks of issuers that are ahead */

static void expect_until(int64_t until)
{
    ck_assert(covers("", "ann", until));
    ck_assert(!covers("", "ann", until + 1));
}

/* Somebody else's, of the same issuer: it is here before its time. */
static void show_lead(int64_t lead_s)
{
    ck_assert(!covers("", "bob", now_s() + lead_s));
}

START_TEST(a_token_from_before_is_refused_though_its_issuer_is_ahead)
{
    const int64_t then = now_s() - 60;
    begin(10, 1000);
    add("", "ann", then);
    expect_until(then);
    show_lead(20);
    expect_until(then + 20);
    show_lead(10); /* it has shown that it is further ahead */
    expect_until(then + 20);
    add("", "ann", then + 5);
    expect_until(then + 25);
    revocations_finish(&table);
}
END_TEST

static void move_to_another_host(void)
{
    struct buffer text;
    uint64_t number;
    buffer_init(&text);
    ck_assert_int_eq(revocations_write(&table, 0, &text, &number), 0);
    revocations_finish(&table);
    begin(10, 1000);
    read_all(&text);
    buffer_finish(&text);
}

START_TEST(a_lead_goes_along_with_who_is_revoked)
{
    const int64_t then = now_s() - 60;
    begin(10, 1000);
    show_lead(20);
    ck_assert_uint_eq(changes, 0); /* nothing has to be kept */
    add("", "ann", then);
    ck_assert_uint_eq(changes, 1);
    show_lead(25);
    ck_assert_uint_eq(changes, 2);
    for (int host = 0; host < 3; host++) { /* it does not grow on the way */
        move_to_another_host();
        expect_until(then + 25);
        show_lead(10);
        expect_until(then + 25);
    }
    show_lead(30);
    expect_until(then + 30);
    revocations_finish(&table);
}
END_TEST

START_TEST(a_larger_lead_of_another_host_counts)
{
    const int64_t then = now_s() - 60;
    struct revocation_line read;
    char line[64];
    begin(10, 1000);
    add("", "ann", then);
    (void)snprintf(line, sizeof line, "%lld+15 /ann", (long long)then);
    ck_assert_int_eq(revocations_read_line(&table, toni_str_of(line), &read), 0);
    ck_assert_int_eq(read.revoked_s, then);
    expect_until(then + 15);
    revocations_finish(&table);
}
END_TEST

START_TEST(no_lead_is_longer_than_its_bound)
{
    const int64_t then = now_s() - 1000;
    begin(10, 10000);
    add("", "ann", then);
    ck_assert(!covers("", "bob", INT64_MAX));
    expect_until(then + IDENTITY_LEAD_MAX_S);
    revocations_finish(&table);
}
END_TEST

/* --- Against a model */

#define SUBJECTS 12
#define MOST 5

struct model {
    int64_t revoked_s[SUBJECTS]; /* 0: it is not known */
    unsigned order[SUBJECTS];    /* of the last call that changed it */
};

static void model_add(struct model *model, unsigned subject, int64_t revoked_s, unsigned step)
{
    unsigned known = 0, oldest = SUBJECTS;
    if (model->revoked_s[subject] >= revoked_s)
        return;
    for (unsigned i = 0; i < SUBJECTS; i++) {
        known += model->revoked_s[i] > 0;
        if (model->revoked_s[i] > 0 &&
            (oldest == SUBJECTS || model->order[i] < model->order[oldest]))
            oldest = i;
    }
    if (model->revoked_s[subject] == 0 && known == MOST)
        model->revoked_s[oldest] = 0;
    model->revoked_s[subject] = revoked_s;
    model->order[subject] = step;
}

START_TEST(it_does_what_a_plain_model_does)
{
    struct model model = {0};
    struct dice dice = {environment_number("TONI_TEST_SEED", 1)};
    char name[16];
    const int64_t now = now_s();
    begin(MOST, 1000000);
    for (unsigned step = 1; step <= 20000; step++) {
        const unsigned subject = dice_below(&dice, SUBJECTS);
        const int64_t when = now - 200 + (int64_t)dice_below(&dice, 200);
        (void)snprintf(name, sizeof name, "s%u", subject);
        if (dice_below(&dice, 3) == 0) {
            add("", name, when);
            model_add(&model, subject, when, step);
        }
        const int64_t issued =
            dice_below(&dice, 4) == 0 ? 0 : now - 200 + (int64_t)dice_below(&dice, 200);
        ck_assert_int_eq(covers("", name, issued),
                         model.revoked_s[subject] > 0 && issued <= model.revoked_s[subject]);
    }
    revocations_finish(&table);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rooms/revocations");
    TCase *tests = tcase_create("revocations");
    tcase_add_test(tests, only_younger_tokens_are_let_in);
    tcase_add_test(tests, a_namespace_has_its_own);
    tcase_add_test(tests, the_oldest_gives_way_and_it_is_logged);
    tcase_add_test(tests, an_entry_ends_by_its_time);
    tcase_add_test(tests, an_earlier_time_changes_nothing);
    tcase_add_test(tests, text_is_read_as_it_was_written);
    tcase_add_test(tests, what_is_no_line_is_refused);
    tcase_add_test(tests, a_token_from_before_is_refused_though_its_issuer_is_ahead);
    tcase_add_test(tests, a_lead_goes_along_with_who_is_revoked);
    tcase_add_test(tests, a_larger_lead_of_another_host_counts);
    tcase_add_test(tests, no_lead_is_longer_than_its_bound);
    tcase_add_test(tests, it_does_what_a_plain_model_does);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
