/* Rooms with a door, with real threads: four workers and one that is nobody's join, leave, close
 * and publish at random, while the cluster's thread hands out what the engine has ordered. Now and
 * then all stand still: then the door wants exactly the rooms that have a member. Some clients are
 * members all the time: they get the room's whole order. TONI_TEST_SEED chooses other numbers. */
#include "fake_door.h"
#include "runner.h"

#include "base/clock.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LANES = 4,
    ACTORS = LANES + 1, /* the last is no worker */
    FLEETING = 3,       /* on each lane, besides one that is never closed */
    ROOMS = 5,
    ROUNDS = 40, /* between two of them all stand still */
    OPERATIONS = 500,
    WAITING_MOST = 500, /* then nobody publishes: the cluster's thread comes behind */
};

static const char *const names[ROOMS] = {"a", "b", "c", "d", "e"};

struct actor {
    struct arena *arena;
    struct lane *lane; /* NULL: no worker */
    struct dice dice;
    pthread_t thread;
    struct peer *stable;
    struct peer *fleeting[FLEETING];
    uint64_t number;       /* of its last message */
    uint64_t to_stable;    /* how many of its messages went to the room of the stable */
    uint64_t order;        /* hash of what the stable one got of that room */
    uint64_t got;          /* how many that were */
    uint64_t last[ACTORS]; /* number of each sender's last one of these */
};

struct arena {
    struct fixture fixture;
    toni_connections *connections;
    struct fake_engine engine;
    struct fake_door *door;
    struct actor actors[ACTORS];
    _Atomic toni_client_id ids[LANES][FLEETING];
    pthread_barrier_t standing; /* actors */
    pthread_t cluster;
    atomic_bool cluster_ends;
};

/* --- What actors do */

static toni_client_id any_id(struct actor *actor)
{
    return actor->arena->ids[dice_below(&actor->dice, LANES)][dice_below(&actor->dice, FLEETING)];
}

static toni_str any_room(struct actor *actor)
{
    return toni_str_of(names[dice_below(&actor->dice, ROOMS)]);
}

static void join_or_leave(struct actor *actor)
{
    toni_connections *connections = actor->arena->connections;
    const int32_t result = dice_chance(&actor->dice, 50)
                               ? toni_join_room(connections, any_id(actor), any_room(actor))
                               : toni_leave_room(connections, any_id(actor), any_room(actor));
    REQUIRE(result == TONI_OK || result == TONI_ERR_CLOSING || result == TONI_ERR_NOT_FOUND);
}

static void close_any(struct actor *actor)
{
    const int32_t result = toni_remove_client(actor->arena->connections, any_id(actor));
    REQUIRE(result == TONI_OK || result == TONI_ERR_NOT_FOUND);
}

static void leave_all(struct actor *actor)
{
    REQUIRE(toni_members_leave(actor->arena->connections, any_room(actor)) >= 0);
}

static toni_target *choose_target(struct actor *actor, bool *to_stable)
{
    toni_connections *connections = actor->arena->connections;
    *to_stable = dice_chance(&actor->dice, 50);
    toni_target *target =
        toni_to_room(connections, *to_stable ? toni_str_of("stable") : any_room(actor));
    for (uint32_t i = dice_below(&actor->dice, 3); i > 0; i--)
        toni_target_except(target, any_id(actor));
    if (!*to_stable && dice_chance(&actor->dice, 30)) {
        toni_target_to_room(target, any_room(actor));
        toni_target_to_client(target, any_id(actor));
    }
    return target;
}

static void publish(struct actor *actor)
{
    char text[64];
    bool to_stable;
    if (fake_engine_waiting(&actor->arena->engine) > WAITING_MOST)
        return;
    toni_target *target = choose_target(actor, &to_stable);
    (void)snprintf(text, sizeof text, "%c %u %llu", to_stable ? 's' : 'x',
                   (unsigned)(actor - actor->arena->actors), (unsigned long long)++actor->number);
    const int32_t result = toni_target_send_text(target, toni_str_of(text));
    REQUIRE(result >= (to_stable ? LANES : 0));
    actor->to_stable += to_stable;
}

static void operate(struct actor *actor)
{
    static void (*const table[])(struct actor *) = {join_or_leave, join_or_leave, join_or_leave,
                                                    join_or_leave, publish,       publish};
    if (dice_chance(&actor->dice, 2))
        close_any(actor);
    else if (dice_chance(&actor->dice, 1))
        leave_all(actor);
    else
        table[dice_below(&actor->dice, sizeof table / sizeof table[0])](actor);
}

/* --- What workers do besides */

static void read_stable(struct actor *actor)
{
    struct buffer *wire = &actor->stable->socket.wire;
    struct wire_reader reader;
    struct wire_message message;
    wire_reader_init(&reader, wire->bytes, wire->length);
    while (wire_reader_next(&reader, &message)) {
        char text[64], what;
        unsigned sender;
        unsigned long long number;
        REQUIRE(message.opcode == 1 && message.size < sizeof text);
        memcpy(text, message.payload, message.size);
        text[message.size] = '\0';
        /* NOLINTNEXTLINE(cert-err34-c): the texts are our own */
        REQUIRE(sscanf(text, "%c %u %llu", &what, &sender, &number) == 3);
        REQUIRE(what == 's' && sender < ACTORS && number > actor->last[sender]);
        actor->last[sender] = number;
        actor->order = (actor->order ^ (number * ACTORS + sender)) * 0x100000001b3u;
        actor->got++;
    }
    REQUIRE(reader.at == wire->length);
    wire->length = 0;
    wire_reader_finish(&reader);
}

static void connect_fleeting(struct actor *actor, uint32_t which)
{
    actor->fleeting[which] = peer_connect(&actor->arena->fixture, actor->lane->index);
    actor->arena->ids[actor->lane->index][which] = actor->fleeting[which]->id;
}

static void turn(struct actor *actor)
{
    lane_turn(actor->lane);
    read_stable(actor);
    for (uint32_t i = 0; i < FLEETING; i++) {
        actor->fleeting[i]->socket.wire.length = 0;
        if (actor->fleeting[i]->socket.closed) {
            peer_lose(actor->fleeting[i]);
            peer_destroy(NULL, actor->fleeting[i]);
            connect_fleeting(actor, i);
        }
    }
}

static void come(struct actor *actor)
{
    lane_attach(actor->lane);
    actor->stable = peer_connect(&actor->arena->fixture, actor->lane->index);
    REQUIRE(client_join(actor->stable->client, toni_str_of("stable")) == TONI_OK);
    for (uint32_t i = 0; i < FLEETING; i++)
        connect_fleeting(actor, i);
}

static void go(struct actor *actor)
{
    for (uint32_t i = 0; i < FLEETING; i++) {
        peer_lose(actor->fleeting[i]);
        peer_destroy(NULL, actor->fleeting[i]);
    }
    peer_lose(actor->stable);
}

/* --- The whole */

/* All stand still. */
static void check_wanted(struct arena *arena)
{
    uint32_t rooms = 1; /* that of the stable */
    for (uint32_t i = 0; i < ROOMS; i++) {
        toni_room_info *info;
        const bool exists =
            toni_get_room(arena->connections, toni_str_of(names[i]), &info) == TONI_OK;
        REQUIRE(fake_door_wants(arena->door, names[i]) == exists);
        if (exists)
            toni_room_info_destroy(info);
        rooms += exists;
    }
    REQUIRE(fake_door_wants(arena->door, "stable"));
    REQUIRE(fake_door_wanted(arena->door) == rooms);
    REQUIRE(toni_room_count(arena->connections) == rooms);
    REQUIRE(arena->door->wants - arena->door->unwants == rooms);
}

static void stand(struct actor *actor)
{
    pthread_barrier_wait(&actor->arena->standing);
    if (!actor->lane)
        check_wanted(actor->arena);
    pthread_barrier_wait(&actor->arena->standing);
}

static void *run_actor(void *data)
{
    struct actor *actor = data;
    if (actor->lane)
        come(actor);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        stand(actor);
        for (uint32_t i = 0; i < OPERATIONS; i++) {
            operate(actor);
            if (actor->lane && i % 4 == 0)
                turn(actor);
        }
    }
    stand(actor);
    return NULL;
}

static void *run_cluster(void *data)
{
    struct arena *arena = data;
    while (!arena->cluster_ends)
        if (fake_engine_turn(&arena->engine, 100) == 0)
            sched_yield();
    return NULL;
}

static void start(struct arena *arena, uint64_t seed)
{
    fixture_init(&arena->fixture, NULL, LANES);
    arena->connections = arena->fixture.connections;
    fake_engine_init(&arena->engine);
    arena->door = fake_door_open(&arena->engine, &arena->fixture);
    REQUIRE(!pthread_barrier_init(&arena->standing, NULL, ACTORS));
    REQUIRE(!pthread_create(&arena->cluster, NULL, run_cluster, arena));
    for (uint32_t i = 0; i < ACTORS; i++) {
        struct actor *actor = &arena->actors[i];
        actor->arena = arena;
        actor->lane = i < LANES ? &arena->connections->lanes[i] : NULL;
        actor->dice.state = seed * ACTORS + i;
    }
    for (uint32_t i = 0; i < ACTORS; i++)
        REQUIRE(!pthread_create(&arena->actors[i].thread, NULL, run_actor, &arena->actors[i]));
}

/* What was published last is handed out by this thread. */
static void settle(struct arena *arena)
{
    for (uint32_t i = 0; i < ACTORS; i++)
        pthread_join(arena->actors[i].thread, NULL);
    arena->cluster_ends = true;
    pthread_join(arena->cluster, NULL);
    (void)fake_engine_turn(&arena->engine, UINT32_MAX);
    fixture_attach(&arena->fixture);
    for (uint32_t i = 0; i < LANES; i++)
        turn(&arena->actors[i]);
}

static void check_stable(const struct arena *arena)
{
    uint64_t published = 0;
    for (uint32_t i = 0; i < ACTORS; i++)
        published += arena->actors[i].to_stable;
    REQUIRE(published > 0);
    for (uint32_t i = 0; i < LANES; i++) {
        REQUIRE(arena->actors[i].got == published);                /* nothing lost or twice */
        REQUIRE(arena->actors[i].order == arena->actors[0].order); /* one order */
    }
}

static void finish(struct arena *arena)
{
    for (uint32_t i = 0; i < LANES; i++)
        go(&arena->actors[i]);
    fixture_turn(&arena->fixture);
    for (uint32_t i = 0; i < LANES; i++)
        peer_destroy(&arena->fixture, arena->actors[i].stable);
    REQUIRE(fake_door_wanted(arena->door) == 0);
    REQUIRE(arena->door->wants == arena->door->unwants);
    REQUIRE(counter_read(&arena->connections->common.remote_figures.gaps) == 0);
    REQUIRE(counter_read(&arena->connections->common.remote_figures.refused) == 0);
    fixture_finish(&arena->fixture);
    fake_engine_finish(&arena->engine);
    pthread_barrier_destroy(&arena->standing);
    free(arena);
}

START_TEST(threads_come_and_go)
{
    const uint64_t seed = environment_number("TONI_TEST_SEED", clock_now_ns());
    struct arena *arena = calloc(1, sizeof *arena);
    REQUIRE(arena);
    printf("TONI_TEST_SEED=%llu\n", (unsigned long long)seed);
    fixture_set_note("TONI_TEST_SEED=%llu", (unsigned long long)seed);
    start(arena, seed);
    settle(arena);
    check_stable(arena);
    finish(arena);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rooms/remote_threads");
    TCase *cases = tcase_create("all");

    tcase_add_test(cases, threads_come_and_go);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
