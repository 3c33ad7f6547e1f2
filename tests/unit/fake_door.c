/* See fake_door.h. */
#include "fake_door.h"

#include "cluster/output.h"
#include "cluster/recovery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A message on its way. Envelopes travel as bytes. */
struct fake_sent {
    struct fake_sent *next;
    uint32_t door;
    char space[32];
    toni_str room;
    uint32_t kind;
    size_t body_size;
    size_t envelope_size; /* 0: none */
    struct receipt *receipt;
    uint8_t bytes[]; /* room, envelope, body */
};

static struct fake_room *room_of(struct fake_engine *engine, const char *space, toni_str room)
{
    char name[sizeof engine->rooms[0].name];
    REQUIRE(snprintf(name, sizeof name, "%s/%.*s", space, TONI_STR_ARG(room)) < (int)sizeof name);
    for (uint32_t i = 0; i < engine->room_count; i++) {
        if (strcmp(engine->rooms[i].name, name) == 0)
            return &engine->rooms[i];
    }
    REQUIRE(engine->room_count < FAKE_ROOMS);
    struct fake_room *made = &engine->rooms[engine->room_count++];
    (void)memcpy(made->name, name, sizeof name);
    return made;
}

/* --- The door */

static void append(struct fake_engine *engine, struct fake_sent *sent)
{
    pthread_mutex_lock(&engine->mutex);
    *engine->last = sent;
    engine->last = &sent->next;
    engine->published++;
    pthread_mutex_unlock(&engine->mutex);
}

static int32_t publish(struct remote *remote, const struct remote_publish *publish)
{
    struct fake_door *door = (struct fake_door *)remote;
    const toni_str body = publish->message->body;
    const size_t envelope = publish->to ? envelope_size(publish->to) : 0;
    REQUIRE(publish->space->remote == remote);
    REQUIRE(!publish->to == (envelope == 0));
    REQUIRE(publish->to || publish->room.size > 0);
    if (door->publish_result != TONI_OK)
        return door->publish_result;
    struct fake_sent *sent = malloc(sizeof *sent + publish->room.size + envelope + body.size);
    REQUIRE(sent);
    *sent = (struct fake_sent){.door = door->index,
                               .room = toni_str_make((char *)sent->bytes, publish->room.size),
                               .kind = publish->message->kind,
                               .body_size = body.size,
                               .envelope_size = envelope,
                               .receipt = publish->receipt};
    (void)snprintf(sent->space, sizeof sent->space, "%s", publish->space->name);
    uint8_t *at = sent->bytes;
    if (publish->room.size > 0)
        memcpy(at, publish->room.data, publish->room.size);
    at += publish->room.size;
    if (publish->to)
        envelope_write(publish->to, at);
    if (body.size > 0)
        memcpy(at + envelope, body.data, body.size);
    append(door->engine, sent);
    return TONI_OK;
}

/* Called in turn for one room, or something was counted wrong. */
static int32_t want(struct remote *remote, struct space *space, toni_str name)
{
    struct fake_door *door = (struct fake_door *)remote;
    REQUIRE(space->remote == remote && name.size > 0);
    pthread_mutex_lock(&door->engine->mutex);
    const int32_t result = door->want_result;
    if (result == TONI_OK) {
        struct fake_room *room = room_of(door->engine, space->name, name);
        REQUIRE(!room->wanted[door->index]);
        room->wanted[door->index] = true;
        door->wants++;
    }
    pthread_mutex_unlock(&door->engine->mutex);
    return result;
}

static void unwant(struct remote *remote, struct space *space, toni_str name)
{
    struct fake_door *door = (struct fake_door *)remote;
    pthread_mutex_lock(&door->engine->mutex);
    struct fake_room *room = room_of(door->engine, space->name, name);
    REQUIRE(room->wanted[door->index]);
    room->wanted[door->index] = false;
    door->unwants++;
    pthread_mutex_unlock(&door->engine->mutex);
}

static int32_t recover(struct remote *remote, struct remote_recovery *recovery)
{
    struct fake_door *door = (struct fake_door *)remote;
    struct fake_engine *engine = door->engine;
    int32_t result = door->recover_result;
    REQUIRE(recovery->space->remote == remote && recovery->limit > 0);
    pthread_mutex_lock(&engine->mutex);
    if (result == TONI_OK && engine->recovery_count >= FAKE_RECOVERIES)
        result = TONI_ERR_BUSY;
    if (result == TONI_OK)
        engine->recoveries[engine->recovery_count++] = recovery;
    pthread_mutex_unlock(&engine->mutex);
    return result;
}

/* All clients are here. */
static int32_t ask(struct remote *remote, const toni_cluster_request *request,
                   struct remote_call *call)
{
    (void)remote, (void)request, (void)call;
    return TONI_ERR_NOT_FOUND;
}

/* --- Delivery */

/* The sender's receipt, which has the sum of what the hosts say. */
struct fake_sum {
    struct receipt *receipt; /* NULL: the sender wants none */
    atomic_uint missing;     /* hosts that have to say something, and who asks them */
};

/* What one host says. */
struct fake_receipt {
    struct receipt receipt; /* first */
    struct fake_sum *sum;
};

static void said(struct fake_sum *sum)
{
    if (atomic_fetch_sub(&sum->missing, 1) != 1)
        return;
    if (sum->receipt)
        sum->receipt->finished(sum->receipt);
    free(sum);
}

static void add_up(struct receipt *receipt)
{
    struct fake_receipt *of = (struct fake_receipt *)receipt;
    struct receipt *sum = of->sum->receipt;
    sum->targeted += receipt->targeted;
    for (unsigned i = 0; i < OUTBOX_ANSWERS; i++)
        atomic_fetch_add(&sum->answers[i], atomic_load(&receipt->answers[i]));
    said(of->sum);
    free(of);
}

static struct fake_receipt *receipt_create(struct fake_sum *sum)
{
    struct fake_receipt *receipt = calloc(1, sizeof *receipt);
    REQUIRE(receipt);
    *receipt = (struct fake_receipt){.receipt.finished = add_up, .sum = sum};
    atomic_fetch_add(&sum->missing, 1);
    return receipt;
}

static void deliver_to(struct fake_door *door, const struct fake_sent *sent, toni_position at,
                       struct fake_sum *sum)
{
    struct envelope *envelope = NULL;
    size_t envelope_size = 0;
    const uint8_t *payload = sent->bytes + sent->room.size;
    struct fake_receipt *receipt = sum->receipt ? receipt_create(sum) : NULL;
    struct space *space = connections_space(door->space->connections, sent->space);
    if (sent->envelope_size > 0) {
        REQUIRE(envelope_read(payload, sent->envelope_size + sent->body_size, &envelope,
                              &envelope_size) == CLUSTER_DONE);
        REQUIRE(envelope_size == sent->envelope_size);
    }
    toni_message message =
        toni_text(toni_str_make((const char *)payload + envelope_size, sent->body_size));
    message.kind = sent->kind;
    const int32_t result = remote_deliver(space, sent->room, at, &message, envelope,
                                          receipt ? &receipt->receipt : NULL);
    if (result < 0) {
        door->engine->refused = result;
        if (receipt)
            said(sum);
        free(receipt);
    }
    free(envelope);
}

static void keep(struct fake_room *room, const struct fake_sent *sent)
{
    struct payload **place = &room->kept[room->offset % FAKE_KEPT];
    payload_unref(*place);
    *place = payload_create(sent->bytes + sent->room.size, sent->envelope_size + sent->body_size,
                            sent->kind | (sent->envelope_size > 0 ? PAYLOAD_HAS_ENVELOPE : 0));
    REQUIRE(*place);
}

static struct fake_sent *take(struct fake_engine *engine, toni_position *at,
                              bool wanted[FAKE_DOORS])
{
    pthread_mutex_lock(&engine->mutex);
    struct fake_sent *sent = engine->first;
    if (sent) {
        struct fake_room *room = room_of(engine, sent->space, sent->room);
        engine->first = sent->next;
        if (!engine->first)
            engine->last = &engine->first;
        *at = (toni_position){engine->epoch, ++room->offset};
        keep(room, sent);
        for (uint32_t i = 0; i < engine->door_count; i++)
            wanted[i] = sent->room.size == 0 || room->wanted[i];
    }
    pthread_mutex_unlock(&engine->mutex);
    return sent;
}

uint32_t fake_engine_turn(struct fake_engine *engine, uint32_t most)
{
    uint32_t count = 0;
    struct fake_sent *sent;
    toni_position at;
    bool wanted[FAKE_DOORS] = {0};
    while (count < most && (sent = take(engine, &at, wanted))) {
        struct fake_sum *sum = malloc(sizeof *sum);
        REQUIRE(sum);
        *sum = (struct fake_sum){.receipt = sent->receipt, .missing = 1};
        /* The turn is one of those that are missing, so the sum stays until it has said so. */
        /* NOLINTBEGIN(clang-analyzer-unix.Malloc): the analyzer does not count */
        for (uint32_t i = 0; i < engine->door_count; i++) {
            if (wanted[i])
                deliver_to(&engine->doors[i], sent, at, sum);
        }
        said(sum);
        /* NOLINTEND(clang-analyzer-unix.Malloc) */
        free(sent);
        count++;
    }
    return count;
}

/* --- Clients that come back */

static uint64_t first_kept(const struct fake_room *room)
{
    uint64_t first = room->offset > FAKE_KEPT ? room->offset - FAKE_KEPT + 1 : 1;
    while (first <= room->offset && !room->kept[first % FAKE_KEPT])
        first++;
    return first;
}

/* @return What is kept from a message on, for one that needs no more than @p limit. */
static struct entries *entries_from(const struct fake_room *room, uint64_t from)
{
    struct entries *entries = entries_create(FAKE_KEPT);
    REQUIRE(entries);
    for (uint64_t offset = from; offset <= room->offset; offset++)
        entries->list[entries->count++] = (struct entry){
            .offset = offset, .payload = payload_ref(room->kept[offset % FAKE_KEPT])};
    return entries;
}

static enum cluster_why judge(const struct fake_engine *engine, const struct fake_room *room,
                              const struct remote_recovery *recovery)
{
    const struct history_span span = {
        .top = {engine->epoch, room->offset}, .first = first_kept(room), .last = room->offset};
    const struct position since = {recovery->since.epoch, recovery->since.offset};
    return since.epoch > 0 ? recovery_judge(since, recovery->limit, &span) : WHY_NONE;
}

bool fake_engine_recover(struct fake_engine *engine, enum cluster_why why)
{
    if (engine->recovery_count == 0)
        return false;
    struct remote_recovery *recovery = engine->recoveries[0];
    memmove(engine->recoveries, engine->recoveries + 1,
            --engine->recovery_count * sizeof(struct remote_recovery *));
    const struct fake_room *room = room_of(engine, recovery->space->name, recovery->room);
    if (why == WHY_NONE)
        why = judge(engine, room, recovery);
    uint64_t from = first_kept(room);
    if (recovery->since.epoch > 0)
        from = recovery->since.offset + 1;
    else if (room->offset >= recovery->limit && from < room->offset - recovery->limit + 1)
        from = room->offset - recovery->limit + 1;
    struct entries *entries = why == WHY_NONE ? entries_from(room, from) : NULL;
    remote_recovered(recovery, why, (toni_position){engine->epoch, room->offset}, entries);
    entries_destroy(entries);
    return true;
}

void fake_engine_trim(struct fake_engine *engine, const char *name, uint32_t left)
{
    struct fake_room *room = room_of(engine, "", toni_str_of(name));
    for (uint64_t offset = first_kept(room); offset + left <= room->offset; offset++) {
        payload_unref(room->kept[offset % FAKE_KEPT]);
        room->kept[offset % FAKE_KEPT] = NULL;
    }
}

uint32_t fake_engine_waiting(struct fake_engine *engine)
{
    uint32_t count = 0;
    pthread_mutex_lock(&engine->mutex);
    for (const struct fake_sent *sent = engine->first; sent; sent = sent->next)
        count++;
    pthread_mutex_unlock(&engine->mutex);
    return count;
}

/* --- Making */

void fake_engine_init(struct fake_engine *engine)
{
    *engine = (struct fake_engine){.epoch = 1000};
    engine->last = &engine->first;
    REQUIRE(!pthread_mutex_init(&engine->mutex, NULL));
}

void fake_engine_finish(struct fake_engine *engine)
{
    REQUIRE(!engine->first && engine->recovery_count == 0);
    for (uint32_t i = 0; i < engine->room_count; i++) {
        for (unsigned k = 0; k < FAKE_KEPT; k++)
            payload_unref(engine->rooms[i].kept[k]);
    }
    pthread_mutex_destroy(&engine->mutex);
}

struct fake_door *fake_door_open(struct fake_engine *engine, struct fixture *fixture)
{
    REQUIRE(engine->door_count < FAKE_DOORS);
    struct fake_door *door = &engine->doors[engine->door_count];
    *door = (struct fake_door){.remote = {publish, want, unwant, ask, recover},
                               .engine = engine,
                               .index = engine->door_count++,
                               .space = &fixture->connections->common};
    door->space->remote = &door->remote;
    return door;
}

void fake_door_open_in(struct fake_door *door, struct space *space)
{
    space->remote = &door->remote;
}

/* --- Questions */

bool fake_door_wants(struct fake_door *door, const char *room)
{
    pthread_mutex_lock(&door->engine->mutex);
    const bool wants = room_of(door->engine, "", toni_str_of(room))->wanted[door->index];
    pthread_mutex_unlock(&door->engine->mutex);
    return wants;
}

uint32_t fake_door_wanted(struct fake_door *door)
{
    uint32_t count = 0;
    pthread_mutex_lock(&door->engine->mutex);
    for (uint32_t i = 0; i < door->engine->room_count; i++)
        count += door->engine->rooms[i].wanted[door->index];
    pthread_mutex_unlock(&door->engine->mutex);
    return count;
}
