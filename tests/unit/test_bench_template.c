/* Placeholders in what is sent. */
#include "client/template.h"
#include "runner.h"

#include <stdlib.h>
#include <string.h>

/* What a pattern makes; checks that the bound holds. */
static const char *make(const char *pattern, bool has_escapes)
{
    static char out[512];
    struct template template;
    const struct template_values values = {.room = "r1",
                                           .client = 17,
                                           .number = 4294967295U,
                                           .message = (const uint8_t *)"abc",
                                           .size = 3};
    ck_assert_int_eq(template_init(&template, pattern, has_escapes), 0);
    const size_t bound = template_bound(&template, &values);
    const size_t size = template_write((uint8_t *)out, &template, &values);
    ck_assert_uint_le(size, bound);
    ck_assert_uint_lt(bound, sizeof out);
    out[size] = '\0';
    template_finish(&template);
    return out;
}

START_TEST(placeholders_are_replaced)
{
    ck_assert_str_eq(make("msg:{room}:{message}", false), "msg:r1:abc");
    ck_assert_str_eq(make("{client}/{number}/{size}", false), "17/4294967295/3");
    ck_assert_str_eq(make("{room}{room}", false), "r1r1");
    ck_assert_str_eq(make("", false), "");
}
END_TEST

START_TEST(other_braces_are_braces)
{
    ck_assert_str_eq(make("{\"a\":{\"room\":\"{room}\"}}", false), "{\"a\":{\"room\":\"r1\"}}");
    ck_assert_str_eq(make("{", false), "{");
    ck_assert_str_eq(make("{room", false), "{room");
    ck_assert_str_eq(make("{rooms}{}", false), "{rooms}{}");
    ck_assert_str_eq(make("{{room}}", false), "{r1}");
}
END_TEST

START_TEST(escapes_are_for_who_wants_them)
{
    ck_assert_str_eq(make("PUB {size}\\r\\n{message}\\r\\n", true), "PUB 3\r\nabc\r\n");
    ck_assert_str_eq(make("\\\\\\x\\", true), "\\\\x\\");
    ck_assert_str_eq(make("\"a\\nb\"", false), "\"a\\nb\"");
}
END_TEST

START_TEST(what_is_in_it_is_known)
{
    struct template template;
    ck_assert_int_eq(template_init(&template, "{room}x", false), 0);
    ck_assert(template_has(&template, PLACEHOLDER_ROOM));
    ck_assert(!template_has(&template, PLACEHOLDER_MESSAGE));
    template_finish(&template);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bench_template");
    TCase *cases = tcase_create("bench_template");
    tcase_add_test(cases, placeholders_are_replaced);
    tcase_add_test(cases, other_braces_are_braces);
    tcase_add_test(cases, escapes_are_for_who_wants_them);
    tcase_add_test(cases, what_is_in_it_is_known);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
