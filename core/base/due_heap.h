/* What is due when: an intrusive binary heap, so that the first is found at once and any can be
 * taken out. What is due at the same time comes in the order of its numbers. Not locked; knows no
 * clock. */
#ifndef BASE_DUE_HEAP_H
#define BASE_DUE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** To be embedded. The first two must not change while it is in a heap; the last is the heap's. */
struct due {
    uint64_t at_ns;
    uint64_t number; /* decides between equal times: the lower is first */
    size_t place;
};

/** Read @p count freely. */
struct due_heap {
    struct due **items;
    size_t count;
    size_t capacity;
};

/** Makes @p heap empty; allocates nothing. */
void due_heap_init(struct due_heap *heap);

/** Frees the heap's own memory; what is in it is left alone. */
void due_heap_finish(struct due_heap *heap);

/** Makes room, so that pushing up to @p count items in all can't fail.
 * @return 0, or -1 on no memory; then nothing is changed. */
int due_heap_reserve(struct due_heap *heap, size_t count);

/** Adds an item. @param due  In no heap; must stay where it is. There must be room for it. */
void due_heap_push(struct due_heap *heap, struct due *due);

/** @return The first that is due, still in the heap; NULL if that is empty. */
struct due *due_heap_first(const struct due_heap *heap);

/** @param due  Zero, or once in a heap. @return Whether it is in @p heap. */
static inline bool due_heap_has(const struct due_heap *heap, const struct due *due)
{
    return due->place < heap->count && heap->items[due->place] == due;
}

/** Takes an item out. @param due  Must be in @p heap. */
void due_heap_remove(struct due_heap *heap, struct due *due);

#endif
