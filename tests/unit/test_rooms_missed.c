/* Who has come back and reads: what it had missed, which may fill its outbox, costs it nothing that
 * comes behind. Who does not read is closed all the same. */
#include "history_fixture.h"
#include "runner.h"

#include "rooms/gap.h"
#include "rooms/gap_notice.h"
#include "rooms/room_table.h"

#include <string.h>

/* As many messages as rooms keep. */
static struct limits limits;

static void begin_with(enum outbox_policy policy)
{
    limits = limits_default();
    limits.outbox_messages = KEPT;
    limits.outbox_policy = policy;
    begin(NULL);
}

#define GAP_ROOM "a room of others"
#define GAP_TEXT "1 in " GAP_ROOM

/* A mark waits for it, of which a notice is made once it can be sent. */
static void miss_one_of(struct peer *peer, const char *name)
{
    ck_assert_int_eq(toni_join_room(connections, peer->id, toni_str_of(name)), TONI_OK);
    struct room *room = room_table_find(&connections->common, toni_str_of(name));
    ck_assert_ptr_nonnull(room);
    ck_assert_int_eq(gap_tell(room, 1), 0);
    room_unref(room);
}

/* Has missed as much as its outbox holds, and reads nothing yet. */
static struct peer *come_back_full(void)
{
    add_to(1, "k");
    const toni_position start = where("k");
    for (int i = 0; i < KEPT; i++)
        say("k", "m");
    struct peer *peer = peers[peer_count++] = peer_connect_limited(&fixture, 0, &limits);
    peer->socket.window = 0;
    peer->socket.sips = true;
    if (limits.gap_notice)
        miss_one_of(peer, GAP_ROOM);
    ck_assert_int_eq(ask(peer, "k", toni_since_position(start)), TONI_OK);
    ck_assert(last.is_recovered);
    return peer;
}

/* Each in a turn of its own. */
static void say_each(const char *texts)
{
    for (; *texts; texts++) {
        say("k", (const char[]){*texts, '\0'});
        turn();
    }
}

static void check_reads(struct peer *peer, const char *texts)
{
    peer_take(peer, WINDOW_OPEN);
    turn();
    ck_assert_str_eq(peer_texts(peer), texts);
}

START_TEST(what_comes_behind_finds_place)
{
    begin_with(OUTBOX_CLOSE);
    struct peer *peer = come_back_full();
    turn();
    say_each("12345");
    ck_assert(client_is_open(peer->client));
    check_reads(peer, "m|m|m|m|m|1|2|3|4|5");
}
END_TEST

START_TEST(so_do_direct_sends)
{
    begin_with(OUTBOX_CLOSE);
    struct peer *peer = come_back_full();
    ck_assert_int_eq(toni_send_to_client_text(connections, peer->id, TONI_LIT("at once")), TONI_OK);
    turn();
    for (int i = 1; i < KEPT; i++)
        ck_assert_int_eq(toni_send_to_client_text(connections, peer->id, TONI_LIT("d")), TONI_OK);
    ck_assert_int_eq(toni_send_to_client_text(connections, peer->id, TONI_LIT("d")), TONI_ERR_FULL);
    check_reads(peer, "m|m|m|m|m|at once|d|d|d|d");
}
END_TEST

START_TEST(who_reads_nothing_is_closed)
{
    begin_with(OUTBOX_CLOSE);
    struct peer *peer = come_back_full();
    turn();
    say_each("123456");
    ck_assert(client_is_open(peer->client)); /* the last came in the turn that looked */
    say_each("7");
    ck_assert(!client_is_open(peer->client));
    check_reads(peer, "<1008 slow consumer>");
}
END_TEST

START_TEST(once_it_has_read_it_has_an_outbox_as_before)
{
    begin_with(OUTBOX_CLOSE);
    struct peer *peer = come_back_full();
    turn();
    check_reads(peer, "m|m|m|m|m");
    peer->socket.window = 0;
    say_each("123456");
    ck_assert(client_is_open(peer->client));
    say_each("7");
    ck_assert(!client_is_open(peer->client));
}
END_TEST

/* Each that has gone out leaves a place less. */
START_TEST(so_it_is_while_it_reads)
{
    begin_with(OUTBOX_CLOSE);
    struct peer *peer = come_back_full();
    turn();
    peer_take(peer, 3 * 3); /* two bytes of head, and one of text */
    turn();
    say_each("123456");
    ck_assert(client_is_open(peer->client));
    say_each("7");
    ck_assert(!client_is_open(peer->client));
}
END_TEST

START_TEST(a_second_room_has_to_find_place_beside_it)
{
    begin_with(OUTBOX_CLOSE);
    struct peer *peer = come_back_full();
    add_to(1, "k2");
    const toni_position start = where("k2");
    say("k2", "n");
    ck_assert_int_eq(ask(peer, "k2", toni_since_position(start)), TONI_OK);
    ck_assert_str_eq(not_recovered_word(last.why), "outbox");
    turn();
    ck_assert_int_eq(toni_leave_room(connections, peer->id, TONI_LIT("k2")), TONI_OK);
    ck_assert_int_eq(ask(peer, "k2", toni_since_position(start)), TONI_OK);
    ck_assert_str_eq(not_recovered_word(last.why), "outbox");
    check_reads(peer, "m|m|m|m|m");
    ck_assert_int_eq(toni_leave_room(connections, peer->id, TONI_LIT("k2")), TONI_OK);
    ck_assert_int_eq(ask(peer, "k2", toni_since_position(start)), TONI_OK);
    ck_assert(last.is_recovered);
    turn();
}
END_TEST

/* A notice of a gap, which no limit counts, is longer than all that was missed behind it. */
START_TEST(a_notice_before_it_takes_nothing_of_it)
{
    struct gap_notice *notice =
        gap_notice_create(TONI_LIT("{count} in {room}"), gap_template_write);
    begin_with(OUTBOX_CLOSE);
    limits.gap_notice = notice;
    struct peer *peer = come_back_full();
    turn();
    peer_take(peer, 2 + strlen(GAP_TEXT));
    turn();
    check_reads(peer, GAP_TEXT "|m|m|m|m|m");
    peer->socket.window = 0;
    say_each("123456");
    ck_assert(client_is_open(peer->client));
    say_each("7");
    ck_assert(!client_is_open(peer->client));
    gap_notice_unref(notice);
}
END_TEST

START_TEST(nothing_of_it_is_dropped_and_what_comes_behind_only_beyond_an_outbox)
{
    static const struct {
        enum outbox_policy policy;
        const char *received;
    } cases[] = {{OUTBOX_DROP_OLDEST, "m|m|m|m|m|3|4|5|6|7|8"},
                 {OUTBOX_DROP_NEWEST, "m|m|m|m|m|1|2|3|4|5"},
                 {OUTBOX_LATEST, "m|m|m|m|m|8"}};
    begin_with(cases[_i].policy);
    struct peer *peer = come_back_full();
    turn();
    say_each("12345678");
    ck_assert(client_is_open(peer->client));
    check_reads(peer, cases[_i].received);
}
END_TEST

/* On its own worker: what it missed in the first room goes out before the second is asked. */
START_TEST(who_comes_back_to_two_rooms_at_once_gets_both)
{
    begin_with(OUTBOX_CLOSE);
    add_to(1, "k");
    add_to(1, "k2");
    const toni_position start = where("k"), start2 = where("k2");
    for (int i = 0; i < KEPT; i++) {
        say("k", "m");
        say("k2", "n");
    }
    turn();
    struct peer *peer = peers[peer_count++] = peer_connect_limited(&fixture, 0, &limits);
    lane_attach(&connections->lanes[0]);
    ck_assert_int_eq(ask(peer, "k", toni_since_position(start)), TONI_OK);
    ck_assert(last.is_recovered);
    ck_assert_int_eq(ask(peer, "k2", toni_since_position(start2)), TONI_OK);
    ck_assert_str_eq(not_recovered_word(last.why), "");
    ck_assert(last.is_recovered);
    turn();
    ck_assert_str_eq(peer_texts(peer), "m|m|m|m|m|n|n|n|n|n");
}
END_TEST

START_TEST(while_it_is_on_its_way_it_is_in_the_outbox_for_who_asks)
{
    toni_client_info *info;
    begin_with(OUTBOX_CLOSE);
    const struct peer *peer = come_back_full();
    ck_assert_int_eq(client_info(peer->client, &info), TONI_OK);
    ck_assert_uint_eq(info->outbox_messages, KEPT);
    ck_assert_uint_eq(info->outbox_bytes, KEPT * 3);
    free(info);
    turn();
    ck_assert_int_eq(client_info(peer->client, &info), TONI_OK);
    ck_assert_uint_eq(info->outbox_messages, KEPT);
    ck_assert_uint_eq(info->outbox_bytes, KEPT * 3);
    free(info);
}
END_TEST

/* Two writes take it, as it is larger than one. Another thread sends between them. */
static struct meanwhile {
    toni_client_id id;
    uint32_t writes, taken, refused;
} meanwhile;

static ssize_t write_and_send(void *socket, const uint8_t *bytes, size_t size)
{
    if (++meanwhile.writes == 2) {
        for (int i = 0; i < KEPT; i++) {
            if (toni_send_to_client_text(connections, meanwhile.id, TONI_LIT("d")) == TONI_OK)
                meanwhile.taken++;
            else
                meanwhile.refused++;
        }
    }
    return fake_transport.write(socket, bytes, size);
}

START_TEST(so_do_those_of_another_thread_while_it_goes_out)
{
    static char large[20001];
    struct transport transport = fake_transport;
    transport.write = write_and_send;
    begin_with(OUTBOX_CLOSE);
    add_to(1, "k");
    const toni_position start = where("k");
    memset(large, 'm', sizeof large - 1);
    for (int i = 0; i < KEPT; i++)
        say("k", large);
    struct peer *peer = peers[peer_count++] = peer_connect_limited(&fixture, 0, &limits);
    peer->client->receiver.transport = &transport;
    ck_assert_int_eq(ask(peer, "k", toni_since_position(start)), TONI_OK);
    ck_assert(last.is_recovered);
    meanwhile = (struct meanwhile){.id = peer->id};
    turn();
    ck_assert_uint_ge(meanwhile.writes, 2);
    ck_assert_uint_eq(meanwhile.refused, 0);
    ck_assert_uint_eq(meanwhile.taken, KEPT);
    turn();
    peer->client->receiver.transport = &fake_transport;
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rooms_missed");
    TCase *cases = tcase_create("missed");
    tcase_add_checked_fixture(cases, NULL, teardown);
    tcase_add_test(cases, what_comes_behind_finds_place);
    tcase_add_test(cases, so_do_direct_sends);
    tcase_add_test(cases, who_reads_nothing_is_closed);
    tcase_add_test(cases, once_it_has_read_it_has_an_outbox_as_before);
    tcase_add_test(cases, so_it_is_while_it_reads);
    tcase_add_test(cases, a_second_room_has_to_find_place_beside_it);
    tcase_add_test(cases, a_notice_before_it_takes_nothing_of_it);
    tcase_add_test(cases, who_comes_back_to_two_rooms_at_once_gets_both);
    tcase_add_test(cases, while_it_is_on_its_way_it_is_in_the_outbox_for_who_asks);
    tcase_add_test(cases, so_do_those_of_another_thread_while_it_goes_out);
    tcase_add_loop_test(cases, nothing_of_it_is_dropped_and_what_comes_behind_only_beyond_an_outbox,
                        0, 3);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
