/* The latest messages of a room: see history_log.h. */
#include "cluster/history_log.h"

#include "cluster/recovery.h"

#include <stdlib.h>

#define SMALLEST_RING 8

struct logged {
    struct payload *payload;
    uint64_t at_ms;
};

static struct logged *nth(const struct history_log *log, uint32_t index)
{
    return &log->ring[(log->begin + index) & (log->capacity - 1)];
}

uint64_t history_log_charge(uint64_t size)
{
    return size + sizeof(struct payload) + sizeof(struct logged);
}

static uint64_t charge(const struct payload *payload)
{
    return history_log_charge(payload->size);
}

void history_log_drop_first(struct history_log *log)
{
    struct payload *payload = nth(log, 0)->payload;

    log->bytes -= charge(payload);
    log->begin = (log->begin + 1) & (log->capacity - 1);
    log->count--;
    if (log->kept > log->count)
        log->kept = log->count;
    payload_unref(payload);
}

static void free_ring(struct history_log *log)
{
    free(log->ring);
    log->ring = NULL;
    log->capacity = 0;
    log->begin = 0;
}

void history_log_init(struct history_log *log, const struct history_bounds *bounds, uint64_t epoch)
{
    *log = (struct history_log){.bounds = *bounds, .top = {.epoch = epoch}};
}

void history_log_finish(struct history_log *log)
{
    while (log->count > 0)
        history_log_drop_first(log);
    free_ring(log);
}

static bool is_young(const struct history_log *log, uint32_t latest, uint64_t now_ms)
{
    return now_ms - nth(log, log->count - latest)->at_ms < log->bounds.ms;
}

/* What is beyond the bounds is kept no more. Times ascend: so the oldest that stays is searched
 * for, and a full log costs no more than a small one. */
static void retire(struct history_log *log, uint64_t now_ms)
{
    uint32_t least = 0;

    if (log->kept > log->bounds.messages)
        log->kept = log->bounds.messages;
    if (log->kept > 0 && is_young(log, log->kept, now_ms))
        return;
    while (least < log->kept) {
        const uint32_t middle = log->kept - (log->kept - least) / 2;
        if (is_young(log, middle, now_ms))
            least = middle;
        else
            log->kept = middle - 1;
    }
}

static void drop_some(struct history_log *log)
{
    for (uint32_t i = 0; i < HISTORY_DROPS_MOST && log->count > log->kept; i++)
        history_log_drop_first(log);
}

uint64_t history_log_trim(struct history_log *log, uint64_t now_ms)
{
    retire(log, now_ms);
    drop_some(log);
    if (log->count == 0) {
        free_ring(log);
        return UINT64_MAX;
    }
    return log->count > log->kept ? now_ms : nth(log, 0)->at_ms + log->bounds.ms;
}

void history_log_bind(struct history_log *log, const struct history_bounds *bounds, uint64_t now_ms)
{
    log->bounds = *bounds;
    history_log_trim(log, now_ms);
}

static int grow(struct history_log *log)
{
    if (log->count < log->capacity)
        return 0;
    const uint32_t capacity = log->capacity > 0 ? 2 * log->capacity : SMALLEST_RING;
    struct logged *ring = malloc(capacity * sizeof(*ring));
    if (!ring)
        return -1;
    for (uint32_t i = 0; i < log->count; i++)
        ring[i] = *nth(log, i);
    free(log->ring);
    log->ring = ring;
    log->capacity = capacity;
    log->begin = 0;
    return 0;
}

void history_log_skip(struct history_log *log)
{
    log->top.offset++;
    log->kept = 0;
    drop_some(log);
}

struct position history_log_append(struct history_log *log, struct payload *payload,
                                   uint64_t now_ms)
{
    retire(log, now_ms);
    /* First what it takes the place of: so a full ring does not grow. */
    if (log->kept > 0 && log->kept == log->bounds.messages)
        log->kept--;
    drop_some(log);
    if (log->bounds.messages == 0 || log->bounds.ms == 0 || grow(log) != 0) {
        history_log_skip(log);
        return log->top;
    }
    log->top.offset++;
    log->count++;
    log->kept++;
    *nth(log, log->count - 1) = (struct logged){.payload = payload_ref(payload), .at_ms = now_ms};
    log->bytes += charge(payload);
    return log->top;
}

/* The last `count` messages. */
static enum cluster_why copy_last(const struct history_log *log, uint32_t count,
                                  struct entries **entries)
{
    *entries = NULL;
    if (count == 0)
        return WHY_NONE;
    struct entries *copy = entries_create(count);
    if (!copy)
        return WHY_NO_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        copy->list[i] = (struct entry){
            .offset = log->top.offset - count + 1 + i,
            .payload = payload_ref(nth(log, log->count - count + i)->payload),
        };
    }
    copy->count = count;
    *entries = copy;
    return WHY_NONE;
}

enum cluster_why history_log_since(struct history_log *log, struct position since, uint32_t limit,
                                   struct entries **entries, uint64_t now_ms)
{
    *entries = NULL;
    history_log_trim(log, now_ms);
    const struct history_span span = {
        .top = log->top, .first = log->top.offset - log->kept + 1, .last = log->top.offset};
    const enum cluster_why why = recovery_judge(since, limit, &span);
    if (why != WHY_NONE)
        return why;
    return copy_last(log, (uint32_t)(log->top.offset - since.offset), entries);
}

enum cluster_why history_log_last(struct history_log *log, uint32_t limit, struct entries **entries,
                                  uint64_t now_ms)
{
    history_log_trim(log, now_ms);
    return copy_last(log, limit < log->kept ? limit : log->kept, entries);
}
