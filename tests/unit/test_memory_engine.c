/* The memory engine keeps all that engine.h asks for. */
#include "runner.h"
#include "toni_engine_suite.h"

static void load(toni_fake_host *host)
{
    toni_fake_host_load(host, TEST_PLUGINS_DIR "/memory_engine.so");
    toni_fake_host_set_str(host, "store", "test");
    toni_fake_host_set_bool(host, "faults", 1);
}

static void order(toni_fake_node *node, const char *path)
{
    toni_fake_exchange exchange;
    toni_fake_exchange_init(&exchange, &node->host, "POST", path);
    ck_assert_int_eq(toni_fake_exchange_run(&exchange), TONI_OK);
    ck_assert_uint_eq(exchange.status, 204);
}

static void restart(toni_fake_node *node)
{
    order(node, "/memory-engine/restart");
}

static void wipe(toni_fake_node *node)
{
    order(node, "/memory-engine/wipe");
}

static void make_read_only(toni_fake_node *node)
{
    order(node, "/memory-engine/read-only");
}

START_TEST(nobody_has_it_fail_unless_that_is_meant)
{
    toni_fake_host host;
    toni_fake_exchange exchange;
    toni_fake_host_init(&host);
    toni_fake_host_load(&host, TEST_PLUGINS_DIR "/memory_engine.so");
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
    toni_fake_exchange_init(&exchange, &host, "POST", "/memory-engine/wipe");
    ck_assert_int_eq(toni_fake_exchange_run(&exchange), TONI_OK);
    ck_assert_uint_eq(exchange.status, 403);
    toni_fake_host_stop(&host);
}
END_TEST

int main(void)
{
    static const toni_engine_subject subject = {.name = "memory_engine",
                                                .load = load,
                                                .restart = restart,
                                                .wipe = wipe,
                                                .make_read_only = make_read_only};
    Suite *suite = toni_engine_suite(&subject);
    TCase *orders = tcase_create("orders");
    tcase_add_test(orders, nobody_has_it_fail_unless_that_is_meant);
    suite_add_tcase(suite, orders);
    return run_suite(suite);
}
