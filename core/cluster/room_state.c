/* A room as one node has it: see room_state.h. */
#include "cluster/room_state.h"

#include <stdlib.h>
#include <string.h>

struct room_state *room_state_create(struct room_key key, uint32_t server, uint32_t flags)
{
    struct room_state *room = calloc(1, sizeof(*room));

    if (!room)
        return NULL;
    room->key = room_keys_create(&key, 1);
    if (!room->key) {
        free(room);
        return NULL;
    }
    room->server = server;
    room->flags = flags;
    list_init(&room->recoveries);
    return room;
}

void room_state_destroy(struct room_state *room)
{
    room_state_drop_kept(room);
    room_order_finish(&room->order);
    list_remove(&room->all);
    list_remove(&room->joining);
    list_remove(&room->unchecked);
    list_remove(&room->suspect);
    list_remove(&room->asking);
    list_remove(&room->holding);
    list_remove(&room->recovering);
    list_remove(&room->local_place);
    room_keys_unref(room->key);
    free(room);
}

void recovery_destroy(struct recovery *recovery)
{
    list_remove(&recovery->in_room);
    list_remove(&recovery->by_time);
    room_keys_unref(recovery->key);
    free(recovery);
}

void room_state_keep(struct room_state *room, uint64_t offset, struct payload *payload,
                     uint32_t most)
{
    struct held *held = room->kept_count < most ? malloc(sizeof(*held)) : NULL;

    if (!held) {
        room_state_drop_kept(room);
        return;
    }
    *held = (struct held){.next = room->kept, .offset = offset, .payload = payload_ref(payload)};
    room->kept = held;
    room->kept_count++;
}

void room_state_drop_kept(struct room_state *room)
{
    while (room->kept) {
        struct held *held = room->kept;
        room->kept = held->next;
        payload_unref(held->payload);
        free(held);
    }
    room->kept_count = 0;
}

static bool has_key(const struct hash_node *node, const void *key)
{
    const struct room_key *own = room_state_key((const struct room_state *)(const void *)node);
    const struct room_key *other = key;

    return own->size == other->size && memcmp(own->bytes, other->bytes, own->size) == 0;
}

struct room_state *room_states_find(const struct room_states *rooms, struct room_key key)
{
    const uint64_t hash = hash_bytes(&rooms->key, key.bytes, key.size);

    return (struct room_state *)(void *)hash_table_find(&rooms->table, hash, has_key, &key);
}

int room_states_insert(struct room_states *rooms, struct room_state *room)
{
    const struct room_key *key = room_state_key(room);

    return hash_table_insert(&rooms->table, &room->node,
                             hash_bytes(&rooms->key, key->bytes, key->size));
}

void room_states_remove(struct room_states *rooms, struct room_state *room)
{
    hash_table_remove(&rooms->table, &room->node);
}
