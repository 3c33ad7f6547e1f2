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

static void count_keeping(struct history *history)
{
    const bool is_keeping = history_has_messages(history);
    if (is_keeping == history->is_keeping)
        return;
    history->is_keeping = is_keeping;
    if (is_keeping)
        atomic_fetch_add_explicit(&history->histories->rooms, 1, memory_order_relaxed);
    else
        atomic_fetch_sub_explicit(&history->histories->rooms, 1, memory_order_relaxed);
}

/* What there is now is charged, and no more. */
static void settle(struct history *history)
{
    const struct history_log *log = &history->log;
    const bool is_there = log->count > 0 || history->awaited_until_ms > 0;
    const uint64_t charged = is_there ? log->bytes + HISTORY_COST : 0;
    count_keeping(history);
    if (charged == history->charged)
        return; /* mostly: the counter is all rooms' */
    atomic_fetch_sub_explicit(&history->histories->bytes, history->charged - charged,
                              memory_order_relaxed);
    history->charged = charged;
}

/* Charges one more message. @return Whether it may be kept. */
static bool admit(struct history *history, uint64_t size)
{
    const uint64_t message = history_log_charge(size);
    for (uint32_t dropped = 0;; dropped++) {
        const uint64_t bytes = message + (history->charged == 0 ? HISTORY_COST : 0);
        if (charge(history->histories, bytes)) {
            history->charged += bytes;
            return true;
        }
        counter_add_shared(&history->histories->crowded, 1);
        if (history->log.count == 0 || dropped == HISTORY_DROPS_MOST)
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

/* --- A room that nobody is in */

static bool admit_awaited(struct history *history)
{
    struct histories *histories = history->histories;
    const uint64_t bytes = atomic_load_explicit(&histories->limit, memory_order_relaxed);
    const uint64_t most = bytes / HISTORY_AWAITED_SHARE / HISTORY_COST;
    if (atomic_fetch_add_explicit(&histories->awaited, 1, memory_order_relaxed) < most &&
        (history->charged > 0 || charge(histories, HISTORY_COST)))
        return true;
    atomic_fetch_sub_explicit(&histories->awaited, 1, memory_order_relaxed);
    return false;
}

void history_await(struct history *history)
{
    if (!history_is_on(history))
        return;
    if (!admit_awaited(history)) {
        counter_add_shared(&history->histories->unawaited, 1);
        return;
    }
    if (history->charged == 0)
        history->charged = HISTORY_COST;
    history->awaited_until_ms = history->histories->now_ms() + history->log.bounds.ms;
}

void history_end_await(struct history *history)
{
    if (history->awaited_until_ms == 0)
        return;
    history->awaited_until_ms = 0;
    atomic_fetch_sub_explicit(&history->histories->awaited, 1, memory_order_relaxed);
    settle(history);
}

bool history_unnote(struct history *history)
{
    if (!history->is_noted || !histories_unnote(history->histories, &history->due))
        return false;
    history->is_noted = false;
    return true;
}

/* --- What goes */

uint64_t history_trim(struct history *history)
{
    const uint64_t now_ms = history->histories->now_ms();
    const uint64_t next = history_log_trim(&history->log, now_ms);
    const uint64_t until = history->awaited_until_ms;
    if (until > 0 && until <= now_ms)
        history_end_await(history);
    settle(history);
    return until > now_ms && until < next ? until : next;
}

void history_bind(struct history *history, const struct history_rule *rule)
{
    const struct history_bounds bounds = bounds_of(rule);
    const uint64_t now_ms = history->histories->now_ms();
    history_log_bind(&history->log, &bounds, now_ms);
    if (!history_is_on(history))
        history_end_await(history);
    else if (history->awaited_until_ms > now_ms + bounds.ms)
        history->awaited_until_ms = now_ms + bounds.ms;
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
    history_end_await(history);
    settle(history);
    histories_unreserve(history->histories);
    free(history);
}
