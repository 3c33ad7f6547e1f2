/* The lobby gateway against the fake host: players come and go, the host moves on, games begin. */
#include "runner.h"
#include "toni_testkit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static toni_fake_host host, next;
static toni_fake_client players[20]; /* ids 1 to 20; names id1 to id20 */

#define ANNA (&players[0])
#define BERTA (&players[1])
#define CLARA (&players[2])

static void start(void)
{
    toni_fake_host_init(&host);
    toni_fake_host_load(&host, TEST_PLUGINS_DIR "/lobby_gateway.so");
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
    for (size_t i = 0; i < 20; i++) {
        toni_fake_client_init(&players[i], &host, i + 1);
        ck_assert_int_eq(toni_fake_client_connect(&players[i]), TONI_OK);
    }
}

#define LOBBY(max, seconds, players)                                                               \
    "{\"name\":\"chess\",\"max_players\":" #max ",\"seconds\":" #seconds ",\"players\":[" players  \
    "]}"
#define EVENT(name, data) "text:{\"event\":\"" name "\",\"data\":" data "}\n"
#define ERROR(kind, message) "{\"error\":{\"kind\":\"" kind "\",\"message\":\"" message "\"}}"
#define DONE "{\"complete\":true}"

static void check_call(toni_fake_client *player, const char *event, const char *data,
                       const char *answer)
{
    const char *got = toni_fake_client_call(player, event, data);
    ck_assert_ptr_nonnull(got);
    ck_assert_str_eq(got, answer);
    toni_fake_host_clear(&host);
    toni_fake_host_clear(&next);
}

static void clear(void)
{
    for (size_t i = 0; i < 20; i++)
        toni_fake_client_clear(&players[i]);
}

static void create_and_join(void)
{
    check_call(ANNA, "lobby.create", "{\"name\":\"chess\",\"max_players\":3}",
               "{\"data\":" LOBBY(3, 0, "\"id1\"") "}");
    check_call(BERTA, "lobby.join", "{\"name\":\"chess\"}",
               "{\"data\":" LOBBY(3, 0, "\"id1\",\"id2\"") "}");
}

START_TEST(players_come_until_it_is_full)
{
    create_and_join();
    check_call(CLARA, "lobby.join", "{\"name\":\"chess\"}",
               "{\"data\":" LOBBY(3, 0, "\"id1\",\"id2\",\"id3\"") "}");
    check_call(&players[3], "lobby.join", "{\"name\":\"chess\"}",
               ERROR("conflict", "the lobby is full"));
    toni_fake_client_expect(ANNA,
                            EVENT("lobby.changed", LOBBY(3, 0, "\"id1\""))
                                EVENT("lobby.changed", LOBBY(3, 0, "\"id1\",\"id2\""))
                                    EVENT("lobby.changed", LOBBY(3, 0, "\"id1\",\"id2\",\"id3\"")));
    toni_fake_client_expect(&players[3], "");
}
END_TEST

START_TEST(the_host_moves_on)
{
    create_and_join();
    clear();
    toni_fake_client_disconnect(ANNA, TONI_CLOSED_LOST);
    toni_fake_client_expect(BERTA, EVENT("lobby.changed", LOBBY(3, 0, "\"id2\"")));
    toni_fake_host_clear(&host);
    check_call(CLARA, "lobby.join", "{\"name\":\"chess\"}",
               "{\"data\":" LOBBY(3, 0, "\"id2\",\"id3\"") "}");
    check_call(CLARA, "lobby.start", NULL, ERROR("forbidden", "the client may not do this"));
    check_call(BERTA, "lobby.start", NULL, DONE);
    check_call(BERTA, "lobby.leave", NULL, DONE);
    check_call(BERTA, "lobby.leave", NULL,
               ERROR("not_found", "there is no such client, header, option, timer or service"));
    check_call(CLARA, "lobby.leave", NULL, DONE);
    check_call(ANNA + 5, "lobby.join", "{\"name\":\"chess\"}",
               ERROR("not_found", "there is no such client, header, option, timer or service"));
    ck_assert_uint_eq(toni_room_count(toni_fake_host_connections(&host)), 0);
    ck_assert_uint_eq(toni_fake_host_task_count(&host), 1); /* cancelled */
    toni_fake_host_advance(&host, 0);
    ck_assert_uint_eq(toni_fake_host_task_count(&host), 0);
}
END_TEST

START_TEST(a_game_counts_down_and_begins)
{
    check_call(ANNA, "lobby.create", "{\"name\":\"chess\",\"max_players\":3}",
               "{\"data\":" LOBBY(3, 0, "\"id1\"") "}");
    check_call(ANNA, "lobby.start", NULL, ERROR("conflict", "you are alone"));
    check_call(BERTA, "lobby.join", "{\"name\":\"chess\"}",
               "{\"data\":" LOBBY(3, 0, "\"id1\",\"id2\"") "}");
    clear();
    check_call(ANNA, "lobby.start", NULL, DONE);
    check_call(ANNA, "lobby.start", NULL, ERROR("conflict", "it is starting already"));
    toni_fake_host_advance(&host, 2999);
    toni_fake_client_expect(BERTA,
                            EVENT("lobby.countdown", LOBBY(3, 3, "\"id1\",\"id2\""))
                                EVENT("lobby.countdown", LOBBY(3, 2, "\"id1\",\"id2\""))
                                    EVENT("lobby.countdown", LOBBY(3, 1, "\"id1\",\"id2\"")));
    toni_fake_host_advance(&host, 1);
    toni_fake_client_expect(BERTA, EVENT("lobby.started", LOBBY(3, 0, "\"id1\",\"id2\"")));
    toni_fake_host_advance(&host, 10000);
    toni_fake_client_expect(BERTA, "");
}
END_TEST

START_TEST(with_too_few_left_it_does_not_begin)
{
    create_and_join();
    check_call(ANNA, "lobby.start", NULL, DONE);
    check_call(BERTA, "lobby.leave", NULL, DONE);
    clear();
    toni_fake_host_advance(&host, 10000);
    toni_fake_client_expect(ANNA, "");
}
END_TEST

START_TEST(the_host_kicks)
{
    create_and_join();
    clear();
    check_call(BERTA, "lobby.kick", "{\"player\":\"id1\"}",
               ERROR("forbidden", "the client may not do this"));
    check_call(ANNA, "lobby.kick", "{\"player\":\"id9\"}",
               ERROR("not_found", "there is no such client, header, option, timer or service"));
    check_call(ANNA, "lobby.kick", "{\"player\":\"id2\"}", DONE);
    toni_fake_client_expect(BERTA, EVENT("lobby.kicked", "\"chess\""));
    toni_fake_client_expect(ANNA, EVENT("lobby.changed", LOBBY(3, 0, "\"id1\"")));
    check_call(BERTA, "lobby.join", "{\"name\":\"chess\"}",
               "{\"data\":" LOBBY(3, 0, "\"id1\",\"id2\"") "}");
}
END_TEST

START_TEST(mistakes_are_answered)
{
    create_and_join();
    check_call(BERTA, "lobby.create", "{\"name\":\"go\",\"max_players\":2}",
               ERROR("conflict", "you are in a lobby: leave it first"));
    check_call(CLARA, "lobby.create", "{\"name\":\"chess\",\"max_players\":2}",
               ERROR("conflict", "there is a lobby of that name"));
    check_call(CLARA, "lobby.create", "{\"name\":\"a\\tb\",\"max_players\":2}",
               ERROR("bad_request", "an argument is not valid"));
    ck_assert_ptr_nonnull(strstr(
        toni_fake_client_call(CLARA, "lobby.create", "{\"name\":\"\",\"max_players\":17}"),
        "\"details\":[{\"path\":\"/max_players\",\"message\":\"is not from 2 to 16\"},{\"path\":\"/"
        "name\",\"message\":\"has 0 bytes, expected 1 to 32\"}]"));
    check_call(
        CLARA, "lobby.create", "{\"name\":\"go\",\"max_players\":2}",
        "{\"data\":{\"name\":\"go\",\"max_players\":2,\"seconds\":0,\"players\":[\"id3\"]}}");
}
END_TEST

START_TEST(lobbies_have_a_bound)
{
    static toni_fake_client many[230];
    char data[64];
    for (unsigned i = 0; i < 230; i++) {
        toni_fake_client_init(&many[i], &host, 100 + i);
        ck_assert_int_eq(toni_fake_client_connect(&many[i]), TONI_OK);
        (void)snprintf(data, sizeof data, "{\"name\":\"%u\",\"max_players\":2}", i);
        ck_assert_ptr_nonnull(
            strstr(toni_fake_client_call(&many[i], "lobby.create", data), "\"data\""));
        toni_fake_host_clear(&host);
    }
    for (unsigned i = 0; i < 20; i++) {
        (void)snprintf(data, sizeof data, "{\"name\":\"x%u\",\"max_players\":2}", i);
        toni_fake_client_call(&players[i], "lobby.create", data);
        toni_fake_host_clear(&host);
    }
    ck_assert_uint_eq(toni_room_count(toni_fake_host_connections(&host)), 250);
}
END_TEST

START_TEST(a_swap_in_the_middle_of_a_countdown)
{
    create_and_join();
    check_call(ANNA, "lobby.start", NULL, DONE);
    toni_fake_host_advance(&host, 1500);
    clear();
    toni_fake_host_init(&next);
    toni_fake_host_load(&next, TEST_PLUGINS_DIR "/lobby_gateway.so");
    ck_assert_int_eq(toni_fake_host_swap(&host, &next), TONI_OK);
    for (size_t i = 0; i < 20; i++)
        ck_assert_int_eq(toni_fake_client_adopt(&players[i], &next), TONI_OK);
    toni_fake_host_stop(&host);
    check_call(CLARA, "lobby.join", "{\"name\":\"chess\"}",
               "{\"data\":" LOBBY(3, 2, "\"id1\",\"id2\",\"id3\"") "}");
    toni_fake_client_clear(BERTA);
    toni_fake_host_advance(&next, 2000);
    toni_fake_client_expect(BERTA,
                            EVENT("lobby.countdown", LOBBY(3, 1, "\"id1\",\"id2\",\"id3\""))
                                EVENT("lobby.started", LOBBY(3, 0, "\"id1\",\"id2\",\"id3\"")));
    toni_fake_host_stop(&next);

    static toni_fake_state state = {.version = 1, .size = 7};
    toni_fake_host_init(&next);
    toni_fake_host_load(&next, TEST_PLUGINS_DIR "/lobby_gateway.so");
    ck_assert_int_eq(toni_fake_host_import(&next, &state), TONI_ERR_INVALID);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plugins");
    TCase *cases = tcase_create("lobby_gateway");

    tcase_add_checked_fixture(cases, start, NULL);
    tcase_add_test(cases, players_come_until_it_is_full);
    tcase_add_test(cases, the_host_moves_on);
    tcase_add_test(cases, a_game_counts_down_and_begins);
    tcase_add_test(cases, with_too_few_left_it_does_not_begin);
    tcase_add_test(cases, the_host_kicks);
    tcase_add_test(cases, mistakes_are_answered);
    tcase_add_test(cases, lobbies_have_a_bound);
    tcase_add_test(cases, a_swap_in_the_middle_of_a_countdown);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
