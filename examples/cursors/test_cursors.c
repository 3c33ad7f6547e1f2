/* Cursors against the fake host: who follows whom, what is told, a swap. Which messages wait for a
 * slow reader is the host's policy: integration.examples. */
#include <toni_testkit.h>

#include <stdlib.h>

#define MOVED(id, x, y)                                                                            \
    "text:{\"event\":\"cursor.moved\",\"data\":{\"id\":\"id" #id "\",\"x\":" #x ",\"y\":" #y "}}"  \
    "\n"
#define ALL(cursors) "text:{\"event\":\"cursor.all\",\"data\":[" cursors "]}\n"
#define GONE(id) "text:{\"event\":\"cursor.gone\",\"data\":{\"id\":\"id" #id "\"}}\n"

static toni_fake_host host, next;
static toni_fake_client clients[65];

static void set_up(void)
{
    toni_fake_host_init(&host);
    toni_fake_host_init(&next);
    toni_fake_host_load(&host, TONI_PLUGIN_FILE);
    toni_fake_host_load(&next, TONI_PLUGIN_FILE);
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
}

static void tear_down(void)
{
    toni_fake_host_stop(&host);
}

static int32_t come(unsigned number)
{
    toni_fake_client_init(&clients[number], &host, number);
    const int32_t result = toni_fake_client_connect(&clients[number]);
    toni_fake_host_clear(&host);
    return result;
}

static void move(unsigned number, const char *data)
{
    ck_assert_str_eq(toni_fake_client_call(&clients[number], "cursor.move", data),
                     "{\"complete\":true}");
    toni_fake_host_clear(&host);
    toni_fake_host_clear(&next);
}

START_TEST(each_sees_all_others)
{
    ck_assert_int_eq(come(1), TONI_OK);
    toni_fake_client_expect(&clients[1], ALL(""));
    move(1, "{\"x\":0,\"y\":1000}"); /* nobody is there to see it */
    ck_assert_int_eq(come(2), TONI_OK);
    toni_fake_client_expect(&clients[2], ALL("{\"id\":\"id1\",\"x\":0,\"y\":1000}"));
    ck_assert_int_eq(come(3), TONI_OK);
    toni_fake_client_clear(&clients[3]);
    move(1, "{\"x\":1,\"y\":2}");
    move(2, "{\"x\":3,\"y\":4}");
    toni_fake_client_expect(&clients[1], MOVED(2, 3, 4));
    toni_fake_client_expect(&clients[2], MOVED(1, 1, 2));
    toni_fake_client_expect(&clients[3], MOVED(1, 1, 2) MOVED(2, 3, 4));
}
END_TEST

START_TEST(each_cursor_is_a_room_of_its_own)
{
    come(1);
    come(2);
    (void)toni_fake_client_call(&clients[1], "cursor.move", "{\"x\":1,\"y\":2}");
    ck_assert(strstr(host.calls, "broadcast id1 text:") == host.calls);
}
END_TEST

START_TEST(who_goes_is_gone_for_all)
{
    come(1);
    come(2);
    come(3);
    toni_fake_client_clear(&clients[2]);
    toni_fake_client_disconnect(&clients[1], TONI_CLOSED_LOST);
    toni_fake_client_expect(&clients[2], GONE(1));
    ck_assert_int_eq(come(4), TONI_OK);
    toni_fake_client_clear(&clients[4]);
    move(3, "{\"x\":5,\"y\":6}"); /* it has another place in the table now */
    toni_fake_client_expect(&clients[4], MOVED(3, 5, 6));
    toni_fake_client_disconnect(&clients[2], TONI_CLOSED_LOST);
    toni_fake_client_disconnect(&clients[3], TONI_CLOSED_LOST);
    toni_fake_client_disconnect(&clients[4], TONI_CLOSED_LOST);
    ck_assert_uint_eq(host.membership_count, 0);
}
END_TEST

START_TEST(a_board_has_64)
{
    for (unsigned number = 1; number <= 24; number++) /* of the fake host's 1,024 memberships */
        ck_assert_int_eq(come(number), TONI_OK);
    host.result = 0;
    toni_fake_client_disconnect(&clients[24], TONI_CLOSED_LOST);
    ck_assert_int_eq(come(24), TONI_OK);
}
END_TEST

START_TEST(who_is_refused_is_followed_by_nobody)
{
    come(1);
    host.result = TONI_ERR_LIMIT;
    host.result_of = "join";
    const size_t before = host.membership_count;
    ck_assert_int_eq(come(2), TONI_ERR_LIMIT);
    ck_assert_uint_eq(host.membership_count, before);
}
END_TEST

START_TEST(positions_are_checked)
{
    come(1);
    const char *answer = toni_fake_client_call(&clients[1], "cursor.move", "{\"x\":1001,\"y\":-1}");
    ck_assert(strstr(answer, "unprocessable") && strstr(answer, "/x") && strstr(answer, "/y"));
    answer = toni_fake_client_call(&clients[1], "cursor.move", "{\"x\":1}");
    ck_assert(strstr(answer, "unprocessable"));
}
END_TEST

START_TEST(positions_go_along_over_a_swap)
{
    come(1);
    come(2);
    move(1, "{\"x\":7,\"y\":8}");
    ck_assert_int_eq(toni_fake_host_swap(&host, &next), TONI_OK);
    toni_fake_client_init(&clients[3], &next, 3);
    ck_assert_int_eq(toni_fake_client_connect(&clients[3]), TONI_OK);
    toni_fake_client_expect(&clients[3], ALL("{\"id\":\"id1\",\"x\":7,\"y\":8}"));
    toni_fake_host_stop(&next);
}
END_TEST

START_TEST(what_is_no_state_is_refused)
{
    static toni_fake_state state;
    state.version = 1;
    ck_assert_int_eq(toni_fake_host_import(&next, &state), TONI_ERR_INVALID);
    ck_assert_int_eq(toni_fake_host_export(&host, &state), TONI_OK);
    state.version = 1;
    memset(state.bytes, 0xff, sizeof(uint64_t)); /* more cursors than there can be */
    ck_assert_int_eq(toni_fake_host_import(&next, &state), TONI_ERR_INVALID);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cursors");
    TCase *cases = tcase_create("cursors");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, each_sees_all_others);
    tcase_add_test(cases, each_cursor_is_a_room_of_its_own);
    tcase_add_test(cases, who_goes_is_gone_for_all);
    tcase_add_test(cases, a_board_has_64);
    tcase_add_test(cases, who_is_refused_is_followed_by_nobody);
    tcase_add_test(cases, positions_are_checked);
    tcase_add_test(cases, positions_go_along_over_a_swap);
    tcase_add_test(cases, what_is_no_state_is_refused);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
