/* The chat service against the fake host: its interface and its HTTP side. */
#include "../../plugins/include/toni-plugins/chat.h"
#include "runner.h"

#include "toni_testkit.h"
#include <stdlib.h>
#include <string.h>
#include <toni/toni.h>

static toni_fake_host host;

static void set_up(void)
{
    toni_fake_host_init(&host);
    toni_fake_host_load(&host, TEST_PLUGINS_DIR "/chat_service.so");
}

static void start(void)
{
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
    toni_fake_host_clear(&host);
}

static int32_t send_to(const char *channel, const char *sender, toni_str message)
{
    const struct chat_table *table = host.plugin->provides->table;

    return table->send_to_channel(host.self, toni_str_of(channel), toni_str_of(sender), message);
}

/* Posts JSON; what the service does is in the host's record. */
static void post(const char *path, const char *type, const char *body)
{
    toni_fake_exchange exchange;

    toni_fake_exchange_init(&exchange, &host, "POST", path);
    if (type)
        toni_fake_exchange_set_header(&exchange, "content-type", type);
    toni_fake_exchange_set_part(&exchange, TONI_EXCHANGE_BODY, toni_str_of(body));
    ck_assert_int_eq(toni_fake_exchange_run(&exchange), TONI_OK);
}

START_TEST(sends_to_a_channel)
{
    start();
    host.result = 2;
    ck_assert_int_eq(send_to("general", "ann", toni_str_of("hello")), 2);
    toni_fake_host_expect(&host, "broadcast general text:[general] ann: hello\n");
    ck_assert_int_eq(send_to("general", "ann", toni_str_make("a\0b", 3)), 2);
    toni_fake_host_expect(&host, "broadcast general text:[general] ann: a~b\n");
    ck_assert_int_eq(send_to("general", "ann", toni_str_make(NULL, 0)), 2);
    toni_fake_host_expect(&host, "broadcast general text:[general] ann: \n");
    host.result = TONI_OK;
    toni_fake_host_stop(&host);
}
END_TEST

START_TEST(hands_on_what_the_connections_say)
{
    start();
    host.result = TONI_ERR_BUSY;
    ck_assert_int_eq(send_to("general", "ann", toni_str_of("hello")), TONI_ERR_BUSY);
    host.result = TONI_OK;
    toni_fake_host_stop(&host);
}
END_TEST

START_TEST(bounds_a_message)
{
    toni_fake_host_set_int(&host, "max_length", 5);
    start();
    ck_assert_int_eq(send_to("a", "b", toni_str_of("12345")), TONI_OK);
    toni_fake_host_expect(&host, "broadcast a text:[a] b: 12345\n");
    ck_assert_int_eq(send_to("a", "b", toni_str_of("123456")), TONI_ERR_TOO_BIG);
    toni_fake_host_expect(&host, "");
    toni_fake_host_stop(&host);
}
END_TEST

START_TEST(a_post_is_sent)
{
    start();
    host.result_of = "broadcast";
    host.result = 3;
    post("/chat/general", "application/json", "{\"sender\": \"ann\", \"message\": \"a\\u0000b\"}");
    toni_fake_host_expect(&host, "broadcast general text:[general] ann: a~b\n"
                                 "answer 202 application/json {\"targeted\":3}\n");
    post("/chat/a/b", "Application/JSON; charset=utf-8",
         "{\"sender\": \"é\", \"message\": \"\", \"more\": [1]}");
    toni_fake_host_expect(&host, "broadcast a/b text:[a/b] é: \n"
                                 "answer 202 application/json {\"targeted\":3}\n");
    toni_fake_host_stop(&host);
}
END_TEST

/* What is posted to /chat/general as JSON, and what the answer is: a status and an error. */
static const struct {
    const char *body, *answer;
} refused[] = {
    {"", "400 application/json {\"error\":\"malformed JSON: '[' or '{' expected near end of file\","
         "\"line\":1,\"column\":0}"},
    {"{", "400 application/json {\"error\":\"malformed JSON: string or '}' expected near end of "
          "file\",\"line\":1,\"column\":1}"},
    {"{\"sender\": \"a\",\n\"sender\": \"b\"}",
     "400 application/json {\"error\":\"malformed JSON: duplicate object key near "
     "'\\\"sender\\\"'\",\"line\":2,\"column\":8}"},
    {"[]", "400 application/json {\"error\":\"the body is no JSON object\"}"},
    {"{}", "400 application/json {\"error\":\"`sender` is missing or no string\"}"},
    {"{\"sender\": 1, \"message\": \"\"}",
     "400 application/json {\"error\":\"`sender` is missing or no string\"}"},
    {"{\"sender\": \"a\"}",
     "400 application/json {\"error\":\"`message` is missing or no string\"}"},
};

START_TEST(a_body_that_is_wrong_is_told_what_is_wrong)
{
    char expected[512];

    start();
    post("/chat/general", "application/json", refused[_i].body);
    (void)snprintf(expected, sizeof expected, "answer %s\n", refused[_i].answer);
    toni_fake_host_expect(&host, expected);
    toni_fake_host_stop(&host);
}
END_TEST

static void post_as(const char *sender)
{
    char body[1024];

    (void)snprintf(body, sizeof body, "{\"sender\": \"%s\", \"message\": \"m\"}", sender);
    post("/chat/general", "application/json", body);
}

START_TEST(a_sender_that_could_be_a_client_or_breaks_the_line_is_refused)
{
    static const struct {
        const char *sender, *error;
    } senders[] = {
        {"", "`sender` is not 1 to 255 bytes long"},
        {"a\\nb", "`sender` has a control character"},
        {"a\\u001b[2J", "`sender` has a control character"},
        {"a\\u0000", "`sender` has a control character"},
        {"\\u007f", "`sender` has a control character"},
        {"\\u0085", "`sender` has a control character"},
        {"0123456789abcdef", "`sender` reads as the name of a client"},
        {"0123456789ABCDEF", "`sender` reads as the name of a client"},
        {"0123456789abcdef: hello", "`sender` reads as the name of a client"},
    };
    static const char *const taken[] = {"0123456789abcde", "0123456789abcdef0",
                                        "0123456789abcdef is a client", "\\u00a0", "ann: b"};
    char expected[256], longest[257];

    start();
    for (size_t i = 0; i < sizeof senders / sizeof senders[0]; i++) {
        post_as(senders[i].sender);
        (void)snprintf(expected, sizeof expected,
                       "answer 400 application/json {\"error\":\"%s\"}\n", senders[i].error);
        toni_fake_host_expect(&host, expected);
    }
    memset(longest, 'x', sizeof longest);
    longest[256] = '\0';
    post_as(longest);
    toni_fake_host_expect(&host, "answer 400 application/json {\"error\":\"`sender` is not 1 to "
                                 "255 bytes long\"}\n");
    post_as(longest + 1);
    ck_assert_ptr_nonnull(strstr(host.calls, "answer 202 "));
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        toni_fake_host_clear(&host);
        post_as(taken[i]);
        ck_assert_ptr_nonnull(strstr(host.calls, "answer 202 "));
    }
    toni_fake_host_stop(&host);
}
END_TEST

START_TEST(another_type_is_415)
{
    static const char *const types[] = {NULL, "text/plain", "application/jsonp", "application"};

    start();
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        post("/chat/general", types[i], "{\"sender\": \"a\", \"message\": \"b\"}");
        toni_fake_host_expect(&host, "answer 415 application/json {\"error\":\"Content-Type is not "
                                     "application/json\"}\n");
    }
    toni_fake_host_stop(&host);
}
END_TEST

START_TEST(other_methods_are_405_and_no_channel_is_404)
{
    toni_fake_exchange exchange;

    start();
    toni_fake_exchange_init(&exchange, &host, "GET", "/chat/general");
    ck_assert_int_eq(toni_fake_exchange_run(&exchange), TONI_OK);
    toni_fake_host_expect(&host, "header Allow: POST\nanswer 405 application/json "
                                 "{\"error\":\"only POST is allowed here\"}\n");
    for (const char *const *path = (const char *const[]){"/chat", "/chat/", NULL}; *path; path++) {
        post(*path, "application/json", "{}");
        toni_fake_host_expect(&host,
                              "answer 404 application/json {\"error\":\"no channel is named: "
                              "POST to /CHANNEL below this path\"}\n");
    }
    toni_fake_host_stop(&host);
}
END_TEST

START_TEST(errors_of_the_broadcast_have_a_status)
{
    static const char body[] = "{\"sender\": \"a\", \"message\": \"b\"}";

    start();
    host.result_of = "broadcast";
    host.result = TONI_ERR_INVALID;
    post("/chat/general", "application/json", body);
    ck_assert_ptr_nonnull(strstr(host.calls, "answer 400 "));
    toni_fake_host_clear(&host);
    host.result = TONI_ERR_BUSY;
    post("/chat/general", "application/json", body);
    ck_assert_ptr_nonnull(strstr(host.calls, "answer 503 "));
    toni_fake_host_stop(&host);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plugins");
    TCase *cases = tcase_create("chat_service");

    tcase_add_checked_fixture(cases, set_up, NULL);
    tcase_add_test(cases, sends_to_a_channel);
    tcase_add_test(cases, hands_on_what_the_connections_say);
    tcase_add_test(cases, bounds_a_message);
    tcase_add_test(cases, a_post_is_sent);
    tcase_add_loop_test(cases, a_body_that_is_wrong_is_told_what_is_wrong, 0,
                        sizeof refused / sizeof refused[0]);
    tcase_add_test(cases, a_sender_that_could_be_a_client_or_breaks_the_line_is_refused);
    tcase_add_test(cases, another_type_is_415);
    tcase_add_test(cases, other_methods_are_405_and_no_channel_is_404);
    tcase_add_test(cases, errors_of_the_broadcast_have_a_status);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
