/* Every allocation of what goes out by a door and comes in by it, made to fail in turn: what goes
 * out has not been published then, and what comes in is told as lost. */
#include "no_memory.h"
#include "rooms_fixture.h"
#include "runner.h"

#include "rooms/remote.h"

#include <check.h>
#include <string.h>

enum { PEERS = 4 };

static struct fixture fixture;
static toni_connections *connections;
static struct peer *peers[PEERS]; /* two on each lane; the first of each is in the room "r" */
static struct gateway_figures lobby = {.name = "lobby"};

/* --- A door that needs no memory */

static uint32_t published, wanted;

static int32_t publish(struct remote *remote, const struct remote_publish *out)
{
    (void)remote;
    REQUIRE(!out->to || envelope_size(out->to) > 0);
    published++;
    if (out->receipt)
        out->receipt->finished(out->receipt);
    return TONI_OK;
}

static int32_t want(struct remote *remote, struct space *space, toni_str room)
{
    (void)remote, (void)space, (void)room;
    wanted++;
    return TONI_OK;
}

static void unwant(struct remote *remote, struct space *space, toni_str room)
{
    (void)remote, (void)space, (void)room;
    wanted--;
}

static int32_t ask(struct remote *remote, const toni_cluster_request *request,
                   struct remote_call *call)
{
    (void)remote, (void)request, (void)call;
    return TONI_ERR_NOT_FOUND;
}

static struct remote door = {publish, want, unwant, ask, NULL};

/* --- Operations */

static uint32_t finished;

static void note(struct receipt *receipt)
{
    (void)receipt;
    finished++;
}

static struct receipt receipt;

static toni_str r(void)
{
    return toni_str_of("r");
}

static int32_t join_new_room(void)
{
    return toni_join_room(connections, peers[2]->id, toni_str_of("new"));
}

static int32_t send_union(void)
{
    toni_target *target = toni_to_room(connections, r());
    toni_target_to_client(target, peers[2]->id);
    toni_target_except(target, peers[0]->id);
    for (int i = 0; i < 9; i++)
        toni_target_to_room(target, toni_str_of("unknown"));
    return toni_target_send_text(target, toni_str_of("x"));
}

static int32_t send_to_gateway(void)
{
    toni_target *target = toni_to_gateway(connections, toni_str_of("lobby"));
    toni_target_to_gateway(target, toni_str_of("unknown"));
    return toni_target_send_text(target, toni_str_of("x"));
}

static int32_t send_to_others(void)
{
    toni_target *target = toni_to_room(connections, r());
    toni_target_except(target, peers[0]->id);
    return toni_target_send_text(target, toni_str_of("x"));
}

static int32_t send_with_receipt(void)
{
    const toni_message message = toni_text(toni_str_of("x"));
    toni_target *target = toni_to_room(connections, r());
    return target ? target_send_receipt(target, &message, &receipt) : TONI_ERR_NO_MEMORY;
}

static int32_t deliver(toni_str room, const struct envelope *to, struct receipt *of)
{
    const toni_message message = toni_text(toni_str_of("x"));
    return remote_deliver(&connections->common, room, (toni_position){7, 1}, &message, to, of);
}

static int32_t deliver_to_room(void)
{
    return deliver(r(), NULL, NULL);
}

static int32_t deliver_to_others(void)
{
    const uint64_t except[] = {peers[0]->id};
    const struct envelope to = {.except = except, .except_count = 1};
    return deliver(r(), &to, NULL);
}

static int32_t deliver_to_union(void)
{
    const struct envelope_name rooms[] = {{"r", 1}, {"a room that is unknown here", 27}};
    const struct envelope_name gateways[] = {{"lobby", 5}};
    const uint64_t clients[] = {peers[0]->id, peers[1]->id, 1, 2, 3, 4, 5};
    const struct envelope to = {.rooms = rooms,
                                .room_count = 2,
                                .gateways = gateways,
                                .gateway_count = 1,
                                .clients = clients,
                                .client_count = 7};
    return deliver((toni_str){0}, &to, NULL);
}

static int32_t deliver_with_receipt(void)
{
    return deliver(r(), NULL, &receipt);
}

/* --- Each of their allocations */

static void begin(void)
{
    fixture_init(&fixture, NULL, 2);
    connections = fixture.connections;
    connections->common.remote = &door;
    published = wanted = finished = 0;
    receipt = (struct receipt){.finished = note};
    for (uint32_t i = 0; i < PEERS; i++) {
        peers[i] = peer_connect(&fixture, i % 2);
        REQUIRE(!buffer_reserve(&peers[i]->socket.wire, 1000)); /* the test's own */
    }
    peers[3]->client->receiver.gateway_figures = &lobby;
    for (uint32_t i = 0; i < 2; i++)
        REQUIRE(toni_join_room(connections, peers[i]->id, r()) == TONI_OK);
    fixture_settle(&fixture);
}

static void end(void)
{
    fixture_turn(&fixture);
    for (uint32_t i = 0; i < PEERS; i++)
        peer_destroy(&fixture, peers[i]);
    fixture_turn(&fixture);
    fixture_finish(&fixture);
    REQUIRE(wanted == 0);
}

static uint64_t gaps(void)
{
    return counter_read(&connections->common.remote_figures.gaps);
}

static void require_untouched(bool comes_in)
{
    REQUIRE(published == 0 && wanted == 1 && finished == 0);
    REQUIRE(gaps() == comes_in);
    REQUIRE(connections->pending == 0 && toni_room_count(connections) == 1);
    REQUIRE(!lane_pending(&connections->lanes[0]) && !lane_pending(&connections->lanes[1]));
    for (uint32_t i = 0; i < PEERS; i++)
        REQUIRE(peers[i]->client->refs == 1 && peers[i]->socket.wire.length == 0);
}

static const struct {
    int32_t (*call)(void);
    int32_t result; /* with memory */
    bool goes_out, comes_in, has_receipt;
    unsigned allocations; /* it needs more than these */
} operations[] = {
    /* Where "new" falls into the stripe of "r", one time in 64, its table is there already. */
    {join_new_room, TONI_OK, false, false, false, 2}, {send_union, 2, true, false, false, 10},
    {send_to_gateway, 1, true, false, false, 8},      {send_to_others, 1, true, false, false, 3},
    {send_with_receipt, 2, true, false, true, 3},     {deliver_to_room, 2, false, true, false, 3},
    {deliver_to_others, 1, false, true, false, 3},    {deliver_to_union, 3, false, true, false, 10},
    {deliver_with_receipt, 2, false, true, true, 5},
};

static void require_done(int i)
{
    fixture_turn(&fixture);
    REQUIRE(published == operations[i].goes_out);
    REQUIRE(finished == operations[i].has_receipt);
    uint32_t reached = 0;
    for (uint32_t p = 0; p < PEERS; p++)
        reached += peers[p]->socket.wire.length > 0;
    REQUIRE(reached == (operations[i].comes_in ? (uint32_t)operations[i].result : 0));
}

START_TEST(without_memory_nothing_goes_out_and_nothing_is_lost_untold)
{
    int32_t result = TONI_ERR_NO_MEMORY;
    unsigned i = 0;
    for (; result == TONI_ERR_NO_MEMORY; i++) {
        REQUIRE(i < 100);
        begin();
        WITH_ALLOCATIONS(i, result = operations[_i].call());
        if (result == TONI_ERR_NO_MEMORY) {
            require_untouched(operations[_i].comes_in);
            REQUIRE(operations[_i].call() == operations[_i].result);
        } else {
            REQUIRE(result == operations[_i].result && gaps() == 0);
        }
        require_done(_i);
        end();
    }
    ck_assert_uint_gt(i, operations[_i].allocations);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rooms/remote_no_memory");
    TCase *cases = tcase_create("all");

    if (!no_memory_works())
        return NO_MEMORY_SKIPPED;
    tcase_add_loop_test(cases, without_memory_nothing_goes_out_and_nothing_is_lost_untold, 0,
                        sizeof operations / sizeof operations[0]);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
