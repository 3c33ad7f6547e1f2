/* What a client is told in the place of messages that it does not get: exact fixed cases for each
 * policy, then random operations beside plain counting: of each room's numbers a client has got
 * every one, or a notice at its place has counted it. In memory; lanes turn when the test says so.
 *
 * TONI_TEST_SEED repeats one run, TONI_TEST_RUNS sets how many there are. */
#include "no_memory.h"
#include "rooms_fixture.h"
#include "runner.h"

#include "rooms/dropping.h"
#include "rooms/gap.h"
#include "rooms/gap_notice.h"
#include "rooms/marks.h"
#include "rooms/remote.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fixture fixture;
static toni_connections *connections;
static struct limits limits;
static struct peer *peer;

static struct gap_notice *notice_of(const char *template)
{
    struct gap_notice *notice = gap_notice_create(toni_str_of(template), gap_template_write);
    REQUIRE(notice && !gap_template_fault(notice->text));
    return notice;
}

static void join(const char *room)
{
    ck_assert_int_eq(toni_join_room(connections, peer->id, toni_str_of(room)), TONI_OK);
}

/* One client, that reads nothing until it is told to, in the rooms `r` and `s`. */
static void begin(enum outbox_policy policy, uint64_t messages, uint64_t bytes)
{
    limits = limits_default();
    limits.outbox_policy = policy;
    limits.outbox_messages = messages;
    limits.outbox_bytes = bytes;
    limits.gap_notice = notice_of("-{count} in {room}");
    fixture_init(&fixture, &limits, 1);
    connections = fixture.connections;
    peer = peer_connect_limited(&fixture, 0, &limits);
    peer->socket.window = 0;
    join("r");
    join("s");
}

static void finish(void)
{
    fixture_turn(&fixture);
    if (!peer->finished)
        peer_lose(peer);
    fixture_turn(&fixture);
    peer_destroy(&fixture, peer);
    fixture_finish(&fixture);
    gap_notice_unref(limits.gap_notice);
}

static void broadcast(const char *room, const char *text)
{
    ck_assert_int_eq(toni_broadcast_to_roomf(connections, toni_str_of(room), "%s", text), 1);
}

static void gap(const char *name, uint64_t count)
{
    struct room *room = room_table_find(&connections->common, toni_str_of(name));
    REQUIRE(room);
    ck_assert_int_eq(gap_tell(room, count), 0);
    room_unref(room);
}

static void send_text(const char *text)
{
    toni_message message = toni_text(toni_str_of(text));
    ck_assert_int_eq(toni_send_to_client(connections, peer->id, &message), TONI_OK);
}

/* Each of the texts, and a turn after each: small letters to the client itself, capitals to `s`,
 * all else to `r`. The first is in the socket's rest from then on. */
static void each(const char *texts)
{
    for (; *texts; texts++) {
        const char text[] = {*texts, '\0'};
        if (*texts >= 'a' && *texts <= 'z')
            send_text(text);
        else
            broadcast(*texts >= 'A' && *texts <= 'Z' ? "s" : "r", text);
        fixture_turn(&fixture);
    }
}

static void check_received(const char *texts)
{
    peer_take(peer, WINDOW_OPEN);
    fixture_turn(&fixture);
    ck_assert_str_eq(peer_texts(peer), texts);
    ck_assert_uint_eq(peer->client->receiver.outbox.marks, 0);
}

static uint64_t dropped(void)
{
    return fixture_dropped(connections);
}

static uint64_t notices(void)
{
    struct connections_figures figures;
    connections_figures(connections, &figures);
    return figures.gap_notices;
}

/* --- The place, and the sum */

START_TEST(a_notice_stands_where_messages_are_missing)
{
    static const struct {
        enum outbox_policy policy;
        uint64_t messages;
        const char *sent;
        const char *received;
        uint64_t notices;
    } cases[] = {
        {OUTBOX_DROP_OLDEST, 3, "1234", "1|2|3|4", 0},
        {OUTBOX_DROP_OLDEST, 3, "123456789", "1|-4 in r|6|7|8|9", 1},
        {OUTBOX_DROP_OLDEST, 2, "12AB345", "1|-1 in r|-2 in s|3|4|5", 2},
        {OUTBOX_DROP_OLDEST, 2, "12A3B45", "1|-2 in r|-1 in s|B|4|5", 2}, /* one of each room */
        {OUTBOX_DROP_OLDEST, 3, "1a23456", "1|a|-2 in r|4|5|6", 1},
        {OUTBOX_DROP_OLDEST, 3, "12a3456", "1|-1 in r|a|-1 in r|4|5|6", 2},
        {OUTBOX_DROP_NEWEST, 3, "123456789", "1|2|3|4|-5 in r", 1},
        {OUTBOX_DROP_NEWEST, 2, "123A4B5", "1|2|3|-2 in s|-2 in r", 2},
        {OUTBOX_LATEST, 2, "123456", "1|6", 0},
        {OUTBOX_CLOSE, 2, "12345", "1|<1008 slow consumer>", 0},
    };
    begin(cases[_i].policy, cases[_i].messages, 1000);
    each(cases[_i].sent);
    check_received(cases[_i].received);
    ck_assert_uint_eq(notices(), cases[_i].notices);
    finish();
}
END_TEST

/* The messages of one turn are one batch, of which a part is dropped. */
START_TEST(a_notice_stands_within_a_batch)
{
    static const struct {
        enum outbox_policy policy;
        uint64_t messages;
        const char *received;
    } cases[] = {{OUTBOX_DROP_OLDEST, 1, "1|2|-5 in r|8"},
                 {OUTBOX_DROP_OLDEST, 4, "1|2|-2 in r|5|6|7|8"},
                 {OUTBOX_DROP_NEWEST, 1, "1|2|3|4|5|6|7|-1 in r"}};

    begin(cases[_i].policy, cases[_i].messages, 1000);
    peer->socket.cuts = true;
    peer->socket.window = 4;
    for (const char *text = "1234567"; *text; text++)
        broadcast("r", (const char[]){*text, '\0'});
    fixture_turn(&fixture);
    each("8");
    check_received(cases[_i].received);
    finish();
}
END_TEST

static void ignore(void *data, const struct batch *batch, uint32_t messages)
{
    (void)data, (void)batch, (void)messages;
}

/* The ring is full when the mark needs a place: an old message and fresh ones are one entry. */
START_TEST(drop_newest_within_a_batch)
{
    struct outbox outbox;
    struct batch *batch = batch_create_broadcast(NULL, 100);
    outbox_init(&outbox);
    for (int i = 0; i < 6; i++)
        REQUIRE(!batch_append(batch, TONI_TEXT, "x", 1));
    struct batch *other = batch_create_broadcast(NULL, 100);
    REQUIRE(!batch_append(other, TONI_TEXT, "y", 1));
    REQUIRE(!outbox_push(&outbox, other, 0, 1) && !outbox_push(&outbox, batch, 0, 6));
    ck_assert_uint_eq(outbox.count, outbox.capacity);
    const struct outbox_dropping dropping = {ignore, NULL, true};
    outbox_drop_newest(&outbox, 4, &dropping);
    ck_assert_uint_eq(outbox.messages, 3);
    ck_assert_uint_eq(outbox.bytes, 9);
    ck_assert_uint_eq(outbox.count, 3);
    ck_assert(outbox_entry_is_mark(outbox_at(&outbox, 2)));
    ck_assert_uint_eq(outbox_at(&outbox, 2)->count, 4);
    ck_assert_uint_eq(outbox_clear(&outbox), 3);
    batch_unref(batch);
    batch_unref(other);
}
END_TEST

START_TEST(drop_newest_tells_between_what_it_takes)
{
    begin(OUTBOX_DROP_NEWEST, 2, 1000);
    each("12345");
    peer_take(peer, 3 + 3); /* the rest, and the next write */
    each("678");
    check_received("1|2|3|-2 in r|6|7|-1 in r");
    finish();
}
END_TEST

START_TEST(many_rooms_share_the_last_mark)
{
    char expected[2000] = "1", name[16];
    size_t size = 1;
    begin(OUTBOX_DROP_OLDEST, 1, 1000);
    for (int i = 0; i < 40; i++) {
        (void)snprintf(name, sizeof name, "m%d", i);
        join(name);
    }
    each("1");
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 40; i++) {
            (void)snprintf(name, sizeof name, "m%d", i);
            broadcast(name, name);
            fixture_turn(&fixture);
            ck_assert_uint_le(peer->client->receiver.outbox.marks, OUTBOX_MARKS_MAX);
        }
    }
    for (int i = 0; i < OUTBOX_MARKS_MAX - 1; i++)
        size += (size_t)snprintf(expected + size, sizeof expected - size, "|-2 in m%d", i);
    /* 80 less those, and the two that are there */
    (void)snprintf(expected + size, sizeof expected - size, "|-%d in *|m38|m39",
                   80 - 2 * (OUTBOX_MARKS_MAX - 1) - 2);
    check_received(expected);
    finish();
}
END_TEST

/* Of 200 rooms some have a message behind the notice that many share, and lose more behind that. */
START_TEST(what_is_lost_behind_a_shared_notice_has_one_of_its_own)
{
    char name[16];
    begin(OUTBOX_CLOSE, 1000, 100000);
    for (int i = 0; i < 200; i++) {
        (void)snprintf(name, sizeof name, "m%d", i);
        join(name);
    }
    each("1");
    for (int i = 0; i < 200; i++) {
        (void)snprintf(name, sizeof name, "m%d", i);
        gap(name, 1);
    }
    for (int i = 190; i < 200; i++) {
        (void)snprintf(name, sizeof name, "m%d", i);
        broadcast(name, "x");
        gap(name, 2);
        broadcast(name, "y");
        fixture_turn(&fixture);
    }
    peer_take(peer, WINDOW_OPEN);
    fixture_turn(&fixture);
    const char *behind = strstr(peer_texts(peer), "|-169 in *|");
    ck_assert_ptr_nonnull(behind);
    ck_assert_str_eq(behind, "|-169 in *|x|-2 in m190|y|x|-2 in m191|y|x|-2 in m192|y"
                             "|x|-2 in m193|y|x|-2 in m194|y|x|-2 in m195|y|x|-2 in m196|y"
                             "|x|-2 in m197|y|x|-2 in m198|y|x|-2 in m199|y");
    finish();
}
END_TEST

/* What `latest` takes out leaves nothing between two losses. */
START_TEST(losses_between_which_nothing_is_left_are_one_notice)
{
    begin(OUTBOX_LATEST, 100, 1000);
    each("1A");
    for (int i = 0; i < 100; i++) {
        gap("r", 1);
        broadcast("r", "2");
        fixture_turn(&fixture);
        ck_assert_uint_eq(peer->client->receiver.outbox.marks, 1);
    }
    check_received("1|A|-100 in r|2");
    ck_assert_uint_eq(notices(), 1);
    finish();
}
END_TEST

START_TEST(what_is_of_no_one_room_is_told_so)
{
    begin(OUTBOX_DROP_OLDEST, 1, 1000);
    each("1");
    for (const char *text = "2345"; *text; text++) {
        toni_message message = toni_text(toni_str_make(text, 1));
        toni_target *target =
            text[0] % 2 ? toni_to_room(connections, toni_str_of("r")) : toni_to_all(connections);
        if (text[0] % 2)
            toni_target_to_room(target, toni_str_of("s"));
        ck_assert_int_eq(toni_target_send(target, &message), 1);
        fixture_turn(&fixture);
    }
    check_received("1|-1 in *|-1 in *|4|5");
    finish();
}
END_TEST

/* Nothing that waits is a message: the direct send is taken, and dropping goes by messages. */
START_TEST(a_notice_counts_against_no_limit)
{
    toni_client_info *info;
    begin(OUTBOX_DROP_OLDEST, 2, 6);
    peer->socket.cuts = true;
    peer->socket.window = 4;
    each("12345");      /* the socket has `1` and a byte of `2` */
    peer_take(peer, 4); /* the rest of `2`, and two bytes of the notice */
    ck_assert_int_eq(toni_get_client(connections, peer->id, &info), TONI_OK);
    ck_assert_uint_eq(info->outbox_messages, 2);
    ck_assert_uint_eq(info->outbox_bytes, 6);
    toni_client_info_destroy(info);
    each("67");
    check_received("1|2|-1 in r|-1 in r|5|6|7");
    finish();
}
END_TEST

START_TEST(a_large_message_is_not_interrupted)
{
    static char large[200001];
    struct wire_reader reader;
    struct wire_message message;
    begin(OUTBOX_DROP_OLDEST, 1, 10);
    memset(large, 'x', sizeof large - 1);
    peer->socket.cuts = true;
    peer->socket.window = 70000;
    broadcast("r", large);
    fixture_turn(&fixture);
    each("12345");
    peer_take(peer, WINDOW_OPEN);
    wire_reader_init(&reader, peer->socket.wire.bytes, peer->socket.wire.length);
    ck_assert(wire_reader_next(&reader, &message));
    ck_assert_uint_eq(message.size, sizeof large - 1);
    ck_assert(wire_reader_next(&reader, &message));
    ck_assert_mem_eq(message.payload, "-4 in r", message.size);
    ck_assert(wire_reader_next(&reader, &message));
    ck_assert_mem_eq(message.payload, "5", message.size);
    wire_reader_finish(&reader);
    finish();
}
END_TEST

/* --- Other limits, and the end */

START_TEST(a_reload_changes_the_notice)
{
    struct limits changed;
    begin(OUTBOX_DROP_OLDEST, 1, 1000);
    each("1234");
    changed = limits;
    changed.gap_notice = notice_of("{{{room}}} {count}");
    client_set_limits(peer->client, &changed);
    each("5");
    check_received("1|{r} 2|4|5");
    client_set_limits(peer->client, &limits);
    gap_notice_unref(changed.gap_notice);
    finish();
}
END_TEST

START_TEST(without_a_notice_nothing_is_told)
{
    struct limits changed;
    begin(OUTBOX_DROP_OLDEST, 1, 1000);
    each("1234");
    changed = limits;
    changed.gap_notice = NULL;
    client_set_limits(peer->client, &changed);
    each("5");
    check_received("1|4|5");
    ck_assert_uint_eq(notices(), 0);
    client_set_limits(peer->client, &limits);
    finish();
}
END_TEST

START_TEST(a_close_comes_behind_the_notice)
{
    begin(OUTBOX_DROP_NEWEST, 1, 1000);
    each("1234");
    ck_assert_int_eq(toni_close_client(connections, peer->id, 4000, toni_str_of("bye")), TONI_OK);
    check_received("1|2|-2 in r|<4000 bye>");
    ck_assert_uint_eq(peer->socket.closed, 1);
    finish();
}
END_TEST

START_TEST(who_is_closed_at_once_is_told_nothing_else)
{
    begin(OUTBOX_DROP_NEWEST, 1, 1000);
    each("1234");
    client_close_now(peer->client, 1001, toni_str_of("gone"));
    check_received("1|<1001 gone>");
    finish();
}
END_TEST

START_TEST(a_lost_client_leaves_nothing)
{
    begin(OUTBOX_DROP_NEWEST, 1, 1000);
    each("1234");
    peer_lose(peer);
    finish();
}
END_TEST

/* The loss itself needs no memory; the notice does, as a message would. */
START_TEST(without_memory)
{
    begin(OUTBOX_DROP_OLDEST, 5, 1000);
    each("1234567"); /* its ring has two places more */
    ck_assert_uint_eq(dropped(), 0);
    for (const char *text = "89"; *text; text++) {
        broadcast("r", (const char[]){*text, '\0'});
        WITH_ALLOCATIONS(0, fixture_turn(&fixture));
        ck_assert(client_is_open(peer->client));
    }
    (void)allocation_failed();
    struct spares *spares = &fixture.connections->lanes[0].spares;
    ck_assert_uint_eq(spares->lists[SPARE_BATCH].count, 0); /* no thread is the lane's */
    ck_assert_uint_eq(dropped(), 2);
    REQUIRE(fake_socket_take(&peer->socket, WINDOW_OPEN));
    WITH_ALLOCATIONS(0, client_flush(peer->client));
    ck_assert(allocation_failed());
    check_received("1|<1011>");
    finish();
}
END_TEST

/* --- Gaps */

START_TEST(a_gap_stands_in_the_order_of_the_room)
{
    begin(OUTBOX_CLOSE, 100, 1000);
    broadcast("r", "1"); /* all in one turn */
    broadcast("r", "2");
    gap("r", 7);
    broadcast("r", "3");
    gap("s", 1);
    gap("s", 0);
    broadcast("s", "A");
    gap("r", (uint64_t)UINT32_MAX + 5);
    fixture_turn(&fixture);
    check_received("1|2|-7 in r|3|-? in s|A|-? in r");
    finish();
}
END_TEST

START_TEST(a_gap_comes_by_the_door)
{
    begin(OUTBOX_CLOSE, 100, 1000);
    remote_gap(&connections->common, toni_str_of("r"), 3, WHY_TRIMMED);
    remote_gap(&connections->common, toni_str_of("nobody's"), 3, WHY_TRIMMED);
    remote_gap(&connections->common, toni_str_of("r"), 0, WHY_EPOCH);
    broadcast("r", "1");
    remote_gap(&connections->common, toni_str_of(""), 2, WHY_HOLDING);
    fixture_turn(&fixture);
    check_received("-? in r|1|-2 in *");
    finish();
}
END_TEST

START_TEST(a_gap_is_told_to_who_waits_for_nothing)
{
    begin(OUTBOX_CLOSE, 100, 1000);
    peer->socket.window = WINDOW_OPEN;
    gap("r", 7);
    fixture_turn(&fixture);
    ck_assert_str_eq(peer_texts(peer), "-7 in r");
    gap("r", 2);
    fixture_turn(&fixture);
    ck_assert_str_eq(peer_texts(peer), "-7 in r|-2 in r");
    finish();
}
END_TEST

START_TEST(a_gap_is_told_to_members_alone)
{
    struct limits silent;
    begin(OUTBOX_CLOSE, 100, 1000);
    silent = limits;
    silent.gap_notice = NULL;
    struct peer *other = peer_connect(&fixture, 0);
    struct peer *deaf = peer_connect_limited(&fixture, 0, &silent);
    ck_assert_int_eq(toni_join_room(connections, other->id, toni_str_of("r")), TONI_OK);
    ck_assert_int_eq(toni_join_room(connections, deaf->id, toni_str_of("s")), TONI_OK);
    gap("s", 3);
    ck_assert_int_eq(toni_leave_room(connections, peer->id, toni_str_of("r")), TONI_OK);
    gap("r", 4);
    fixture_turn(&fixture);
    check_received("-3 in s");
    ck_assert_str_eq(peer_texts(other), "-4 in r");
    ck_assert_str_eq(peer_texts(deaf), "");
    peer_destroy(&fixture, other);
    peer_destroy(&fixture, deaf);
    finish();
}
END_TEST

START_TEST(a_gap_without_memory_is_told_to_nobody)
{
    int result = 0;
    begin(OUTBOX_CLOSE, 100, 1000);
    struct room *room = room_table_find(&connections->common, toni_str_of("r"));
    WITH_ALLOCATIONS(0, result = gap_tell(room, 1));
    ck_assert_int_eq(result, -1);
    room_unref(room);
    check_received("");
    finish();
}
END_TEST

START_TEST(a_client_that_takes_compressed_messages_reads_it)
{
    static char large[5001];
    begin(OUTBOX_DROP_OLDEST, 1, 100000);
    memset(large, 'z', sizeof large - 1);
    struct peer *other = peer_connect_deflating(&fixture, 0, &limits);
    ck_assert_int_eq(toni_join_room(connections, other->id, toni_str_of("d")), TONI_OK);
    other->socket.window = 0;
    for (int i = 0; i < 5; i++) {
        broadcast("d", large);
        fixture_turn(&fixture);
    }
    peer_take(other, WINDOW_OPEN);
    struct wire_reader reader;
    struct wire_message message;
    wire_reader_init(&reader, other->socket.wire.bytes, other->socket.wire.length);
    reader.deflates = true;
    ck_assert(wire_reader_next(&reader, &message) && message.was_compressed);
    ck_assert(wire_reader_next(&reader, &message) && !message.was_compressed);
    ck_assert_mem_eq(message.payload, "-2 in d", message.size);
    ck_assert(wire_reader_next(&reader, &message) && message.was_compressed);
    ck_assert_uint_eq(message.size, sizeof large - 1);
    wire_reader_finish(&reader);
    peer_destroy(&fixture, other);
    finish();
}
END_TEST

/* --- Templates */

START_TEST(templates)
{
    static const struct {
        const char *template, *room;
        uint32_t count;
        const char *text;
    } cases[] = {
        {"x", "r", 1, "x"},
        {"{count}", "r", UINT32_MAX - 1, "4294967294"},
        {"{count}", "r", GAP_COUNT_UNKNOWN, "?"},
        {"{room}{count}", "r", 3, "r3"},
        {"{room}", "", 3, "*"},
        {"{{count}}", "r", 3, "{count}"},
        {"{{{count}}}", "r", 3, "{3}"},
        {"}}{{", "r", 3, "}{"},
        {"ü {room}", "{count}", 3, "ü {count}"},
    };
    char text[GAP_TEXT_MAX];
    struct gap_notice *notice = notice_of(cases[_i].template);
    const size_t size = notice->write(notice, toni_str_of(cases[_i].room), cases[_i].count, text);
    ck_assert_uint_eq(size, strlen(cases[_i].text));
    ck_assert_mem_eq(text, cases[_i].text, size);
    gap_notice_unref(notice);
}
END_TEST

START_TEST(templates_with_a_fault)
{
    static const char *const cases[] = {"",
                                        "{",
                                        "}",
                                        "{}",
                                        "{counts}",
                                        "{count",
                                        "{{count}",
                                        "{count}}",
                                        "{count}{count}",
                                        "{room}{room}",
                                        "\xff"};
    ck_assert_ptr_nonnull(gap_template_fault(toni_str_of(cases[_i])));
}
END_TEST

START_TEST(the_largest_template)
{
    char template[GAP_TEMPLATE_MAX + 2], room[256], text[GAP_TEXT_MAX];
    memset(template, 'x', sizeof template - 1);
    template[sizeof template - 1] = '\0';
    ck_assert_ptr_nonnull(gap_template_fault(toni_str_of(template)));
    memcpy(template, "{room}{count}", 13);
    template[GAP_TEMPLATE_MAX] = '\0';
    memset(room, 'r', 255);
    room[255] = '\0';
    struct gap_notice *notice = notice_of(template);
    ck_assert_uint_eq(notice->write(notice, toni_str_of(room), UINT32_MAX - 1, text),
                      GAP_TEMPLATE_MAX - 13 + 255 + 10);
    gap_notice_unref(notice);
}
END_TEST

/* --- Random operations */

enum { RANDOM_ROOMS = 3, RANDOM_OPERATIONS = 4000, MANY_ROOMS = 200 };

/* What one client has been told of one room. */
struct log {
    uint64_t next;   /* the number that it has to get next */
    uint64_t told;   /* missing before that, by notices */
    bool has_shared; /* and maybe more, by one of several rooms */
};

/* At this place so many are missing, and have been told of here. */
static void take_missing(struct log *log, uint64_t missing)
{
    REQUIRE(missing == log->told || (log->has_shared && missing > log->told));
    log->told = 0;
    log->has_shared = false;
}

static void read_number(struct log *log, uint64_t number)
{
    REQUIRE(number >= log->next);
    take_missing(log, number - log->next);
    log->next = number + 1;
}

static void read_shared(struct log *logs, unsigned rooms)
{
    REQUIRE(rooms > OUTBOX_MARKS_MAX); /* of fewer there are never too many in one place */
    for (unsigned i = 0; i < rooms; i++)
        logs[i].has_shared = true;
}

/* Texts are `ROOM:NUMBER`, `d` for direct sends, and notices. @return All that was told. */
static uint64_t read_log(struct peer *of, struct log *logs, unsigned rooms)
{
    uint64_t told = 0;
    struct wire_reader reader;
    struct wire_message message;
    wire_reader_init(&reader, of->socket.wire.bytes, of->socket.wire.length);
    while (wire_reader_next(&reader, &message)) {
        char text[64], *end;
        REQUIRE(message.size < sizeof text);
        memcpy(text, message.payload, message.size);
        text[message.size] = '\0';
        if (strcmp(text, "d") == 0)
            continue;
        const bool is_notice = text[0] == '-';
        const uint64_t number = strtoull(text + is_notice, &end, 10);
        if (!is_notice) { /* the room was first */
            REQUIRE(*end == ':');
            read_number(&logs[number], strtoull(end + 1, NULL, 10));
            continue;
        }
        told += number;
        REQUIRE(strncmp(end, " in ", 4) == 0);
        if (end[4] != '*')
            logs[strtoull(end + 4, NULL, 10)].told += number;
        else
            read_shared(logs, rooms);
    }
    wire_reader_finish(&reader);
    return told;
}

static void broadcast_number(unsigned room, uint64_t *numbers)
{
    char name[8];
    (void)snprintf(name, sizeof name, "%u", room);
    toni_str text = toni_str_of(name);
    REQUIRE(toni_broadcast_to_roomf(connections, text, "%u:%llu", room,
                                    (unsigned long long)numbers[room]) == 1);
    numbers[room]++;
}

/* Numbers that nobody gets, of the rooms from @p room on. */
static void lose_numbers(struct dice *dice, unsigned end, unsigned room, uint64_t *numbers,
                         uint64_t *lost)
{
    char name[sizeof "4294967295"];
    for (; room < end; room++) {
        const uint64_t count = 1 + dice_below(dice, 5);
        (void)snprintf(name, sizeof name, "%u", room);
        gap(name, count);
        numbers[room] += count;
        *lost += count;
    }
}

/* So many, and one in each place that others can be in. */
static void require_marks_bounded(const struct outbox *outbox)
{
    const uint32_t places = outbox->count - outbox->marks + 1;
    REQUIRE(outbox->marks <= OUTBOX_MARKS_MAX + places);
}

static void random_operation(struct dice *dice, unsigned rooms, uint64_t *numbers, uint64_t *lost)
{
    toni_message direct = toni_text(toni_str_of("d"));
    const unsigned room = dice_below(dice, rooms);
    switch (dice_below(dice, 12)) {
    case 0:
        (void)toni_send_to_client(connections, peer->id, &direct);
        break;
    case 1:
        peer_take(peer, dice_below(dice, 40));
        break;
    case 2:
        if (dice_chance(dice, 20)) /* of many rooms at once, or of one */
            lose_numbers(dice, rooms > RANDOM_ROOMS ? rooms : room + 1, room, numbers, lost);
        break;
    case 3:
    case 4:
    case 5:
        fixture_turn(&fixture);
        break;
    default:
        broadcast_number(room, numbers);
        break;
    }
    require_marks_bounded(&peer->client->receiver.outbox);
}

static void run_random(uint64_t seed)
{
    static const enum outbox_policy policies[] = {OUTBOX_DROP_OLDEST, OUTBOX_DROP_NEWEST};
    struct dice dice = {seed};
    const bool many = dice_chance(&dice, 30);
    const unsigned rooms = many ? MANY_ROOMS : RANDOM_ROOMS;
    uint64_t numbers[MANY_ROOMS] = {0}, lost = 0;
    struct log logs[MANY_ROOMS] = {0};
    struct gateway_figures figures = {0};
    fixture_set_note("TONI_TEST_SEED=%llu", (unsigned long long)seed);
    begin(policies[dice_below(&dice, 2)], 1 + dice_below(&dice, many ? 50 : 6),
          many || dice_chance(&dice, 50) ? 100000 : 10 + dice_below(&dice, 30));
    peer->client->receiver.gateway_figures = &figures;
    peer->socket.cuts = dice_chance(&dice, 40);
    peer->socket.sips = !peer->socket.cuts && dice_chance(&dice, 40);
    for (unsigned i = 0; i < rooms; i++) {
        char name[sizeof "4294967295"];
        (void)snprintf(name, sizeof name, "%u", i);
        join(name);
    }
    for (int i = 0; i < RANDOM_OPERATIONS; i++)
        random_operation(&dice, rooms, numbers, &lost);
    peer_take(peer, WINDOW_OPEN);
    fixture_turn(&fixture);
    const uint64_t told = read_log(peer, logs, rooms);
    uint64_t dropped = 0;
    for (unsigned reason = 0; reason < DROP_REASON_COUNT; reason++)
        dropped += counter_read(&figures.dropped[reason]);
    REQUIRE(told == dropped + lost);
    for (unsigned i = 0; i < rooms; i++)
        take_missing(&logs[i], numbers[i] - logs[i].next);
    REQUIRE(dropped > 0);
    finish();
}

START_TEST(every_number_is_there_or_counted)
{
    const uint64_t seed = environment_number("TONI_TEST_SEED", 0);
    const uint64_t runs = seed ? 1 : environment_number("TONI_TEST_RUNS", 60);
    for (uint64_t run = 0; run < runs; run++)
        run_random(seed ? seed : 1 + run);
}
END_TEST

/* --- Threads */

enum { THREADS = 4, THREAD_LANES = 2, READERS = 3, EACH = 5000 };

struct arena {
    struct peer *peers[THREAD_LANES][READERS];
    atomic_bool is_over;
};

static struct arena arena;

static void *broadcast_much(void *data)
{
    const uint64_t thread = (uint64_t)(uintptr_t)data;
    for (uint64_t i = 0; i < EACH; i++) {
        int32_t result;
        do {
            result = toni_broadcast_to_roomf(connections, toni_str_of("r"), "%llu:%llu",
                                             (unsigned long long)thread, (unsigned long long)i);
        } while (result == TONI_ERR_BUSY);
        REQUIRE(result == THREAD_LANES * READERS);
        if (i % 100 == 0)
            remote_gap(&connections->common, toni_str_of("r"), 1, WHY_TRIMMED);
    }
    return NULL;
}

/* The readers take some bytes now and then. */
static void *work(void *data)
{
    struct lane *lane = data;
    struct dice dice = {lane->index};
    lane_attach(lane);
    while (!atomic_load(&arena.is_over)) {
        lane_turn(lane);
        fixture_require_backlogs(lane);
        peer_take(arena.peers[lane->index][dice_below(&dice, READERS)], dice_below(&dice, 200));
    }
    return NULL;
}

/* @return All that it has got, and been told of. */
static uint64_t account_of(struct peer *of)
{
    uint64_t all = 0;
    struct wire_reader reader;
    struct wire_message message;
    wire_reader_init(&reader, of->socket.wire.bytes, of->socket.wire.length);
    while (wire_reader_next(&reader, &message)) {
        const bool is_notice = message.payload[0] == '-';
        all += is_notice ? strtoull((const char *)message.payload + 1, NULL, 10) : 1;
    }
    wire_reader_finish(&reader);
    return all;
}

START_TEST(four_threads_broadcast)
{
    static const enum outbox_policy policies[] = {OUTBOX_DROP_OLDEST, OUTBOX_DROP_NEWEST};
    pthread_t workers[THREAD_LANES], threads[THREADS];
    limits = limits_default();
    limits.outbox_policy = policies[_i];
    limits.outbox_messages = 20;
    limits.gap_notice = notice_of("-{count} in {room}");
    fixture_init(&fixture, &limits, THREAD_LANES);
    connections = fixture.connections;
    arena.is_over = false;
    for (unsigned i = 0; i < THREAD_LANES * READERS; i++) {
        peer = peer_connect_limited(&fixture, i / READERS, &limits);
        peer->socket.window = 0;
        join("r");
        arena.peers[i / READERS][i % READERS] = peer;
    }
    for (unsigned i = 0; i < THREAD_LANES; i++)
        REQUIRE(!pthread_create(&workers[i], NULL, work, &connections->lanes[i]));
    for (uintptr_t i = 0; i < THREADS; i++)
        REQUIRE(!pthread_create(&threads[i], NULL, broadcast_much, (void *)i));
    for (unsigned i = 0; i < THREADS; i++)
        REQUIRE(!pthread_join(threads[i], NULL));
    atomic_store(&arena.is_over, true);
    for (unsigned i = 0; i < THREAD_LANES; i++)
        REQUIRE(!pthread_join(workers[i], NULL));
    fixture_attach(&fixture);
    fixture_turn(&fixture);
    ck_assert_uint_gt(notices(), 0);
    for (unsigned i = 0; i < THREAD_LANES * READERS; i++) {
        struct peer *reader = arena.peers[i / READERS][i % READERS];
        peer_take(reader, WINDOW_OPEN);
        fixture_turn(&fixture);
        ck_assert_uint_eq(account_of(reader), THREADS * EACH + THREADS * EACH / 100);
        peer_lose(reader);
        fixture_turn(&fixture);
        peer_destroy(&fixture, reader);
    }
    fixture_finish(&fixture);
    gap_notice_unref(limits.gap_notice);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rooms/gaps");
    TCase *cases = tcase_create("all");

    if (!no_memory_works())
        return NO_MEMORY_SKIPPED;
    tcase_set_timeout(cases, 60);
    tcase_add_loop_test(cases, a_notice_stands_where_messages_are_missing, 0, 10);
    tcase_add_loop_test(cases, a_notice_stands_within_a_batch, 0, 3);
    tcase_add_test(cases, drop_newest_within_a_batch);
    tcase_add_test(cases, drop_newest_tells_between_what_it_takes);
    tcase_add_test(cases, many_rooms_share_the_last_mark);
    tcase_add_test(cases, what_is_lost_behind_a_shared_notice_has_one_of_its_own);
    tcase_add_test(cases, losses_between_which_nothing_is_left_are_one_notice);
    tcase_add_test(cases, what_is_of_no_one_room_is_told_so);
    tcase_add_test(cases, a_notice_counts_against_no_limit);
    tcase_add_test(cases, a_large_message_is_not_interrupted);
    tcase_add_test(cases, a_reload_changes_the_notice);
    tcase_add_test(cases, without_a_notice_nothing_is_told);
    tcase_add_test(cases, a_close_comes_behind_the_notice);
    tcase_add_test(cases, who_is_closed_at_once_is_told_nothing_else);
    tcase_add_test(cases, a_lost_client_leaves_nothing);
    tcase_add_test(cases, without_memory);
    tcase_add_test(cases, a_gap_stands_in_the_order_of_the_room);
    tcase_add_test(cases, a_gap_comes_by_the_door);
    tcase_add_test(cases, a_gap_is_told_to_who_waits_for_nothing);
    tcase_add_test(cases, a_gap_is_told_to_members_alone);
    tcase_add_test(cases, a_gap_without_memory_is_told_to_nobody);
    tcase_add_test(cases, a_client_that_takes_compressed_messages_reads_it);
    tcase_add_loop_test(cases, templates, 0, 9);
    tcase_add_loop_test(cases, templates_with_a_fault, 0, 11);
    tcase_add_test(cases, the_largest_template);
    tcase_add_loop_test(cases, four_threads_broadcast, 0, 2);
    tcase_add_test(cases, every_number_is_there_or_counted);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
