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
    list->blocks = NULL;
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

struct membership *memberships_find(struct memberships *list, toni_str room)
{
    struct cursor cursor;
    struct membership *membership = cursor_begin(&cursor, list);
    do {
        if (membership->room && toni_str_equal(membership->room->name, room))
            return membership;
        membership = cursor_next(&cursor);
    } while (membership);
    return NULL;
}

static struct membership *add_block(struct memberships *list)
{
    struct membership_block *block = calloc(1, sizeof *block);
    if (!block)
        return NULL;
    block->next = list->blocks;
    list->blocks = block;
    return &block->memberships[0];
}

struct membership *memberships_unused(struct memberships *list)
{
    struct cursor cursor;
    struct membership *membership = cursor_begin(&cursor, list);
    do {
        if (!membership->room)
            return membership;
        membership = cursor_next(&cursor);
    } while (membership);
    return add_block(list);
}

void memberships_each(struct memberships *list, memberships_visit *call, void *data)
{
    struct cursor cursor;
    struct membership *membership = cursor_begin(&cursor, list);
    do {
        if (membership->room)
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
