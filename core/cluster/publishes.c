/* The publishes that wait: see publishes.h. */
#include "cluster/publishes.h"

#include <stdlib.h>
#include <string.h>

static struct publish *of(struct list *place)
{
    return list_owner(place, struct publish, place);
}

static uint64_t charge(size_t key_size, size_t size)
{
    return sizeof(struct publish) + sizeof(struct room_keys) + sizeof(struct room_key) + key_size +
           sizeof(struct payload) + size;
}

void publishes_init(struct publishes *publishes, uint64_t bytes_max, const struct hash_key *key)
{
    *publishes = (struct publishes){.bytes_max = bytes_max, .key = key};
    list_init(&publishes->list);
    hash_table_init(&publishes->last_of_rooms);
    publishes->next = &publishes->list;
}

void publishes_finish(struct publishes *publishes)
{
    struct list *next;

    for (struct list *place = publishes->list.next; place != &publishes->list; place = next) {
        next = place->next;
        publishes_remove(publishes, of(place));
    }
    hash_table_finish(&publishes->last_of_rooms, NULL, NULL);
}

int publishes_add(struct publishes *publishes, struct room_key key, struct payload *payload,
                  const struct publish *like)
{
    const uint64_t bytes = charge(key.size, payload->size);

    if (bytes > publishes->bytes_max - publishes->bytes)
        return CLUSTER_BUSY;
    struct publish *publish = malloc(sizeof(*publish));
    struct room_keys *keys = room_keys_create(&key, 1);
    if (!publish || !keys) {
        free(publish);
        room_keys_unref(keys);
        return CLUSTER_NO_MEMORY;
    }
    *publish = *like;
    publish->place = (struct list){0};
    publish->keys = keys;
    publish->payload = payload_ref(payload);
    list_append(&publishes->list, &publish->place);
    if (publishes->next == &publishes->list)
        publishes->next = &publish->place;
    publishes->bytes += bytes;
    publishes->count++;
    return CLUSTER_DONE;
}

struct publish *publishes_next(const struct publishes *publishes)
{
    if (publishes->is_corked || publishes->next == &publishes->list)
        return NULL;
    return of(publishes->next);
}

static bool is_of_room(const struct hash_node *node, const void *key)
{
    const struct room_key *room = key;
    const struct room_key *its = &((const struct publish *)(const void *)node)->keys->list[0];

    return its->size == room->size && memcmp(its->bytes, room->bytes, room->size) == 0;
}

static uint64_t hash_of(const struct publishes *publishes, const struct room_key *room)
{
    return hash_bytes(publishes->key, room->bytes, room->size);
}

/* @return The last of the room that flies; NULL: none does. */
static struct publish *last_of(const struct publishes *publishes, const struct room_key *room,
                               uint64_t hash)
{
    return (struct publish *)(void *)hash_table_find(&publishes->last_of_rooms, hash, is_of_room,
                                                     room);
}

static void be_last_no_more(struct publishes *publishes, struct publish *publish)
{
    if (publish->is_last_of_room)
        hash_table_remove(&publishes->last_of_rooms, &publish->of_room);
    publish->is_last_of_room = false;
}

int publishes_sent(struct publishes *publishes, uint64_t incarnation, uint64_t epoch,
                   uint64_t *after)
{
    struct publish *publish = of(publishes->next);
    const struct room_key *room = &publish->keys->list[0];
    const uint64_t hash = hash_of(publishes, room);
    struct publish *before = last_of(publishes, room, hash);

    if (hash_table_insert(&publishes->last_of_rooms, &publish->of_room, hash) != 0)
        return CLUSTER_NO_MEMORY;
    publish->is_last_of_room = true;
    *after = before ? before->number : 0;
    publish->refused = before ? before->refused : 0;
    if (before)
        be_last_no_more(publishes, before);
    if (!publish->was_sent) {
        publish->incarnation = incarnation;
        publish->epoch = epoch;
    }
    publish->is_flying = true;
    publishes->flying++;
    publishes->next = publishes->next->next;
    return CLUSTER_DONE;
}

struct publish *publishes_find(const struct publishes *publishes, uint64_t number)
{
    /* Answers come in order, so mostly it is the first. */
    for (struct list *place = publishes->list.next; place != publishes->next; place = place->next) {
        if (of(place)->number == number)
            return of(place)->is_flying ? of(place) : NULL;
        if (of(place)->number > number)
            break;
    }
    return NULL;
}

void publishes_refused(struct publishes *publishes, const struct publish *publish)
{
    const struct room_key *room = &publish->keys->list[0];
    struct publish *last = last_of(publishes, room, hash_of(publishes, room));

    if (last)
        last->refused = publish->number;
}

bool publishes_is_behind_refused(const struct publishes *publishes, const struct publish *publish)
{
    const struct room_key *room = &publish->keys->list[0];
    const struct publish *last = last_of(publishes, room, hash_of(publishes, room));

    return last && last->refused != 0 && publish->number > last->refused;
}

/* When nothing flies any more, what was put off is sent again, from the first one on. */
static void land(struct publishes *publishes, struct publish *publish)
{
    publish->is_flying = false;
    publishes->flying--;
    be_last_no_more(publishes, publish);
    if (publishes->is_corked && publishes->flying == 0) {
        publishes->is_corked = false;
        publishes->next = publishes->list.next;
    }
}

void publishes_put_off(struct publishes *publishes, struct publish *publish)
{
    publishes->is_corked = true;
    land(publishes, publish);
}

void publishes_remove(struct publishes *publishes, struct publish *publish)
{
    if (publishes->next == &publish->place)
        publishes->next = publish->place.next;
    list_remove(&publish->place);
    publishes->bytes -= charge(publish->keys->list[0].size, publish->payload->size);
    publishes->count--;
    if (publish->is_flying)
        land(publishes, publish);
    room_keys_unref(publish->keys);
    payload_unref(publish->payload);
    free(publish);
}

void publishes_restart(struct publishes *publishes)
{
    for (struct list *place = publishes->list.next; place != &publishes->list;
         place = place->next) {
        struct publish *publish = of(place);
        publish->was_sent = publish->was_sent || publish->is_flying;
        if (publish->is_flying)
            land(publishes, publish);
    }
    publishes->is_corked = false;
    publishes->next = publishes->list.next;
}

struct publish *publishes_oldest(const struct publishes *publishes)
{
    return list_is_empty(&publishes->list) ? NULL : of(publishes->list.next);
}
