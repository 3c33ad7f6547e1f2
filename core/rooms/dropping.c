/* Dropping; see dropping.h. */
#include "rooms/dropping.h"

#include "rooms/marks.h"

#include <string.h>

void outbox_each(const struct outbox *outbox, outbox_told *told, void *data)
{
    for (uint32_t i = 0; i < outbox->count; i++) {
        const struct outbox_entry *entry = outbox_at(outbox, i);
        const uint32_t messages = outbox_entry_messages(entry);
        if (outbox_entry_is_mark(entry))
            continue;
        const bool stays = i == 0 && messages > 0 && outbox->begun % FRAME_MAX > 0;
        told(data, entry->batch, messages - stays);
    }
}

/* What has begun to go out is not dropped. What follows it in its entry gets an entry of its own,
 * so that it can be; without memory for that it is not dropped either. */
static void set_begun_apart(struct outbox *outbox)
{
    if (outbox->begun == 0)
        return;
    const struct outbox_entry entry = *outbox_at(outbox, 0);
    if (entry.count == 1 || (outbox->count == outbox->capacity && outbox_grow(outbox)))
        return;
    *outbox_at(outbox, 0) = (struct outbox_entry){
        .batch = entry.batch, .first = entry.first + 1, .count = entry.count - 1};
    outbox->head = (outbox->head + outbox->capacity - 1) & (outbox->capacity - 1);
    outbox->count++;
    outbox->held += outbox->held > 0;
    *outbox_at(outbox, 0) = (struct outbox_entry){
        .batch = batch_take(outbox->refs, entry.batch), .first = entry.first, .count = 1};
}

static bool may_drop(const struct outbox *outbox, uint32_t index)
{
    const struct outbox_entry *entry = outbox_at(outbox, index);
    return !outbox_entry_is_mark(entry) && entry->batch->is_broadcast && !entry->batch->is_notice &&
           (index > 0 || outbox->begun == 0);
}

/* Messages that go whole leave their entry to the mark. */
static bool has_place_for_mark(struct outbox *outbox)
{
    return outbox->count < outbox->capacity || !outbox_grow(outbox);
}

/* Drops @p count messages of an entry, from @p first on, which must be one of its ends. An entry
 * without messages is to be taken out of the ring by the caller.
 * @return How many entries came before it: a mark, or none. */
static uint32_t drop(struct outbox *outbox, uint32_t index, uint32_t first, uint32_t count,
                     const struct outbox_dropping *dropping)
{
    const bool is_whole = count == outbox_at(outbox, index)->count;
    if (count == 0 || (!is_whole && dropping->leaves_marks && !has_place_for_mark(outbox)))
        return 0;
    struct outbox_entry *entry = outbox_at(outbox, index);
    struct batch *batch = entry->batch;
    const bool is_at_front = first == entry->first;
    outbox->messages -= count;
    outbox->bytes -= batch_offset(batch, first + count) - batch_offset(batch, first);
    if (is_at_front)
        entry->first += count;
    entry->count -= count;
    dropping->told(dropping->data, batch, count);
    if (dropping->leaves_marks && is_whole)
        outbox_mark_entry(outbox, index, batch->topic, count);
    else if (dropping->leaves_marks)
        outbox_insert_mark(outbox, is_at_front ? index : index + 1, batch->topic, count);
    if (is_whole)
        batch_give(outbox->refs, batch);
    return dropping->leaves_marks && is_at_front && !is_whole;
}

uint64_t outbox_drop_waiting(struct outbox *outbox)
{
    if (outbox->begun % FRAME_MAX == 0)
        return outbox_clear(outbox);
    struct outbox_entry *begun = outbox_at(outbox, 0);
    const uint64_t before = outbox->messages;
    for (uint32_t i = 1; i < outbox->count; i++)
        outbox_release_entry(outbox, outbox_at(outbox, i));
    begun->count = outbox->count = 1;
    outbox->controls = begun->batch->is_control;
    outbox->messages = outbox_entry_messages(begun);
    outbox->bytes = outbox_entry_end(begun) - outbox_entry_begin(begun) - outbox->begun;
    outbox_hold_again(outbox);
    return before - outbox->messages;
}

/* Takes the empty ones of the first @p end entries out; those that stay move behind. */
static void close_gaps_at_head(struct outbox *outbox, uint32_t end)
{
    uint32_t to = end;
    for (uint32_t i = end; i-- > 0;) {
        if (outbox_at(outbox, i)->count > 0)
            *outbox_at(outbox, --to) = *outbox_at(outbox, i);
    }
    outbox->head = (outbox->head + to) & (outbox->capacity - 1);
    outbox->count -= to;
    if (outbox->held >= end)
        outbox->held -= to;
    else
        outbox_hold_again(outbox);
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
                        uint64_t messages, uint64_t bytes, const struct outbox_dropping *dropping)
{
    uint32_t i = 0;
    uint64_t old = outbox->messages - spared; /* of the entries from i on */
    set_begun_apart(outbox);
    messages += spared;
    bytes += spared_bytes;
    for (; old > 0 && (outbox->messages > messages || outbox->bytes > bytes); i++) {
        const struct outbox_entry *entry = outbox_at(outbox, i);
        const uint32_t has = outbox_entry_messages(entry);
        const uint32_t of_this = has < old ? has : (uint32_t)old;
        if (may_drop(outbox, i))
            i += drop(outbox, i, entry->first,
                      count_excess(outbox, entry, of_this, messages, bytes), dropping);
        old -= of_this;
    }
    if (outbox->marks > 0)
        outbox_join_marks(outbox, &(uint32_t){0}, &i);
    close_gaps_at_head(outbox, i);
}

void outbox_drop_newest_control(struct outbox *outbox)
{
    for (uint32_t i = outbox->count; i-- > (outbox->begun > 0);) {
        struct outbox_entry *entry = outbox_at(outbox, i);
        if (outbox_entry_is_mark(entry) || !entry->batch->is_control)
            continue;
        outbox->bytes -= outbox_entry_end(entry) - outbox_entry_begin(entry);
        outbox->controls--;
        entry->count = 0;
        batch_give(outbox->refs, entry->batch);
        outbox_close_gaps(outbox, i);
        return;
    }
}

/* Takes the empty ones of the entries from @p begin on out. */
static void close_gaps_to_end(struct outbox *outbox, uint32_t begin)
{
    uint32_t end = outbox->count;
    if (outbox->marks > 0)
        outbox_join_marks(outbox, &begin, &end);
    outbox_close_gaps(outbox, begin);
}

void outbox_drop_newest(struct outbox *outbox, uint64_t messages,
                        const struct outbox_dropping *dropping)
{
    set_begun_apart(outbox);
    uint32_t i = outbox->count;
    while (i > 0 && messages > 0) {
        const struct outbox_entry *entry = outbox_at(outbox, --i);
        const uint32_t has = outbox_entry_messages(entry);
        const uint32_t count = has < messages ? has : (uint32_t)messages;
        messages -= count;
        if (may_drop(outbox, i))
            (void)drop(outbox, i, entry->first + entry->count - count, count, dropping);
    }
    close_gaps_to_end(outbox, i);
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
    const struct outbox_dropping dropping = {told, data, false};
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
        const struct outbox_entry *entry = outbox_at(outbox, --i);
        const uint32_t has = outbox_entry_messages(entry);
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
        (void)drop(outbox, i, entry->first, entry->count - is_latest, &dropping);
    }
    close_gaps_to_end(outbox, i);
}
