/* Outboxes; see outbox.h. */
#include "rooms/outbox.h"

#include <stdlib.h>
#include <string.h>

/* Who keeps up, and hears of one thing at a time, never needs more. */
#define OUTBOX_FIRST_CAPACITY 2

/* An empty outbox keeps no more than this: a burst must not cost an idle client memory for ever. */
#define OUTBOX_KEPT_CAPACITY 8

void outbox_init(struct outbox *outbox)
{
    *outbox = (struct outbox){0};
}

void outbox_release_entry(struct outbox *outbox, const struct outbox_entry *entry)
{
    if (outbox_entry_is_mark(entry)) {
        topic_unref(entry->topic);
        outbox->marks--;
    } else {
        batch_give(outbox->refs, entry->batch);
    }
}

uint64_t outbox_clear(struct outbox *outbox)
{
    uint64_t dropped = outbox->messages;
    for (uint32_t i = 0; i < outbox->count; i++)
        outbox_release_entry(outbox, outbox_at(outbox, i));
    free(outbox->entries);
    *outbox = (struct outbox){.refs = outbox->refs};
    return dropped;
}

int outbox_grow(struct outbox *outbox)
{
    uint32_t capacity = outbox->capacity ? outbox->capacity * 2 : OUTBOX_FIRST_CAPACITY;
    struct outbox_entry *entries = malloc(capacity * sizeof *entries);
    if (!entries)
        return -1;
    for (uint32_t i = 0; i < outbox->count; i++)
        entries[i] = *outbox_at(outbox, i);
    free(outbox->entries);
    outbox->entries = entries;
    outbox->head = 0;
    outbox->capacity = capacity;
    return 0;
}

int outbox_push(struct outbox *outbox, struct batch *batch, uint32_t first, uint32_t count)
{
    struct outbox_entry *last = outbox->count ? outbox_at(outbox, outbox->count - 1) : NULL;
    if (last && last->batch == batch && last->first + last->count == first) {
        last->count += count;
    } else {
        if (outbox->count == outbox->capacity && outbox_grow(outbox))
            return -1;
        *outbox_at(outbox, outbox->count) = (struct outbox_entry){
            .batch = batch_take(outbox->refs, batch), .first = first, .count = count};
        outbox->count++;
    }
    if (batch->is_control)
        outbox->controls++;
    else
        outbox->messages += count;
    outbox->bytes += batch_offset(batch, first + count) - batch_offset(batch, first);
    return 0;
}

/* --- What waits */

/* Direct sends are delivered whole, so such an entry never grows. */
static void count_direct(struct outbox *outbox, const struct outbox_entry *entry, uint32_t begun)
{
    outbox->direct_messages += outbox_entry_messages(entry);
    outbox->direct_bytes += outbox_entry_end(entry) - outbox_entry_begin(entry) - begun;
}

void outbox_hold(struct outbox *outbox, struct budget *budget)
{
    for (; outbox->held < outbox->count; outbox->held++) {
        const struct outbox_entry *entry = outbox_at(outbox, outbox->held);
        if (outbox_entry_is_mark(entry))
            continue;
        batch_hold(entry->batch, budget);
        if (!entry->batch->is_broadcast)
            count_direct(outbox, entry, outbox->held == 0 ? outbox->begun : 0);
    }
}

void outbox_hold_again(struct outbox *outbox)
{
    outbox->held = 0;
    outbox->direct_messages = 0;
    outbox->direct_bytes = 0;
}

void outbox_close_gaps(struct outbox *outbox, uint32_t begin)
{
    uint32_t to = begin;
    for (uint32_t i = begin; i < outbox->count; i++) {
        if (outbox_at(outbox, i)->count > 0)
            *outbox_at(outbox, to++) = *outbox_at(outbox, i);
    }
    outbox->count = to;
    if (outbox->held > begin)
        outbox_hold_again(outbox);
}

/* The first entry loses @p messages and @p bytes. */
static void uncount_direct(struct outbox *outbox, uint32_t messages, uint64_t bytes)
{
    if (outbox->held == 0 || outbox_at(outbox, 0)->batch->is_broadcast)
        return;
    outbox->direct_messages -= messages;
    outbox->direct_bytes -= bytes;
}

/* --- Writing */

/* What of an entry fits into the space left in one write: whole messages, or, where a message is
 * larger than a write, as many of its fragments as fit; all but the last have FRAME_MAX bytes, so
 * that is one. */
static uint32_t entry_fit(const struct outbox_entry *entry, uint32_t begun, uint32_t space)
{
    uint32_t begin = outbox_entry_begin(entry) + begun;
    uint32_t size = outbox_entry_end(entry) - begin;
    if (size <= space)
        return size;
    const uint32_t message = batch_offset(entry->batch, entry->first + 1) - begin;
    if (message > space) /* up to the end of the fragment that has begun, if one has */
        return space == FRAME_MAX ? FRAME_MAX - begun % FRAME_MAX : 0;
    uint32_t fit = 0;
    for (uint32_t i = entry->first + 1; batch_offset(entry->batch, i) - begin <= space; i++)
        fit = batch_offset(entry->batch, i) - begin;
    return fit;
}

/* Several entries, or one of which not all fits into a write. Not inlined, as all that has to do
 * with more than one entry that goes out whole. */
__attribute__((noinline)) static const uint8_t *gather(const struct outbox *outbox,
                                                       uint8_t *scratch, size_t *size)
{
    const struct outbox_entry *entry = outbox_at(outbox, 0);
    const uint8_t *first = batch_at(entry->batch, outbox_entry_begin(entry) + outbox->begun);
    uint32_t fit = entry_fit(entry, outbox->begun, FRAME_MAX);
    uint32_t gathered = fit;
    for (uint32_t i = 1; i < outbox->count && gathered < FRAME_MAX; i++) {
        if (fit <
            outbox_entry_end(entry) - outbox_entry_begin(entry) - (i == 1 ? outbox->begun : 0))
            break; /* the entry before did not fit whole */
        entry = outbox_at(outbox, i);
        if (outbox_entry_is_mark(entry))
            break; /* its notice comes with the next write */
        fit = entry_fit(entry, 0, FRAME_MAX - gathered);
        if (fit == 0)
            break;
        if (i == 1)
            memcpy(scratch, first, gathered);
        memcpy(scratch + gathered, batch_at(entry->batch, outbox_entry_begin(entry)), fit);
        gathered += fit;
        first = scratch;
    }
    *size = gathered;
    return first;
}

const uint8_t *outbox_peek(const struct outbox *outbox, uint8_t *scratch, size_t *size)
{
    *size = (size_t)outbox->bytes;
    if (outbox->count == 0)
        return NULL;
    if (outbox->count > 1 || outbox->bytes > FRAME_MAX)
        return gather(outbox, scratch, size);
    const struct outbox_entry *entry = outbox_at(outbox, 0);
    return batch_at(entry->batch, outbox_entry_begin(entry) + outbox->begun);
}

/* What the first entry referred to has been dropped. */
static void take_out_first(struct outbox *outbox)
{
    outbox->head = (outbox->head + 1) & (outbox->capacity - 1);
    outbox->count--;
    outbox->begun = 0;
    if (outbox->count == 0 && outbox->capacity > OUTBOX_KEPT_CAPACITY) {
        free(outbox->entries);
        outbox->entries = NULL;
        outbox->head = outbox->capacity = 0;
    }
}

static void drop_first_entry(struct outbox *outbox)
{
    struct batch *batch = outbox_at(outbox, 0)->batch;
    outbox->controls -= batch->is_control;
    batch_give(outbox->refs, batch);
    take_out_first(outbox);
}

void outbox_drop_first_mark(struct outbox *outbox)
{
    outbox_release_entry(outbox, outbox_at(outbox, 0));
    outbox->held -= outbox->held > 0;
    take_out_first(outbox);
}

/* Takes out what is not all there is. */
__attribute__((noinline)) static void consume_some(struct outbox *outbox, size_t size)
{
    outbox->bytes -= size;
    outbox->has_moved = true;
    while (size > 0) {
        struct outbox_entry *entry = outbox_at(outbox, 0);
        uint32_t whole = outbox_entry_end(entry) - outbox_entry_begin(entry) - outbox->begun;
        if (size >= whole) {
            outbox->messages -= outbox_entry_messages(entry);
            uncount_direct(outbox, outbox_entry_messages(entry), whole);
            outbox->held -= outbox->held > 0;
            drop_first_entry(outbox);
            size -= whole;
            continue;
        }
        uint32_t message = batch_offset(entry->batch, entry->first + 1) - outbox_entry_begin(entry);
        if (size < message - outbox->begun) {
            uncount_direct(outbox, 0, size);
            outbox->begun += (uint32_t)size;
            return;
        }
        uncount_direct(outbox, 1, message - outbox->begun);
        size -= message - outbox->begun;
        outbox->begun = 0;
        outbox->messages--;
        entry->first++;
        entry->count--;
    }
}

void outbox_consume(struct outbox *outbox, size_t size)
{
    if (size < outbox->bytes) {
        consume_some(outbox, size);
        return;
    }
    outbox->messages = outbox->bytes = 0;
    if (outbox->held > 0) {
        outbox->held = 0;
        outbox->direct_messages = 0;
        outbox->direct_bytes = 0;
    }
    /* What is left are marks: nothing goes out together with what is behind one. */
    while (outbox->count > outbox->marks)
        drop_first_entry(outbox);
}
