/* Presence against the fake host: who counts as whom, who is told, a swap. */
#include <toni_testkit.h>

#include <stdlib.h>

#define LIST(names) "text:{\"event\":\"presence.list\",\"data\":{" names "}}\n"
#define JOINED(name) "text:{\"event\":\"presence.joined\",\"data\":" name "}\n"
#define LEFT(name) "text:{\"event\":\"presence.left\",\"data\":" name "}\n"

static toni_fake_host host, next;
static toni_fake_client first, second, third;

static void load(toni_fake_host *of)
{
    toni_fake_host_init(of);
    toni_fake_host_load(of, TONI_PLUGIN_FILE);
}

static void set_up(void)
{
    load(&host);
    load(&next);
}

static void tear_down(void)
{
    toni_fake_host_stop(&host);
}

static void start(void)
{
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
}

static int32_t come(toni_fake_client *client, toni_client_id id, const char *user)
{
    toni_fake_client_init(client, &host, id);
    if (user)
        toni_fake_client_set_parameter(client, "user", user);
    return toni_fake_client_connect(client);
}

static void enter(toni_fake_client *client, toni_client_id id, const char *user)
{
    ck_assert_int_eq(come(client, id, user), TONI_OK);
    toni_fake_host_clear(&host);
}

START_TEST(a_user_is_counted_once)
{
    start();
    enter(&first, 1, "ann");
    toni_fake_client_expect(&first, LIST("\"ann\":1"));
    enter(&second, 2, "bob");
    toni_fake_client_expect(&second, LIST("\"ann\":1,\"bob\":1"));
    toni_fake_client_expect(&first, JOINED("\"bob\""));
    enter(&third, 3, "bob"); /* a second connection of his */
    toni_fake_client_expect(&third, LIST("\"ann\":1,\"bob\":2"));
    toni_fake_client_expect(&first, "");
    toni_fake_client_disconnect(&second, TONI_CLOSED_BY_CLIENT);
    toni_fake_client_expect(&first, "");
    toni_fake_client_disconnect(&third, TONI_CLOSED_LOST);
    toni_fake_client_expect(&first, LEFT("\"bob\""));
    enter(&second, 4, "bob");
    toni_fake_client_expect(&first, JOINED("\"bob\""));
    toni_fake_client_expect(&second, LIST("\"ann\":1,\"bob\":1"));
}
END_TEST

START_TEST(a_name_is_said_and_is_one)
{
    char longest[258];
    memset(longest, 'x', sizeof longest);
    longest[257] = '\0';
    start();
    ck_assert_int_eq(come(&first, 1, NULL), TONI_ERR_INVALID);
    toni_fake_host_expect(&host, "close 1 1008 say who you are: ?user=NAME, up to 256 bytes\n");
    ck_assert_int_eq(come(&first, 2, ""), TONI_ERR_INVALID);
    ck_assert_int_eq(come(&first, 3, longest), TONI_ERR_INVALID);
    ck_assert_int_eq(come(&first, 4, "\xff"), TONI_ERR_INVALID);
    longest[256] = '\0';
    ck_assert_int_eq(come(&first, 5, longest), TONI_OK);
    enter(&second, 6, "<b>\"\n\\");
    enter(&third, 7, "carl");
    ck_assert(strstr(third.got, "\"<b>\\\"\\n\\\\\"") != NULL);
}
END_TEST

START_TEST(the_subject_of_a_token_counts)
{
    start();
    toni_fake_client_init(&first, &host, 1);
    toni_fake_client_set_parameter(&first, "user", "admin");
    toni_fake_client_identify(&first, "ann", 0, 0);
    ck_assert_int_eq(toni_fake_client_connect(&first), TONI_OK);
    toni_fake_client_expect(&first, LIST("\"ann\":1"));
}
END_TEST

START_TEST(there_are_as_many_users_as_the_option_says)
{
    toni_fake_host_set_int(&host, "most", 1);
    start();
    enter(&first, 1, "ann");
    ck_assert_int_eq(come(&second, 2, "bob"), TONI_ERR_LIMIT);
    enter(&third, 3, "ann");
    toni_fake_client_expect(&third, LIST("\"ann\":2"));
    toni_fake_client_expect(&first, LIST("\"ann\":1")); /* and nothing of who was refused */
}
END_TEST

START_TEST(who_is_refused_was_never_there)
{
    start();
    enter(&first, 1, "ann");
    host.result = TONI_ERR_NO_MEMORY;
    host.result_of = "join";
    ck_assert_int_eq(come(&second, 2, "bob"), TONI_ERR_NO_MEMORY);
    host.result = TONI_OK;
    enter(&third, 3, "bob");
    toni_fake_client_expect(&first, LIST("\"ann\":1") JOINED("\"bob\""));
}
END_TEST

START_TEST(who_was_not_told_is_told_all)
{
    start();
    enter(&first, 1, "ann");
    toni_fake_client_clear(&first);
    host.result = TONI_ERR_BUSY;
    host.result_of = "target_send";
    enter(&second, 2, "bob");
    toni_fake_client_expect(&first, "");
    host.result_of = "broadcast";
    toni_fake_host_advance(&host, 1000); /* still busy */
    toni_fake_client_expect(&first, "");
    host.result = TONI_OK;
    toni_fake_host_advance(&host, 1000);
    toni_fake_client_expect(&first, LIST("\"ann\":1,\"bob\":1"));
    ck_assert_uint_eq(toni_fake_host_task_count(&host), 0);
}
END_TEST

START_TEST(the_counts_go_along_over_a_swap)
{
    start();
    enter(&first, 1, "ann");
    enter(&second, 2, "bob");
    enter(&third, 3, "bob");
    ck_assert_int_eq(toni_fake_host_swap(&host, &next), TONI_OK);
    ck_assert_int_eq(toni_fake_client_adopt(&first, &next), TONI_OK);
    ck_assert_int_eq(toni_fake_client_adopt(&second, &next), TONI_OK);
    ck_assert_int_eq(toni_fake_client_adopt(&third, &next), TONI_OK);
    toni_fake_client_clear(&first);
    toni_fake_client_disconnect(&second, TONI_CLOSED_BY_CLIENT);
    toni_fake_host_expect(&next, "");
    toni_fake_client_disconnect(&third, TONI_CLOSED_BY_CLIENT);
    toni_fake_host_expect(&next,
                          "target\nto_room presence\nexcept 3\n"
                          "target_send text:{\"event\":\"presence.left\",\"data\":\"bob\"}\n");
    toni_fake_host_stop(&next);
}
END_TEST

START_TEST(what_is_no_state_is_refused)
{
    static toni_fake_state state;
    start();
    state.version = 1;
    state.size = (size_t)snprintf(state.bytes, sizeof state.bytes, "[]");
    ck_assert_int_eq(toni_fake_host_import(&next, &state), TONI_ERR_INVALID);
    state.size = 0;
    ck_assert_int_eq(toni_fake_host_import(&next, &state), TONI_ERR_INVALID);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("presence");
    TCase *cases = tcase_create("presence");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, a_user_is_counted_once);
    tcase_add_test(cases, a_name_is_said_and_is_one);
    tcase_add_test(cases, the_subject_of_a_token_counts);
    tcase_add_test(cases, there_are_as_many_users_as_the_option_says);
    tcase_add_test(cases, who_is_refused_was_never_there);
    tcase_add_test(cases, who_was_not_told_is_told_all);
    tcase_add_test(cases, the_counts_go_along_over_a_swap);
    tcase_add_test(cases, what_is_no_state_is_refused);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
