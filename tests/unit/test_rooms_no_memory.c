/* Every allocation of the rooms, made to fail in turn: then nothing has changed, nothing leaks, and
 * nobody gets what was refused. */
#include "no_memory.h"
#include "rooms_fixture.h"
#include "runner.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { PEERS = 4 };

static struct fixture fixture;
static toni_connections *connections;
static struct peer *peers[PEERS]; /* two on each lane; the first of each is in the room "r" */
static bool deflates;             /* they take compressed messages */

static int32_t join(const struct peer *peer, const char *room)
{
    return toni_join_room(connections, peer->id, toni_str_of(room));
}

static int32_t broadcast(const char *text)
{
    toni_message message = toni_text(toni_str_of(text));
    return toni_broadcast_to_room(connections, toni_str_of("r"), &message);
}

static int32_t send_text(const struct peer *peer, const char *text)
{
    toni_message message = toni_text(toni_str_of(text));
    return toni_send_to_client(connections, peer->id, &message);
}

static void begin(void)
{
    fixture_init(&fixture, NULL, 2);
    connections = fixture.connections;
    for (uint32_t i = 0; i < PEERS; i++) {
        peers[i] = deflates ? peer_connect_deflating(&fixture, i % 2, &fixture.connections->limits)
                            : peer_connect(&fixture, i % 2);
        REQUIRE(!buffer_reserve(&peers[i]->socket.wire, 1000)); /* the test's own */
        REQUIRE(!buffer_reserve(&peers[i]->socket.rest, 1000));
    }
    REQUIRE(join(peers[0], "r") == TONI_OK && join(peers[1], "r") == TONI_OK);
    fixture_settle(&fixture);
}

static void end(void)
{
    fixture_turn(&fixture);
    for (uint32_t i = 0; i < PEERS; i++)
        peer_destroy(&fixture, peers[i]);
    fixture_turn(&fixture);
    fixture_finish(&fixture);
}

static size_t member_count(const char *room)
{
    toni_client_ids *members;
    REQUIRE(toni_get_room_members(connections, toni_str_of(room), &members) == TONI_OK);
    size_t count = members->count;
    toni_client_ids_destroy(members);
    return count;
}

static size_t rooms_in_tables(void)
{
    size_t count = 0;
    for (uint32_t i = 0; i < STRIPES; i++)
        count += connections->room_table.stripes[i].table.count;
    return count;
}

/* What must be as if nothing had been asked: nothing pending, nothing on its way. */
static void require_untouched(void)
{
    REQUIRE(connections->pending == 0 && connections->metadata_bytes == 0);
    REQUIRE(!lane_pending(&connections->lanes[0]) && !lane_pending(&connections->lanes[1]));
    REQUIRE(toni_room_count(connections) == 1 && rooms_in_tables() == 1);
    REQUIRE(member_count("r") == 2);
    for (uint32_t i = 0; i < PEERS; i++) {
        REQUIRE(client_is_open(peers[i]->client));
        REQUIRE(peers[i]->client->refs == 1);
        REQUIRE(peers[i]->client->receiver.posted_messages == 0 &&
                peers[i]->client->receiver.posted_bytes == 0);
    }
    fixture_turn(&fixture);
    for (uint32_t i = 0; i < PEERS; i++)
        REQUIRE(peers[i]->socket.wire.length == 0);
}

/* @return What is asked for; what it returns when there is memory is `wanted`. */
typedef int32_t operation(void);

static void fail_each_allocation(operation *call, int32_t wanted, unsigned at_least)
{
    int32_t result = TONI_ERR_NO_MEMORY;
    unsigned i = 0;
    for (; result == TONI_ERR_NO_MEMORY; i++) {
        REQUIRE(i < 100);
        begin();
        WITH_ALLOCATIONS(i, result = call());
        if (result == TONI_ERR_NO_MEMORY) {
            require_untouched();
            result = call(); /* and now there is memory */
            REQUIRE(result == wanted);
            result = TONI_ERR_NO_MEMORY;
        } else {
            REQUIRE(result == wanted);
        }
        end();
    }
    ck_assert_uint_gt(i, at_least);
}

static int32_t join_new_room(void)
{
    return join(peers[2], "new");
}

static int32_t join_known_room(void)
{
    return join(peers[2], "r");
}

static int32_t broadcast_one(void)
{
    return broadcast("x");
}

static int32_t broadcast_large(void)
{
    static char text[200001];
    memset(text, 'l', sizeof text - 1);
    return broadcast(text);
}

static const char *text_that_shrinks(void)
{
    static char text[3001];
    memset(text, 's', sizeof text - 1);
    return text;
}

static int32_t broadcast_shrinking(void)
{
    return broadcast(text_that_shrinks());
}

static int32_t send_shrinking(void)
{
    return send_text(peers[2], text_that_shrinks());
}

static int32_t send_shrinking_to_all(void)
{
    toni_message message = toni_text(toni_str_of(text_that_shrinks()));
    return toni_target_send(toni_to_all(connections), &message);
}

static int32_t send_one(void)
{
    return send_text(peers[2], "x");
}

static int32_t send_union(void)
{
    toni_target *target = toni_to_room(connections, toni_str_of("r"));
    toni_target_to_client(target, peers[2]->id);
    toni_target_to_client(target, peers[1]->id);
    toni_target_except(target, peers[3]->id);
    for (int i = 0; i < 9; i++)
        toni_target_to_room(target, toni_str_of("unknown"));
    toni_message message = toni_text(toni_str_of("x"));
    return toni_target_send(target, &message);
}

static int32_t send_to_others(void)
{
    toni_target *target = toni_to_all(connections);
    toni_target_except(target, peers[0]->id);
    toni_message message = toni_text(toni_str_of("x"));
    return toni_target_send(target, &message);
}

static int32_t send_to_all(void)
{
    toni_message message = toni_text(toni_str_of("x"));
    return toni_target_send(toni_to_all(connections), &message);
}

static int32_t ask_members(void)
{
    toni_client_ids *members;
    int32_t result = toni_get_room_members(connections, toni_str_of("r"), &members);
    REQUIRE((result == TONI_OK) == (members != NULL));
    toni_client_ids_destroy(members);
    return result;
}

static int32_t ask_rooms(void)
{
    toni_room_names *rooms;
    int32_t result = toni_get_client_rooms(connections, peers[0]->id, &rooms);
    REQUIRE((result == TONI_OK) == (rooms != NULL));
    toni_room_names_destroy(rooms);
    return result;
}

static int32_t ask_client(void)
{
    toni_client_info *info;
    int32_t result = toni_get_client(connections, peers[0]->id, &info);
    REQUIRE((result == TONI_OK) == (info != NULL));
    toni_client_info_destroy(info);
    return result;
}

static int32_t ask_room(void)
{
    toni_room_info *info;
    int32_t result = toni_get_room(connections, toni_str_of("r"), &info);
    REQUIRE((result == TONI_OK) == (info != NULL));
    toni_room_info_destroy(info);
    return result;
}

static int32_t set_metadata(void)
{
    return toni_set_room_metadata(connections, toni_str_of("r"), toni_str_of("a topic"));
}

static int32_t targeted;

static void send_to_all_meanwhile(void)
{
    targeted = send_to_all();
}

/* One that nobody can find yet is a member of everyone already. */
START_TEST(a_client_that_could_not_be_made_has_no_socket)
{
    struct fake_socket socket = {.window = WINDOW_OPEN};
    fixture_init(&fixture, NULL, 1);
    connections = fixture.connections;
    toni_request *request = peer_request(&fixture.host);
    toni_client *client;
    targeted = 0;
    no_memory_meanwhile = send_to_all_meanwhile;
    /* The client, an audience of everyone, and its way there; the table's buckets are what there is
     * no memory for. */
    WITH_ALLOCATIONS(3,
                     client = client_create(&connections->common, &connections->lanes[0], request,
                                            &connections->limits, &fake_transport, &socket));
    ck_assert_ptr_null(client);
    ck_assert_int_eq(targeted, 1);
    request_destroy(request);
    fixture_turn(&fixture);
    ck_assert_uint_eq(socket.writes, 0);
    ck_assert_uint_eq(fixture_dropped(connections), 1);
    fixture_finish(&fixture);
}
END_TEST

static const struct {
    operation *call;
    int32_t wanted;
    unsigned allocations;
} operations[] = {
    /* Where "new" falls into the stripe of "r", one time in 64, its table is there already. */
    {join_new_room, TONI_OK, 2}, {join_known_room, TONI_OK, 1}, {broadcast_one, 2, 3},
    {broadcast_large, 2, 3},     {send_one, TONI_OK, 2},        {send_union, 3, 10},
    {send_to_others, 3, 4},      {send_to_all, 4, 4},           {ask_members, TONI_OK, 1},
    {ask_rooms, TONI_OK, 1},     {ask_client, TONI_OK, 1},      {ask_room, TONI_OK, 1},
    {set_metadata, TONI_OK, 2},
};

START_TEST(an_operation_without_memory_changes_nothing)
{
    fail_each_allocation(operations[_i].call, operations[_i].wanted, operations[_i].allocations);
}
END_TEST

static const struct {
    operation *call;
    int32_t wanted;
    unsigned allocations;
} deflating_operations[] = {
    {broadcast_shrinking, 2, 6},
    {send_shrinking, TONI_OK, 4},
    {send_shrinking_to_all, 4, 7},
};

/* Without memory for compressing a message goes out as it is, if there is enough for that. */
START_TEST(compressing_without_memory_changes_nothing)
{
    deflates = true;
    fail_each_allocation(deflating_operations[_i].call, deflating_operations[_i].wanted,
                         deflating_operations[_i].allocations);
    deflates = false;
}
END_TEST

/* Either both batches take a message, or none does. */
START_TEST(no_memory_to_lengthen_a_twin)
{
    deflates = true;
    begin();
    char text[3002] = "", sent[120000] = "";
    unsigned refused = 0;
    for (int i = 0; i < 20; i++) {
        size_t size = i % 3 == 0 ? 10 : 2000;
        memset(text, 'a' + i, size);
        text[size] = '\0';
        for (unsigned allocations = 0;; allocations++) {
            int32_t result;
            WITH_ALLOCATIONS(allocations, result = broadcast(text));
            if (result == 2)
                break;
            REQUIRE(result == TONI_ERR_NO_MEMORY && allocations < 20);
            refused++;
        }
        (void)snprintf(sent + strlen(sent), sizeof sent - strlen(sent), "|%s", text);
    }
    ck_assert_uint_gt(refused, 8);
    fixture_turn(&fixture);
    ck_assert_str_eq(peer_texts(peers[0]), sent + 1);
    ck_assert_str_eq(peer_texts(peers[1]), sent + 1);
    end();
    deflates = false;
}
END_TEST

START_TEST(no_memory_to_lengthen_a_batch)
{
    begin();
    char sent[400] = "", text[16];
    int32_t result = TONI_OK;
    for (int i = 0; i < 20; i++) { /* the fifth needs more ends, others more bytes */
        (void)snprintf(text, sizeof text, "%d", i);
        WITH_ALLOCATIONS(0, result = broadcast(text));
        if (result == TONI_ERR_NO_MEMORY) {
            (void)snprintf(text, sizeof text, "%dm", i);
            result = broadcast(text);
        }
        REQUIRE(result == 2);
        (void)snprintf(sent + strlen(sent), sizeof sent - strlen(sent), "|%s", text);
    }
    fixture_turn(&fixture);
    ck_assert_str_eq(peer_texts(peers[0]), sent + 1);
    ck_assert_str_eq(peer_texts(peers[1]), sent + 1);
    ck_assert_ptr_nonnull(strstr(sent, "m"));
    end();
}
END_TEST

START_TEST(no_memory_to_lengthen_a_direct_batch)
{
    begin();
    int32_t result = TONI_OK;
    unsigned refused = 0;
    for (int i = 0; i < 20; i++) {
        WITH_ALLOCATIONS(0, result = send_text(peers[0], "x"));
        if (result == TONI_ERR_NO_MEMORY) {
            refused++;
            result = send_text(peers[0], "y");
        }
        REQUIRE(result == TONI_OK);
    }
    ck_assert_uint_gt(refused, 1);
    fixture_turn(&fixture);
    ck_assert_uint_eq(strlen(peer_texts(peers[0])), 39);
    ck_assert_uint_eq(peers[0]->client->receiver.posted_messages, 0);
    end();
}
END_TEST

START_TEST(a_client_that_can_not_be_made)
{
    begin();
    toni_request *request = peer_request(&fixture.host);
    struct fake_socket socket = {.window = WINDOW_OPEN};
    toni_client *client = NULL;
    unsigned needed = 0;
    for (; !client; needed++) {
        WITH_ALLOCATIONS(
            needed, client = client_create(&connections->common, &connections->lanes[0], request,
                                           &connections->limits, &fake_transport, &socket));
        if (client)
            break;
        REQUIRE(connections->common.everyone->members == PEERS);
        REQUIRE(send_to_all() == PEERS);
        REQUIRE(needed < 100);
    }
    client_finish(client);
    client_unref(client);
    end();
}
END_TEST

START_TEST(connections_that_can_not_be_made)
{
    struct limits limits = limits_default();
    struct fixture made = {.connections = NULL};
    for (unsigned i = 0; !made.connections; i++) {
        WITH_ALLOCATIONS(i, made.connections = connections_create(&made.host, &limits, 2));
        REQUIRE(i < 10);
    }
    int result;
    WITH_ALLOCATIONS(0, result = connections_init_lane(made.connections, 0, NULL, NULL));
    ck_assert_int_eq(result, -1);
    REQUIRE(!connections_init_lane(made.connections, 0, NULL, NULL));
    REQUIRE(!connections_init_lane(made.connections, 1, NULL, NULL));
    WITH_ALLOCATIONS(0, result = lane_post_call(&made.connections->lanes[0], NULL, NULL));
    ck_assert_int_eq(result, -1);
    connections_destroy(made.connections);
}
END_TEST

/* Without memory for its outbox a client is closed with 1011. It never gets what comes after a gap.
 */
START_TEST(an_outbox_without_memory)
{
    for (unsigned i = 0; i < 4; i++) {
        begin();
        REQUIRE(broadcast("1") == 2);
        REQUIRE(send_text(peers[0], "2") == TONI_OK);
        REQUIRE(toni_remove_client(connections, peers[1]->id) == TONI_OK);
        WITH_ALLOCATIONS(i, lane_turn(&connections->lanes[0]));
        const char *texts = peer_texts(peers[0]);
        if (i == 0) {
            ck_assert_str_eq(texts, "<1011>");
            ck_assert_uint_eq(fixture_dropped(connections), 2);
            ck_assert_uint_eq(peers[0]->socket.begun, 1);
        }
        if (client_is_open(peers[0]->client))
            ck_assert_str_eq(texts, "1|2");
        fixture_turn(&fixture);
        ck_assert_str_eq(peer_texts(peers[1]), "1|<1000>");
        ck_assert_uint_eq(peers[0]->client->receiver.posted_messages, 0);
        end();
    }
}
END_TEST

START_TEST(a_gap_is_never_crossed)
{
    begin();
    peers[0]->socket.window = 0;
    for (int i = 0; i < 5; i++) { /* one in the socket, four entries: the outbox is full */
        REQUIRE(send_text(peers[0], "x") == TONI_OK);
        fixture_turn(&fixture);
    }
    REQUIRE(send_text(peers[0], "lost") == TONI_OK);
    REQUIRE(lane_post_call(&connections->lanes[0], free, malloc(1)) == 0);
    REQUIRE(toni_remove_client(connections, peers[0]->id) == TONI_OK);
    WITH_ALLOCATIONS(0, lane_turn(&connections->lanes[0]));
    peer_take(peers[0], WINDOW_OPEN);
    fixture_turn(&fixture);
    ck_assert_str_eq(peer_texts(peers[0]), "x|<1011>");
    ck_assert_uint_eq(fixture_dropped(connections), 5);
    ck_assert_uint_eq(peers[0]->socket.begun, 1);
    end();
}
END_TEST

/* The reason is lost, since the frame could not be made; the code is not. */
START_TEST(a_close_needs_no_memory)
{
    int32_t result, removed;
    begin();
    REQUIRE(broadcast("before") == 2);
    REQUIRE(toni_close_client(connections, peers[1]->id, 4000, TONI_LIT("bye")) == TONI_OK);
    WITH_ALLOCATIONS(0, result = toni_close_client(connections, peers[0]->id, 4000, TONI_LIT("x")));
    ck_assert_int_eq(result, TONI_OK);
    WITH_ALLOCATIONS(0, removed = toni_remove_client(connections, peers[2]->id));
    ck_assert_int_eq(removed, TONI_OK);
    fixture_turn(&fixture);
    ck_assert_str_eq(peer_texts(peers[0]), "before|<4000>");
    ck_assert_str_eq(peer_texts(peers[1]), "before|<4000 bye>");
    ck_assert_str_eq(peer_texts(peers[2]), "<1000>");
    ck_assert_uint_eq(peers[0]->socket.begun, 1);
    ck_assert_uint_eq(peers[0]->socket.closed, 1);
    ck_assert_uint_eq(fixture_dropped(connections), 0);
    end();
}
END_TEST

START_TEST(a_close_needs_no_place_in_the_outbox)
{
    begin();
    REQUIRE(toni_close_client(connections, peers[0]->id, 4000, TONI_LIT("bye")) == TONI_OK);
    WITH_ALLOCATIONS(0, lane_turn(&connections->lanes[0]));
    ck_assert_str_eq(peer_texts(peers[0]), "<4000>");
    ck_assert_uint_eq(peers[0]->socket.closed, 1);
    end();
}
END_TEST

START_TEST(a_close_without_memory_waits_for_the_socket)
{
    begin();
    peers[0]->socket.window = 0;
    REQUIRE(broadcast("first") == 2);
    fixture_turn(&fixture);
    REQUIRE(broadcast("second") == 2);
    fixture_turn(&fixture);
    WITH_ALLOCATIONS(0, client_close_now(peers[0]->client, 1002, TONI_LIT("bad frame")));
    WITH_ALLOCATIONS(0, lane_turn(&connections->lanes[0]));
    ck_assert_uint_eq(peers[0]->socket.closed, 0);
    peer_take(peers[0], WINDOW_OPEN);
    ck_assert_str_eq(peer_texts(peers[0]), "first|<1002>");
    ck_assert_uint_eq(peers[0]->socket.closed, 1);
    ck_assert_uint_eq(fixture_dropped(connections), 1);
    end();
}
END_TEST

int main(void)
{
    if (!no_memory_works())
        return NO_MEMORY_SKIPPED;

    Suite *suite = suite_create("rooms/no_memory");
    TCase *cases = tcase_create("all");

    tcase_add_loop_test(cases, an_operation_without_memory_changes_nothing, 0,
                        sizeof operations / sizeof operations[0]);
    tcase_add_loop_test(cases, compressing_without_memory_changes_nothing, 0,
                        sizeof deflating_operations / sizeof deflating_operations[0]);
    tcase_add_test(cases, no_memory_to_lengthen_a_twin);
    tcase_add_test(cases, no_memory_to_lengthen_a_batch);
    tcase_add_test(cases, no_memory_to_lengthen_a_direct_batch);
    tcase_add_test(cases, a_client_that_can_not_be_made);
    tcase_add_test(cases, a_client_that_could_not_be_made_has_no_socket);
    tcase_add_test(cases, connections_that_can_not_be_made);
    tcase_add_test(cases, an_outbox_without_memory);
    tcase_add_test(cases, a_gap_is_never_crossed);
    tcase_add_test(cases, a_close_needs_no_memory);
    tcase_add_test(cases, a_close_needs_no_place_in_the_outbox);
    tcase_add_test(cases, a_close_without_memory_waits_for_the_socket);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
