/* What the fake host does with clients that come back: as a host. */
#include "runner.h"
#include "toni_testkit.h"

#include <string.h>

static toni_fake_host host;
static toni_fake_client client, other;
static toni_joined last;
static char last_why[16];
static toni_client_id asker;
static int told, released;

static void on_joined(void *self, void *data, const toni_joined *joined)
{
    (void)self;
    ck_assert_ptr_eq(data, &told);
    last = *joined;
    (void)snprintf(last_why, sizeof last_why, "%.*s", TONI_STR_ARG(joined->why));
    told++;
}

static void on_released(void *data)
{
    ck_assert_ptr_eq(data, &told);
    released++;
}

static void setup(void)
{
    toni_fake_host_init(&host);
    toni_fake_host_load(&host, TEST_PLUGINS_DIR "/echo_gateway.so");
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
    toni_fake_host_keep(&host, "news", 3, 10);
    toni_fake_client_init(&client, &host, 7);
    toni_fake_client_init(&other, &host, 8);
    ck_assert_int_eq(toni_fake_client_connect(&client), TONI_OK);
    ck_assert_int_eq(toni_fake_client_connect(&other), TONI_OK);
    asker = 7;
    told = released = 0;
}

static void teardown(void)
{
    toni_fake_client_disconnect(&client, TONI_CLOSED_BY_CLIENT);
    toni_fake_client_disconnect(&other, TONI_CLOSED_BY_CLIENT);
    toni_fake_host_stop(&host);
}

static void say(const char *room, const char *text)
{
    ck_assert_int_ge(toni_broadcast_to_room_text(toni_fake_host_connections(&host),
                                                 toni_str_of(room), toni_str_of(text)),
                     0);
}

static toni_position where(const char *room)
{
    toni_position position;
    ck_assert_int_eq(
        toni_room_position(toni_fake_host_connections(&host), toni_str_of(room), &position),
        TONI_OK);
    return position;
}

static int32_t ask(const char *room, toni_since since)
{
    return toni_join_room_since(toni_fake_host_connections(&host), asker, toni_str_of(room), &since,
                                toni_fake_host_context(&host), on_joined, &told, on_released);
}

static void check_told(const char *why, uint32_t messages)
{
    ck_assert_int_eq(told, 0);
    toni_fake_host_advance(&host, 0);
    ck_assert_int_eq(told, 1);
    ck_assert_int_eq(released, 1);
    ck_assert_str_eq(last_why, why);
    ck_assert_uint_eq(last.messages, messages);
}

START_TEST(who_comes_back_gets_what_it_missed)
{
    const toni_position start = where("news");
    say("news", "1");
    say("news", "2");
    ck_assert_int_eq(ask("news", toni_since_position(start)), TONI_OK);
    say("news", "3");
    check_told("", 2);
    ck_assert_uint_eq(last.is_recovered, 1);
    ck_assert_str_eq(client.got, "text:1\ntext:2\ntext:3\n");
}
END_TEST

START_TEST(more_than_is_kept_is_trimmed)
{
    const toni_position start = where("news");
    for (int i = 0; i < 4; i++)
        say("news", "x");
    ck_assert_int_eq(ask("news", toni_since_position(start)), TONI_OK);
    check_told("trimmed", 0);
    ck_assert_str_eq(client.got, "");
}
END_TEST

START_TEST(what_is_too_old_is_trimmed)
{
    const toni_position start = where("news");
    say("news", "x");
    toni_fake_host_advance(&host, 10000);
    ck_assert_int_eq(ask("news", toni_since_position(start)), TONI_OK);
    check_told("trimmed", 0);
}
END_TEST

START_TEST(a_room_that_keeps_nothing)
{
    ck_assert_int_eq(ask("other", toni_since_position((toni_position){1, 0})), TONI_OK);
    check_told("no_history", 0);
}
END_TEST

START_TEST(a_message_says_where_it_is)
{
    const toni_message message =
        toni_message_with_position(toni_text(TONI_LIT("at=" TONI_POSITION_NONE)), 3);
    ck_assert_int_eq(ask("news", toni_since_last(5)), TONI_OK);
    check_told("", 0);
    toni_target *target = toni_to_room(toni_fake_host_connections(&host), TONI_LIT("news"));
    toni_target_except(target, 8);
    ck_assert_int_eq(toni_target_send(target, &message), 1);
    ck_assert_str_eq(client.got, "text:at=0000000000000001:0000000000000001\n");
    target = toni_to_room(toni_fake_host_connections(&host), TONI_LIT("news"));
    toni_target_to_client(target, 8);
    ck_assert_int_eq(toni_target_send(target, &message), 2);
    ck_assert_uint_eq(where("news").offset, 1);
}
END_TEST

START_TEST(refusals)
{
    ck_assert_int_eq(ask("", toni_since_last(1)), TONI_ERR_INVALID);
    asker = 9;
    ck_assert_int_eq(ask("news", toni_since_last(1)), TONI_ERR_NOT_FOUND);
    toni_fake_host_advance(&host, 0);
    ck_assert_int_eq(told + released, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("testkit_history");
    TCase *cases = tcase_create("all");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, who_comes_back_gets_what_it_missed);
    tcase_add_test(cases, more_than_is_kept_is_trimmed);
    tcase_add_test(cases, what_is_too_old_is_trimmed);
    tcase_add_test(cases, a_room_that_keeps_nothing);
    tcase_add_test(cases, a_message_says_where_it_is);
    tcase_add_test(cases, refusals);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
