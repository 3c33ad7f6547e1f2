/* Memberships; see memberships.h. */
#include "rooms/memberships.h"

#include "rooms/request.h"

#include <stdlib.h>

/* The smallest table: most clients that are in more than one room are in few. */
#define FIRST_SIZE 4

void memberships_finish(struct memberships *set)
{
    if (set->size > 0)
        free(set->places);
    *set = (struct memberships){0};
}

/* An allocation's lowest bits say nothing; a multiplication brings the others to the top. */
static uint64_t hash_of(const struct room *room)
{
    return (uintptr_t)room * 0x9e3779b97f4a7c15u;
}

static uint32_t place_of(const struct memberships *set, uint64_t hash)
{
    return (uint32_t)(hash >> 32) & (set->size - 1);
}

static uint32_t next_place(const struct memberships *set, uint32_t place)
{
    return (place + 1) & (set->size - 1);
}

/* A place without a membership has the tag 0. A lookup reads tags, which lie side by side, and of
 * memberships, each in a cache line of its own, hardly any but the one that it finds. */
static uint8_t *tags_of(const struct memberships *set)
{
    return (uint8_t *)(set->places + set->size);
}

static uint8_t tag_of(uint64_t hash)
{
    return (uint8_t)(hash >> 56) | 1;
}

static void put(struct memberships *set, struct membership *membership)
{
    const uint64_t hash = hash_of(membership_room(membership));
    uint8_t *tags = tags_of(set);
    uint32_t place = place_of(set, hash);
    while (tags[place])
        place = next_place(set, place);
    set->places[place] = membership;
    tags[place] = tag_of(hash);
}

/* Those behind it that would not be found across the gap move up. */
static void take_out(struct memberships *set, const struct membership *membership)
{
    uint8_t *tags = tags_of(set);
    uint32_t gap = place_of(set, hash_of(membership_room(membership)));
    while (set->places[gap] != membership)
        gap = next_place(set, gap);
    for (uint32_t i = next_place(set, gap); tags[i]; i = next_place(set, i)) {
        const uint32_t home = place_of(set, hash_of(membership_room(set->places[i])));
        if (((i - home) & (set->size - 1)) < ((i - gap) & (set->size - 1)))
            continue;
        set->places[gap] = set->places[i];
        tags[gap] = tags[i];
        gap = i;
    }
    set->places[gap] = NULL;
    tags[gap] = 0;
}

/* @return 0, or -1 on no memory; then nothing is changed. */
static int resize(struct memberships *set, uint32_t size)
{
    struct membership **places = calloc(size, sizeof(struct membership *) + 1);
    if (!places)
        return -1;
    const struct memberships old = *set;
    *set = (struct memberships){.places = places, .size = size, .count = old.count};
    if (old.size == 0) {
        put(set, old.only);
        return 0;
    }
    for (uint32_t i = 0; i < old.size; i++) {
        if (old.places[i])
            put(set, old.places[i]);
    }
    free(old.places);
    return 0;
}

/* Far below where it grew, so that a client that joins and leaves there does not make it again and
 * again. Without memory it stays larger than it need be. */
static void shrink(struct memberships *set)
{
    if (set->count == 0)
        memberships_finish(set);
    else if (set->size > FIRST_SIZE && set->count <= set->size / 8)
        (void)resize(set, set->size / 2);
}

struct membership *memberships_find(const struct memberships *set, const struct room *room)
{
    if (set->size == 0)
        return set->only && membership_room(set->only) == room ? set->only : NULL;
    const uint64_t hash = hash_of(room);
    const uint8_t *tags = tags_of(set);
    for (uint32_t place = place_of(set, hash); tags[place]; place = next_place(set, place)) {
        if (tags[place] == tag_of(hash) && membership_room(set->places[place]) == room)
            return set->places[place];
    }
    return NULL;
}

int memberships_reserve(struct memberships *set)
{
    if (set->count == 0 || 4 * ((uint64_t)set->count + 1) <= 3 * (uint64_t)set->size)
        return 0;
    return resize(set, set->size > 0 ? 2 * set->size : FIRST_SIZE);
}

void memberships_add(struct memberships *set, struct membership *membership)
{
    set->count++;
    if (set->size == 0)
        set->only = membership;
    else
        put(set, membership);
}

void memberships_remove(struct memberships *set, struct membership *membership)
{
    set->count--;
    if (set->size == 0) {
        set->only = NULL;
    } else {
        take_out(set, membership);
        shrink(set);
    }
}

void memberships_each(const struct memberships *set, memberships_visit *call, void *data)
{
    if (set->size == 0 && set->only)
        call(set->only, data);
    for (uint32_t i = 0; i < set->size; i++) {
        if (set->places[i])
            call(set->places[i], data);
    }
}

/* --- Names */

static void add_size(struct membership *membership, void *data)
{
    *(size_t *)data += membership_room(membership)->topic.name.size + 1;
}

struct name_list {
    toni_str *next;
    char *text;
};

static void copy_name(struct membership *membership, void *data)
{
    struct name_list *names = data;
    *names->next++ = str_copy(&names->text, membership_room(membership)->topic.name);
}

int32_t memberships_names(const struct memberships *set, const toni_host *host,
                          toni_room_names **rooms)
{
    size_t text_size = 0;
    memberships_each(set, add_size, &text_size);
    size_t names_size = set->count * sizeof(toni_str);
    toni_room_names *snapshot = malloc(sizeof *snapshot + names_size + text_size);
    if (!snapshot)
        return TONI_ERR_NO_MEMORY;
    toni_str *first = (toni_str *)(snapshot + 1);
    struct name_list names = {.next = first, .text = (char *)(first + set->count)};
    memberships_each(set, copy_name, &names);
    *snapshot = (toni_room_names){.host = host, .count = set->count, .names = first};
    *rooms = snapshot;
    return TONI_OK;
}
