/* The greeter, served by a real host: sockets, configuration and all. */
#include <toni_real_host.h>

#include <stdlib.h>

START_TEST(greets_over_a_socket)
{
    static toni_real_host host;
    static toni_real_client anna;
    toni_real_host_start_with(&host, TONI_PLUGIN_FILE, "greeting = \"Good day\";");
    toni_real_client_connect(&anna, &host, "/greet");
    toni_real_client_expect(&anna, "text:What is your name?\n");
    toni_real_client_send_text(&anna, "Anna");
    toni_real_client_expect(&anna, "text:Good day, Anna!\n");
    toni_real_client_close(&anna);
    toni_real_host_stop(&host);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("greeter");
    TCase *served = tcase_create("served");

    tcase_set_timeout(served, 60);
    tcase_add_test(served, greets_over_a_socket);
    suite_add_tcase(suite, served);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
