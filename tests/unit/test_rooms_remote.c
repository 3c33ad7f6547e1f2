/* Rooms with a door to other hosts: two hosts in one process, and an engine between them that gives
 * a message its place when the test says so. */
#include "runner.h"
#include "two_hosts.h"

#include "rooms/broadcast.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static void setup(void)
{
    hosts_open(NULL);
}

/* All that was published arrives, and goes out. */
static void arrive(void)
{
    (void)fake_engine_turn(&engine, UINT32_MAX);
    hosts_turn();
}

static void teardown(void)
{
    arrive();
    hosts_close();
    for (uint32_t i = 0; i < HOSTS; i++)
        ck_assert_uint_eq(doors[i]->wants, doors[i]->unwants);
}

static toni_str str(const char *text)
{
    return toni_str_of(text);
}

static void join(uint32_t host, const struct peer *peer, const char *room)
{
    ck_assert_int_eq(toni_join_room(hosts_connections(host), peer->id, str(room)), TONI_OK);
}

static void leave(uint32_t host, const struct peer *peer, const char *room)
{
    ck_assert_int_eq(toni_leave_room(hosts_connections(host), peer->id, str(room)), TONI_OK);
}

/* @param room  NULL: none. */
static struct peer *add(uint32_t host, const char *room)
{
    struct peer *peer = hosts_peer(host);
    if (room)
        join(host, peer, room);
    return peer;
}

static int32_t broadcast(uint32_t host, const char *room, const char *text)
{
    return toni_broadcast_to_room_text(hosts_connections(host), str(room), str(text));
}

static int32_t send_to(toni_target *target, const char *text)
{
    return toni_target_send_text(target, str(text));
}

static void ck_got(struct peer *peer, const char *texts)
{
    ck_assert_str_eq(peer_texts(peer), texts);
}

static toni_position position_of(uint32_t host, const char *room)
{
    toni_room_info *info;
    ck_assert_int_eq(toni_get_room(hosts_connections(host), str(room), &info), TONI_OK);
    const toni_position at = {info->epoch, info->sequence};
    toni_room_info_destroy(info);
    return at;
}

static void ck_position(uint32_t host, const char *room, uint64_t epoch, uint64_t offset)
{
    const toni_position at = position_of(host, room);
    ck_assert_uint_eq(at.epoch, epoch);
    ck_assert_uint_eq(at.offset, offset);
}

static uint64_t refused_busy(uint32_t host)
{
    return counter_read(&hosts_connections(host)->refused_busy);
}

static const struct remote_figures *figures(uint32_t host)
{
    return &hosts_connections(host)->common.remote_figures;
}

/* --- Broadcasts */

START_TEST(nobody_gets_a_message_before_it_has_come_back)
{
    struct peer *here = add(0, "hall"), *there = add(1, "hall");
    ck_assert_int_eq(broadcast(0, "hall", "a"), 1); /* who is here */
    hosts_turn();
    ck_got(here, "");
    arrive();
    ck_got(here, "a");
    ck_got(there, "a");
}
END_TEST

START_TEST(a_room_without_members_here_may_have_some_elsewhere)
{
    struct peer *there = add(1, "hall");
    ck_assert_int_eq(broadcast(0, "hall", "a"), 0);
    arrive();
    ck_got(there, "a");
}
END_TEST

START_TEST(a_client_says_something)
{
    struct peer *here = add(0, "hall"), *there = add(1, "hall");
    const toni_message message = toni_text(str("a"));
    ck_assert_int_eq(toni_broadcast_from(here->client, str("hall"), &message), 1);
    hosts_turn();
    ck_got(here, "");
    arrive();
    ck_got(here, "a");
    ck_got(there, "a");
}
END_TEST

/* Each host publishes in turn; that a room has one order is up to the engine. */
START_TEST(all_get_one_order)
{
    struct peer *here = add(0, "hall"), *there = add(1, "hall");
    (void)broadcast(0, "hall", "a");
    (void)broadcast(1, "hall", "b");
    (void)broadcast(0, "hall", "c");
    arrive();
    (void)broadcast(1, "hall", "d");
    arrive();
    ck_got(here, "a|b|c|d");
    ck_got(there, "a|b|c|d");
}
END_TEST

START_TEST(who_is_a_member_on_arrival_gets_it)
{
    struct peer *stays = add(0, "hall"), *leaves = add(0, "hall"), *comes = add(0, NULL);
    ck_assert_int_eq(broadcast(0, "hall", "a"), 2);
    leave(0, leaves, "hall");
    join(0, comes, "hall");
    arrive();
    ck_got(stays, "a");
    ck_got(leaves, "");
    ck_got(comes, "a");
}
END_TEST

START_TEST(direct_sends_leaves_and_closes_overtake)
{
    struct peer *peer = add(0, "hall"), *other = add(0, "hall");
    (void)broadcast(0, "hall", "a");
    ck_assert_int_eq(toni_send_to_client_text(hosts_connections(0), peer->id, str("direct")),
                     TONI_OK);
    ck_assert_int_eq(send_to(toni_to_client(hosts_connections(0), peer->id), "target"), 1);
    ck_assert_int_eq(toni_close_client(hosts_connections(0), other->id, 4000, str("bye")), TONI_OK);
    hosts_turn();
    ck_got(peer, "direct|target");
    ck_got(other, "<4000 bye>");
    arrive();
    ck_got(peer, "direct|target|a");
    ck_got(other, "<4000 bye>");
}
END_TEST

START_TEST(a_room_that_has_ended_gets_nothing)
{
    struct peer *peer = add(0, "hall");
    (void)broadcast(0, "hall", "a");
    leave(0, peer, "hall");
    arrive();
    ck_got(peer, "");
    join(0, peer, "hall"); /* the engine's order goes on */
    (void)broadcast(0, "hall", "b");
    arrive();
    ck_got(peer, "b");
    ck_position(0, "hall", 1000, 2);
}
END_TEST

START_TEST(members_of_a_room_are_those_here)
{
    struct peer *here = add(0, "hall"), *there = add(1, "hall");
    ck_assert_int_eq(toni_members_join(hosts_connections(0), str("hall"), str("bar")), 1);
    ck_assert(fake_door_wants(doors[0], "bar") && !fake_door_wants(doors[1], "bar"));
    ck_assert_int_eq(toni_members_leave(hosts_connections(0), str("hall")), 1);
    ck_assert_int_eq(toni_members_close(hosts_connections(0), str("bar"), 4000, str("bye")), 1);
    hosts_turn();
    ck_got(here, "<4000 bye>");
    ck_assert(fake_door_wants(doors[1], "hall"));
    ck_got(there, "");
}
END_TEST

/* --- Places */

START_TEST(a_room_is_where_the_engine_says)
{
    (void)add(0, "hall");
    ck_position(0, "hall", 0, 0); /* nothing has come yet */
    (void)broadcast(0, "hall", "a");
    ck_position(0, "hall", 0, 0);
    arrive();
    ck_position(0, "hall", 1000, 1);
    engine.epoch = 7;
    (void)broadcast(1, "hall", "b");
    arrive();
    ck_position(0, "hall", 7, 2);
}
END_TEST

static int32_t deliver_at(toni_position at, const char *text)
{
    const toni_message message = toni_text(str(text));
    return remote_deliver(&hosts_connections(0)->common, str("hall"), at, &message, NULL, NULL);
}

START_TEST(a_message_without_a_place_leaves_the_room_where_it_is)
{
    struct peer *peer = add(0, "hall");
    ck_assert_int_eq(deliver_at((toni_position){5, 9}, "a"), 1);
    ck_assert_int_eq(deliver_at((toni_position){0, 0}, "b"), 1);
    ck_position(0, "hall", 5, 9);
    hosts_turn();
    ck_got(peer, "a|b");
}
END_TEST

/* By the place that the engine gave: the same on all hosts. */
START_TEST(a_message_carries_its_place)
{
    char text[] = "at EEEEEEEEEEEEEEEE:OOOOOOOOOOOOOOOO.";
    struct peer *here = add(0, "hall"), *there = add(1, "hall"), *left_out = add(0, "hall");
    toni_message message = toni_text(str(text));
    message.position_at = 3;
    ck_assert_int_eq(toni_broadcast_to_room(hosts_connections(0), str("hall"), &message), 2);
    toni_target *target = toni_to_room(hosts_connections(1), str("hall"));
    toni_target_except(target, left_out->id);
    ck_assert_int_eq(toni_target_send(target, &message), 1);
    arrive();
    ck_got(here, "at 00000000000003e8:0000000000000001.|at 00000000000003e8:0000000000000002.");
    ck_got(there, "at 00000000000003e8:0000000000000001.|at 00000000000003e8:0000000000000002.");
    ck_got(left_out, "at 00000000000003e8:0000000000000001.");
}
END_TEST

/* Its last member is being closed: nobody is targeted, but the room is still there. */
START_TEST(a_room_without_targets_goes_on_counting)
{
    const struct peer *peer = add(0, "hall");
    (void)toni_remove_client(hosts_connections(0), peer->id);
    ck_assert_int_eq(deliver_at((toni_position){5, 9}, "a"), 0);
    ck_position(0, "hall", 5, 9);
}
END_TEST

/* A union has a place in the namespace's channel alone. */
START_TEST(what_is_for_more_than_a_room_takes_no_number_of_it)
{
    (void)add(0, "hall");
    (void)broadcast(0, "hall", "a");
    toni_target *target = toni_to_room(hosts_connections(0), str("hall"));
    toni_target_to_room(target, str("bar"));
    (void)send_to(target, "union");
    (void)send_to(toni_to_all(hosts_connections(0)), "all");
    arrive();
    ck_position(0, "hall", 1000, 1);
}
END_TEST

/* --- Targets */

START_TEST(who_is_left_out_gets_nothing)
{
    struct peer *sender = add(0, "hall"), *here = add(0, "hall"), *there = add(1, "hall");
    toni_target *target = toni_to_room(hosts_connections(0), str("hall"));
    toni_target_except(target, sender->id);
    ck_assert_int_eq(send_to(target, "a"), 1);
    arrive();
    ck_got(sender, "");
    ck_got(here, "a");
    ck_got(there, "a");
    ck_position(0, "hall", 1000, 1); /* it is the room's own */
    ck_position(1, "hall", 1000, 1);
}
END_TEST

START_TEST(who_is_elsewhere_can_be_left_out)
{
    struct peer *here = add(0, "hall"), *there = add(1, "hall"), *other = add(1, "hall");
    toni_target *target = toni_to_room(hosts_connections(0), str("hall"));
    toni_target_except(target, there->id);
    ck_assert_int_eq(send_to(target, "a"), 1);
    arrive();
    ck_got(here, "a");
    ck_got(there, "");
    ck_got(other, "a");
}
END_TEST

/* Who is left out need not be a member when the message arrives, nor be there at all. */
START_TEST(who_is_left_out_comes_or_goes_meanwhile)
{
    struct peer *comes = add(0, NULL), *goes = add(0, "hall"), *stays = add(0, "hall");
    toni_target *target = toni_to_room(hosts_connections(0), str("hall"));
    toni_target_except(target, comes->id);
    toni_target_except(target, goes->id);
    toni_target_except(target, 12345);
    ck_assert_int_eq(send_to(target, "a"), 1);
    join(0, comes, "hall");
    peer_lose(goes);
    arrive();
    ck_got(comes, "");
    ck_got(stays, "a");
    ck_position(0, "hall", 1000, 1);
}
END_TEST

/* More than EXCEPTED_MAX: on arrival another path, the same order. */
START_TEST(many_can_be_left_out)
{
    struct peer *stays = add(0, "hall"), *there = add(1, "hall"), *left_out = add(0, "hall");
    toni_target *target = toni_to_room(hosts_connections(0), str("hall"));
    toni_target_except(target, left_out->id);
    for (uint32_t i = 1; i < EXCEPTED_MAX + 3; i++)
        toni_target_except(target, add(0, "hall")->id);
    (void)broadcast(0, "hall", "a");
    ck_assert_int_eq(send_to(target, "b"), 1);
    (void)broadcast(0, "hall", "c");
    arrive();
    ck_got(stays, "a|b|c");
    ck_got(there, "a|b|c");
    ck_got(left_out, "a|c");
    ck_position(0, "hall", 1000, 3);
}
END_TEST

START_TEST(a_union_reaches_each_once)
{
    struct peer *both = add(0, "a"), *one = add(0, "b"), *there = add(1, "b");
    struct peer *other = add(1, "c");
    join(0, both, "b");
    toni_target *target = toni_to_room(hosts_connections(0), str("a"));
    toni_target_to_room(target, str("b"));
    toni_target_to_client(target, both->id);
    ck_assert_int_eq(send_to(target, "x"), 2);
    hosts_turn();
    ck_got(both, "");
    arrive();
    ck_got(both, "x");
    ck_got(one, "x");
    ck_got(there, "x");
    ck_got(other, "");
}
END_TEST

START_TEST(everybody_is_reached_less_one)
{
    struct peer *here = add(0, NULL), *there = add(1, "hall"), *left_out = add(1, NULL);
    toni_target *target = toni_to_all(hosts_connections(0));
    toni_target_to_room(target, str("hall"));
    toni_target_except(target, left_out->id);
    ck_assert_int_eq(send_to(target, "x"), 1);
    arrive();
    ck_got(here, "x");
    ck_got(there, "x");
    ck_got(left_out, "");
}
END_TEST

START_TEST(clients_are_reached_wherever_they_are)
{
    struct peer *here = add(0, NULL), *there = add(1, NULL);
    toni_target *target = toni_to_client(hosts_connections(0), here->id);
    toni_target_to_client(target, there->id);
    ck_assert_int_eq(send_to(target, "both"), 1);
    ck_assert_int_eq(send_to(toni_to_client(hosts_connections(0), there->id), "one"), 0);
    hosts_turn();
    ck_got(here, "");
    arrive();
    ck_got(here, "both");
    ck_got(there, "both|one");
}
END_TEST

/* One whose gateway has a name: as far as rooms know. */
static struct peer *add_of_gateway(uint32_t host, struct gateway_figures *gateway)
{
    struct peer *peer = add(host, NULL);
    peer->client->receiver.gateway_figures = gateway;
    return peer;
}

START_TEST(a_gateways_clients_are_reached_on_all_hosts)
{
    static struct gateway_figures lobby = {.name = "lobby"}, other = {.name = "other"};
    struct peer *here = add_of_gateway(0, &lobby), *there = add_of_gateway(1, &lobby);
    struct peer *of_other = add_of_gateway(1, &other);
    ck_assert_int_eq(send_to(toni_to_gateway(hosts_connections(0), str("lobby")), "x"), 1);
    hosts_turn();
    ck_got(here, "");
    arrive();
    ck_got(here, "x");
    ck_got(there, "x");
    ck_got(of_other, "");
    char longer[300];
    memset(longer, 'g', sizeof longer);
    toni_target *target =
        toni_to_gateway(hosts_connections(0), toni_str_make(longer, sizeof longer));
    ck_assert_int_eq(send_to(target, "nobody"), 0);
    ck_assert_int_eq(send_to(toni_to_gateway(hosts_connections(0), str("")), "x"),
                     TONI_ERR_INVALID);
}
END_TEST

/* Whoever comes to the gateway before the message does gets it, too. */
START_TEST(targets_are_whom_they_name_on_arrival)
{
    static struct gateway_figures lobby = {.name = "lobby"};
    ck_assert_int_eq(send_to(toni_to_gateway(hosts_connections(0), str("lobby")), "x"), 0);
    struct peer *comes = add_of_gateway(1, &lobby);
    arrive();
    ck_got(comes, "x");
}
END_TEST

/* --- Receipts */

struct counted {
    struct receipt receipt; /* first */
    bool finished;
};

static void note(struct receipt *receipt)
{
    struct counted *counted = (struct counted *)receipt;
    ck_assert(!counted->finished);
    counted->finished = true;
}

static int32_t send_counted(toni_target *target, struct counted *counted)
{
    const toni_message message = toni_text(str("x"));
    *counted = (struct counted){.receipt.finished = note};
    return target_send_receipt(target, &message, &counted->receipt);
}

START_TEST(receipts_add_up_what_the_hosts_say)
{
    struct counted counted;
    struct peer *here = add(0, "hall"), *there = add(1, "hall"), *left_out = add(1, "hall");
    toni_target *target = toni_to_room(hosts_connections(0), str("hall"));
    toni_target_except(target, left_out->id);
    ck_assert_int_eq(send_counted(target, &counted), 1);
    hosts_turn();
    ck_assert(!counted.finished);
    arrive();
    ck_assert(counted.finished);
    ck_assert_uint_eq(counted.receipt.targeted, 2);
    ck_assert_uint_eq(counted.receipt.answers[OUTBOX_TOOK], 2);
    ck_got(here, "x");
    ck_got(there, "x");
    ck_got(left_out, "");
    ck_position(0, "hall", 1000, 1); /* in the room's order as any other */
}
END_TEST

START_TEST(a_receipt_of_a_union_or_of_nobody)
{
    struct counted counted;
    (void)add(1, "bar");
    toni_target *target = toni_to_room(hosts_connections(0), str("hall"));
    toni_target_to_room(target, str("bar"));
    ck_assert_int_eq(send_counted(target, &counted), 0);
    arrive();
    ck_assert(counted.finished);
    ck_assert_uint_eq(counted.receipt.targeted, 1);
    ck_assert_int_eq(send_counted(toni_to_room(hosts_connections(0), str("nobody")), &counted), 0);
    arrive();
    ck_assert(counted.finished);
    ck_assert_uint_eq(counted.receipt.targeted, 0);
}
END_TEST

/* One client that is here is nobody else's business. */
START_TEST(a_receipt_of_one_client_is_this_hosts)
{
    struct counted counted;
    const struct peer *here = add(0, NULL);
    ck_assert_int_eq(send_counted(toni_to_client(hosts_connections(0), here->id), &counted), 1);
    ck_assert_uint_eq(fake_engine_waiting(&engine), 0);
    hosts_turn();
    ck_assert(counted.finished);
}
END_TEST

START_TEST(a_receipt_that_is_refused_stays_the_senders)
{
    struct counted counted;
    doors[0]->publish_result = TONI_ERR_BUSY;
    toni_target *target = toni_to_room(hosts_connections(0), str("hall"));
    ck_assert_int_eq(send_counted(target, &counted), TONI_ERR_BUSY);
    ck_assert(!counted.finished);
}
END_TEST

/* --- What is refused */

START_TEST(a_door_that_refuses)
{
    (void)add(0, "hall");
    doors[0]->publish_result = TONI_ERR_BUSY;
    ck_assert_int_eq(broadcast(0, "hall", "a"), TONI_ERR_BUSY);
    ck_assert_int_eq(send_to(toni_to_all(hosts_connections(0)), "a"), TONI_ERR_BUSY);
    ck_assert_uint_eq(refused_busy(0), 2);
    doors[0]->publish_result = TONI_ERR_TOO_BIG;
    ck_assert_int_eq(broadcast(0, "hall", "a"), TONI_ERR_TOO_BIG);
    ck_assert_uint_eq(counter_read(&hosts_connections(0)->refused_too_big), 1);
    doors[0]->publish_result = TONI_ERR_NO_MEMORY;
    ck_assert_int_eq(broadcast(0, "hall", "a"), TONI_ERR_NO_MEMORY);
    ck_assert_uint_eq(refused_busy(0), 2);
}
END_TEST

START_TEST(what_is_wrong_does_not_go_out)
{
    ck_assert_int_eq(broadcast(0, "", "a"), TONI_ERR_INVALID);
    ck_assert_int_eq(broadcast(0, "a\nb", "a"), TONI_ERR_INVALID);
    ck_assert_int_eq(broadcast(0, "hall", "\xff"), TONI_ERR_INVALID);
    toni_target *target = toni_to_room(hosts_connections(0), str("\x01"));
    ck_assert_int_eq(send_to(target, "a"), TONI_ERR_INVALID);
    ck_assert_int_eq(send_to(toni_to_all(hosts_connections(0)), "\xff"), TONI_ERR_INVALID);
    ck_assert_uint_eq(engine.published, 0);
}
END_TEST

static int32_t send_to_rooms(uint32_t count)
{
    toni_target *target = toni_to_room(hosts_connections(0), str("first"));
    char name[16];
    for (uint32_t i = 1; i < count; i++) {
        (void)snprintf(name, sizeof name, "r%u", i);
        toni_target_to_room(target, str(name));
    }
    return send_to(target, "x");
}

static int32_t send_less(uint32_t count)
{
    toni_target *target = toni_to_room(hosts_connections(0), str("first"));
    for (uint32_t i = 0; i < count; i++)
        toni_target_except(target, i + 1);
    return send_to(target, "x");
}

START_TEST(a_target_names_no_more_than_an_envelope_may)
{
    ck_assert_int_eq(send_to_rooms(ENVELOPE_NAMES_MOST), 0);
    ck_assert_int_eq(send_to_rooms(ENVELOPE_NAMES_MOST + 1), TONI_ERR_LIMIT);
    ck_assert_int_eq(send_less(ENVELOPE_IDS_MOST), 0);
    ck_assert_int_eq(send_less(ENVELOPE_IDS_MOST + 1), TONI_ERR_LIMIT);
    ck_assert_uint_eq(engine.published, 2);
}
END_TEST

/* --- What is wanted */

START_TEST(a_room_is_wanted_while_it_has_members)
{
    struct peer *first = add(0, "hall");
    ck_assert(fake_door_wants(doors[0], "hall") && !fake_door_wants(doors[1], "hall"));
    struct peer *second = add(0, "hall");
    join(0, second, "hall");
    leave(0, first, "hall");
    ck_assert(fake_door_wants(doors[0], "hall"));
    (void)toni_remove_client(hosts_connections(0), second->id);
    hosts_turn();
    ck_assert(fake_door_wants(doors[0], "hall")); /* a member until on_disconnect has returned */
    peer_lose(second);
    ck_assert(!fake_door_wants(doors[0], "hall"));
    join(0, first, "hall");
    ck_assert_uint_eq(doors[0]->wants, 2);
    ck_assert_uint_eq(doors[0]->unwants, 1);
}
END_TEST

START_TEST(the_room_of_everyone_is_never_wanted)
{
    peer_lose(add(0, NULL));
    ck_assert_uint_eq(doors[0]->wants + doors[0]->unwants, 0);
}
END_TEST

START_TEST(a_room_that_cannot_be_wanted_cannot_be_joined)
{
    const struct peer *peer = add(0, NULL);
    doors[0]->want_result = TONI_ERR_LIMIT;
    ck_assert_int_eq(toni_join_room(hosts_connections(0), peer->id, str("hall")), TONI_ERR_LIMIT);
    ck_assert_uint_eq(toni_room_count(hosts_connections(0)), 0);
    doors[0]->want_result = TONI_OK;
    join(0, peer, "hall");
    ck_assert_uint_eq(toni_room_count(hosts_connections(0)), 1);
}
END_TEST

START_TEST(a_namespace_of_its_own_may_be_alone_or_not)
{
    struct space *alone = connections_space(hosts_connections(0), "alone");
    struct space *shared = connections_space(hosts_connections(0), "shared");
    struct space *elsewhere = connections_space(hosts_connections(1), "shared");
    fake_door_open_in(doors[0], shared);
    fake_door_open_in(doors[1], elsewhere);
    struct peer *a = hosts_adopt(0, peer_connect_in(&hosts[0], 0, alone));
    struct peer *s = hosts_adopt(0, peer_connect_in(&hosts[0], 0, shared));
    struct peer *e = hosts_adopt(1, peer_connect_in(&hosts[1], 0, elsewhere));
    ck_assert_int_eq(toni_join_room(space_handle(alone), a->id, str("hall")), TONI_OK);
    ck_assert_int_eq(toni_join_room(space_handle(shared), s->id, str("hall")), TONI_OK);
    ck_assert_int_eq(toni_broadcast_to_room_text(space_handle(alone), str("hall"), str("a")), 1);
    hosts_turn();
    ck_got(a, "a");
    ck_assert_int_eq(toni_target_send_text(toni_to_all(space_handle(shared)), str("s")), 1);
    struct peer *common = add(1, "hall");
    arrive();
    ck_got(s, "s");
    ck_got(e, "s");
    ck_got(common, "");
    ck_got(a, "a");
}
END_TEST

/* --- What comes in wrong, or can't be taken */

static int32_t deliver(const char *room, const toni_message *message, const struct envelope *to)
{
    return remote_deliver(&hosts_connections(0)->common, str(room), (toni_position){5, 1}, message,
                          to, NULL);
}

START_TEST(what_no_host_sends_is_dropped_and_counted)
{
    struct peer *peer = add(0, "hall");
    const struct envelope_name bad = {"\x01", 1}, hall = {"hall", 4};
    const toni_message good = toni_text(str("x")), text = toni_text(str("\xff"));
    toni_message kind = good;
    kind.kind = 9;
    ck_assert_int_eq(deliver("hall", &text, NULL), TONI_ERR_INVALID);
    ck_assert_int_eq(deliver("hall", &kind, NULL), TONI_ERR_INVALID);
    ck_assert_int_eq(deliver("\x02", &good, NULL), TONI_ERR_INVALID);
    ck_assert_int_eq(deliver("", &good, NULL), TONI_ERR_INVALID);
    struct envelope to = {.rooms = &bad, .room_count = 1};
    ck_assert_int_eq(deliver("", &good, &to), TONI_ERR_INVALID);
    to.rooms = &hall;
    ck_assert_int_eq(deliver("hall", &good, &to), TONI_ERR_INVALID);
    to = (struct envelope){.is_all = true};
    ck_assert_int_eq(deliver("hall", &good, &to), TONI_ERR_INVALID);
    remote_refuse(&hosts_connections(0)->common, str("hall"), "an envelope that is none");
    ck_assert_uint_eq(counter_read(&figures(0)->refused), 8);
    ck_assert_uint_eq(counter_read(&figures(0)->gaps), 0);
    hosts_turn();
    ck_got(peer, "");
}
END_TEST

/* Nothing is taken by the lanes: what is pending reaches its limit. */
START_TEST(what_this_host_cannot_take_is_lost_and_counted)
{
    const toni_message small = toni_text(str("0123456789")),
                       large = toni_text(str("0123456789012345678901234567890"
                                             "1234567890123456789012345678"));
    const struct envelope_name hall = {"hall", 4};
    const struct envelope to = {.rooms = &hall, .room_count = 1};
    struct peer *peer = add(0, "hall");
    for (uint64_t i = 1; i <= 3; i++)
        ck_assert_int_eq(deliver_at((toni_position){5, i}, "0123456789"), 1);
    ck_assert_int_eq(deliver_at((toni_position){5, 4}, "0123456789"), TONI_ERR_BUSY);
    ck_assert_int_eq(deliver("", &small, &to), TONI_ERR_BUSY);
    ck_assert_int_eq(deliver("hall", &large, NULL), TONI_ERR_TOO_BIG);
    remote_gap(&hosts_connections(0)->common, str("hall"), 0, WHY_EPOCH);
    remote_gap(&hosts_connections(0)->common, str("hall"), 10, WHY_TRIMMED);
    ck_assert_uint_eq(counter_read(&figures(0)->gaps), 5);
    ck_assert_uint_eq(counter_read(&figures(0)->lost), 14);
    ck_position(0, "hall", 5, 4); /* what is lost has its place, too */
    hosts_turn();
    ck_assert_int_eq(deliver_at((toni_position){5, 5}, "z"), 1);
    hosts_turn();
    ck_got(peer, "0123456789|0123456789|0123456789|z");
}
END_TEST

static void setup_small(void)
{
    struct limits limits = limits_default();
    limits.pending_bytes_per_room = 40;
    hosts_open(&limits);
}

int main(void)
{
    Suite *suite = suite_create("rooms/remote");
    TCase *cases = tcase_create("all");
    TCase *limited = tcase_create("limited");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, nobody_gets_a_message_before_it_has_come_back);
    tcase_add_test(cases, a_room_without_members_here_may_have_some_elsewhere);
    tcase_add_test(cases, a_client_says_something);
    tcase_add_test(cases, all_get_one_order);
    tcase_add_test(cases, who_is_a_member_on_arrival_gets_it);
    tcase_add_test(cases, direct_sends_leaves_and_closes_overtake);
    tcase_add_test(cases, a_room_that_has_ended_gets_nothing);
    tcase_add_test(cases, members_of_a_room_are_those_here);
    tcase_add_test(cases, a_room_is_where_the_engine_says);
    tcase_add_test(cases, a_message_without_a_place_leaves_the_room_where_it_is);
    tcase_add_test(cases, a_message_carries_its_place);
    tcase_add_test(cases, a_room_without_targets_goes_on_counting);
    tcase_add_test(cases, what_is_for_more_than_a_room_takes_no_number_of_it);
    tcase_add_test(cases, who_is_left_out_gets_nothing);
    tcase_add_test(cases, who_is_elsewhere_can_be_left_out);
    tcase_add_test(cases, who_is_left_out_comes_or_goes_meanwhile);
    tcase_add_test(cases, many_can_be_left_out);
    tcase_add_test(cases, a_union_reaches_each_once);
    tcase_add_test(cases, everybody_is_reached_less_one);
    tcase_add_test(cases, clients_are_reached_wherever_they_are);
    tcase_add_test(cases, a_gateways_clients_are_reached_on_all_hosts);
    tcase_add_test(cases, targets_are_whom_they_name_on_arrival);
    tcase_add_test(cases, receipts_add_up_what_the_hosts_say);
    tcase_add_test(cases, a_receipt_of_a_union_or_of_nobody);
    tcase_add_test(cases, a_receipt_of_one_client_is_this_hosts);
    tcase_add_test(cases, a_receipt_that_is_refused_stays_the_senders);
    tcase_add_test(cases, a_door_that_refuses);
    tcase_add_test(cases, what_is_wrong_does_not_go_out);
    tcase_add_test(cases, a_target_names_no_more_than_an_envelope_may);
    tcase_add_test(cases, a_room_is_wanted_while_it_has_members);
    tcase_add_test(cases, the_room_of_everyone_is_never_wanted);
    tcase_add_test(cases, a_room_that_cannot_be_wanted_cannot_be_joined);
    tcase_add_test(cases, a_namespace_of_its_own_may_be_alone_or_not);
    tcase_add_test(cases, what_no_host_sends_is_dropped_and_counted);
    suite_add_tcase(suite, cases);
    tcase_add_checked_fixture(limited, setup_small, teardown);
    tcase_add_test(limited, what_this_host_cannot_take_is_lost_and_counted);
    suite_add_tcase(suite, limited);

    return run_suite(suite);
}
