/* The greeter, against toni's fake host: no sockets, no waiting. */
#include <toni_testkit.h>

#include <stdlib.h>

static toni_fake_host host;
static toni_fake_client anna, berta;

static void setup(void)
{
    toni_fake_host_init(&host);
    toni_fake_host_load(&host, TONI_PLUGIN_FILE);
    toni_fake_client_init(&anna, &host, 1);
    toni_fake_client_init(&berta, &host, 2);
}

static void start_and_connect(void)
{
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
    ck_assert_int_eq(toni_fake_client_connect(&anna), TONI_OK);
    toni_fake_host_expect(&host, "send 1 text:What is your name?\n");
}

static void check_text(toni_fake_client *client, const char *text, const char *calls)
{
    ck_assert_int_eq(toni_fake_client_send_text(client, text), TONI_OK);
    toni_fake_host_expect(&host, calls);
}

START_TEST(knows_each_client)
{
    start_and_connect();
    check_text(&anna, "Anna", "send 1 text:Hello, Anna!\n");
    ck_assert_int_eq(toni_fake_client_connect(&berta), TONI_OK);
    toni_fake_host_expect(&host, "send 2 text:What is your name?\n");
    check_text(&berta, "Berta", "send 2 text:Hello, Berta!\n");
    check_text(&anna, "hi", "send 1 text:You are Anna, and say: hi\n");

    toni_fake_client_disconnect(&anna, TONI_CLOSED_BY_CLIENT);
    toni_fake_client_disconnect(&berta, TONI_CLOSED_LOST);
    toni_fake_host_stop(&host);
}
END_TEST

START_TEST(reads_its_options)
{
    toni_fake_host_set_str(&host, "greeting", "Good day");
    toni_fake_host_set_int(&host, "longest_name", 4);
    start_and_connect();
    check_text(&anna, "Annabel", "send 1 text:A name has 1 to 4 bytes. What is yours?\n");
    check_text(&anna, "", "send 1 text:A name has 1 to 4 bytes. What is yours?\n");
    check_text(&anna, "Anna", "send 1 text:Good day, Anna!\n");
    toni_fake_client_disconnect(&anna, TONI_CLOSED_BY_CLIENT);
    toni_fake_host_stop(&host);
}
END_TEST

START_TEST(hands_on_that_a_client_is_full)
{
    start_and_connect();
    host.result = TONI_ERR_FULL;
    ck_assert_int_eq(toni_fake_client_send_text(&anna, "Anna"), TONI_ERR_FULL);
    toni_fake_client_disconnect(&anna, TONI_CLOSED_LOST);
    toni_fake_host_stop(&host);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("greeter");
    TCase *gateway = tcase_create("gateway");

    tcase_add_checked_fixture(gateway, setup, NULL);
    tcase_add_test(gateway, knows_each_client);
    tcase_add_test(gateway, reads_its_options);
    tcase_add_test(gateway, hands_on_that_a_client_is_full);
    suite_add_tcase(suite, gateway);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
