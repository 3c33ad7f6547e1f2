/* What a cluster does to a plugin, in the test kit: receipts that failed or are not whole, servers
 * and hosts that are away. */
#include "runner.h"
#include "toni_testkit.h"

#include <stdio.h>

static toni_fake_host host;
static toni_fake_client anna, berta;

/* --- The plugin: tells each who writes what became of it, and when it is to be patient */

struct wall {
    toni_connections *connections;
    toni_context *context;
    int is_patient;
};

static int32_t create(toni_context *context, void **self)
{
    static struct wall wall;
    wall = (struct wall){.connections = toni_context_connections(context), .context = context};
    *self = &wall;
    return TONI_OK;
}

static void say(struct wall *wall, toni_client_id to, const char *format, unsigned a, unsigned b)
{
    char text[64];
    (void)snprintf(text, sizeof text, format, a, b);
    const toni_message message = toni_text(toni_str_of(text));
    (void)toni_send_to_client(wall->connections, to, &message);
}

static void on_receipt(void *self, void *data, const toni_receipt *receipt)
{
    const toni_client_id writer = *(toni_client_id *)data;
    if (receipt->status == TONI_ERR_BUSY) {
        say(self, writer, "nobody has it: write again", 0, 0);
    } else if (receipt->status == TONI_ERR_TIMEOUT && receipt->missing_count > 0) {
        say(self, writer, "%u have it, %u hosts are silent", receipt->queued,
            receipt->nodes_missing);
    } else if (receipt->status == TONI_ERR_TIMEOUT) {
        say(self, writer, "nobody knows", 0, 0);
    } else {
        say(self, writer, "%u have it on %u hosts", receipt->queued, receipt->nodes);
    }
}

static int32_t on_connect(void *self, toni_client *client)
{
    const struct wall *wall = self;
    return toni_join_room(wall->connections, toni_client_id_of(client), TONI_LIT("wall"));
}

static int32_t on_message(void *self, toni_client *client, const toni_message *message)
{
    static toni_client_id writer;
    const struct wall *wall = self;
    writer = toni_client_id_of(client);
    if (wall->is_patient)
        return toni_client_send_text(client, TONI_LIT("not now"));
    return toni_broadcast_to_room_with_receipt(wall->connections, TONI_LIT("wall"), message,
                                               wall->context, on_receipt, &writer, NULL);
}

static void on_degraded(void *self, const toni_degraded *degraded)
{
    struct wall *wall = self;
    ck_assert_uint_eq(degraded->struct_size, sizeof *degraded);
    wall->is_patient = degraded->state == TONI_SERVER_DOWN;
    say(wall, 7, wall->is_patient ? "%u are lost" : "again", (unsigned)degraded->lost, 0);
}

static void on_node_lost(void *self, toni_str node)
{
    say(self, 7, "a host is gone, of %u letters", (unsigned)node.size, 0);
}

TONI_PLUGIN(.kind = TONI_GATEWAY, .name = TONI_LIT("wall"), .path = TONI_LIT("/"),
            .needs = TONI_NEEDS(TONI_REQUIRES_CONNECTIONS), .create = create,
            .on_connect = on_connect, .on_message = on_message, .on_degraded = on_degraded,
            .on_node_lost = on_node_lost, );

/* --- Tests */

static void set_up(void)
{
    toni_fake_host_init(&host);
    toni_fake_host_use(&host, toni_plugin_entry());
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
    toni_fake_client_init(&anna, &host, 7);
    toni_fake_client_init(&berta, &host, 8);
    ck_assert_int_eq(toni_fake_client_connect(&anna), TONI_OK);
    ck_assert_int_eq(toni_fake_client_connect(&berta), TONI_OK);
}

static void tear_down(void)
{
    toni_fake_client_disconnect(&anna, TONI_CLOSED_BY_CLIENT);
    toni_fake_client_disconnect(&berta, TONI_CLOSED_BY_CLIENT);
    toni_fake_host_stop(&host);
}

/* @param got  What Anna has got in the end; Berta, who said nothing, `heard`. */
static void write_hello(const char *got, const char *heard)
{
    ck_assert_int_eq(toni_fake_client_send_text(&anna, "hello"), 2);
    toni_fake_host_advance(&host, 0);
    toni_fake_client_expect(&anna, got);
    toni_fake_client_expect(&berta, heard);
}

START_TEST(a_receipt_is_of_all_who_are_here)
{
    write_hello("text:hello\ntext:2 have it on 1 hosts\n", "text:hello\n");
}
END_TEST

START_TEST(one_that_failed_means_that_nobody_got_it)
{
    const toni_receipt refused = {.status = TONI_ERR_BUSY};
    host.receipt = &refused;
    write_hello("text:nobody has it: write again\n", "");
    host.receipt = NULL;
    write_hello("text:hello\ntext:2 have it on 1 hosts\n", "text:hello\n");
}
END_TEST

START_TEST(one_may_be_of_a_part_of_the_hosts)
{
    const toni_str silent[] = {TONI_LIT("b"), TONI_LIT("c")};
    const toni_receipt partial = {.status = TONI_ERR_TIMEOUT,
                                  .targeted = 5,
                                  .queued = 4,
                                  .closed = 1,
                                  .nodes = 2,
                                  .nodes_missing = 2,
                                  .missing = silent,
                                  .missing_count = 2};
    host.receipt = &partial;
    write_hello("text:hello\ntext:4 have it, 2 hosts are silent\n", "text:hello\n");
    const toni_receipt unknown = {.status = TONI_ERR_TIMEOUT, .nodes_missing = TONI_NODES_UNKNOWN};
    host.receipt = &unknown;
    write_hello("text:hello\ntext:nobody knows\n", "text:hello\n");
    const toni_receipt whole = {.targeted = 9, .queued = 9, .nodes = 3};
    host.receipt = &whole;
    write_hello("text:hello\ntext:9 have it on 3 hosts\n", "text:hello\n");
}
END_TEST

START_TEST(a_server_is_away_and_comes_back)
{
    toni_fake_host_degrade(&host, &(toni_degraded){.state = TONI_SERVER_DOWN,
                                                   .lost = 3,
                                                   .server = TONI_LIT("a:6379"),
                                                   .why = TONI_LIT("connection refused")});
    toni_fake_client_expect(&anna, "text:3 are lost\n");
    ck_assert_int_eq(toni_fake_client_send_text(&anna, "hello"), TONI_OK);
    toni_fake_client_expect(&anna, "text:not now\n");
    toni_fake_host_degrade(&host,
                           &(toni_degraded){.state = TONI_SERVER_UP, .server = TONI_LIT("a:6379")});
    toni_fake_client_expect(&anna, "text:again\n");
}
END_TEST

START_TEST(another_host_is_gone)
{
    toni_fake_host_lose_node(&host, "east");
    toni_fake_host_lose_node(&host, "");
    toni_fake_client_expect(
        &anna, "text:a host is gone, of 4 letters\ntext:a host is gone, of 0 letters\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("testkit cluster");
    TCase *tests = tcase_create("plugins");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_receipt_is_of_all_who_are_here);
    tcase_add_test(tests, one_that_failed_means_that_nobody_got_it);
    tcase_add_test(tests, one_may_be_of_a_part_of_the_hosts);
    tcase_add_test(tests, a_server_is_away_and_comes_back);
    tcase_add_test(tests, another_host_is_gone);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
