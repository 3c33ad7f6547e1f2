/* Placeholders, and lines that only some projects have. */
#include "new/template.h"
#include "runner.h"

#include <string.h>

static const struct template_terms terms = {
    .values = (const struct template_value[]){{"name", "board"}, {"main_file", "a@name@b"}, {0}},
    .facts =
        (const struct template_fact[]){{"gateway", true}, {"service", false}, {"c", true}, {0}},
};

static struct buffer out;

static void start(void)
{
    buffer_init(&out);
}

static void stop(void)
{
    buffer_finish(&out);
}

static void check(const char *text, const char *expected)
{
    buffer_clear(&out);
    ck_assert_int_eq(template_fill(text, strlen(text), &terms, &out), 0);
    ck_assert_uint_eq(out.length, strlen(expected));
    if (out.length > 0)
        ck_assert_mem_eq(out.bytes, expected, out.length);
}

START_TEST(values)
{
    check("", "");
    check("no placeholder\n", "no placeholder\n");
    check("@name@", "board");
    check("a@name@@name@b\n@name@\n", "aboardboardb\nboard\n");
    check("@main_file@", "a@name@b"); /* what is filled in is not looked at again */
}
END_TEST

START_TEST(an_at_sign_alone_is_text)
{
    static const char *const texts[] = {"@",      "@@",      "a@b.c",         "@name",  "@ name@",
                                        "@Name@", "@na me@", "@return NULL@", "x@\n@y", "@1@"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        check(texts[i], texts[i]);
    check("@@name@", "@board");
}
END_TEST

START_TEST(lines_for_some)
{
    check("a\n@only gateway\nb\n@all\nc\n", "a\nb\nc\n");
    check("a\n@only service\nb @name@\n@all\nc\n", "a\nc\n");
    check("@only service\na\n@only gateway c\nb\n@only c service\nc", "b\n");
    check("  // @only service\na\n# @all\nb", "b");
    check("@only\na\n", "a\n"); /* no fact at all holds always */
    check("@only service\nlast", "");
}
END_TEST

START_TEST(what_is_no_directive)
{
    static const char *const texts[] = {"say @only service\n", "@onlyservice\n", "@all of it\n",
                                        "/* @all */\n", "//@all\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        check(texts[i], texts[i]);
}
END_TEST

START_TEST(unknown_words_are_faults)
{
    static const struct {
        const char *text;
        int line;
    } bad[] = {
        {"@nme@", 1},       {"a\nb @name@ @x@\n", 2},       {"a\n@only gateways\n", 2},
        {"@only c C\n", 1}, {"\n\n# @only service x\n", 3},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        buffer_clear(&out);
        ck_assert_int_eq(template_fill(bad[i].text, strlen(bad[i].text), &terms, &out),
                         bad[i].line);
    }
    /* in lines that are left out nobody misses a value, but a fact is one wherever it stands */
    check("@only service\n@nme@\n", "");
    ck_assert_int_eq(template_fill("@only service\n@only x\n", 22, &terms, &out), 2);
}
END_TEST

START_TEST(facts)
{
    ck_assert_int_eq(template_holds("", 0, &terms), 1);
    ck_assert_int_eq(template_holds(" gateway  c ", 12, &terms), 1);
    ck_assert_int_eq(template_holds("gateway service", 15, &terms), 0);
    ck_assert_int_eq(template_holds("service gate", 12, &terms), -1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("new/template");
    TCase *cases = tcase_create("template");
    tcase_add_checked_fixture(cases, start, stop);
    tcase_add_test(cases, values);
    tcase_add_test(cases, an_at_sign_alone_is_text);
    tcase_add_test(cases, lines_for_some);
    tcase_add_test(cases, what_is_no_directive);
    tcase_add_test(cases, unknown_words_are_faults);
    tcase_add_test(cases, facts);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
