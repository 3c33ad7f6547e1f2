/* Spares; see spares.h. */
#include "rooms/spares.h"

#include <stdlib.h>
#include <string.h>

/* AddressSanitizer finds uses of freed memory, so it must see it freed. gcc and clang say
 * differently that it is there. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KEPT 0u
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define KEPT 0u
#endif
#ifndef KEPT
#define KEPT SPARES_MAX
#endif

/* The calling thread's. */
static _Thread_local struct spares *own;

void spares_attach(struct spares *spares)
{
    own = spares;
}

static void *pop(struct spare_list *list)
{
    void *memory = list->first;
    memcpy(&list->first, memory, sizeof list->first);
    list->count--;
    return memory;
}

void spares_finish(struct spares *spares)
{
    for (unsigned kind = 0; kind < SPARE_KINDS; kind++) {
        while (spares->lists[kind].count > 0)
            free(pop(&spares->lists[kind]));
    }
}

void *spare_take(enum spare kind, size_t size)
{
    if (!own || own->lists[kind].count == 0)
        return malloc(size);
    return pop(&own->lists[kind]);
}

void spare_give(enum spare kind, void *memory)
{
    if (!memory || !own || own->lists[kind].count >= KEPT) {
        free(memory);
        return;
    }
    struct spare_list *list = &own->lists[kind];
    memcpy(memory, &list->first, sizeof list->first);
    list->first = memory;
    list->count++;
}
