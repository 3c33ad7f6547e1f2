/* The poll gateway against the fake host: votes, who follows, how often, and a swap. */
#include "runner.h"
#include "toni_testkit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static toni_fake_host host, next;
static toni_fake_client anna, berta, clara;

static void start(void)
{
    toni_fake_host_init(&host);
    toni_fake_host_load(&host, TEST_PLUGINS_DIR "/poll_gateway.so");
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
    toni_fake_client_init(&anna, &host, 1);
    toni_fake_client_init(&berta, &host, 2);
    toni_fake_client_init(&clara, &host, 3);
    ck_assert_int_eq(toni_fake_client_connect(&anna), TONI_OK);
    ck_assert_int_eq(toni_fake_client_connect(&berta), TONI_OK);
    ck_assert_int_eq(toni_fake_client_connect(&clara), TONI_OK);
}

static void say(toni_fake_client *client, const char *text)
{
    ck_assert_int_eq(toni_fake_client_send_text(client, text), TONI_OK);
    toni_fake_host_clear(&host);
    toni_fake_host_clear(&next);
}

static void check_answer(toni_fake_client *client, const char *text, const char *answer)
{
    char expected[512];
    say(client, text);
    (void)snprintf(expected, sizeof expected, "text:%s\n", answer);
    toni_fake_client_expect(client, expected);
}

static void open_lunch(void)
{
    check_answer(&anna, "ask:lunch:Pizza|Soup", "lunch: Pizza 0 | Soup 0");
    check_answer(&berta, "follow:lunch", "lunch: Pizza 0 | Soup 0");
}

START_TEST(votes_are_counted_and_published_together)
{
    open_lunch();
    say(&berta, "vote:lunch:2");
    say(&clara, "vote:lunch:1");
    say(&anna, "vote:lunch:2");
    say(&anna, "vote:lunch:1"); /* instead of the former */
    toni_fake_host_advance(&host, 99);
    toni_fake_client_expect(&berta, "");
    toni_fake_host_advance(&host, 1);
    toni_fake_client_expect(&anna, "text:lunch: Pizza 2 | Soup 1\n");
    toni_fake_client_expect(&berta, "text:lunch: Pizza 2 | Soup 1\n");
    toni_fake_client_expect(&clara, ""); /* who votes doesn't follow by that */
}
END_TEST

START_TEST(however_many_vote_ten_a_second_are_published)
{
    unsigned published = 0;
    open_lunch();
    for (unsigned ms = 0; ms < 1000; ms++) {
        say(&clara, ms % 2 ? "vote:lunch:1" : "vote:lunch:2");
        toni_fake_host_advance(&host, 1);
    }
    for (const char *at = berta.got; (at = strstr(at, "lunch: ")); at++)
        published++;
    ck_assert_uint_ge(published, 9);
    ck_assert_uint_le(published, 10);
    ck_assert_uint_le(toni_fake_host_task_count(&host), 1);
}
END_TEST

START_TEST(mistakes_are_answered)
{
    char long_name[128] = "ask:";
    memset(long_name + 4, 'x', 65);
    memcpy(long_name + 69, ":a|b", 5);
    open_lunch();
    check_answer(&berta, "hello",
                 "Send 'ask:', 'follow:', 'vote:' or 'end:' and the name of a poll.");
    check_answer(&berta, "vote:supper:1", "There is no poll of that name.");
    check_answer(&berta, "follow:", "There is no poll of that name.");
    static const char *const bad_votes[] = {"", "0", "3", "x", "1x", "-1", " 1", "99999999999"};
    for (size_t i = 0; i < sizeof bad_votes / sizeof bad_votes[0]; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "vote:lunch:%s", bad_votes[i]);
        check_answer(&berta, text, "A vote is the number of a choice, from 1.");
    }
    check_answer(&berta, "end:lunch", "It is not your poll.");
    check_answer(&berta, "ask:lunch:a|b", "There is a poll of that name.");
    check_answer(&anna, "ask:supper:a|b", "You have a poll open: end it first.");
    check_answer(&berta, long_name, "The name of a poll has 1 to 64 bytes.");
    check_answer(&berta, "ask::a|b", "The name of a poll has 1 to 64 bytes.");
    check_answer(&berta, "ask:a\nb:a|b", "That is no name for a poll.");
    check_answer(&berta, "ask:x:a", "A poll has 2 to 10 choices, with | between them.");
    check_answer(&berta, "ask:x:1|2|3|4|5|6|7|8|9|10|11",
                 "A poll has 2 to 10 choices, with | between them.");
    check_answer(&berta, "ask:x:a||b", "A choice has 1 to 64 bytes.");
    const toni_message binary = toni_binary(TONI_LIT("ask:x:a|b"));
    ck_assert_int_eq(toni_fake_client_send(&berta, &binary), TONI_OK);
    toni_fake_client_expect(&berta, "");
}
END_TEST

START_TEST(the_number_of_polls_has_a_bound)
{
    static toni_fake_client askers[101];
    for (unsigned i = 0; i < 101; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "ask:%u:a|b", i);
        toni_fake_client_init(&askers[i], &host, 100 + i);
        ck_assert_int_eq(toni_fake_client_connect(&askers[i]), TONI_OK);
        say(&askers[i], text);
    }
    toni_fake_client_expect(&askers[99], "text:99: a 0 | b 0\n");
    toni_fake_client_expect(&askers[100], "text:There are too many polls: try again later.\n");
}
END_TEST

START_TEST(who_goes_votes_no_more)
{
    open_lunch();
    say(&clara, "vote:lunch:2");
    toni_fake_host_advance(&host, 100);
    toni_fake_client_clear(&berta);
    toni_fake_client_disconnect(&clara, TONI_CLOSED_LOST);
    toni_fake_host_advance(&host, 100);
    toni_fake_client_expect(&berta, "text:lunch: Pizza 0 | Soup 0\n");
}
END_TEST

START_TEST(a_poll_ends_with_who_has_asked)
{
    open_lunch();
    say(&anna, "end:lunch");
    toni_fake_client_expect(&anna, "text:lunch: Pizza 0 | Soup 0 (over)\n");
    toni_fake_client_expect(&berta, "text:lunch: Pizza 0 | Soup 0 (over)\n");
    check_answer(&berta, "follow:lunch", "There is no poll of that name.");
    ck_assert_uint_eq(toni_room_count(toni_fake_host_connections(&host)), 0);

    open_lunch();
    toni_fake_client_disconnect(&anna, TONI_CLOSED_LOST);
    toni_fake_client_expect(&berta, "text:lunch: Pizza 0 | Soup 0 (over)\n");
}
END_TEST

static void load_next(void)
{
    toni_fake_host_init(&next);
    toni_fake_host_load(&next, TEST_PLUGINS_DIR "/poll_gateway.so");
}

/* What is left of a client whose `on_adopt` has failed for want of memory. */
static void adopt_without_data(toni_fake_client *client)
{
    toni_client *handle = toni_fake_client_handle(client);
    ck_assert_int_eq(toni_fake_client_adopt(client, &next), TONI_OK);
    next.plugin->client_free(next.self, toni_client_data(handle));
    toni_client_set_data(handle, NULL);
}

START_TEST(a_poll_ends_with_who_could_not_be_adopted)
{
    open_lunch();
    say(&anna, "vote:lunch:2");
    load_next();
    ck_assert_int_eq(toni_fake_host_swap(&host, &next), TONI_OK);
    adopt_without_data(&anna);
    ck_assert_int_eq(toni_fake_client_adopt(&berta, &next), TONI_OK);
    ck_assert_int_eq(toni_fake_client_adopt(&clara, &next), TONI_OK);
    toni_fake_host_stop(&host);
    toni_fake_client_disconnect(&anna, TONI_CLOSED_BY_SERVER);
    toni_fake_client_expect(&berta, "text:lunch: Pizza 0 | Soup 0 (over)\n");
    toni_fake_client_clear(&berta);
    check_answer(&berta, "follow:lunch", "There is no poll of that name.");
    toni_fake_host_stop(&next);
}
END_TEST

START_TEST(a_swap_loses_no_vote)
{
    open_lunch();
    say(&berta, "vote:lunch:2");
    load_next();
    ck_assert_int_eq(toni_fake_host_swap(&host, &next), TONI_OK);
    ck_assert_int_eq(toni_fake_client_adopt(&anna, &next), TONI_OK);
    ck_assert_int_eq(toni_fake_client_adopt(&berta, &next), TONI_OK);
    ck_assert_int_eq(toni_fake_client_adopt(&clara, &next), TONI_OK);
    toni_fake_host_stop(&host);
    toni_fake_host_advance(&next, 100); /* what the old one had not published yet */
    toni_fake_client_expect(&berta, "text:lunch: Pizza 0 | Soup 1\n");
    toni_fake_client_clear(&anna);
    check_answer(&anna, "ask:supper:a|b", "You have a poll open: end it first.");
    say(&berta, "vote:lunch:1");
    say(&anna, "end:lunch");
    toni_fake_client_expect(&anna, "text:lunch: Pizza 1 | Soup 0 (over)\n");
    toni_fake_host_stop(&next);
}
END_TEST

START_TEST(a_state_that_is_none_is_refused)
{
    static toni_fake_state state, bad;
    open_lunch();
    say(&berta, "vote:lunch:2");
    ck_assert_int_eq(toni_fake_host_export(&host, &state), TONI_OK);
    for (size_t size = 0; size <= state.size + 1; size++) {
        load_next();
        bad = state;
        bad.size = size;
        ck_assert_int_eq(toni_fake_host_import(&next, &bad),
                         size == state.size ? TONI_OK : TONI_ERR_FAILED);
        if (size == state.size)
            toni_fake_host_stop(&next);
    }
    load_next();
    bad = state;
    bad.version = 2;
    ck_assert_int_eq(toni_fake_host_import(&next, &bad), TONI_ERR_FAILED);
    toni_fake_host_expect(&next,
                          "log 3 an exception in import_state: the state is of another version\n");
    for (size_t at = 0; at < state.size; at++) { /* whatever it makes of it, no crash */
        load_next();
        bad = state;
        bad.bytes[at] = (char)(bad.bytes[at] ^ 0x41);
        if (toni_fake_host_import(&next, &bad) == TONI_OK) {
            toni_fake_host_advance(&next, 100);
            toni_fake_host_stop(&next);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plugins");
    TCase *cases = tcase_create("poll_gateway");

    tcase_add_checked_fixture(cases, start, NULL);
    tcase_add_test(cases, votes_are_counted_and_published_together);
    tcase_add_test(cases, however_many_vote_ten_a_second_are_published);
    tcase_add_test(cases, mistakes_are_answered);
    tcase_add_test(cases, the_number_of_polls_has_a_bound);
    tcase_add_test(cases, who_goes_votes_no_more);
    tcase_add_test(cases, a_poll_ends_with_who_has_asked);
    tcase_add_test(cases, a_poll_ends_with_who_could_not_be_adopted);
    tcase_add_test(cases, a_swap_loses_no_vote);
    tcase_add_test(cases, a_state_that_is_none_is_refused);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
