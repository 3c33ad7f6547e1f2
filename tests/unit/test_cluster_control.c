/* Requests between nodes: what becomes of each, and the bytes that carry them. */
#include "cluster/control.h"

#include "no_memory.h"
#include "runner.h"

#include <string.h>

static const struct node_identity me = {1, 100}, left = {2, 200}, right = {3, 300};
static const struct control_settings settings = {
    .asks_max = 4, .receipts_max = 4, .nameless = 88, .bytes_max = 1u << 20, .nodes_max = 8};
static const struct control_request join = {
    .form = CONTROL_JOIN, .client = 77, .room = {"lobby", 5}, .space = {"quiz", 4}};
static const struct control_request room_page = {
    .form = CONTROL_ROOM, .room = {"lobby", 5}, .limit = 4};

enum { NOW = 1000, ANSWER_MS = 500 };

static struct control_table *control;
static struct payload *last_sent; /* the frame that was read of it leads into it */

static void see(struct node_identity identity, const char *text)
{
    struct payload *name = payload_create(text, strlen(text), 0);

    ck_assert_ptr_nonnull(name);
    control_seen(control, identity, name);
    payload_unref(name);
}

static void begin(void)
{
    control = control_table_create(&settings);
    ck_assert_ptr_nonnull(control);
    control_held(control, me);
    see(left, "left");
    see(right, "right");
}

/* The table holds nothing any more. */
static void end(void)
{
    struct control_send send;

    while (control_take_send(control, &send))
        payload_unref(send.payload);
    ck_assert_ptr_null(control_take(control));
    ck_assert_uint_eq(control_count(control), 0);
    ck_assert_uint_eq(control_bytes(control), 0);
    control_table_destroy(control);
    payload_unref(last_sent);
    last_sent = NULL;
}

/* The next that is published, as it is read by whom it is for. */
static uint64_t take_send(uint32_t slot, struct control_frame *frame)
{
    struct control_send send;

    payload_unref(last_sent);
    last_sent = NULL;
    ck_assert(control_take_send(control, &send));
    ck_assert_uint_eq(send.slot, slot);
    ck_assert(control_read(send.payload->bytes, send.payload->size, frame));
    last_sent = send.payload;
    return send.cookie;
}

static void ask(struct node_identity to, const struct control_request *request)
{
    ck_assert_int_eq(control_ask_node(control, to, request, ANSWER_MS, 5, NOW), CLUSTER_DONE);
}

/* A node answers what it was asked by @p frame. */
static void answer_it(const struct control_frame *frame, const struct control_answer *answer)
{
    const struct control_head head = {
        .number = frame->head.number, .from = frame->head.to, .to = frame->head.from};
    struct payload *payload = control_answer_write(&head, answer);
    struct control_frame none;

    ck_assert(!control_message(control, payload->bytes, payload->size, &none));
    payload_unref(payload);
}

static struct control_ask *take(enum control_outcome outcome)
{
    struct control_ask *done = control_take(control);

    ck_assert_ptr_nonnull(done);
    ck_assert_int_eq(done->outcome, outcome);
    ck_assert_uint_eq(done->cookie, 5);
    return done;
}

static void expect(enum control_outcome outcome)
{
    control_ask_destroy(take(outcome));
}

START_TEST(a_request_says_all_of_what_is_asked)
{
    struct control_frame frame;

    begin();
    ask(left, &join);
    (void)take_send(2, &frame);
    ck_assert_int_eq(frame.request.form, CONTROL_JOIN);
    ck_assert(node_identity_equal(frame.head.from, me));
    ck_assert(node_identity_equal(frame.head.to, left));
    ck_assert_uint_eq(frame.request.client, 77);
    ck_assert_uint_eq(frame.request.room.size, 5);
    ck_assert_mem_eq(frame.request.room.bytes, "lobby", 5);
    ck_assert_mem_eq(frame.request.space.bytes, "quiz", 4);
    ck_assert_uint_eq(frame.request.body.size, 0);
    control_end(control);
    expect(CONTROL_NO_ANSWER);
    end();
}
END_TEST

START_TEST(an_answer_is_what_the_node_said)
{
    struct control_frame frame;

    begin();
    ask(left, &join);
    (void)take_send(2, &frame);
    answer_it(&frame, &(struct control_answer){.status = -3});
    struct control_ask *done = take(CONTROL_ANSWERED);
    ck_assert_int_eq(done->status, -3);
    ck_assert_uint_eq(done->missing, 0);
    control_ask_destroy(done);
    /* A second time it is none. */
    answer_it(&frame, &(struct control_answer){.status = -4});
    end();
}
END_TEST

START_TEST(a_node_that_has_the_slot_of_another_says_so_and_does_nothing)
{
    struct control_frame frame, answer;

    begin();
    ask(left, &join);
    (void)take_send(2, &frame);
    struct payload *request = control_request_write(
        &(struct control_head){.number = 9, .from = left, .to = {1, 99}}, &join);
    ck_assert(!control_message(control, request->bytes, request->size, &frame));
    payload_unref(request);
    (void)take_send(2, &answer);
    ck_assert_int_eq(answer.answer.status, CONTROL_STATUS_OTHER_NODE);
    ck_assert_uint_eq(answer.head.number, 9);
    /* And who hears that has asked nobody. */
    answer.head.number = 1;
    answer_it(&(struct control_frame){.head = {.number = 1, .from = me, .to = left}},
              &answer.answer);
    expect(CONTROL_NO_NODE);
    end();
}
END_TEST

START_TEST(without_a_lease_nothing_is_carried_out_or_asked)
{
    struct control_frame frame;

    begin();
    control_lost(control);
    ck_assert_int_eq(control_ask_node(control, left, &join, ANSWER_MS, 5, NOW), CLUSTER_BUSY);
    struct payload *request =
        control_request_write(&(struct control_head){.number = 9, .from = left, .to = me}, &join);
    ck_assert(!control_message(control, request->bytes, request->size, &frame));
    control_held(control, me);
    ck_assert(control_message(control, request->bytes, request->size, &frame));
    payload_unref(request);
    end();
}
END_TEST

START_TEST(what_was_not_sent_was_not_done)
{
    struct control_frame frame;

    begin();
    ask(left, &join);
    control_sent(control, take_send(2, &frame), PUBLISH_REJECTED, 0, NOW);
    expect(CONTROL_NOT_SENT);
    ask(left, &join);
    control_sent(control, take_send(2, &frame), PUBLISH_UNKNOWN, 0, NOW);
    ck_assert_ptr_null(control_take(control));
    answer_it(&frame, &(struct control_answer){.status = 0});
    expect(CONTROL_ANSWERED);
    end();
}
END_TEST

/* A node that has connected anew, and has not subscribed its channel yet. */
START_TEST(what_a_living_node_did_not_hear_is_sent_again)
{
    struct control_frame frame;
    struct control_send none;

    begin();
    ask(left, &join);
    control_sent(control, take_send(2, &frame), PUBLISH_OK, 0, NOW);
    ck_assert(!control_take_send(control, &none));
    const uint64_t again_ms = control_due(control);
    ck_assert_uint_lt(again_ms, NOW + ANSWER_MS);
    control_tick(control, again_ms - 1);
    ck_assert(!control_take_send(control, &none));
    control_tick(control, again_ms);
    control_sent(control, take_send(2, &frame), PUBLISH_OK, 1, again_ms);
    ck_assert_uint_eq(frame.request.client, 77);
    ck_assert_uint_eq(control_due(control), NOW + ANSWER_MS);
    answer_it(&frame, &(struct control_answer){.status = 0});
    expect(CONTROL_ANSWERED);
    end();
}
END_TEST

START_TEST(what_a_node_never_heard_was_not_done)
{
    struct control_frame frame;
    uint32_t sends = 0;

    begin();
    ask(left, &join);
    for (uint64_t now_ms = NOW; control_count(control) > 0; now_ms = control_due(control)) {
        control_tick(control, now_ms);
        if (control_count(control) == 0)
            break;
        control_sent(control, take_send(2, &frame), PUBLISH_OK, 0, now_ms);
        sends++;
    }
    ck_assert_uint_ge(sends, 2);
    ck_assert_uint_le(sends, 10);
    expect(CONTROL_NOT_SENT);
    ck_assert_uint_eq(control_due(control), UINT64_MAX);
    ask(left, &join);
    control_sent(control, take_send(2, &frame), PUBLISH_OK, 0, NOW);
    control_gone(control, left);
    expect(CONTROL_NO_NODE);
    end();
}
END_TEST

/* The engine says of a repeat that it was applied, and not who got it then. */
START_TEST(a_repeat_is_not_sent_again)
{
    struct control_frame frame;
    struct control_send none;

    begin();
    ask(left, &join);
    control_sent(control, take_send(2, &frame), PUBLISH_OK, RECEIVERS_UNKNOWN, NOW);
    ck_assert_uint_eq(control_due(control), NOW + ANSWER_MS);
    control_tick(control, NOW + ANSWER_MS - 1);
    ck_assert(!control_take_send(control, &none));
    control_tick(control, NOW + ANSWER_MS);
    expect(CONTROL_NO_ANSWER);
    end();
}
END_TEST

START_TEST(without_an_answer_in_time_nobody_knows)
{
    begin();
    ask(left, &join);
    ck_assert_uint_eq(control_due(control), NOW + ANSWER_MS);
    control_tick(control, NOW + ANSWER_MS - 1);
    ck_assert_ptr_null(control_take(control));
    control_tick(control, NOW + ANSWER_MS);
    struct control_ask *done = take(CONTROL_NO_ANSWER);
    ck_assert_uint_eq(done->missing, 1);
    ck_assert_mem_eq(done->targets[0].name->bytes, "left", 4);
    control_ask_destroy(done);
    ck_assert_uint_eq(control_due(control), UINT64_MAX);
    end();
}
END_TEST

START_TEST(those_with_a_short_time_end_first)
{
    begin();
    ck_assert_int_eq(control_ask_node(control, left, &join, 900, 1, NOW), 0);
    ck_assert_int_eq(control_ask_node(control, left, &join, 300, 2, NOW), 0);
    ck_assert_int_eq(control_ask_node(control, left, &join, 600, 3, NOW), 0);
    for (uint64_t i = 0; i < 3; i++) {
        static const uint64_t order[] = {2, 3, 1};
        ck_assert_uint_eq(control_due(control), NOW + 300 * (i + 1));
        control_tick(control, control_due(control));
        struct control_ask *done = control_take(control);
        ck_assert_uint_eq(done->cookie, order[i]);
        control_ask_destroy(done);
    }
    end();
}
END_TEST

START_TEST(nobody_waits_for_a_node_that_is_gone)
{
    struct node_identity found;

    begin();
    ask(left, &join);
    control_gone(control, left);
    expect(CONTROL_NO_ANSWER);
    ck_assert_int_eq(control_ask_node(control, left, &join, ANSWER_MS, 5, NOW), CLUSTER_INVALID);
    ck_assert(control_find(control, (struct client_origin){3, 300}, &found));
    ck_assert(node_identity_equal(found, right));
    ck_assert(!control_find(control, (struct client_origin){3, 301}, &found));
    ck_assert(!control_find(control, (struct client_origin){2, 200}, &found));
    end();
}
END_TEST

START_TEST(a_room_is_the_sum_of_all_with_the_lowest_ids)
{
    static const uint64_t lefts[] = {3, 8, 9, 11}, rights[] = {1, 5, 10};
    struct control_frame frame;

    begin();
    ck_assert_int_eq(control_ask_all(control, &room_page, ANSWER_MS, 5, NOW), CLUSTER_DONE);
    (void)take_send(2, &frame);
    answer_it(&frame, &(struct control_answer){.count = 40, .ids = lefts, .id_count = 4});
    ck_assert_ptr_null(control_take(control));
    (void)take_send(3, &frame);
    answer_it(&frame, &(struct control_answer){.count = 3, .ids = rights, .id_count = 3});
    struct control_ask *done = take(CONTROL_ANSWERED);
    ck_assert_uint_eq(done->count, 43);
    ck_assert_uint_eq(done->id_count, 4);
    ck_assert_mem_eq(done->ids, ((uint64_t[]){1, 3, 5, 8}), 4 * sizeof(uint64_t));
    control_ask_destroy(done);
    end();
}
END_TEST

START_TEST(a_room_names_those_that_did_not_answer)
{
    struct control_frame frame;

    begin();
    ck_assert_int_eq(control_ask_all(control, &room_page, ANSWER_MS, 5, NOW), CLUSTER_DONE);
    (void)take_send(2, &frame);
    answer_it(&frame, &(struct control_answer){.count = 40});
    control_tick(control, NOW + ANSWER_MS);
    struct control_ask *done = take(CONTROL_NO_ANSWER);
    ck_assert_uint_eq(done->count, 40);
    ck_assert_uint_eq(done->missing, 1);
    ck_assert_int_eq(done->targets[0].outcome, CONTROL_ANSWERED);
    ck_assert_int_eq(done->targets[1].outcome, CONTROL_NO_ANSWER);
    ck_assert_mem_eq(done->targets[1].name->bytes, "right", 5);
    control_ask_destroy(done);
    end();
}
END_TEST

START_TEST(a_node_that_could_not_count_is_missing)
{
    struct control_frame frame;

    begin();
    ck_assert_int_eq(control_ask_all(control, &room_page, ANSWER_MS, 5, NOW), CLUSTER_DONE);
    (void)take_send(2, &frame);
    answer_it(&frame, &(struct control_answer){.count = 40});
    (void)take_send(3, &frame);
    answer_it(&frame, &(struct control_answer){.status = -5, .count = 7});
    struct control_ask *done = take(CONTROL_NO_ANSWER);
    ck_assert_uint_eq(done->count, 40);
    ck_assert_uint_eq(done->missing, 1);
    control_ask_destroy(done);
    end();
}
END_TEST

START_TEST(where_nobody_else_is_all_have_answered)
{
    begin();
    control_gone(control, left);
    control_gone(control, right);
    ck_assert_int_eq(control_ask_all(control, &room_page, ANSWER_MS, 5, NOW), CLUSTER_DONE);
    expect(CONTROL_ANSWERED);
    end();
}
END_TEST

/* --- Receipts */

static void counts_from(struct node_identity from, uint64_t number, struct control_counts counts)
{
    answer_it(&(struct control_frame){.head = {.number = number, .from = me, .to = from}},
              &(struct control_answer){.counts = counts});
}

START_TEST(a_receipt_is_the_sum_of_as_many_as_got_the_message)
{
    uint64_t number;
    struct node_identity from;

    begin();
    ck_assert_int_eq(control_receipt(control, 5, &number, &from), CLUSTER_DONE);
    control_receipt_counted(control, number, from, (struct control_counts){10, 9, 1, 0});
    counts_from(left, number, (struct control_counts){5, 4, 0, 1});
    ck_assert_ptr_null(control_take(control)); /* nobody knows yet how many these are */
    control_receipt_sent(control, number, PUBLISH_OK, 2, ANSWER_MS, NOW);
    struct control_ask *done = take(CONTROL_ANSWERED);
    ck_assert_uint_eq(done->counts.targeted, 15);
    ck_assert_uint_eq(done->counts.queued, 13);
    ck_assert_uint_eq(done->counts.dropped, 1);
    ck_assert_uint_eq(done->counts.closed, 1);
    ck_assert_uint_eq(done->missing, 0);
    control_ask_destroy(done);
    end();
}
END_TEST

START_TEST(a_receipt_tells_how_many_are_missing_and_who_that_may_be)
{
    uint64_t number;
    struct node_identity from;

    begin();
    ck_assert_int_eq(control_receipt(control, 5, &number, &from), CLUSTER_DONE);
    control_receipt_sent(control, number, PUBLISH_OK, 3, ANSWER_MS, NOW);
    control_receipt_counted(control, number, from, (struct control_counts){10, 10, 0, 0});
    counts_from(right, number, (struct control_counts){5, 5, 0, 0});
    counts_from(right, number, (struct control_counts){5, 5, 0, 0}); /* said twice */
    control_gone(control, left);
    ck_assert_ptr_null(control_take(control));
    control_tick(control, NOW + ANSWER_MS);
    struct control_ask *done = take(CONTROL_NO_ANSWER);
    ck_assert_uint_eq(done->counts.targeted, 15);
    ck_assert_uint_eq(done->missing, 1);
    ck_assert_mem_eq(done->targets[0].name->bytes, "left", 4);
    ck_assert_int_eq(done->targets[0].outcome, CONTROL_NO_ANSWER);
    ck_assert_int_eq(done->targets[1].outcome, CONTROL_ANSWERED);
    control_ask_destroy(done);
    end();
}
END_TEST

START_TEST(a_receipt_of_what_was_not_sent_or_reached_nobody)
{
    uint64_t number;
    struct node_identity from;

    begin();
    ck_assert_int_eq(control_receipt(control, 5, &number, &from), CLUSTER_DONE);
    control_receipt_sent(control, number, PUBLISH_REJECTED, 0, ANSWER_MS, NOW);
    struct control_ask *done = take(CONTROL_NOT_SENT);
    ck_assert_uint_eq(done->missing, 0);
    control_ask_destroy(done);
    ck_assert_int_eq(control_receipt(control, 5, &number, &from), CLUSTER_DONE);
    control_receipt_sent(control, number, PUBLISH_OK, 0, ANSWER_MS, NOW);
    expect(CONTROL_ANSWERED);
    ck_assert_int_eq(control_receipt(control, 5, &number, &from), CLUSTER_DONE);
    control_receipt_sent(control, number, PUBLISH_UNKNOWN, 0, ANSWER_MS, NOW);
    control_tick(control, NOW + ANSWER_MS);
    done = take(CONTROL_NO_ANSWER);
    ck_assert_uint_eq(done->missing, UINT32_MAX);
    control_ask_destroy(done);
    end();
}
END_TEST

/* The list of leases is behind what hosts do. */
START_TEST(one_that_was_not_seen_yet_counts_once_too)
{
    static const struct node_identity new = {9, 1};
    uint64_t number;
    struct node_identity from;

    begin();
    ck_assert_int_eq(control_receipt(control, 5, &number, &from), CLUSTER_DONE);
    control_receipt_sent(control, number, PUBLISH_OK, 3, ANSWER_MS, NOW);
    counts_from(new, number, (struct control_counts){5, 5, 0, 0});
    counts_from(new, number, (struct control_counts){5, 5, 0, 0});
    control_receipt_counted(control, number, from, (struct control_counts){1, 1, 0, 0});
    control_receipt_counted(control, number, from, (struct control_counts){1, 1, 0, 0});
    ck_assert_ptr_null(control_take(control));
    counts_from(left, number, (struct control_counts){2, 2, 0, 0});
    struct control_ask *done = take(CONTROL_ANSWERED);
    ck_assert_uint_eq(done->counts.targeted, 8);
    control_ask_destroy(done);
    end();
}
END_TEST

START_TEST(who_answers_is_bounded)
{
    uint64_t number;
    struct node_identity from;

    begin();
    ck_assert_int_eq(control_receipt(control, 5, &number, &from), CLUSTER_DONE);
    for (uint32_t i = 0; i < 100; i++)
        counts_from((struct node_identity){10 + i, 1}, number, (struct control_counts){1, 1, 0, 0});
    control_receipt_sent(control, number, PUBLISH_OK, 100, ANSWER_MS, NOW);
    control_tick(control, NOW + ANSWER_MS);
    struct control_ask *done = take(CONTROL_NO_ANSWER);
    ck_assert_uint_eq(done->answered, settings.nodes_max);
    ck_assert_uint_eq(done->missing, 100 - settings.nodes_max);
    control_ask_destroy(done);
    ck_assert_uint_eq(control_bytes(control), 0);
    end();
}
END_TEST

START_TEST(what_a_message_of_another_came_to_is_sent_there)
{
    struct control_frame frame;

    begin();
    control_receipt_counted(control, 77, left, (struct control_counts){4, 3, 0, 1});
    (void)take_send(2, &frame);
    ck_assert_int_eq(frame.request.form, CONTROL_ANSWER);
    ck_assert_uint_eq(frame.head.number, 77);
    ck_assert(node_identity_equal(frame.head.to, left) && node_identity_equal(frame.head.from, me));
    ck_assert_uint_eq(frame.answer.counts.targeted, 4);
    ck_assert_uint_eq(frame.answer.counts.queued, 3);
    ck_assert_uint_eq(frame.answer.counts.closed, 1);
    /* One of this node's that is over, and one of a node without an identity: nobody waits. */
    struct control_send send;
    control_receipt_counted(control, 77, me, (struct control_counts){4, 3, 0, 1});
    control_receipt_counted(control, 77, (struct node_identity){0, 5},
                            (struct control_counts){4, 3, 0, 1});
    ck_assert(!control_take_send(control, &send));
    end();
}
END_TEST

/* A server is away, and members here are reached all the same. */
START_TEST(without_an_identity_this_node_counts_for_itself)
{
    uint64_t number;
    struct node_identity from;

    begin();
    control_lost(control);
    ck_assert_int_eq(control_receipt(control, 5, &number, &from), CLUSTER_DONE);
    ck_assert_uint_eq(from.slot, 0);
    ck_assert_uint_eq(from.boot, settings.nameless);
    control_receipt_counted(control, number, (struct node_identity){0, settings.nameless + 1},
                            (struct control_counts){9, 9, 0, 0});
    control_receipt_sent(control, number, PUBLISH_OK, 1, ANSWER_MS, NOW);
    ck_assert_ptr_null(control_take(control));
    control_receipt_counted(control, number, from, (struct control_counts){2, 2, 0, 0});
    struct control_ask *done = take(CONTROL_ANSWERED);
    ck_assert_uint_eq(done->counts.targeted, 2);
    control_ask_destroy(done);
    end();
}
END_TEST

/* Receipts wait without an end for what comes of the message; requests have room beside them. */
START_TEST(receipts_are_bounded_by_themselves)
{
    uint64_t number;
    struct node_identity from;

    begin();
    for (unsigned i = 0; i < settings.receipts_max; i++)
        ck_assert_int_eq(control_receipt(control, 5, &number, &from), CLUSTER_DONE);
    ck_assert_int_eq(control_receipt(control, 5, &number, &from), CLUSTER_BUSY);
    ck_assert_uint_eq(control_due(control), UINT64_MAX);
    ask(left, &join);
    control_receipt_sent(control, number, PUBLISH_REJECTED, 0, ANSWER_MS, NOW);
    expect(CONTROL_NOT_SENT);
    ck_assert_int_eq(control_receipt(control, 5, &number, &from), CLUSTER_DONE);
    control_end(control);
    for (unsigned i = 0; i < settings.receipts_max + 1; i++)
        expect(CONTROL_NO_ANSWER);
    end();
}
END_TEST

START_TEST(sums_end_where_numbers_do)
{
    uint64_t number;
    struct node_identity from;

    begin();
    ck_assert_int_eq(control_receipt(control, 5, &number, &from), CLUSTER_DONE);
    counts_from(left, number, (struct control_counts){UINT32_MAX - 1, 1, 0, 0});
    counts_from(right, number, (struct control_counts){7, 1, 0, 0});
    control_receipt_sent(control, number, PUBLISH_OK, 2, ANSWER_MS, NOW);
    struct control_ask *done = take(CONTROL_ANSWERED);
    ck_assert_uint_eq(done->counts.targeted, UINT32_MAX);
    ck_assert_uint_eq(done->counts.queued, 2);
    control_ask_destroy(done);
    end();
}
END_TEST

/* --- Bounds */

START_TEST(what_is_under_way_is_bounded)
{
    static char body[1u << 19];
    const struct control_request large = {.form = CONTROL_SEND, .body = {body, sizeof body}};
    struct control_send send;

    begin();
    for (unsigned i = 0; i < 4; i++)
        ask(left, &join);
    ck_assert_int_eq(control_ask_node(control, left, &join, ANSWER_MS, 5, NOW), CLUSTER_BUSY);
    control_end(control);
    for (unsigned i = 0; i < 4; i++)
        expect(CONTROL_NO_ANSWER);
    while (control_take_send(control, &send))
        payload_unref(send.payload);
    /* Bytes are counted until they can't have to be sent again. */
    ask(left, &large);
    ck_assert_int_eq(control_ask_node(control, left, &large, ANSWER_MS, 5, NOW), CLUSTER_BUSY);
    ck_assert_int_eq(control_ask_all(control, &large, ANSWER_MS, 5, NOW), CLUSTER_BUSY);
    ck_assert(control_take_send(control, &send));
    payload_unref(send.payload);
    ck_assert_int_eq(control_ask_node(control, left, &large, ANSWER_MS, 5, NOW), CLUSTER_BUSY);
    control_sent(control, send.cookie, PUBLISH_OK, 1, NOW);
    ck_assert(!control_take_send(control, &send));
    ask(left, &large);
    control_end(control);
    expect(CONTROL_NO_ANSWER);
    expect(CONTROL_NO_ANSWER);
    end();
}
END_TEST

START_TEST(nodes_that_are_known_are_bounded)
{
    begin();
    for (uint32_t i = 0; i < 20; i++)
        see((struct node_identity){10 + i, 1}, "more");
    ck_assert_int_eq(control_ask_all(control, &room_page, ANSWER_MS, 5, NOW), CLUSTER_DONE);
    control_end(control);
    struct control_ask *done = take(CONTROL_NO_ANSWER);
    ck_assert_uint_eq(done->target_count, settings.nodes_max);
    control_ask_destroy(done);
    end();
}
END_TEST

/* Each of them fails without memory as if it had not been, and then is done with it. */
START_TEST(without_memory_nothing_has_changed)
{
    static const struct control_answer answer = {.status = 0};
    const struct control_head head = {.number = 1, .from = left, .to = me};

    begin();
    for (unsigned left_over = 0; left_over < 20; left_over++) {
        uint64_t number;
        struct node_identity from;
        int one = 0, all = 0, receipt = 0, answered = 0;
        const uint64_t bytes = control_bytes(control);
        WITH_ALLOCATIONS(left_over,
                         one = control_ask_node(control, left, &join, ANSWER_MS, 5, NOW));
        WITH_ALLOCATIONS(left_over, all = control_ask_all(control, &room_page, ANSWER_MS, 5, NOW));
        WITH_ALLOCATIONS(left_over, receipt = control_receipt(control, 5, &number, &from));
        WITH_ALLOCATIONS(left_over, answered = control_reply(control, &head, &answer));
        ck_assert(answered == CLUSTER_DONE || answered == CLUSTER_NO_MEMORY);
        const uint32_t done = (uint32_t)((one == 0) + (all == 0) + (receipt == 0));
        ck_assert_uint_eq(control_count(control), done);
        if (done == 0 && answered != CLUSTER_DONE)
            ck_assert_uint_eq(control_bytes(control), bytes);
        ck_assert(left_over < 19 || (done == 3 && answered == CLUSTER_DONE));
        ck_assert(left_over > 0 || done == 0);
        control_end(control);
        for (uint32_t i = 0; i < done; i++)
            expect(CONTROL_NO_ANSWER);
        struct control_send send;
        while (control_take_send(control, &send))
            payload_unref(send.payload);
    }
    end();
}
END_TEST

/* --- Bytes */

static void refuse(const uint8_t *bytes, size_t size)
{
    struct control_frame frame;

    ck_assert(!control_read(bytes, size, &frame));
}

START_TEST(what_is_cut_or_has_more_is_none)
{
    static const uint64_t ids[] = {1, 2, 3};
    const struct control_head head = {.number = 9, .from = left, .to = me};
    struct payload *written[] = {
        control_request_write(&head, &join),
        control_answer_write(&head, &(struct control_answer){.ids = ids, .id_count = 3}),
    };

    for (unsigned i = 0; i < 2; i++) {
        uint8_t longer[256] = {0};
        struct control_frame frame;
        ck_assert(control_read(written[i]->bytes, written[i]->size, &frame));
        for (size_t size = 0; size < written[i]->size; size++)
            refuse(written[i]->bytes, size);
        memcpy(longer, written[i]->bytes, written[i]->size);
        refuse(longer, written[i]->size + 1);
        payload_unref(written[i]);
    }
}
END_TEST

START_TEST(other_versions_forms_and_reserved_bits_are_none)
{
    const struct control_head head = {.number = 9, .from = left, .to = me};
    struct payload *written = control_request_write(&head, &join);

    for (unsigned at = 0; at < 4; at++) {
        const uint8_t good = written->bytes[at];
        written->bytes[at] = 99;
        refuse(written->bytes, written->size);
        written->bytes[at] = good;
    }
    written->bytes[1] = 0;
    refuse(written->bytes, written->size);
    payload_unref(written);
}
END_TEST

START_TEST(parts_that_are_too_long_are_none)
{
    static char text[256];
    static uint64_t ids[CONTROL_IDS_MOST + 1];
    const struct control_head head = {.number = 9, .from = left, .to = me};
    struct control_request request = {.form = CONTROL_JOIN, .room = {text, 255}};
    struct control_answer answer = {.ids = ids, .id_count = CONTROL_IDS_MOST};
    struct payload *written = control_request_write(&head, &request);

    ck_assert_ptr_nonnull(written);
    payload_unref(written);
    request.room.size = 256;
    ck_assert_ptr_null(control_request_write(&head, &request));
    request.room.size = 255;
    request.space = (struct control_bytes){text, CONTROL_SPACE_MOST + 1};
    ck_assert_ptr_null(control_request_write(&head, &request));
    request.space.size = 0;
    request.limit = CONTROL_IDS_MOST + 1;
    ck_assert_ptr_null(control_request_write(&head, &request));
    written = control_answer_write(&head, &answer);
    ck_assert_ptr_nonnull(written);
    payload_unref(written);
    answer.id_count++;
    ck_assert_ptr_null(control_answer_write(&head, &answer));
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, a_request_says_all_of_what_is_asked);
    tcase_add_test(tcase, an_answer_is_what_the_node_said);
    tcase_add_test(tcase, a_node_that_has_the_slot_of_another_says_so_and_does_nothing);
    tcase_add_test(tcase, without_a_lease_nothing_is_carried_out_or_asked);
    tcase_add_test(tcase, what_was_not_sent_was_not_done);
    tcase_add_test(tcase, what_a_living_node_did_not_hear_is_sent_again);
    tcase_add_test(tcase, what_a_node_never_heard_was_not_done);
    tcase_add_test(tcase, a_repeat_is_not_sent_again);
    tcase_add_test(tcase, without_an_answer_in_time_nobody_knows);
    tcase_add_test(tcase, those_with_a_short_time_end_first);
    tcase_add_test(tcase, nobody_waits_for_a_node_that_is_gone);
    tcase_add_test(tcase, a_room_is_the_sum_of_all_with_the_lowest_ids);
    tcase_add_test(tcase, a_room_names_those_that_did_not_answer);
    tcase_add_test(tcase, a_node_that_could_not_count_is_missing);
    tcase_add_test(tcase, where_nobody_else_is_all_have_answered);
    tcase_add_test(tcase, a_receipt_is_the_sum_of_as_many_as_got_the_message);
    tcase_add_test(tcase, a_receipt_tells_how_many_are_missing_and_who_that_may_be);
    tcase_add_test(tcase, a_receipt_of_what_was_not_sent_or_reached_nobody);
    tcase_add_test(tcase, one_that_was_not_seen_yet_counts_once_too);
    tcase_add_test(tcase, who_answers_is_bounded);
    tcase_add_test(tcase, what_a_message_of_another_came_to_is_sent_there);
    tcase_add_test(tcase, without_an_identity_this_node_counts_for_itself);
    tcase_add_test(tcase, receipts_are_bounded_by_themselves);
    tcase_add_test(tcase, sums_end_where_numbers_do);
    tcase_add_test(tcase, what_is_under_way_is_bounded);
    tcase_add_test(tcase, nodes_that_are_known_are_bounded);
    tcase_add_test(tcase, without_memory_nothing_has_changed);
    tcase_add_test(tcase, what_is_cut_or_has_more_is_none);
    tcase_add_test(tcase, other_versions_forms_and_reserved_bits_are_none);
    tcase_add_test(tcase, parts_that_are_too_long_are_none);
}

int main(void)
{
    if (!no_memory_works())
        return NO_MEMORY_SKIPPED;
    Suite *suite = suite_create("cluster_control");
    TCase *tcase = tcase_create("control");

    add_tests(tcase);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
