/* Paths of HTTP requests. */
#include "http/path.h"
#include "runner.h"

#include <stdlib.h>
#include <string.h>

static void check_decoded(const char *target, const char *path, size_t size)
{
    char text[256];

    ck_assert_int_eq(http_path_decode(target, text), (ssize_t)size);
    ck_assert_mem_eq(text, path, size);
}

START_TEST(decodes)
{
    check_decoded("/", "/", 1);
    check_decoded("/a/b", "/a/b", 4);
    check_decoded("/a?b=/c", "/a", 2);
    check_decoded("/a%2Fb%2f%3F?c", "/a/b/?", 6);
    check_decoded("/%25%41+", "/%A+", 4);
    check_decoded("/a%00b", "/a\0b", 4);
    check_decoded("/%ff", "/\xff", 2);
    check_decoded("/a/../b/.", "/a/../b/.", 9);
    check_decoded("http://host/a?b", "/a", 2);
    check_decoded("HTTP://host:9/", "/", 1);
    check_decoded("http://host", "/", 1);
    check_decoded("http://host?/a", "/", 1);
}
END_TEST

START_TEST(refuses_what_is_no_path)
{
    static const char *const bad[] = {"",      "*",    "a",    "?/",    "/%",       "/%4",
                                      "/%4?1", "/%g0", "/%0g", "/%%41", "ftp://a/", "//%"};
    char text[64];

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(http_path_decode(bad[i], text) == -1, "%s", bad[i]);
}
END_TEST

static void check_below(const char *path, const char *base, const char *expected)
{
    toni_str rest = {"?", 1};
    bool is_below = http_path_below(toni_str_of(path), toni_str_of(base), &rest);

    ck_assert_msg(is_below == (expected != NULL), "%s below %s", path, base);
    ck_assert_msg(toni_str_equal(rest, toni_str_of(expected ? expected : "?")), "%s below %s", path,
                  base);
}

START_TEST(a_path_ends_at_a_border)
{
    check_below("/chat", "/chat", "");
    check_below("/chat/", "/chat", "/");
    check_below("/chat/a/b", "/chat", "/a/b");
    check_below("/chat//", "/chat", "//");
    check_below("/chats", "/chat", NULL);
    check_below("/cha", "/chat", NULL);
    check_below("/", "/chat", NULL);
    check_below("", "/chat", NULL);
    check_below("/a/chat", "/chat", NULL);
    check_below("/chat", "/chat/", "");
    check_below("/chat/a", "/chat/", "/a");
    check_below("/", "/", "/");
    check_below("/chat", "/", "/chat");
}
END_TEST

static const char *problem_of(size_t size, size_t parameters)
{
    static char target[2 * HTTP_TARGET_BYTES];

    memset(target, 'x', size);
    target[0] = '/';
    if (parameters > 0)
        target[1] = '?';
    for (size_t i = 1; i < parameters; i++)
        target[1 + i] = '&';
    target[size] = '\0';
    return http_target_problem(target);
}

START_TEST(a_target_has_a_bound)
{
    ck_assert_ptr_null(problem_of(HTTP_TARGET_BYTES, 0));
    ck_assert_ptr_null(problem_of(HTTP_TARGET_BYTES, HTTP_PARAMETERS));
    ck_assert_str_eq(problem_of(HTTP_TARGET_BYTES + 1, 0), "The request target is too long.\n");
    ck_assert_str_eq(problem_of(1000, HTTP_PARAMETERS + 1),
                     "The request target has too many parameters.\n");
    ck_assert_ptr_null(http_target_problem(""));
    ck_assert_ptr_null(http_target_problem("/a&b&c"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net/http_path");
    TCase *cases = tcase_create("paths");

    tcase_add_test(cases, decodes);
    tcase_add_test(cases, refuses_what_is_no_path);
    tcase_add_test(cases, a_path_ends_at_a_border);
    tcase_add_test(cases, a_target_has_a_bound);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
