/* Outboxes; see outbox.h. */
#include "rooms/outbox.h"

#include <stdlib.h>
#include <string.h>

#define OUTBOX_FIRST_CAPACITY 4

/* An empty outbox keeps no more than this: a burst must not cost an idle client memory for ever. */
#define OUTBOX_KEPT_CAPACITY 8

static struct outbox_entry *entry_at(const struct outbox *outbox, uint32_t index)
{
    return &outbox->entries[(outbox->head + index) & (outbox->capacity - 1)];
}

static uint32_t entry_begin(const struct outbox_entry *entry)
{
    return batch_offset(entry->batch, entry->first);
}

static uint32_t entry_end(const struct outbox_entry *entry)
{
    return batch_offset(entry->batch, entry->first + entry->count);
}

void outbox_init(struct outbox *outbox)
{
    *outbox = (struct outbox){0};
}

uint64_t outbox_clear(struct outbox *outbox)
{
    uint64_t dropped = outbox->messages;
    for (uint32_t i = 0; i < outbox->count; i++)
        batch_give(outbox->refs, entry_at(outbox, i)->batch);
    free(outbox->entries);
    *outbox = (struct outbox){.refs = outbox->refs};
    return dropped;
}

static uint32_t messages_of(const struct outbox_entry *entry)
{
    return entry->batch->is_control ? 0 : entry->count;
}

static int grow(struct outbox *outbox)
{
    uint32_t capacity = outbox->capacity ? outbox->capacity * 2 : OUTBOX_FIRST_CAPACITY;
    struct outbox_entry *entries = malloc(capacity * sizeof *entries);
    if (!entries)
        return -1;
    for (uint32_t i = 0; i < outbox->count; i++)
        entries[i] = *entry_at(outbox, i);
    free(outbox->entries);
    outbox->entries = entries;
    outbox->head = 0;
    outbox->capacity = capacity;
    return 0;
}

int outbox_push(struct outbox *outbox, struct batch *batch, uint32_t first, uint32_t count)
{
    struct outbox_entry *last = outbox->count ? entry_at(outbox, outbox->count - 1) : NULL;
    if (last && last->batch == batch && last->first + last->count == first) {
        last->count += count;
    } else {
        if (outbox->count == outbox->capacity && grow(outbox))
            return -1;
        *entry_at(outbox, outbox->count) = (struct outbox_entry){
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
    outbox->direct_messages += messages_of(entry);
    outbox->direct_bytes += entry_end(entry) - entry_begin(entry) - begun;
}

void outbox_hold(struct outbox *outbox, struct budget *budget)
{
    for (; outbox->held < outbox->count; outbox->held++) {
        const struct outbox_entry *entry = entry_at(outbox, outbox->held);
        batch_hold(entry->batch, budget);
        if (!entry->batch->is_broadcast)
            count_direct(outbox, entry, outbox->held == 0 ? outbox->begun : 0);
    }
}

/* The first entry loses @p messages and @p bytes. */
static void uncount_direct(struct outbox *outbox, uint32_t messages, uint64_t bytes)
{
    if (outbox->held == 0 || entry_at(outbox, 0)->batch->is_broadcast)
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
    uint32_t begin = entry_begin(entry) + begun;
    uint32_t size = entry_end(entry) - begin;
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
    const struct outbox_entry *entry = entry_at(outbox, 0);
    const uint8_t *first = batch_at(entry->batch, entry_begin(entry) + outbox->begun);
    uint32_t fit = entry_fit(entry, outbox->begun, FRAME_MAX);
    uint32_t gathered = fit;
    for (uint32_t i = 1; i < outbox->count && gathered < FRAME_MAX; i++) {
        if (fit < entry_end(entry) - entry_begin(entry) - (i == 1 ? outbox->begun : 0))
            break; /* the entry before did not fit whole */
        entry = entry_at(outbox, i);
        fit = entry_fit(entry, 0, FRAME_MAX - gathered);
        if (fit == 0)
            break;
        if (i == 1)
            memcpy(scratch, first, gathered);
        memcpy(scratch + gathered, batch_at(entry->batch, entry_begin(entry)), fit);
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
    const struct outbox_entry *entry = entry_at(outbox, 0);
    return batch_at(entry->batch, entry_begin(entry) + outbox->begun);
}

static void drop_first_entry(struct outbox *outbox)
{
    struct batch *batch = entry_at(outbox, 0)->batch;
    outbox->controls -= batch->is_control;
    batch_give(outbox->refs, batch);
    outbox->head = (outbox->head + 1) & (outbox->capacity - 1);
    outbox->count--;
    outbox->begun = 0;
    if (outbox->count == 0 && outbox->capacity > OUTBOX_KEPT_CAPACITY) {
        free(outbox->entries);
        outbox->entries = NULL;
        outbox->head = outbox->capacity = 0;
    }
}

/* Takes out what is not all there is. */
__attribute__((noinline)) static void consume_some(struct outbox *outbox, size_t size)
{
    outbox->bytes -= size;
    outbox->has_moved = true;
    while (size > 0) {
        struct outbox_entry *entry = entry_at(outbox, 0);
        uint32_t whole = entry_end(entry) - entry_begin(entry) - outbox->begun;
        if (size >= whole) {
            outbox->messages -= messages_of(entry);
            uncount_direct(outbox, messages_of(entry), whole);
            outbox->held -= outbox->held > 0;
            drop_first_entry(outbox);
            size -= whole;
            continue;
        }
        uint32_t message = batch_offset(entry->batch, entry->first + 1) - entry_begin(entry);
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
    while (outbox->count > 0)
        drop_first_entry(outbox);
}

void outbox_each(const struct outbox *outbox, outbox_told *told, void *data)
{
    for (uint32_t i = 0; i < outbox->count; i++) {
        const struct outbox_entry *entry = entry_at(outbox, i);
        const uint32_t messages = messages_of(entry);
        const bool stays = i == 0 && messages > 0 && outbox->begun % FRAME_MAX > 0;
        told(data, entry->batch, messages - stays);
    }
}

/* --- Dropping */

/* What has begun to go out is not dropped. What follows it in its entry gets an entry of its own,
 * so that it can be; without memory for that it is not dropped either. */
static void set_begun_apart(struct outbox *outbox)
{
    if (outbox->begun == 0)
        return;
    const struct outbox_entry entry = *entry_at(outbox, 0);
    if (entry.count == 1 || (outbox->count == outbox->capacity && grow(outbox)))
        return;
    *entry_at(outbox, 0) = (struct outbox_entry){
        .batch = entry.batch, .first = entry.first + 1, .count = entry.count - 1};
    outbox->head = (outbox->head + outbox->capacity - 1) & (outbox->capacity - 1);
    outbox->count++;
    outbox->held += outbox->held > 0;
    *entry_at(outbox, 0) = (struct outbox_entry){
        .batch = batch_take(outbox->refs, entry.batch), .first = entry.first, .count = 1};
}

static bool may_drop(const struct outbox *outbox, uint32_t index)
{
    return entry_at(outbox, index)->batch->is_broadcast && (index > 0 || outbox->begun == 0);
}

/* Drops @p count messages of an entry, from @p first on, which must be one of its ends. An entry
 * without messages is to be taken out of the ring by the caller. */
static void drop(struct outbox *outbox, uint32_t index, uint32_t first, uint32_t count,
                 outbox_told *told, void *data)
{
    struct outbox_entry *entry = entry_at(outbox, index);
    if (count == 0)
        return;
    outbox->messages -= count;
    outbox->bytes -= batch_offset(entry->batch, first + count) - batch_offset(entry->batch, first);
    if (first == entry->first)
        entry->first += count;
    entry->count -= count;
    told(data, entry->batch, count);
    if (entry->count == 0)
        batch_give(outbox->refs, entry->batch);
}

/* The next outbox_hold begins at the first entry again: charging twice charges once. */
static void hold_again(struct outbox *outbox)
{
    outbox->held = 0;
    outbox->direct_messages = 0;
    outbox->direct_bytes = 0;
}

uint64_t outbox_drop_waiting(struct outbox *outbox)
{
    if (outbox->begun % FRAME_MAX == 0)
        return outbox_clear(outbox);
    struct outbox_entry *begun = entry_at(outbox, 0);
    const uint64_t before = outbox->messages;
    for (uint32_t i = 1; i < outbox->count; i++)
        batch_give(outbox->refs, entry_at(outbox, i)->batch);
    begun->count = outbox->count = 1;
    outbox->controls = begun->batch->is_control;
    outbox->messages = messages_of(begun);
    outbox->bytes = entry_end(begun) - entry_begin(begun) - outbox->begun;
    hold_again(outbox);
    return before - outbox->messages;
}

/* Takes the empty ones of the first @p end entries out; those that stay move behind. */
static void close_gaps_at_head(struct outbox *outbox, uint32_t end)
{
    uint32_t to = end;
    for (uint32_t i = end; i-- > 0;) {
        if (entry_at(outbox, i)->count > 0)
            *entry_at(outbox, --to) = *entry_at(outbox, i);
    }
    outbox->head = (outbox->head + to) & (outbox->capacity - 1);
    outbox->count -= to;
    if (outbox->held >= end)
        outbox->held -= to;
    else
        hold_again(outbox);
}

/* Takes the empty ones of the entries from @p begin on out; those behind them move to the front. */
static void close_gaps_at_tail(struct outbox *outbox, uint32_t begin)
{
    uint32_t to = begin;
    for (uint32_t i = begin; i < outbox->count; i++) {
        if (entry_at(outbox, i)->count > 0)
            *entry_at(outbox, to++) = *entry_at(outbox, i);
    }
    outbox->count = to;
    if (outbox->held > begin)
        hold_again(outbox);
}

/* How many of the first @p most messages of an entry are too many. */
static uint32_t count_excess(const struct outbox *outbox, const struct outbox_entry *entry,
                             uint64_t most, uint64_t messages, uint64_t bytes)
{
    uint32_t excess = 0;
    while (excess < entry->count && excess < most &&
           (outbox->messages - excess > messages ||
            outbox->bytes - (batch_offset(entry->batch, entry->first + excess) -
                             batch_offset(entry->batch, entry->first)) >
                bytes))
        excess++;
    return excess;
}

void outbox_drop_oldest(struct outbox *outbox, uint64_t spared, uint64_t spared_bytes,
                        uint64_t messages, uint64_t bytes, outbox_told *told, void *data)
{
    uint32_t i = 0;
    uint64_t old = outbox->messages - spared; /* of the entries from i on */
    set_begun_apart(outbox);
    messages += spared;
    bytes += spared_bytes;
    for (; old > 0 && (outbox->messages > messages || outbox->bytes > bytes); i++) {
        const struct outbox_entry *entry = entry_at(outbox, i);
        const uint32_t has = messages_of(entry);
        const uint32_t of_this = has < old ? has : (uint32_t)old;
        if (may_drop(outbox, i))
            drop(outbox, i, entry->first, count_excess(outbox, entry, of_this, messages, bytes),
                 told, data);
        old -= of_this;
    }
    close_gaps_at_head(outbox, i);
}

void outbox_drop_newest_control(struct outbox *outbox)
{
    for (uint32_t i = outbox->count; i-- > (outbox->begun > 0);) {
        struct outbox_entry *entry = entry_at(outbox, i);
        if (!entry->batch->is_control)
            continue;
        outbox->bytes -= entry_end(entry) - entry_begin(entry);
        outbox->controls--;
        entry->count = 0;
        batch_give(outbox->refs, entry->batch);
        close_gaps_at_tail(outbox, i);
        return;
    }
}

void outbox_drop_newest(struct outbox *outbox, uint64_t messages, outbox_told *told, void *data)
{
    set_begun_apart(outbox);
    uint32_t i = outbox->count;
    while (i > 0 && messages > 0) {
        const struct outbox_entry *entry = entry_at(outbox, --i);
        const uint32_t has = messages_of(entry);
        const uint32_t count = has < messages ? has : (uint32_t)messages;
        messages -= count;
        if (may_drop(outbox, i))
            drop(outbox, i, entry->first + entry->count - count, count, told, data);
    }
    close_gaps_at_tail(outbox, i);
}

/* A set of topics with open addressing, @p mask + 1 places, never full.
 * @return Whether it was new. */
static bool add_topic(const struct topic **set, size_t mask, const struct topic *topic)
{
    size_t at = ((uintptr_t)topic >> 6) & mask; /* an allocation's lowest bits say nothing */
    while (set[at] && set[at] != topic)
        at = (at + 1) & mask;
    bool is_new = !set[at];
    set[at] = topic;
    return is_new;
}

void outbox_keep_latest(struct outbox *outbox, uint8_t *scratch, uint64_t *newest,
                        uint64_t *newest_bytes, outbox_told *told, void *data)
{
    const struct topic **set = (const struct topic **)(void *)scratch;
    uint64_t apart = *newest; /* of the entries before i */
    size_t places = 2, topics = 0;
    if (outbox->count < 2 && outbox->messages < 2)
        return;
    set_begun_apart(outbox);
    uint32_t i = outbox->count;
    while (places < 2 * (size_t)outbox->count && places < 2 * OUTBOX_LATEST_MAX)
        places *= 2;
    memset(set, 0, places * sizeof *set);
    while (i > 0 && topics < OUTBOX_LATEST_MAX) {
        const struct outbox_entry *entry = entry_at(outbox, --i);
        const uint32_t has = messages_of(entry);
        const uint32_t of_newest = has < apart ? has : (uint32_t)apart;
        apart -= of_newest;
        if (!may_drop(outbox, i) || !entry->batch->topic)
            continue;
        bool is_latest = add_topic(set, places - 1, entry->batch->topic);
        topics += is_latest;
        const uint32_t end = entry->first + entry->count;
        if (of_newest > is_latest) {
            *newest -= of_newest - is_latest;
            *newest_bytes -= batch_offset(entry->batch, end - is_latest) -
                             batch_offset(entry->batch, end - of_newest);
        }
        drop(outbox, i, entry->first, entry->count - is_latest, told, data);
    }
    close_gaps_at_tail(outbox, i);
}
