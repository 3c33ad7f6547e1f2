/* The fake host keeps rooms and delivers: what a forgotten join, a wrong room and a client that has
 * gone look like in a test. */
#include "runner.h"
#include "toni_testkit.h"

#include <stdlib.h>
#include <toni/cluster.h>

static toni_fake_host host, next;
static toni_fake_client anna, berta;

static void start(void)
{
    toni_fake_host_init(&host);
    toni_fake_client_init(&anna, &host, 1);
    toni_fake_client_init(&berta, &host, 2);
}

static toni_connections *connections(void)
{
    return toni_fake_host_connections(&host);
}

static int32_t join(toni_client_id id, const char *room)
{
    return toni_join_room(connections(), id, toni_str_of(room));
}

static int32_t say(const char *room, const char *text)
{
    return toni_broadcast_to_room_text(connections(), toni_str_of(room), toni_str_of(text));
}

static size_t count_members(const char *room)
{
    toni_client_ids *ids;
    ck_assert_int_eq(toni_get_room_members(connections(), toni_str_of(room), &ids), TONI_OK);
    const size_t count = ids->count;
    toni_client_ids_destroy(ids);
    return count;
}

START_TEST(who_joined_gets_what_is_broadcast)
{
    ck_assert_int_eq(say("r", "nobody"), 0);
    ck_assert_int_eq(join(1, "r"), TONI_OK);
    ck_assert_int_eq(join(1, "r"), TONI_OK);
    ck_assert_int_eq(say("r", "one"), 1);
    ck_assert_int_eq(join(2, "r"), TONI_OK);
    ck_assert_int_eq(say("r", "two"), 2);
    ck_assert_int_eq(toni_leave_room(connections(), 1, TONI_LIT("r")), TONI_OK);
    ck_assert_int_eq(say("r", "three"), 1);
    toni_fake_client_expect(&anna, "text:one\ntext:two\n");
    toni_fake_client_expect(&berta, "text:two\ntext:three\n");
}
END_TEST

static char page_told[64];

static void note_members(void *self, void *data, const toni_cluster_answer *answer)
{
    (void)self, (void)data;
    (void)snprintf(page_told, sizeof page_told, "%d: %d of", answer->status, (int)answer->count);
    for (size_t i = 0; i < answer->member_count; i++)
        (void)snprintf(page_told + strlen(page_told), sizeof page_told - strlen(page_told), " %d",
                       (int)answer->members[i]);
}

static void expect_page(const char *room, toni_client_id after, uint32_t limit,
                        const char *expected)
{
    ck_assert_int_eq(toni_cluster_room(connections(), toni_str_of(room), after, limit,
                                       toni_fake_host_context(&host), note_members, NULL, NULL),
                     TONI_OK);
    toni_fake_host_advance(&host, 0);
    ck_assert_str_eq(page_told, expected);
}

START_TEST(members_are_listed_by_pages_as_of_all_hosts)
{
    ck_assert_int_eq(join(2, "r"), TONI_OK);
    ck_assert_int_eq(join(1, "r"), TONI_OK);
    expect_page("r", 0, 0, "0: 2 of");
    expect_page("r", 0, 1, "0: 2 of 1");
    expect_page("r", 1, 1, "0: 2 of 2");
    expect_page("r", 0, 100, "0: 2 of 1 2");
    expect_page("r", 2, 100, "0: 2 of");
    expect_page("nobody", 0, 100, "0: 0 of");
}
END_TEST

START_TEST(a_forgotten_join_is_seen)
{
    ck_assert_int_eq(join(1, "r"), TONI_OK);
    ck_assert_int_eq(say("r", "hello"), 1);
    toni_fake_client_expect(&berta, "");
}
END_TEST

START_TEST(a_target_gets_it_once)
{
    static const char expected[] = "text:x\n";
    ck_assert_int_eq(join(1, "r"), TONI_OK);
    ck_assert_int_eq(join(1, "s"), TONI_OK);
    ck_assert_int_eq(join(2, "s"), TONI_OK);
    toni_target *target = toni_to_room(connections(), TONI_LIT("r"));
    toni_target_to_room(target, TONI_LIT("s"));
    toni_target_to_client(target, 1);
    toni_target_to_client(target, 4711);
    ck_assert_int_eq(toni_target_send_text(target, TONI_LIT("x")), 2);
    toni_fake_client_expect(&anna, expected);
    toni_fake_client_expect(&berta, expected);

    target = toni_to_all(connections());
    toni_target_except(target, 1);
    ck_assert_int_eq(toni_target_send_text(target, TONI_LIT("x")), 1);
    toni_fake_client_expect(&anna, "");
    toni_fake_client_expect(&berta, expected);
}
END_TEST

START_TEST(a_client_that_is_being_closed_gets_no_more)
{
    toni_client *handle = toni_fake_client_handle(&anna);
    ck_assert_int_eq(join(1, "r"), TONI_OK);
    ck_assert_int_eq(toni_client_send_text(handle, TONI_LIT("bye")), TONI_OK);
    ck_assert_int_eq(toni_client_close(handle, 4000, TONI_LIT("gone fishing")), TONI_OK);
    ck_assert_int_eq(toni_client_close(handle, 4001, TONI_LIT("")), TONI_OK);
    ck_assert_int_eq(say("r", "too late"), 0);
    ck_assert_uint_eq(count_members("r"), 1);
    toni_fake_client_expect(&anna, "text:bye\nclose 4000 gone fishing\n");

    ck_assert_int_eq(toni_remove_client(connections(), 2), TONI_OK);
    toni_fake_client_expect(&berta, "close 1000\n");
}
END_TEST

static int32_t create(toni_context *context, void **self)
{
    (void)context, (void)self;
    return TONI_OK;
}

static int32_t on_message(void *self, toni_client *client, const toni_message *message)
{
    (void)self;
    return toni_client_send(client, message);
}

static size_t listed, still_in;

static void on_disconnect(void *self, toni_client *client, const toni_disconnect_info *info)
{
    toni_room_names *names;
    (void)self, (void)info;
    listed = count_members("r");
    ck_assert_int_eq(toni_get_client_rooms(connections(), toni_client_id_of(client), &names),
                     TONI_OK);
    still_in = names->count;
    ck_assert_str_eq(names->names[1].data, "s");
    toni_room_names_destroy(names);
}

static int32_t on_adopt(void *self, toni_client *client)
{
    (void)self, (void)client;
    return TONI_OK;
}

TONI_PLUGIN(.kind = TONI_GATEWAY, .name = TONI_LIT("rooms"), .path = TONI_LIT("/"),
            .create = create, .on_message = on_message, .on_disconnect = on_disconnect,
            .on_adopt = on_adopt, );

START_TEST(who_goes_is_listed_no_more_and_leaves_all_rooms)
{
    toni_fake_host_use(&host, toni_plugin_entry());
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
    ck_assert_int_eq(join(1, "r"), TONI_OK);
    ck_assert_int_eq(join(1, "s"), TONI_OK);
    ck_assert_int_eq(join(2, "r"), TONI_OK);
    ck_assert_uint_eq(toni_room_count(connections()), 2);
    toni_fake_client_disconnect(&anna, TONI_CLOSED_BY_CLIENT);
    ck_assert_uint_eq(listed, 1);
    ck_assert_uint_eq(still_in, 2);
    ck_assert_uint_eq(toni_room_count(connections()), 1);
    ck_assert_int_eq(say("r", "x"), 1);
    ck_assert_int_eq(join(1, "r"), TONI_ERR_NOT_FOUND);
    toni_fake_host_stop(&host);
}
END_TEST

static int32_t set_metadata(const char *room, toni_str value)
{
    return toni_set_room_metadata(connections(), toni_str_of(room), value);
}

/* @return That of room "r", as text; what it is if there is none to be read. */
static const char *metadata_of(toni_fake_host *of)
{
    static char text[TONI_ROOM_METADATA_MAX + 1];
    size_t size;
    const int32_t result = toni_get_room_metadata(toni_fake_host_connections(of), TONI_LIT("r"),
                                                  text, TONI_ROOM_METADATA_MAX, &size);
    if (result != TONI_OK)
        return toni_error_name(result);
    text[size] = '\0';
    return text;
}

START_TEST(metadata_lives_as_long_as_its_room)
{
    static const char large[TONI_ROOM_METADATA_MAX + 1];
    char buffer[4];
    size_t size;
    ck_assert_int_eq(set_metadata("r", TONI_LIT("x")), TONI_ERR_NOT_FOUND);
    ck_assert_str_eq(metadata_of(&host), "TONI_ERR_NOT_FOUND");
    ck_assert_int_eq(join(1, "r"), TONI_OK);
    ck_assert_int_eq(join(2, "r"), TONI_OK);
    ck_assert_str_eq(metadata_of(&host), "");
    ck_assert_int_eq(set_metadata("", TONI_LIT("x")), TONI_ERR_INVALID);
    ck_assert_int_eq(set_metadata("r", toni_str_make(large, sizeof large)), TONI_ERR_TOO_BIG);
    ck_assert_int_eq(set_metadata("r", TONI_LIT("topic")), TONI_OK);
    ck_assert_str_eq(metadata_of(&host), "topic");
    ck_assert_int_eq(toni_get_room_metadata(connections(), TONI_LIT("r"), buffer, 4, &size),
                     TONI_ERR_TOO_BIG);
    ck_assert_uint_eq(size, 5);

    host.result = TONI_ERR_LIMIT;
    host.result_of = "set_metadata";
    ck_assert_int_eq(set_metadata("r", TONI_LIT("more")), TONI_ERR_LIMIT);
    ck_assert_str_eq(metadata_of(&host), "topic");
    host.result = TONI_OK;

    ck_assert_int_eq(toni_leave_room(connections(), 1, TONI_LIT("r")), TONI_OK);
    ck_assert_str_eq(metadata_of(&host), "topic");
    ck_assert_int_eq(toni_leave_room(connections(), 2, TONI_LIT("r")), TONI_OK);
    ck_assert_int_eq(join(1, "r"), TONI_OK);
    ck_assert_str_eq(metadata_of(&host), "");
    ck_assert_int_eq(set_metadata("r", TONI_LIT("new")), TONI_OK);
    ck_assert_int_eq(set_metadata("r", TONI_LIT("")), TONI_OK);
    ck_assert_str_eq(metadata_of(&host), "");
}
END_TEST

START_TEST(rooms_outlive_a_swap)
{
    toni_fake_host_init(&next);
    toni_fake_host_use(&host, toni_plugin_entry());
    toni_fake_host_use(&next, toni_plugin_entry());
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
    ck_assert_int_eq(join(1, "r"), TONI_OK);
    ck_assert_int_eq(set_metadata("r", TONI_LIT("topic")), TONI_OK);
    ck_assert_int_eq(toni_fake_host_swap(&host, &next), TONI_OK);
    ck_assert_int_eq(toni_fake_client_adopt(&anna, &next), TONI_OK);
    ck_assert_int_eq(toni_broadcast_to_room_text(toni_fake_host_connections(&next), TONI_LIT("r"),
                                                 TONI_LIT("still here")),
                     1);
    toni_fake_client_expect(&anna, "text:still here\n");
    ck_assert_str_eq(metadata_of(&next), "topic");
    ck_assert_int_eq(say("r", "x"), 0);
}
END_TEST

START_TEST(faults_can_be_set_and_then_nothing_happens)
{
    toni_room_info *info;
    host.result = TONI_ERR_LIMIT;
    ck_assert_int_eq(join(1, "r"), TONI_ERR_LIMIT);
    host.result = TONI_OK;
    ck_assert_int_eq(say("r", "x"), 0);
    ck_assert_int_eq(toni_get_room(connections(), TONI_LIT("r"), &info), TONI_ERR_NOT_FOUND);

    ck_assert_int_eq(join(1, "r"), TONI_OK);
    host.result = TONI_ERR_BUSY;
    host.result_of = "broadcast";
    ck_assert_int_eq(say("r", "x"), TONI_ERR_BUSY);
    host.result = 17;
    ck_assert_int_eq(say("r", "y"), 17);
    toni_fake_client_expect(&anna, "text:y\n");
}
END_TEST

START_TEST(much_is_no_fault_unless_it_is_looked_at)
{
    static char large[sizeof anna.got];
    const toni_message message = toni_binary(toni_str_make(large, sizeof large));
    ck_assert_int_eq(toni_client_send(toni_fake_client_handle(&anna), &message), TONI_OK);
    toni_fake_client_clear(&anna);
    ck_assert_int_eq(toni_send_to_client_text(connections(), 1, TONI_LIT("a\0b")), TONI_OK);
    toni_fake_client_expect(&anna, "text:a~b\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("testkit");
    TCase *rooms = tcase_create("rooms");

    tcase_add_checked_fixture(rooms, start, NULL);
    tcase_add_test(rooms, who_joined_gets_what_is_broadcast);
    tcase_add_test(rooms, a_forgotten_join_is_seen);
    tcase_add_test(rooms, a_target_gets_it_once);
    tcase_add_test(rooms, a_client_that_is_being_closed_gets_no_more);
    tcase_add_test(rooms, members_are_listed_by_pages_as_of_all_hosts);
    tcase_add_test(rooms, who_goes_is_listed_no_more_and_leaves_all_rooms);
    tcase_add_test(rooms, metadata_lives_as_long_as_its_room);
    tcase_add_test(rooms, rooms_outlive_a_swap);
    tcase_add_test(rooms, faults_can_be_set_and_then_nothing_happens);
    tcase_add_test(rooms, much_is_no_fault_unless_it_is_looked_at);
    suite_add_tcase(suite, rooms);

    return run_suite(suite);
}
