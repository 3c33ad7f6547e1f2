/* The announce gateway against a fake slot, which is what it gets of the chat service. */
#include "../../plugins/include/toni-plugins/chat.h"
#include "runner.h"

#include "toni_testkit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <toni/toni.h>

static toni_fake_host host;
static toni_fake_client client;
static chat_slot slot;
static char sent[256];
static int32_t result;

static int32_t send_one(void *who, toni_str channel, toni_str sender, toni_str message)
{
    (void)snprintf(sent, sizeof sent, "%s %.*s|%.*s|%.*s", (const char *)who, TONI_STR_ARG(channel),
                   TONI_STR_ARG(sender), TONI_STR_ARG(message));
    return result;
}

static const struct chat_table chat = {sizeof chat, send_one};

/* Whether the client may, by the rules for rooms. */
#define ASKED "may_publish 7 c\n"

static void start(void)
{
    toni_fake_host_init(&host);
    toni_fake_host_provide(&host, "chat", &slot);
    slot = (chat_slot){.table = &chat, .self = "first"};
    sent[0] = '\0';
    result = 3;
    toni_fake_host_load(&host, TEST_PLUGINS_DIR "/announce_gateway.so");
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
    toni_fake_client_init(&client, &host, 7);
    ck_assert_int_eq(toni_fake_client_connect(&client), TONI_OK);
    toni_fake_host_clear(&host);
}

static void stop(void)
{
    toni_fake_host_stop(&host);
}

static void check_message(toni_message message, const char *through, const char *answered)
{
    sent[0] = '\0';
    ck_assert_int_eq(host.plugin->on_message(host.self, (toni_client *)&client, &message), TONI_OK);
    ck_assert_str_eq(sent, through);
    toni_fake_host_expect(&host, answered);
}

static void check_text(const char *text, const char *through, const char *answered)
{
    check_message(toni_text(toni_str_of(text)), through, answered);
}

START_TEST(sends_through_the_service_with_its_name)
{
    check_text("news:a:b", "first news|id7|a:b", "may_publish 7 news\n");
    check_text("c:", "first c|id7|", ASKED);
}
END_TEST

START_TEST(a_service_that_is_replaced_is_noticed)
{
    check_text("c:1", "first c|id7|1", ASKED);
    slot.self = "second";
    check_text("c:2", "second c|id7|2", ASKED);
}
END_TEST

START_TEST(answers_errors_in_one_line)
{
    char expected[256];

    result = TONI_ERR_TOO_BIG;
    (void)snprintf(expected, sizeof expected, ASKED "send 7 text:Not announced: %s\n",
                   toni_strerror(TONI_ERR_TOO_BIG));
    check_text("c:1", "first c|id7|1", expected);
    slot = (chat_slot){0};
    (void)snprintf(expected, sizeof expected, ASKED "send 7 text:Not announced: %s\n",
                   toni_strerror(TONI_ERR_NOT_FOUND));
    check_text("c:1", "", expected);
    host.result = TONI_ERR_MAY_NOT_PUBLISH;
    host.result_of = "may_publish";
    (void)snprintf(expected, sizeof expected, ASKED "send 7 text:Not announced: %s\n",
                   toni_strerror(TONI_ERR_MAY_NOT_PUBLISH));
    check_text("c:1", "", expected);
    check_text("no channel", "", "send 7 text:Send 'CHANNEL:TEXT' to announce something.\n");
    check_message(toni_binary(toni_str_of("c:1")), "", "");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plugins");
    TCase *cases = tcase_create("announce_gateway");

    tcase_add_checked_fixture(cases, start, stop);
    tcase_add_test(cases, sends_through_the_service_with_its_name);
    tcase_add_test(cases, a_service_that_is_replaced_is_noticed);
    tcase_add_test(cases, answers_errors_in_one_line);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
