/* The door that rooms have to the cluster (rooms/remote.h): on any thread, and never waiting. */
#include "clustering/clustering_private.h"

#include "cluster/rendezvous.h"
#include "clustering/keys.h"
#include "rooms/room_table.h"

#include <stdlib.h>
#include <string.h>
#include <toni/error.h>

static struct door *door_of(struct remote *remote)
{
    return (struct door *)remote;
}

static struct room_key key_of(const struct space *space, toni_str room, char bytes[ROOM_KEY_MAX])
{
    return key_of_room(toni_str_of(space->name), room, bytes);
}

static uint32_t server_of(const struct clustering *clustering, struct room_key key)
{
    if (!atomic_load_explicit(&clustering->is_known, memory_order_acquire))
        return SERVER_UNKNOWN;
    return rendezvous_choose((const char *const *)clustering->names, clustering->server_count, key);
}

static int32_t refuse_busy(struct server_view *view)
{
    counter_add_shared(&view->refused, 1);
    return TONI_ERR_BUSY;
}

/* --- Publishing */

/* @return Whether it was charged. */
static bool charge(struct server_view *view, size_t bytes)
{
    if (atomic_fetch_add(&view->waiting_bytes, bytes) + bytes <= WAITING_BYTES_MOST)
        return true;
    atomic_fetch_sub(&view->waiting_bytes, bytes);
    return false;
}

/* With what the engine is to keep of the room. */
static struct sent *make(struct door *door, struct room_key key,
                         const struct remote_publish *publish, const struct envelope *envelope)
{
    const toni_message *message = publish->message;
    struct sent *sent =
        sent_create(key, envelope, message->body.data, message->body.size, message->kind);
    if (!sent || publish->room.size == 0)
        return sent;
    const struct history_rule rule = room_table_kept(door->space, publish->room);
    sent->keeping = (struct keeping){rule.messages, rule.seconds};
    return sent;
}

/* What was asked for is copied. */
static int32_t put(struct door *door, struct room_key key, const struct remote_publish *publish,
                   const struct envelope *envelope)
{
    struct clustering *clustering = door->clustering;
    const uint32_t server = server_of(clustering, key);
    struct server_view *view = &clustering->views[server];
    if (atomic_load_explicit(&clustering->is_held, memory_order_relaxed))
        return refuse_busy(view);
    if ((door->flags & ROOM_LOCAL_ONLY) == 0 && server != SERVER_UNKNOWN &&
        atomic_load_explicit(&view->state, memory_order_relaxed) == SERVER_DOWN)
        return refuse_busy(view);
    struct sent *sent = make(door, key, publish, envelope);
    if (!sent)
        return TONI_ERR_NO_MEMORY;
    sent->flags = door->flags;
    sent->server = server;
    sent->asked_ms = now_ms();
    sent->receipt = publish->receipt;
    if (sent->charged > WAITING_BYTES_MOST) {
        sent_destroy(sent);
        return TONI_ERR_TOO_BIG;
    }
    if (!charge(view, sent->charged)) {
        sent_destroy(sent);
        return refuse_busy(view);
    }
    const size_t charged = sent->charged;
    const int32_t result = inbox_put(&clustering->inbox, sent);
    if (result != TONI_OK) {
        atomic_fetch_sub(&view->waiting_bytes, charged);
        sent_destroy(sent);
    }
    return result;
}

static int32_t door_publish(struct remote *remote, const struct remote_publish *publish)
{
    struct door *door = door_of(remote);
    char bytes[ROOM_KEY_MAX];
    const struct room_key key = key_of(door->space, publish->room, bytes);
    struct envelope own = publish->to ? *publish->to : (struct envelope){0};
    if (key.size == 0)
        return TONI_ERR_INVALID;
    if (publish->message->body.size > WAITING_BYTES_MOST)
        return TONI_ERR_TOO_BIG;
    own.receipt = publish->receipt ? 1 : 0; /* its number is filled in by receipts_begin() */
    const bool has_envelope = publish->to || publish->receipt;
    if (has_envelope && envelope_size(&own) == 0)
        return TONI_ERR_TOO_BIG;
    struct receipts *receipts = &door->clustering->receipts;
    if (publish->receipt && receipts_admit(receipts) != TONI_OK)
        return TONI_ERR_BUSY;
    const int32_t result = put(door, key, publish, has_envelope ? &own : NULL);
    if (result == TONI_OK)
        loop_wake_send(&door->clustering->wake);
    else if (publish->receipt)
        receipts_give_back(receipts);
    return result;
}

/* --- Rooms */

static int32_t door_want(struct remote *remote, struct space *space, toni_str room)
{
    struct door *door = door_of(remote);
    char bytes[ROOM_KEY_MAX];
    const struct room_key key = key_of(space, room, bytes);
    if (key.size == 0)
        return TONI_ERR_LIMIT;
    const int32_t result = inbox_want(&door->clustering->inbox, key, door->flags);
    if (result == TONI_OK)
        loop_wake_send(&door->clustering->wake);
    return result;
}

static void door_unwant(struct remote *remote, struct space *space, toni_str room)
{
    struct door *door = door_of(remote);
    char bytes[ROOM_KEY_MAX];
    inbox_unwant(&door->clustering->inbox, key_of(space, room, bytes));
    loop_wake_send(&door->clustering->wake);
}

static int32_t door_recover(struct remote *remote, struct remote_recovery *recovery)
{
    struct door *door = door_of(remote);
    char bytes[ROOM_KEY_MAX];
    const struct room_key key = key_of(recovery->space, recovery->room, bytes);
    if (key.size == 0)
        return TONI_ERR_LIMIT;
    struct recovering *recovering = calloc(1, sizeof *recovering);
    if (!recovering)
        return TONI_ERR_NO_MEMORY;
    recovering->recovery = recovery;
    const int32_t result = inbox_recover(&door->clustering->inbox, key, door->flags, recovering);
    if (result == TONI_OK)
        loop_wake_send(&door->clustering->wake);
    else
        free(recovering);
    return result;
}

static int32_t door_ask(struct remote *remote, const toni_cluster_request *request,
                        struct remote_call *call)
{
    struct door *door = door_of(remote);
    return asks_put(door->clustering, door->space, request, call);
}

struct space *door_find_space(const struct clustering *clustering, toni_str namespace)
{
    for (struct door *door = atomic_load_explicit(&clustering->doors, memory_order_acquire); door;
         door = door->next) {
        if (toni_str_equal(namespace, toni_str_of(door->space->name)))
            return door->space;
    }
    return NULL;
}

int clustering_open_door(struct clustering *clustering, struct space *space, bool is_local_only)
{
    struct door *door = calloc(1, sizeof *door);
    if (!door)
        return -1;
    *door = (struct door){
        .remote = {.publish = door_publish,
                   .want = door_want,
                   .unwant = door_unwant,
                   .recover = door_recover,
                   .ask = door_ask},
        .clustering = clustering,
        .space = space,
        .flags = is_local_only ? ROOM_LOCAL_ONLY : 0,
        .next = clustering->doors,
    };
    if (door_want(&door->remote, space, (toni_str){0}) != TONI_OK) { /* the namespace's channel */
        free(door);
        return -1;
    }
    atomic_store_explicit(&clustering->doors, door, memory_order_release);
    space->remote = &door->remote;
    return 0;
}
