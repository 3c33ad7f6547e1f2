/* The engine suite: random commands of two nodes, and what a model of one server says to them. */
#include "engine_private.h"

#include "node_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROOMS = 5, WRITERS = 4, KEPT = 8, STEPS = 2000, BATCH_MOST = 12, QUEUE = 4096 };

static uint64_t dice_state;

/* SplitMix64. @return A number below @p bound. */
static uint32_t below(uint32_t bound)
{
    uint64_t z = (dice_state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ (z >> 31)) >> 32) % bound;
}

static uint64_t setting(const char *name, uint64_t standard)
{
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 0) : standard;
}

/* --- The model: one server. A body is a number, and so is a room. */

struct model_room {
    uint64_t incarnation;
    toni_position at;
    uint64_t numbers[WRITERS];
    uint64_t kept[KEPT]; /* bodies of the last messages, the newest last */
    uint32_t kept_count;
};

/* What a node has to be told of its subscriptions. */
struct model_message {
    uint32_t room;
    toni_position at;
    uint64_t body;
};

struct model_node {
    toni_fake_node *node;
    int is_subscribed[ROOMS];
    struct model_message due[QUEUE];
    uint32_t due_count;
};

static struct model_room model_rooms[ROOMS];
static struct model_node model_nodes[2];
static uint64_t incarnation, last_body, numbers[WRITERS];

static const toni_str room_names[ROOMS] = {TONI_LIT_INIT("/a"), TONI_LIT_INIT("/b"),
                                           TONI_LIT_INIT("quiz/\xc3\xa4"),
                                           TONI_LIT_INIT("\x01"
                                                         "quiz"),
                                           TONI_LIT_INIT("/a b")};

/* What a publish has to answer, and does. */
static int32_t model_publish(const toni_engine_publish *publish, uint32_t index, uint32_t writer,
                             uint64_t body, toni_position *at)
{
    struct model_room *room = &model_rooms[index];
    const int is_missing = room->at.epoch == 0 || room->incarnation != incarnation;
    if (publish->incarnation != incarnation)
        return TONI_ENGINE_OTHER_INCARNATION;
    if (is_missing && publish->is_repeat)
        return TONI_ENGINE_LOST;
    if (is_missing && publish->after != 0)
        return TONI_ENGINE_NOT_RUN;
    if (is_missing)
        *room = (struct model_room){.incarnation = incarnation, .at = {publish->proposed, 0}};
    if (publish->is_repeat &&
        (publish->epoch == 0 ? room->numbers[writer] == 0 : publish->epoch != room->at.epoch))
        return TONI_ENGINE_LOST;
    *at = room->at;
    if (publish->number <= room->numbers[writer])
        return TONI_ENGINE_REPEAT;
    if (publish->after > room->numbers[writer])
        return TONI_ENGINE_NOT_RUN;
    room->numbers[writer] = publish->number;
    *at = (toni_position){room->at.epoch, ++room->at.offset};
    if (room->kept_count == KEPT) {
        for (uint32_t i = 1; i < KEPT; i++)
            room->kept[i - 1] = room->kept[i];
        room->kept_count--;
    }
    room->kept[room->kept_count++] = body;
    for (uint32_t i = 0; i < 2; i++) {
        struct model_node *node = &model_nodes[i];
        if (node->is_subscribed[index])
            node->due[node->due_count++] = (struct model_message){index, *at, body};
    }
    return TONI_ENGINE_APPLIED;
}

static toni_position model_top(uint32_t index)
{
    const struct model_room *room = &model_rooms[index];
    return room->incarnation == incarnation ? room->at : (toni_position){0};
}

/* --- Commands: each is asked, and what the model says to it is noted */

enum command_kind { PUBLISH, TOPS, HISTORY, LAST, PROBE };

struct command {
    uint64_t request;
    enum command_kind kind;
    uint32_t room;
    toni_position at;
    toni_position tops[ROOMS];
    struct model_room as_it_was; /* of a history */
    toni_position since;
    uint32_t count;
    int32_t answer;
};

static void ask_publish(struct model_node *node, struct command *command)
{
    static uint64_t epochs;
    const uint32_t writer = below(WRITERS);
    char body[24];
    const uint64_t text = ++last_body;
    (void)snprintf(body, sizeof body, "%" PRIu64, text);
    toni_engine_publish publish =
        toni_fake_node_message(node->node, room_names[command->room], toni_str_of(body));
    publish.node = UINT64_C(0x7000000000000000) + writer; /* near each other */
    publish.number = numbers[writer] + 1 + below(3);
    publish.proposed = (UINT64_C(1) << 53) + ++epochs;
    publish.keep_messages = KEPT;
    publish.keep_seconds = 600;
    if (below(8) == 0)
        publish.incarnation += 1 + below(2);
    if (below(4) == 0) {
        publish.is_repeat = 1;
        publish.number -= publish.number > 4 ? below(4) : 0;
        if (below(2) == 0)
            publish.epoch = model_top(command->room).epoch + (below(4) == 0);
    }
    if (below(4) == 0)
        publish.after = publish.number - 1;
    if (numbers[writer] < publish.number)
        numbers[writer] = publish.number;
    command->request = publish.number;
    command->answer = model_publish(&publish, command->room, writer, text, &command->at);
    toni_fake_node_publish(node->node, &publish);
}

static void ask_history(struct model_node *node, struct command *command)
{
    const toni_position top = model_top(command->room);
    command->as_it_was = model_rooms[command->room];
    command->at = top;
    command->count = 1 + below(KEPT);
    command->since.epoch = top.epoch + (below(5) == 0);
    command->since.offset =
        top.offset - below((top.offset < KEPT ? (uint32_t)top.offset : KEPT) + 1);
    command->request =
        command->kind == LAST
            ? toni_fake_node_history_last(node->node, room_names[command->room], command->count)
            : toni_fake_node_history(node->node, room_names[command->room], command->since,
                                     command->count);
}

static void ask(struct model_node *node, struct command *command)
{
    const uint32_t what = below(20);
    *command = (struct command){.kind = what < 12   ? PUBLISH
                                        : what < 14 ? TOPS
                                        : what < 16 ? HISTORY
                                        : what < 18 ? LAST
                                                    : PROBE,
                                .room = below(ROOMS)};
    switch (command->kind) {
    case PUBLISH:
        ask_publish(node, command);
        break;
    case TOPS:
        for (uint32_t i = 0; i < ROOMS; i++)
            command->tops[i] = model_top(i);
        command->request = toni_fake_node_tops(node->node, room_names, ROOMS);
        break;
    case HISTORY:
    case LAST:
        ask_history(node, command);
        break;
    case PROBE:
        command->answer = below(4) == 0 ? TONI_ENGINE_OTHER_INCARNATION : TONI_ENGINE_APPLIED;
        command->request = toni_fake_node_probe(
            node->node, incarnation + (command->answer != TONI_ENGINE_APPLIED));
    }
}

/* --- What has come of them */

static void check_published(const struct command *command, const toni_told *told)
{
    ck_assert_int_eq(told->answer, command->answer);
    if (command->answer == TONI_ENGINE_APPLIED)
        engine_check_at(told->at, command->at.epoch, command->at.offset);
    if (command->answer == TONI_ENGINE_REPEAT)
        ck_assert_uint_eq(told->at.epoch, command->at.epoch);
}

/* The model's history is as long as was asked to be kept; an engine's may be longer. */
static void check_history(const struct command *command, const toni_told *told)
{
    const struct model_room *room = &command->as_it_was;
    engine_check_at(told->at, command->at.epoch, command->at.offset);
    ck_assert_uint_le(told->count, command->count);
    if (command->at.epoch == 0 ||
        (command->kind == HISTORY && command->since.epoch != command->at.epoch)) {
        ck_assert_uint_eq(told->count, 0);
        return;
    }
    const uint64_t oldest = command->at.offset - room->kept_count; /* is the one before */
    uint64_t above = command->kind == HISTORY ? command->since.offset : oldest;
    if (command->kind == LAST && room->kept_count > command->count)
        above = command->at.offset - command->count;
    if (above >= oldest) {
        const uint64_t all = command->at.offset - above;
        ck_assert_uint_eq(told->count, all < command->count ? all : command->count);
        ck_assert(told->count == 0 || told->entries[0].offset == above + 1);
    }
    for (uint32_t i = 0; i < told->count; i++) {
        char text[24];
        const uint64_t offset = told->entries[i].offset;
        if (offset <= oldest)
            continue;
        (void)snprintf(text, sizeof text, "%" PRIu64, room->kept[offset - oldest - 1]);
        engine_check_bytes(told->entries[i].body, toni_str_of(text));
    }
}

static void check(struct model_node *node, const struct command *command)
{
    static const toni_told_kind kinds[] = {TONI_TOLD_PUBLISHED, TONI_TOLD_TOPS, TONI_TOLD_HISTORY,
                                           TONI_TOLD_HISTORY, TONI_TOLD_PROBE};
    const toni_told *told = toni_fake_node_next(node->node, kinds[command->kind]);
    ck_assert_uint_eq(told->request, command->request);
    switch (command->kind) {
    case PUBLISH:
        check_published(command, told);
        break;
    case TOPS:
        for (uint32_t i = 0; i < ROOMS; i++)
            engine_check_at(told->tops[i], command->tops[i].epoch, command->tops[i].offset);
        break;
    case HISTORY:
    case LAST:
        check_history(command, told);
        break;
    case PROBE:
        ck_assert_int_eq(told->answer, command->answer);
    }
}

/* --- What the nodes do */

/* Asks for several things at once, since all are answered in that order. */
static void run_batch(struct model_node *node)
{
    struct command commands[BATCH_MOST];
    const uint32_t count = 1 + below(BATCH_MOST);
    for (uint32_t i = 0; i < count; i++)
        ask(node, &commands[i]);
    for (uint32_t i = 0; i < count; i++)
        check(node, &commands[i]);
}

/* All messages that are due have come, in order, and no other. Echoes of probes before may stand
 * between them. */
static void check_messages(struct model_node *node)
{
    const uint64_t last = toni_fake_node_probe(node->node, incarnation);
    uint32_t taken = 0;
    ck_assert_int_eq(toni_fake_node_next(node->node, TONI_TOLD_PROBE)->answer, TONI_ENGINE_APPLIED);
    for (;;) {
        const toni_told *told = toni_fake_node_await(node->node, TONI_TOLD_MESSAGE);
        if (told->kind == TONI_TOLD_ECHO) {
            if (toni_fake_node_next(node->node, TONI_TOLD_ECHO)->request == last)
                break;
            continue;
        }
        char text[24];
        ck_assert_msg(taken < node->due_count, "a message came that is not due");
        const struct model_message *due = &node->due[taken++];
        (void)snprintf(text, sizeof text, "%" PRIu64, due->body);
        engine_expect_message(node->node, room_names[due->room], due->at, toni_str_of(text));
    }
    ck_assert_msg(taken == node->due_count, "%u messages have not come",
                  (unsigned)(node->due_count - taken));
    node->due_count = 0;
}

static void change_subscription(struct model_node *node)
{
    const uint32_t room = below(ROOMS);
    check_messages(node);
    node->is_subscribed[room] = !node->is_subscribed[room];
    if (node->is_subscribed[room])
        engine_subscribe(node->node, room_names[room]);
    else
        engine_unsubscribe(node->node, room_names[room]);
}

static void connect_anew(struct model_node *node)
{
    engine_connect_anew(node->node);
    for (uint32_t i = 0; i < ROOMS; i++)
        node->is_subscribed[i] = 0;
    node->due_count = 0;
    incarnation = node->node->server_incarnation;
}

static void have_it_fail(void (*failure)(toni_fake_node *node))
{
    if (!failure)
        return;
    failure(LEFT);
    connect_anew(&model_nodes[0]);
    connect_anew(&model_nodes[1]);
}

static void step(void)
{
    struct model_node *node = &model_nodes[below(2)];
    const uint32_t what = below(1000);
    if (what < 700)
        run_batch(node);
    else if (what < 850)
        change_subscription(node);
    else if (what < 985)
        check_messages(node);
    else if (what < 995)
        connect_anew(node);
    else
        have_it_fail(what < 998 ? engine_subject->restart : engine_subject->wipe);
    if (model_nodes[0].due_count + BATCH_MOST > QUEUE ||
        model_nodes[1].due_count + BATCH_MOST > QUEUE) {
        check_messages(&model_nodes[0]);
        check_messages(&model_nodes[1]);
    }
}

START_TEST(random_commands_of_two_nodes)
{
    const uint64_t seed = setting("TONI_SEED", (uint64_t)node_now_ms());
    const uint64_t steps = setting("TONI_STEPS", STEPS);
    printf("%s: random: TONI_SEED=%" PRIu64 "\n", engine_subject->name, seed);
    (void)fflush(stdout);
    dice_state = seed;
    model_nodes[0].node = LEFT;
    model_nodes[1].node = RIGHT;
    incarnation = LEFT->server_incarnation;
    for (uint64_t i = 0; i < steps; i++)
        step();
    check_messages(&model_nodes[0]);
    check_messages(&model_nodes[1]);
}
END_TEST

TCase *engine_random_case(void)
{
    TCase *made = engine_case("random");
    tcase_add_test(made, random_commands_of_two_nodes);
    return made;
}
