/* Nodes that ask each other over channels that lose, delay and reorder, while leases are lost and
 * slots given to others: whatever happens, each request and each
 * receipt has one result, in time, and that is true.
 *
 * TONI_TEST_SEED says which run; without it there are RUNS of them, from a seed that is printed. */
#include "cluster/control.h"

#include "dice.h"
#include "runner.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    NODES = 4,
    STEPS = 4000,
    RUNS = 20,
    ANSWER_MS = 1000,
    FLYING_MOST = 256,
    ASKS_MOST = 8192,
    GHOSTS_MOST = 16
};

struct node {
    struct control_table *control;
    struct node_identity identity; /* slot 0: it has no lease */
};

/* A message on its way to a channel, or the result of its publish on its way back. */
struct flying {
    uint64_t due_ms;
    struct payload *payload; /* NULL: a result */
    uint32_t slot;
    uint32_t publisher;
    uint64_t cookie;
    enum publish_result result;
    uint32_t receivers;
    uint64_t receipt; /* a message with one, or the result of its publish; 0: neither */
    struct node_identity from;
    uint32_t asked;
};

/* What was asked, by its cookie. */
struct asked {
    uint64_t since_ms;
    uint32_t runs; /* times that somebody carried it out */
    uint32_t results;
    bool is_all;
    bool is_receipt, is_sent;
    uint32_t to, got; /* of a receipt: nodes that the message went to, and came to, in bits */
};

/* One that has lost its lease, and is seen by the others still. */
struct ghost {
    struct node_identity identity;
    uint64_t told_ms;
};

static struct node nodes[NODES];
static struct ghost ghosts[GHOSTS_MOST];
static uint32_t ghost_count;
static struct flying flying[FLYING_MOST];
static uint32_t flying_count;
static struct asked asked[ASKS_MOST];
static uint32_t asked_count;
static uint64_t now_ms, boots;
static struct dice dice;
static bool is_over;
static uint32_t outcomes[CONTROL_NO_ANSWER + 1], receipts[CONTROL_NO_ANSWER + 1];

static void fly(struct flying message)
{
    if (flying_count == FLYING_MOST) { /* the network loses it */
        payload_unref(message.payload);
        return;
    }
    message.due_ms = now_ms + dice_below(&dice, 2 * ANSWER_MS / 3);
    flying[flying_count++] = message;
}

static uint32_t receivers_of(uint32_t slot)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < NODES; i++)
        count += slot != 0 && nodes[i].identity.slot == slot;
    return count;
}

static void publish(uint32_t node, const struct control_send *send)
{
    const uint32_t fate = dice_below(&dice, 100);
    struct flying result = {.publisher = node,
                            .cookie = send->cookie,
                            .result = PUBLISH_OK,
                            .receivers = receivers_of(send->slot)};

    if (fate < 10) {
        result.result = PUBLISH_REJECTED;
    } else if (fate < 80 && result.receivers > 0) {
        fly((struct flying){.payload = payload_ref(send->payload), .slot = send->slot});
        if (send->cookie == 0 && dice_chance(&dice, 10)) /* answers may come twice */
            fly((struct flying){.payload = payload_ref(send->payload), .slot = send->slot});
    } /* else it is lost, though somebody was there */
    if (fate >= 10 && dice_chance(&dice, 10))
        result.result = PUBLISH_UNKNOWN;
    payload_unref(send->payload);
    fly(result);
}

/* Of node 0, 1, 2… 1, 10, 100… clients get a message: so each is seen in a sum. */
static uint32_t members_of(uint32_t nodes_in)
{
    uint32_t sum = 0;

    for (uint32_t i = 0, members = 1; i < NODES; i++, members *= 10)
        sum += (nodes_in & 1u << i) != 0 ? members : 0;
    return sum;
}

static uint32_t count_nodes(uint32_t nodes_in)
{
    return (uint32_t)__builtin_popcount(nodes_in);
}

static void take_receipt(const struct control_ask *ask, const struct asked *what)
{
    uint32_t counted = 0, sum = ask->counts.queued;

    for (uint32_t i = 0; i < NODES; i++, sum /= 10) {
        ck_assert_uint_le(sum % 10, 1); /* nobody twice */
        counted |= sum % 10 << i;
    }
    ck_assert_uint_eq(ask->counts.targeted, ask->counts.queued);
    ck_assert_uint_eq(counted & ~what->got, 0);
    ck_assert_uint_eq(count_nodes(counted), ask->answered);
    if (ask->outcome == CONTROL_ANSWERED)
        ck_assert_uint_eq(counted, what->to);
    else if (ask->outcome == CONTROL_NOT_SENT)
        ck_assert_uint_eq(what->to, 0);
    else if (ask->missing != UINT32_MAX)
        ck_assert_uint_eq(ask->missing, count_nodes(what->to) - ask->answered);
    for (uint32_t i = 0; i < ask->target_count && ask->outcome == CONTROL_NO_ANSWER; i++)
        ck_assert_int_ne(ask->targets[i].outcome, CONTROL_UNDER_WAY);
}

static void take_result(const struct control_ask *ask)
{
    struct asked *what = &asked[ask->cookie];

    what->results++;
    ck_assert_uint_eq(what->results, 1);
    ck_assert_int_ne(ask->outcome, CONTROL_UNDER_WAY);
    if (!what->is_receipt || what->is_sent)
        ck_assert_uint_le(now_ms, what->since_ms + ANSWER_MS);
    else
        ck_assert(is_over);
    outcomes[ask->outcome]++;
    if (what->is_receipt) {
        receipts[ask->outcome]++;
        take_receipt(ask, what);
    } else if (what->is_all) {
        ck_assert_uint_ge(what->runs, ask->answered);
        ck_assert_uint_eq(ask->count, ask->answered);
        ck_assert_uint_eq(ask->missing, ask->target_count - ask->answered);
    } else if (ask->outcome == CONTROL_ANSWERED) {
        ck_assert_uint_eq(what->runs, 1);
        ck_assert_int_eq(ask->status, -(int32_t)(ask->cookie % 7));
    } else if (ask->outcome != CONTROL_NO_ANSWER) {
        ck_assert_uint_eq(what->runs, 0);
        what->runs = UINT32_MAX; /* and it must not be later */
    }
}

static void settle(uint32_t node)
{
    struct control_send send;
    struct control_ask *ask;

    while (control_take_send(nodes[node].control, &send))
        publish(node, &send);
    while ((ask = control_take(nodes[node].control))) {
        take_result(ask);
        control_ask_destroy(ask);
    }
}

static void carry_out(uint32_t node, const struct control_frame *frame)
{
    struct asked *what = &asked[frame->request.client];

    ck_assert(node_identity_equal(frame->head.to, nodes[node].identity));
    ck_assert_uint_ne(what->runs, UINT32_MAX);
    what->runs++;
    ck_assert_uint_le(what->runs, what->is_all ? NODES - 1 : 1);
    (void)control_reply(nodes[node].control, &frame->head,
                        &(struct control_answer){.status = -(int32_t)(frame->request.client % 7) *
                                                           (what->is_all ? 0 : 1),
                                                 .count = 1});
}

static void arrive_receipt(const struct flying *message)
{
    struct asked *what = &asked[message->asked];
    struct control_table *control = nodes[message->publisher].control;

    if (message->slot == 0) {
        what->since_ms = now_ms;
        what->is_sent = true;
        control_receipt_sent(control, message->receipt, message->result, message->receivers,
                             ANSWER_MS, now_ms);
    } else {
        const uint32_t members = members_of(1u << message->publisher);
        what->got |= 1u << message->publisher;
        control_receipt_counted(control, message->receipt, message->from,
                                (struct control_counts){members, members, 0, 0});
    }
    settle(message->publisher);
}

static void arrive(const struct flying *message)
{
    struct control_frame frame;

    if (message->receipt != 0) {
        arrive_receipt(message);
        return;
    }
    if (!message->payload) {
        control_sent(nodes[message->publisher].control, message->cookie, message->result,
                     message->receivers, now_ms);
        settle(message->publisher);
        return;
    }
    for (uint32_t i = 0; i < NODES; i++) {
        if (nodes[i].identity.slot != message->slot)
            continue;
        if (control_message(nodes[i].control, message->payload->bytes, message->payload->size,
                            &frame))
            carry_out(i, &frame);
        settle(i);
    }
    payload_unref(message->payload);
}

/* In any order of those that are due. */
static void arrive_all(void)
{
    for (uint32_t i = 0; i < flying_count;) {
        if (flying[i].due_ms > now_ms) {
            i++;
            continue;
        }
        const struct flying message = flying[i];
        flying[i] = flying[--flying_count];
        arrive(&message);
    }
}

/* The others hear of it later than the node itself. */
static void lose_lease(uint32_t node)
{
    control_lost(nodes[node].control);
    ck_assert_uint_lt(ghost_count, GHOSTS_MOST);
    ghosts[ghost_count++] = (struct ghost){nodes[node].identity, now_ms + 500};
    nodes[node].identity = (struct node_identity){0};
}

static void forget_ghosts(void)
{
    for (uint32_t i = 0; i < ghost_count;) {
        if (ghosts[i].told_ms > now_ms) {
            i++;
            continue;
        }
        for (uint32_t node = 0; node < NODES; node++) {
            control_gone(nodes[node].control, ghosts[i].identity);
            settle(node);
        }
        ghosts[i] = ghosts[--ghost_count];
    }
}

static void get_lease(uint32_t node)
{
    struct node_identity identity = {.slot = 1, .boot = ++boots};

    while (receivers_of(identity.slot) > 0)
        identity.slot++;
    nodes[node].identity = identity;
    control_held(nodes[node].control, identity);
    for (uint32_t i = 0; i < NODES; i++) {
        struct payload *name = payload_create("n", 1, 0);
        if (i != node)
            control_seen(nodes[i].control, identity, name);
        payload_unref(name);
    }
}

static void ask(uint32_t node)
{
    struct asked *what = &asked[asked_count];
    const uint32_t other = (node + 1 + dice_below(&dice, NODES - 1)) % NODES;
    const struct node_identity to =
        ghost_count > 0 && dice_chance(&dice, 30) ? ghosts[0].identity : nodes[other].identity;
    const struct control_request request = {
        .form = CONTROL_JOIN, .client = asked_count, .room = {"r", 1}};
    const struct control_request room = {
        .form = CONTROL_ROOM, .client = asked_count, .room = {"r", 1}};
    const bool is_all = dice_chance(&dice, 30);

    *what = (struct asked){.since_ms = now_ms, .is_all = is_all};
    const int status =
        is_all
            ? control_ask_all(nodes[node].control, &room, ANSWER_MS, asked_count, now_ms)
            : control_ask_node(nodes[node].control, to, &request, ANSWER_MS, asked_count, now_ms);
    if (status != CLUSTER_DONE) {
        ck_assert(nodes[node].identity.slot == 0 || status == CLUSTER_INVALID ||
                  control_count(nodes[node].control) >= 64);
        return;
    }
    asked_count++;
    settle(node);
}

/* A message with a receipt, to any of the nodes. */
static void tell(uint32_t node)
{
    struct flying result = {.publisher = node, .asked = asked_count};
    struct asked *what = &asked[asked_count];

    if (flying_count > FLYING_MOST - NODES - 1 || asked_count == ASKS_MOST ||
        control_receipt(nodes[node].control, asked_count, &result.receipt, &result.from) !=
            CLUSTER_DONE)
        return;
    *what = (struct asked){.is_receipt = true};
    asked_count++;
    if (dice_chance(&dice, 10)) {
        result.result = PUBLISH_REJECTED;
        fly(result);
        return;
    }
    what->to = dice_below(&dice, 1u << NODES);
    for (uint32_t i = 0; i < NODES; i++) {
        if ((what->to & 1u << i) == 0 || dice_chance(&dice, 10))
            continue;
        fly((struct flying){.publisher = i,
                            .slot = 1, /* any */
                            .asked = result.asked,
                            .receipt = result.receipt,
                            .from = result.from});
    }
    result.result = dice_chance(&dice, 10) ? PUBLISH_UNKNOWN : PUBLISH_OK;
    result.receivers = dice_chance(&dice, 10) ? UINT32_MAX : count_nodes(what->to);
    fly(result);
}

static void step(void)
{
    const uint32_t node = dice_below(&dice, NODES);
    const uint32_t what = dice_below(&dice, 100);

    now_ms += dice_below(&dice, 20);
    for (uint32_t i = 0; i < NODES; i++) {
        /* To the ms, as a host's timer does. */
        while (control_due(nodes[i].control) < now_ms) {
            const uint64_t later_ms = now_ms;
            now_ms = control_due(nodes[i].control);
            control_tick(nodes[i].control, now_ms);
            settle(i);
            now_ms = later_ms;
        }
    }
    arrive_all();
    forget_ghosts();
    if (what < 50)
        ask(node);
    else if (what < 60)
        tell(node);
    else if (what < 62 && nodes[node].identity.slot != 0)
        lose_lease(node);
    else if (what < 70 && nodes[node].identity.slot == 0)
        get_lease(node);
}

static void run(uint64_t seed)
{
    struct control_settings settings = {.asks_max = 64,
                                        .receipts_max = 16,
                                        .bytes_max = 1u << 20,
                                        .nodes_max = NODES + GHOSTS_MOST};

    dice = (struct dice){.state = seed};
    now_ms = 1;
    boots = asked_count = flying_count = ghost_count = 0;
    is_over = false;
    for (uint32_t i = 0; i < NODES; i++) {
        settings.nameless = i;
        nodes[i] = (struct node){.control = control_table_create(&settings)};
    }
    for (uint32_t i = 0; i < NODES; i++)
        get_lease(i);
    for (uint32_t i = 0; i < STEPS; i++)
        step();
    is_over = true;
    for (uint32_t i = 0; i < NODES; i++) {
        control_end(nodes[i].control);
        settle(i);
        ck_assert_uint_eq(control_bytes(nodes[i].control), 0);
    }
    while (flying_count > 0)
        payload_unref(flying[--flying_count].payload);
    for (uint32_t i = 0; i < NODES; i++)
        control_table_destroy(nodes[i].control);
    for (uint32_t i = 0; i < asked_count; i++)
        ck_assert_uint_eq(asked[i].results, 1);
}

START_TEST(each_request_and_receipt_has_one_result_in_time_and_it_is_true)
{
    const uint64_t given = environment_number("TONI_TEST_SEED", 0);
    const uint64_t first = given != 0 ? given : (uint64_t)time(NULL);

    for (uint64_t i = 0; i < (given != 0 ? 1 : RUNS); i++) {
        (void)printf("TONI_TEST_SEED=%" PRIu64 "\n", first + i);
        (void)fflush(stdout);
        run(first + i);
    }
    for (unsigned i = CONTROL_ANSWERED; i <= CONTROL_NO_ANSWER && given == 0; i++)
        ck_assert_uint_gt(outcomes[i], 0); /* each of them was seen */
    for (unsigned i = CONTROL_ANSWERED; i <= CONTROL_NO_ANSWER && given == 0; i++)
        ck_assert(receipts[i] > 0 || i == CONTROL_NO_NODE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cluster_control_random");
    TCase *tcase = tcase_create("random");

    tcase_add_test(tcase, each_request_and_receipt_has_one_result_in_time_and_it_is_true);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
