/* The shipped rooms gateway, text by text, against a fake host; the echo gateway too. */
#include "runner.h"
#include "toni_testkit.h"

#include <stdlib.h>

static toni_fake_host host;
static toni_fake_client client;

static void start(const char *library)
{
    toni_fake_host_init(&host);
    toni_fake_client_init(&client, &host, 7);
    toni_fake_host_load(&host, library);
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
    toni_fake_host_clear(&host);
}

static void stop(void)
{
    toni_fake_host_stop(&host);
}

static void start_rooms(void)
{
    start(TEST_PLUGINS_DIR "/rooms_gateway.so");
}

static void start_echo(void)
{
    start(TEST_PLUGINS_DIR "/echo_gateway.so");
}

static void check_calls(toni_message message, const char *calls)
{
    toni_fake_host_clear(&host);
    ck_assert_int_eq(toni_fake_client_send(&client, &message), TONI_OK);
    toni_fake_host_expect(&host, calls);
}

static void check_text(const char *text, const char *calls)
{
    check_calls(toni_text(toni_str_of(text)), calls);
}

START_TEST(greets_who_connects)
{
    ck_assert_int_eq(toni_fake_client_connect(&client), TONI_OK);
    toni_fake_host_expect(&host, "send 7 text:Connected. Send 'join:<room>' to join a room.\n");
}
END_TEST

START_TEST(joins_leaves_and_broadcasts)
{
    check_text("join:lobby", "join 7 lobby\n"
                             "send 7 text:Joined room: lobby\n"
                             "broadcast lobby text:id7 joined\n");
    check_text("leave:lobby", "leave 7 lobby\nsend 7 text:Left room: lobby\n");
    check_text("msg:lobby:a:b", "broadcast_from 7 lobby text:[lobby] id7: a:b\n");
    check_text("msg:lobby:", "broadcast_from 7 lobby text:[lobby] id7: \n");
    check_text("join:a:b", "join 7 a:b\n"
                           "send 7 text:Joined room: a:b\n"
                           "broadcast a:b text:id7 joined\n");
}
END_TEST

START_TEST(a_broadcast_that_reached_some_is_no_error)
{
    host.result = 5;
    check_text("msg:lobby:hi", "broadcast_from 7 lobby text:[lobby] id7: hi\n");
}
END_TEST

START_TEST(keeps_a_nul_in_a_text)
{
    static const char text[] = "msg:r:a\0b";

    check_calls(toni_text(toni_str_make(text, sizeof text - 1)),
                "broadcast_from 7 r text:[r] id7: a~b\n");
}
END_TEST

START_TEST(says_why_a_join_failed)
{
    host.result = TONI_ERR_LIMIT;
    check_text("join:r", "join 7 r\nsend 7 text:No access to the room: a limit is reached\n");
    host.result = TONI_ERR_INVALID;
    check_text("join:", "join 7 \nsend 7 text:A room's name is 1 to 255 bytes, no control "
                        "characters\n");
    check_text("leave:", "leave 7 \nsend 7 text:A room's name is 1 to 255 bytes, no control "
                         "characters\n");
    host.result = TONI_ERR_BUSY;
    check_text("msg:r:x", "broadcast_from 7 r text:[r] id7: x\n"
                          "send 7 text:No access to the room: too much is waiting to be delivered, "
                          "or the cluster's engine is away\n");
}
END_TEST

START_TEST(ignores_everything_else)
{
    static const char *const others[] = {"", "hello", "join", "JOIN:r", " join:r", "msg:", "msg:r"};

    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        check_text(others[i], "");
    check_calls(toni_binary(toni_str_of("join:r")), "");
}
END_TEST

START_TEST(removes_who_disconnects)
{
    toni_fake_client_disconnect(&client, TONI_CLOSED_LOST);
    toni_fake_host_expect(&host, "remove 7\n");
}
END_TEST

START_TEST(describes_itself)
{
    ck_assert(toni_str_equal(host.plugin->name, toni_str_of("rooms")));
    ck_assert(toni_str_equal(host.plugin->path, toni_str_of("/rooms")));
    ck_assert_uint_eq(host.plugin->flags, TONI_CONCURRENT);
}
END_TEST

START_TEST(echo_sends_back_what_came)
{
    check_text("hello", "send 7 text:hello\n");
    check_calls(toni_binary(toni_str_make("\0x", 2)), "send 7 binary:~x\n");
    ck_assert(toni_str_equal(host.plugin->path, toni_str_of("/echo")));
    ck_assert_uint_eq(host.plugin->flags, TONI_CONCURRENT);
}
END_TEST

START_TEST(echo_keeps_going_when_a_client_is_full)
{
    host.result = TONI_ERR_FULL;
    check_text("hello", "send 7 text:hello\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plugins");
    TCase *rooms = tcase_create("rooms_gateway");
    TCase *echo = tcase_create("echo_gateway");

    tcase_add_checked_fixture(rooms, start_rooms, stop);
    tcase_add_test(rooms, describes_itself);
    tcase_add_test(rooms, greets_who_connects);
    tcase_add_test(rooms, joins_leaves_and_broadcasts);
    tcase_add_test(rooms, a_broadcast_that_reached_some_is_no_error);
    tcase_add_test(rooms, keeps_a_nul_in_a_text);
    tcase_add_test(rooms, says_why_a_join_failed);
    tcase_add_test(rooms, ignores_everything_else);
    tcase_add_test(rooms, removes_who_disconnects);
    suite_add_tcase(suite, rooms);

    tcase_add_checked_fixture(echo, start_echo, stop);
    tcase_add_test(echo, echo_sends_back_what_came);
    tcase_add_test(echo, echo_keeps_going_when_a_client_is_full);
    suite_add_tcase(suite, echo);

    return run_suite(suite);
}
