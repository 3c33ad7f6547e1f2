/* A binary heap; see due_heap.h. Each item knows its place, and its children stand at twice that
 * place plus one and two. */
#include "base/due_heap.h"

#include <stdbool.h>
#include <stdlib.h>

enum { SMALLEST = 16 };

void due_heap_init(struct due_heap *heap)
{
    *heap = (struct due_heap){0};
}

void due_heap_finish(struct due_heap *heap)
{
    free((void *)heap->items);
    due_heap_init(heap);
}

int due_heap_reserve(struct due_heap *heap, size_t count)
{
    size_t capacity = heap->capacity > 0 ? heap->capacity : SMALLEST;

    if (count <= heap->capacity)
        return 0;
    while (capacity < count)
        capacity *= 2;
    struct due **items = realloc((void *)heap->items, capacity * sizeof *items);
    if (!items)
        return -1;
    heap->items = items;
    heap->capacity = capacity;
    return 0;
}

static bool is_before(const struct due *a, const struct due *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->number < b->number;
}

static void put(struct due_heap *heap, size_t place, struct due *due)
{
    heap->items[place] = due;
    due->place = place;
}

static void rise(struct due_heap *heap, size_t place, struct due *due)
{
    while (place > 0 && is_before(due, heap->items[(place - 1) / 2])) {
        put(heap, place, heap->items[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put(heap, place, due);
}

static void sink(struct due_heap *heap, size_t place, struct due *due)
{
    for (size_t child = 2 * place + 1; child < heap->count; child = 2 * place + 1) {
        if (child + 1 < heap->count && is_before(heap->items[child + 1], heap->items[child]))
            child++;
        if (is_before(due, heap->items[child]))
            break;
        put(heap, place, heap->items[child]);
        place = child;
    }
    put(heap, place, due);
}

void due_heap_push(struct due_heap *heap, struct due *due)
{
    rise(heap, heap->count++, due);
}

struct due *due_heap_first(const struct due_heap *heap)
{
    return heap->count > 0 ? heap->items[0] : NULL;
}

void due_heap_remove(struct due_heap *heap, struct due *due)
{
    const size_t place = due->place;
    struct due *last = heap->items[--heap->count];

    if (last == due)
        return;
    if (is_before(last, due))
        rise(heap, place, last);
    else
        sink(heap, place, last);
}
