/* Namespaces: what a handle reaches is its own clients and rooms, and nobody else's, though the
 * names are the same. */
#include "rooms_fixture.h"
#include "runner.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct fixture fixture;
static toni_connections *common, *quiz, *poll;
static struct peer *in_common, *in_quiz, *other_in_quiz;

static const toni_str L1 = TONI_LIT_INIT("L1");

static void set_up(void)
{
    fixture_init(&fixture, NULL, 2);
    common = fixture.connections;
    quiz = space_handle(connections_space(common, "quiz"));
    poll = space_handle(connections_space(common, "poll"));
    in_common = peer_connect(&fixture, 0);
    in_quiz = peer_connect_in(&fixture, 0, space_of(quiz));
    other_in_quiz = peer_connect_in(&fixture, 1, space_of(quiz));
}

static void tear_down(void)
{
    fixture_turn(&fixture);
    peer_destroy(&fixture, in_common);
    peer_destroy(&fixture, in_quiz);
    peer_destroy(&fixture, other_in_quiz);
    fixture_finish(&fixture);
}

static void join(toni_connections *handle, const struct peer *peer)
{
    ck_assert_int_eq(toni_join_room(handle, peer->id, L1), TONI_OK);
}

/* Delivers, and forgets what came. */
static size_t received(struct peer *peer)
{
    fixture_turn(&fixture);
    const size_t size = peer->socket.wire.length;
    buffer_clear(&peer->socket.wire);
    return size;
}

static size_t count_members(toni_connections *handle)
{
    toni_client_ids *ids;
    ck_assert_int_eq(toni_get_room_members(handle, L1, &ids), TONI_OK);
    const size_t count = ids->count;
    toni_client_ids_destroy(ids);
    return count;
}

START_TEST(a_name_is_found_again)
{
    ck_assert_ptr_eq(connections_space(common, "quiz"), space_of(quiz));
    ck_assert_ptr_eq(connections_space(common, "poll"), space_of(poll));
    ck_assert_ptr_eq(connections_space(common, ""), space_of(common));
    ck_assert_ptr_ne(quiz, poll);
    ck_assert(toni_str_equal(toni_namespace(quiz), TONI_LIT("quiz")));
    ck_assert(toni_str_equal(toni_namespace(common), TONI_LIT("")));
}
END_TEST

START_TEST(rooms_of_one_name_are_several)
{
    join(common, in_common);
    join(quiz, in_quiz);
    join(quiz, other_in_quiz);
    ck_assert_uint_eq(toni_room_count(common), 1);
    ck_assert_uint_eq(toni_room_count(quiz), 1);
    ck_assert_uint_eq(toni_room_count(poll), 0);
    ck_assert_uint_eq(count_members(common), 1);
    ck_assert_uint_eq(count_members(quiz), 2);
    ck_assert_uint_eq(count_members(poll), 0);

    ck_assert_int_eq(toni_broadcast_to_roomf(quiz, L1, "x"), 2);
    ck_assert_uint_eq(received(in_common), 0);
    ck_assert_uint_eq(received(in_quiz), 3);
    ck_assert_uint_eq(received(other_in_quiz), 3);
    ck_assert_int_eq(toni_broadcast_to_roomf(poll, L1, "x"), 0);

    struct connections_figures figures;
    connections_figures(common, &figures);
    ck_assert_uint_eq(figures.rooms, 2);
    toni_room_info *first, *second;
    ck_assert_int_eq(toni_get_room(common, L1, &first), TONI_OK);
    ck_assert_int_eq(toni_get_room(quiz, L1, &second), TONI_OK);
    ck_assert_uint_ne(first->epoch, second->epoch);
    ck_assert_uint_eq(second->sequence, 1);
    ck_assert_uint_eq(first->sequence, 0);
    toni_room_info_destroy(first);
    toni_room_info_destroy(second);

    ck_assert_int_eq(toni_leave_room(common, in_common->id, L1), TONI_OK);
    ck_assert_uint_eq(toni_room_count(common), 0);
    ck_assert_uint_eq(toni_room_count(quiz), 1);
}
END_TEST

static void check_nobody(toni_connections *handle, toni_client_id id)
{
    const toni_message message = toni_text(TONI_LIT("x"));
    toni_room_names *names;
    toni_client_info *info;
    ck_assert_int_eq(toni_join_room(handle, id, L1), TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(toni_leave_room(handle, id, L1), TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(toni_get_client_rooms(handle, id, &names), TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(toni_get_client(handle, id, &info), TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(toni_send_to_client(handle, id, &message), TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(toni_close_client(handle, id, 1000, TONI_LIT("")), TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(toni_remove_client(handle, id), TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(toni_target_send(toni_to_client(handle, id), &message), 0);
    ck_assert_uint_eq(toni_room_count(handle), 0);
}

START_TEST(clients_of_others_are_not_there)
{
    check_nobody(common, in_quiz->id);
    check_nobody(quiz, in_common->id);
    check_nobody(poll, in_quiz->id);
    ck_assert_uint_eq(received(in_quiz), 0);
    ck_assert_uint_eq(received(in_common), 0);
    ck_assert_uint_eq(in_quiz->client->refs, 1); /* no call has kept one */
}
END_TEST

START_TEST(all_are_all_of_the_namespace)
{
    const toni_message message = toni_text(TONI_LIT("x"));
    ck_assert_int_eq(toni_target_send(toni_to_all(quiz), &message), 2);
    ck_assert_int_eq(toni_target_send(toni_to_all(common), &message), 1);
    ck_assert_int_eq(toni_target_send(toni_to_all(poll), &message), 0);
    ck_assert_uint_eq(received(in_common), 3);
    ck_assert_uint_eq(received(in_quiz), 3);
    toni_target *target = toni_to_all(quiz);
    toni_target_except(target, in_quiz->id);
    toni_target_except(target, in_common->id); /* who isn't among them anyway */
    ck_assert_int_eq(toni_target_send(target, &message), 1);
    ck_assert_uint_eq(received(in_quiz), 0);
    ck_assert_uint_eq(received(other_in_quiz), 6);
}
END_TEST

START_TEST(a_union_is_of_the_namespace)
{
    const toni_message message = toni_text(TONI_LIT("x"));
    join(common, in_common);
    join(quiz, in_quiz);
    toni_target *target = toni_to_room(quiz, L1);
    toni_target_to_room(target, TONI_LIT("L2"));
    toni_target_to_client(target, in_common->id);
    toni_target_to_client(target, other_in_quiz->id);
    ck_assert_int_eq(toni_target_send(target, &message), 2);
    ck_assert_uint_eq(received(in_common), 0);
    ck_assert_uint_eq(received(in_quiz), 3);
    ck_assert_uint_eq(received(other_in_quiz), 3);
}
END_TEST

/* Names end in one namespace and go on in another, in whatever order: the table holds all. */
START_TEST(many_rooms_of_the_same_names)
{
    char name[16];
    for (int i = 0; i < 500; i++) {
        (void)snprintf(name, sizeof name, "%d", i);
        ck_assert_int_eq(toni_join_room(common, in_common->id, toni_str_of(name)), TONI_OK);
        ck_assert_int_eq(toni_join_room(quiz, in_quiz->id, toni_str_of(name)), TONI_OK);
    }
    for (int i = 0; i < 500; i++) {
        (void)snprintf(name, sizeof name, "%d", i);
        toni_connections *handle = i % 2 ? common : quiz;
        const struct peer *peer = i % 2 ? in_common : in_quiz;
        ck_assert_int_eq(toni_leave_room(handle, peer->id, toni_str_of(name)), TONI_OK);
        ck_assert_int_eq(toni_broadcast_to_roomf(handle, toni_str_of(name), "x"), 0);
        ck_assert_int_eq(toni_broadcast_to_roomf(i % 2 ? quiz : common, toni_str_of(name), "x"), 1);
    }
    ck_assert_uint_eq(toni_room_count(common), 250);
    ck_assert_uint_eq(toni_room_count(quiz), 250);
    fixture_turn(&fixture);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rooms/namespaces");
    TCase *cases = tcase_create("all");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, a_name_is_found_again);
    tcase_add_test(cases, rooms_of_one_name_are_several);
    tcase_add_test(cases, clients_of_others_are_not_there);
    tcase_add_test(cases, all_are_all_of_the_namespace);
    tcase_add_test(cases, a_union_is_of_the_namespace);
    tcase_add_test(cases, many_rooms_of_the_same_names);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
