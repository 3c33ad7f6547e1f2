/* Where to connect, and how a server's answer is judged. */
#include "client/answer.h"
#include "client/target.h"
#include "runner.h"

#include <stdlib.h>
#include <string.h>

static void expect(const char *text, bool tls, const char *host, const char *port, const char *path)
{
    struct url url;
    ck_assert_ptr_null(url_parse(&url, text));
    ck_assert_int_eq(url.tls, tls);
    ck_assert_str_eq(url.host, host);
    ck_assert_str_eq(url.port, port);
    ck_assert_str_eq(url.path, path);
    url_finish(&url);
}

START_TEST(urls_are_read)
{
    expect("ws://127.0.0.1:9000/echo?a=b", false, "127.0.0.1", "9000", "/echo?a=b");
    expect("WSS://a.example", true, "a.example", "443", "/");
    expect("ws://[::1]/x", false, "::1", "80", "/x");
    expect("ws://[::1]:9000", false, "::1", "9000", "/");
}
END_TEST

START_TEST(sockets_are_read)
{
    struct url url;
    ck_assert_ptr_null(url_parse(&url, "unix:/run/toni.sock:/echo"));
    ck_assert_str_eq(url.socket, "/run/toni.sock");
    ck_assert_str_eq(url.path, "/echo");
    ck_assert_ptr_null(url.host);
    url_finish(&url);
    ck_assert_ptr_null(url_parse(&url, "unix:toni.sock"));
    ck_assert_str_eq(url.socket, "toni.sock");
    ck_assert_str_eq(url.path, "/");
    url_finish(&url);
}
END_TEST

START_TEST(what_is_no_url_is_refused)
{
    static const char *const wrong[] = {
        "",           "127.0.0.1:9000", "http://a/",        "ws://",
        "ws:///x",    "ws://[::1/x",    "ws://a:/x",        "ws://[::1]9000/",
        "ws://a/x#y", "ws://a/x y",     "ws://a/x\r\nX: y", "ws://u@a/",
        "ws://a?x",   "unix:",          "unix::/echo",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct url url;
        ck_assert_msg(url_parse(&url, wrong[i]) != NULL, "%s was taken", wrong[i]);
        url_finish(&url);
    }
}
END_TEST

#define UPGRADE "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
#define ACCEPT "sec-websocket-accept:  " TARGET_ACCEPT " \r\n"

static const char *judge(const char *head, const char *subprotocol)
{
    static char why[ANSWER_WHY_SIZE];
    return answer_judge(head, subprotocol, why) == 0 ? "" : why;
}

START_TEST(upgrades_are_judged)
{
    ck_assert_str_eq(judge(UPGRADE ACCEPT "\r\n", NULL), "");
    ck_assert_str_eq(judge(UPGRADE ACCEPT "Sec-WebSocket-Protocol: chat\r\n\r\nrest", "chat"), "");
    ck_assert_str_ne(judge(UPGRADE "\r\n", NULL), "");
    ck_assert_str_ne(judge(UPGRADE "Sec-WebSocket-Accept: x\r\n\r\n", NULL), "");
    ck_assert_str_ne(judge(UPGRADE "\r\n" ACCEPT "\r\n", NULL), ""); /* behind the head */
    ck_assert_str_ne(judge(UPGRADE ACCEPT "\r\n", "chat"), "");
    ck_assert_str_ne(judge(UPGRADE ACCEPT "Sec-WebSocket-Protocol: chats\r\n\r\n", "chat"), "");
    ck_assert_str_ne(judge(UPGRADE ACCEPT "Sec-WebSocket-Protocol: chat\r\n\r\n", NULL), "");
    ck_assert_str_ne(judge(UPGRADE ACCEPT "Sec-WebSocket-Extensions: x\r\n\r\n", NULL), "");
}
END_TEST

START_TEST(refusals_say_why)
{
    ck_assert_str_eq(
        judge("HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\n\r\nsorry\r\nmore", NULL),
        "403 Forbidden: sorry");
    ck_assert_str_eq(judge("HTTP/1.1 503 Service Unavailable\r\n\r\n", NULL),
                     "503 Service Unavailable");
    ck_assert_str_eq(judge("SSH-2.0-x\r\n\r\n", NULL), "the answer is not HTTP");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bench_url");
    TCase *cases = tcase_create("bench_url");
    tcase_add_test(cases, urls_are_read);
    tcase_add_test(cases, sockets_are_read);
    tcase_add_test(cases, what_is_no_url_is_refused);
    tcase_add_test(cases, upgrades_are_judged);
    tcase_add_test(cases, refusals_say_why);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
