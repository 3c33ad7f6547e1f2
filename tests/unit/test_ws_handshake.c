/* The opening handshake by RFC 6455, sections 4.1 and 4.2: what is judged, chosen and answered. */
#include "no_memory.h"
#include "runner.h"
#include "ws/handshake.h"

#include <stdio.h>
#include <stdlib.h>

#define HEAD "GET /chat HTTP/1.1\r\nHost: server.example.com\r\n"
#define UPGRADE "Upgrade: websocket\r\n"
#define CONNECTION "Connection: Upgrade\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define KEY_IS(key) "Sec-WebSocket-Key: " key "\r\n"
#define KEY KEY_IS("dGhlIHNhbXBsZSBub25jZQ==") /* section 1.3 */
#define GOOD HEAD UPGRADE CONNECTION VERSION KEY
#define PROTOCOL "Sec-WebSocket-Protocol: "
#define EXTENSIONS "Sec-WebSocket-Extensions: "
#define OFFER                                                                                      \
    "permessage-deflate; client_no_context_takeover; server_no_context_takeover; "                 \
    "client_max_window_bits; server_max_window_bits=10"

static struct head head;
static struct deflate_terms terms;
static const char *why;
static char answer[HANDSHAKE_ANSWER_SIZE + 2];

/* @param lines  Without the empty line at the end. */
static void read_head(const char *lines)
{
    static char text[HEAD_SIZE_MAX];
    const size_t size = strlen(lines) + 2;
    ck_assert_uint_lt(size, sizeof text);
    (void)snprintf(text, sizeof text, "%s\r\n", lines);
    head_init(&head);
    const enum head_progress progress = head_read(&head, text, size);
    ck_assert_msg(progress == HEAD_DONE, "%s: %s", lines, head.fault ? head.fault : "not whole");
}

static enum refusal check(const char *lines)
{
    read_head(lines);
    return handshake_check(&head, &terms, &why);
}

static const struct {
    enum refusal refusal;
    const char *lines;
} rows[] = {
    {REFUSAL_NONE, GOOD},
    {REFUSAL_NONE, HEAD KEY VERSION CONNECTION UPGRADE},
    {REFUSAL_NONE, HEAD "uPGRADE: WebSocket\r\ncONNECTION: keep-alive, uPGRADE\r\n" VERSION KEY},
    {REFUSAL_NONE, HEAD "Upgrade: other/1, websocket\r\n" CONNECTION VERSION KEY},
    {REFUSAL_NONE, HEAD "Upgrade: other\r\n" UPGRADE CONNECTION VERSION KEY},
    {REFUSAL_NONE, HEAD UPGRADE "Connection: close\r\n" CONNECTION VERSION KEY},
    {REFUSAL_NONE, GOOD "Content-Length: 0\r\n"},
    {REFUSAL_NONE,
     "GET ws://server.example.com/chat HTTP/1.1\r\nHost: x\r\n" UPGRADE CONNECTION VERSION KEY},
    {REFUSAL_NONE, GOOD "Cookie: a=b\r\nOrigin: http://example.com\r\nX-Other: y\r\n"},
    {REFUSAL_NONE, HEAD UPGRADE CONNECTION VERSION KEY_IS("AAAAAAAAAAAAAAAAAAAAAA==")},
    {REFUSAL_NONE, HEAD UPGRADE CONNECTION VERSION KEY_IS("/////////////////////w==")},
    {REFUSAL_NONE, HEAD UPGRADE CONNECTION VERSION KEY_IS("+/+/+/+/+/+/+/+/+/+/+g==")},

    /* The method comes first. */
    {REFUSAL_METHOD, "POST /chat HTTP/1.1\r\nHost: a\r\n" UPGRADE CONNECTION VERSION KEY},
    {REFUSAL_METHOD, "HEAD /chat HTTP/1.1\r\nHost: a\r\n"},
    {REFUSAL_METHOD, "get /chat HTTP/1.1\r\nHost: a\r\n" UPGRADE CONNECTION VERSION KEY},
    {REFUSAL_METHOD, "POST /chat HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"},
    {REFUSAL_METHOD, "DELETE /chat HTTP/1.0\r\n"},

    /* Then whether it is an upgrade at all. */
    {REFUSAL_NO_UPGRADE, HEAD},
    {REFUSAL_NO_UPGRADE, HEAD CONNECTION VERSION KEY},
    {REFUSAL_NO_UPGRADE, HEAD "Upgrade:\r\n" CONNECTION VERSION KEY},
    {REFUSAL_NO_UPGRADE, HEAD "Upgrade: h2c\r\n" CONNECTION VERSION KEY},
    {REFUSAL_NO_UPGRADE, HEAD "Upgrade: websockets\r\n" CONNECTION VERSION KEY},
    {REFUSAL_NO_UPGRADE, HEAD "Upgrade: websocket/13\r\n" CONNECTION VERSION KEY},
    {REFUSAL_NO_UPGRADE, HEAD "Upgrade: web socket\r\n" CONNECTION VERSION KEY},
    {REFUSAL_NO_UPGRADE, "GET /chat HTTP/1.0\r\n"},

    /* Then its version. */
    {REFUSAL_VERSION, HEAD UPGRADE CONNECTION KEY},
    {REFUSAL_VERSION, HEAD UPGRADE CONNECTION KEY "Sec-WebSocket-Version:\r\n"},
    {REFUSAL_VERSION, HEAD UPGRADE CONNECTION KEY "Sec-WebSocket-Version: 8\r\n"},
    {REFUSAL_VERSION, HEAD UPGRADE CONNECTION KEY "Sec-WebSocket-Version: 013\r\n"},
    {REFUSAL_VERSION, HEAD UPGRADE CONNECTION KEY "Sec-WebSocket-Version: 130\r\n"},
    {REFUSAL_VERSION, HEAD UPGRADE CONNECTION KEY "Sec-WebSocket-Version: 13, 8\r\n"},
    {REFUSAL_VERSION, HEAD UPGRADE CONNECTION KEY "Sec-WebSocket-Version: 8\r\n" VERSION},
    {REFUSAL_VERSION, GOOD VERSION}, /* section 11.3.5 */
    {REFUSAL_VERSION, HEAD UPGRADE KEY_IS("short") "Sec-WebSocket-Version: 8\r\n"},

    /* Then all else. */
    {REFUSAL_BAD_REQUEST, "GET /chat HTTP/1.0\r\nHost: a\r\n" UPGRADE CONNECTION VERSION KEY},
    {REFUSAL_BAD_REQUEST, GOOD "Content-Length: 5\r\n"},
    {REFUSAL_BAD_REQUEST, GOOD "Transfer-Encoding: chunked\r\n"},
    {REFUSAL_BAD_REQUEST, HEAD UPGRADE VERSION KEY},
    {REFUSAL_BAD_REQUEST, HEAD UPGRADE "Connection: keep-alive\r\n" VERSION KEY},
    {REFUSAL_BAD_REQUEST, HEAD UPGRADE "Connection: upgraded\r\n" VERSION KEY},

    {REFUSAL_BAD_REQUEST, HEAD UPGRADE CONNECTION VERSION},
    {REFUSAL_BAD_REQUEST, GOOD KEY}, /* section 11.3.1 */
    {REFUSAL_BAD_REQUEST, HEAD UPGRADE CONNECTION VERSION KEY_IS("")},
    {REFUSAL_BAD_REQUEST, HEAD UPGRADE CONNECTION VERSION KEY_IS("short")},
    {REFUSAL_BAD_REQUEST, HEAD UPGRADE CONNECTION VERSION KEY_IS("dGhlIHNhbXBsZSBub25jZQ=")},
    {REFUSAL_BAD_REQUEST, HEAD UPGRADE CONNECTION VERSION KEY_IS("dGhlIHNhbXBsZSBub25jZQ===")},
    {REFUSAL_BAD_REQUEST, HEAD UPGRADE CONNECTION VERSION KEY_IS("dGhlIHNhbXBsZSBub25jZQAA")},
    {REFUSAL_BAD_REQUEST, HEAD UPGRADE CONNECTION VERSION KEY_IS("dGhlIHNhbXBsZSBub25jZQ??")},
    {REFUSAL_BAD_REQUEST, HEAD UPGRADE CONNECTION VERSION KEY_IS("dGhlIHNhbXBsZSBub25j\tQ==")},
    {REFUSAL_BAD_REQUEST, HEAD UPGRADE CONNECTION VERSION KEY_IS("dGhlIHNhbXBsZSBub25j-Q==")},
    {REFUSAL_BAD_REQUEST, HEAD UPGRADE CONNECTION VERSION KEY_IS("dGhlIHNhbXBsZSBub25jZR==")},

    /* Subprotocols: any token, any number of lines; empty elements are none. */
    {REFUSAL_NONE, GOOD PROTOCOL "chat, superchat\r\n"},
    {REFUSAL_NONE, GOOD PROTOCOL "a!#$%&'*+-.^_`|~09b\r\n"},
    {REFUSAL_NONE, GOOD PROTOCOL "\r\n"},
    {REFUSAL_NONE, GOOD PROTOCOL ",, chat,\r\n" PROTOCOL "b\r\n"},
    {REFUSAL_NONE,
     GOOD PROTOCOL "chat, chat\r\n"}, /* harmless: the first that is known is chosen */
    {REFUSAL_BAD_REQUEST, GOOD PROTOCOL "a b\r\n"},
    {REFUSAL_BAD_REQUEST, GOOD PROTOCOL "a;b\r\n"},
    {REFUSAL_BAD_REQUEST, GOOD PROTOCOL "\"a\"\r\n"},
    {REFUSAL_BAD_REQUEST, GOOD PROTOCOL "chat\r\n" PROTOCOL "a/b\r\n"},
    {REFUSAL_BAD_REQUEST, GOOD PROTOCOL "chat, \xc3\xa4\r\n"},

    /* Extensions: section 9.1. */
    {REFUSAL_NONE, GOOD EXTENSIONS "foo, bar; baz=2, quux; a=\"b\"\r\n"},
    {REFUSAL_NONE, GOOD EXTENSIONS "\r\n"},
    {REFUSAL_NONE, GOOD EXTENSIONS OFFER ", " OFFER ", permessage-deflate; "
                                         "client_max_window_bits\r\n"}, /* 296 bytes */
    {REFUSAL_NONE, GOOD EXTENSIONS "permessage-deflate; server_max_window_bits=99\r\n"},
    {REFUSAL_BAD_REQUEST, GOOD EXTENSIONS "foo;\r\n"},
    {REFUSAL_BAD_REQUEST, GOOD EXTENSIONS "foo; bar=\"\r\n"},
    {REFUSAL_BAD_REQUEST, GOOD EXTENSIONS "foo bar\r\n"},
    {REFUSAL_BAD_REQUEST, GOOD EXTENSIONS "permessage-deflate\r\n" EXTENSIONS "foo; =\r\n"},
};

START_TEST(a_row)
{
    const enum refusal refusal = check(rows[_i].lines);
    ck_assert_msg(refusal == rows[_i].refusal, "%d instead of %d:\n%s", (int)refusal,
                  (int)rows[_i].refusal, rows[_i].lines);
    ck_assert(!why == (refusal != REFUSAL_BAD_REQUEST));
}
END_TEST

/* The faults that only a reader of heads finds are refused with its status. */
START_TEST(faults_of_heads_have_their_refusals)
{
    static const uint16_t statuses[] = {400, 405, 414, 431, 505};
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        head.status = statuses[i];
        ck_assert_uint_eq(refusal_status(handshake_fault(&head)), statuses[i]);
    }
    ck_assert_uint_eq(refusal_status(REFUSAL_NONE), 0);
}
END_TEST

/* --- Subprotocols */

static const toni_str chat = TONI_LIT_INIT("chat"), superchat = TONI_LIT_INIT("superchat"),
                      bearer = TONI_LIT_INIT("bearer"), odd = TONI_LIT_INIT("!#$%&'*+-.^_`|~");
static const toni_str *const known[] = {&chat, &superchat, &bearer, &odd, NULL};

static void check_chosen(const char *lines, const char *expected)
{
    ck_assert_int_eq(check(lines), REFUSAL_NONE);
    const toni_str chosen = handshake_choose(&head, known);
    ck_assert_msg(toni_str_equal(chosen, toni_str_of(expected)), "`%.*s` instead of `%s`:\n%.200s",
                  TONI_STR_ARG(chosen), expected, lines);
}

START_TEST(the_first_that_is_offered_and_known_is_chosen)
{
    check_chosen(GOOD, "");
    check_chosen(GOOD PROTOCOL "chat, superchat\r\n", "chat");
    check_chosen(GOOD PROTOCOL "superchat, chat\r\n", "superchat");
    check_chosen(GOOD PROTOCOL "other,superchat , chat\r\n", "superchat");
    check_chosen(GOOD PROTOCOL "other\r\nX: y\r\n" PROTOCOL "\r\nsec-websocket-protocol: chat\r\n",
                 "chat");
    check_chosen(GOOD PROTOCOL "CHAT, chatter, cha\r\n", "");
    check_chosen(GOOD PROTOCOL "!#$%&'*+-.^_`|~\r\n", "!#$%&'*+-.^_`|~");
    check_chosen(GOOD PROTOCOL "superchat, superchat\r\n", "superchat");
    ck_assert_int_eq(check(GOOD PROTOCOL "chat\r\n"), REFUSAL_NONE);
    ck_assert_uint_eq(handshake_choose(&head, NULL).size, 0);
}
END_TEST

static void check_shortest(const char *lines, const char *expected)
{
    ck_assert_int_eq(check(lines), REFUSAL_NONE);
    const toni_str chosen = handshake_choose_shortest(&head);
    ck_assert_msg(toni_str_equal(chosen, toni_str_of(expected)), "`%.*s` instead of `%s`:\n%.200s",
                  TONI_STR_ARG(chosen), expected, lines);
}

START_TEST(who_is_let_in_to_be_refused_is_told_the_shortest)
{
    check_shortest(GOOD, "");
    check_shortest(GOOD PROTOCOL "bearer.eyJ, bearer\r\n", "bearer");
    check_shortest(GOOD PROTOCOL "bearer.eyJ\r\n" PROTOCOL "a, b\r\n", "a");
    check_shortest(GOOD PROTOCOL "bearer.eyJ\r\n", "bearer.eyJ");
}
END_TEST

/* What a browser has for a token, since it can set no other header. */
START_TEST(a_token_of_4_kib_is_an_offer)
{
    static char lines[8192], token[4096];
    memset(token, 'x', sizeof token - 1);
    (void)snprintf(lines, sizeof lines, GOOD PROTOCOL "bearer, eyJ%s\r\n", token);
    check_chosen(lines, "bearer");
    (void)snprintf(lines, sizeof lines, GOOD PROTOCOL "bearer.%s\r\n", token);
    check_chosen(lines, "");
    const toni_str whole = toni_str_make(strstr(lines, "bearer."), 7 + sizeof token - 1);
    const toni_str *const only[] = {&whole, NULL};
    const toni_str chosen = handshake_choose(&head, only);
    ck_assert(toni_str_equal(chosen, whole));
    const size_t size = handshake_accept(answer, &head, chosen, NULL);
    answer[size] = '\0';
    ck_assert_ptr_nonnull(strstr(answer, lines + strlen(GOOD)));
}
END_TEST

/* --- Answers */

static const char *accept_with(const char *lines, const char *subprotocol)
{
    ck_assert_int_eq(check(lines), REFUSAL_NONE);
    const size_t size = handshake_accept(answer, &head, toni_str_of(subprotocol), &terms);
    ck_assert_uint_le(size, HANDSHAKE_ANSWER_SIZE);
    answer[size] = '\0';
    return answer;
}

#define ACCEPTED                                                                                   \
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"            \
    "Sec-WebSocket-Accept: "
#define EXAMPLE "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

START_TEST(the_example_of_the_rfc)
{
    ck_assert_str_eq(accept_with(GOOD, ""), ACCEPTED EXAMPLE "\r\n\r\n");
    ck_assert_str_eq(accept_with(GOOD, "chat"),
                     ACCEPTED EXAMPLE "\r\nSec-WebSocket-Protocol: chat\r\n\r\n");
    ck_assert_str_eq(
        accept_with(HEAD UPGRADE CONNECTION VERSION KEY_IS("x3JJHMbDL1EzLkh9GBhXDw=="), ""),
        ACCEPTED "HSmrc0sMlYUkAGmm5OPpG2HaGWk=\r\n\r\n");
}
END_TEST

START_TEST(deflate_is_answered_with_its_terms)
{
    ck_assert_str_eq(accept_with(GOOD EXTENSIONS "permessage-deflate\r\n", "chat"),
                     ACCEPTED EXAMPLE "\r\nSec-WebSocket-Protocol: chat\r\n"
                                      "Sec-WebSocket-Extensions: permessage-deflate; "
                                      "server_no_context_takeover; client_no_context_takeover"
                                      "\r\n\r\n");
}
END_TEST

START_TEST(deflate_in_several_lines)
{
    accept_with(GOOD EXTENSIONS "foo\r\n" EXTENSIONS "permessage-deflate; bar\r\n" EXTENSIONS OFFER
                                "\r\n",
                "");
    ck_assert_ptr_nonnull(strstr(answer, "; server_max_window_bits=10\r\n\r\n"));
    accept_with(GOOD EXTENSIONS "foo\r\n" EXTENSIONS "permessage-deflate; bar\r\n", "");
    ck_assert_ptr_null(strstr(answer, "Extensions"));
}
END_TEST

static const char *refuse(enum refusal refusal, const char *words, bool is_head)
{
    const size_t size = handshake_refuse(answer, refusal, words, is_head, 784111777);
    ck_assert_uint_le(size, HANDSHAKE_ANSWER_SIZE);
    answer[size] = '\0';
    return answer;
}

/* The date is RFC 9110's example. */
START_TEST(a_refusal_says_why)
{
    ck_assert_str_eq(refuse(REFUSAL_VERSION, NULL, false),
                     "HTTP/1.1 426 Upgrade Required\r\n"
                     "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                     "Content-Type: text/plain; charset=utf-8\r\n"
                     "Content-Length: 41\r\n"
                     "Upgrade: websocket\r\n"
                     "Sec-WebSocket-Version: 13\r\n"
                     "Connection: close\r\n\r\n"
                     "only WebSocket version 13 is spoken here\n");
    refuse(REFUSAL_BAD_REQUEST, "a CR without LF", false);
    ck_assert_ptr_nonnull(strstr(answer, "\r\n\r\nnot a valid WebSocket handshake: a CR without "
                                         "LF\n"));
}
END_TEST

START_TEST(a_refusal_of_each_kind)
{
    static const struct {
        enum refusal refusal;
        const char *begin;
        const char *field;
        const char *text;
    } refusals[] = {
        {REFUSAL_BAD_REQUEST, "400 Bad Request", "", "not a valid WebSocket handshake"},
        {REFUSAL_UNAUTHORIZED, "401 Unauthorized", "WWW-Authenticate: Bearer\r\n",
         "say who you are"},
        {REFUSAL_FORBIDDEN, "403 Forbidden", "", "you may not connect here"},
        {REFUSAL_ORIGIN, "403 Forbidden", "", "pages of this origin may not connect here"},
        {REFUSAL_NOT_FOUND, "404 Not Found", "", "no gateway on this path"},
        {REFUSAL_METHOD, "405 Method Not Allowed", "Allow: GET\r\n", "only GET opens a WebSocket"},
        {REFUSAL_TARGET_SIZE, "414 URI Too Long", "", "the request's target is too long"},
        {REFUSAL_NO_UPGRADE, "426 Upgrade Required", "Upgrade: websocket\r\n",
         "connect with a WebSocket client"},
        {REFUSAL_VERSION, "426 Upgrade Required",
         "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
         "only WebSocket version 13 is spoken here"},
        {REFUSAL_HEAD_SIZE, "431 Request Header Fields Too Large", "", "the head is too large"},
        {REFUSAL_NO_MEMORY, "500 Internal Server Error", "", "out of memory"},
        {REFUSAL_FULL, "503 Service Unavailable", "Retry-After: 10\r\n", "too many connections"},
        {REFUSAL_DRAINING, "503 Service Unavailable", "Retry-After: 5\r\n", "the host is stopping"},
        {REFUSAL_GUARD_LATE, "503 Service Unavailable", "Retry-After: 5\r\n", NULL},
        {REFUSAL_HTTP_VERSION, "505 HTTP Version Not Supported", "",
         "only HTTP/1.1 is spoken here"},
    };
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        for (unsigned is_head = 0; is_head < 2; is_head++) {
            char begin[64], length[64];
            const char *body = strstr(refuse(refusals[i].refusal, NULL, is_head), "\r\n\r\n") + 4;
            (void)snprintf(begin, sizeof begin, "HTTP/1.1 %s\r\n", refusals[i].begin);
            ck_assert(strncmp(answer, begin, strlen(begin)) == 0);
            ck_assert_ptr_nonnull(strstr(answer, refusals[i].field));
            ck_assert_ptr_nonnull(strstr(answer, "Connection: close\r\n"));
            ck_assert_uint_eq(refusal_status(refusals[i].refusal), strtoul(begin + 9, NULL, 10));
            if (is_head) {
                ck_assert_str_eq(body, "");
                continue;
            }
            (void)snprintf(length, sizeof length, "Content-Length: %zu\r\n", strlen(body));
            ck_assert_ptr_nonnull(strstr(answer, length));
            if (refusals[i].text) {
                ck_assert(strncmp(body, refusals[i].text, strlen(refusals[i].text)) == 0);
                ck_assert_str_eq(body + strlen(refusals[i].text), "\n");
            }
        }
    }
}
END_TEST

START_TEST(a_handshake_allocates_nothing)
{
    toni_str chosen = {"", 0};
    enum refusal refusal = REFUSAL_NO_MEMORY;
    size_t size = 0;
    read_head(GOOD PROTOCOL "other, chat\r\n" EXTENSIONS OFFER "\r\n");
    WITH_ALLOCATIONS(0, {
        refusal = handshake_check(&head, &terms, &why);
        chosen = handshake_choose(&head, known);
        size = handshake_accept(answer, &head, chosen, &terms);
        (void)handshake_refuse(answer + 1, REFUSAL_FULL, NULL, false, 0);
    });
    ck_assert(!allocation_failed());
    ck_assert_int_eq(refusal, REFUSAL_NONE);
    ck_assert_uint_eq(chosen.size, 4);
    ck_assert_uint_gt(size, 0);
}
END_TEST

int main(void)
{
    if (!no_memory_works())
        return NO_MEMORY_SKIPPED;
    Suite *suite = suite_create("ws/handshake");
    TCase *cases = tcase_create("all");

    tcase_add_loop_test(cases, a_row, 0, sizeof rows / sizeof rows[0]);
    tcase_add_test(cases, faults_of_heads_have_their_refusals);
    tcase_add_test(cases, the_first_that_is_offered_and_known_is_chosen);
    tcase_add_test(cases, who_is_let_in_to_be_refused_is_told_the_shortest);
    tcase_add_test(cases, a_token_of_4_kib_is_an_offer);
    tcase_add_test(cases, the_example_of_the_rfc);
    tcase_add_test(cases, deflate_is_answered_with_its_terms);
    tcase_add_test(cases, deflate_in_several_lines);
    tcase_add_test(cases, a_refusal_says_why);
    tcase_add_test(cases, a_refusal_of_each_kind);
    tcase_add_test(cases, a_handshake_allocates_nothing);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
