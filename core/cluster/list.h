/* A doubly linked list whose places lie in the caller's own structs. A place that is in no list
 * leads to itself or is zero. */
#ifndef CLUSTER_LIST_H
#define CLUSTER_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *prev;
};

/** The struct that has @p place as its @p member. */
#define list_owner(place, type, member) ((type *)(void *)((char *)(place)-offsetof(type, member)))

static inline void list_init(struct list *list)
{
    list->next = list->prev = list;
}

static inline bool list_is_empty(const struct list *list)
{
    return list->next == list;
}

/** @return Whether a place is in some list. */
static inline bool list_is_in(const struct list *place)
{
    return place->next != NULL && place->next != place;
}

/** Takes a place out of its list, if it is in one. */
static inline void list_remove(struct list *place)
{
    if (!place->next)
        return;
    place->prev->next = place->next;
    place->next->prev = place->prev;
    list_init(place);
}

/** Puts a place to the end; out of where it was before. */
static inline void list_append(struct list *list, struct list *place)
{
    list_remove(place);
    place->prev = list->prev;
    place->next = list;
    list->prev->next = place;
    list->prev = place;
}

/** Puts a place behind another one, or before all others, if that is the list itself; out of where
 * it was before. */
static inline void list_insert(struct list *before, struct list *place)
{
    list_remove(place);
    list_append(before->next, place);
}

/** @return The first place; NULL: there is none. */
static inline struct list *list_first(const struct list *list)
{
    return list_is_empty(list) ? NULL : list->next;
}

#endif
