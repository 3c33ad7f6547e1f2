/* Somebody else's words in one line, cut and made harmless. (What is printed whole is in
 * test_watch.c.) */
#include "base/visible.h"

#include "runner.h"

#include <string.h>

#define WORDS(text) words_of(text, sizeof(text) - 1, sizeof words)

static char words[16];

static const char *words_of(const char *text, size_t length, size_t room)
{
    memset(words, 'x', sizeof words);
    visible_words(words, room, text, length);
    return words;
}

START_TEST(text_stays_as_it_is)
{
    ck_assert_str_eq(WORDS("a gr\xc3\xbc\xc3\x9f"), "a gr\xc3\xbc\xc3\x9f");
    ck_assert_str_eq(words_of(NULL, 0, sizeof words), "");
}
END_TEST

START_TEST(what_controls_a_terminal_or_is_no_text_does_not)
{
    ck_assert_str_eq(WORDS("a\x1b[2J\n"), "a?[2J?");
    ck_assert_str_eq(WORDS("\0b\x7f"), "?b?");
    ck_assert_str_eq(WORDS("\xc2\x9b"
                           "c"),
                     "?c"); /* U+009B: one that some terminals take for ESC [ */
    ck_assert_str_eq(WORDS("\xff\xc3"), "??");
    ck_assert_str_eq(WORDS("\xe2\x82"), "??"); /* a character without its end */
}
END_TEST

START_TEST(what_is_too_long_is_cut_between_characters)
{
    ck_assert_str_eq(words_of("abc", 3, 4), "abc");
    ck_assert_str_eq(words_of("abcd", 4, 4), "abc");
    ck_assert_str_eq(words_of("ab\xc3\xbc", 4, 4), "ab");
    ck_assert_str_eq(words_of("\xc2\x9b\xc2\x9b\xc2\x9b", 6, 4), "???");
    ck_assert_str_eq(words_of("abc", 3, 1), "");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/visible");
    TCase *cases = tcase_create("all");

    tcase_add_test(cases, text_stays_as_it_is);
    tcase_add_test(cases, what_controls_a_terminal_or_is_no_text_does_not);
    tcase_add_test(cases, what_is_too_long_is_cut_between_characters);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
