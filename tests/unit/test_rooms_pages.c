/* Lists by pages: all that is there is listed once, whatever the size of a page and whatever comes
 * and goes meanwhile; and what is done with all members of a room. */
#include "rooms/largest.h"
#include "rooms_fixture.h"
#include "runner.h"

#include <stdlib.h>
#include <string.h>

enum { PEERS = 300, ROOMS = 500 };

static struct fixture fixture;
static toni_connections *connections;
static struct peer *peers[PEERS];
static size_t peer_count;
static struct gateway_figures lobby = {.name = "lobby"}, quiz = {.name = "quiz"};

static void set_up(void)
{
    fixture_init(&fixture, NULL, 2);
    connections = fixture.connections;
    peer_count = 0;
}

static void tear_down(void)
{
    fixture_turn(&fixture);
    for (size_t i = 0; i < peer_count; i++)
        peer_destroy(&fixture, peers[i]);
    fixture_finish(&fixture);
}

static struct peer *add(struct gateway_figures *gateway)
{
    struct peer *peer = peer_connect(&fixture, peer_count % 2);
    peers[peer_count++] = peer;
    peer->client->receiver.gateway_figures = gateway;
    return peer;
}

static void join(const struct peer *peer, const char *room)
{
    ck_assert_int_eq(toni_join_room(connections, peer->id, toni_str_of(room)), TONI_OK);
}

/* --- Clients */

static size_t seen_times(const toni_client_id *seen, size_t count, toni_client_id id)
{
    size_t times = 0;
    for (size_t i = 0; i < count; i++)
        times += seen[i] == id;
    return times;
}

/* Lists all by pages of so many. @param between  Called after each page; NULL: nothing is.
 * @return How many ids were listed. */
static size_t list(toni_page page, toni_client_id *seen, size_t space, void (*between)(void))
{
    size_t count = 0;
    do {
        toni_client_ids *ids;
        ck_assert_int_eq(toni_list_clients(connections, &page, &ids), TONI_OK);
        ck_assert_uint_le(ids->count, page.most ? page.most : 100);
        ck_assert_uint_le(count + ids->count, space);
        if (ids->count > 0)
            memcpy(seen + count, ids->ids, ids->count * sizeof *seen);
        count += ids->count;
        toni_client_ids_destroy(ids);
        if (between)
            between();
    } while (page.cursor != 0);
    return count;
}

START_TEST(all_clients_are_listed_once)
{
    static const uint32_t sizes[] = {1, 2, 7, 100, 299, 300, 301, 1000};
    static toni_client_id seen[2 * PEERS];
    for (int i = 0; i < PEERS; i++)
        add(i % 3 ? &lobby : &quiz);
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        toni_page page = TONI_PAGE_INIT;
        page.most = sizes[s];
        ck_assert_uint_eq(list(page, seen, 2 * PEERS, NULL), PEERS);
        for (int i = 0; i < PEERS; i++)
            ck_assert_uint_eq(seen_times(seen, PEERS, peers[i]->id), 1);
        page.gateway = TONI_LIT("quiz");
        ck_assert_uint_eq(list(page, seen, 2 * PEERS, NULL), PEERS / 3);
        for (int i = 0; i < PEERS; i++)
            ck_assert_uint_eq(seen_times(seen, PEERS / 3, peers[i]->id), i % 3 == 0);
    }
    toni_page page = TONI_PAGE_INIT;
    page.gateway = TONI_LIT("nobody");
    ck_assert_uint_eq(list(page, seen, 2 * PEERS, NULL), 0);
}
END_TEST

START_TEST(members_are_listed_once)
{
    static toni_client_id seen[2 * PEERS];
    for (int i = 0; i < 100; i++) {
        const struct peer *peer = add(i % 2 ? &lobby : &quiz);
        if (i % 4 < 2)
            join(peer, "r");
    }
    for (uint32_t most = 1; most < 60; most += 7) {
        toni_page page = TONI_PAGE_INIT;
        page.most = most;
        page.room = TONI_LIT("r");
        ck_assert_uint_eq(list(page, seen, 2 * PEERS, NULL), 50);
        for (int i = 0; i < 100; i++)
            ck_assert_uint_eq(seen_times(seen, 50, peers[i]->id), i % 4 < 2);
        page.gateway = TONI_LIT("lobby");
        ck_assert_uint_eq(list(page, seen, 2 * PEERS, NULL), 25);
        page.room = TONI_LIT("s");
        ck_assert_uint_eq(list(page, seen, 2 * PEERS, NULL), 0);
    }
}
END_TEST

/* One goes and another comes after each page; those that stay are the first half. */
static size_t next_to_go;
static void come_and_go(void)
{
    if (next_to_go < 100) {
        fixture_turn(&fixture);
        peer_lose(peers[next_to_go++]);
    }
    if (peer_count < PEERS)
        add(&lobby);
}

START_TEST(who_stays_is_listed_once_though_others_come_and_go)
{
    static toni_client_id seen[4 * PEERS];
    for (int i = 0; i < 100; i++)
        add(&lobby);
    next_to_go = 50;
    toni_page page = TONI_PAGE_INIT;
    page.most = 3;
    const size_t count = list(page, seen, 4 * PEERS, come_and_go);
    for (int i = 0; i < 50; i++)
        ck_assert_uint_eq(seen_times(seen, count, peers[i]->id), 1);
    for (size_t i = 0; i < peer_count; i++)
        ck_assert_uint_le(seen_times(seen, count, peers[i]->id), 1);
}
END_TEST

START_TEST(who_is_leaving_is_not_listed)
{
    static toni_client_id seen[8];
    const struct peer *stays = add(&lobby);
    client_begin_leaving(add(&lobby)->client);
    ck_assert_uint_eq(list((toni_page)TONI_PAGE_INIT, seen, 8, NULL), 1);
    ck_assert_uint_eq(seen[0], stays->id);
}
END_TEST

START_TEST(bad_pages)
{
    toni_client_ids *ids;
    toni_room_names *names;
    toni_page page = TONI_PAGE_INIT;
    page.room = TONI_LIT("a\nb");
    ck_assert_int_eq(toni_list_clients(connections, &page, &ids), TONI_ERR_INVALID);
    ck_assert_ptr_null(ids);
    page.room = TONI_LIT("r");
    ck_assert_int_eq(toni_list_rooms(connections, &page, &names), TONI_ERR_INVALID);
    ck_assert_ptr_null(names);
    page = (toni_page)TONI_PAGE_INIT;
    page.struct_size = 8;
    ck_assert_int_eq(toni_list_clients(connections, &page, &ids), TONI_ERR_INVALID);
    page = (toni_page)TONI_PAGE_INIT;
    page.cursor = UINT64_MAX;
    ck_assert_int_eq(toni_list_clients(connections, &page, &ids), TONI_OK);
    ck_assert_uint_eq(ids->count, 0);
    ck_assert_uint_eq(page.cursor, 0);
    toni_client_ids_destroy(ids);
}
END_TEST

START_TEST(a_target_of_a_gateway)
{
    const toni_message message = toni_text(TONI_LIT("x"));
    for (int i = 0; i < 30; i++)
        add(i % 3 ? &lobby : &quiz);
    join(peers[1], "r");
    fixture_turn(&fixture);
    ck_assert_int_eq(toni_target_send(toni_to_gateway(connections, TONI_LIT("quiz")), &message),
                     10);
    ck_assert_int_eq(toni_target_send(toni_to_gateway(connections, TONI_LIT("none")), &message), 0);
    ck_assert_int_eq(toni_target_send(toni_to_gateway(connections, TONI_LIT("")), &message),
                     TONI_ERR_INVALID);
    toni_target *target = toni_to_room(connections, TONI_LIT("r"));
    toni_target_to_gateway(target, TONI_LIT("quiz"));
    toni_target_except(target, peers[0]->id);
    ck_assert_int_eq(toni_target_send(target, &message), 10);
    fixture_turn(&fixture);
    for (int i = 0; i < 30; i++) {
        const unsigned first = i % 3 == 0;
        const unsigned second = i == 1 || (first && i > 0);
        ck_assert_uint_eq(peers[i]->socket.wire.length, (size_t)3 * (first + second));
    }
    toni_target_to_gateway(NULL, TONI_LIT("quiz"));
}
END_TEST

/* --- Rooms */

START_TEST(all_rooms_of_the_namespace_are_listed_once)
{
    static unsigned times[ROOMS];
    char name[16];
    struct space *space = connections_space(connections, "other");
    struct peer *elsewhere = peers[peer_count++] = peer_connect_in(&fixture, 0, space);
    const struct peer *here = add(&lobby);
    for (int i = 0; i < ROOMS; i++) {
        (void)snprintf(name, sizeof name, "%d", i);
        join(here, name);
        ck_assert_int_eq(toni_join_room(space_handle(space), elsewhere->id, toni_str_of(name)),
                         TONI_OK);
    }
    for (uint32_t most = 1; most <= 1000; most = most * 3 + 1) {
        toni_page page = TONI_PAGE_INIT;
        page.most = most;
        memset(times, 0, sizeof times);
        do {
            toni_room_names *names;
            ck_assert_int_eq(toni_list_rooms(connections, &page, &names), TONI_OK);
            for (size_t i = 0; i < names->count; i++) {
                ck_assert_int_eq(names->names[i].data[names->names[i].size], '\0');
                times[strtoul(names->names[i].data, NULL, 10)]++;
            }
            toni_room_names_destroy(names);
        } while (page.cursor != 0);
        for (int i = 0; i < ROOMS; i++)
            ck_assert_uint_eq(times[i], 1);
    }
    fixture_turn(&fixture);
}
END_TEST

/* --- All members of a room */

START_TEST(members_join_leave_and_are_closed)
{
    struct peer *outside = add(&lobby);
    for (int i = 0; i < 20; i++)
        join(add(&lobby), "r");
    fixture_turn(&fixture);
    ck_assert_int_eq(toni_members_join(connections, TONI_LIT("r"), TONI_LIT("s")), 20);
    ck_assert_int_eq(toni_members_join(connections, TONI_LIT("none"), TONI_LIT("s")), 0);
    ck_assert_int_eq(toni_broadcast_to_roomf(connections, TONI_LIT("s"), "x"), 20);
    ck_assert_int_eq(toni_broadcast_to_roomf(connections, TONI_LIT("r"), "x"), 20);
    ck_assert_int_eq(toni_members_leave(connections, TONI_LIT("r")), 20);
    ck_assert_int_eq(toni_broadcast_to_roomf(connections, TONI_LIT("r"), "x"), 0);
    ck_assert_uint_eq(toni_room_count(connections), 1);
    ck_assert_int_eq(toni_close_client(connections, peers[1]->id, 1000, TONI_LIT("")), TONI_OK);
    ck_assert_int_eq(toni_members_close(connections, TONI_LIT("s"), 4000, TONI_LIT("over")), 19);
    fixture_turn(&fixture);
    ck_assert_uint_eq(outside->socket.begun, 0);
    for (int i = 1; i <= 20; i++)
        ck_assert_uint_eq(peers[i]->socket.begun, 1);
    ck_assert_uint_eq(peers[2]->socket.wire.length, 3 + 3 + 2 + 2 + 4); /* both first */
}
END_TEST

START_TEST(what_all_members_can_not_do)
{
    struct limits one_room = connections->limits;
    one_room.rooms_per_client = 1;
    const toni_str bad = TONI_LIT("a\nb"), r = TONI_LIT("r"), s = TONI_LIT("s");
    join(add(&lobby), "r");
    join(peers[peer_count++] = peer_connect_limited(&fixture, 0, &one_room), "r");
    ck_assert_int_eq(toni_members_join(connections, bad, s), TONI_ERR_INVALID);
    ck_assert_int_eq(toni_members_join(connections, r, bad), TONI_ERR_INVALID);
    ck_assert_int_eq(toni_members_leave(connections, bad), TONI_ERR_INVALID);
    ck_assert_int_eq(toni_members_close(connections, r, 1005, TONI_LIT("")), TONI_ERR_INVALID);
    ck_assert_int_eq(toni_members_join(connections, r, s), 1); /* the other may be in one alone */
    fixture_turn(&fixture);
    peer_destroy(&fixture, peers[--peer_count]);
}
END_TEST

static void check_room(const struct large_room *large, const char *name, uint32_t members)
{
    ck_assert_msg(toni_str_equal(large->room->topic.name, toni_str_of(name)), "%.*s, expected %s",
                  TONI_STR_ARG(large->room->topic.name), name);
    ck_assert_uint_eq(large->members, members);
}

START_TEST(the_largest_rooms_are_found_among_many)
{
    struct largest largest;
    largest_find(&largest, connections);
    ck_assert_uint_eq(largest.count, 0);
    largest_finish(&largest);

    for (size_t i = 0; i < 20; i++)
        (void)add(&lobby);
    for (size_t i = 0; i < ROOMS; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "small%zu", i);
        join(peers[i % 20], name);
    }
    for (size_t room = 0; room < 12; room++) { /* of 2 to 13 members */
        char name[16];
        (void)snprintf(name, sizeof name, "r%zu", room);
        for (size_t i = 0; i < room + 2; i++)
            join(peers[i], name);
    }
    join(peers[12], "also11"); /* as large as no other, then as r10 */
    for (size_t i = 0; i < 11; i++)
        join(peers[i], "also11");
    fixture_turn(&fixture);

    largest_find(&largest, connections);
    ck_assert_uint_eq(largest.count, LARGEST_MOST);
    check_room(&largest.rooms[0], "r11", 13);
    check_room(&largest.rooms[1], "also11", 12);
    check_room(&largest.rooms[2], "r10", 12);
    check_room(&largest.rooms[3], "r9", 11);
    check_room(&largest.rooms[9], "r3", 5);
    largest_finish(&largest);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rooms/pages");
    TCase *cases = tcase_create("all");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, all_clients_are_listed_once);
    tcase_add_test(cases, members_are_listed_once);
    tcase_add_test(cases, who_stays_is_listed_once_though_others_come_and_go);
    tcase_add_test(cases, who_is_leaving_is_not_listed);
    tcase_add_test(cases, bad_pages);
    tcase_add_test(cases, a_target_of_a_gateway);
    tcase_add_test(cases, all_rooms_of_the_namespace_are_listed_once);
    tcase_add_test(cases, the_largest_rooms_are_found_among_many);
    tcase_add_test(cases, members_join_leave_and_are_closed);
    tcase_add_test(cases, what_all_members_can_not_do);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
