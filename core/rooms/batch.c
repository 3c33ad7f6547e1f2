/* Batches; see batch.h. */
#include "rooms/batch.h"

#include "rooms/spares.h"

#include <stdlib.h>
#include <string.h>

struct batch *batch_create(uint64_t size)
{
    if (size > UINT32_MAX)
        return NULL;
    const bool is_small = size <= BATCH_SMALL;
    if (is_small)
        size = BATCH_SMALL;
    struct batch *batch = is_small ? spare_take(SPARE_BATCH, sizeof *batch + BATCH_SMALL)
                                   : malloc(sizeof *batch + (size_t)size);
    if (!batch)
        return NULL;
    *batch = (struct batch){
        .refs = 1,
        .is_small = is_small,
        .capacity = (uint32_t)size,
        .end_capacity = BATCH_INLINE_ENDS,
        .memory = sizeof *batch + size,
    };
    batch->ends = batch->inline_ends;
    batch->bytes = batch->inline_bytes;
    return batch;
}

struct batch *batch_create_broadcast(struct topic *topic, uint64_t size)
{
    struct batch *batch = batch_create(size);
    if (!batch)
        return NULL;
    batch->is_broadcast = true;
    batch->topic = topic_ref(topic);
    return batch;
}

struct batch *batch_ref(struct batch *batch)
{
    atomic_fetch_add_explicit(&batch->refs, 1, memory_order_relaxed);
    return batch;
}

/* --- The budget of what waits */

void batch_hold(struct batch *batch, struct budget *budget)
{
    struct budget *none = NULL;
    if (atomic_load_explicit(&batch->holder, memory_order_relaxed))
        return;
    if (atomic_compare_exchange_strong_explicit(&batch->holder, &none, budget, memory_order_relaxed,
                                                memory_order_relaxed)) {
        batch->held_bytes = atomic_load_explicit(&batch->memory, memory_order_relaxed);
        budget_charge(budget, batch->held_bytes);
    }
    if (batch->deflated)
        batch_hold(batch->deflated, budget);
}

static void let_go(struct batch *batch)
{
    struct budget *holder = atomic_load_explicit(&batch->holder, memory_order_relaxed);
    if (holder)
        budget_release(holder, batch->held_bytes);
}

/* --- References */

/* An array that took the place of a smaller one, which readers may still be in. */
struct grown {
    struct grown *older;
    uint8_t array[];
};

static void free_grown(struct batch *batch)
{
    for (struct grown *older; batch->grown; batch->grown = older) {
        older = batch->grown->older;
        free(batch->grown);
    }
}

/* Drops @p count references. */
static void release(struct batch *batch, uint32_t count)
{
    if (atomic_fetch_sub_explicit(&batch->refs, count, memory_order_acq_rel) != count)
        return;
    let_go(batch);
    free_grown(batch);
    batch_unref(batch->deflated);
    topic_unref(batch->topic);
    if (batch->is_small)
        spare_give(SPARE_BATCH, batch);
    else
        free(batch);
}

void batch_unref(struct batch *batch)
{
    if (batch)
        release(batch, 1);
}

/* --- References at hand */

/* How many are fetched at once. */
#define REFS_AT_ONCE 64

static void fetch(struct batch_refs *refs, struct batch *batch)
{
    if (refs->batch != batch)
        batch_refs_drop(refs);
    atomic_fetch_add_explicit(&batch->refs, REFS_AT_ONCE, memory_order_relaxed);
    *refs = (struct batch_refs){.batch = batch, .count = REFS_AT_ONCE};
}

struct batch *batch_take(struct batch_refs *refs, struct batch *batch)
{
    if (!refs)
        return batch_ref(batch);
    if (refs->batch != batch || refs->count == 0)
        fetch(refs, batch);
    refs->count--;
    return batch;
}

void batch_give(struct batch_refs *refs, struct batch *batch)
{
    if (!refs) {
        batch_unref(batch);
        return;
    }
    if (refs->batch != batch) {
        batch_refs_drop(refs);
        refs->batch = batch;
    }
    refs->count++;
}

void batch_refs_drop(struct batch_refs *refs)
{
    struct batch *batch = refs->batch;
    const uint32_t count = refs->count;
    *refs = (struct batch_refs){0};
    if (count > 0)
        release(batch, count);
}

int batch_add_variant(struct batch *batch, uint64_t size)
{
    batch->deflated = batch_create_broadcast(batch->topic, size);
    return batch->deflated ? 0 : -1;
}

void batch_drop_variant(struct batch *batch)
{
    batch_unref(batch->deflated);
    batch->deflated = NULL;
}

bool batch_has_room(const struct batch *batch, uint64_t encoded_size)
{
    return batch->size + encoded_size <= BATCH_MAX;
}

/* Direct sends are read by nobody as long as there is something to append. */
static void end_array(struct batch *batch, const void *array, size_t size)
{
    for (struct grown **link = &batch->grown; *link; link = &(*link)->older) {
        struct grown *grown = *link;
        if (grown->array != array)
            continue;
        *link = grown->older;
        atomic_fetch_sub_explicit(&batch->memory, sizeof *grown + size, memory_order_relaxed);
        free(grown);
        return;
    }
}

/* @param old_size  All that the old array has. @return A larger array that begins as the old one
 * does; NULL on no memory. */
static void *grow(struct batch *batch, const void *old, size_t old_size, size_t used, size_t size)
{
    struct grown *grown = malloc(sizeof *grown + size);
    if (!grown)
        return NULL;
    memcpy(grown->array, old, used);
    grown->older = batch->grown;
    batch->grown = grown;
    atomic_fetch_add_explicit(&batch->memory, sizeof *grown + size, memory_order_relaxed);
    if (!batch->is_broadcast)
        end_array(batch, old, old_size);
    return grown->array;
}

static int reserve(struct batch *batch, uint64_t size)
{
    if (batch->size + size > UINT32_MAX)
        return -1;
    if (batch->count == batch->end_capacity) {
        const uint32_t capacity = batch->end_capacity * 4;
        uint32_t *ends = grow(batch, batch->ends, batch->end_capacity * sizeof *ends,
                              batch->count * sizeof *ends, capacity * sizeof *ends);
        if (!ends)
            return -1;
        atomic_store_explicit(&batch->ends, ends, memory_order_release);
        batch->end_capacity = capacity;
    }
    if (batch->size + size > batch->capacity) {
        uint64_t capacity = (batch->size + size) * 2;
        if (capacity > BATCH_MAX)
            capacity = batch->size + size > BATCH_MAX ? batch->size + size : BATCH_MAX;
        uint8_t *bytes = grow(batch, batch->bytes, batch->capacity, batch->size, (size_t)capacity);
        if (!bytes)
            return -1;
        atomic_store_explicit(&batch->bytes, bytes, memory_order_release);
        batch->capacity = (uint32_t)capacity;
    }
    return 0;
}

static void commit(struct batch *batch, uint64_t size)
{
    batch->size += (uint32_t)size;
    atomic_load_explicit(&batch->ends, memory_order_relaxed)[batch->count++] = batch->size;
}

int batch_append(struct batch *batch, uint32_t kind, const void *payload, size_t size)
{
    uint64_t encoded = frame_message_size(size);
    if (reserve(batch, encoded))
        return -1;
    frame_encode_message(batch->bytes + batch->size, kind, payload, size);
    commit(batch, encoded);
    return 0;
}

static int append_message(struct batch *batch, const toni_message *message)
{
    return batch_append(batch, message->kind, message->body.data, message->body.size);
}

/* Takes the last message out again. */
static void undo(struct batch *batch)
{
    batch->count--;
    batch->size = batch_offset(batch, batch->count);
}

int batch_append_both(struct batch *batch, const toni_message *message,
                      const toni_message *deflated)
{
    if (append_message(batch, message))
        return -1;
    if (!batch->deflated || !append_message(batch->deflated, deflated ? deflated : message))
        return 0;
    undo(batch);
    return -1;
}

struct batch *batch_create_close(uint16_t code, toni_str reason)
{
    struct batch *batch = batch_create(2 + FRAME_CONTROL_MAX);
    if (batch)
        commit(batch, frame_encode_close(batch->bytes, code, reason.data, reason.size));
    return batch;
}

int batch_append_control(struct batch *batch, enum frame_opcode opcode, const void *payload,
                         size_t size)
{
    if (reserve(batch, 2 + FRAME_CONTROL_MAX))
        return -1;
    batch->is_control = true;
    commit(batch, frame_encode_control(batch->bytes + batch->size, opcode, payload, size));
    return 0;
}
