// @only gateway
/* The test of @name@: in memory, with toni's fake host, and over a socket, with a real one. */
// @only service
/* The test of @name@: in memory, with toni's fake host. */
// @only gateway
#include <toni_real_host.h>
// @all
#include <toni_testkit.h>

#include <stdlib.h>

static toni_fake_host host;
// @only gateway
static toni_fake_client anna, berta;
// @only service
static toni_fake_exchange exchange;
// @all

static void start(void)
{
    toni_fake_host_init(&host);
    toni_fake_host_load(&host, TONI_PLUGIN_FILE);
    toni_fake_host_set_str(&host, "greeting", "Good day");
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
    // @only gateway
    toni_fake_client_init(&anna, &host, 1);
    toni_fake_client_init(&berta, &host, 2);
    ck_assert_int_eq(toni_fake_client_connect(&anna), TONI_OK);
    ck_assert_int_eq(toni_fake_client_connect(&berta), TONI_OK);
    // @only service
    toni_fake_host_clear(&host);
    // @all
}

static void stop(void)
{
    // @only gateway
    toni_fake_client_disconnect(&anna, TONI_CLOSED_BY_CLIENT);
    toni_fake_client_disconnect(&berta, TONI_CLOSED_BY_CLIENT);
    // @all
    toni_fake_host_stop(&host);
}

// @only gateway plain
START_TEST(greets)
{
    toni_fake_client_expect(&anna, "text:Good day\n");
}
END_TEST

START_TEST(all_hear_what_one_says)
{
    toni_fake_client_clear(&anna);
    toni_fake_client_clear(&berta);
    ck_assert_int_ge(toni_fake_client_send_text(&anna, "hi"), TONI_OK);
    toni_fake_client_expect(&anna, "text:hi\n");
    toni_fake_client_expect(&berta, "text:hi\n");
}
END_TEST

START_TEST(answers_over_a_socket)
{
    static toni_real_host real;
    static toni_real_client client;
    toni_real_host_start_with(&real, TONI_PLUGIN_FILE, "greeting = \"Good day\";");
    toni_real_client_connect(&client, &real, "/@name@");
    toni_real_client_expect(&client, "text:Good day\n");
    toni_real_client_send_text(&client, "hi");
    toni_real_client_expect(&client, "text:hi\n");
    toni_real_client_close(&client);
    toni_real_host_stop(&real);
}
END_TEST

// @only gateway events
#define GREETING "text:{\"event\":\"@name@.greeting\",\"data\":{\"text\":\"Good day\"}}\n"
#define SAID "text:{\"event\":\"@name@.said\",\"data\":{\"text\":\"hi\"}}\n"

START_TEST(greets)
{
    toni_fake_client_expect(&anna, GREETING);
}
END_TEST

START_TEST(all_hear_what_one_says)
{
    toni_fake_client_clear(&anna);
    toni_fake_client_clear(&berta);
    ck_assert_str_eq(toni_fake_client_call(&anna, "@name@.say", "{\"text\":\"hi\"}"),
                     "{\"data\":{\"heard\":2}}");
    toni_fake_client_expect(&anna, SAID);
    toni_fake_client_expect(&berta, SAID);
}
END_TEST

START_TEST(answers_over_a_socket)
{
    static toni_real_host real;
    static toni_real_client client;
    toni_real_host_start_with(&real, TONI_PLUGIN_FILE, "greeting = \"Good day\";");
    toni_real_client_connect(&client, &real, "/@name@");
    toni_real_client_expect(&client, GREETING);
    toni_real_client_send_text(&client,
                               "{\"event\":\"@name@.say\",\"id\":1,\"data\":{\"text\":\"hi\"}}");
    toni_real_client_expect(&client, SAID "text:{\"id\":1,\"data\":{\"heard\":1}}\n");
    toni_real_client_close(&client);
    toni_real_host_stop(&real);
}
END_TEST

// @only service
START_TEST(greets)
{
    toni_fake_exchange_init(&exchange, &host, "GET", "/@name@");
    toni_fake_exchange_set_parameter(&exchange, "name", "Anna");
    ck_assert_int_eq(toni_fake_exchange_run(&exchange), TONI_OK);
    toni_fake_host_expect(&host, "answer 200 text/plain; charset=utf-8 Good day, Anna!\n\n");
}
END_TEST

START_TEST(asks_for_a_name)
{
    toni_fake_exchange_init(&exchange, &host, "GET", "/@name@");
    ck_assert_int_eq(toni_fake_exchange_run(&exchange), TONI_OK);
    toni_fake_host_expect(&host, "answer 400 text/plain; charset=utf-8 say your ?name=\n\n");
}
END_TEST

// @all
int main(void)
{
    Suite *suite = suite_create("@name@");
    TCase *in_memory = tcase_create("in memory");
    tcase_add_checked_fixture(in_memory, start, stop);
    tcase_add_test(in_memory, greets);
    // @only gateway
    tcase_add_test(in_memory, all_hear_what_one_says);
    // @only service
    tcase_add_test(in_memory, asks_for_a_name);
    // @all
    suite_add_tcase(suite, in_memory);

    // @only gateway
    TCase *served = tcase_create("served");
    tcase_set_timeout(served, 60);
    tcase_add_test(served, answers_over_a_socket);
    suite_add_tcase(suite, served);

    // @all
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
