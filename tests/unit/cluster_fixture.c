/* The engine beside a node of the cluster, and the text of what it says: see cluster_fixture.h. */
#include "cluster_fixture.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINES = 8192, PENDING = 8192 };

/* Check allocates at each assertion, and memory may be what is failing. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            ck_abort_msg("not so: " #condition);                                                   \
    } while (0)

struct world world;

static char lines[LINES][96];
static uint32_t line_count;
static struct output pending[PENDING]; /* commands that a stopped engine has not read */
static uint32_t pending_count;

static struct room_key key_of(const char *text)
{
    return (struct room_key){.bytes = text, .size = strlen(text)};
}

static void say(const char *format, ...)
{
    va_list arguments;

    MUST(line_count < LINES);
    va_start(arguments, format);
    (void)vsnprintf(lines[line_count++], sizeof(lines[0]), format, arguments);
    va_end(arguments);
}

struct world_room *world_room(const char *key)
{
    for (uint32_t i = 0; i < WORLD_ROOMS; i++) {
        struct world_room *room = &world.rooms[i];
        if (room->key[0] == '\0') {
            (void)snprintf(room->key, sizeof(room->key), "%s", key);
            room->keeps = true;
        }
        if (strcmp(room->key, key) == 0)
            return room;
    }
    ck_abort_msg("too many rooms");
}

static const char *name_of(const struct room_keys *keys, uint32_t index)
{
    static char name[ROOM_KEY_MAX + 1];

    MUST(keys != NULL);
    memcpy(name, keys->list[index].bytes, keys->list[index].size);
    name[keys->list[index].size] = '\0';
    return name;
}

static struct world_room *room_of(const struct output *output, uint32_t index)
{
    return world_room(name_of(output->keys, index));
}

static bool is_known(const struct world_room *room)
{
    return room->epoch != 0 && room->incarnation == world.incarnation;
}

static struct position top_of(const struct world_room *room)
{
    return is_known(room) ? (struct position){room->epoch, room->offset} : (struct position){0};
}

/* The room's next message, from whomever. */
static struct position append(struct world_room *room, const void *bytes, size_t size)
{
    if (!is_known(room)) {
        room->epoch = ++world.epochs;
        room->incarnation = world.incarnation;
        room->offset = 0;
        room->last_number = 0;
        room->first_kept = 1;
    }
    room->offset++;
    if (room->offset >= WORLD_LOG && room->first_kept <= room->offset - WORLD_LOG)
        room->first_kept = (uint32_t)(room->offset - WORLD_LOG + 1);
    char *text = room->messages[room->offset % WORLD_LOG];
    (void)snprintf(text, sizeof(room->messages[0]), "%.*s", (int)size, (const char *)bytes);
    if (world.on_applied)
        world.on_applied(text);
    return top_of(room);
}

static void send_out(struct world_room *room)
{
    const char *text = room->messages[room->offset % WORLD_LOG];

    if (room->is_subscribed && !world.loses_messages && world.generation != 0)
        node_message(world.node, 0, world.generation, key_of(room->key), top_of(room), text,
                     strlen(text), 1, world.now_ms);
}

static void answer_publish(const struct output *output)
{
    struct world_room *room = room_of(output, 0);
    struct publish_reply reply = {.answer = ENGINE_APPLIED, .receivers = 1};
    const bool is_behind_unapplied =
        output->publish.after > (is_known(room) ? room->last_number : 0);
    /* Redis finds that before it would write, and fail. */
    const bool is_found_before = world.publish_answer == ENGINE_ERROR && is_behind_unapplied;

    if (world.publish_answer != ENGINE_APPLIED && !is_found_before && world.answers_left > 0 &&
        output->generation == world.generation) {
        world.answers_left -= world.answers_left != UINT32_MAX ? 1 : 0;
        reply.answer = world.publish_answer;
    } else if (output->publish.incarnation != world.incarnation) {
        reply.answer = ENGINE_OTHER_INCARNATION;
    } else if (output->publish.is_repeat &&
               (!is_known(room) ||
                (output->publish.epoch == 0 ? room->last_number == 0
                                            : output->publish.epoch != room->epoch))) {
        reply.answer = ENGINE_LOST;
    } else if (is_known(room) && output->request <= room->last_number) {
        reply.answer = ENGINE_REPEAT;
        reply.at.epoch = room->epoch;
        reply.at.offset = output->request == room->last_number ? room->last_offset : 0;
    } else if (is_behind_unapplied) {
        reply.answer = ENGINE_NOT_RUN;
    } else {
        reply.at = append(room, output->payload->bytes, output->payload->size);
        room->last_number = output->request;
        room->last_offset = reply.at.offset;
    }
    node_publish_reply(world.node, 0, output->generation, output->request, &reply, world.now_ms);
    if (reply.answer == ENGINE_APPLIED)
        send_out(room);
}

static void answer_tops(const struct output *output)
{
    struct position tops[ROOMS_A_COMMAND] = {0};
    MUST(output->keys != NULL);
    const bool are_few = output->keys->count <= WORLD_ROOMS && !world.had_no_numbers;

    world.had_no_numbers = false;
    for (uint32_t i = 0; are_few && i < output->keys->count; i++)
        tops[i] = top_of(room_of(output, i));
    node_tops_reply(world.node, 0, output->generation, output->request, tops, output->keys->count,
                    world.now_ms);
}

static void answer_history(const struct output *output)
{
    const struct world_room *room = room_of(output, 0);
    const struct position top = top_of(room);
    struct history_entry entries[WORLD_LOG];
    uint64_t from = output->history.since.offset + 1;
    uint32_t count = 0;

    if (output->history.is_last)
        from = top.offset > output->history.limit ? top.offset - output->history.limit + 1 : 1;
    else if (output->history.since.epoch != top.epoch)
        from = UINT64_MAX;
    if (from < room->first_kept)
        from = room->first_kept;
    for (; room->keeps && from <= top.offset && count < output->history.limit; from++) {
        const char *text = room->messages[from % WORLD_LOG];
        entries[count++] = (struct history_entry){from, text, strlen(text), 1};
    }
    node_history_reply(world.node, 0, output->generation, output->request, top, entries, count,
                       world.now_ms);
}

static bool is_slot_taken(uint32_t slot)
{
    for (uint32_t i = 0; i < world.lease_count; i++) {
        if (world.leases[i].identity.slot == slot)
            return true;
    }
    return false;
}

static struct output unanswered; /* the last LEASE, without what it leads to */

static void end_lease(const struct output *output)
{
    for (uint32_t i = 0; i < world.lease_count; i++) {
        if (world.leases[i].node == output->lease.node &&
            node_identity_equal(world.leases[i].identity, output->lease.identity)) {
            world.leases[i] = world.leases[--world.lease_count];
            return;
        }
    }
}

static void answer_lease(const struct output *output)
{
    struct node_identity given = {.slot = 1, .boot = 0};

    if (output->lease.ttl_ms == 0)
        end_lease(output);
    unanswered = *output;
    if (world.never_answers_leases)
        return;
    if (output->lease.ttl_ms == 0) {
        node_lease_reply(world.node, 0, output->generation, output->request,
                         &(struct lease_reply){0}, world.now_ms);
        return;
    }
    if (world.has_no_slot) {
        node_lease_reply(world.node, 0, output->generation, output->request,
                         &(struct lease_reply){0}, world.now_ms);
        return;
    }
    for (uint32_t i = 0; i < world.lease_count; i++) {
        if (world.leases[i].node == output->lease.node) {
            if (node_identity_equal(world.leases[i].identity, output->lease.identity))
                given = world.leases[i].identity;
            world.leases[i] = world.leases[--world.lease_count];
            break;
        }
    }
    while (given.boot == 0 && is_slot_taken(given.slot))
        given.slot++;
    if (given.boot == 0 && output->lease.may_restore && !is_slot_taken(output->lease.identity.slot))
        given = output->lease.identity;
    if (given.boot == 0)
        given.boot = ++world.boots;
    if (world.id_key == 0)
        world.id_key = output->lease.id_key;
    world.leases[world.lease_count++] = (struct lease_entry){
        .identity = given, .node = output->lease.node, .left_ms = output->lease.ttl_ms};
    node_lease_reply(world.node, 0, output->generation, output->request,
                     &(struct lease_reply){.identity = given,
                                           .id_key = world.id_key,
                                           .leases = world.leases,
                                           .count = world.lease_count},
                     world.now_ms);
}

static void answer_subscribe(const struct output *output, bool subscribes)
{
    MUST(output->keys != NULL);
    for (uint32_t i = 0; i < output->keys->count; i++) {
        if (output->keys->count <= WORLD_ROOMS && strlen(name_of(output->keys, i)) == 1)
            room_of(output, i)->is_subscribed = subscribes;
        node_subscribed(world.node, 0, output->generation, output->keys->list[i], subscribes,
                        world.now_ms);
    }
}

static void answer_probe(const struct output *output)
{
    const bool is_right = output->probe.incarnation == world.incarnation;

    node_probe_reply(world.node, 0, output->generation, output->request,
                     is_right ? ENGINE_APPLIED : ENGINE_OTHER_INCARNATION, world.now_ms);
    if (!world.loses_echoes)
        node_probe_echo(world.node, 0, output->generation, output->request, world.now_ms);
}

/* The engine reads one command. */
static void answer(const struct output *output)
{
    switch (output->kind) {
    case OUTPUT_OPEN:
        world.generation = world.is_away ? 0 : output->generation;
        if (world.is_away)
            node_closed(world.node, 0, output->generation, world.now_ms);
        else
            node_connected(world.node, 0, output->generation, world.now_ms);
        break;
    case OUTPUT_HELLO:
        node_hello_reply(
            world.node, 0, output->generation, output->request,
            &(struct hello_reply){world.incarnation, world.engine_id, world.is_read_only},
            world.now_ms);
        break;
    case OUTPUT_PUBLISH:
        answer_publish(output);
        break;
    case OUTPUT_SUBSCRIBE:
    case OUTPUT_UNSUBSCRIBE:
        answer_subscribe(output, output->kind == OUTPUT_SUBSCRIBE);
        break;
    case OUTPUT_TOPS:
        answer_tops(output);
        break;
    case OUTPUT_HISTORY:
        answer_history(output);
        break;
    case OUTPUT_PROBE:
        answer_probe(output);
        break;
    case OUTPUT_LEASE:
        answer_lease(output);
        break;
    default:
        break;
    }
}

static const char *why_name(enum cluster_why why)
{
    static const char *const names[WHY_COUNT] = {
        [WHY_CLOSED] = "closed",       [WHY_NO_REPLY] = "no-reply",
        [WHY_NO_ECHO] = "no-echo",     [WHY_READ_ONLY] = "read-only",
        [WHY_INCARNATION] = "inc",     [WHY_OTHER_ENGINE] = "other-engine",
        [WHY_TOO_OLD] = "old",         [WHY_ORDER] = "order",
        [WHY_EPOCH] = "epoch",         [WHY_NO_HISTORY] = "no-history",
        [WHY_TRIMMED] = "trimmed",     [WHY_HOLDING] = "holding",
        [WHY_LOCAL] = "local",         [WHY_AHEAD] = "ahead",
        [WHY_TOO_MUCH] = "too-much",   [WHY_AWAY] = "away",
        [WHY_LEASE_OVER] = "over",     [WHY_LEASE_TAKEN] = "taken",
        [WHY_GONE] = "gone",           [WHY_CONNECTED] = "connected",
        [WHY_CAUGHT_UP] = "caught-up", [WHY_REQUEST_REFUSED] = "refused",
        [WHY_SAME_NAME] = "same-name", [WHY_LEASE_KEY] = "key",
        [WHY_LEASE_FULL] = "full",     [WHY_LEFT] = "left",
    };
    ck_assert_str_ne(cluster_why_text(why), why == WHY_NONE ? "x" : "");
    return names[why] ? names[why] : "";
}

static void say_recovered(const struct output *output)
{
    char text[80] = "";

    if (!output->recovered.is_complete) {
        ck_assert_ptr_null(output->recovered.entries);
        say("recovered %d none %s", (int)output->recovered.cookie, why_name(output->recovered.why));
        return;
    }
    for (uint32_t i = 0; output->recovered.entries && i < output->recovered.entries->count; i++) {
        const struct entry *entry = &output->recovered.entries->list[i];
        const size_t length = strlen(text);
        (void)snprintf(text + length, sizeof(text) - length, " %d:%.*s", (int)entry->offset,
                       (int)entry->payload->size, (const char *)entry->payload->bytes);
    }
    say("recovered %d at %d%s", (int)output->recovered.cookie, (int)output->recovered.at.offset,
        text);
}

static void say_event(const struct output *output)
{
    static const char *const results[] = {"ok", "rejected", "unknown"};
    static const char *const states[] = {"down", "degraded", "up"};
    static const char *const nodes[] = {"held", "lost", "seen", "gone"};

    switch (output->kind) {
    case OUTPUT_RESULT:
        if (output->result.result == PUBLISH_OK)
            say("result %d ok %d", (int)output->result.cookie, (int)output->result.at.offset);
        else
            say("result %d %s %s", (int)output->result.cookie, results[output->result.result],
                why_name(output->result.why));
        break;
    case OUTPUT_DELIVER:
        say("deliver %s %d %.*s%s", name_of(output->keys, 0), (int)output->deliver.at.offset,
            (int)output->payload->size, (const char *)output->payload->bytes,
            output->deliver.is_local ? " local" : "");
        break;
    case OUTPUT_GAP:
        say("gap %s %d..%d %s", name_of(output->keys, 0), (int)output->gap.from,
            (int)output->gap.to, why_name(output->gap.why));
        break;
    case OUTPUT_RECOVERED:
        say_recovered(output);
        break;
    case OUTPUT_STATE:
        say("state %s %s", states[output->state.state], why_name(output->state.why));
        break;
    default:
        say("%s %u/%d %s%s%.*s", nodes[output->kind - OUTPUT_LEASE_HELD],
            output->node.identity.slot, (int)output->node.identity.boot, why_name(output->node.why),
            output->payload->size > 0 ? " " : "", (int)output->payload->size,
            (const char *)output->payload->bytes);
        break;
    }
}

static bool piles_up(enum output_kind kind)
{
    const bool subscribes = kind == OUTPUT_SUBSCRIBE || kind == OUTPUT_UNSUBSCRIBE;

    return (world.is_stopped && kind != OUTPUT_OPEN) || (world.stops_subscriptions && subscribes) ||
           (world.stops_tops && kind == OUTPUT_TOPS);
}

void world_run(void)
{
    struct output output;

    if (!world.is_stopped && !world.stops_subscriptions && !world.stops_tops) {
        /* What a stopped engine had not read it reads now, also of connections that are gone. */
        for (uint32_t i = 0; i < pending_count; i++) {
            answer(&pending[i]);
            output_finish(&pending[i]);
        }
        pending_count = 0;
    }
    while (node_take(world.node, &output)) {
        if (output.kind > OUTPUT_LEASE) {
            if (world.on_event)
                world.on_event(&output);
            else
                say_event(&output);
            output_finish(&output);
            continue;
        }
        world.commands[output.kind]++;
        if (output.keys && output.keys->count > world.batch_most)
            world.batch_most = output.keys->count;
        if (output.kind == OUTPUT_CLOSE) {
            world.generation = 0;
            for (uint32_t i = 0; i < WORLD_ROOMS; i++)
                world.rooms[i].is_subscribed = false;
        } else if (piles_up(output.kind)) {
            MUST(pending_count < PENDING);
            pending[pending_count++] = output;
            continue;
        } else {
            answer(&output);
        }
        output_finish(&output);
    }
}

void world_pass(uint32_t ms)
{
    const uint64_t end = world.now_ms + ms;
    uint32_t turns = 0;

    for (uint64_t due; (due = node_due(world.node)) <= end; turns++) {
        MUST(turns < 10000); /* else it is always due */
        world.now_ms = due > world.now_ms ? due : world.now_ms;
        node_tick(world.node, world.now_ms);
        world_run();
    }
    world.now_ms = end;
    node_tick(world.node, world.now_ms);
    world_run();
}

void world_break(void)
{
    const uint64_t generation = world.generation;

    world.generation = 0;
    for (uint32_t i = 0; i < WORLD_ROOMS; i++)
        world.rooms[i].is_subscribed = false;
    node_closed(world.node, 0, generation, world.now_ms);
    world_run();
}

void world_restart_empty(void)
{
    world.incarnation++;
    world.lease_count = 0;
    world_break();
}

int world_subscribe(const char *key)
{
    const int status = node_subscribe(world.node, key_of(key), 0, world.now_ms);

    world_run();
    return status;
}

int world_publish(const char *key, const char *text)
{
    struct payload *payload = payload_create(text, strlen(text), 1);

    if (!payload)
        return CLUSTER_NO_MEMORY;
    const int status = node_publish(world.node, key_of(key), payload, (struct keeping){100, 300}, 0,
                                    ++world.last_cookie, world.now_ms);

    payload_unref(payload);
    world_run();
    return status;
}

void world_others_publish(const char *key, const char *text)
{
    struct world_room *room = world_room(key);

    append(room, text, strlen(text));
    send_out(room);
    world_run();
}

void world_other_node(uint32_t slot, uint64_t boot, uint64_t node, uint32_t left_ms)
{
    world.leases[world.lease_count++] =
        (struct lease_entry){.identity = {slot, boot}, .node = node, .left_ms = left_ms};
}

void world_named_node(uint32_t slot, uint64_t boot, uint64_t node, const char *name)
{
    world.leases[world.lease_count++] = (struct lease_entry){.identity = {slot, boot},
                                                             .node = node,
                                                             .left_ms = 10000,
                                                             .name = name,
                                                             .name_size = strlen(name)};
}

void world_answer_lease(void)
{
    answer_lease(&unanswered);
}

void world_expect_lines(const char *first, ...)
{
    va_list arguments;
    uint32_t index = 0;

    va_start(arguments, first);
    for (const char *line = first; line; line = va_arg(arguments, const char *)) {
        ck_assert_msg(index < line_count, "nothing after line %u; wanted \"%s\"", index, line);
        ck_assert_str_eq(lines[index], line);
        index++;
    }
    va_end(arguments);
    ck_assert_msg(index == line_count, "also said: \"%s\"", lines[index]);
    line_count = 0;
}

void world_expect_nothing(void)
{
    ck_assert_msg(line_count == 0, "said: \"%s\"", lines[0]);
}

void world_forget(void)
{
    line_count = 0;
    memset(world.commands, 0, sizeof(world.commands));
}

uint32_t world_count(const char *begin)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < line_count; i++)
        count += strncmp(lines[i], begin, strlen(begin)) == 0 ? 1 : 0;
    return count;
}

void world_begin(void (*change)(struct node_settings *))
{
    static const char *const servers[] = {"one:6379"};
    struct node_settings settings = {
        .servers = servers, .server_count = 1, .incarnation = 77, .seed = 1, .id_key = 5};

    memset(&world, 0, sizeof(world));
    world.now_ms = 1000000;
    world.incarnation = 500;
    world.engine_id = 900;
    world.epochs = 100;
    world.answers_left = UINT32_MAX;
    line_count = 0;
    node_settings_defaults(&settings);
    if (change)
        change(&settings);
    world.node = node_create(&settings, world.now_ms);
    ck_assert_ptr_nonnull(world.node);
}

void world_begin_up(void (*change)(struct node_settings *))
{
    world_begin(change);
    world_run();
    world_expect("state degraded connected", "held 1/1 ", "state up caught-up");
    world_forget();
}

void world_end(void)
{
    for (uint32_t i = 0; i < pending_count; i++)
        output_finish(&pending[i]);
    pending_count = 0;
    node_destroy(world.node);
}
