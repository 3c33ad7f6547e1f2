/* Histories against a plain model, and under threads. The model keeps all that was ever sent; who
 * comes back must get exactly what it has behind the client's position, or nothing where the rules
 * say that something of it is gone. */
#include "base/clock.h"
#include "rooms/returning.h"
#include "rooms/room_history.h"
#include "rooms_fixture.h"
#include "runner.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <toni/history.h>

static struct fixture fixture;
static toni_connections *connections;
static _Atomic uint64_t clock_ms;

static uint64_t test_now(void)
{
    return clock_ms;
}

static void begin(uint32_t messages, uint32_t seconds)
{
    struct limits limits = limits_default();
    limits.outbox_messages = 100000; /* all that is missed fits */
    fixture_init(&fixture, &limits, 2);
    connections = fixture.connections;
    connections->histories.now_ms = test_now;
    clock_ms = 1000;
    fixture_keep(&fixture, "*", messages, seconds);
}

static void end(void)
{
    room_history_end(connections);
    REQUIRE(connections->histories.bytes == 0);
    REQUIRE(connections->histories.count == 0);
    fixture_finish(&fixture);
}

static void on_finished(struct comeback *comeback)
{
    (void)comeback;
}

/* @return What came of it. */
static struct comeback come_back(const struct peer *peer, toni_str room, toni_since since)
{
    struct comeback comeback = {.since = since, .finished = on_finished};
    REQUIRE(comeback_begin(connections, peer->id, room, &comeback) == TONI_OK);
    return comeback;
}

/* --- The model */

enum { ROOMS = 3, KEPT = 8, SECONDS = 4, STEPS = 4000, EVER = STEPS };

struct model {
    uint64_t epoch; /* as the room has said; 0: it is not known, as it has begun anew */
    uint64_t top;
    uint64_t at_ms[EVER + 1];
    struct peer *member;       /* keeps the room alive, or not */
    uint64_t awaited_until_ms; /* so does whoever was in it last, as long as it may come back */
};

static struct model models[ROOMS];
static struct dice dice;

static toni_str name_of(unsigned room)
{
    static const char *const names[ROOMS] = {"a", "b", "c"};
    return toni_str_of(names[room]);
}

static uint64_t oldest_kept(const struct model *model)
{
    uint64_t first = model->top > KEPT ? model->top - KEPT + 1 : 1;
    while (first <= model->top && clock_ms - model->at_ms[first] >= SECONDS * 1000)
        first++;
    return first;
}

/* Nobody is there or may come back, and nothing is kept: the host has ended the room by now. */
static void sweep(void)
{
    while (room_history_sweep(connections, 10))
        continue;
    for (unsigned room = 0; room < ROOMS; room++) {
        if (!models[room].member && clock_ms >= models[room].awaited_until_ms &&
            oldest_kept(&models[room]) > models[room].top) {
            models[room].epoch = 0;
            models[room].top = 0;
        }
    }
}

static void say(unsigned room)
{
    char text[24];
    struct model *model = &models[room];
    model->top++;
    model->at_ms[model->top] = clock_ms;
    (void)snprintf(text, sizeof text, "%u.%llu", room, (unsigned long long)model->top);
    REQUIRE(toni_broadcast_to_room_text(connections, name_of(room), toni_str_of(text)) ==
            (model->member ? 1 : 0));
    toni_position position;
    REQUIRE(toni_room_position(connections, name_of(room), &position) == TONI_OK);
    REQUIRE(model->epoch == 0 || position.epoch == model->epoch);
    model->epoch = position.epoch;
    REQUIRE(position.offset == model->top);
}

static void expect(char *expected, size_t size, unsigned room, uint64_t since)
{
    expected[0] = '\0';
    for (uint64_t i = since + 1; i <= models[room].top; i++) {
        const size_t length = strlen(expected);
        (void)snprintf(expected + length, size - length, "%s%u.%llu", length > 0 ? "|" : "", room,
                       (unsigned long long)i);
    }
}

static const char *judge(const struct model *model, toni_position position, uint32_t limit)
{
    if (position.epoch != model->epoch)
        return "epoch";
    if (position.offset > model->top)
        return "ahead";
    if (limit > 0 && model->top - position.offset > limit)
        return "too_much";
    if (position.offset + 1 < oldest_kept(model) && position.offset < model->top)
        return "trimmed";
    return "";
}

static void lose(struct model *model, struct peer *peer)
{
    peer_lose(peer);
    fixture_turn(&fixture);
    peer_destroy(&fixture, peer);
    model->awaited_until_ms = clock_ms + SECONDS * 1000;
}

static void visit(unsigned room)
{
    struct model *model = &models[room];
    if (model->epoch == 0)
        return;
    char expected[KEPT * 24];
    const uint64_t top = model->top;
    toni_since since = toni_since_position(
        (toni_position){model->epoch + (dice_below(&dice, 10) == 0),
                        top + 1 - dice_below(&dice, (uint32_t)(top < 12 ? top + 2 : 12))});
    since.limit = dice_below(&dice, 3) == 0 ? 1 + dice_below(&dice, KEPT) : 0;
    const char *why = judge(model, since.position, since.limit);
    struct peer *peer = peer_connect(&fixture, dice_below(&dice, 2));
    const struct comeback comeback = come_back(peer, name_of(room), since);
    fixture_turn(&fixture);
    REQUIRE(strcmp(not_recovered_word(comeback.why), why) == 0);
    REQUIRE(comeback.is_recovered == (why[0] == '\0'));
    expect(expected, sizeof expected, room, why[0] == '\0' ? since.position.offset : top);
    REQUIRE(strcmp(peer_texts(peer), expected) == 0);
    REQUIRE(comeback.at.offset == top);
    lose(model, peer);
}

static void toggle_member(unsigned room)
{
    struct model *model = &models[room];
    if (model->member) {
        lose(model, model->member);
        model->member = NULL;
        sweep();
    } else {
        model->member = peer_connect(&fixture, 0);
        REQUIRE(toni_join_room(connections, model->member->id, name_of(room)) == TONI_OK);
        toni_position position;
        REQUIRE(toni_room_position(connections, name_of(room), &position) == TONI_OK);
        REQUIRE(model->epoch == 0 || position.epoch == model->epoch);
        model->epoch = position.epoch;
    }
}

static void step(void)
{
    const unsigned room = dice_below(&dice, ROOMS);
    const uint32_t choice = dice_below(&dice, 100);
    if (choice < 50)
        say(room);
    else if (choice < 80)
        visit(room);
    else if (choice < 85)
        toggle_member(room);
    else if (choice < 98)
        clock_ms += dice_below(&dice, 700);
    else
        clock_ms += SECONDS * 1000;
    sweep();
}

START_TEST(as_the_model_says)
{
    const uint64_t seed = environment_number("TONI_TEST_SEED", clock_now_ns());
    dice = (struct dice){seed};
    fixture_set_note("TONI_TEST_SEED=%llu", (unsigned long long)seed);
    memset(models, 0, sizeof models);
    begin(KEPT, SECONDS);
    for (int i = 0; i < STEPS; i++)
        step();
    for (unsigned room = 0; room < ROOMS; room++) {
        if (models[room].member)
            toggle_member(room);
    }
    fixture_turn(&fixture);
    end();
}
END_TEST

/* --- Threads: four send, and clients are lost and come back all the while */

enum { SENDERS = 4, MOST_EACH = 2000, CHAINS = 3, LIVES = 60 };

static atomic_bool is_over;
static atomic_uint sent;

static void *send_all(void *data)
{
    const toni_message message =
        toni_message_with_position(toni_text(TONI_LIT("at=" TONI_POSITION_NONE)), 3);
    (void)data;
    for (int i = 0; i < MOST_EACH && !atomic_load(&is_over); i++) {
        REQUIRE(toni_broadcast_to_room(connections, toni_str_of("a"), &message) >= 0);
        atomic_fetch_add(&sent, 1);
    }
    return NULL;
}

/* One client after the other, each of which goes on where the one before was lost. */
struct chain {
    struct peer *peer;
    toni_position at;
    uint32_t lives;
};

/* Each message has the number behind the one before. */
static void read_all(struct chain *chain)
{
    struct wire_reader reader;
    struct wire_message message;
    wire_reader_init(&reader, chain->peer->socket.wire.bytes, chain->peer->socket.wire.length);
    while (wire_reader_next(&reader, &message)) {
        toni_position at;
        const toni_str text = toni_str_make((const char *)message.payload + 3, TONI_POSITION_TEXT);
        REQUIRE(message.size == 3 + TONI_POSITION_TEXT);
        REQUIRE(toni_position_parse(text, &at) == TONI_OK);
        REQUIRE(at.epoch == chain->at.epoch);
        REQUIRE(at.offset == chain->at.offset + 1);
        chain->at = at;
    }
    wire_reader_finish(&reader);
}

static void end_life(struct chain *chain)
{
    peer_lose(chain->peer);
    fixture_turn(&fixture);
    read_all(chain);
    peer_destroy(&fixture, chain->peer);
}

static void begin_life(struct chain *chain)
{
    chain->peer = peer_connect(&fixture, chain->lives++ % 2);
    const struct comeback comeback =
        come_back(chain->peer, toni_str_of("a"), toni_since_position(chain->at));
    REQUIRE(comeback.is_recovered);
}

START_TEST(each_message_comes_once_and_in_order_whoever_sends_meanwhile)
{
    pthread_t threads[SENDERS];
    struct chain chains[CHAINS] = {0};
    begin(10000, 60);
    fixture_attach(&fixture);
    struct peer *first = peer_connect(&fixture, 0);
    REQUIRE(toni_join_room(connections, first->id, toni_str_of("a")) == TONI_OK);
    toni_position start;
    REQUIRE(toni_room_position(connections, toni_str_of("a"), &start) == TONI_OK);
    for (unsigned i = 0; i < CHAINS; i++) {
        chains[i].at = start;
        begin_life(&chains[i]);
    }
    for (unsigned i = 0; i < SENDERS; i++)
        REQUIRE(!pthread_create(&threads[i], NULL, send_all, NULL));
    for (unsigned turn = 0; turn < LIVES; turn++) {
        fixture_turn(&fixture);
        end_life(&chains[turn % CHAINS]);
        begin_life(&chains[turn % CHAINS]);
    }
    atomic_store(&is_over, true);
    for (unsigned i = 0; i < SENDERS; i++)
        REQUIRE(!pthread_join(threads[i], NULL));
    fixture_turn(&fixture);
    for (unsigned i = 0; i < CHAINS; i++) {
        end_life(&chains[i]);
        REQUIRE(chains[i].at.offset == atomic_load(&sent));
    }
    peer_lose(first);
    fixture_turn(&fixture);
    peer_destroy(&fixture, first);
    end();
}
END_TEST

/* --- Threads: rooms empty, are awaited, end and are made again while others join and say something
 */

enum { COMERS = 4, TURNS = 4000 };

static void *come_and_go(void *data)
{
    const struct peer *peer = data;
    struct dice own = {peer->id};
    for (int i = 0; i < TURNS; i++) {
        const toni_str room = name_of(dice_below(&own, ROOMS));
        REQUIRE(toni_join_room(connections, peer->id, room) == TONI_OK);
        if (dice_chance(&own, 30))
            REQUIRE(toni_broadcast_to_room_text(connections, room, TONI_LIT("x")) >= 1);
        REQUIRE(toni_leave_room(connections, peer->id, room) == TONI_OK);
        if (dice_chance(&own, 10))
            REQUIRE(toni_broadcast_to_room_text(connections, room, TONI_LIT("y")) >= 0);
    }
    return NULL;
}

static void *sweep_always(void *data)
{
    (void)data;
    while (!atomic_load(&is_over)) {
        clock_ms += SECONDS * 300;
        (void)room_history_sweep(connections, 10);
    }
    return NULL;
}

START_TEST(rooms_end_and_are_made_again_while_clients_come_and_go)
{
    pthread_t threads[COMERS], sweeper;
    struct peer *peers[COMERS];
    begin(KEPT, SECONDS);
    fixture_attach(&fixture);
    atomic_store(&is_over, false);
    if (_i > 0) /* so that one is awaited, and others are not */
        atomic_store(&connections->histories.limit, HISTORY_COST * HISTORY_AWAITED_SHARE);
    for (unsigned i = 0; i < COMERS; i++)
        peers[i] = peer_connect(&fixture, i % 2);
    REQUIRE(!pthread_create(&sweeper, NULL, sweep_always, NULL));
    for (unsigned i = 0; i < COMERS; i++)
        REQUIRE(!pthread_create(&threads[i], NULL, come_and_go, peers[i]));
    for (unsigned i = 0; i < COMERS; i++)
        REQUIRE(!pthread_join(threads[i], NULL));
    atomic_store(&is_over, true);
    REQUIRE(!pthread_join(sweeper, NULL));
    fixture_turn(&fixture);
    clock_ms += 2 * SECONDS * 1000;
    while (room_history_sweep(connections, 10))
        continue;
    REQUIRE(connections->histories.awaited == 0 && connections->histories.rooms == 0);
    REQUIRE(connections->histories.count == 0 && connections->histories.due.count == 0);
    for (unsigned i = 0; i < COMERS; i++) {
        peer_lose(peers[i]);
        fixture_turn(&fixture);
        peer_destroy(&fixture, peers[i]);
    }
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rooms_history_random");
    TCase *cases = tcase_create("all");

    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, as_the_model_says);
    tcase_add_test(cases, each_message_comes_once_and_in_order_whoever_sends_meanwhile);
    tcase_add_loop_test(cases, rooms_end_and_are_made_again_while_clients_come_and_go, 0, 2);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
