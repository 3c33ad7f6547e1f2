/* The rules for rooms of a gateway, in the test kit: as a host has them, with the same errors. */
#include "runner.h"
#include "toni_testkit.h"

static toni_fake_host host;
static toni_fake_client anna, nobody;

static void set_up(void)
{
    toni_fake_host_init(&host);
    toni_fake_host_load(&host, TEST_PLUGINS_DIR "/rooms_gateway.so");
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
    toni_fake_client_init(&anna, &host, 7);
    toni_fake_client_init(&nobody, &host, 8);
    toni_fake_client_identify(&anna, "anna", 0, 0);
    toni_fake_client_add_claim(&anna, "role", "cook");
    toni_fake_client_add_claim(&anna, "rooms", "vip");
    toni_fake_client_add_claim(&anna, "rooms", "game-*");
}

static void tear_down(void)
{
    toni_fake_host_stop(&host);
}

static int32_t join(toni_client_id id, const char *room)
{
    return toni_join_room(toni_fake_host_connections(&host), id, toni_str_of(room));
}

/* Both ways of asking say the same. */
static int32_t publish(toni_fake_client *client, const char *room)
{
    toni_client *handle = toni_fake_client_handle(client);
    const int32_t may = toni_client_may_publish(handle, toni_str_of(room));
    const int32_t sent = toni_broadcast_from_text(handle, toni_str_of(room), TONI_LIT("x"));
    ck_assert_int_eq(may, sent < 0 ? sent : TONI_OK);
    return may;
}

START_TEST(join_says_which_rooms)
{
    const char *const patterns[] = {"public-*", "lobby", "claim:rooms", NULL};
    static const struct {
        const char *room;
        int32_t of_anna, of_nobody;
    } rows[] = {{"public-", TONI_OK, TONI_OK},
                {"public-x", TONI_OK, TONI_OK},
                {"publi", TONI_ERR_FORBIDDEN, TONI_ERR_FORBIDDEN},
                {"lobby", TONI_OK, TONI_OK},
                {"lobby2", TONI_ERR_FORBIDDEN, TONI_ERR_FORBIDDEN},
                {"vip", TONI_OK, TONI_ERR_FORBIDDEN},
                {"game-7", TONI_OK, TONI_ERR_FORBIDDEN},
                {"cook", TONI_ERR_FORBIDDEN, TONI_ERR_FORBIDDEN},
                {"claim:rooms", TONI_ERR_FORBIDDEN, TONI_ERR_FORBIDDEN},
                {"", TONI_ERR_INVALID, TONI_ERR_INVALID}};
    host.rooms.join = patterns;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ck_assert_int_eq(join(7, rows[i].room), rows[i].of_anna);
        ck_assert_int_eq(join(8, rows[i].room), rows[i].of_nobody);
    }
    ck_assert_int_eq(join(9, "lobby"), TONI_ERR_NOT_FOUND);
    toni_fake_host_know(&host, 9); /* of whom the test has no more than the number */
    ck_assert_int_eq(join(9, "lobby"), TONI_OK);
    ck_assert_int_eq(join(9, "vip"), TONI_ERR_FORBIDDEN);
}
END_TEST

static void on_joined(void *self, void *data, const toni_joined *joined)
{
    (void)self, (void)data, (void)joined;
    ck_abort_msg("a join that is refused tells nothing");
}

START_TEST(they_hold_for_whoever_has_a_client_join)
{
    const char *const patterns[] = {"claim:rooms", NULL};
    const toni_since since = {.struct_size = sizeof since};
    toni_connections *connections = toni_fake_host_connections(&host);
    ck_assert_int_eq(join(7, "all"), TONI_OK);
    ck_assert_int_eq(join(8, "all"), TONI_OK);
    host.rooms.join = patterns;
    ck_assert_int_eq(toni_members_join(connections, TONI_LIT("all"), TONI_LIT("vip")), 1);
    ck_assert_int_eq(toni_join_room_since(connections, 8, TONI_LIT("vip"), &since,
                                          toni_fake_host_context(&host), on_joined, NULL, NULL),
                     TONI_ERR_FORBIDDEN);
    ck_assert_int_eq(join(8, "vip"), TONI_ERR_FORBIDDEN);
    ck_assert_int_eq(toni_leave_room(connections, 8, TONI_LIT("all")), TONI_OK);
    ck_assert_int_eq(join(8, "all"), TONI_ERR_FORBIDDEN);
}
END_TEST

START_TEST(publish_says_who_is_heard)
{
    ck_assert_int_eq(join(7, "r"), TONI_OK);
    ck_assert_int_eq(publish(&anna, "r"), TONI_OK);
    ck_assert_int_eq(publish(&nobody, "r"), TONI_OK);
    host.rooms.publish = "member";
    ck_assert_int_eq(publish(&anna, "r"), TONI_OK);
    ck_assert_int_eq(publish(&nobody, "r"), TONI_ERR_MAY_NOT_PUBLISH);
    ck_assert_int_eq(publish(&nobody, ""), TONI_ERR_INVALID);
    host.rooms.publish = "nobody";
    ck_assert_int_eq(publish(&anna, "r"), TONI_ERR_MAY_NOT_PUBLISH);
    host.rooms.publish = "anyone";
    ck_assert_int_eq(publish(&nobody, "r"), TONI_OK);
}
END_TEST

START_TEST(publish_may_be_patterns)
{
    const char *const patterns[] = {"wall", "claim:rooms", NULL};
    host.rooms.publish_to = patterns;
    ck_assert_int_eq(publish(&anna, "wall"), TONI_OK);
    ck_assert_int_eq(publish(&anna, "game-1"), TONI_OK);
    ck_assert_int_eq(publish(&nobody, "wall"), TONI_OK);
    ck_assert_int_eq(publish(&nobody, "game-1"), TONI_ERR_MAY_NOT_PUBLISH);
}
END_TEST

/* What the plugin under test says of it. */
START_TEST(a_gateway_is_refused)
{
    const char *const patterns[] = {"claim:rooms", NULL};
    host.rooms = (toni_fake_rooms){.join = patterns, .publish = "member"};
    ck_assert_int_eq(toni_fake_client_send_text(&anna, "join:vip"), TONI_OK);
    toni_fake_client_expect(&anna, "text:Joined room: vip\ntext:id7 joined\n");
    ck_assert_int_eq(toni_fake_client_connect(&nobody), TONI_OK);
    toni_fake_client_clear(&nobody);
    ck_assert_int_eq(toni_fake_client_send_text(&nobody, "join:vip"), TONI_OK);
    toni_fake_client_expect(&nobody, "text:No access to the room: the client may not do this\n");
    ck_assert_int_eq(toni_fake_client_send_text(&nobody, "msg:vip:hello"), TONI_OK);
    toni_fake_client_expect(
        &nobody, "text:No access to the room: the client may not publish in this room\n");
    toni_fake_client_disconnect(&nobody, TONI_CLOSED_BY_CLIENT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("testkit room rules");
    TCase *tests = tcase_create("rules");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, join_says_which_rooms);
    tcase_add_test(tests, they_hold_for_whoever_has_a_client_join);
    tcase_add_test(tests, publish_says_who_is_heard);
    tcase_add_test(tests, publish_may_be_patterns);
    tcase_add_test(tests, a_gateway_is_refused);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
