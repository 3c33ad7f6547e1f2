/* Memberships; see memberships.h. */
#include "rooms/memberships.h"

#include "rooms/request.h"
#include "rooms/room.h"

#include <stdlib.h>

/* So many that a block, with the allocator's own word, fills a cache line. Most clients are in few
 * rooms: what larger blocks keep free for more would cost them half as much again. */
#define BLOCK_SIZE 3

struct membership_block {
    struct membership_block *next;
    struct membership memberships[BLOCK_SIZE];
};

void memberships_finish(struct memberships *list)
{
    for (struct membership_block *block = list->blocks, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    free(list->index);
    list->blocks = NULL;
    list->index = NULL;
}

/* Goes from one membership to the next, in use or not, but that of everyone. */
struct cursor {
    struct memberships *list;
    struct membership_block *block; /* NULL: at `first` */
    uint32_t index;
};

static struct membership *cursor_begin(struct cursor *cursor, struct memberships *list)
{
    *cursor = (struct cursor){.list = list};
    return &list->first;
}

/* @return NULL at the end. */
static struct membership *cursor_next(struct cursor *cursor)
{
    if (cursor->block && ++cursor->index < BLOCK_SIZE)
        return &cursor->block->memberships[cursor->index];
    cursor->block = cursor->block ? cursor->block->next : cursor->list->blocks;
    cursor->index = 0;
    return cursor->block ? &cursor->block->memberships[0] : NULL;
}

/* --- The index */

/* So few are found as fast without one, and most clients have no more. */
#define INDEXED_FROM 16

/* An allocation's lowest bits say nothing; a multiplication brings the others to the top. */
static uint32_t place_of(const struct memberships *list, const struct room *room)
{
    return (uint32_t)(((uintptr_t)room * 0x9e3779b97f4a7c15u) >> 32) & (list->index_size - 1);
}

static uint32_t next_place(const struct memberships *list, uint32_t place)
{
    return (place + 1) & (list->index_size - 1);
}

static void index_add(struct memberships *list, struct membership *membership)
{
    uint32_t place = place_of(list, membership->room);
    while (list->index[place])
        place = next_place(list, place);
    list->index[place] = membership;
}

/* Those behind it that would not be found across the gap move up. */
static void index_remove(struct memberships *list, const struct membership *membership)
{
    uint32_t gap = place_of(list, membership->room);
    while (list->index[gap] != membership)
        gap = next_place(list, gap);
    list->index[gap] = NULL;
    for (uint32_t i = next_place(list, gap); list->index[i]; i = next_place(list, i)) {
        const uint32_t way = (i - place_of(list, list->index[i]->room)) & (list->index_size - 1);
        if (way < ((i - gap) & (list->index_size - 1)))
            continue;
        list->index[gap] = list->index[i];
        list->index[i] = NULL;
        gap = i;
    }
}

static void add_visited(struct membership *membership, void *data)
{
    index_add(data, membership);
}

/* @return 0, or -1 on no memory; then nothing is changed. */
static int index_resize(struct memberships *list, uint32_t size)
{
    struct membership **index = calloc(size, sizeof(struct membership *));
    if (!index)
        return -1;
    free(list->index);
    list->index = index;
    list->index_size = size;
    memberships_each(list, add_visited, list);
    return 0;
}

static void index_drop(struct memberships *list)
{
    free(list->index);
    list->index = NULL;
    list->index_size = 0;
}

/* Far below where it grew, so that who joins and leaves there does not make it again and again. */
static void index_shrink(struct memberships *list)
{
    if (list->count <= INDEXED_FROM / 2)
        index_drop(list);
    else if (list->count <= list->index_size / 8)
        (void)index_resize(list, list->index_size / 2); /* if not, it is larger than it need be */
}

/* --- Finding, adding, taking out */

struct membership *memberships_find(const struct memberships *list, const struct room *room)
{
    if (list->index) {
        uint32_t place = place_of(list, room);
        while (list->index[place] && list->index[place]->room != room)
            place = next_place(list, place);
        return list->index[place];
    }
    struct cursor cursor;
    struct membership *membership = cursor_begin(&cursor, (struct memberships *)list);
    while (membership && !(membership->is_used && membership->room == room))
        membership = cursor_next(&cursor);
    return membership;
}

static void put_unused(struct memberships *list, struct membership *membership)
{
    membership->next_unused = list->unused;
    list->unused = membership;
}

static int add_block(struct memberships *list)
{
    struct membership_block *block = calloc(1, sizeof *block);
    if (!block)
        return -1;
    block->next = list->blocks;
    list->blocks = block;
    for (uint32_t i = BLOCK_SIZE; i-- > 0;)
        put_unused(list, &block->memberships[i]);
    return 0;
}

struct membership *memberships_reserve(struct memberships *list)
{
    const uint32_t count = list->count + 1;
    if (count >= INDEXED_FROM && 2 * count > list->index_size &&
        index_resize(list, list->index ? 2 * list->index_size : 4 * INDEXED_FROM))
        return NULL;
    if (!list->first.is_used)
        return &list->first;
    return list->unused || !add_block(list) ? list->unused : NULL;
}

void memberships_add(struct memberships *list, struct membership *membership, struct room *room)
{
    if (membership == list->unused)
        list->unused = membership->next_unused;
    membership->room = room;
    membership->is_used = true;
    list->count++;
    if (list->index)
        index_add(list, membership);
}

struct room *memberships_remove(struct memberships *list, struct membership *membership)
{
    struct room *room = membership->room;
    if (list->index)
        index_remove(list, membership);
    membership->is_used = false;
    list->count--;
    if (membership != &list->first)
        put_unused(list, membership);
    if (list->index)
        index_shrink(list);
    return room;
}

void memberships_each(struct memberships *list, memberships_visit *call, void *data)
{
    struct cursor cursor;
    struct membership *membership = cursor_begin(&cursor, list);
    do {
        if (membership->is_used)
            call(membership, data);
        membership = cursor_next(&cursor);
    } while (membership);
}

static void add_size(struct membership *membership, void *data)
{
    *(size_t *)data += membership->room->name.size + 1;
}

struct name_list {
    toni_str *next;
    char *text;
};

static void copy_name(struct membership *membership, void *data)
{
    struct name_list *names = data;
    *names->next++ = str_copy(&names->text, membership->room->name);
}

int32_t memberships_names(struct memberships *list, const toni_host *host, toni_room_names **rooms)
{
    size_t text_size = 0;
    memberships_each(list, add_size, &text_size);
    size_t names_size = list->count * sizeof(toni_str);
    toni_room_names *snapshot = malloc(sizeof *snapshot + names_size + text_size);
    if (!snapshot)
        return TONI_ERR_NO_MEMORY;
    toni_str *first = (toni_str *)(snapshot + 1);
    struct name_list names = {.next = first, .text = (char *)(first + list->count)};
    memberships_each(list, copy_name, &names);
    *snapshot = (toni_room_names){.host = host, .count = list->count, .names = first};
    *rooms = snapshot;
    return TONI_OK;
}
