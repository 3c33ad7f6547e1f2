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

static uint32_t slot_given(toni_fake_node *node, const toni_engine_lease *lease)
{
    (void)toni_fake_node_lease(node, lease);
    return toni_fake_node_next(node, TONI_TOLD_LEASE)->slot;
}

START_TEST(where_all_slots_are_taken_there_is_none_until_a_lease_is_over)
{
    enum { SLOTS = 64 };
    toni_fake_node node;
    toni_fake_node_init(&node, 1);
    load(&node.host);
    toni_fake_node_attach(&node);
    toni_fake_node_connect(&node);
    toni_engine_lease lease = {.struct_size = sizeof lease,
                               .ttl_ms = 60000,
                               .incarnation = node.server_incarnation,
                               .boot_step = 1,
                               .name = TONI_LIT("one of many")};
    for (lease.node = 1; lease.node <= SLOTS; lease.node++)
        ck_assert_uint_eq(slot_given(&node, &lease), lease.node);
    lease.ttl_ms = 1; /* which the others are cut to */
    ck_assert_uint_eq(slot_given(&node, &lease), 0);
    toni_fake_node_wait(&node, 10);
    ck_assert_uint_eq(slot_given(&node, &lease), 1);
    toni_fake_node_detach(&node);
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
    TCase *full = tcase_create("full");
    tcase_add_test(orders, nobody_has_it_fail_unless_that_is_meant);
    tcase_add_test(full, where_all_slots_are_taken_there_is_none_until_a_lease_is_over);
    suite_add_tcase(suite, orders);
    suite_add_tcase(suite, full);
    return run_suite(suite);
}
