/* The contract as plugins see it: a C and a C++17 plugin driven through a fake host, and the layout
 * of what crosses between the two, which may never change. */
#include "runner.h"
#include "toni_testkit.h"

#include <stdlib.h>
#include <string.h>

static toni_fake_host host;
static toni_fake_client client;

static void reset_client(void)
{
    toni_fake_client_init(&client, &host, 7);
    toni_fake_client_set_part(&client, TONI_REQUEST_PATH, "/somewhere");
}

static void reset(void)
{
    toni_fake_host_init(&host);
    reset_client();
}

static toni_connections *connections(void)
{
    return toni_fake_host_connections(&host);
}

/* --- Layout. The numbers are those of a 64-bit machine, where pointers have 8 bytes. */

START_TEST(the_prefix_is_frozen)
{
    ck_assert_uint_eq(offsetof(toni_plugin, magic), 0);
    ck_assert_uint_eq(offsetof(toni_plugin, abi_major), 4);
    ck_assert_uint_eq(offsetof(toni_plugin, abi_minor), 6);
    ck_assert_uint_eq(offsetof(toni_plugin, size), 8);
    ck_assert_uint_eq(offsetof(toni_plugin, kind), 12);
    ck_assert_uint_eq(TONI_ABI_MAGIC, 0x696e6f74u);
    ck_assert_mem_eq(&(uint32_t){TONI_ABI_MAGIC}, "toni", 4);
    ck_assert_uint_eq(TONI_ABI_MAJOR, 1);
    ck_assert_str_eq(TONI_PLUGIN_ENTRY, "toni_plugin_entry");
}
END_TEST

/* Values without a size of their own never grow. */
START_TEST(plain_values_are_frozen)
{
    ck_assert_uint_eq(sizeof(void *), 8);
    ck_assert_uint_eq(sizeof(toni_str), 16);
    ck_assert_uint_eq(sizeof(toni_log_field), 32);
    ck_assert_uint_eq(TONI_CLIENT_NAME_SIZE, 17);
}
END_TEST

/* What grows says first how large it is. */
START_TEST(structs_begin_with_their_size)
{
    ck_assert_uint_eq(offsetof(toni_host, struct_size), 0);
    ck_assert_uint_eq(offsetof(toni_host, abi_major), 4);
    ck_assert_uint_eq(offsetof(toni_host, abi_minor), 6);
    ck_assert_uint_eq(offsetof(toni_dependency, struct_size), 0);
    ck_assert_uint_eq(offsetof(toni_interface, struct_size), 0);
    ck_assert_uint_eq(offsetof(toni_message, struct_size), 0);
    ck_assert_uint_eq(offsetof(toni_state, struct_size), 0);
    ck_assert_uint_eq(offsetof(toni_receipt, struct_size), 0);
    ck_assert_uint_eq(offsetof(toni_disconnect_info, struct_size), 0);
    ck_assert_uint_eq(offsetof(toni_client_info, struct_size), sizeof(void *));
    ck_assert_uint_eq(offsetof(toni_room_info, struct_size), sizeof(void *));
    ck_assert_uint_eq(TONI_ABI_MINOR, 0);
}
END_TEST

START_TEST(handles_begin_with_the_table)
{
    ck_assert_uint_eq(offsetof(toni_client_ids, host), 0);
    ck_assert_uint_eq(offsetof(toni_room_names, host), 0);
    ck_assert_uint_eq(offsetof(toni_client_info, host), 0);
    ck_assert_uint_eq(offsetof(toni_room_info, host), 0);
    ck_assert_ptr_eq(toni_host_of(&client), &host.table);
}
END_TEST

/* --- Errors and strings */

START_TEST(errors_have_names_and_texts)
{
    ck_assert_str_eq(toni_error_name(TONI_OK), "TONI_OK");
    ck_assert_str_eq(toni_error_name(5), "TONI_OK");
    ck_assert_str_eq(toni_error_name(TONI_ERR_CLOSING), "TONI_ERR_CLOSING");
    ck_assert_str_eq(toni_error_name(-4711), "TONI_ERR_UNKNOWN");
    ck_assert_str_eq(toni_strerror(TONI_ERR_NO_MEMORY), "out of memory");
    ck_assert_str_eq(toni_strerror(-4711), "unknown error");
}
END_TEST

START_TEST(error_values_are_frozen)
{
    ck_assert_int_eq(TONI_OK, 0);
    ck_assert_int_eq(TONI_ERR_INVALID, -1);
    ck_assert_int_eq(TONI_ERR_NOT_FOUND, -2);
    ck_assert_int_eq(TONI_ERR_NO_MEMORY, -3);
    ck_assert_int_eq(TONI_ERR_TOO_BIG, -4);
    ck_assert_int_eq(TONI_ERR_LIMIT, -5);
    ck_assert_int_eq(TONI_ERR_CLOSING, -6);
    ck_assert_int_eq(TONI_ERR_FULL, -7);
    ck_assert_int_eq(TONI_ERR_BUSY, -8);
    ck_assert_int_eq(TONI_ERR_TYPE, -9);
    ck_assert_int_eq(TONI_ERR_UNAUTHORIZED, -10);
    ck_assert_int_eq(TONI_ERR_FORBIDDEN, -11);
    ck_assert_int_eq(TONI_ERR_FAILED, -12);
    ck_assert_int_eq(TONI_ERR_TIMEOUT, -13);
    ck_assert_int_eq(TONI_ERR_MAY_NOT_PUBLISH, -14);
}
END_TEST

START_TEST(strings_are_stripped_and_split)
{
    toni_str before, rest = toni_str_of("old");

    ck_assert(toni_str_strip_prefix(toni_str_of("join:r"), TONI_LIT("join:"), &rest));
    ck_assert(toni_str_equal(rest, toni_str_of("r")));
    ck_assert(!toni_str_strip_prefix(toni_str_of("join"), TONI_LIT("join:"), &before));
    ck_assert(toni_str_strip_prefix(toni_str_of("join:"), TONI_LIT("join:"), &rest));
    ck_assert_uint_eq(rest.size, 0);
    ck_assert(toni_str_strip_prefix(toni_str_of(NULL), TONI_LIT(""), &rest));

    ck_assert(toni_str_split_once(toni_str_of("a:b:c"), ':', &before, &rest));
    ck_assert(toni_str_equal(before, toni_str_of("a")));
    ck_assert(toni_str_equal(rest, toni_str_of("b:c")));
    ck_assert(toni_str_split_once(rest, ':', &rest, &before)); /* into itself */
    ck_assert(toni_str_equal(rest, toni_str_of("b")));
    ck_assert(!toni_str_split_once(toni_str_of("abc"), ':', &before, &rest));
    ck_assert(!toni_str_split_once(toni_str_of(""), ':', &before, &rest));
    ck_assert(!toni_str_equal(toni_str_of("a"), toni_str_of("b")));
}
END_TEST

/* --- Wrappers */

START_TEST(wrappers_of_connections_reach_the_table)
{
    const toni_message message = toni_text(toni_str_of("hi"));
    toni_client_ids *ids;
    toni_room_names *names;
    toni_client_info *info;
    toni_room_info *room;

    toni_fake_host_know(&host, 1);
    host.result = 2;
    ck_assert_int_eq(toni_join_room(connections(), 1, toni_str_of("r")), 2);
    ck_assert_int_eq(toni_broadcast_to_room(connections(), toni_str_of("r"), &message), 2);
    ck_assert_int_eq(toni_get_room_members(connections(), toni_str_of("r"), &ids), 2);
    ck_assert_int_eq(toni_get_client_rooms(connections(), 1, &names), 2);
    ck_assert_int_eq(toni_get_client(connections(), 1, &info), 2);
    ck_assert_int_eq(toni_get_room(connections(), toni_str_of("r"), &room), 2);
    ck_assert_int_eq(toni_send_to_client(connections(), 1, &message), 2);
    ck_assert_int_eq(toni_close_client(connections(), 1, 1000, toni_str_of("bye")), 2);
    ck_assert_uint_eq(toni_room_count(connections()), 1);
    ck_assert_int_eq(toni_leave_room(connections(), 1, toni_str_of("r")), 2);
    ck_assert_int_eq(toni_remove_client(connections(), 1), 2);
    ck_assert_uint_eq(toni_room_count(connections()), 0);
    toni_fake_host_expect(
        &host,
        "join 1 r\nbroadcast r text:hi\nmembers r\nrooms 1\n"
        "client 1\nroom r\nsend_to 1 text:hi\nclose_client 1 1000 bye\nleave 1 r\nremove 1\n");

    toni_client_ids_destroy(NULL);
    toni_room_names_destroy(NULL);
    toni_client_info_destroy(NULL);
    toni_room_info_destroy(NULL);
    toni_fake_host_expect(&host, "");
}
END_TEST

START_TEST(wrappers_of_targets_reach_the_table)
{
    const toni_message message = toni_binary(toni_str_of("hi"));
    toni_target *target = toni_to_room(connections(), toni_str_of("r"));

    toni_target_to_room(target, toni_str_of("s"));
    toni_target_to_client(target, 4);
    toni_target_except(target, 5);
    ck_assert_int_eq(toni_target_send(target, &message), 0);
    toni_fake_host_expect(
        &host, "target\nto_room r\nto_room s\nto_client 4\nexcept 5\ntarget_send binary:hi\n");

    toni_target_destroy(toni_to_all(connections()));
    toni_target_destroy(toni_to_client(connections(), 3));
    toni_fake_host_expect(&host,
                          "target\nto_all\ntarget_destroy\ntarget\nto_client 3\ntarget_destroy\n");

    toni_target_to_room(NULL, toni_str_of("s"));
    toni_target_to_client(NULL, 4);
    toni_target_except(NULL, 5);
    toni_target_destroy(NULL);
    ck_assert_int_eq(toni_target_send(NULL, &message), TONI_ERR_NO_MEMORY);
    toni_fake_host_expect(&host, "");
}
END_TEST

START_TEST(formatted_texts_have_any_length)
{
    static const int lengths[] = {1, 1022, 1023, 1024, 1025, 5000};
    toni_client *handle = toni_fake_client_handle(&client);

    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        toni_fake_host_clear(&host);
        ck_assert_int_eq(toni_client_sendf(handle, "%0*d", lengths[i], 7), 0);
        ck_assert_uint_eq(host.last_size, (size_t)lengths[i]);
        const char *colon = strchr(host.calls, ':');
        ck_assert_uint_eq(strlen(colon + 1), (size_t)lengths[i] + 1); /* and the newline */
        ck_assert_int_eq(colon[lengths[i]], '7');
    }
    host.result = TONI_ERR_FULL;
    ck_assert_int_eq(toni_client_sendf(handle, "%0*d", 5000, 7), TONI_ERR_FULL);
    ck_assert_int_eq(toni_broadcast_to_roomf(connections(), toni_str_of("r"), "%0*d", 5000, 7),
                     TONI_ERR_FULL);
}
END_TEST

START_TEST(what_a_host_refuses_is_refused)
{
    static char large[5 << 20];
    const toni_message text = toni_text(toni_str_of("x")), bad = toni_text(toni_str_of("\xff"));
    const toni_message big = toni_binary(toni_str_make(large, sizeof large));
    toni_client *handle = toni_fake_client_handle(&client);
    const toni_str room = toni_str_of("r"), control = toni_str_of("a\nb");
    toni_client_ids *ids = NULL;

    ck_assert_int_eq(toni_join_room(connections(), 7, control), TONI_ERR_INVALID);
    ck_assert_int_eq(toni_join_room(connections(), 4711, room), TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(toni_leave_room(connections(), 7, toni_str_of("")), TONI_ERR_INVALID);
    ck_assert_int_eq(toni_broadcast_to_room(connections(), control, &text), TONI_ERR_INVALID);
    ck_assert_int_eq(toni_broadcast_to_room(connections(), room, &bad), TONI_ERR_INVALID);
    ck_assert_int_eq(toni_broadcast_to_room(connections(), room, &big), TONI_OK);
    ck_assert_int_eq(toni_get_room_members(connections(), control, &ids), TONI_ERR_INVALID);
    ck_assert_int_eq(toni_send_to_client(connections(), 4711, &text), TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(toni_client_send(handle, &bad), TONI_ERR_INVALID);
    ck_assert_int_eq(toni_client_send(handle, &big), TONI_ERR_TOO_BIG);
    ck_assert_int_eq(toni_client_close(handle, 42, TONI_LIT("x")), TONI_ERR_INVALID);
    ck_assert_int_eq(toni_client_send(handle, &text), TONI_OK); /* it was not closed by that */
    toni_target *target = toni_to_room(connections(), control);
    toni_target_to_room(target, room);
    ck_assert_int_eq(toni_target_send(target, &text), TONI_ERR_INVALID);
    ck_assert_int_eq(toni_target_send(toni_to_room(connections(), room), &text), TONI_OK);

    ck_assert_int_eq(toni_client_close(handle, 4000, TONI_LIT("x")), TONI_OK);
    ck_assert_int_eq(toni_client_send(handle, &text), TONI_ERR_CLOSING);
    ck_assert_int_eq(toni_join_room(connections(), 7, room), TONI_ERR_CLOSING);
    ck_assert_int_eq(toni_leave_room(connections(), 7, room), TONI_OK);
    ck_assert_int_eq(toni_remove_client(connections(), 7), TONI_OK);
}
END_TEST

START_TEST(names_are_given_by_value_too)
{
    ck_assert_str_eq(toni_client_id_name(&client, 12).text, "id12");
    ck_assert_str_eq(toni_client_name(toni_fake_client_handle(&client)), "id7");
}
END_TEST

START_TEST(wrappers_of_the_request_reach_the_table)
{
    const toni_request *request = toni_client_request(toni_fake_client_handle(&client));
    toni_str value;

    toni_fake_client_set_part(&client, TONI_REQUEST_QUERY, "q=1");
    toni_fake_client_set_part(&client, TONI_REQUEST_ORIGIN, "https://example.org");
    toni_fake_client_set_part(&client, TONI_REQUEST_USER_AGENT, "agent");
    toni_fake_client_set_part(&client, TONI_REQUEST_ADDRESS, "192.0.2.1");
    toni_fake_client_set_part(&client, TONI_REQUEST_SUBPROTOCOL, "v2");
    ck_assert(toni_str_equal(toni_request_path(request), toni_str_of("/somewhere")));
    ck_assert(toni_str_equal(toni_request_query(request), toni_str_of("q=1")));
    ck_assert(toni_str_equal(toni_request_origin(request), toni_str_of("https://example.org")));
    ck_assert(toni_str_equal(toni_request_user_agent(request), toni_str_of("agent")));
    ck_assert(toni_str_equal(toni_request_address(request), toni_str_of("192.0.2.1")));
    ck_assert(toni_str_equal(toni_request_subprotocol(request), toni_str_of("v2")));

    toni_fake_client_set_parameter(&client, "q", "value");
    ck_assert_int_eq(toni_request_parameter(request, TONI_LIT("q"), &value), TONI_OK);
    ck_assert(toni_str_equal(value, toni_str_of("value")));
    ck_assert_int_eq(toni_request_parameter(request, TONI_LIT("Q"), &value), TONI_ERR_NOT_FOUND);
    toni_fake_client_set_header(&client, "X-Token", "secret");
    ck_assert_int_eq(toni_request_header(request, TONI_LIT("x-tOKEN"), &value), TONI_OK);
    ck_assert(toni_str_equal(value, toni_str_of("secret")));
    ck_assert_int_eq(toni_request_header(request, TONI_LIT("x-other"), &value), TONI_ERR_NOT_FOUND);
}
END_TEST

START_TEST(wrappers_of_tls_reach_the_table)
{
    const toni_certificate shown = {.struct_size = sizeof shown,
                                    .subject = TONI_LIT_INIT("CN=alice")};
    const toni_request *request = toni_client_request(toni_fake_client_handle(&client));
    toni_fake_exchange asked = {.host = &host.table};
    const toni_exchange *exchange = (const toni_exchange *)&asked;
    toni_certificate certificate;

    ck_assert_int_eq(toni_request_is_secure(request), 0);
    ck_assert_int_eq(toni_exchange_is_secure(exchange), 0);
    client.request.is_secure = asked.is_secure = 1;
    ck_assert_int_eq(toni_request_is_secure(request), 1);
    ck_assert_int_eq(toni_exchange_is_secure(exchange), 1);
    ck_assert_int_eq(toni_request_certificate(request, &certificate), TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(toni_exchange_certificate(exchange, &certificate), TONI_ERR_NOT_FOUND);

    client.request.is_secure = asked.is_secure = 0;
    client.request.certificate = asked.certificate = &shown;
    ck_assert_int_eq(toni_request_is_secure(request), 1);
    ck_assert_int_eq(toni_exchange_is_secure(exchange), 1);
    ck_assert_int_eq(toni_request_certificate(request, &certificate), TONI_OK);
    ck_assert(toni_str_equal(certificate.subject, shown.subject));
    ck_assert_int_eq(toni_exchange_certificate(exchange, &certificate), TONI_OK);
    ck_assert(toni_str_equal(certificate.subject, shown.subject));
    ck_assert_uint_eq(certificate.struct_size, sizeof certificate);
}
END_TEST

static int32_t create_nothing(toni_context *context, void **self)
{
    (void)context, (void)self;
    return TONI_OK;
}

static int32_t ignore_message(void *self, toni_client *handle, const toni_message *message)
{
    (void)self, (void)handle, (void)message;
    return TONI_OK;
}

static const toni_plugin *with_options(void)
{
    static toni_plugin plugin = {
        .magic = TONI_ABI_MAGIC,
        .abi_major = TONI_ABI_MAJOR,
        .size = sizeof plugin,
        .kind = TONI_GATEWAY,
        .name = TONI_LIT_INIT("optional"),
        .create = create_nothing,
        .on_message = ignore_message,
    };
    static const toni_option number = {.struct_size = sizeof number,
                                       .type = TONI_TYPE_INT,
                                       .name = TONI_LIT_INIT("int"),
                                       .least_int = -9,
                                       .most_int = 9,
                                       .standard_int = 3};
    static const toni_option real = {.struct_size = sizeof real,
                                     .type = TONI_TYPE_DOUBLE,
                                     .name = TONI_LIT_INIT("double"),
                                     .most_double = 9};
    static const toni_option text = {.struct_size = sizeof text,
                                     .type = TONI_TYPE_STR,
                                     .name = TONI_LIT_INIT("str"),
                                     .standard = TONI_LIT_INIT("standard")};
    static const toni_option pause = {.struct_size = sizeof pause,
                                      .type = TONI_TYPE_DURATION,
                                      .name = TONI_LIT_INIT("pause"),
                                      .least = TONI_LIT_INIT("0s"),
                                      .most = TONI_LIT_INIT("1h"),
                                      .standard = TONI_LIT_INIT("30s")};
    static const toni_option map = {.struct_size = sizeof map,
                                    .type = TONI_TYPE_MAP,
                                    .item_type = TONI_TYPE_INT,
                                    .name = TONI_LIT_INIT("map")};
    static const toni_option *const options[] = {&number, &real, &text, &pause, &map, NULL};
    plugin.options = options;
    return &plugin;
}

START_TEST(wrappers_of_options_reach_the_table)
{
    toni_context *context = toni_fake_host_context(&host);

    toni_fake_host_use(&host, with_options());
    ck_assert_int_eq(toni_option_int(context, TONI_LIT("int")), 3);
    ck_assert(toni_str_equal(toni_option_str(context, TONI_LIT("str")), TONI_LIT("standard")));
    ck_assert_int_eq(toni_option_duration(context, TONI_LIT("pause")), 30000);
    ck_assert_uint_eq(toni_option_map_count(context, TONI_LIT("map")), 0);
    toni_fake_host_set_int(&host, "int", -5);
    toni_fake_host_set_double(&host, "double", 1.5);
    toni_fake_host_set_str(&host, "str", "old");
    toni_fake_host_set_str(&host, "str", "new");
    toni_fake_host_set_str(&host, "pause", "2min");
    toni_fake_host_add_int(&host, "map", "a", 1);
    toni_fake_host_add_int(&host, "map", "b", 2);
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
    ck_assert_int_eq(toni_option_int(context, TONI_LIT("int")), -5);
    ck_assert_double_eq(toni_option_double(context, TONI_LIT("double")), 1.5);
    ck_assert(toni_str_equal(toni_option_str(context, TONI_LIT("str")), TONI_LIT("new")));
    ck_assert_int_eq(toni_option_duration(context, TONI_LIT("pause")), 120000);
    ck_assert_uint_eq(toni_option_map_count(context, TONI_LIT("map")), 2);
    const toni_option_value b = toni_option_item(context, TONI_LIT("map"), TONI_TYPE_INT, 1);
    ck_assert(toni_str_equal(b.key, TONI_LIT("b")));
    ck_assert_int_eq(b.integer, 2);
    ck_assert(toni_str_equal(toni_context_name(context), toni_str_of("fake")));
}
END_TEST

START_TEST(snapshots_are_handed_out_and_taken_back)
{
    toni_client_ids *ids;
    toni_room_names *names;
    toni_client_info *info;
    toni_room_info *room;

    toni_fake_host_know(&host, 8);
    ck_assert_int_eq(toni_join_room(connections(), 7, TONI_LIT("r")), TONI_OK);
    ck_assert_int_eq(toni_join_room(connections(), 8, TONI_LIT("r")), TONI_OK);
    host.room.dropped_oldest = 5;
    ck_assert_int_eq(toni_get_room_members(connections(), toni_str_of("r"), &ids), TONI_OK);
    ck_assert_int_eq(toni_get_client_rooms(connections(), 7, &names), TONI_OK);
    ck_assert_int_eq(toni_get_client(connections(), 7, &info), TONI_OK);
    ck_assert_int_eq(toni_get_room(connections(), toni_str_of("r"), &room), TONI_OK);
    ck_assert_uint_eq(ids->count, 2);
    ck_assert_uint_eq(ids->ids[1], 8);
    ck_assert(toni_str_equal(names->names[0], toni_str_of("r")));
    ck_assert_uint_eq(info->id, 7);
    ck_assert_uint_eq(info->room_count, 1);
    ck_assert_uint_eq(room->struct_size, sizeof *room);
    ck_assert_uint_eq(room->members, 2);
    ck_assert_uint_eq(room->dropped_oldest, 5);
    ck_assert_int_eq(host.handed_out, 4);
    toni_client_ids_destroy(ids);
    toni_room_names_destroy(names);
    toni_client_info_destroy(info);
    toni_room_info_destroy(room);
    ck_assert_int_eq(host.handed_out, 0);
    toni_fake_host_expect(&host,
                          "join 7 r\njoin 8 r\nmembers r\nrooms 7\nclient 7\nroom r\nids_destroy\n"
                          "names_destroy\ninfo_destroy\nroom_destroy\n");
}
END_TEST

/* --- Time and work */

static char events[1024]; /* what tasks did: their letters, small when they are released */

static void event(char letter)
{
    ck_assert_uint_lt(strlen(events), sizeof events - 1);
    strncat(events, &letter, 1);
}

static void expect_events(const char *expected)
{
    ck_assert_str_eq(events, expected);
    events[0] = '\0';
}

static void run_letter(void *self, void *data)
{
    ck_assert_ptr_eq(self, host.self);
    event(*(const char *)data);
}

static int32_t work_letter(void *data)
{
    event('*');
    return *(const char *)data;
}

static void end_letter(void *self, void *data, int32_t result)
{
    ck_assert_int_eq(result, *(const char *)data);
    run_letter(self, data);
}

static void release_letter(void *data)
{
    event((char)(*(const char *)data - 'A' + 'a'));
}

static int64_t timer_to_cancel;

static void cancel_letter(void *self, void *data)
{
    run_letter(self, data);
    ck_assert_int_eq(toni_cancel_timer(toni_fake_host_context(&host), timer_to_cancel), TONI_OK);
}

static void post_letter(void *self, void *data)
{
    run_letter(self, data);
    ck_assert_int_eq(toni_post(toni_fake_host_context(&host), run_letter, "P", NULL), TONI_OK);
}

START_TEST(time_passes_when_the_test_says_so)
{
    toni_context *context = toni_fake_host_context(&host);

    ck_assert_int_eq(toni_after(context, 30, run_letter, "C", release_letter), 1);
    ck_assert_int_eq(toni_every(context, 20, run_letter, "E", release_letter), 2);
    ck_assert_int_eq(toni_after(context, 20, run_letter, "B", release_letter), 3);
    ck_assert_int_eq(toni_post(context, post_letter, "A", release_letter), TONI_OK);
    expect_events("");
    toni_fake_host_advance(&host, 0);
    expect_events("AaP");
    toni_fake_host_advance(&host, 19);
    expect_events("");
    toni_fake_host_advance(&host, 41); /* to 60 */
    expect_events("EBbCcEE");
    ck_assert_int_eq(toni_cancel_timer(context, 3), TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(toni_cancel_timer(context, 2), TONI_OK);
    ck_assert_int_eq(toni_cancel_timer(context, 2), TONI_ERR_NOT_FOUND);
    expect_events("");
    ck_assert_uint_eq(toni_fake_host_task_count(&host), 1);
    toni_fake_host_advance(&host, 100);
    expect_events("e");
    ck_assert_uint_eq(toni_fake_host_task_count(&host), 0);
    toni_fake_host_expect(&host, "after 30\nevery 20\nafter 20\npost\npost\n"
                                 "cancel_timer 3\ncancel_timer 2\ncancel_timer 2\n");

    timer_to_cancel = toni_every(context, 1, cancel_letter, "S", release_letter);
    toni_fake_host_advance(&host, 10);
    expect_events("Ss");
}
END_TEST

START_TEST(work_is_done_when_the_test_says_so)
{
    toni_context *context = toni_fake_host_context(&host);

    ck_assert_int_eq(toni_work(context, work_letter, end_letter, "A", release_letter), TONI_OK);
    ck_assert_int_eq(toni_work(context, work_letter, NULL, "B", release_letter), TONI_OK);
    toni_fake_host_advance(&host, 1000);
    expect_events("");
    toni_fake_host_run_work(&host);
    expect_events("**Aab");
    toni_fake_host_run_work(&host);
    expect_events("");
    toni_fake_host_expect(&host, "work\nwork\n");
}
END_TEST

static void note_receipt(void *self, void *data, const toni_receipt *receipt)
{
    char text[64];

    (void)self;
    (void)snprintf(text, sizeof text, "%u of %u", receipt->queued, receipt->targeted);
    toni_log(toni_fake_host_context(&host), TONI_LOG_INFO, "%s %s", (const char *)data, text);
}

START_TEST(receipts_come_when_time_passes)
{
    toni_connections *connections = toni_fake_host_connections(&host);
    toni_context *context = toni_fake_host_context(&host);
    const toni_message message = toni_text(toni_str_of("hi"));

    host.result_of = "target_send_with_receipt";
    host.result = 3;
    ck_assert_int_eq(toni_broadcast_to_room_with_receipt(connections, toni_str_of("r"), &message,
                                                         context, note_receipt, "A",
                                                         release_letter),
                     3);
    toni_fake_host_expect(&host, "target\nto_room r\ntarget_send_with_receipt text:hi\n");
    expect_events("");
    toni_fake_host_advance(&host, 0);
    toni_fake_host_expect(&host, "log 1 A 3 of 3\n");
    expect_events("a");
    host.result = TONI_ERR_BUSY;
    ck_assert_int_eq(toni_target_send_with_receipt(toni_to_all(connections), &message, context,
                                                   note_receipt, "B", release_letter),
                     TONI_ERR_BUSY);
    toni_fake_host_advance(&host, 0);
    expect_events("");
    ck_assert_uint_eq(toni_fake_host_task_count(&host), 0);
}
END_TEST

START_TEST(tasks_are_refused_as_by_a_host)
{
    toni_context *context = toni_fake_host_context(&host);

    ck_assert_int_eq(toni_after(context, 0, NULL, "A", release_letter), TONI_ERR_INVALID);
    ck_assert_int_eq(toni_every(context, 0, run_letter, "A", release_letter), TONI_ERR_INVALID);
    ck_assert_int_eq(toni_after(context, TONI_TASK_MOST_MS + 1, run_letter, "A", NULL),
                     TONI_ERR_INVALID);
    ck_assert_int_eq(toni_post(context, NULL, "A", release_letter), TONI_ERR_INVALID);
    ck_assert_int_eq(toni_work(context, NULL, end_letter, "A", release_letter), TONI_ERR_INVALID);
    host.result = TONI_ERR_LIMIT;
    ck_assert_int_eq(toni_after(context, 0, run_letter, "A", release_letter), TONI_ERR_LIMIT);
    ck_assert_int_eq(toni_every(context, 1, run_letter, "A", release_letter), TONI_ERR_LIMIT);
    ck_assert_int_eq(toni_post(context, run_letter, "A", release_letter), TONI_ERR_LIMIT);
    ck_assert_int_eq(toni_work(context, work_letter, end_letter, "A", release_letter),
                     TONI_ERR_LIMIT);
    ck_assert_uint_eq(toni_fake_host_task_count(&host), 0);
    expect_events("");
}
END_TEST

START_TEST(a_stop_cancels_tasks)
{
    toni_context *context = toni_fake_host_context(&host);

    toni_fake_host_load(&host, TEST_FIXTURES_DIR "/plain_gateway.so");
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
    toni_after(context, 1, run_letter, "A", release_letter);
    toni_every(context, 1, run_letter, "B", release_letter);
    toni_post(context, run_letter, "C", release_letter);
    toni_work(context, work_letter, end_letter, "D", release_letter);
    toni_fake_host_stop(&host);
    expect_events("abcd");
    ck_assert_int_eq(toni_post(context, run_letter, "E", release_letter), TONI_ERR_CLOSING);
    ck_assert_int_eq(toni_after(context, 1, run_letter, "E", release_letter), TONI_ERR_CLOSING);
    expect_events("");
}
END_TEST

START_TEST(parts_are_joined_byte_for_byte)
{
    static const size_t lengths[] = {0, 1, 1023, 1024, 1025, 5000};
    static const char zeros[5000];
    toni_client *handle = toni_fake_client_handle(&client);

    const toni_str nul = toni_str_make("a\0b", 3);
    ck_assert_int_eq(toni_client_send_parts(handle, TONI_PARTS(TONI_LIT("<"), nul, {NULL, 0})), 0);
    ck_assert_int_eq(
        toni_broadcast_to_room_parts(connections(), toni_str_of("r"), TONI_PARTS(nul, nul)), 0);
    ck_assert_int_eq(toni_client_send_parts(handle, NULL, 0), 0);
    toni_fake_host_expect(&host, "send 7 text:<a~b\nbroadcast r text:a~ba~b\nsend 7 text:\n");
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        const toni_str part = toni_str_make(zeros, lengths[i]);
        ck_assert_int_eq(toni_client_send_parts(handle, TONI_PARTS(part, TONI_LIT("!"))), 0);
        ck_assert_uint_eq(host.last_size, lengths[i] + 1);
        ck_assert_str_eq(strchr(host.calls, '!'), "!\n");
        toni_fake_host_clear(&host);
    }
    host.result = TONI_ERR_FULL;
    ck_assert_int_eq(toni_client_send_parts(handle, TONI_PARTS(nul)), TONI_ERR_FULL);
    const toni_str huge = toni_str_make(zeros, SIZE_MAX);
    ck_assert_int_eq(toni_client_send_parts(handle, TONI_PARTS(huge, nul)), TONI_ERR_NO_MEMORY);
}
END_TEST

/* --- Plugins */

static void check_message(const toni_plugin *plugin, void *self, toni_message message,
                          int32_t result, const char *calls)
{
    ck_assert_int_eq(plugin->on_message(self, toni_fake_client_handle(&client), &message), result);
    toni_fake_host_expect(&host, calls);
}

START_TEST(drives_the_c_plugin_through_its_life)
{
    const toni_plugin *plugin = toni_fake_host_load(&host, TEST_FIXTURES_DIR "/plain_gateway.so");
    void *self = NULL;

    ck_assert_uint_eq(plugin->size, sizeof *plugin);
    ck_assert_uint_eq(plugin->abi_minor, 0);
    ck_assert(toni_str_equal(plugin->version, toni_str_of("1.2.3")));
    ck_assert(toni_str_equal(*plugin->subprotocols[0], toni_str_of("v2")));
    ck_assert(toni_str_equal(*plugin->subprotocols[1], toni_str_of("v1")));
    ck_assert_ptr_null(plugin->subprotocols[2]);
    ck_assert(toni_str_equal(plugin->needs[0]->interface_name, toni_str_of("toni.connections")));
    ck_assert_uint_eq(plugin->needs[0]->version, 1);
    ck_assert_ptr_null(plugin->needs[1]);

    toni_fake_host_set_int(&host, "size", 1500);
    ck_assert_int_eq(plugin->create(toni_fake_host_context(&host), &self), TONI_OK);
    toni_fake_host_expect(&host, "log 1 made 1\n");
    ck_assert_int_eq(plugin->start(self), TONI_OK);
    toni_fake_host_expect(&host, "log 0 start\n");
    ck_assert_int_eq(plugin->ready(self), TONI_OK);
    toni_fake_host_expect(&host, "log 1 ready size=big\n");

    check_message(plugin, self, toni_text(toni_str_of("hi")), 0, "send 7 text:hi\n");
    check_message(plugin, self, toni_text(toni_str_of("room")), 0,
                  "broadcast den text:id7 says hi\n");
    check_message(plugin, self, toni_binary(toni_str_of("x")), TONI_ERR_TYPE, "");
    const toni_message big = toni_text(toni_str_of("big"));
    ck_assert_int_eq(plugin->on_message(self, toni_fake_client_handle(&client), &big), 0);
    ck_assert_uint_eq(host.last_size, 1500);
    toni_fake_host_clear(&host);

    plugin->stopping(self, TONI_STOPPING_RESTART);
    toni_fake_host_expect(&host, "log 2 stopping 2\n");
    plugin->destroy(self);
    toni_fake_host_expect(&host, "log 3 destroy\n");
}
END_TEST

START_TEST(drives_the_c_plugin_through_a_connection)
{
    const toni_plugin *plugin = toni_fake_host_load(&host, TEST_FIXTURES_DIR "/plain_gateway.so");
    const toni_disconnect_info gone = {.struct_size = sizeof gone, .reason = TONI_CLOSED_LOST};
    toni_client *handle = toni_fake_client_handle(&client);
    void *self = NULL;

    ck_assert_int_eq(plugin->create(toni_fake_host_context(&host), &self), TONI_OK);
    const toni_request *request = toni_client_request(handle);
    ck_assert_int_eq(plugin->guard(self, request), TONI_ERR_UNAUTHORIZED);
    toni_fake_client_set_header(&client, "x-token", "wrong");
    ck_assert_int_eq(plugin->guard(self, request), TONI_ERR_FORBIDDEN);
    reset_client();
    toni_fake_client_set_header(&client, "x-token", "secret");
    ck_assert_int_eq(plugin->guard(self, request), TONI_OK);
    toni_fake_host_clear(&host);

    ck_assert_int_eq(plugin->on_connect(self, handle), TONI_OK);
    toni_fake_host_expect(&host, "send 7 text:welcome id7 to /somewhere\n");
    ck_assert_ptr_nonnull(toni_client_data(handle));
    plugin->on_disconnect(self, handle, &gone);
    toni_fake_host_expect(&host, "log 1 gone id7 6\n");
    plugin->client_free(self, client.data);

    toni_fake_client_set_part(&client, TONI_REQUEST_PATH, "/full");
    ck_assert_int_eq(plugin->on_connect(self, handle), TONI_ERR_LIMIT);
    toni_fake_host_expect(&host, "close 7 1013 come back later\n");
    plugin->destroy(self);
}
END_TEST

/* The same, as an author would write it. */
START_TEST(the_testkit_drives_a_plugin)
{
    toni_fake_host_load(&host, TEST_FIXTURES_DIR "/plain_gateway.so");
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
    ck_assert_int_eq(toni_fake_client_connect(&client), TONI_ERR_UNAUTHORIZED);
    toni_fake_client_set_header(&client, "x-token", "secret");
    ck_assert_int_eq(toni_fake_client_connect(&client), TONI_OK);
    ck_assert_ptr_nonnull(client.data);
    toni_fake_host_clear(&host);

    host.result = TONI_ERR_BUSY;
    host.result_of = "broadcast";
    ck_assert_int_eq(toni_fake_client_send_text(&client, "hi"), TONI_OK);
    ck_assert_int_eq(toni_fake_client_send_text(&client, "room"), TONI_ERR_BUSY);
    toni_fake_host_expect(&host, "send 7 text:hi\nbroadcast den text:id7 says hi\n");

    toni_fake_client_disconnect(&client, TONI_CLOSED_BY_CLIENT);
    ck_assert_ptr_null(client.data);
    toni_fake_host_stop(&host);
    toni_fake_host_expect(&host, "log 1 gone id7 1\nlog 2 stopping 1\nlog 3 destroy\n");
}
END_TEST

/* --- Guards that wait */

static void start_later(const char *by, const char *answer)
{
    toni_fake_host_load(&host, TEST_FIXTURES_DIR "/later_gateway.so");
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
    toni_fake_client_set_parameter(&client, "by", by);
    toni_fake_client_set_parameter(&client, "answer", answer);
    toni_fake_client_set_header(&client, "x-question", "who?");
}

START_TEST(a_guard_waits_in_the_testkit)
{
    start_later("job", "ok");
    ck_assert_int_eq(toni_fake_client_connect(&client), TONI_LATER);
    ck_assert_int_eq(toni_fake_client_resume(&client), TONI_LATER);
    toni_fake_host_run_work(&host);
    toni_fake_host_expect(&host, "guard_wait 7\nwork\nguard_decide 7 0\n");
    ck_assert_int_eq(toni_fake_client_resume(&client), TONI_OK);
    ck_assert_int_eq(toni_fake_client_send_text(&client, "hi"), TONI_OK);
    toni_fake_host_expect(&host, "send 7 text:hi\n");
    toni_fake_client_disconnect(&client, TONI_CLOSED_BY_CLIENT);
    toni_fake_host_stop(&host);
}
END_TEST

/* It may be through before the guard has returned, or later. */
START_TEST(a_guard_decides_on_a_thread_in_the_testkit)
{
    start_later("thread", "ok");
    int32_t result = toni_fake_client_connect(&client);
    while (result == TONI_LATER)
        result = toni_fake_client_resume(&client);
    ck_assert_int_eq(result, TONI_OK);
    toni_fake_host_expect(&host, "guard_wait 7\nguard_decide 7 0\n");
    toni_fake_client_disconnect(&client, TONI_CLOSED_BY_CLIENT);
    toni_fake_host_stop(&host);
}
END_TEST

START_TEST(a_guard_that_waits_refuses_in_the_testkit)
{
    start_later("post", "401");
    ck_assert_int_eq(toni_fake_client_connect(&client), TONI_LATER);
    toni_fake_host_advance(&host, 0);
    ck_assert_int_eq(toni_fake_client_resume(&client), TONI_ERR_UNAUTHORIZED);
    toni_fake_host_expect(&host, "guard_wait 7\npost\nguard_decide 7 -10\n");
    reset_client();
    toni_fake_client_set_parameter(&client, "by", "guard"); /* before it returns */
    toni_fake_client_set_parameter(&client, "answer", "403");
    ck_assert_int_eq(toni_fake_client_connect(&client), TONI_ERR_FORBIDDEN);
    toni_fake_host_expect(&host, "guard_wait 7\nguard_decide 7 -11\n");
    toni_fake_host_stop(&host);
}
END_TEST

START_TEST(a_ticket_is_cancelled_in_the_testkit)
{
    toni_fake_client other;

    start_later("nobody", "ok");
    ck_assert_int_eq(toni_fake_client_connect(&client), TONI_LATER);
    toni_fake_client_init(&other, &host, 8);
    toni_fake_client_set_parameter(&other, "by", "guard");
    ck_assert_int_eq(toni_fake_client_connect(&other), TONI_OK);
    toni_fake_client_cancel(&client);
    toni_fake_host_clear(&host);
    ck_assert_int_eq(toni_fake_client_send_text(&other, "count"), TONI_OK);
    toni_fake_host_expect(&host, "send 8 text:1 waiting, 1 cancelled\n");
    toni_fake_client_disconnect(&other, TONI_CLOSED_BY_CLIENT);
    toni_fake_host_stop(&host); /* its `destroy` decides, and must */
    toni_fake_host_expect(&host, "guard_decide 7 0\n");
}
END_TEST

START_TEST(a_guard_gets_no_ticket_in_the_testkit)
{
    start_later("nobody", "ok");
    host.result = TONI_ERR_LIMIT;
    host.result_of = "guard_wait";
    ck_assert_int_eq(toni_fake_client_connect(&client), TONI_ERR_BUSY);
    toni_fake_host_expect(&host, "guard_wait 7\n");
    ck_assert_ptr_null(toni_guard_wait((const toni_request *)&client.request)); /* no guard runs */
    toni_fake_host_stop(&host);
}
END_TEST

START_TEST(the_cxx_guard_waits)
{
    toni_fake_host_load(&host, TEST_FIXTURES_DIR "/cxx_later_gateway.so");
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
    toni_fake_client_set_header(&client, "Authorization", "Bearer good");
    ck_assert_int_eq(toni_fake_client_connect(&client), TONI_LATER);
    toni_fake_host_run_work(&host);
    ck_assert_int_eq(toni_fake_client_resume(&client), TONI_OK);
    toni_fake_client_disconnect(&client, TONI_CLOSED_BY_CLIENT);
    toni_fake_host_stop(&host);
}
END_TEST

static int32_t create_and_count(toni_context *context, void **self)
{
    (void)context, (void)self;
    return 1;
}

static int32_t count(void *self)
{
    (void)self;
    return 2;
}

/* Such as the number of clients that a broadcast was for. */
START_TEST(a_count_is_a_success_to_the_testkit_too)
{
    const toni_plugin plugin = {.magic = TONI_ABI_MAGIC,
                                .abi_major = TONI_ABI_MAJOR,
                                .size = sizeof plugin,
                                .kind = TONI_SERVICE,
                                .create = create_and_count,
                                .start = count,
                                .ready = count};

    toni_fake_host_use(&host, &plugin);
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
    toni_fake_host_stop(&host);
}
END_TEST

START_TEST(the_testkit_says_why_it_stops)
{
    toni_fake_host_load(&host, TEST_FIXTURES_DIR "/plain_gateway.so");
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
    toni_fake_host_clear(&host);
    toni_fake_host_stop_because(&host, TONI_STOPPING_REMOVED);
    toni_fake_host_expect(&host, "log 2 stopping 4\nlog 3 destroy\n");
}
END_TEST

START_TEST(wrappers_of_the_log_reach_the_table)
{
    toni_context *context = toni_fake_host_context(&host);

    ck_assert(toni_log_enabled(context, TONI_LOG_DEBUG));
    host.log_level = TONI_LOG_WARN;
    ck_assert(!toni_log_enabled(context, TONI_LOG_INFO));
    ck_assert(toni_log_enabled(context, TONI_LOG_WARN));
    ck_assert_int_eq(toni_fail(context, TONI_ERR_LIMIT, "%d of %d", 3, 2), TONI_ERR_LIMIT);
    toni_fake_host_expect(&host, "fail 3 of 2\n");
}
END_TEST

START_TEST(what_is_not_needed_is_not_injected)
{
    toni_context *context = toni_fake_host_context(&host);

    ck_assert_ptr_eq(toni_context_connections(context), connections());
    ck_assert_ptr_null(toni_context_inject(context, TONI_LIT("chat")));
    toni_fake_host_load(&host, TEST_FIXTURES_DIR "/idle_gateway.so");
    ck_assert_ptr_null(toni_context_connections(context));
}
END_TEST

START_TEST(the_testkit_gives_members_of_groups)
{
    toni_fake_host_load(&host, TEST_FIXTURES_DIR "/plain_gateway.so");
    const size_t ann = toni_fake_host_add_group(&host, "users", NULL);
    const size_t bob = toni_fake_host_add_group(&host, "users", NULL);
    ck_assert_uint_eq(bob, 1);
    toni_fake_host_set_member_str(&host, "users", ann, "name", "ann");
    toni_fake_host_set_member_int(&host, "users", bob, "level", 9);
    toni_fake_host_set_member_str(&host, "users", bob, "name", "rob");
    toni_fake_host_set_member_str(&host, "users", bob, "name", "bob");
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
    toni_fake_host_clear(&host);
    check_message(host.plugin, host.self, toni_text(toni_str_of("users")), 0,
                  "send 7 text:ann 1;bob 9;\n");
    toni_fake_host_stop(&host);

    reset();
    toni_fake_host_load(&host, TEST_FIXTURES_DIR "/cxx_gateway.so");
    (void)toni_fake_host_add_group(&host, "rooms", "hall");
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
    toni_fake_host_clear(&host);
    check_message(host.plugin, host.self, toni_text(toni_str_of("rooms")), 0,
                  "send 7 text:hall 10\n");
    toni_fake_host_stop(&host);
}
END_TEST

START_TEST(drives_the_cxx_plugin)
{
    const toni_plugin *plugin = toni_fake_host_load(&host, TEST_FIXTURES_DIR "/cxx_gateway.so");
    void *self = NULL;

    ck_assert_uint_eq(plugin->magic, TONI_ABI_MAGIC);
    ck_assert_uint_eq(plugin->abi_major, TONI_ABI_MAJOR);
    ck_assert_uint_eq(plugin->abi_minor, 0);
    ck_assert_uint_eq(plugin->size, sizeof *plugin);
    ck_assert_uint_eq(plugin->kind, TONI_GATEWAY);
    ck_assert(toni_str_equal(plugin->name, toni_str_of("cxx")));
    ck_assert(toni_str_equal(plugin->needs[0]->interface_name, toni_str_of("toni.connections")));
    ck_assert_uint_eq(plugin->needs[0]->struct_size, sizeof(toni_dependency));

    ck_assert_int_eq(plugin->create(toni_fake_host_context(&host), &self), TONI_OK);
    check_message(plugin, self, toni_text(toni_str_of("world")), 0,
                  "join 7 world\nsend 7 text:hello world\n");
    check_message(plugin, self, toni_binary(toni_str_of("x")), TONI_ERR_TYPE, "");
    host.self = self;
    check_message(plugin, self, toni_text(toni_str_of("later")), 0, "after 50\n");
    toni_fake_host_advance(&host, 50);
    toni_fake_host_expect(&host, "send_to 7 text:hello\n");
    check_message(plugin, self, toni_text(toni_str_of("later")), 0, "after 50\n");
    toni_fake_host_stop(&host);
}
END_TEST

/* --- Swaps */

static toni_fake_host next; /* the host of the new version */

static const toni_plugin *load_swap(toni_fake_host *into, int version)
{
    return toni_fake_host_load(into, version == 1 ? TEST_FIXTURES_DIR "/swap_1.so"
                                                  : TEST_FIXTURES_DIR "/swap_2.so");
}

static void set_up_swap(void)
{
    reset();
    toni_fake_host_init(&next);
    load_swap(&host, 1);
    load_swap(&next, 2);
}

static void start_and_connect(void)
{
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
    ck_assert_int_eq(toni_fake_client_connect(&client), TONI_OK);
    toni_fake_host_clear(&host);
}

static void check_answer(toni_fake_host *of, const char *text, const char *calls)
{
    ck_assert_int_eq(toni_fake_client_send_text(&client, text), TONI_OK);
    toni_fake_host_expect(of, calls);
}

/* Made with older headers: what it is too short to have, the fake host does not read either. */
START_TEST(a_shorter_descriptor_is_taken)
{
    const toni_plugin *plugin = toni_fake_host_load(&host, TEST_FIXTURES_DIR "/shorter.so");

    ck_assert_ptr_eq(plugin, host.plugin);
    ck_assert_uint_eq(plugin->size, TONI_PLUGIN_SIZE_LEAST);
    ck_assert(!plugin->on_request);
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
    ck_assert_int_eq(toni_fake_client_send_text(&client, "hi"), TONI_OK);
    toni_fake_host_stop(&host);
}
END_TEST

START_TEST(wrappers_of_swaps_reach_the_table)
{
    static toni_fake_state state;
    toni_context *context = toni_fake_host_context(&host);
    toni_state_writer *writer = (toni_state_writer *)&state;

    state.host = &host.table;
    ck_assert_int_eq(toni_state_write(writer, "abc", 3), TONI_OK);
    ck_assert_int_eq(toni_state_write(writer, NULL, 0), TONI_OK);
    ck_assert_mem_eq(state.bytes, "abc", 3);
    ck_assert_uint_eq(state.size, 3);
    toni_enter(context);
    toni_enter(context);
    ck_assert_int_eq(host.entered, 2);
    ck_assert_int_eq(toni_leave(context), TONI_OK);
    ck_assert_int_eq(toni_leave(context), TONI_OK);
    ck_assert_int_eq(host.entered, 0);
    toni_fake_host_expect(&host, "state_write 3\nstate_write 0\nenter\nenter\nleave\nleave\n");
}
END_TEST

START_TEST(a_swap_carries_state_and_clients)
{
    toni_fake_host_set_int(&host, "padding", 1024);
    start_and_connect();
    check_answer(&host, "count", "send 7 text:version 1 count 1\n");
    check_answer(&host, "kept", "send 7 text:connected by version 1\n");

    ck_assert_int_eq(toni_fake_host_swap(&host, &next), TONI_OK);
    toni_fake_host_expect(&host, "log 0 version 1: export_state\nstate_write 8\n"
                                 "state_write 1024\n");
    toni_fake_host_expect(&next, "log 0 version 2: create\nlog 0 version 2: start\n"
                                 "log 0 version 2: import_state\nlog 0 version 2: ready\n");
    ck_assert_int_eq(toni_fake_client_adopt(&client, &next), TONI_OK);
    toni_fake_host_expect(&next, "log 0 version 2: on_adopt\n");
    toni_fake_host_stop(&host);
    toni_fake_host_expect(&host, "log 1 stopping version 1: swapped\nlog 0 version 1: stopping\n"
                                 "log 1 destroying version 1\nlog 0 version 1: destroy\n");

    check_answer(&next, "count", "send 7 text:version 2 count 2\n");
    check_answer(&next, "kept", "send 7 text:adopted by version 2\n");
    toni_fake_client_disconnect(&client, TONI_CLOSED_BY_CLIENT);
    toni_fake_host_stop(&next);
}
END_TEST

START_TEST(a_swap_that_fails_changes_nothing)
{
    static const char *const hooks[] = {"create", "start", "import_state"};

    start_and_connect();
    check_answer(&host, "count", "send 7 text:version 1 count 1\n");
    toni_fake_host_set_str(&next, "fail", hooks[_i]);
    ck_assert_int_eq(toni_fake_host_swap(&host, &next), TONI_ERR_FAILED);
    ck_assert((strstr(next.calls, "destroying version 2") != NULL) == (_i > 0));
    ck_assert_ptr_nonnull(strstr(next.calls, "fail asked to fail in "));
    ck_assert_ptr_null(strstr(next.calls, "ready"));
    ck_assert_ptr_null(strstr(next.calls, "stopping"));
    toni_fake_host_clear(&host);
    check_answer(&host, "count", "send 7 text:version 1 count 2\n");
    check_answer(&host, "kept", "send 7 text:connected by version 1\n");
    toni_fake_client_disconnect(&client, TONI_CLOSED_BY_CLIENT);
    toni_fake_host_stop(&host);
}
END_TEST

START_TEST(a_state_has_a_bound)
{
    static toni_fake_state state;

    toni_fake_host_set_int(&host, "padding", 1024);
    start_and_connect();
    host.state_bytes = 1031;
    ck_assert_int_eq(toni_fake_host_swap(&host, &next), TONI_ERR_TOO_BIG);
    ck_assert_int_eq(toni_fake_host_export(&host, &state), TONI_ERR_TOO_BIG);
    ck_assert_uint_eq(state.size, 8);
    host.state_bytes = 1032;
    ck_assert_int_eq(toni_fake_host_export(&host, &state), TONI_OK);
    ck_assert_uint_eq(state.size, 1032);
    ck_assert_uint_eq(state.version, 1);
    host.result_of = "state_write";
    host.result = TONI_ERR_NO_MEMORY;
    ck_assert_int_eq(toni_fake_host_export(&host, &state), TONI_ERR_NO_MEMORY);
    toni_fake_client_disconnect(&client, TONI_CLOSED_BY_CLIENT);
    toni_fake_host_stop(&host);
}
END_TEST

START_TEST(a_state_can_be_made_by_the_test)
{
    static toni_fake_state state = {.version = 1, .size = 8, .bytes = {41}};

    ck_assert_int_eq(toni_fake_host_import(&next, &state), TONI_OK);
    toni_fake_client_init(&client, &next, 7);
    ck_assert_int_eq(toni_fake_client_connect(&client), TONI_OK);
    toni_fake_host_clear(&next);
    check_answer(&next, "count", "send 7 text:version 2 count 42\n");
    toni_fake_client_disconnect(&client, TONI_CLOSED_BY_CLIENT);
    toni_fake_host_stop(&next);

    state.version = 3; /* of a later version */
    ck_assert_int_eq(toni_fake_host_import(&next, &state), TONI_ERR_INVALID);
    state.version = 1;
    state.size = 7; /* cut off */
    ck_assert_int_eq(toni_fake_host_import(&next, &state), TONI_ERR_INVALID);
}
END_TEST

START_TEST(tasks_of_the_old_version_do_not_run)
{
    toni_context *context = toni_fake_host_context(&host);

    start_and_connect();
    toni_every(context, 1, run_letter, "A", release_letter);
    toni_post(context, run_letter, "B", release_letter);
    toni_work(context, work_letter, end_letter, "C", release_letter);
    ck_assert_int_eq(toni_fake_host_swap(&host, &next), TONI_OK);
    toni_fake_host_advance(&host, 10);
    toni_fake_host_run_work(&host);
    expect_events("");
    ck_assert_int_eq(toni_post(context, run_letter, "D", NULL), TONI_ERR_CLOSING);
    ck_assert_int_eq(toni_fake_client_adopt(&client, &next), TONI_OK);
    toni_fake_host_stop(&host);
    expect_events("abc");
    toni_fake_client_disconnect(&client, TONI_CLOSED_BY_CLIENT);
    toni_fake_host_stop(&next);
}
END_TEST

START_TEST(a_client_that_is_not_adopted)
{
    start_and_connect();
    toni_fake_host_set_str(&next, "fail", "on_adopt");
    ck_assert_int_eq(toni_fake_host_swap(&host, &next), TONI_OK);
    ck_assert_int_eq(toni_fake_client_adopt(&client, &next), TONI_ERR_FAILED);
    ck_assert_ptr_null(client.data);
    toni_fake_client_disconnect(&client, TONI_CLOSED_BY_SERVER);
    toni_fake_host_stop(&host);
    toni_fake_host_stop(&next);
}
END_TEST

/* To and from one that knows nothing of swaps. */
START_TEST(a_version_without_state)
{
    toni_fake_host_load(&next, TEST_FIXTURES_DIR "/plain_gateway.so");
    start_and_connect();
    ck_assert_int_eq(toni_fake_host_swap(&host, &next),
                     TONI_ERR_FAILED); /* a client carries data */
    toni_fake_host_expect(&host, "");
    toni_fake_client_disconnect(&client, TONI_CLOSED_BY_CLIENT);
    ck_assert_int_eq(toni_fake_host_swap(&host, &next), TONI_OK);
    toni_fake_host_stop(&host);
    toni_fake_client_init(&client, &next, 7);
    toni_fake_client_set_header(&client, "x-token", "secret");
    ck_assert_int_eq(toni_fake_client_connect(&client), TONI_OK);
    toni_fake_host_clear(&next);
    check_answer(&next, "hi", "send 7 text:hi\n");

    toni_fake_host_init(&host);
    load_swap(&host, 2);
    ck_assert_int_eq(toni_fake_host_swap(&next, &host), TONI_OK);
    ck_assert_int_eq(toni_fake_client_adopt(&client, &host), TONI_OK);
    toni_fake_host_stop(&next);
    toni_fake_host_clear(&host);
    check_answer(&host, "count", "send 7 text:version 2 count 1\n");
    toni_fake_client_disconnect(&client, TONI_CLOSED_BY_CLIENT);
    toni_fake_host_stop(&host);
}
END_TEST

START_TEST(swaps_the_cxx_plugin)
{
    const toni_plugin *plugin =
        toni_fake_host_load(&host, TEST_FIXTURES_DIR "/cxx_swap_gateway.so");
    static toni_fake_state damaged = {.version = 9};

    ck_assert_uint_eq(plugin->size, sizeof *plugin);
    ck_assert_uint_eq(plugin->abi_minor, TONI_ABI_NEEDED);
    toni_fake_host_use(&next, plugin);
    start_and_connect();
    check_answer(&host, "one", "enter\nsend 7 text:connected, after \nleave\n");
    ck_assert_int_eq(toni_fake_host_swap(&host, &next), TONI_OK);
    ck_assert_int_eq(toni_fake_client_adopt(&client, &next), TONI_OK);
    toni_fake_host_stop(&host);
    check_answer(&next, "two", "enter\nsend 7 text:adopted, after one\nleave\n");
    toni_fake_client_disconnect(&client, TONI_CLOSED_BY_CLIENT);
    toni_fake_host_stop(&next);
    ck_assert_int_eq(toni_fake_host_import(&next, &damaged), TONI_ERR_INVALID);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plugin contract");
    TCase *swaps = tcase_create("swaps");
    TCase *layout = tcase_create("layout");
    TCase *values = tcase_create("values");
    TCase *wrappers = tcase_create("wrappers");
    TCase *plugins = tcase_create("plugins");

    tcase_add_checked_fixture(layout, reset, NULL);
    tcase_add_test(layout, the_prefix_is_frozen);
    tcase_add_test(layout, plain_values_are_frozen);
    tcase_add_test(layout, structs_begin_with_their_size);
    tcase_add_test(layout, handles_begin_with_the_table);
    suite_add_tcase(suite, layout);

    tcase_add_test(values, errors_have_names_and_texts);
    tcase_add_test(values, error_values_are_frozen);
    tcase_add_test(values, strings_are_stripped_and_split);
    suite_add_tcase(suite, values);

    tcase_add_checked_fixture(wrappers, reset, NULL);
    tcase_add_test(wrappers, wrappers_of_connections_reach_the_table);
    tcase_add_test(wrappers, wrappers_of_targets_reach_the_table);
    tcase_add_test(wrappers, formatted_texts_have_any_length);
    tcase_add_test(wrappers, what_a_host_refuses_is_refused);
    tcase_add_test(wrappers, names_are_given_by_value_too);
    tcase_add_test(wrappers, parts_are_joined_byte_for_byte);
    tcase_add_test(wrappers, time_passes_when_the_test_says_so);
    tcase_add_test(wrappers, work_is_done_when_the_test_says_so);
    tcase_add_test(wrappers, receipts_come_when_time_passes);
    tcase_add_test(wrappers, tasks_are_refused_as_by_a_host);
    tcase_add_test(wrappers, a_stop_cancels_tasks);
    tcase_add_test(wrappers, wrappers_of_the_request_reach_the_table);
    tcase_add_test(wrappers, wrappers_of_tls_reach_the_table);
    tcase_add_test(wrappers, wrappers_of_options_reach_the_table);
    tcase_add_test(wrappers, snapshots_are_handed_out_and_taken_back);
    suite_add_tcase(suite, wrappers);

    tcase_add_checked_fixture(plugins, reset, NULL);
    tcase_add_test(plugins, drives_the_c_plugin_through_its_life);
    tcase_add_test(plugins, drives_the_c_plugin_through_a_connection);
    tcase_add_test(plugins, the_testkit_drives_a_plugin);
    tcase_add_test(plugins, a_count_is_a_success_to_the_testkit_too);
    tcase_add_test(plugins, a_guard_waits_in_the_testkit);
    tcase_add_test(plugins, a_guard_decides_on_a_thread_in_the_testkit);
    tcase_add_test(plugins, a_guard_that_waits_refuses_in_the_testkit);
    tcase_add_test(plugins, a_ticket_is_cancelled_in_the_testkit);
    tcase_add_test(plugins, a_guard_gets_no_ticket_in_the_testkit);
    tcase_add_test(plugins, the_cxx_guard_waits);
    tcase_add_test(plugins, what_is_not_needed_is_not_injected);
    tcase_add_test(plugins, the_testkit_says_why_it_stops);
    tcase_add_test(plugins, wrappers_of_the_log_reach_the_table);
    tcase_add_test(plugins, the_testkit_gives_members_of_groups);
    tcase_add_test(plugins, drives_the_cxx_plugin);
    suite_add_tcase(suite, plugins);

    tcase_add_checked_fixture(swaps, set_up_swap, NULL);
    tcase_add_test(swaps, a_shorter_descriptor_is_taken);
    tcase_add_test(swaps, wrappers_of_swaps_reach_the_table);
    tcase_add_test(swaps, a_swap_carries_state_and_clients);
    tcase_add_loop_test(swaps, a_swap_that_fails_changes_nothing, 0, 3);
    tcase_add_test(swaps, a_state_has_a_bound);
    tcase_add_test(swaps, a_state_can_be_made_by_the_test);
    tcase_add_test(swaps, tasks_of_the_old_version_do_not_run);
    tcase_add_test(swaps, a_client_that_is_not_adopted);
    tcase_add_test(swaps, a_version_without_state);
    tcase_add_test(swaps, swaps_the_cxx_plugin);
    suite_add_tcase(suite, swaps);

    return run_suite(suite);
}
