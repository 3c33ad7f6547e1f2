/* What waits for clients: charged once, watched for whether it moves, and bounded for the host; and
 * the flow control that direct sends ask for. */
#include "rooms/backlog.h"
#include "rooms/pins.h"
#include "rooms_fixture.h"
#include "runner.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_SIZE = 10000, ENCODED = TEXT_SIZE + 4 };

static struct fixture fixture;
static toni_connections *connections;
static struct peer *peers[16];
static size_t peer_count;
static struct limits limits;
static char text[TEXT_SIZE + 1];

static uint64_t stuck_ms(const struct peer *peer)
{
    const struct receiver *receiver = &peer->client->receiver;
    return backlog_stuck_ms(&receiver->backlog, receiver->lane);
}

static void begin(uint64_t total)
{
    limits.outbox_bytes_total = total;
    fixture_init(&fixture, &limits, 2);
    connections = fixture.connections;
    peer_count = 0;
}

static void set_up(void)
{
    memset(text, 'x', TEXT_SIZE);
    limits = limits_default();
    limits.outbox_bytes = 20 * ENCODED;
    limits.outbox_messages = 20;
    begin(UINT64_C(1) << 30);
}

static void end(void)
{
    for (size_t i = 0; i < peer_count; i++)
        peer_destroy(&fixture, peers[i]);
    fixture_finish(&fixture);
}

static void set_time(uint64_t now_ms)
{
    for (uint32_t i = 0; i < connections->lane_count; i++)
        connections->lanes[i].now_ms = now_ms;
}

static void turn(void)
{
    fixture_turn(&fixture);
}

/* One whose socket takes nothing, and keeps no more than a frame that has begun. */
static struct peer *stuck(uint32_t lane)
{
    struct peer *peer = peers[peer_count++] = peer_connect(&fixture, lane);
    ck_assert_int_eq(toni_join_room(connections, peer->id, toni_str_of("r")), TONI_OK);
    peer->socket.sips = true;
    peer->socket.window = 0;
    return peer;
}

static int32_t send_text(const struct peer *peer)
{
    toni_message message = toni_text(toni_str_of(text));
    return toni_send_to_client(connections, peer->id, &message);
}

static void send_many(const struct peer *peer, int count)
{
    while (count-- > 0)
        ck_assert_int_eq(send_text(peer), TONI_OK);
    turn();
}

static void broadcast(int count)
{
    while (count-- > 0)
        ck_assert_int_ge(toni_broadcast_to_roomf(connections, toni_str_of("r"), "%s", text), 0);
    turn();
}

static uint64_t used(void)
{
    return budget_used(&connections->budgets[BUDGET_OUTBOX]);
}

/* --- What is charged */

START_TEST(who_takes_everything_is_charged_nothing)
{
    struct peer *peer = peers[peer_count++] = peer_connect(&fixture, 0);
    send_many(peer, 5);
    ck_assert_uint_eq(used(), 0);
    ck_assert_ptr_null(connections->lanes[0].pins[BUDGET_OUTBOX].first);
}
END_TEST

START_TEST(a_message_is_charged_once_however_many_wait_for_it)
{
    for (uint32_t i = 0; i < 8; i++)
        stuck(i % 2);
    broadcast(1);
    ck_assert_uint_ge(used(), ENCODED);
    ck_assert_uint_lt(used(), 3 * ENCODED); /* a batch has space for more, and each outbox a ring */
    for (size_t i = 0; i < peer_count; i++)
        ck_assert_uint_eq(peers[i]->client->receiver.outbox.bytes, ENCODED);
    for (size_t i = 0; i < peer_count; i++)
        peer_take(peers[i], WINDOW_OPEN);
    turn();
    ck_assert_uint_eq(used(), 0);
}
END_TEST

START_TEST(what_a_policy_drops_is_charged_no_more)
{
    limits.outbox_policy = OUTBOX_DROP_OLDEST;
    struct limits few = limits;
    few.outbox_messages = 2;
    peers[peer_count++] = peer_connect_limited(&fixture, 0, &few);
    ck_assert_int_eq(toni_join_room(connections, peers[0]->id, toni_str_of("r")), TONI_OK);
    peers[0]->socket.sips = true;
    peers[0]->socket.window = 0;
    for (int i = 0; i < 50; i++)
        broadcast(1);
    ck_assert_uint_lt(used(), 10 * ENCODED);
    peer_lose(peers[0]);
    turn();
    ck_assert_uint_eq(used(), 0);
}
END_TEST

/* --- Whether it moves */

START_TEST(it_is_stuck_since_something_moved_last)
{
    struct peer *peer = stuck(0);
    set_time(1000);
    ck_assert_uint_eq(stuck_ms(peer), 0);
    broadcast(3);
    set_time(4000);
    broadcast(1); /* what is added is no movement */
    ck_assert_uint_eq(stuck_ms(peer), 3000);
    peer_take(peer, ENCODED + 100);
    ck_assert_uint_eq(stuck_ms(peer), 0);
    set_time(5000);
    client_moved(peer->client);
    set_time(5500);
    ck_assert_uint_eq(stuck_ms(peer), 500);
    peer_take(peer, WINDOW_OPEN);
    ck_assert_uint_eq(stuck_ms(peer), 0);
}
END_TEST

/* --- Flow control */

START_TEST(direct_sends_above_half_pause_until_below_a_quarter)
{
    struct peer *peer = stuck(0);
    send_many(peer, 10);
    ck_assert(!peer->socket.paused); /* half */
    send_many(peer, 1);
    ck_assert(peer->socket.paused);
    peer_take(peer, 6 * ENCODED); /* one was begun: 5 are left */
    ck_assert_uint_eq(peer->client->receiver.outbox.direct_messages, 5);
    ck_assert(peer->socket.paused); /* a quarter */
    peer_take(peer, ENCODED);
    ck_assert(!peer->socket.paused);
    peer_take(peer, WINDOW_OPEN);
    turn();
    ck_assert_uint_eq(peer->client->receiver.outbox.direct_messages, 0);
    ck_assert_uint_eq(peer->client->receiver.outbox.direct_bytes, 0);
}
END_TEST

START_TEST(many_small_ones_pause_as_few_large_ones_do)
{
    struct peer *peer = stuck(0);
    text[1] = '\0';
    send_many(peer, 11);
    ck_assert(peer->socket.paused);
}
END_TEST

static void send_pongs(const struct peer *peer, int count)
{
    while (count-- > 0)
        ck_assert_int_eq(client_send_control(peer->client, FRAME_PONG, "p", 1), 0);
    turn();
}

/* They are no messages, and small: no other limit counts them. */
START_TEST(pongs_that_nobody_reads_pause_too)
{
    struct peer *peer = stuck(0);
    send_pongs(peer, OUTBOX_CONTROLS_MAX - 1);
    ck_assert(!peer->socket.paused);
    send_pongs(peer, 1);
    ck_assert(peer->socket.paused);
    peer_take(peer, 3 * (OUTBOX_CONTROLS_MAX - OUTBOX_CONTROLS_MAX / 4));
    turn();
    ck_assert(peer->socket.paused); /* a quarter */
    peer_take(peer, 3);
    turn();
    ck_assert(!peer->socket.paused);
}
END_TEST

START_TEST(pongs_that_are_read_do_not_pause)
{
    struct peer *peer = peers[peer_count++] = peer_connect(&fixture, 0);
    send_pongs(peer, 10 * OUTBOX_CONTROLS_MAX);
    ck_assert(!peer->socket.paused);
}
END_TEST

START_TEST(broadcasts_do_not_pause)
{
    struct peer *peer = stuck(0);
    broadcast(15);
    send_many(peer, 3);
    ck_assert(!peer->socket.paused);
    ck_assert_uint_eq(peer->client->receiver.outbox.direct_messages, 3);
    ck_assert_uint_eq(peer->client->receiver.outbox.direct_bytes, 3 * ENCODED);
}
END_TEST

START_TEST(before_a_flush_it_is_asked_for_above_half_alone)
{
    struct peer *peer = peers[peer_count++] = peer_connect(&fixture, 0);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(send_text(peer), TONI_OK);
    ck_assert(!client_may_pause(peer->client));
    ck_assert_int_eq(send_text(peer), TONI_OK);
    ck_assert(client_may_pause(peer->client));
    turn();
    ck_assert(!peer->socket.paused); /* the socket took it all */
    ck_assert(!client_may_pause(peer->client));
}
END_TEST

START_TEST(a_close_pauses_nobody)
{
    struct peer *peer = stuck(0);
    for (int i = 0; i < 15; i++)
        ck_assert_int_eq(send_text(peer), TONI_OK);
    ck_assert_int_eq(toni_close_client(connections, peer->id, 1000, toni_str_of("")), TONI_OK);
    turn(); /* fake_pause requires that it is not asked for after the close */
    ck_assert_uint_eq(peer->socket.begun, 1);
}
END_TEST

/* --- Telling who streams that it may go on */

START_TEST(above_half_then_below_a_quarter_is_told_once)
{
    struct peer *peer = stuck(0);
    send_many(peer, 10);
    peer_take(peer, 10 * ENCODED);
    ck_assert_uint_eq(peer->socket.drained, 0); /* half is not above it */
    peer->socket.window = 0;
    for (uint32_t round = 1; round <= 3; round++) {
        send_many(peer, 12);
        peer_take(peer, 7 * ENCODED);
        ck_assert_uint_eq(peer->client->receiver.outbox.messages, 5);
        ck_assert_uint_eq(peer->socket.drained, round - 1); /* a quarter is not below it */
        peer_take(peer, ENCODED);
        ck_assert_uint_eq(peer->socket.drained, round);
        peer_take(peer, 4 * ENCODED);
        turn();
        ck_assert_uint_eq(peer->socket.drained, round);
    }
}
END_TEST

START_TEST(a_broadcast_counts_as_what_waits)
{
    struct peer *peer = stuck(0);
    broadcast(12);
    peer_take(peer, WINDOW_OPEN);
    ck_assert_uint_eq(peer->socket.drained, 1);
}
END_TEST

START_TEST(few_large_messages_are_much_too)
{
    struct peer *peer = peers[peer_count++] = peer_connect(&fixture, 0);
    static char large[8 * ENCODED];
    const toni_message message = toni_binary(toni_str_make(large, sizeof large));
    peer->socket.cuts = true;
    peer->socket.window = 0;
    ck_assert_int_eq(toni_send_to_client(connections, peer->id, &message), TONI_OK);
    ck_assert_int_eq(toni_send_to_client(connections, peer->id, &message), TONI_OK);
    turn();
    peer_take(peer, WINDOW_OPEN);
    ck_assert_uint_eq(peer->socket.drained, 1);
}
END_TEST

/* Its worker has seen nothing of it: what was posted is flushed whole. */
START_TEST(a_refused_send_is_told_of_when_it_can_be_repeated)
{
    struct peer *peer = peers[peer_count++] = peer_connect(&fixture, 0);
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(send_text(peer), TONI_OK);
    ck_assert_int_eq(send_text(peer), TONI_ERR_FULL);
    ck_assert_int_eq(send_text(peer), TONI_ERR_FULL);
    ck_assert_uint_eq(peer->socket.drained, 0);
    turn();
    ck_assert_uint_eq(peer->socket.drained, 1);
    turn();
    ck_assert_uint_eq(peer->socket.drained, 1);
}
END_TEST

/* So it is whatever becomes of what was in its way: a larger one is refused though nothing waits.
 */
START_TEST(a_send_that_met_others_in_passing_is_told_of)
{
    struct peer *peer = peers[peer_count++] = peer_connect(&fixture, 0);
    struct receiver *receiver = &peer->client->receiver;
    atomic_fetch_add(&receiver->posted_messages, 20); /* of another thread, about to be refused */
    ck_assert_int_eq(send_text(peer), TONI_ERR_FULL);
    receiver_retract(receiver, 20, 0);
    turn();
    ck_assert_uint_eq(peer->socket.drained, 1);
}
END_TEST

START_TEST(who_is_being_closed_is_not_told)
{
    struct peer *peer = stuck(0);
    send_many(peer, 12);
    ck_assert_int_eq(toni_close_client(connections, peer->id, 1000, toni_str_of("")), TONI_OK);
    turn();
    peer_take(peer, WINDOW_OPEN); /* fake_drained requires that it is not called after the close */
    ck_assert_uint_eq(peer->socket.drained, 0);
}
END_TEST

START_TEST(what_a_policy_drops_is_as_good_as_sent)
{
    limits.outbox_policy = OUTBOX_LATEST;
    end();
    begin(UINT64_C(1) << 30);
    struct peer *peer = stuck(0);
    send_many(peer, 11);
    peer_take(peer, 6 * ENCODED);
    ck_assert_uint_eq(peer->socket.drained, 0);
    broadcast(9); /* one of these is left */
    peer_take(peer, ENCODED);
    ck_assert_uint_eq(peer->socket.drained, 0); /* four and one */
    peer_take(peer, ENCODED);
    ck_assert_uint_eq(peer->socket.drained, 1);
}
END_TEST

/* --- Too much for the host */

static uint64_t closed(void)
{
    uint64_t count = 0;
    for (size_t i = 0; i < peer_count; i++)
        count += peers[i]->client->receiver.evicted;
    return count;
}

START_TEST(who_has_not_moved_for_longest_among_the_large_goes_first)
{
    end();
    begin(30 * ENCODED);
    struct peer *small = stuck(0), *old = stuck(0), *new = stuck(1), *newest = stuck(1);
    set_time(1000);
    send_many(small, 1); /* for longest, but little */
    set_time(2000);
    send_many(old, 8);
    set_time(3000);
    send_many(new, 10);
    ck_assert_uint_eq(closed(), 0);
    set_time(4000);
    send_many(newest, 10);
    turn(); /* the other lane was woken */
    ck_assert(old->client->receiver.evicted);
    ck_assert_uint_eq(closed(), 1);
    ck_assert_uint_le(used(), 30 * ENCODED);
    peer_take(old, WINDOW_OPEN);
    ck_assert_str_eq(peer_texts(old) + strlen(peer_texts(old)) - 20, "<1008 slow consumer>");
}
END_TEST

START_TEST(as_many_go_as_have_to)
{
    end();
    begin(30 * ENCODED);
    for (uint32_t i = 0; i < 12; i++)
        stuck(i % 2);
    for (size_t i = 0; i < peer_count; i++) {
        set_time(1000 + i);
        send_many(peers[i], 10);
    }
    turn();
    turn();
    ck_assert_uint_le(used(), 30 * ENCODED);
    ck_assert_uint_ge(closed(), 9);
    ck_assert_uint_le(closed(), 11);
    ck_assert(!peers[11]->client->receiver.evicted); /* it came last */
    ck_assert(!budget_is_passed(&connections->budgets[BUDGET_OUTBOX]));
}
END_TEST

/* A lane that does not turn, since a callback holds it up, is not waited for. */
START_TEST(a_lane_that_hangs_holds_up_nobody)
{
    end();
    begin(24 * ENCODED);
    struct peer *there = stuck(0), *here = stuck(1);
    set_time(1000);
    send_many(there, 15);
    set_time(2000);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(send_text(here), TONI_OK);
    lane_turn(&connections->lanes[1]);
    ck_assert_uint_eq(closed(), 0);
    ck_assert(budget_is_left_to_others(&connections->lanes[1]));
    connections->lanes[1].now_ms = 2000 + BUDGET_YIELD_MS;
    lane_turn(&connections->lanes[1]);
    ck_assert(here->client->receiver.evicted);
    ck_assert(!budget_is_left_to_others(&connections->lanes[1]));
    ck_assert(!there->client->receiver.evicted);
}
END_TEST

/* A worker charges before it notes who pins that: another that looks in between finds nobody. */
START_TEST(the_first_who_takes_too_much_is_found_all_the_same)
{
    struct budget *budget = &connections->budgets[BUDGET_OUTBOX];
    struct lane *lane = &connections->lanes[0];
    struct pin pin = {0};
    budget_charge(budget, budget->limit + 1);
    ck_assert_ptr_null(budget_victim(budget, &connections->lanes[1]));
    pin_set(lane, BUDGET_OUTBOX, &pin, budget->limit + 1);
    ck_assert(budget_is_passed(budget)); /* so this one asks, at the end of its turn */
    ck_assert_ptr_eq(budget_victim(budget, lane), &pin);
    pin_set(lane, BUDGET_OUTBOX, &pin, 0);
    budget_release(budget, budget->limit + 1);
    ck_assert_ptr_null(budget_victim(budget, lane));
    ck_assert(!budget_is_passed(budget));
}
END_TEST

START_TEST(one_that_closes_already_is_dropped)
{
    end();
    begin(24 * ENCODED);
    struct peer *closing = stuck(0);
    set_time(1000);
    send_many(closing, 10);
    ck_assert_int_eq(toni_close_client(connections, closing->id, 1000, toni_str_of("")), TONI_OK);
    turn();
    set_time(2000);
    send_many(stuck(0), 15);
    ck_assert(closing->client->receiver.write_shut);
    ck_assert_uint_eq(closing->client->receiver.outbox.count, 0);
    ck_assert_uint_eq(closed(), 0);
}
END_TEST

START_TEST(a_send_that_is_too_large_is_counted)
{
    struct peer *peer = stuck(0);
    struct limits tiny = limits;
    tiny.outbox_bytes = 100;
    client_set_limits(peer->client, &tiny);
    ck_assert_int_eq(send_text(peer), TONI_ERR_TOO_BIG);
    ck_assert_uint_eq(counter_read(&connections->refused_sends[REFUSED_TOO_BIG]), 1);
    client_set_limits(peer->client, &limits);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rooms/backlog");
    TCase *cases = tcase_create("all");

    tcase_add_checked_fixture(cases, set_up, end);
    tcase_add_test(cases, who_takes_everything_is_charged_nothing);
    tcase_add_test(cases, a_message_is_charged_once_however_many_wait_for_it);
    tcase_add_test(cases, what_a_policy_drops_is_charged_no_more);
    tcase_add_test(cases, it_is_stuck_since_something_moved_last);
    tcase_add_test(cases, direct_sends_above_half_pause_until_below_a_quarter);
    tcase_add_test(cases, many_small_ones_pause_as_few_large_ones_do);
    tcase_add_test(cases, pongs_that_nobody_reads_pause_too);
    tcase_add_test(cases, pongs_that_are_read_do_not_pause);
    tcase_add_test(cases, broadcasts_do_not_pause);
    tcase_add_test(cases, before_a_flush_it_is_asked_for_above_half_alone);
    tcase_add_test(cases, a_close_pauses_nobody);
    tcase_add_test(cases, above_half_then_below_a_quarter_is_told_once);
    tcase_add_test(cases, a_broadcast_counts_as_what_waits);
    tcase_add_test(cases, few_large_messages_are_much_too);
    tcase_add_test(cases, a_refused_send_is_told_of_when_it_can_be_repeated);
    tcase_add_test(cases, a_send_that_met_others_in_passing_is_told_of);
    tcase_add_test(cases, who_is_being_closed_is_not_told);
    tcase_add_test(cases, what_a_policy_drops_is_as_good_as_sent);
    tcase_add_test(cases, who_has_not_moved_for_longest_among_the_large_goes_first);
    tcase_add_test(cases, as_many_go_as_have_to);
    tcase_add_test(cases, a_lane_that_hangs_holds_up_nobody);
    tcase_add_test(cases, the_first_who_takes_too_much_is_found_all_the_same);
    tcase_add_test(cases, one_that_closes_already_is_dropped);
    tcase_add_test(cases, a_send_that_is_too_large_is_counted);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
