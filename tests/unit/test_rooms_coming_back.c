/* Clients that come back to a room of a namespace with a door: what they missed comes from an
 * engine, which answers when the test says so. The random test knows all that was ever said: who is
 * told that it recovered has each message once, and in order; who is not, is told why. */
#include "runner.h"
#include "two_hosts.h"

#include "base/clock.h"
#include "rooms/returning.h"
#include "rooms/room_rules.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <toni/history.h>

static void open_hosts(const struct limits *limits)
{
    hosts_open(limits);
    for (uint32_t i = 0; i < HOSTS; i++)
        fixture_keep(&hosts[i], "k*", FAKE_KEPT, 60);
}

static void setup(void)
{
    open_hosts(NULL);
}

static void teardown(void)
{
    (void)fake_engine_turn(&engine, UINT32_MAX);
    while (fake_engine_recover(&engine, WHY_NONE))
        continue;
    hosts_close();
}

static struct peer *add_to(uint32_t host, const char *room)
{
    struct peer *peer = hosts_peer(host);
    ck_assert_int_eq(toni_join_room(hosts_connections(host), peer->id, toni_str_of(room)), TONI_OK);
    return peer;
}

static void lose(struct peer *peer)
{
    hosts_turn();
    peer_lose(peer);
    hosts_turn();
}

/* It is said, and the engine gives it its place. */
static void say(uint32_t host, const char *room, const char *text)
{
    ck_assert_int_ge(
        toni_broadcast_to_room_text(hosts_connections(host), toni_str_of(room), toni_str_of(text)),
        0);
    ck_assert_uint_eq(fake_engine_turn(&engine, UINT32_MAX), 1);
}

/* --- What came of it */

struct told {
    struct comeback comeback; /* first */
    uint32_t count;           /* how often */
};

static void on_finished(struct comeback *comeback)
{
    ((struct told *)comeback)->count++;
}

static int32_t ask(uint32_t host, const struct peer *peer, const char *room, toni_since since,
                   struct told *told)
{
    *told = (struct told){.comeback = {.since = since, .finished = on_finished}};
    return comeback_begin(hosts_connections(host), peer->id, toni_str_of(room), &told->comeback);
}

static toni_since since(uint64_t offset)
{
    return toni_since_position((toni_position){engine.epoch, offset});
}

static bool is_member(uint32_t host, const struct peer *peer, const char *room)
{
    toni_client_ids *ids;
    bool is = false;
    ck_assert_int_eq(toni_get_room_members(hosts_connections(host), toni_str_of(room), &ids),
                     TONI_OK);
    for (size_t i = 0; i < ids->count; i++)
        is = is || ids->ids[i] == peer->id;
    toni_client_ids_destroy(ids);
    return is;
}

static void answer(struct told *told, enum cluster_why why)
{
    ck_assert_uint_eq(told->count, 0);
    ck_assert(fake_engine_recover(&engine, why));
    ck_assert_uint_eq(told->count, 1);
}

static void ck_told(const struct told *told, int32_t status, bool is_recovered, uint32_t messages,
                    const char *why)
{
    ck_assert_uint_eq(told->count, 1);
    ck_assert_int_eq(told->comeback.status, status);
    ck_assert_int_eq(told->comeback.is_recovered, is_recovered);
    ck_assert_uint_eq(told->comeback.messages, messages);
    if (status == TONI_OK)
        ck_assert_str_eq(not_recovered_word(told->comeback.why), why);
}

static void ck_got(struct peer *peer, const char *texts)
{
    hosts_turn();
    ck_assert_str_eq(peer_texts(peer), texts);
}

/* --- Coming back */

START_TEST(who_comes_back_on_another_host_gets_what_it_missed_and_then_what_comes)
{
    struct told told;
    struct peer *peer = add_to(0, "k");
    say(0, "k", "1");
    ck_got(peer, "1");
    lose(peer);
    say(1, "k", "2");
    say(0, "k", "3");
    struct peer *again = hosts_peer(1);
    ck_assert_int_eq(ask(1, again, "k", since(1), &told), TONI_OK);
    say(0, "k", "4"); /* while the engine is asked */
    ck_assert(!is_member(1, again, "k"));
    answer(&told, WHY_NONE);
    ck_told(&told, TONI_OK, true, 3, "");
    ck_assert_uint_eq(told.comeback.at.offset, 4);
    ck_assert_uint_eq(told.comeback.at.epoch, engine.epoch);
    ck_assert(is_member(1, again, "k"));
    say(0, "k", "5");
    ck_got(again, "2|3|4|5");
    ck_assert_uint_eq(counter_read(&hosts_connections(1)->histories.recovered), 1);
}
END_TEST

START_TEST(a_fresh_room_knows_where_it_is_by_who_came_back)
{
    struct told told;
    toni_position position;
    say(0, "k", "1");
    say(0, "k", "2");
    struct peer *peer = hosts_peer(1);
    ck_assert_int_eq(ask(1, peer, "k", toni_since_last(0), &told), TONI_OK);
    answer(&told, WHY_NONE);
    ck_told(&told, TONI_OK, false, 0, "");
    ck_assert_uint_eq(told.comeback.at.offset, 2);
    ck_assert_int_eq(toni_room_position(hosts_connections(1), toni_str_of("k"), &position),
                     TONI_OK);
    ck_assert_uint_eq(position.epoch, engine.epoch);
    ck_assert_uint_eq(position.offset, 2);
    ck_got(peer, "");
}
END_TEST

START_TEST(one_that_was_never_there_gets_the_last_messages)
{
    struct told told;
    for (unsigned i = 0; i < 5; i++)
        say(0, "k", (const char *[]){"1", "2", "3", "4", "5"}[i]);
    struct peer *peer = hosts_peer(1);
    ck_assert_int_eq(ask(1, peer, "k", toni_since_last(2), &told), TONI_OK);
    answer(&told, WHY_NONE);
    ck_told(&told, TONI_OK, false, 2, "");
    ck_got(peer, "4|5");
}
END_TEST

START_TEST(envelopes_stay_with_the_host_and_positions_are_written)
{
    static const char body[] = "at " TONI_POSITION_NONE ".";
    char text[TONI_POSITION_TEXT + 1], expected[80];
    struct told told;
    struct peer *sender = add_to(0, "k");
    const toni_message message = toni_message_with_position(toni_text(toni_str_of(body)), 3);
    toni_target *target = toni_to_room(hosts_connections(0), toni_str_of("k"));
    toni_target_except(target, sender->id);
    ck_assert_int_ge(toni_target_send(target, &message), 0);
    ck_assert_uint_eq(fake_engine_turn(&engine, 1), 1);
    say(0, "k", "2");
    struct peer *peer = hosts_peer(1);
    ck_assert_int_eq(ask(1, peer, "k", toni_since_last(8), &told), TONI_OK);
    answer(&told, WHY_NONE);
    ck_told(&told, TONI_OK, false, 2, "");
    toni_position_text((toni_position){engine.epoch, 1}, text);
    (void)snprintf(expected, sizeof expected, "at %s.|2", text);
    ck_got(peer, expected);
}
END_TEST

/* --- All or nothing */

START_TEST(what_is_not_kept_any_more_is_said)
{
    struct told told;
    for (unsigned i = 0; i < 4; i++)
        say(0, "k", "x");
    fake_engine_trim(&engine, "k", 2);
    struct peer *peer = hosts_peer(1);
    ck_assert_int_eq(ask(1, peer, "k", since(1), &told), TONI_OK);
    answer(&told, WHY_NONE);
    ck_told(&told, TONI_OK, false, 0, "trimmed");
    ck_assert(is_member(1, peer, "k"));
    say(0, "k", "live");
    ck_got(peer, "live");

    struct peer *second = hosts_peer(1); /* more is missing than the history has room for */
    for (unsigned i = 0; i < FAKE_KEPT + 1; i++)
        say(0, "k", "y");
    ck_assert_int_eq(ask(1, second, "k", since(4), &told), TONI_OK);
    answer(&told, WHY_NONE);
    ck_told(&told, TONI_OK, false, 0, "trimmed");
}
END_TEST

START_TEST(each_reason_is_said_and_the_client_is_in_the_room_all_the_same)
{
    static const struct {
        enum cluster_why why;
        const char *word;
    } reasons[] = {{WHY_AWAY, "away"},          {WHY_EPOCH, "epoch"},
                   {WHY_AHEAD, "ahead"},        {WHY_NO_MEMORY, "no_memory"},
                   {WHY_NO_HISTORY, "trimmed"}, {WHY_TRIMMED, "trimmed"}};
    struct told told;
    say(0, "k", "1");
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        struct peer *peer = hosts_peer(1);
        ck_assert_int_eq(ask(1, peer, "k", since(0), &told), TONI_OK);
        answer(&told, reasons[i].why);
        ck_told(&told, TONI_OK, false, 0, reasons[i].word);
        ck_assert(is_member(1, peer, "k"));
        ck_got(peer, "");
    }
}
END_TEST

START_TEST(more_than_was_asked_for_is_said)
{
    struct told told;
    toni_since one = since(0);
    one.limit = 1;
    say(0, "k", "1");
    say(0, "k", "2");
    struct peer *peer = hosts_peer(1);
    ck_assert_int_eq(ask(1, peer, "k", one, &told), TONI_OK);
    answer(&told, WHY_NONE);
    ck_told(&told, TONI_OK, false, 0, "too_much");
}
END_TEST

static void setup_small(void)
{
    struct limits limits = limits_default();
    limits.outbox_messages = 2;
    open_hosts(&limits);
}

START_TEST(what_does_not_fit_into_the_outbox_is_not_sent_in_part)
{
    struct told told;
    for (unsigned i = 0; i < 3; i++)
        say(0, "k", "x");
    struct peer *peer = hosts_peer(1);
    ck_assert_int_eq(ask(1, peer, "k", since(0), &told), TONI_OK);
    answer(&told, WHY_NONE);
    ck_told(&told, TONI_OK, false, 0, "outbox");
    say(0, "k", "live");
    ck_got(peer, "live");
}
END_TEST

START_TEST(who_asks_for_nothing_lacks_nothing_while_the_engine_is_away)
{
    struct told told;
    struct peer *peer = hosts_peer(1);
    ck_assert_int_eq(ask(1, peer, "k", toni_since_last(0), &told), TONI_OK);
    answer(&told, WHY_AWAY);
    ck_told(&told, TONI_OK, false, 0, "");
    ck_assert(is_member(1, peer, "k"));
}
END_TEST

/* --- What happens meanwhile */

START_TEST(a_client_that_is_gone_meanwhile_is_in_no_room)
{
    struct told told;
    struct peer *peer = hosts_peer(1);
    ck_assert_int_eq(ask(1, peer, "k", since(0), &told), TONI_OK);
    lose(peer);
    answer(&told, WHY_NONE);
    ck_told(&told, TONI_ERR_NOT_FOUND, false, 0, "");
    ck_assert_uint_eq(fake_door_wanted(doors[1]), 0);
}
END_TEST

START_TEST(who_leaves_meanwhile_does_not_come_in)
{
    struct told told;
    struct peer *peer = hosts_peer(1);
    say(0, "k", "1");
    ck_assert_int_eq(ask(1, peer, "k", since(0), &told), TONI_OK);
    ck_assert_int_eq(toni_leave_room(hosts_connections(1), peer->id, toni_str_of("k")), TONI_OK);
    answer(&told, WHY_NONE);
    ck_told(&told, TONI_ERR_CLOSING, false, 0, "");
    ck_assert(!is_member(1, peer, "k"));
    ck_got(peer, "");
}
END_TEST

/* Of a gateway where members alone speak. */
static struct limits member_limits;

/* A client of the second host, whose gateway has them. */
static struct peer *peer_with_rules(void)
{
    struct peer *peer = hosts_peer(1);
    member_limits = limits_default();
    member_limits.room_rules = room_rules_create();
    ck_assert_ptr_nonnull(member_limits.room_rules);
    member_limits.room_rules->publish_rule = PUBLISH_MEMBER;
    client_set_limits(peer->client, &member_limits);
    return peer;
}

static void drop_rules(void)
{
    room_rules_unref(member_limits.room_rules);
    member_limits.room_rules = NULL;
}

static int32_t speak(struct peer *peer, const char *room, const char *text)
{
    return toni_broadcast_from_text(peer->client, toni_str_of(room), toni_str_of(text));
}

START_TEST(who_is_coming_may_speak_as_a_member_and_hears_itself_in_its_place)
{
    struct told told;
    struct peer *peer = peer_with_rules();
    say(0, "k", "1");
    ck_assert_int_eq(speak(peer, "k", "no"), TONI_ERR_MAY_NOT_PUBLISH);
    ck_assert_int_eq(ask(1, peer, "k", since(0), &told), TONI_OK);
    ck_assert_int_eq(toni_client_may_publish(peer->client, TONI_LIT("k")), TONI_OK);
    ck_assert_int_eq(toni_client_may_publish(peer->client, TONI_LIT("k2")),
                     TONI_ERR_MAY_NOT_PUBLISH);
    say(0, "k", "2");
    ck_assert_int_eq(speak(peer, "k", "3"), 0);
    ck_assert_uint_eq(fake_engine_turn(&engine, 1), 1);
    ck_assert_int_eq(speak(peer, "k", "4"), 0); /* has its place only after the answer */
    answer(&told, WHY_NONE);
    ck_told(&told, TONI_OK, true, 3, "");
    ck_assert_uint_eq(fake_engine_turn(&engine, 1), 1);
    ck_assert_int_eq(speak(peer, "k", "5"), 1);
    ck_assert_uint_eq(fake_engine_turn(&engine, 1), 1);
    ck_got(peer, "1|2|3|4|5");
    drop_rules();
}
END_TEST

START_TEST(who_will_not_come_in_may_not_speak_any_more)
{
    struct told told;
    struct peer *peer = peer_with_rules();
    ck_assert_int_eq(ask(1, peer, "k", since(0), &told), TONI_OK);
    ck_assert_int_eq(toni_leave_room(hosts_connections(1), peer->id, TONI_LIT("k")), TONI_OK);
    ck_assert_int_eq(speak(peer, "k", "no"), TONI_ERR_MAY_NOT_PUBLISH);
    answer(&told, WHY_NONE);
    ck_assert_int_eq(speak(peer, "k", "no"), TONI_ERR_MAY_NOT_PUBLISH);

    ck_assert_int_eq(ask(1, peer, "k", since(0), &told), TONI_OK);
    doors[1]->want_result = TONI_ERR_LIMIT; /* no room can be joined any more */
    answer(&told, WHY_NONE);
    ck_told(&told, TONI_ERR_LIMIT, false, 0, "");
    ck_assert_int_eq(speak(peer, "k", "no"), TONI_ERR_MAY_NOT_PUBLISH);
    doors[1]->want_result = TONI_OK;

    member_limits.room_rules->limits_join = true; /* into none */
    ck_assert_int_eq(ask(1, peer, "k", since(0), &told), TONI_ERR_FORBIDDEN);
    ck_assert_int_eq(speak(peer, "k", "no"), TONI_ERR_MAY_NOT_PUBLISH);
    drop_rules();
}
END_TEST

START_TEST(who_leaves_and_comes_again_may_speak)
{
    struct told first, second;
    struct peer *peer = peer_with_rules();
    ck_assert_int_eq(ask(1, peer, "k", since(0), &first), TONI_OK);
    ck_assert_int_eq(toni_leave_room(hosts_connections(1), peer->id, TONI_LIT("k")), TONI_OK);
    ck_assert_int_eq(ask(1, peer, "k", since(0), &second), TONI_OK);
    ck_assert_int_eq(toni_client_may_publish(peer->client, TONI_LIT("k")), TONI_OK);
    answer(&first, WHY_NONE);
    ck_told(&first, TONI_ERR_CLOSING, false, 0, "");
    ck_assert_int_eq(toni_client_may_publish(peer->client, TONI_LIT("k")), TONI_OK);
    answer(&second, WHY_NONE);
    ck_assert_int_eq(speak(peer, "k", "1"), 1);
    ck_assert_uint_eq(fake_engine_turn(&engine, 1), 1);
    ck_got(peer, "1");
    drop_rules();
}
END_TEST

START_TEST(who_joins_meanwhile_is_a_member_and_gets_nothing_twice)
{
    struct told told;
    struct peer *peer = hosts_peer(1);
    say(0, "k", "1");
    ck_assert_int_eq(ask(1, peer, "k", since(0), &told), TONI_OK);
    ck_assert_int_eq(toni_join_room(hosts_connections(1), peer->id, toni_str_of("k")), TONI_OK);
    say(0, "k", "2");
    answer(&told, WHY_NONE);
    ck_told(&told, TONI_OK, false, 0, "member");
    ck_got(peer, "2");
}
END_TEST

START_TEST(who_asks_twice_is_told_twice)
{
    struct told first, second;
    struct peer *peer = hosts_peer(1);
    say(0, "k", "1");
    ck_assert_int_eq(ask(1, peer, "k", since(0), &first), TONI_OK);
    ck_assert_int_eq(ask(1, peer, "k", since(0), &second), TONI_OK);
    answer(&first, WHY_NONE);
    answer(&second, WHY_NONE);
    ck_told(&first, TONI_OK, true, 1, "");
    ck_told(&second, TONI_OK, false, 0, "member");
    ck_got(peer, "1");
}
END_TEST

/* --- What is refused */

START_TEST(a_door_that_refuses_has_changed_nothing)
{
    static const int32_t refusals[] = {TONI_ERR_BUSY, TONI_ERR_LIMIT, TONI_ERR_CLOSING};
    struct told told;
    struct peer *peer = hosts_peer(1);
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        doors[1]->recover_result = refusals[i];
        ck_assert_int_eq(ask(1, peer, "k", since(0), &told), refusals[i]);
        ck_assert_uint_eq(told.count, 0);
    }
    doors[1]->recover_result = TONI_OK;
    ck_assert_int_eq(ask(1, peer, "k", since(0), &told), TONI_OK);
    doors[1]->want_result = TONI_ERR_LIMIT; /* no room can be joined any more */
    answer(&told, WHY_NONE);
    ck_told(&told, TONI_ERR_LIMIT, false, 0, "");
    ck_assert(!is_member(1, peer, "k"));
    doors[1]->want_result = TONI_OK;
}
END_TEST

START_TEST(one_client_comes_to_so_many_rooms_at_a_time)
{
    static struct told told[COMING_MOST + 1];
    struct peer *peer = hosts_peer(1);
    for (unsigned i = 0; i < COMING_MOST; i++)
        ck_assert_int_eq(ask(1, peer, "k", since(0), &told[i]), TONI_OK);
    ck_assert_int_eq(ask(1, peer, "k", since(0), &told[COMING_MOST]), TONI_ERR_BUSY);
    for (unsigned i = 0; i < COMING_MOST; i++)
        answer(&told[i], WHY_NONE);
    ck_assert_int_eq(ask(1, peer, "k", since(0), &told[0]), TONI_OK);
}
END_TEST

START_TEST(a_room_that_keeps_nothing_is_joined_at_once)
{
    struct told told;
    struct peer *peer = hosts_peer(1);
    ck_assert_int_eq(ask(1, peer, "other", since(0), &told), TONI_OK);
    ck_told(&told, TONI_OK, false, 0, "no_history");
    ck_assert(is_member(1, peer, "other"));
}
END_TEST

/* --- Any order */

/* TONI_TEST_SEED repeats a run. */
enum { STEPS = 3000, CLIENTS = 6 };

struct person {
    struct peer *peer; /* NULL: it is nobody here */
    uint32_t host;
    bool is_coming;
    uint64_t since; /* where it was when it came */
    struct told told;
};

static struct dice dice;

/* It has all from the one behind `since` on, each once, and ends where the room is; or it was told
 * that it has none of what came before it was let in. */
static void ck_person(struct person *person, uint64_t top)
{
    char word[24];
    const struct comeback *comeback = &person->told.comeback;
    uint64_t next = comeback->is_recovered ? person->since + 1 : comeback->at.offset + 1;
    const char *texts = peer_texts(person->peer);
    while (*texts) {
        const int size = snprintf(word, sizeof word, "%llu", (unsigned long long)next++);
        REQUIRE(strncmp(texts, word, (size_t)size) == 0);
        texts += size;
        REQUIRE(*texts == '\0' || *texts++ == '|');
    }
    REQUIRE(next == top + 1);
}

static void leave_or_come(struct person *person, uint64_t top)
{
    if (person->is_coming)
        return;
    if (person->peer) {
        hosts_turn();
        ck_person(person, top);
        lose(person->peer);
        person->peer = NULL;
        return;
    }
    const uint64_t back = dice_below(&dice, FAKE_KEPT + 3);
    person->host = (uint32_t)dice_below(&dice, HOSTS);
    person->since = top > back ? top - back : 0;
    person->peer = hosts_peer(person->host);
    person->is_coming = true;
    REQUIRE(ask(person->host, person->peer, "k", since(person->since), &person->told) == TONI_OK);
}

static void answer_first(struct person *people, uint64_t top)
{
    const bool is_away = dice_below(&dice, 8) == 0;
    if (!fake_engine_recover(&engine, is_away ? WHY_AWAY : WHY_NONE))
        return;
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct person *person = &people[i];
        if (!person->is_coming || person->told.count == 0)
            continue;
        struct comeback *comeback = &person->told.comeback;
        person->is_coming = false;
        REQUIRE(person->told.count == 1 && comeback->status == TONI_OK);
        const bool is_kept = person->since + FAKE_KEPT >= top;
        REQUIRE(comeback->is_recovered == (is_kept && !is_away));
        REQUIRE(comeback->is_recovered == (comeback->why == IS_RECOVERED));
        comeback->at.offset = top;
    }
}

START_TEST(in_any_order_each_message_comes_once_or_it_is_said_that_it_does_not)
{
    struct person people[CLIENTS] = {0};
    char text[24];
    uint64_t top = 0;
    const uint64_t seed = environment_number("TONI_TEST_SEED", clock_now_ns());
    dice.state = seed;
    fixture_set_note("TONI_TEST_SEED=%llu", (unsigned long long)seed);
    for (unsigned step = 0; step < STEPS; step++) {
        struct person *person = &people[dice_below(&dice, CLIENTS)];
        switch (dice_below(&dice, 4)) {
        case 0:
            leave_or_come(person, top);
            break;
        case 1:
            answer_first(people, top);
            break;
        case 2:
            hosts_turn();
            break;
        default:
            (void)snprintf(text, sizeof text, "%llu", (unsigned long long)++top);
            say((uint32_t)dice_below(&dice, HOSTS), "k", text);
            break;
        }
    }
    while (engine.recovery_count > 0)
        answer_first(people, top);
    hosts_turn();
    for (unsigned i = 0; i < CLIENTS; i++) {
        if (people[i].peer)
            ck_person(&people[i], top);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rooms_coming_back");
    TCase *coming = tcase_create("coming back");
    tcase_add_checked_fixture(coming, setup, teardown);
    tcase_add_test(coming, who_comes_back_on_another_host_gets_what_it_missed_and_then_what_comes);
    tcase_add_test(coming, a_fresh_room_knows_where_it_is_by_who_came_back);
    tcase_add_test(coming, one_that_was_never_there_gets_the_last_messages);
    tcase_add_test(coming, envelopes_stay_with_the_host_and_positions_are_written);
    tcase_add_test(coming, what_is_not_kept_any_more_is_said);
    tcase_add_test(coming, each_reason_is_said_and_the_client_is_in_the_room_all_the_same);
    tcase_add_test(coming, more_than_was_asked_for_is_said);
    tcase_add_test(coming, who_asks_for_nothing_lacks_nothing_while_the_engine_is_away);
    tcase_add_test(coming, a_client_that_is_gone_meanwhile_is_in_no_room);
    tcase_add_test(coming, who_leaves_meanwhile_does_not_come_in);
    tcase_add_test(coming, who_is_coming_may_speak_as_a_member_and_hears_itself_in_its_place);
    tcase_add_test(coming, who_will_not_come_in_may_not_speak_any_more);
    tcase_add_test(coming, who_leaves_and_comes_again_may_speak);
    tcase_add_test(coming, who_joins_meanwhile_is_a_member_and_gets_nothing_twice);
    tcase_add_test(coming, who_asks_twice_is_told_twice);
    tcase_add_test(coming, a_door_that_refuses_has_changed_nothing);
    tcase_add_test(coming, one_client_comes_to_so_many_rooms_at_a_time);
    tcase_add_test(coming, a_room_that_keeps_nothing_is_joined_at_once);
    tcase_add_test(coming, in_any_order_each_message_comes_once_or_it_is_said_that_it_does_not);
    suite_add_tcase(suite, coming);
    TCase *small = tcase_create("small outboxes");
    tcase_add_checked_fixture(small, setup_small, teardown);
    tcase_add_test(small, what_does_not_fit_into_the_outbox_is_not_sent_in_part);
    suite_add_tcase(suite, small);
    return run_suite(suite);
}
