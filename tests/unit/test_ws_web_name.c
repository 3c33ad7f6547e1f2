/* Host and Origin: how they are read, and which are the same. */
#include "runner.h"
#include "ws/web_name.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

/* @param expected  NULL: it is none. */
static void check_host(const char *text, const char *expected)
{
    toni_str host = {"?", 1};
    const bool is_one = web_name_of_host(toni_str_of(text), &host);

    ck_assert_msg(is_one == (expected != NULL), "`%s`", text);
    ck_assert_msg(!is_one || toni_str_equal(host, toni_str_of(expected)), "`%s`", text);
}

START_TEST(reads_a_host)
{
    check_host("localhost", "localhost");
    check_host("localhost:9001", "localhost");
    check_host("Chat.Example.org", "Chat.Example.org");
    check_host("a_b-c.example.", "a_b-c.example.");
    check_host("127.0.0.1:80", "127.0.0.1");
    check_host("127.0.0.1:", "127.0.0.1");
    check_host("[::1]", "::1");
    check_host("[::1]:65535", "::1");
    check_host("[::ffff:127.0.0.1]:1", "::ffff:127.0.0.1");
}
END_TEST

START_TEST(refuses_what_is_no_host)
{
    static const char *const texts[] = {
        "",         ":80",    "a b",      "a/b",  "a:b", "a:80:80",     "a:123456", "a@b",
        "[::1",     "[::1]x", "[::1]80",  "[]",   "[a]", "[127.0.0.1]", "::1",      "a,b",
        "http://a", "a%2eb",  "käse.org", "a\tb", "a?b", "[::1]:a",     "[::1%1]",  "[::1]:123456"};
    char longest[257];

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        check_host(texts[i], NULL);
    toni_str host;
    ck_assert(!web_name_of_host(toni_str_make("[::1\0x]", 7), &host));
    ck_assert(!web_name_of_host(toni_str_make("a\0b", 3), &host));
    memset(longest, 'a', sizeof longest);
    longest[256] = '\0';
    check_host(longest, NULL);
    check_host(longest + 1, longest + 1);
}
END_TEST

static void check_origin(const char *text, const char *expected)
{
    toni_str host = {"?", 1};
    const bool is_one = web_name_of_origin(toni_str_of(text), &host);

    ck_assert_msg(is_one == (expected != NULL), "`%s`", text);
    ck_assert_msg(!is_one || toni_str_equal(host, toni_str_of(expected)), "`%s`", text);
}

START_TEST(reads_an_origin)
{
    check_origin("https://www.example.org", "www.example.org");
    check_origin("http://localhost:9001", "localhost");
    check_origin("http://[::1]:9001", "::1");
    check_origin("moz-extension://0a1b-2c", "0a1b-2c");
    check_origin("null", NULL);
    check_origin("", NULL);
    check_origin("://a", NULL);
    check_origin("https://", NULL);
    check_origin("https://a/", NULL);
    check_origin("https://a/b", NULL);
    check_origin("https://user@a", NULL);
    check_origin("ht tp://a", NULL);
    check_origin("a", NULL);
    check_origin("https://a, https://b", NULL);
    check_origin("https://a://b", NULL);
}
END_TEST

static bool equal(const char *a, const char *b)
{
    const bool is = web_name_equal(toni_str_of(a), toni_str_of(b));

    ck_assert(is == web_name_equal(toni_str_of(b), toni_str_of(a)));
    return is;
}

START_TEST(compares)
{
    ck_assert(equal("a.example", "A.Example"));
    ck_assert(equal("a.example", "a.example."));
    ck_assert(equal("::1", "0:0:0:0:0:0:0:1"));
    ck_assert(equal("::ffff:10.0.0.1", "10.0.0.1"));
    ck_assert(!equal("a.example", "b.a.example"));
    ck_assert(!equal("a.example", "a.example.org"));
    ck_assert(!equal("a.example", "a.example.."));
    ck_assert(!equal("127.0.0.1", "127.0.0.2"));
    ck_assert(!equal("127.0.0.1", "localhost"));
    ck_assert(!equal("", "a"));
}
END_TEST

START_TEST(knows_loopback)
{
    static const char *const loopback[] = {"localhost", "LOCALHOST",       "localhost.",
                                           "127.0.0.1", "127.1.2.3",       "::1",
                                           "0::1",      "::ffff:127.0.0.1"};
    static const char *const others[] = {"localhost.example",
                                         "a.localhost",
                                         "127.0.0.1.example",
                                         "0.0.0.0",
                                         "::",
                                         "10.0.0.1",
                                         "127.1",
                                         "2130706433",
                                         "::ffff:10.0.0.1",
                                         "localhos",
                                         ""};

    for (size_t i = 0; i < sizeof loopback / sizeof loopback[0]; i++)
        ck_assert_msg(web_name_is_loopback(toni_str_of(loopback[i])), "%s", loopback[i]);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        ck_assert_msg(!web_name_is_loopback(toni_str_of(others[i])), "%s", others[i]);
}
END_TEST

START_TEST(knows_an_address)
{
    struct sockaddr_in ipv4 = {.sin_family = AF_INET};
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6}, mapped = {.sin6_family = AF_INET6};
    const struct sockaddr unix_socket = {.sa_family = AF_UNIX};

    inet_pton(AF_INET, "10.1.2.3", &ipv4.sin_addr);
    inet_pton(AF_INET6, "fd00::5", &ipv6.sin6_addr);
    inet_pton(AF_INET6, "::ffff:10.1.2.3", &mapped.sin6_addr);
    ck_assert(web_name_is_address(toni_str_of("10.1.2.3"), (const struct sockaddr *)&ipv4));
    ck_assert(web_name_is_address(toni_str_of("10.1.2.3"), (const struct sockaddr *)&mapped));
    ck_assert(web_name_is_address(toni_str_of("FD00:0::5"), (const struct sockaddr *)&ipv6));
    ck_assert(!web_name_is_address(toni_str_of("10.1.2.4"), (const struct sockaddr *)&ipv4));
    ck_assert(!web_name_is_address(toni_str_of("fd00::5"), (const struct sockaddr *)&ipv4));
    ck_assert(!web_name_is_address(toni_str_of("a.example"), (const struct sockaddr *)&ipv4));
    ck_assert(!web_name_is_address(toni_str_of("10.1.2.3"), &unix_socket));
    ck_assert(!web_name_is_address(toni_str_of("10.1.2.3"), NULL));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ws_web_name");
    TCase *cases = tcase_create("names");

    tcase_add_test(cases, reads_a_host);
    tcase_add_test(cases, refuses_what_is_no_host);
    tcase_add_test(cases, reads_an_origin);
    tcase_add_test(cases, compares);
    tcase_add_test(cases, knows_loopback);
    tcase_add_test(cases, knows_an_address);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
