/* Spares; see spares.h. */
#include "rooms/spares.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* AddressSanitizer finds uses of freed memory, so it must see it freed. gcc and clang say
 * differently that it is there. */
#if defined(__SANITIZE_ADDRESS__)
enum { KEEPS = false };
#elif defined(__has_feature)
enum { KEEPS = !__has_feature(address_sanitizer) };
#else
enum { KEEPS = true };
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
    if (!memory || !own || !KEEPS || own->lists[kind].count >= SPARES_MAX) {
        free(memory);
        return;
    }
    struct spare_list *list = &own->lists[kind];
    memcpy(memory, &list->first, sizeof list->first);
    list->first = memory;
    list->count++;
}
