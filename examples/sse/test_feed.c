/* The feed against the fake host: what a room's readers over HTTP get, and when. */
#include <toni_testkit.h>

#include <inttypes.h>
#include <stdlib.h>

static toni_fake_host host, next;
static toni_fake_client ann, bob;
static toni_fake_exchange reader, other;
static uint64_t first; /* the id of the first event */

static void set_up(void)
{
    toni_fake_host_init(&host);
    toni_fake_host_init(&next);
    toni_fake_host_load(&host, TONI_PLUGIN_FILE);
    toni_fake_host_load(&next, TONI_PLUGIN_FILE);
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
    toni_fake_client_init(&ann, &host, 1);
    toni_fake_client_init(&bob, &host, 2);
    ck_assert_int_eq(toni_fake_client_connect(&ann), TONI_OK);
    ck_assert_int_eq(toni_fake_client_connect(&bob), TONI_OK);
    toni_fake_host_clear(&host);
}

static void tear_down(void)
{
    if (reader.is_stream)
        toni_fake_exchange_withdraw(&reader);
    if (other.is_stream)
        toni_fake_exchange_withdraw(&other);
    toni_fake_host_stop(&host);
}

/* @param last  As Last-Event-ID; NULL: none. */
static void read_feed(toni_fake_exchange *exchange, toni_fake_host *of, const char *last)
{
    toni_fake_exchange_init(exchange, of, "GET", "/feed");
    if (last)
        toni_fake_exchange_set_header(exchange, "Last-Event-ID", last);
    ck_assert_int_eq(toni_fake_exchange_run(exchange), TONI_OK);
}

static void say(const char *text)
{
    ck_assert_int_eq(toni_fake_client_send_text(&ann, text), TONI_OK);
}

/* The id of the first event that was written since the record was last cleared. */
static uint64_t id_of_first(void)
{
    const char *found = strstr(host.calls, "id: ");
    ck_assert_msg(found, "%s", host.calls);
    return strtoull(found + 4, NULL, 10);
}

static void expect_event(uint64_t id, const char *text)
{
    char event[128];
    (void)snprintf(event, sizeof event, "id: %" PRIu64 "\ndata: %s\n\n\n", id, text);
    ck_assert_msg(strstr(host.calls, event), "no %s in\n%s", event, host.calls);
}

static size_t count_events(void)
{
    size_t count = 0;
    for (const char *at = host.calls; (at = strstr(at, "\ndata: ")); at++)
        count++;
    return count;
}

START_TEST(what_is_said_goes_to_the_room_and_to_streams)
{
    read_feed(&reader, &host, NULL);
    toni_fake_host_expect(&host, "header Cache-Control: no-cache\nkeep 1 0\n"
                                 "begin 1 200 text/event-stream\nwrite 1 retry: 2000\n\n\n");
    say("hello: <b>");
    toni_fake_client_expect(&bob, "text:hello: <b>\n");
    first = id_of_first();
    expect_event(first, "hello: <b>");
    say("");
    expect_event(first + 1, "");
}
END_TEST

START_TEST(an_event_is_one_line)
{
    static char longest[1026];
    memset(longest, 'x', 1025);
    read_feed(&reader, &host, NULL);
    toni_fake_host_clear(&host);
    const toni_message binary = toni_binary(TONI_LIT("a")), nul = toni_text(TONI_LIT("a\0b"));
    say("a\nid: 7");
    say("a\r");
    say(longest);
    ck_assert_int_eq(toni_fake_client_send(&ann, &binary), TONI_OK);
    ck_assert_int_eq(toni_fake_client_send(&ann, &nul), TONI_OK);
#define REFUSED "send 1 text:A line of up to 1,024 bytes, please.\n"
    toni_fake_host_expect(&host, REFUSED REFUSED REFUSED REFUSED REFUSED);
    longest[1024] = '\0';
    say(longest);
    ck_assert(strstr(host.calls, "write 1 id: "));
}
END_TEST

START_TEST(who_comes_back_gets_the_rest)
{
    char id[32];
    read_feed(&reader, &host, NULL);
    say("one");
    first = id_of_first();
    say("two");
    say("three");
    toni_fake_host_clear(&host);
    (void)snprintf(id, sizeof id, "%" PRIu64, first);
    read_feed(&other, &host, id);
    expect_event(first + 1, "two");
    expect_event(first + 2, "three");
    ck_assert_uint_eq(count_events(), 2);
}
END_TEST

START_TEST(who_was_away_too_long_gets_what_is_kept)
{
    static const char *const ids[] = {"0", "", "x", "18446744073709551615", "1"};
    for (unsigned i = 0; i < 40; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "%u", i);
        say(text);
        toni_fake_client_clear(&bob);
    }
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        toni_fake_host_clear(&host);
        read_feed(&reader, &host, ids[i]);
        ck_assert_uint_eq(count_events(), 32);
        toni_fake_exchange_withdraw(&reader);
    }
}
END_TEST

START_TEST(a_slow_reader_goes_on_where_it_was)
{
    read_feed(&reader, &host, NULL);
    read_feed(&other, &host, NULL);
    reader.is_full = 1;
    say("one");
    first = id_of_first();
    say("two");
    toni_fake_host_clear(&host);
    toni_fake_exchange_drain(&reader);
    expect_event(first, "one");
    expect_event(first + 1, "two");
    ck_assert_uint_eq(count_events(), 2);
}
END_TEST

START_TEST(streams_are_kept_alive_until_they_end)
{
    read_feed(&reader, &host, NULL);
    read_feed(&other, &host, NULL);
    toni_fake_host_clear(&host);
    toni_fake_host_advance(&host, 15000);
    toni_fake_host_expect(&host, "write 2 :\n\n\nwrite 1 :\n\n\n");
    toni_fake_exchange_withdraw(&reader);
    toni_fake_host_advance(&host, 15000);
    toni_fake_host_expect(&host, "write 2 :\n\n\n");
    toni_fake_exchange_withdraw(&other);
    toni_fake_host_advance(&host, 15000);
    toni_fake_host_expect(&host, "");
}
END_TEST

START_TEST(too_many_streams_and_other_methods_are_refused)
{
    toni_fake_exchange_init(&reader, &host, "POST", "/feed");
    ck_assert_int_eq(toni_fake_exchange_run(&reader), TONI_OK);
    toni_fake_host_expect(&host, "header Allow: GET\nanswer 405  \n");
    host.result = TONI_ERR_LIMIT;
    host.result_of = "begin";
    toni_fake_exchange_init(&reader, &host, "GET", "/feed");
    ck_assert_int_eq(toni_fake_exchange_run(&reader), TONI_ERR_LIMIT);
    host.result = TONI_OK;
    say("nobody reads");
    ck_assert_ptr_null(strstr(host.calls, "write"));
}
END_TEST

START_TEST(what_the_room_can_not_take_is_no_event)
{
    read_feed(&reader, &host, NULL);
    toni_fake_host_clear(&host);
    host.result = TONI_ERR_BUSY;
    host.result_of = "broadcast_from";
    say("one");
    ck_assert_uint_eq(count_events(), 0);
    toni_fake_client_expect(&ann, "text:Not sent: too much is waiting to be delivered, or the "
                                  "cluster's engine is away\n");
}
END_TEST

START_TEST(events_go_along_over_a_swap)
{
    read_feed(&reader, &host, NULL);
    say("one");
    first = id_of_first();
    say("two");
    toni_fake_exchange_withdraw(&reader); /* the host ends the streams of the old version */
    ck_assert_int_eq(toni_fake_host_swap(&host, &next), TONI_OK);
    char id[32], event[64];
    (void)snprintf(id, sizeof id, "%" PRIu64, first);
    read_feed(&other, &next, id);
    (void)snprintf(event, sizeof event, "write 1 id: %" PRIu64 "\ndata: two\n", first + 1);
    ck_assert_msg(strstr(next.calls, event), "%s", next.calls);
    toni_fake_exchange_withdraw(&other);
    toni_fake_host_stop(&next);
}
END_TEST

START_TEST(what_is_no_state_is_refused)
{
    static toni_fake_state state;
    ck_assert_int_eq(toni_fake_host_import(&next, &state), TONI_ERR_INVALID);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("feed");
    TCase *cases = tcase_create("feed");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, what_is_said_goes_to_the_room_and_to_streams);
    tcase_add_test(cases, an_event_is_one_line);
    tcase_add_test(cases, who_comes_back_gets_the_rest);
    tcase_add_test(cases, who_was_away_too_long_gets_what_is_kept);
    tcase_add_test(cases, a_slow_reader_goes_on_where_it_was);
    tcase_add_test(cases, streams_are_kept_alive_until_they_end);
    tcase_add_test(cases, too_many_streams_and_other_methods_are_refused);
    tcase_add_test(cases, what_the_room_can_not_take_is_no_event);
    tcase_add_test(cases, events_go_along_over_a_swap);
    tcase_add_test(cases, what_is_no_state_is_refused);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
