/* A room's history; see history.h. */
#include "rooms/history.h"

#include <stdlib.h>

#define MS_PER_SECOND 1000

/* The room's messages are bounded by number and age; bytes are the host's. */
static struct history_bounds bounds_of(const struct history_rule *rule)
{
    if (!rule)
        return (struct history_bounds){0};
    return (struct history_bounds){.messages = rule->messages,
                                   .bytes = UINT64_MAX,
                                   .ms = (uint64_t)rule->seconds * MS_PER_SECOND};
}

struct history *history_create(struct histories *histories, struct room *room, uint64_t epoch,
                               const struct history_rule *rule)
{
    const struct history_bounds bounds = bounds_of(rule);
    struct history *history = calloc(1, sizeof *history);
    if (!history)
        return NULL;
    if (histories_reserve(histories)) {
        free(history);
        return NULL;
    }
    history->histories = histories;
    history->room = room;
    history_log_init(&history->log, &bounds, epoch);
    return history;
}

/* --- The host's bytes */

static bool charge(struct histories *histories, uint64_t bytes)
{
    const uint64_t limit = atomic_load_explicit(&histories->limit, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&histories->bytes, bytes, memory_order_relaxed) + bytes <= limit)
        return true;
    atomic_fetch_sub_explicit(&histories->bytes, bytes, memory_order_relaxed);
    return false;
}

/* What the log has now is charged, and no more. */
static void settle(struct history *history)
{
    const struct history_log *log = &history->log;
    const uint64_t charged = log->count > 0 ? log->bytes + HISTORY_COST : 0;
    struct histories *histories = history->histories;
    if (charged == history->charged)
        return; /* mostly: the counter is all rooms' */
    atomic_fetch_sub_explicit(&histories->bytes, history->charged - charged, memory_order_relaxed);
    if (charged == 0 && history->charged > 0)
        atomic_fetch_sub_explicit(&histories->rooms, 1, memory_order_relaxed);
    history->charged = charged;
}

/* Charges one more message. @return Whether it may be kept. */
static bool admit(struct history *history, uint64_t size)
{
    const uint64_t message = history_log_charge(size);
    for (;;) {
        const bool is_first = history->log.count == 0;
        const uint64_t bytes = message + (is_first ? HISTORY_COST : 0);
        if (charge(history->histories, bytes)) {
            history->charged += bytes;
            if (is_first)
                atomic_fetch_add_explicit(&history->histories->rooms, 1, memory_order_relaxed);
            return true;
        }
        counter_add_shared(&history->histories->crowded, 1);
        if (is_first)
            return false;
        history_log_drop_first(&history->log);
        settle(history);
    }
}

void history_append(struct history *history, struct payload *payload)
{
    history_trim(history);
    if (payload && history_is_on(history) && admit(history, payload->size))
        (void)history_log_append(&history->log, payload, history->histories->now_ms());
    else
        history_log_skip(&history->log);
    settle(history);
}

/* --- What goes */

uint64_t history_trim(struct history *history)
{
    const uint64_t next = history_log_trim(&history->log, history->histories->now_ms());
    settle(history);
    return next;
}

void history_bind(struct history *history, const struct history_rule *rule)
{
    const struct history_bounds bounds = bounds_of(rule);
    history_log_bind(&history->log, &bounds, history->histories->now_ms());
    settle(history);
}

/* --- What was missed */

enum not_recovered not_recovered_of(enum cluster_why why)
{
    switch (why) {
    case WHY_NONE:
        return IS_RECOVERED;
    case WHY_EPOCH:
        return NOT_EPOCH;
    case WHY_AHEAD:
        return NOT_AHEAD;
    case WHY_TOO_MUCH:
        return NOT_TOO_MUCH;
    case WHY_NO_HISTORY:
        return NOT_NO_HISTORY;
    case WHY_TRIMMED:
        return NOT_TRIMMED;
    case WHY_NO_MEMORY:
        return NOT_NO_MEMORY;
    default:
        return NOT_AWAY;
    }
}

enum not_recovered history_since(struct history *history, const toni_since *since,
                                 struct entries **entries)
{
    const struct position position = {since->position.epoch, since->position.offset};
    const uint64_t now_ms = history->histories->now_ms();
    const uint32_t limit = since->limit > 0 ? since->limit : UINT32_MAX;
    const enum cluster_why why =
        position.epoch > 0 ? history_log_since(&history->log, position, limit, entries, now_ms)
                           : history_log_last(&history->log, since->last, entries, now_ms);
    settle(history);
    /* One without messages that has had some, has them no more. */
    return why == WHY_NO_HISTORY ? NOT_TRIMMED : not_recovered_of(why);
}

void history_destroy(struct history *history)
{
    if (!history)
        return;
    history_log_finish(&history->log);
    settle(history);
    histories_unreserve(history->histories);
    free(history);
}
