/* permessage-deflate in the rooms: who gets a message compressed, that it is compressed once. In
 * memory; what clients received is inflated by the fixture, with zlib
 * alone. Random operations are test_rooms_model's. */
#include "rooms_fixture.h"
#include "runner.h"

#include "rooms/multicast.h"
#include "ws/deflate.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LANES = 2, PEERS = 6 };

static struct fixture fixture;
static toni_connections *connections;
static struct limits limits, other_limits;
static struct peer *peers[PEERS]; /* those with even numbers deflate; all in the room `r` */

static struct peer *connect_peer(uint32_t number, const struct limits *of)
{
    return number % 2 == 0 ? peer_connect_deflating(&fixture, number / 2 % LANES, of)
                           : peer_connect_limited(&fixture, number / 2 % LANES, of);
}

static void join(const struct peer *peer, const char *room)
{
    ck_assert_int_eq(toni_join_room(connections, peer->id, toni_str_of(room)), TONI_OK);
}

static void leave(const struct peer *peer, const char *room)
{
    ck_assert_int_eq(toni_leave_room(connections, peer->id, toni_str_of(room)), TONI_OK);
}

static void begin_limited(void)
{
    fixture_init(&fixture, &limits, LANES);
    connections = fixture.connections;
    for (uint32_t i = 0; i < PEERS; i++) {
        peers[i] = connect_peer(i, &limits);
        join(peers[i], "r");
    }
}

static void begin(void)
{
    limits = limits_default();
    begin_limited();
}

static void finish(void)
{
    fixture_turn(&fixture);
    for (uint32_t i = 0; i < PEERS; i++)
        peer_destroy(&fixture, peers[i]);
    fixture_turn(&fixture);
    fixture_finish(&fixture);
}

/* Text that shrinks to some half, different for each number. A string for the caller to free. */
static char *prose(size_t size, uint64_t number)
{
    struct dice dice = {.state = number};
    char *text = malloc(size + 1);
    REQUIRE(text);
    for (size_t i = 0; i < size; i++)
        text[i] = (char)('a' + dice_below(&dice, 16));
    text[size] = '\0';
    return text;
}

static int32_t broadcast(const char *room, const char *text)
{
    toni_message message = toni_text(toni_str_of(text));
    return toni_broadcast_to_room(connections, toni_str_of(room), &message);
}

static int32_t send_text(const struct peer *peer, const char *text)
{
    toni_message message = toni_text(toni_str_of(text));
    return toni_send_to_client(connections, peer->id, &message);
}

static uint64_t tried(void)
{
    return counter_read(&connections->deflaters.tried);
}

static uint64_t shrunk(void)
{
    return counter_read(&connections->deflaters.shrunk);
}

/* What is on a peer's wire: requires these texts and nothing else.
 * @return How many of them were compressed. */
static unsigned received(const struct peer *peer, char *const *texts, size_t count)
{
    struct wire_reader reader;
    struct wire_message message;
    unsigned compressed = 0;
    wire_reader_init(&reader, peer->socket.wire.bytes, peer->socket.wire.length);
    reader.deflates = peer->client->receiver.deflates;
    for (size_t i = 0; i < count; i++) {
        REQUIRE(texts[i] && wire_reader_next(&reader, &message));
        REQUIRE(message.opcode == TONI_TEXT);
        REQUIRE(message.size == strlen(texts[i]));
        REQUIRE(memcmp(message.payload, texts[i], message.size) == 0);
        compressed += message.was_compressed;
    }
    REQUIRE(!wire_reader_next(&reader, &message));
    wire_reader_finish(&reader);
    return compressed;
}

/* --- Compressing once */

START_TEST(a_broadcast_is_compressed_once_for_all_who_agreed)
{
    begin();
    char *text = prose(5000, 1);
    ck_assert_int_eq(broadcast("r", text), PEERS);
    fixture_turn(&fixture);
    ck_assert_uint_eq(tried(), 1);
    ck_assert_uint_eq(shrunk(), 1);
    for (uint32_t i = 0; i < PEERS; i++) {
        ck_assert_uint_eq(received(peers[i], &text, 1), i % 2 == 0);
        ck_assert_uint_eq(peers[i]->socket.writes, 1);
    }
    /* All got the same bytes. */
    ck_assert_uint_eq(peers[0]->socket.wire.length, peers[2]->socket.wire.length);
    ck_assert_mem_eq(peers[0]->socket.wire.bytes, peers[2]->socket.wire.bytes,
                     peers[0]->socket.wire.length);
    ck_assert_uint_lt(peers[0]->socket.wire.length, 3500);
    free(text);
    finish();
}
END_TEST

START_TEST(each_context_is_fresh)
{
    begin();
    char *text = prose(3000, 2);
    char *texts[] = {text, text};
    ck_assert_int_eq(broadcast("r", text), PEERS);
    ck_assert_int_eq(broadcast("r", text), PEERS);
    fixture_turn(&fixture);
    ck_assert_uint_eq(received(peers[0], texts, 2), 2);
    ck_assert_uint_eq(tried(), 2);
    const char *wire = peers[0]->socket.wire.bytes;
    size_t half = peers[0]->socket.wire.length / 2;
    ck_assert_mem_eq(wire, wire + half, half);
    free(text);
    finish();
}
END_TEST

START_TEST(nothing_is_compressed_where_nobody_takes_it)
{
    begin();
    char *text = prose(5000, 3);
    join(peers[1], "plain");
    join(peers[3], "plain");
    ck_assert_int_eq(broadcast("plain", text), 2);
    ck_assert_uint_eq(tried(), 0);
    /* One who leaves, or is being closed, takes none any more. */
    join(peers[0], "plain");
    join(peers[2], "plain");
    leave(peers[0], "plain");
    ck_assert_int_eq(toni_remove_client(connections, peers[2]->id), TONI_OK);
    ck_assert_int_eq(broadcast("plain", text), 2);
    ck_assert_uint_eq(tried(), 0);
    ck_assert_int_eq(send_text(peers[1], text), TONI_OK);
    toni_message message = toni_text(toni_str_of(text));
    ck_assert_int_eq(toni_target_send(toni_to_client(connections, peers[3]->id), &message), 1);
    ck_assert_uint_eq(tried(), 0);
    join(peers[4], "plain");
    ck_assert_int_eq(broadcast("plain", text), 3);
    ck_assert_uint_eq(tried(), 1);
    free(text);
    finish();
}
END_TEST

START_TEST(a_message_is_compressed_above_the_threshold)
{
    begin();
    char *short_one = prose(1024, 4), *long_one = prose(1025, 5);
    char *texts[] = {short_one, long_one, short_one, long_one};
    ck_assert_int_eq(broadcast("r", short_one), PEERS);
    ck_assert_int_eq(broadcast("r", long_one), PEERS);
    ck_assert_uint_eq(tried(), 1);
    ck_assert_int_eq(send_text(peers[0], short_one), TONI_OK);
    ck_assert_int_eq(send_text(peers[0], long_one), TONI_OK);
    ck_assert_uint_eq(tried(), 2);
    fixture_turn(&fixture);
    ck_assert_uint_eq(received(peers[0], texts, 4), 2);
    ck_assert_uint_eq(received(peers[1], texts, 2), 0);
    free(short_one);
    free(long_one);
    finish();
}
END_TEST

/* In a room that clients of several gateways share, the lowest. */
START_TEST(gateways_with_different_thresholds)
{
    begin();
    other_limits = limits_default();
    other_limits.deflate_above = 100;
    struct peer *other = peer_connect_deflating(&fixture, 0, &other_limits);
    char *text = prose(500, 6);
    ck_assert_int_eq(broadcast("r", text), PEERS);
    ck_assert_int_eq(send_text(peers[0], text), TONI_OK);
    ck_assert_uint_eq(tried(), 0);
    ck_assert_int_eq(send_text(other, text), TONI_OK);
    ck_assert_uint_eq(tried(), 1);
    join(other, "r");
    ck_assert_int_eq(broadcast("r", text), PEERS + 1);
    ck_assert_uint_eq(tried(), 2);
    fixture_turn(&fixture);
    char *texts[] = {text, text, text};
    ck_assert_uint_eq(received(peers[0], texts, 3), 1);
    ck_assert_uint_eq(received(other, texts, 2), 2);
    peer_destroy(&fixture, other);
    free(text);
    finish();
}
END_TEST

/* As a reload does it. Nobody has to join anew. */
START_TEST(a_threshold_that_is_lowered_holds_for_who_is_there)
{
    begin();
    char *text = prose(500, 1);
    struct limits lower = limits_default(), lowest = lower;
    lower.deflate_above = 499;
    lowest.deflate_above = 10;
    ck_assert_int_eq(broadcast("r", text), PEERS);
    ck_assert_uint_eq(tried(), 0);
    client_set_limits(peers[1]->client, &lowest); /* who takes nothing compressed */
    ck_assert_int_eq(broadcast("r", text), PEERS);
    ck_assert_uint_eq(tried(), 0);
    client_set_limits(peers[0]->client, &lower);
    ck_assert_int_eq(broadcast("r", text), PEERS);
    ck_assert_uint_eq(tried(), 1);
    toni_message message = toni_text(toni_str_of(text));
    ck_assert_int_eq(toni_target_send(toni_to_all(connections), &message), PEERS);
    ck_assert_uint_eq(tried(), 2);
    client_set_limits(peers[0]->client, &limits); /* raised: the room keeps the lowest */
    ck_assert_int_eq(send_text(peers[0], text), TONI_OK);
    ck_assert_uint_eq(tried(), 2);
    ck_assert_int_eq(broadcast("r", text), PEERS);
    ck_assert_uint_eq(tried(), 3);
    fixture_turn(&fixture);
    char *texts[] = {text, text, text, text, text, text};
    ck_assert_uint_eq(received(peers[0], texts, 6), 3);
    ck_assert_uint_eq(received(peers[1], texts, 5), 0);
    free(text);
    finish();
}
END_TEST

START_TEST(a_threshold_that_is_lowered_concerns_no_room_without_takers)
{
    begin();
    char *text = prose(500, 1);
    struct limits lowered = limits_default();
    lowered.deflate_above = 10;
    client_untarget(peers[0]->client); /* it is no target any more */
    client_set_limits(peers[0]->client, &lowered);
    ck_assert_int_eq(broadcast("r", text), PEERS - 1);
    ck_assert_uint_eq(tried(), 0);
    free(text);
    finish();
}
END_TEST

START_TEST(what_does_not_shrink_goes_as_it_is)
{
    begin();
    struct dice dice = {.state = 7};
    char noise[4000];
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (char)dice_next(&dice);
    toni_message message = toni_binary(toni_str_make(noise, sizeof noise));
    ck_assert_int_eq(toni_broadcast_to_room(connections, toni_str_of("r"), &message), PEERS);
    ck_assert_int_eq(toni_send_to_client(connections, peers[0]->id, &message), TONI_OK);
    fixture_turn(&fixture);
    ck_assert_uint_eq(tried(), 2);
    ck_assert_uint_eq(shrunk(), 0);
    ck_assert_uint_eq(peers[0]->socket.wire.length, 2 * (sizeof noise + 4));
    ck_assert_uint_eq((uint8_t)peers[0]->socket.wire.bytes[0], 0x82);
    finish();
}
END_TEST

/* --- Batches and their twins */

START_TEST(one_order_whatever_is_compressed)
{
    begin();
    char *texts[40];
    unsigned large = 0;
    for (uint64_t i = 0; i < 40; i++) {
        size_t size = i % 7 == 3 ? 80000 : i % 3 == 0 ? 2000 : 30;
        large += size > 1024;
        texts[i] = prose(size, i);
        ck_assert_int_eq(broadcast("r", texts[i]), PEERS);
        if (i % 11 == 10)
            fixture_turn(&fixture);
    }
    fixture_turn(&fixture);
    ck_assert_uint_eq(tried(), large);
    for (uint32_t i = 0; i < PEERS; i++)
        ck_assert_uint_eq(received(peers[i], texts, 40), i % 2 == 0 ? large : 0);
    for (unsigned i = 0; i < 40; i++)
        free(texts[i]);
    finish();
}
END_TEST

/* The reader requires that RSV1 is on the first frame alone, and that each is full but the last. */
START_TEST(a_large_message_stays_in_fragments)
{
    begin();
    char *text = prose(400000, 8);
    ck_assert_int_eq(broadcast("r", text), PEERS);
    ck_assert_int_eq(send_text(peers[0], text), TONI_OK);
    fixture_turn(&fixture);
    char *texts[] = {text, text};
    ck_assert_uint_eq(received(peers[0], texts, 2), 2);
    ck_assert_uint_eq(received(peers[1], texts, 1), 0);
    ck_assert_uint_gt(peers[0]->socket.writes, 5);
    const uint8_t *wire = (const uint8_t *)peers[0]->socket.wire.bytes;
    ck_assert_uint_eq(wire[0], 0x41);
    ck_assert_uint_eq(wire[FRAME_MAX], 0x00);
    free(text);
    finish();
}
END_TEST

START_TEST(messages_of_one_turn_go_out_in_one_write)
{
    begin();
    char *texts[6];
    for (uint64_t i = 0; i < 6; i++) {
        texts[i] = prose(i % 2 == 0 ? 3000 : 10, i);
        ck_assert_int_eq(broadcast("r", texts[i]), PEERS);
    }
    fixture_turn(&fixture);
    for (uint32_t i = 0; i < PEERS; i++) {
        received(peers[i], texts, 6);
        ck_assert_uint_eq(peers[i]->socket.writes, 1);
    }
    for (unsigned i = 0; i < 6; i++)
        free(texts[i]);
    finish();
}
END_TEST

/* A batch and its compressed variant each hold the topic: when no command and no outbox has one,
 * both are gone. */
START_TEST(batches_and_variants_end_with_the_turn_that_writes_them)
{
    begin();
    struct room *rooms[2];
    char *text = prose(3000, 1);
    for (uint32_t i = 0; i < PEERS; i++)
        join(peers[i], "s");
    rooms[0] = room_table_find(&connections->common, toni_str_of("r"));
    rooms[1] = room_table_find(&connections->common, toni_str_of("s"));
    const unsigned before = rooms[0]->topic.refs;
    ck_assert_uint_eq(rooms[1]->topic.refs, before);
    for (uint32_t round = 0; round < 3; round++) {
        ck_assert_int_eq(broadcast("r", text), PEERS);
        ck_assert_int_eq(broadcast("s", text), PEERS);
        ck_assert_int_eq(broadcast("r", "short"), PEERS);
        ck_assert_uint_gt(rooms[0]->topic.refs, before);
        fixture_turn(&fixture);
        ck_assert_uint_eq(rooms[0]->topic.refs, before);
        ck_assert_uint_eq(rooms[1]->topic.refs, before);
    }
    room_unref(rooms[0]);
    room_unref(rooms[1]);
    free(text);
    finish();
}
END_TEST

START_TEST(who_joins_and_leaves_between_gets_his_part)
{
    begin();
    char *texts[4];
    for (uint64_t i = 0; i < 4; i++)
        texts[i] = prose(2000, i);
    struct peer *late = peer_connect_deflating(&fixture, 0, &limits);
    ck_assert_int_eq(broadcast("r", texts[0]), PEERS);
    join(late, "r");
    ck_assert_int_eq(broadcast("r", texts[1]), PEERS + 1);
    leave(peers[0], "r");
    ck_assert_int_eq(broadcast("r", texts[2]), PEERS);
    leave(late, "r");
    ck_assert_int_eq(broadcast("r", texts[3]), PEERS - 1);
    fixture_turn(&fixture);
    ck_assert_uint_eq(received(late, texts + 1, 2), 2);
    ck_assert_uint_eq(received(peers[0], texts, 2), 2);
    ck_assert_uint_eq(received(peers[2], texts, 4), 4);
    ck_assert_uint_eq(received(peers[1], texts, 4), 0);
    peer_destroy(&fixture, late);
    for (unsigned i = 0; i < 4; i++)
        free(texts[i]);
    finish();
}
END_TEST

/* --- Targets and receipts */

static struct receipt *finished;

static void on_finished(struct receipt *receipt)
{
    finished = receipt;
}

START_TEST(a_target_is_compressed_once_too)
{
    begin();
    char *text = prose(4000, 9);
    toni_message message = toni_text(toni_str_of(text));
    struct receipt receipt = {.finished = on_finished};
    toni_target *target = toni_to_room(connections, toni_str_of("r"));
    toni_target_to_client(target, peers[1]->id);
    toni_target_except(target, peers[2]->id);
    finished = NULL;
    ck_assert_int_eq(target_send_receipt(target, &message, &receipt), PEERS - 1);
    ck_assert_int_eq(toni_target_send(toni_to_all(connections), &message), PEERS);
    ck_assert_uint_eq(tried(), 2);
    fixture_turn(&fixture);
    ck_assert_ptr_eq(finished, &receipt);
    ck_assert_uint_eq(receipt.answers[OUTBOX_TOOK], PEERS - 1);
    char *texts[] = {text, text};
    for (uint32_t i = 0; i < PEERS; i++) {
        unsigned count = i == 2 ? 1 : 2;
        ck_assert_uint_eq(received(peers[i], texts, count), i % 2 == 0 ? count : 0);
    }
    free(text);
    finish();
}
END_TEST

START_TEST(a_target_of_single_clients)
{
    begin();
    char *text = prose(4000, 10);
    toni_message message = toni_text(toni_str_of(text));
    toni_target *target = toni_to_client(connections, peers[1]->id);
    toni_target_to_client(target, peers[4]->id);
    ck_assert_int_eq(toni_target_send(target, &message), 2);
    ck_assert_uint_eq(tried(), 1);
    target = toni_to_client(connections, peers[1]->id);
    toni_target_to_client(target, peers[4]->id);
    toni_target_except(target, peers[4]->id);
    ck_assert_int_eq(toni_target_send(target, &message), 1);
    ck_assert_uint_eq(tried(), 1);
    fixture_turn(&fixture);
    ck_assert_uint_eq(received(peers[4], &text, 1), 1);
    free(text);
    finish();
}
END_TEST

/* --- Limits count what is really sent, and held */

START_TEST(an_outbox_counts_the_compressed_bytes)
{
    begin();
    char *text = prose(10000, 11);
    peers[0]->socket.window = peers[1]->socket.window = 0;
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(broadcast("r", text), PEERS);
        ck_assert_int_eq(send_text(peers[0], text), TONI_OK);
        fixture_turn(&fixture);
    }
    const struct outbox *deflated = &peers[0]->client->receiver.outbox,
                        *plain = &peers[1]->client->receiver.outbox;
    ck_assert_uint_eq(plain->bytes, 2 * 10004);
    ck_assert_uint_gt(deflated->bytes, 4 * 4000);
    ck_assert_uint_lt(deflated->bytes, 4 * 7000);
    ck_assert_uint_eq(peers[0]->client->receiver.left_bytes, deflated->bytes);
    ck_assert_uint_eq(peers[0]->client->receiver.posted_bytes, 0);
    peer_take(peers[0], WINDOW_OPEN);
    char *texts[] = {text, text, text, text, text, text};
    ck_assert_uint_eq(received(peers[0], texts, 6), 6);
    free(text);
    finish();
}
END_TEST

START_TEST(a_direct_send_is_admitted_by_its_compressed_size)
{
    limits = limits_default();
    limits.outbox_bytes = 12000;
    begin_limited();
    char *text = prose(10000, 12);
    peers[0]->socket.window = peers[1]->socket.window = 0;
    ck_assert_int_eq(send_text(peers[1], text), TONI_OK);
    ck_assert_int_eq(send_text(peers[1], text), TONI_ERR_FULL);
    ck_assert_int_eq(send_text(peers[0], text), TONI_OK);
    ck_assert_int_eq(send_text(peers[0], text), TONI_OK);
    ck_assert_int_eq(send_text(peers[0], text), TONI_ERR_FULL);
    free(text);
    finish();
}
END_TEST

START_TEST(both_batches_are_pending)
{
    begin();
    char *text = prose(10000, 13);
    toni_message message = toni_text(toni_str_of(text));
    ck_assert_int_eq(broadcast("r", text), PEERS);
    uint64_t once = connections->pending;
    ck_assert_uint_gt(once, 10004 + 4000);
    ck_assert_int_eq(broadcast("r", "short"), PEERS); /* to the twin as well */
    ck_assert_uint_eq(connections->pending, once + 2 * 7);
    ck_assert_int_eq(toni_target_send(toni_to_all(connections), &message), PEERS);
    ck_assert_uint_eq(connections->pending, 2 * once + 14);
    ck_assert_uint_eq(connections->common.everyone->pending, once);
    fixture_turn(&fixture);
    ck_assert_uint_eq(connections->pending, 0);
    free(text);
    finish();
}
END_TEST

/* What there is space for without compressing is not refused for its sake. */
START_TEST(no_space_for_both)
{
    limits = limits_default();
    limits.pending_bytes_per_room = 12000;
    begin_limited();
    char *text = prose(10000, 14);
    toni_message message = toni_text(toni_str_of(text));
    ck_assert_int_eq(broadcast("r", text), PEERS);
    ck_assert_uint_eq(connections->pending, 10004);
    ck_assert_int_eq(broadcast("r", text), TONI_ERR_BUSY);
    ck_assert_int_eq(toni_target_send(toni_to_all(connections), &message), PEERS);
    ck_assert_uint_eq(connections->pending, 2 * 10004);
    fixture_turn(&fixture);
    char *texts[] = {text, text};
    ck_assert_uint_eq(received(peers[0], texts, 2), 0);
    /* A batch that has a twin can take no more for it: the next message begins another. */
    char *small = prose(2000, 15), *plain = prose(8900, 16);
    ck_assert_int_eq(broadcast("r", small), PEERS);
    ck_assert_int_eq(broadcast("r", plain), TONI_ERR_BUSY);
    plain[7000] = '\0';
    ck_assert_int_eq(broadcast("r", plain), PEERS);
    fixture_turn(&fixture);
    char *all[] = {text, text, small, plain};
    ck_assert_uint_eq(received(peers[0], all, 4), 1);
    ck_assert_uint_eq(received(peers[1], all, 4), 0);
    free(text);
    free(small);
    free(plain);
    finish();
}
END_TEST

/* --- Policies look at twins as at the batches themselves */

static void stall_and_send(enum outbox_policy policy, char **texts, unsigned count)
{
    limits = limits_default();
    limits.outbox_policy = policy;
    limits.outbox_messages = 3;
    begin_limited();
    peers[0]->socket.window = peers[1]->socket.window = 0;
    for (unsigned i = 0; i < count; i++) {
        texts[i] = prose(2000, i);
        ck_assert_int_eq(broadcast("r", texts[i]), PEERS);
        fixture_turn(&fixture);
    }
    peer_take(peers[0], WINDOW_OPEN);
    peer_take(peers[1], WINDOW_OPEN);
}

START_TEST(policies_drop_the_same_of_both)
{
    static const struct {
        enum outbox_policy policy;
        unsigned kept[5]; /* numbers of texts */
        unsigned count;
    } cases[] = {
        {OUTBOX_DROP_OLDEST, {0, 6, 7, 8, 9}, 5},
        {OUTBOX_DROP_NEWEST, {0, 1, 2, 3}, 4},
        {OUTBOX_LATEST, {0, 9}, 2},
    };
    char *texts[10], *kept[5];
    stall_and_send(cases[_i].policy, texts, 10);
    for (unsigned i = 0; i < cases[_i].count; i++)
        kept[i] = texts[cases[_i].kept[i]];
    ck_assert_uint_eq(received(peers[0], kept, cases[_i].count), cases[_i].count);
    ck_assert_uint_eq(received(peers[1], kept, cases[_i].count), 0);
    toni_room_info *info;
    ck_assert_int_eq(toni_get_room(connections, toni_str_of("r"), &info), TONI_OK);
    ck_assert_uint_eq(info->dropped_oldest + info->dropped_newest + info->dropped_not_latest,
                      2 * (10 - cases[_i].count));
    toni_room_info_destroy(info);
    for (unsigned i = 0; i < 10; i++)
        free(texts[i]);
    finish();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rooms/deflate");
    TCase *cases = tcase_create("all");

    tcase_add_test(cases, a_broadcast_is_compressed_once_for_all_who_agreed);
    tcase_add_test(cases, each_context_is_fresh);
    tcase_add_test(cases, nothing_is_compressed_where_nobody_takes_it);
    tcase_add_test(cases, a_message_is_compressed_above_the_threshold);
    tcase_add_test(cases, gateways_with_different_thresholds);
    tcase_add_test(cases, a_threshold_that_is_lowered_holds_for_who_is_there);
    tcase_add_test(cases, a_threshold_that_is_lowered_concerns_no_room_without_takers);
    tcase_add_test(cases, what_does_not_shrink_goes_as_it_is);
    tcase_add_test(cases, one_order_whatever_is_compressed);
    tcase_add_test(cases, a_large_message_stays_in_fragments);
    tcase_add_test(cases, messages_of_one_turn_go_out_in_one_write);
    tcase_add_test(cases, batches_and_variants_end_with_the_turn_that_writes_them);
    tcase_add_test(cases, who_joins_and_leaves_between_gets_his_part);
    tcase_add_test(cases, a_target_is_compressed_once_too);
    tcase_add_test(cases, a_target_of_single_clients);
    tcase_add_test(cases, an_outbox_counts_the_compressed_bytes);
    tcase_add_test(cases, a_direct_send_is_admitted_by_its_compressed_size);
    tcase_add_test(cases, both_batches_are_pending);
    tcase_add_test(cases, no_space_for_both);
    tcase_add_loop_test(cases, policies_drop_the_same_of_both, 0, 3);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
