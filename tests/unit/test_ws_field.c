/* Tokens, lists, queries and percent-encoding, row by row. */
#include "runner.h"
#include "ws/field.h"

#include <stdlib.h>

START_TEST(tokens)
{
    ck_assert(token_valid(toni_str_of("!#$%&'*+-.^_`|~09azAZ")));
    ck_assert(!token_valid(toni_str_of("")));
    for (unsigned byte = 0; byte < 256; byte++) {
        const char c = (char)byte;
        const bool is_separator = byte > 0 && strchr("\"(),/:;<=>?@[\\]{}", c);
        ck_assert_msg(token_valid(toni_str_make(&c, 1)) ==
                          (byte > ' ' && byte < 0x7f && !is_separator),
                      "byte %u", byte);
    }
}
END_TEST

START_TEST(texts)
{
    ck_assert(toni_str_equal(field_trim(toni_str_of(" \t a b\t ")), toni_str_of("a b")));
    ck_assert_uint_eq(field_trim(toni_str_of(" \t ")).size, 0);
    ck_assert(field_equal(toni_str_of("hOsT"), "Host"));
    ck_assert(!field_equal(toni_str_of("hos"), "Host"));
    ck_assert(field_equal(toni_str_make(NULL, 0), ""));
}
END_TEST

/* @param expected  The elements, each with a `|` behind it. */
static void check_pieces(bool (*next)(toni_str *, toni_str *), const char *text,
                         const char *expected)
{
    toni_str rest = toni_str_of(text), piece;
    char found[256] = "";
    size_t size = 0;
    while (next(&rest, &piece)) {
        memcpy(found + size, piece.data, piece.size);
        size += piece.size;
        found[size++] = '|';
    }
    found[size] = '\0';
    ck_assert_str_eq(found, expected);
}

START_TEST(lists)
{
    check_pieces(list_next, "", "");
    check_pieces(list_next, " , ,\t,", "");
    check_pieces(list_next, "a", "a|");
    check_pieces(list_next, " a ,b,, c d\t", "a|b|c d|");
    check_pieces(list_next, ",a", "a|");
}
END_TEST

START_TEST(queries)
{
    check_pieces(query_next, "", "");
    check_pieces(query_next, "&&", "");
    check_pieces(query_next, "a=1&b=&c&&=d& e", "a=1|b=|c|=d| e|");
}
END_TEST

static void check_decoded(const char *text, bool is_query, const char *expected, size_t size)
{
    char here[64], apart[64];
    const toni_str whole = toni_str_of(text);
    ck_assert_uint_eq(percent_decode(whole, is_query, apart), size);
    ck_assert_mem_eq(apart, expected, size);
    memcpy(here, text, whole.size);
    ck_assert_uint_eq(percent_decode(toni_str_make(here, whole.size), is_query, here), size);
    ck_assert_mem_eq(here, expected, size);
}

START_TEST(percent_encoding)
{
    check_decoded("%41%6a%4A+b", false, "AjJ+b", 5);
    check_decoded("%41+%2B", true, "A +", 3);
    check_decoded("100%", true, "100%", 4);
    check_decoded("%zz%4%4", true, "%zz%4%4", 7);
    check_decoded("%%41", true, "%A", 2);
    check_decoded("%25zz%2541", true, "%zz%41", 6);
    check_decoded("a%00b", true, "a\0b", 3);
    check_decoded("%C3%A4", false, "\xc3\xa4", 2);
    check_decoded("", true, "", 0);
}
END_TEST

START_TEST(percent_encoding_is_judged)
{
    ck_assert(percent_valid(toni_str_of("/%41%25zz")));
    ck_assert(percent_valid(toni_str_of("")));
    ck_assert(!percent_valid(toni_str_of("%")));
    ck_assert(!percent_valid(toni_str_of("/a%4")));
    ck_assert(!percent_valid(toni_str_of("/%4g")));
    ck_assert(!percent_valid(toni_str_of("/%+1")));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ws/field");
    TCase *cases = tcase_create("all");

    tcase_add_test(cases, tokens);
    tcase_add_test(cases, texts);
    tcase_add_test(cases, lists);
    tcase_add_test(cases, queries);
    tcase_add_test(cases, percent_encoding);
    tcase_add_test(cases, percent_encoding_is_judged);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
