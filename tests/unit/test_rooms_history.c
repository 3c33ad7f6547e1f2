/* Histories of rooms: who comes back gets all that it missed, once and in order, and then what
 * comes; or nothing of it, and is told why. Time is the test's. */
#include "history_fixture.h"
#include "runner.h"

#include "rooms/broadcast.h"
#include "rooms/history_change.h"
#include "rooms/receipt.h"
#include "rooms/remote.h"

#include <stdio.h>
#include <string.h>

static bool is_member(const struct peer *peer, const char *room)
{
    toni_client_ids *ids;
    bool is = false;
    ck_assert_int_eq(toni_get_room_members(connections, toni_str_of(room), &ids), TONI_OK);
    for (size_t i = 0; i < ids->count; i++)
        is = is || ids->ids[i] == peer->id;
    toni_client_ids_destroy(ids);
    return is;
}

/* --- Coming back */

START_TEST(who_comes_back_gets_what_it_missed_and_then_what_comes)
{
    struct peer *peer = add_to(0, "k");
    add_to(1, "k");
    ck_assert_int_eq(say("k", "1"), 2);
    const toni_position position = where("k");
    ck_assert_uint_eq(position.offset, 1);
    ck_assert_uint_ne(position.epoch, 0);
    lose(peer);
    say("k", "2");
    say("k", "3");
    struct peer *again = come_back("k", position);
    say("k", "4");
    check_recovered(again, 2, "2|3|4");
    ck_assert_uint_eq(last.at.epoch, position.epoch);
    ck_assert_uint_eq(last.at.offset, 3);
    ck_assert(is_member(again, "k"));
    ck_assert_uint_eq(counter_read(&connections->histories.recovered), 1);
}
END_TEST

START_TEST(who_missed_nothing_is_recovered)
{
    add_to(0, "k");
    say("k", "1");
    struct peer *again = come_back("k", where("k"));
    check_recovered(again, 0, "");
    say("k", "2");
    turn();
    ck_assert_str_eq(peer_texts(again), "2");
}
END_TEST

START_TEST(what_was_sent_before_the_comeback_is_not_sent_twice)
{
    struct peer *again = add(0);
    const toni_position start = where((add_to(0, "k"), "k"));
    for (int i = 0; i < 3; i++)
        say("k", "x");
    /* The lanes have not turned: the three are on their way to the other member. */
    ck_assert_int_eq(ask(again, "k", toni_since_position(start)), TONI_OK);
    say("k", "y");
    check_recovered(again, 3, "x|x|x|y");
}
END_TEST

START_TEST(who_was_never_there_gets_the_last_ones)
{
    add_to(1, "k");
    for (int i = 1; i <= 7; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "%d", i);
        say("k", text);
    }
    struct peer *peer = add(0), *greedy = add(0), *modest = add(0);
    ck_assert_int_eq(ask(peer, "k", toni_since_last(2)), TONI_OK);
    ck_assert_uint_eq(last.messages, 2);
    ck_assert(!last.is_recovered);
    ck_assert_str_eq(not_recovered_word(last.why), "");
    ck_assert_int_eq(ask(greedy, "k", toni_since_last(1000)), TONI_OK);
    ck_assert_uint_eq(last.messages, KEPT);
    ck_assert_int_eq(ask(modest, "k", toni_since_last(0)), TONI_OK);
    ck_assert_uint_eq(last.messages, 0);
    turn();
    ck_assert_str_eq(peer_texts(peer), "6|7");
    ck_assert_str_eq(peer_texts(greedy), "3|4|5|6|7");
    ck_assert_str_eq(peer_texts(modest), "");
    ck_assert_uint_eq(counter_read(&connections->histories.recovered), 0);
}
END_TEST

START_TEST(a_member_stays_what_it_is)
{
    struct peer *peer = add_to(0, "k");
    say("k", "1");
    turn();
    ck_assert_int_eq(ask(peer, "k", toni_since_position((toni_position){where("k").epoch, 0})),
                     TONI_OK);
    ck_assert_str_eq(not_recovered_word(last.why), "member");
    ck_assert_uint_eq(last.at.offset, 1);
    turn();
    ck_assert_str_eq(peer_texts(peer), "1");
}
END_TEST

/* --- Why not */

START_TEST(more_than_is_kept_is_trimmed)
{
    add_to(1, "k");
    say("k", "0");
    const toni_position start = where("k");
    for (int i = 0; i < KEPT; i++)
        say("k", "x");
    check_recovered(come_back("k", start), KEPT, "x|x|x|x|x");
    say("k", "y");
    check_not(come_back("k", start), "trimmed");
    ck_assert_uint_eq(counter_read(&connections->histories.not_recovered[NOT_TRIMMED]), 1);
}
END_TEST

START_TEST(what_is_too_old_is_trimmed)
{
    add_to(1, "k");
    const toni_position start = where("k");
    say("k", "1");
    clock_ms += SECONDS * 1000 - 1;
    say("k", "2");
    check_recovered(come_back("k", start), 2, "1|2");
    clock_ms++;
    check_not(come_back("k", start), "trimmed");
    check_recovered(come_back("k", (toni_position){start.epoch, 1}), 1, "2");
    clock_ms += SECONDS * 1000;
    check_not(come_back("k", (toni_position){start.epoch, 1}), "trimmed");
    check_recovered(come_back("k", (toni_position){start.epoch, 2}), 0, "");
}
END_TEST

START_TEST(positions_that_are_none)
{
    add_to(1, "k");
    say("k", "1");
    const toni_position here = where("k");
    check_not(come_back("k", (toni_position){here.epoch, 2}), "ahead");
    check_not(come_back("k", (toni_position){here.epoch, UINT64_MAX}), "ahead");
    check_not(come_back("k", (toni_position){here.epoch + 1, 1}), "epoch");
    check_not(come_back("k", (toni_position){UINT64_MAX, UINT64_MAX}), "epoch");
    check_not(come_back("other", here), "no_history");
    ck_assert_uint_eq(last.at.epoch, 0);
    const toni_position position = where("other");
    ck_assert_uint_eq(position.epoch, 0);
}
END_TEST

/* --- Less than all */

START_TEST(who_may_miss_less_gets_nothing_of_more)
{
    add_to(1, "k");
    toni_since since = toni_since_position(where("k"));
    for (int i = 0; i < 3; i++)
        say("k", "x");
    struct peer *peer = add(0);
    since.limit = 2;
    ck_assert_int_eq(ask(peer, "k", since), TONI_OK);
    check_not(peer, "too_much");
    since.limit = 3;
    peer = add(0);
    ck_assert_int_eq(ask(peer, "k", since), TONI_OK);
    check_recovered(peer, 3, "x|x|x");
}
END_TEST

START_TEST(what_does_not_fit_into_the_outbox_is_not_begun)
{
    struct limits limits = limits_default();
    limits.outbox_messages = 3;
    add_to(1, "k");
    const toni_position start = where("k");
    for (int i = 0; i < 4; i++)
        say("k", "x");
    struct peer *peer = peers[peer_count++] = peer_connect_limited(&fixture, 0, &limits);
    ck_assert_int_eq(ask(peer, "k", toni_since_position(start)), TONI_OK);
    check_not(peer, "outbox");
    ck_assert(is_member(peer, "k"));
    say("k", "y");
    turn();
    ck_assert_str_eq(peer_texts(peer), "y");
    struct peer *other = peers[peer_count++] = peer_connect_limited(&fixture, 0, &limits);
    ck_assert_int_eq(ask(other, "k", toni_since_position((toni_position){start.epoch, 2})),
                     TONI_OK);
    check_recovered(other, 3, "x|x|y");
    /* What waits there counts, too. */
    struct peer *full = peers[peer_count++] = peer_connect_limited(&fixture, 0, &limits);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(toni_send_to_client_text(connections, full->id, TONI_LIT("d")), TONI_OK);
    ck_assert_int_eq(ask(full, "k", toni_since_position((toni_position){start.epoch, 3})), TONI_OK);
    ck_assert_str_eq(not_recovered_word(last.why), "outbox");
    turn();
    ck_assert_str_eq(peer_texts(full), "d|d");
}
END_TEST

START_TEST(faults_are_those_of_a_join)
{
    struct limits limits = limits_default();
    limits.rooms_per_client = 1;
    struct peer *peer = peers[peer_count++] = peer_connect_limited(&fixture, 0, &limits);
    toni_since since = toni_since_last(1);
    ck_assert_int_eq(ask(peer, "", since), TONI_ERR_INVALID);
    ck_assert_int_eq(ask(peer, "k", since), TONI_OK);
    ck_assert_int_eq(ask(peer, "k2", since), TONI_ERR_LIMIT);
    ck_assert_uint_eq(toni_room_count(connections), 1);
    since.struct_size = 4;
    ck_assert_int_eq(ask(peer, "k", since), TONI_ERR_INVALID);
    lose(peer);
    ck_assert_int_eq(ask(peer, "k", toni_since_last(1)), TONI_ERR_NOT_FOUND);
}
END_TEST

/* --- What is kept */

START_TEST(a_room_keeps_its_messages_without_members)
{
    ck_assert_int_eq(say("k", "1"), 0);
    struct peer *peer = add_to(0, "k");
    const toni_position start = {where("k").epoch, 0};
    lose(peer);
    ck_assert_int_eq(say("k", "2"), 0);
    ck_assert_uint_eq(toni_room_count(connections), 0);
    toni_room_info *info;
    ck_assert_int_eq(toni_get_room(connections, toni_str_of("k"), &info), TONI_ERR_NOT_FOUND);
    toni_page page = TONI_PAGE_INIT;
    toni_room_names *names;
    ck_assert_int_eq(toni_list_rooms(connections, &page, &names), TONI_OK);
    ck_assert_uint_eq(names->count, 0);
    toni_room_names_destroy(names);
    ck_assert_int_eq(toni_set_room_metadata(connections, toni_str_of("k"), TONI_LIT("m")),
                     TONI_ERR_NOT_FOUND);
    check_recovered(come_back("k", start), 2, "1|2");
    ck_assert_uint_eq(toni_room_count(connections), 1);
}
END_TEST

START_TEST(an_empty_room_ends_when_its_last_message_is_too_old)
{
    say("k", "1");
    clock_ms += 3000;
    say("k", "2");
    const toni_position end = where("k");
    clock_ms += SECONDS * 1000 - 1;
    ck_assert(!room_history_sweep(connections, 100));
    ck_assert_uint_eq(connections->histories.rooms, 1);
    clock_ms++;
    ck_assert(!room_history_sweep(connections, 100));
    ck_assert_uint_eq(connections->histories.rooms, 0);
    ck_assert_uint_eq(connections->histories.bytes, 0);
    ck_assert_uint_eq(connections->histories.count, 0);
    check_not(come_back("k", end), "epoch");
}
END_TEST

START_TEST(so_many_rooms_forget_at_a_time)
{
    for (int i = 0; i < 10; i++) {
        char room[16];
        (void)snprintf(room, sizeof room, "k%d", i);
        say(room, "x");
    }
    clock_ms += SECONDS * 1000;
    ck_assert(room_history_sweep(connections, 4));
    ck_assert_uint_eq(connections->histories.rooms, 6);
    ck_assert(room_history_sweep(connections, 6));
    ck_assert(!room_history_sweep(connections, 1));
    ck_assert_uint_eq(connections->histories.count, 0);
}
END_TEST

static int32_t send_to(toni_target *target, const char *text)
{
    const toni_message message = toni_text(toni_str_of(text));
    return toni_target_send(target, &message);
}

static void receipt_finished(struct receipt *receipt)
{
    receipt->targeted += 100;
}

START_TEST(messages_of_the_room_alone_are_kept)
{
    struct peer *sender = add_to(1, "k");
    add_to(1, "k2");
    const toni_position start = where("k");
    toni_target *target = toni_to_room(connections, toni_str_of("k"));
    toni_target_except(target, sender->id);
    ck_assert_int_eq(send_to(target, "except"), 0);
    target = toni_to_room(connections, toni_str_of("k"));
    for (int i = 0; i < EXCEPTED_MAX + 1; i++)
        toni_target_except(target, add(0)->id);
    ck_assert_int_eq(send_to(target, "many"), 1);
    struct receipt receipt = {.finished = receipt_finished};
    const toni_message message = toni_text(TONI_LIT("receipt"));
    ck_assert_int_eq(
        target_send_receipt(toni_to_room(connections, toni_str_of("k")), &message, &receipt), 1);
    turn();
    ck_assert_uint_eq(receipt.targeted, 101);
    /* None of these takes a number. */
    target = toni_to_room(connections, toni_str_of("k"));
    toni_target_to_room(target, toni_str_of("k2"));
    ck_assert_int_eq(send_to(target, "union"), 2);
    send_to(toni_to_all(connections), "all");
    target = toni_to_room(connections, toni_str_of("k"));
    toni_target_to_client(target, sender->id);
    send_to(target, "client");
    ck_assert_uint_eq(where("k").offset, 3);
    ck_assert_uint_eq(where("k2").offset, 0);
    check_recovered(come_back("k", start), 3, "except|many|receipt");
}
END_TEST

START_TEST(rooms_that_nobody_is_in_are_kept_however_they_are_addressed)
{
    toni_target *target = toni_to_room(connections, toni_str_of("k1"));
    ck_assert_int_eq(send_to(target, "1"), 0);
    target = toni_to_room(connections, toni_str_of("k1"));
    for (int i = 0; i < EXCEPTED_MAX + 1; i++)
        toni_target_except(target, add(0)->id);
    ck_assert_int_eq(send_to(target, "2"), 0);
    const toni_position start = {where("k1").epoch, 0};
    check_recovered(come_back("k1", start), 2, "1|2");
    /* Others don't come about by that. */
    toni_position none;
    ck_assert_int_eq(say("other", "x"), 0);
    ck_assert_int_eq(toni_room_position(connections, toni_str_of("other"), &none),
                     TONI_ERR_NOT_FOUND);
}
END_TEST

START_TEST(a_refused_message_takes_no_number)
{
    add_to(0, "k");
    const toni_position start = where("k");
    ck_assert_int_eq(say("k", "\xff"), TONI_ERR_INVALID);
    ck_assert_uint_eq(where("k").offset, start.offset);
}
END_TEST

/* --- The host's bytes */

START_TEST(full_the_oldest_of_the_room_that_grows_go)
{
    keep("k*", 1000, SECONDS);
    atomic_store(&connections->histories.limit, 2 * HISTORY_COST + 10 * 64);
    add_to(1, "k1");
    add_to(1, "k2");
    const toni_position other = where("k2");
    say("k2", "stays");
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(say("k1", "01234567890123456789"), 1);
        ck_assert_uint_le(connections->histories.bytes, connections->histories.limit);
    }
    const toni_position here = where("k1");
    ck_assert_uint_eq(here.offset, 100);
    check_not(come_back("k1", (toni_position){here.epoch, 80}), "trimmed");
    check_recovered(come_back("k1", (toni_position){here.epoch, 98}), 2,
                    "01234567890123456789|01234567890123456789");
    check_recovered(come_back("k2", other), 1, "stays");
    ck_assert_uint_gt(counter_read(&connections->histories.crowded), 80);
}
END_TEST

START_TEST(a_room_without_space_keeps_nothing_and_sends_all_the_same)
{
    atomic_store(&connections->histories.limit, HISTORY_COST);
    struct peer *peer = add_to(1, "k");
    const toni_position start = where("k");
    ck_assert_int_eq(say("k", "1"), 1);
    turn();
    ck_assert_str_eq(peer_texts(peer), "1");
    check_not(come_back("k", start), "trimmed");
    ck_assert_int_eq(say("nobody", "1"), 0);
    ck_assert_int_eq(say("k9", "1"), 0);
    toni_position none;
    ck_assert_int_eq(toni_room_position(connections, toni_str_of("k9"), &none), TONI_ERR_NOT_FOUND);
    ck_assert_uint_eq(connections->histories.bytes, 0);
}
END_TEST

/* --- Other rules */

START_TEST(a_reload_changes_rooms_that_are_there)
{
    struct peer *peer = add_to(1, "k");
    add_to(1, "m");
    const toni_position start = where("k");
    say("k", "1");
    say("k", "2");
    say("m", "0");
    ck_assert_uint_eq(where("m").epoch, 0);
    keep("*", 1, SECONDS);
    check_not(come_back("k", start), "trimmed");
    check_recovered(come_back("k", (toni_position){start.epoch, 1}), 1, "2");
    const toni_position begun = where("m");
    ck_assert_uint_ne(begun.epoch, 0);
    say("m", "1");
    check_recovered(come_back("m", begun), 1, "1");
    say("alone", "x");
    ck_assert_int_eq(history_change(space_of(connections), NULL), 0);
    check_not(come_back("k", (toni_position){start.epoch, 1}), "no_history");
    toni_position none;
    ck_assert_int_eq(toni_room_position(connections, toni_str_of("alone"), &none),
                     TONI_ERR_NOT_FOUND);
    turn();
    ck_assert_str_eq(peer_texts(peer), "1|2");
}
END_TEST

/* It was to be looked at much later. */
START_TEST(a_reload_that_keeps_messages_for_less_time_has_them_forgotten_then)
{
    struct peer *peer = add_to(0, "k");
    say("k", "1");
    say("k1", "1");
    clock_ms += 500;
    keep("k*", KEPT, 1);
    clock_ms += 500;
    ck_assert(!room_history_sweep(connections, 100));
    ck_assert_uint_eq(connections->histories.rooms, 0);
    ck_assert_uint_eq(connections->histories.bytes, 0);
    ck_assert_uint_eq(connections->histories.count, 1);
    keep("k*", KEPT, SECONDS);
    lose(peer);
    ck_assert_uint_eq(connections->histories.awaited, 1);
    keep("k*", KEPT, 1);
    clock_ms += 1000;
    ck_assert(!room_history_sweep(connections, 100));
    ck_assert_uint_eq(connections->histories.count, 0);
}
END_TEST

/* --- Positions in messages */

static toni_message marked(const char *text, size_t at)
{
    return toni_message_with_position(toni_text(toni_str_of(text)), at);
}

#define MARKED "at=" TONI_POSITION_NONE ";"

static void check_mark(const char *texts, toni_position position, uint64_t first, int count)
{
    char expected[512] = "", text[TONI_POSITION_TEXT + 1];
    for (int i = 0; i < count; i++) {
        toni_position_text((toni_position){position.epoch, first + (uint64_t)i}, text);
        const size_t length = strlen(expected);
        (void)snprintf(expected + length, sizeof expected - length, "%sat=%s;", i > 0 ? "|" : "",
                       text);
    }
    ck_assert_str_eq(texts, expected);
}

START_TEST(a_message_says_where_it_is)
{
    struct peer *peer = add_to(0, "k"), *sender = add_to(1, "k");
    const toni_message message = marked(MARKED, 3);
    const toni_position start = where("k");
    ck_assert_int_eq(toni_broadcast_to_room(connections, toni_str_of("k"), &message), 2);
    toni_target *target = toni_to_room(connections, toni_str_of("k"));
    toni_target_except(target, sender->id);
    ck_assert_int_eq(toni_target_send(target, &message), 1);
    struct receipt receipt = {.finished = receipt_finished};
    ck_assert_int_eq(
        target_send_receipt(toni_to_room(connections, toni_str_of("k")), &message, &receipt), 2);
    turn();
    check_mark(peer_texts(peer), start, 1, 3);
    struct peer *again = come_back("k", start);
    turn();
    check_mark(peer_texts(again), start, 1, 3);
    ck_assert_str_eq(message.body.data, MARKED);
}
END_TEST

START_TEST(where_there_is_no_position_the_text_stays)
{
    struct peer *peer = add_to(0, "other"), *both = add_to(0, "k");
    const toni_message message = marked(MARKED, 3);
    ck_assert_int_eq(toni_broadcast_to_room(connections, toni_str_of("other"), &message), 1);
    toni_target *target = toni_to_room(connections, toni_str_of("k"));
    toni_target_to_room(target, toni_str_of("other"));
    ck_assert_int_eq(toni_target_send(target, &message), 2);
    ck_assert_int_eq(toni_send_to_client(connections, peer->id, &message), TONI_OK);
    turn();
    ck_assert_str_eq(peer_texts(peer), MARKED "|" MARKED "|" MARKED);
    ck_assert_str_eq(peer_texts(both), MARKED);
}
END_TEST

START_TEST(a_position_has_to_fit)
{
    add_to(0, "k");
    toni_message message = marked(MARKED, 4);
    ck_assert_int_eq(toni_broadcast_to_room(connections, toni_str_of("k"), &message), 1);
    message.position_at = 5;
    ck_assert_int_eq(toni_broadcast_to_room(connections, toni_str_of("k"), &message),
                     TONI_ERR_INVALID);
    message.position_at = SIZE_MAX;
    ck_assert_int_eq(toni_broadcast_to_room(connections, toni_str_of("k"), &message),
                     TONI_ERR_INVALID);
    message = marked("short", 1);
    ck_assert_int_eq(toni_broadcast_to_room(connections, toni_str_of("k"), &message),
                     TONI_ERR_INVALID);
    /* A plugin of before knows no position. */
    message.struct_size = TONI_MESSAGE_SIZE_1_0;
    ck_assert_int_eq(toni_broadcast_to_room(connections, toni_str_of("k"), &message), 1);
}
END_TEST

START_TEST(a_compressed_message_has_its_position)
{
    struct limits limits = limits_default();
    limits.deflate_above = 10;
    struct peer *peer = peers[peer_count++] = peer_connect_deflating(&fixture, 0, &limits);
    ck_assert_int_eq(toni_join_room(connections, peer->id, toni_str_of("k")), TONI_OK);
    char text[600] = "at=" TONI_POSITION_NONE ";";
    memset(text + strlen(text), 'x', 500);
    const toni_message message = marked(text, 3);
    const toni_position start = where("k");
    ck_assert_int_eq(toni_broadcast_to_room(connections, toni_str_of("k"), &message), 1);
    turn();
    struct wire_reader reader;
    struct wire_message read;
    wire_reader_init(&reader, peer->socket.wire.bytes, peer->socket.wire.length);
    reader.deflates = true;
    ck_assert(wire_reader_next(&reader, &read));
    ck_assert(read.was_compressed);
    char position[TONI_POSITION_TEXT + 1];
    toni_position_text((toni_position){start.epoch, 1}, position);
    ck_assert_mem_eq(read.payload + 3, position, TONI_POSITION_TEXT);
    wire_reader_finish(&reader);
}
END_TEST

/* --- With a door: the engine behind it keeps the messages, and knows their places */

static int32_t want(struct remote *remote, struct space *space, toni_str room)
{
    (void)remote, (void)space, (void)room;
    return TONI_OK;
}

static void unwant(struct remote *remote, struct space *space, toni_str room)
{
    (void)remote, (void)space, (void)room;
}

START_TEST(with_a_door_the_places_are_those_of_the_engine)
{
    static struct remote door = {.want = want, .unwant = unwant};
    space_of(connections)->remote = &door;
    struct peer *peer = add_to(0, "k");
    add_to(0, "other");
    toni_position none;
    ck_assert_int_eq(toni_room_position(connections, toni_str_of("k"), &none), TONI_ERR_BUSY);
    ck_assert_uint_eq(none.epoch, 0);
    const toni_message message = marked(MARKED, 3);
    const toni_position at = {7, 3};
    const struct envelope to = {.position_at = 3};
    ck_assert_int_eq(remote_deliver(space_of(connections), TONI_LIT("k"), at, &message, &to, NULL),
                     1);
    ck_assert_int_eq(
        remote_deliver(space_of(connections), TONI_LIT("other"), at, &message, NULL, NULL), 1);
    turn();
    check_mark(peer_texts(peer), at, 3, 1);
    ck_assert_uint_eq(where("k").epoch, 7);
    ck_assert_uint_eq(where("k").offset, 3);
    ck_assert_uint_eq(where("other").epoch, 0);
    ck_assert_uint_eq(connections->histories.bytes, 0);
}
END_TEST

START_TEST(texts_of_positions)
{
    char text[TONI_POSITION_TEXT + 1];
    toni_position position;
    toni_position_text((toni_position){0x123456789abcdef0, 42}, text);
    ck_assert_str_eq(text, "123456789abcdef0:000000000000002a");
    ck_assert_int_eq(toni_position_parse(toni_str_of(text), &position), TONI_OK);
    ck_assert_uint_eq(position.epoch, 0x123456789abcdef0);
    ck_assert_uint_eq(position.offset, 42);
    static const char *const wrong[] = {"",
                                        "123456789abcdef0:000000000000002",
                                        "123456789abcdef0:000000000000002aa",
                                        "123456789abcdef0-000000000000002a",
                                        "123456789Abcdef0:000000000000002a",
                                        "123456789abcdef0:00000000000000 2a",
                                        "g23456789abcdef0:000000000000002a"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        ck_assert_int_eq(toni_position_parse(toni_str_of(wrong[i]), &position), TONI_ERR_INVALID);
    ck_assert_uint_eq(position.offset, 42);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rooms_history");
    TCase *cases = tcase_create("all");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, who_comes_back_gets_what_it_missed_and_then_what_comes);
    tcase_add_test(cases, who_missed_nothing_is_recovered);
    tcase_add_test(cases, what_was_sent_before_the_comeback_is_not_sent_twice);
    tcase_add_test(cases, who_was_never_there_gets_the_last_ones);
    tcase_add_test(cases, a_member_stays_what_it_is);
    tcase_add_test(cases, more_than_is_kept_is_trimmed);
    tcase_add_test(cases, what_is_too_old_is_trimmed);
    tcase_add_test(cases, positions_that_are_none);
    tcase_add_test(cases, who_may_miss_less_gets_nothing_of_more);
    tcase_add_test(cases, what_does_not_fit_into_the_outbox_is_not_begun);
    tcase_add_test(cases, faults_are_those_of_a_join);
    tcase_add_test(cases, a_room_keeps_its_messages_without_members);
    tcase_add_test(cases, an_empty_room_ends_when_its_last_message_is_too_old);
    tcase_add_test(cases, so_many_rooms_forget_at_a_time);
    tcase_add_test(cases, messages_of_the_room_alone_are_kept);
    tcase_add_test(cases, rooms_that_nobody_is_in_are_kept_however_they_are_addressed);
    tcase_add_test(cases, a_refused_message_takes_no_number);
    tcase_add_test(cases, full_the_oldest_of_the_room_that_grows_go);
    tcase_add_test(cases, a_room_without_space_keeps_nothing_and_sends_all_the_same);
    tcase_add_test(cases, a_reload_changes_rooms_that_are_there);
    tcase_add_test(cases, a_reload_that_keeps_messages_for_less_time_has_them_forgotten_then);
    tcase_add_test(cases, a_message_says_where_it_is);
    tcase_add_test(cases, where_there_is_no_position_the_text_stays);
    tcase_add_test(cases, a_position_has_to_fit);
    tcase_add_test(cases, a_compressed_message_has_its_position);
    tcase_add_test(cases, with_a_door_the_places_are_those_of_the_engine);
    tcase_add_test(cases, texts_of_positions);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
