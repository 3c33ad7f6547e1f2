/* Requests between nodes: see control.h. */
#include "cluster/control.h"

#include <stdlib.h>
#include <string.h>

struct seen {
    struct node_identity identity;
    struct payload *name; /* a reference */
};

struct sending {
    struct list place;
    struct control_send send;
    uint64_t bytes; /* that it is charged with */
};

struct control_table {
    struct control_settings settings;
    struct node_identity own; /* slot 0: none */
    struct seen *seen;
    uint32_t seen_count;
    struct hash_table asks; /* by number */
    uint32_t receipt_count; /* of these */
    struct list unsent;     /* receipts whose message has no result yet */
    struct list waiting;    /* in order of their ends */
    struct list done;
    struct list sends;
    uint64_t number;   /* the last */
    uint64_t again_ms; /* when the first is sent again that nobody has heard; UINT64_MAX: none is */
    uint64_t bytes;
};

/* A send's cookie: the ask's number, and which of its targets it is for. Numbers begin with 1, so
 * no cookie of an ask is 0, which is an answer's. */
#define TARGET_BITS 16
#define TARGETS_MOST (1u << TARGET_BITS)

/* A node subscribes its channel in the first moments of a connection. */
#define AGAIN_MS 50

static struct control_ask *ask_of(struct list *place)
{
    return list_owner(place, struct control_ask, place);
}

/* --- Made and ended */

struct control_table *control_table_create(const struct control_settings *settings)
{
    struct control_table *control = calloc(1, sizeof *control);

    if (!control)
        return NULL;
    control->settings = *settings;
    control->again_ms = UINT64_MAX;
    if (control->settings.nodes_max > TARGETS_MOST)
        control->settings.nodes_max = TARGETS_MOST;
    control->seen = calloc(settings->nodes_max > 0 ? settings->nodes_max : 1, sizeof(struct seen));
    if (!control->seen) {
        free(control);
        return NULL;
    }
    hash_table_init(&control->asks);
    list_init(&control->unsent);
    list_init(&control->waiting);
    list_init(&control->done);
    list_init(&control->sends);
    return control;
}

void control_table_destroy(struct control_table *control)
{
    struct control_send send;
    struct control_ask *ask;

    if (!control)
        return;
    control_end(control);
    while ((ask = control_take(control)))
        control_ask_destroy(ask);
    while (control_take_send(control, &send))
        payload_unref(send.payload);
    for (uint32_t i = 0; i < control->seen_count; i++)
        payload_unref(control->seen[i].name);
    hash_table_finish(&control->asks, NULL, NULL);
    free(control->seen);
    free(control);
}

void control_ask_destroy(struct control_ask *ask)
{
    for (uint32_t i = 0; i < ask->target_count; i++) {
        payload_unref(ask->targets[i].name);
        payload_unref(ask->targets[i].request);
    }
    free(ask->ids);
    free(ask->others);
    free(ask);
}

/* --- What is under way */

static bool match(const struct hash_node *node, const void *number)
{
    return node->hash == *(const uint64_t *)number;
}

/* Numbers count up: all their bits but the low ones are the same. */
static struct control_ask *find(const struct control_table *control, uint64_t number)
{
    struct hash_node *node = hash_table_find(&control->asks, number, match, &number);

    return node ? list_owner(node, struct control_ask, by_number) : NULL;
}

static void finish(struct control_table *control, struct control_ask *ask,
                   enum control_outcome outcome)
{
    ask->outcome = outcome;
    if (ask->is_receipt && ask->expected != UINT32_MAX)
        ask->missing = ask->expected > ask->answered ? ask->expected - ask->answered : 0;
    else if (ask->is_receipt)
        ask->missing = outcome == CONTROL_NOT_SENT ? 0 : UINT32_MAX;
    else
        ask->missing = ask->target_count - ask->answered;
    hash_table_remove(&control->asks, &ask->by_number);
    control->receipt_count -= ask->is_receipt;
    list_append(&control->done, &ask->place);
}

/* What came of one node is what came of the request; of several, that not all have answered. */
static void finish_if_over(struct control_table *control, struct control_ask *ask)
{
    const bool is_complete =
        ask->is_receipt ? ask->answered >= ask->expected : ask->answered == ask->target_count;

    if (is_complete)
        finish(control, ask, CONTROL_ANSWERED);
    else if (ask->waits > 0 || ask->is_receipt)
        return;
    else
        finish(control, ask, ask->target_count == 1 ? ask->targets[0].outcome : CONTROL_NO_ANSWER);
}

static void end_target(struct control_table *control, struct control_ask *ask,
                       struct control_target *target, enum control_outcome outcome)
{
    if (target->outcome != CONTROL_UNDER_WAY)
        return;
    target->outcome = outcome;
    ask->waits--;
    ask->answered += outcome == CONTROL_ANSWERED;
    finish_if_over(control, ask);
}

/* It is over for all that it waits for. */
static void give_up(struct control_table *control, struct control_ask *ask)
{
    for (uint32_t i = 0; i < ask->target_count; i++) {
        struct control_target *target = &ask->targets[i];
        if (target->outcome == CONTROL_UNDER_WAY)
            target->outcome = target->again_ms != 0 ? CONTROL_NOT_SENT : CONTROL_NO_ANSWER;
    }
    ask->waits = 0;
    finish(control, ask,
           ask->target_count == 1 && !ask->is_receipt ? ask->targets[0].outcome
                                                      : CONTROL_NO_ANSWER);
}

void control_end(struct control_table *control)
{
    struct list *first;

    while ((first = list_first(&control->unsent)) || (first = list_first(&control->waiting)))
        give_up(control, ask_of(first));
}

uint64_t control_due(const struct control_table *control)
{
    struct list *first = list_first(&control->waiting);
    const uint64_t ends_ms = first ? ask_of(first)->ends_ms : UINT64_MAX;

    return ends_ms < control->again_ms ? ends_ms : control->again_ms;
}

uint32_t control_count(const struct control_table *control)
{
    return (uint32_t)control->asks.count;
}

uint64_t control_bytes(const struct control_table *control)
{
    return control->bytes;
}

struct control_ask *control_take(struct control_table *control)
{
    struct list *first = list_first(&control->done);

    if (!first)
        return NULL;
    list_remove(first);
    control->bytes -= ask_of(first)->bytes;
    return ask_of(first);
}

/* --- Who is there */

void control_held(struct control_table *control, struct node_identity identity)
{
    control->own = identity;
}

void control_lost(struct control_table *control)
{
    control->own = (struct node_identity){0};
}

void control_seen(struct control_table *control, struct node_identity identity,
                  struct payload *name)
{
    if (control->seen_count == control->settings.nodes_max)
        return;
    control->seen[control->seen_count++] =
        (struct seen){.identity = identity, .name = payload_ref(name)};
}

static struct control_target *find_target(struct control_ask *ask, struct node_identity identity)
{
    for (uint32_t i = 0; i < ask->target_count; i++) {
        if (node_identity_equal(ask->targets[i].identity, identity))
            return &ask->targets[i];
    }
    return NULL;
}

/* It may have carried out what it was asked before it went, if it has heard it. */
static void stop_waiting_for(struct control_table *control, struct node_identity identity)
{
    struct list *place = control->waiting.next, *next;

    for (; place != &control->waiting; place = next) {
        struct control_ask *ask = ask_of(place);
        struct control_target *target = find_target(ask, identity);
        next = place->next;
        if (target && !ask->is_receipt) /* its number of answers says when it is over */
            end_target(control, ask, target,
                       target->again_ms != 0 ? CONTROL_NO_NODE : CONTROL_NO_ANSWER);
    }
}

void control_gone(struct control_table *control, struct node_identity identity)
{
    for (uint32_t i = 0; i < control->seen_count; i++) {
        if (!node_identity_equal(control->seen[i].identity, identity))
            continue;
        payload_unref(control->seen[i].name);
        control->seen[i] = control->seen[--control->seen_count];
        break;
    }
    stop_waiting_for(control, identity);
}

bool control_find(const struct control_table *control, struct client_origin origin,
                  struct node_identity *identity)
{
    for (uint32_t i = 0; i < control->seen_count; i++) {
        *identity = control->seen[i].identity;
        if (client_origin_is(origin, *identity))
            return true;
    }
    return false;
}

const struct payload *control_name(const struct control_table *control, uint32_t index)
{
    return index < control->seen_count ? control->seen[index].name : NULL;
}

/* --- Asking */

static bool charge(struct control_table *control, uint64_t bytes)
{
    if (bytes > control->settings.bytes_max - control->bytes)
        return false;
    control->bytes += bytes;
    return true;
}

/* In order of the ends, of which the latest is mostly the last. */
static void put_in_order(struct control_table *control, struct control_ask *ask)
{
    struct list *before = control->waiting.prev;

    while (before != &control->waiting && ask_of(before)->ends_ms > ask->ends_ms)
        before = before->prev;
    list_insert(before, &ask->place);
}

/* With @p limit a place for twice as many ids: those that are kept, and those that come. */
static int make_ask(struct control_table *control, const struct seen *targets, uint32_t count,
                    uint32_t limit, struct control_ask **made)
{
    const uint64_t bytes = sizeof(struct control_ask) + count * sizeof(struct control_target) +
                           2 * (uint64_t)limit * sizeof(uint64_t);

    if (!charge(control, bytes))
        return CLUSTER_BUSY;
    struct control_ask *ask = calloc(1, sizeof *ask + count * sizeof(struct control_target));
    if (ask && limit > 0)
        ask->ids = malloc(2 * (size_t)limit * sizeof(uint64_t));
    if (!ask || (limit > 0 && !ask->ids)) {
        free(ask);
        control->bytes -= bytes;
        return CLUSTER_NO_MEMORY;
    }
    ask->bytes = bytes;
    ask->limit = limit;
    ask->from = control->own;
    ask->target_count = ask->waits = count;
    for (uint32_t i = 0; i < count; i++)
        ask->targets[i] = (struct control_target){.identity = targets[i].identity,
                                                  .name = payload_ref(targets[i].name)};
    *made = ask;
    return CLUSTER_DONE;
}

static void unmake_ask(struct control_table *control, struct control_ask *ask)
{
    control->bytes -= ask->bytes;
    control_ask_destroy(ask);
}

/* @return CLUSTER_DONE: it needs a place in a list; CLUSTER_NO_MEMORY: it is unmade. */
static int add_ask(struct control_table *control, struct control_ask *ask, uint64_t cookie)
{
    ask->number = control->number + 1;
    if (hash_table_insert(&control->asks, &ask->by_number, ask->number) != 0) {
        unmake_ask(control, ask);
        return CLUSTER_NO_MEMORY;
    }
    control->number++;
    ask->cookie = cookie;
    return CLUSTER_DONE;
}

/* @param payload  The reference is taken, also if there is no room. NULL: no memory. */
static int send_to(struct control_table *control, uint32_t slot, uint64_t cookie,
                   struct payload *payload)
{
    struct sending *sending = payload ? malloc(sizeof *sending) : NULL;
    /* A request's bytes are its ask's. */
    const uint64_t bytes = sizeof *sending + (payload && cookie == 0 ? payload->size : 0);

    if (!sending || !charge(control, bytes)) {
        const int status = sending ? CLUSTER_BUSY : CLUSTER_NO_MEMORY;
        payload_unref(payload);
        free(sending);
        return status;
    }
    *sending = (struct sending){.send = {.slot = slot, .cookie = cookie, .payload = payload},
                                .bytes = bytes};
    list_append(&control->sends, &sending->place);
    return CLUSTER_DONE;
}

static struct sending *sending_of(struct list *place)
{
    return list_owner(place, struct sending, place);
}

static void take_out(struct control_table *control, struct sending *sending,
                     struct control_send *send)
{
    *send = sending->send;
    list_remove(&sending->place);
    control->bytes -= sending->bytes;
    free(sending);
}

bool control_take_send(struct control_table *control, struct control_send *send)
{
    struct list *first = list_first(&control->sends);

    if (first)
        take_out(control, sending_of(first), send);
    return first != NULL;
}

/* What was not taken yet of an ask that is given up again. */
static void take_back(struct control_table *control, uint64_t number)
{
    struct list *next;
    struct control_send send;

    for (struct list *place = control->sends.next; place != &control->sends; place = next) {
        next = place->next;
        if (sending_of(place)->send.cookie >> TARGET_BITS != number)
            continue;
        take_out(control, sending_of(place), &send);
        payload_unref(send.payload);
    }
}

/* For the first time, or again. */
static int send_request(struct control_table *control, const struct control_ask *ask,
                        uint32_t index)
{
    const struct control_target *target = &ask->targets[index];

    return send_to(control, target->identity.slot, ask->number << TARGET_BITS | index,
                   payload_ref(target->request));
}

static int send_all(struct control_table *control, struct control_ask *ask,
                    const struct control_request *request)
{
    int status = CLUSTER_DONE;

    for (uint32_t i = 0; i < ask->target_count && status == CLUSTER_DONE; i++) {
        struct control_target *target = &ask->targets[i];
        const struct control_head head = {
            .number = ask->number, .from = ask->from, .to = target->identity};
        struct payload *payload = control_request_write(&head, request);
        if (!payload)
            return CLUSTER_NO_MEMORY;
        if (!charge(control, payload->size)) {
            payload_unref(payload);
            return CLUSTER_BUSY;
        }
        target->request = payload;
        ask->bytes += payload->size;
        status = send_request(control, ask, i);
    }
    return status;
}

/* Somebody may have heard it, so it is not sent again. */
static void forget_request(struct control_table *control, struct control_ask *ask,
                           struct control_target *target)
{
    if (!target->request)
        return;
    control->bytes -= target->request->size;
    ask->bytes -= target->request->size;
    payload_unref(target->request);
    target->request = NULL;
}

static void note_again(struct control_table *control, struct control_target *target, uint64_t at_ms)
{
    target->again_ms = at_ms;
    if (at_ms < control->again_ms)
        control->again_ms = at_ms;
}

static void ask_again(struct control_table *control, struct control_ask *ask, uint64_t now_ms)
{
    for (uint32_t i = 0; i < ask->target_count; i++) {
        struct control_target *target = &ask->targets[i];
        if (target->again_ms == 0 || target->outcome != CONTROL_UNDER_WAY)
            continue;
        if (target->again_ms <= now_ms && send_request(control, ask, i) == CLUSTER_DONE)
            target->again_ms = 0;
        else
            note_again(control, target,
                       target->again_ms > now_ms ? target->again_ms : now_ms + AGAIN_MS);
    }
}

void control_tick(struct control_table *control, uint64_t now_ms)
{
    struct list *first;

    while ((first = list_first(&control->waiting)) && ask_of(first)->ends_ms <= now_ms)
        give_up(control, ask_of(first));
    if (now_ms < control->again_ms)
        return;
    control->again_ms = UINT64_MAX;
    for (struct list *place = first; place && place != &control->waiting; place = place->next)
        ask_again(control, ask_of(place), now_ms);
}

static int ask_these(struct control_table *control, const struct seen *targets, uint32_t count,
                     const struct control_request *request, uint32_t answer_ms, uint64_t cookie,
                     uint64_t now_ms)
{
    struct control_ask *ask;

    if (!control_request_is_good(request))
        return CLUSTER_INVALID;
    if (control->own.slot == 0 ||
        control->asks.count - control->receipt_count >= control->settings.asks_max)
        return CLUSTER_BUSY;
    int status = make_ask(control, targets, count, request->limit, &ask);
    if (status != CLUSTER_DONE)
        return status;
    ask->is_room = request->form == CONTROL_ROOM;
    status = add_ask(control, ask, cookie);
    if (status != CLUSTER_DONE)
        return status;
    ask->ends_ms = now_ms + answer_ms;
    put_in_order(control, ask);
    status = send_all(control, ask, request);
    if (status != CLUSTER_DONE) {
        take_back(control, ask->number);
        hash_table_remove(&control->asks, &ask->by_number);
        list_remove(&ask->place);
        unmake_ask(control, ask);
        return status;
    }
    finish_if_over(control, ask); /* nobody is there */
    return CLUSTER_DONE;
}

int control_ask_node(struct control_table *control, struct node_identity to,
                     const struct control_request *request, uint32_t answer_ms, uint64_t cookie,
                     uint64_t now_ms)
{
    for (uint32_t i = 0; i < control->seen_count; i++) {
        if (node_identity_equal(control->seen[i].identity, to))
            return ask_these(control, &control->seen[i], 1, request, answer_ms, cookie, now_ms);
    }
    return CLUSTER_INVALID;
}

int control_ask_all(struct control_table *control, const struct control_request *request,
                    uint32_t answer_ms, uint64_t cookie, uint64_t now_ms)
{
    return ask_these(control, control->seen, control->seen_count, request, answer_ms, cookie,
                     now_ms);
}

void control_sent(struct control_table *control, uint64_t cookie, enum publish_result result,
                  uint32_t receivers, uint64_t now_ms)
{
    struct control_ask *ask = find(control, cookie >> TARGET_BITS);
    const uint64_t index = cookie & (TARGETS_MOST - 1);

    if (!ask || ask->is_receipt || index >= ask->target_count)
        return;
    struct control_target *target = &ask->targets[index];
    if (target->outcome != CONTROL_UNDER_WAY)
        return;
    if (result == PUBLISH_REJECTED)
        end_target(control, ask, target, CONTROL_NOT_SENT);
    else if (result == PUBLISH_OK && receivers == 0)
        note_again(control, target, now_ms + AGAIN_MS);
    else /* An answer may come, also to what nobody knows of whether it was sent. */
        forget_request(control, ask, target);
}

/* --- Receipts */

int control_receipt(struct control_table *control, uint64_t cookie, uint64_t *number,
                    struct node_identity *from)
{
    struct control_ask *ask;

    if (control->receipt_count >= control->settings.receipts_max)
        return CLUSTER_BUSY;
    int status = make_ask(control, control->seen, control->seen_count, 0, &ask);
    if (status == CLUSTER_DONE)
        status = add_ask(control, ask, cookie);
    if (status != CLUSTER_DONE)
        return status;
    if (ask->from.slot == 0)
        ask->from.boot = control->settings.nameless;
    ask->is_receipt = true;
    ask->expected = UINT32_MAX;
    control->receipt_count++;
    list_append(&control->unsent, &ask->place);
    *number = ask->number;
    *from = ask->from;
    return CLUSTER_DONE;
}

static struct control_ask *find_receipt(struct control_table *control, uint64_t number)
{
    struct control_ask *ask = find(control, number);

    return ask && ask->is_receipt ? ask : NULL;
}

static void add(uint32_t *sum, uint32_t more)
{
    *sum = more > UINT32_MAX - *sum ? UINT32_MAX : *sum + more;
}

static void add_counts(struct control_ask *ask, struct control_counts counts)
{
    add(&ask->counts.targeted, counts.targeted);
    add(&ask->counts.queued, counts.queued);
    add(&ask->counts.dropped, counts.dropped);
    add(&ask->counts.closed, counts.closed);
}

void control_receipt_sent(struct control_table *control, uint64_t number,
                          enum publish_result result, uint32_t receivers, uint32_t answer_ms,
                          uint64_t now_ms)
{
    struct control_ask *ask = find_receipt(control, number);

    if (!ask)
        return;
    if (result == PUBLISH_REJECTED) {
        finish(control, ask, CONTROL_NOT_SENT);
        return;
    }
    list_remove(&ask->place);
    ask->ends_ms = now_ms + answer_ms;
    put_in_order(control, ask);
    if (result == PUBLISH_OK)
        ask->expected = receivers;
    finish_if_over(control, ask);
}

/* @return Whether it has not answered yet, and its answer is noted. Without memory it is missing.
 */
static bool note_other(struct control_table *control, struct control_ask *ask,
                       struct node_identity identity)
{
    for (uint32_t i = 0; i < ask->other_count; i++) {
        if (node_identity_equal(ask->others[i], identity))
            return false;
    }
    if (ask->other_count == ask->other_room) {
        const uint32_t more = ask->other_room > 0 ? ask->other_room : 4;
        const uint64_t bytes = more * sizeof *ask->others;
        if (ask->other_room >= control->settings.nodes_max || !charge(control, bytes))
            return false;
        struct node_identity *others =
            realloc(ask->others, (ask->other_room + more) * sizeof *others);
        ask->bytes += bytes;
        if (!others)
            return false;
        ask->others = others;
        ask->other_room += more;
    }
    ask->others[ask->other_count++] = identity;
    return true;
}

/* A message may come twice to a node, and so its answer. */
static void take_counts(struct control_table *control, struct control_ask *ask,
                        const struct control_frame *frame)
{
    struct control_target *target = find_target(ask, frame->head.from);

    if (frame->answer.status != 0)
        return;
    if (!target && !note_other(control, ask, frame->head.from))
        return;
    if (target && target->outcome != CONTROL_UNDER_WAY)
        return;
    add_counts(ask, frame->answer.counts);
    if (target) {
        end_target(control, ask, target, CONTROL_ANSWERED);
    } else {
        ask->answered++;
        finish_if_over(control, ask);
    }
}

static void count_here(struct control_table *control, struct control_ask *ask,
                       struct control_counts counts)
{
    if (ask->is_counted)
        return;
    ask->is_counted = true;
    add_counts(ask, counts);
    ask->answered++;
    finish_if_over(control, ask);
}

void control_receipt_counted(struct control_table *control, uint64_t number,
                             struct node_identity from, struct control_counts counts)
{
    struct control_ask *ask = find_receipt(control, number);
    const struct control_head asked = {.number = number, .from = from, .to = control->own};

    if (ask && node_identity_equal(ask->from, from))
        count_here(control, ask, counts);
    else if (from.slot != 0 && asked.to.slot != 0 && !node_identity_equal(from, asked.to))
        (void)control_reply(control, &asked, &(struct control_answer){.counts = counts});
}

/* --- What comes */

static int compare(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* Of those that are kept and those that came the lowest stay. */
static void take_ids(struct control_ask *ask, const struct control_frame *frame)
{
    uint32_t count = ask->id_count;

    for (uint32_t i = 0; i < frame->answer.id_count && i < ask->limit; i++)
        ask->ids[count++] = control_frame_id(frame, i);
    if (count > 0)
        qsort(ask->ids, count, sizeof(uint64_t), compare);
    ask->id_count = count < ask->limit ? count : ask->limit;
}

static void take_answer(struct control_table *control, const struct control_frame *frame)
{
    struct control_ask *ask = find(control, frame->head.number);

    if (!ask || !node_identity_equal(ask->from, frame->head.to))
        return;
    if (ask->is_receipt) {
        take_counts(control, ask, frame);
        return;
    }
    struct control_target *target = find_target(ask, frame->head.from);
    if (!target || target->outcome != CONTROL_UNDER_WAY)
        return;
    if (frame->answer.status == CONTROL_STATUS_OTHER_NODE) {
        end_target(control, ask, target, CONTROL_NO_NODE);
        return;
    }
    if (ask->is_room && frame->answer.status < 0) {
        end_target(control, ask, target, CONTROL_NO_ANSWER); /* the sum lacks it */
        return;
    }
    ask->status = frame->answer.status;
    ask->count += frame->answer.count;
    take_ids(ask, frame);
    end_target(control, ask, target, CONTROL_ANSWERED);
}

bool control_message(struct control_table *control, const void *bytes, size_t size,
                     struct control_frame *frame)
{
    if (!control_read(bytes, size, frame))
        return false;
    if (frame->request.form == CONTROL_ANSWER) {
        take_answer(control, frame);
        return false;
    }
    if (control->own.slot != 0 && node_identity_equal(control->own, frame->head.to))
        return true;
    (void)control_reply(control, &frame->head,
                        &(struct control_answer){.status = CONTROL_STATUS_OTHER_NODE});
    return false;
}

int control_reply(struct control_table *control, const struct control_head *asked,
                  const struct control_answer *answer)
{
    const struct control_head head = {
        .number = asked->number, .from = asked->to, .to = asked->from};

    return send_to(control, head.to.slot, 0, control_answer_write(&head, answer));
}
