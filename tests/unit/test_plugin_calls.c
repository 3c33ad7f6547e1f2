/* How calls of plugins read: literals, the family of sends, and interfaces between plugins. */
#include "runner.h"
#include "toni_testkit.h"

#include <stdlib.h>

static toni_fake_host host;
static toni_fake_client client;

struct counting_table {
    uint32_t struct_size;
    int32_t (*add)(void *self, int32_t much);
};
TONI_DECLARE_INTERFACE(counting, 3);

static int32_t counting_add(const counting_slot *counting, int32_t much)
{
    return counting->table ? counting->table->add(counting->self, much) : TONI_ERR_NOT_FOUND;
}

static int32_t add(void *self, int32_t much)
{
    return *(int32_t *)self += much;
}

static const struct counting_table table = {sizeof table, add};
static const toni_interface *const offered = TONI_OFFERS(counting, &table);
static const toni_dependency *const *const needs =
    TONI_NEEDS(TONI_REQUIRES_CONNECTIONS, TONI_REQUIRES(counting), TONI_USES(counting));
static const toni_str constant = TONI_LIT_INIT("constant");

static int32_t create(toni_context *context, void **self)
{
    *self = (void *)counting_inject(context);
    return TONI_OK;
}

static int32_t on_message(void *self, toni_client *sender, const toni_message *message)
{
    (void)message;
    return toni_client_sendf(sender, "%d", (int)counting_add(self, 2));
}

TONI_PLUGIN(.kind = TONI_GATEWAY, .name = TONI_LIT("calls"), .path = TONI_LIT("/calls"),
            .needs = TONI_NEEDS(TONI_USES(counting)), .create = create, .on_message = on_message, );

static void start(void)
{
    toni_fake_host_init(&host);
    toni_fake_client_init(&client, &host, 7);
}

static void check_literal(toni_str literal, const char *text)
{
    ck_assert_uint_eq(literal.size, strlen(text));
    ck_assert_mem_eq(literal.data, text, literal.size);
}

START_TEST(literals_stand_anywhere)
{
    toni_str assigned;
    assigned = TONI_LIT("sec"
                        "ond");
    check_literal(assigned, "second");
    check_literal(TONI_LIT(""), "");
    check_literal(constant, "constant");
    check_literal(toni_plugin_entry()->name, "calls");
    ck_assert_uint_eq(TONI_LIT("a\0b").size, 3);
}
END_TEST

START_TEST(every_receiver_gets_every_kind)
{
    toni_connections *connections = toni_fake_host_connections(&host);
    toni_client *handle = toni_fake_client_handle(&client);
    const toni_str room = TONI_LIT("r"), nul = TONI_LIT("a\0b");
    const toni_message binary = toni_binary(nul);

    ck_assert_int_eq(toni_client_send(handle, &binary), TONI_OK);
    ck_assert_int_eq(toni_client_send_text(handle, nul), TONI_OK);
    ck_assert_int_eq(toni_client_sendf(handle, "%d", 1), TONI_OK);
    ck_assert_int_eq(toni_client_send_parts(handle, TONI_PARTS(nul, TONI_LIT("!"))), TONI_OK);
    toni_fake_host_expect(&host,
                          "send 7 binary:a~b\nsend 7 text:a~b\nsend 7 text:1\nsend 7 text:a~b!\n");

    ck_assert_int_eq(toni_send_to_client(connections, 7, &binary), TONI_OK);
    ck_assert_int_eq(toni_send_to_client_text(connections, 7, nul), TONI_OK);
    ck_assert_int_eq(toni_send_to_clientf(connections, 7, "%d", 1), TONI_OK);
    ck_assert_int_eq(toni_send_to_client_parts(connections, 7, TONI_PARTS(nul, TONI_LIT("!"))),
                     TONI_OK);
    toni_fake_host_expect(
        &host, "send_to 7 binary:a~b\nsend_to 7 text:a~b\nsend_to 7 text:1\nsend_to 7 text:a~b!\n");

    host.result = 4;
    ck_assert_int_eq(toni_broadcast_to_room(connections, room, &binary), 4);
    ck_assert_int_eq(toni_broadcast_to_room_text(connections, room, nul), 4);
    ck_assert_int_eq(toni_broadcast_to_roomf(connections, room, "%d", 1), 4);
    ck_assert_int_eq(
        toni_broadcast_to_room_parts(connections, room, TONI_PARTS(nul, TONI_LIT("!"))), 4);
    toni_fake_host_expect(&host, "broadcast r binary:a~b\nbroadcast r text:a~b\nbroadcast r "
                                 "text:1\nbroadcast r text:a~b!\n");
}
END_TEST

START_TEST(a_target_ends_with_whatever_is_sent_to_it)
{
    toni_connections *connections = toni_fake_host_connections(&host);
    const toni_str nul = TONI_LIT("a\0b");
    const toni_message binary = toni_binary(nul);

    ck_assert_int_eq(toni_target_send(toni_to_all(connections), &binary), 1);
    ck_assert_int_eq(toni_target_send_text(toni_to_all(connections), nul), 1);
    ck_assert_int_eq(toni_target_sendf(toni_to_all(connections), "%d", 1), 1);
    ck_assert_int_eq(
        toni_target_send_parts(toni_to_all(connections), TONI_PARTS(nul, TONI_LIT("!"))), 1);
    toni_fake_host_expect(&host, "target\nto_all\ntarget_send binary:a~b\n"
                                 "target\nto_all\ntarget_send text:a~b\n"
                                 "target\nto_all\ntarget_send text:1\n"
                                 "target\nto_all\ntarget_send text:a~b!\n");

    const toni_str endless = toni_str_make("", SIZE_MAX);
    ck_assert_int_eq(
        toni_target_send_parts(toni_to_all(connections), TONI_PARTS(endless, TONI_LIT("!"))),
        TONI_ERR_NO_MEMORY);
    ck_assert_int_eq(toni_target_send_parts(NULL, TONI_PARTS(endless, TONI_LIT("!"))),
                     TONI_ERR_NO_MEMORY);
    ck_assert_int_eq(toni_target_sendf(NULL, "%d", 1), TONI_ERR_NO_MEMORY);
    toni_fake_host_expect(&host, "target\nto_all\ntarget_destroy\n");
    ck_assert_int_eq(host.handed_out, 0);
}
END_TEST

START_TEST(a_declared_interface_is_named_once)
{
    ck_assert_uint_eq(offered->struct_size, sizeof *offered);
    ck_assert_uint_eq(offered->version, 3);
    check_literal(offered->name, "counting");
    ck_assert_ptr_eq(offered->table, &table);

    check_literal(needs[0]->interface_name, "toni.connections");
    ck_assert_uint_eq(needs[0]->version, 1);
    check_literal(needs[1]->interface_name, "counting");
    ck_assert_uint_eq(needs[1]->version, 3);
    ck_assert_uint_eq(needs[1]->flags, 0);
    ck_assert_uint_eq(needs[2]->flags, TONI_OPTIONAL);
    ck_assert_ptr_null(needs[3]);
}
END_TEST

START_TEST(an_empty_slot_is_an_error_and_no_crash)
{
    int32_t count = 40;
    counting_slot slot = {0};
    toni_fake_host_use(&host, toni_plugin_entry());
    toni_fake_host_provide(&host, "counting", &slot);
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
    ck_assert_int_eq(toni_fake_client_send_text(&client, "?"), TONI_OK);
    slot = (counting_slot){&table, &count};
    ck_assert_int_eq(toni_fake_client_send_text(&client, "?"), TONI_OK);
    toni_fake_host_expect(&host, "send 7 text:-2\nsend 7 text:42\n");
    toni_fake_host_stop(&host);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plugin");
    TCase *calls = tcase_create("calls");

    tcase_add_checked_fixture(calls, start, NULL);
    tcase_add_test(calls, literals_stand_anywhere);
    tcase_add_test(calls, every_receiver_gets_every_kind);
    tcase_add_test(calls, a_target_ends_with_whatever_is_sent_to_it);
    tcase_add_test(calls, a_declared_interface_is_named_once);
    tcase_add_test(calls, an_empty_slot_is_an_error_and_no_crash);
    suite_add_tcase(suite, calls);

    return run_suite(suite);
}
