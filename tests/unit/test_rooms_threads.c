/* The rooms with real threads: workers that turn their lanes when they are woken, and threads that
 * are nobody's worker. Clients come and go at random; some stay, and what these receive is known.
 *
 * How long it takes is a matter of work, not of time, unless TONI_TEST_SECONDS is set.
 * TONI_TEST_SEED chooses other random numbers; what the threads make of them differs each time. */
#include "rooms_fixture.h"
#include "runner.h"

#include "base/clock.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LANES = 4,
    FOREIGN = 3,
    SENDERS = LANES + FOREIGN,
    STABLE = 2, /* on each lane: never closed, always in the room of that name */
    FLEETING = 5,
    ROOMS = 4,
    OPERATIONS = 300000,
};

/* What a client has received so far: of each sender, and of the room that it is always in. */
struct seen {
    uint64_t last[SENDERS];         /* the last number of each sender */
    uint64_t room_hash, room_count; /* messages of the room of the stable */
    uint64_t direct_count[SENDERS]; /* direct sends */
    uint64_t own_hash[SENDERS];     /* messages of the sender's own room */
};

/* What a stable client should receive from one sender. */
struct expected {
    uint64_t direct_count;
    uint64_t own_hash;
    bool in_own_room;
};

struct sender {
    struct arena *arena;
    uint32_t index;
    struct dice dice;
    uint64_t number;     /* of the last message */
    uint64_t room_count; /* accepted messages to the room of the stable */
    struct expected expected[LANES][STABLE];
    char own_room[8];
};

struct connection {
    struct peer *peer;
    struct seen seen;
};

struct worker {
    struct arena *arena;
    struct lane *lane;
    struct sender sender;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool woken;
    struct connection stable[STABLE];
    struct connection fleeting[FLEETING];
};

struct arena {
    toni_connections *connections;
    struct fixture *fixture;
    uint64_t until_ms; /* 0: by work */
    struct worker workers[LANES];
    struct sender foreign[FOREIGN];
    _Atomic toni_client_id stable_ids[LANES][STABLE];
    _Atomic toni_client_id fleeting_ids[LANES][FLEETING];
    pthread_barrier_t ready;  /* workers and main */
    pthread_barrier_t settle; /* workers */
    atomic_bool stopping;
};

static uint64_t mix(uint64_t hash, uint64_t value)
{
    return (hash ^ value) * 0x100000001b3u;
}

/* --- What senders do */

/* What a message is for, as its text says: sender, number and this. */
enum { FOR_ANY = 'x', FOR_STABLE = 's', FOR_OWN = 'o', FOR_ONE = 'd' };

enum { TEXT_SIZE = 160 };

struct words {
    char text[TEXT_SIZE];
    toni_message message;
};

static struct words *compose(struct sender *sender, char what, struct words *words)
{
    int padding = ++sender->number % 4 == 0 ? 120 : 0; /* then it is worth compressing */
    int size = snprintf(words->text, sizeof words->text, "%u %llu %c%*s", sender->index,
                        (unsigned long long)sender->number, what, padding, "");
    words->message = toni_text(toni_str_make(words->text, (size_t)size));
    return words;
}

static toni_client_id any_id(struct sender *sender)
{
    uint32_t lane = dice_below(&sender->dice, LANES);
    return sender->arena->fleeting_ids[lane][dice_below(&sender->dice, FLEETING)];
}

static toni_str any_room(struct sender *sender)
{
    static const char *const names[ROOMS] = {"a", "b", "c", "d"};
    return toni_str_of(names[dice_below(&sender->dice, ROOMS)]);
}

static bool refused(int32_t result)
{
    return result == TONI_ERR_BUSY;
}

static void broadcast_any(struct sender *sender)
{
    struct words words;
    toni_target *target = toni_to_room(sender->arena->connections, any_room(sender));
    for (uint32_t i = dice_below(&sender->dice, 3); i > 0; i--)
        toni_target_except(target, any_id(sender));
    int32_t result = toni_target_send(target, &compose(sender, FOR_ANY, &words)->message);
    REQUIRE(result >= 0 || refused(result));
}

static void broadcast_stable(struct sender *sender)
{
    struct words words;
    toni_connections *connections = sender->arena->connections;
    const toni_message *message = &compose(sender, FOR_STABLE, &words)->message;
    int32_t result;
    if (dice_chance(&sender->dice, 50)) {
        result = toni_broadcast_to_room(connections, toni_str_of("stable"), message);
    } else {
        toni_target *target = toni_to_room(connections, toni_str_of("stable"));
        if (dice_chance(&sender->dice, 50)) {
            toni_target_to_room(target, any_room(sender));
            toni_target_to_client(target, any_id(sender));
        }
        for (uint32_t i = dice_below(&sender->dice, 4); i > 0; i--)
            toni_target_except(target, any_id(sender));
        result = toni_target_send(target, message);
    }
    REQUIRE(result >= LANES * STABLE || refused(result));
    sender->room_count += result >= 0;
}

static void to_all(struct sender *sender)
{
    struct words words;
    toni_target *target = toni_to_all(sender->arena->connections);
    toni_target_except(target, any_id(sender));
    int32_t result = toni_target_send(target, &compose(sender, FOR_ANY, &words)->message);
    REQUIRE(result >= LANES * STABLE || refused(result));
}

/* Only this sender touches its own room: so who gets what is known. */
static void own_room(struct sender *sender)
{
    toni_connections *connections = sender->arena->connections;
    toni_str room = toni_str_of(sender->own_room);
    uint32_t lane = dice_below(&sender->dice, LANES), which = dice_below(&sender->dice, STABLE);
    struct expected *expected = &sender->expected[lane][which];
    toni_client_id id = sender->arena->stable_ids[lane][which];
    if (dice_chance(&sender->dice, 40)) {
        REQUIRE((expected->in_own_room ? toni_leave_room(connections, id, room)
                                       : toni_join_room(connections, id, room)) == TONI_OK);
        expected->in_own_room = !expected->in_own_room;
        return;
    }
    struct words words;
    bool excepted[LANES * STABLE] = {false};
    toni_target *target = toni_to_room(connections, room);
    for (uint32_t i = dice_below(&sender->dice, 4); i > 0; i--) {
        const uint32_t left_out = dice_below(&sender->dice, LANES * STABLE);
        excepted[left_out] = true;
        toni_target_except(target, sender->arena->stable_ids[left_out / STABLE][left_out % STABLE]);
    }
    int32_t result = toni_target_send(target, &compose(sender, FOR_OWN, &words)->message);
    int32_t count = 0;
    for (uint32_t i = 0; i < LANES * STABLE; i++)
        count += sender->expected[i / STABLE][i % STABLE].in_own_room && !excepted[i];
    REQUIRE(result == count || (count > 0 && refused(result)));
    for (uint32_t i = 0; i < LANES * STABLE && result > 0; i++) {
        struct expected *member = &sender->expected[i / STABLE][i % STABLE];
        if (member->in_own_room && !excepted[i])
            member->own_hash = mix(member->own_hash, sender->number);
    }
}

static void send_stable(struct sender *sender)
{
    struct words words;
    uint32_t lane = dice_below(&sender->dice, LANES), which = dice_below(&sender->dice, STABLE);
    int32_t result =
        toni_send_to_client(sender->arena->connections, sender->arena->stable_ids[lane][which],
                            &compose(sender, FOR_ONE, &words)->message);
    REQUIRE(result == TONI_OK || result == TONI_ERR_FULL);
    sender->expected[lane][which].direct_count += result == TONI_OK;
}

static void send_any(struct sender *sender)
{
    struct words words;
    int32_t result = toni_send_to_client(sender->arena->connections, any_id(sender),
                                         &compose(sender, FOR_ANY, &words)->message);
    REQUIRE(result == TONI_OK || result == TONI_ERR_FULL || result == TONI_ERR_CLOSING ||
            result == TONI_ERR_NOT_FOUND);
}

static void join_or_leave(struct sender *sender)
{
    toni_connections *connections = sender->arena->connections;
    toni_client_id id = any_id(sender);
    int32_t result = dice_chance(&sender->dice, 60)
                         ? toni_join_room(connections, id, any_room(sender))
                         : toni_leave_room(connections, id, any_room(sender));
    REQUIRE(result == TONI_OK || result == TONI_ERR_CLOSING || result == TONI_ERR_NOT_FOUND);
}

static void end_any(struct sender *sender)
{
    toni_connections *connections = sender->arena->connections;
    int32_t result = dice_chance(&sender->dice, 50)
                         ? toni_remove_client(connections, any_id(sender))
                         : toni_close_client(connections, any_id(sender), 4000, toni_str_of("bye"));
    REQUIRE(result == TONI_OK || result == TONI_ERR_NOT_FOUND);
}

static void ask(struct sender *sender)
{
    toni_connections *connections = sender->arena->connections;
    toni_client_ids *members;
    toni_room_names *rooms;
    toni_client_info *info;
    toni_room_info *room;
    REQUIRE(toni_get_room_members(connections, toni_str_of("stable"), &members) == TONI_OK);
    REQUIRE(members->count == LANES * STABLE);
    toni_client_ids_destroy(members);
    REQUIRE(toni_get_room_members(connections, any_room(sender), &members) == TONI_OK);
    toni_client_ids_destroy(members);
    REQUIRE(toni_get_room(connections, toni_str_of("stable"), &room) == TONI_OK);
    REQUIRE(room->members == LANES * STABLE);
    toni_room_info_destroy(room);
    if (toni_get_room(connections, any_room(sender), &room) == TONI_OK) {
        REQUIRE(room->members > 0 && room->targets <= room->members);
        toni_room_info_destroy(room);
    }
    REQUIRE(toni_room_count(connections) >= 1);
    if (toni_get_client_rooms(connections, any_id(sender), &rooms) == TONI_OK)
        toni_room_names_destroy(rooms);
    if (toni_get_client(connections, any_id(sender), &info) == TONI_OK)
        toni_client_info_destroy(info);
}

static void operate(struct sender *sender)
{
    static void (*const table[])(struct sender *) = {
        broadcast_any, broadcast_any, broadcast_any, broadcast_stable, broadcast_stable,
        own_room,      own_room,      own_room,      send_stable,      send_any,
        send_any,      join_or_leave, join_or_leave, join_or_leave,    join_or_leave,
        to_all,        ask,
    };
    if (dice_chance(&sender->dice, 2))
        end_any(sender);
    else
        table[dice_below(&sender->dice, sizeof table / sizeof table[0])](sender);
}

static void sender_init(struct sender *sender, struct arena *arena, uint32_t index, uint64_t seed)
{
    sender->arena = arena;
    sender->index = index;
    sender->dice.state = seed * SENDERS + index;
    (void)snprintf(sender->own_room, sizeof sender->own_room, "own%u", index);
}

static void *run_foreign(void *data)
{
    struct sender *sender = data;
    uint64_t until_ms = sender->arena->until_ms;
    for (uint32_t i = 0; until_ms ? clock_now_ms() < until_ms : i < OPERATIONS; i++)
        operate(sender);
    return NULL;
}

/* --- What workers do */

static void wake(void *data)
{
    struct worker *worker = data;
    pthread_mutex_lock(&worker->mutex);
    worker->woken = true;
    pthread_cond_signal(&worker->cond);
    pthread_mutex_unlock(&worker->mutex);
}

static void wait_until_woken(struct worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
    while (!worker->woken)
        pthread_cond_wait(&worker->cond, &worker->mutex);
    worker->woken = false;
    pthread_mutex_unlock(&worker->mutex);
}

static void note_message(struct seen *seen, const struct wire_message *message)
{
    char text[TEXT_SIZE];
    unsigned sender;
    unsigned long long number;
    char what;
    REQUIRE(message->size < sizeof text);
    memcpy(text, message->payload, message->size);
    text[message->size] = '\0';
    /* NOLINTNEXTLINE(cert-err34-c): the texts are our own */
    REQUIRE(sscanf(text, "%u %llu %c", &sender, &number, &what) == 3);
    REQUIRE(sender < SENDERS);
    REQUIRE(number > seen->last[sender]); /* program order, and nothing twice */
    seen->last[sender] = number;
    if (what == FOR_STABLE) {
        seen->room_hash = mix(mix(seen->room_hash, sender), number);
        seen->room_count++;
    } else if (what == FOR_OWN) {
        seen->own_hash[sender] = mix(seen->own_hash[sender], number);
    } else if (what == FOR_ONE) {
        seen->direct_count[sender]++;
    }
}

/* Checks what has arrived, and forgets it. */
static void read_wire(struct connection *connection)
{
    struct buffer *wire = &connection->peer->socket.wire;
    struct wire_reader reader;
    struct wire_message message;
    wire_reader_init(&reader, wire->bytes, wire->length);
    reader.deflates = connection->peer->client->receiver.deflates;
    while (wire_reader_next(&reader, &message)) {
        if (message.opcode == 1)
            note_message(&connection->seen, &message);
    }
    if (reader.at > 0) {
        wire->length -= reader.at;
        memmove(wire->bytes, wire->bytes + reader.at, wire->length);
    }
    wire_reader_finish(&reader);
}

/* Some take compressed messages. */
static struct peer *connect_peer(struct worker *worker)
{
    struct fixture *fixture = worker->arena->fixture;
    return dice_chance(&worker->sender.dice, 30)
               ? peer_connect_deflating(fixture, worker->lane->index, &fixture->connections->limits)
               : peer_connect(fixture, worker->lane->index);
}

static void connect_fleeting(struct worker *worker, uint32_t which)
{
    struct connection *connection = &worker->fleeting[which];
    *connection = (struct connection){.peer = connect_peer(worker)};
    if (dice_chance(&worker->sender.dice, 40))
        connection->peer->socket.window = 0;
    connection->peer->socket.sips = dice_chance(&worker->sender.dice, 50);
    worker->arena->fleeting_ids[worker->lane->index][which] = connection->peer->id;
}

static void end_fleeting(struct connection *connection)
{
    peer_lose(connection->peer);
    read_wire(connection);
    peer_destroy(NULL, connection->peer);
}

/* Sockets take something, or end. */
static void tend(struct worker *worker, uint32_t which)
{
    struct connection *connection = &worker->fleeting[which];
    struct dice *dice = &worker->sender.dice;
    if (connection->peer->socket.window != WINDOW_OPEN)
        peer_take(connection->peer, dice_below(dice, 200));
    read_wire(connection);
    if (connection->peer->socket.closed || dice_below(dice, 200) == 0) {
        end_fleeting(connection);
        connect_fleeting(worker, which);
    } else if (dice_below(dice, 500) == 0) {
        client_close_now(connection->peer->client, 1002, toni_str_of("no reason"));
    }
}

static void read_stable(struct worker *worker)
{
    for (uint32_t i = 0; i < STABLE; i++)
        read_wire(&worker->stable[i]);
}

static void drain(struct worker *worker)
{
    while (lane_pending(worker->lane))
        lane_turn(worker->lane);
}

static void connect_all(struct worker *worker)
{
    uint32_t lane = worker->lane->index;
    for (uint32_t i = 0; i < STABLE; i++) {
        struct peer *peer = connect_peer(worker);
        worker->stable[i].peer = peer;
        worker->arena->stable_ids[lane][i] = peer->id;
        REQUIRE(client_join(peer->client, toni_str_of("stable")) == TONI_OK);
    }
    for (uint32_t i = 0; i < FLEETING; i++)
        connect_fleeting(worker, i);
}

static void *run_worker(void *data)
{
    struct worker *worker = data;
    struct arena *arena = worker->arena;
    lane_attach(worker->lane);
    connect_all(worker);
    pthread_barrier_wait(&arena->ready);
    while (!arena->stopping) {
        wait_until_woken(worker);
        lane_turn(worker->lane);
        fixture_require_backlogs(worker->lane);
        for (uint32_t i = 0; i < FLEETING; i++)
            tend(worker, i);
        for (uint32_t i = 0; i < 3; i++)
            operate(&worker->sender);
        read_stable(worker);
        if (lane_pending(worker->lane))
            wake(worker);
    }
    pthread_barrier_wait(&arena->settle); /* nobody begins anything any more */
    drain(worker);
    read_stable(worker);
    pthread_barrier_wait(&arena->settle);
    for (uint32_t i = 0; i < FLEETING; i++)
        end_fleeting(&worker->fleeting[i]);
    for (uint32_t i = 0; i < STABLE; i++)
        peer_lose(worker->stable[i].peer);
    pthread_barrier_wait(&arena->settle);
    drain(worker);
    return NULL;
}

/* --- The whole */

static void check_stable(const struct arena *arena, uint32_t lane, uint32_t which)
{
    const struct seen *seen = &arena->workers[lane].stable[which].seen;
    const struct seen *first = &arena->workers[0].stable[0].seen;
    uint64_t room_count = 0;
    for (uint32_t i = 0; i < SENDERS; i++) {
        const struct sender *sender =
            i < LANES ? &arena->workers[i].sender : &arena->foreign[i - LANES];
        const struct expected *expected = &sender->expected[lane][which];
        REQUIRE(seen->direct_count[i] == expected->direct_count);
        REQUIRE(seen->own_hash[i] == expected->own_hash);
        room_count += sender->room_count;
    }
    REQUIRE(seen->room_count == room_count);      /* nothing lost */
    REQUIRE(seen->room_hash == first->room_hash); /* one order */
    REQUIRE(room_count > 0);
}

static void arena_init(struct arena *arena, struct fixture *fixture, uint64_t seed)
{
    struct limits limits = limits_default();
    limits.deflate_above = 100;
    *fixture = (struct fixture){.host = {.struct_size = sizeof fixture->host}};
    api_fill_table(&fixture->host);
    fixture->connections = arena->connections = connections_create(&fixture->host, &limits, LANES);
    REQUIRE(arena->connections);
    arena->fixture = fixture;
    REQUIRE(!pthread_barrier_init(&arena->ready, NULL, LANES + 1));
    REQUIRE(!pthread_barrier_init(&arena->settle, NULL, LANES));
    for (uint32_t i = 0; i < LANES; i++) {
        struct worker *worker = &arena->workers[i];
        worker->arena = arena;
        worker->lane = &arena->connections->lanes[i];
        REQUIRE(!pthread_mutex_init(&worker->mutex, NULL));
        REQUIRE(!pthread_cond_init(&worker->cond, NULL));
        REQUIRE(!connections_init_lane(arena->connections, i, wake, worker));
        sender_init(&worker->sender, arena, i, seed);
    }
    for (uint32_t i = 0; i < FOREIGN; i++)
        sender_init(&arena->foreign[i], arena, LANES + i, seed);
}

static void arena_finish(struct arena *arena)
{
    for (uint32_t i = 0; i < LANES; i++) {
        for (uint32_t s = 0; s < STABLE; s++) {
            check_stable(arena, i, s);
            peer_destroy(arena->fixture, arena->workers[i].stable[s].peer);
        }
        pthread_mutex_destroy(&arena->workers[i].mutex);
        pthread_cond_destroy(&arena->workers[i].cond);
    }
    fixture_finish(arena->fixture);
    pthread_barrier_destroy(&arena->ready);
    pthread_barrier_destroy(&arena->settle);
    free(arena);
}

START_TEST(threads_do_all_at_random)
{
    uint64_t seed = environment_number("TONI_TEST_SEED", 1);
    uint64_t seconds = environment_number("TONI_TEST_SECONDS", 0);
    pthread_t foreign[FOREIGN];
    struct fixture fixture;
    struct arena *arena = calloc(1, sizeof *arena);
    REQUIRE(arena);
    fixture_set_note("TONI_TEST_SEED=%llu", (unsigned long long)seed);
    arena_init(arena, &fixture, seed);
    arena->until_ms = seconds ? clock_now_ms() + seconds * 1000 : 0;
    for (uint32_t i = 0; i < LANES; i++)
        REQUIRE(!pthread_create(&arena->workers[i].thread, NULL, run_worker, &arena->workers[i]));
    pthread_barrier_wait(&arena->ready);
    for (uint32_t i = 0; i < FOREIGN; i++)
        REQUIRE(!pthread_create(&foreign[i], NULL, run_foreign, &arena->foreign[i]));
    for (uint32_t i = 0; i < FOREIGN; i++)
        pthread_join(foreign[i], NULL);
    arena->stopping = true;
    for (uint32_t i = 0; i < LANES; i++)
        wake(&arena->workers[i]);
    for (uint32_t i = 0; i < LANES; i++)
        pthread_join(arena->workers[i].thread, NULL);
    arena_finish(arena);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rooms/threads");
    TCase *cases = tcase_create("all");

    tcase_add_test(cases, threads_do_all_at_random);
    tcase_set_timeout(cases, (double)(environment_number("CK_DEFAULT_TIMEOUT", 60) +
                                      environment_number("TONI_TEST_SECONDS", 0)));
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
