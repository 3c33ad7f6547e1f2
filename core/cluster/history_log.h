/* The latest messages of one room, in memory: what the engine that is a host alone keeps. Bounded
 * by messages and age, and never has a hole. What is kept no more is let go of by and by, as room
 * locks are held meanwhile: HISTORY_DROPS_MOST messages by each call that drops any. */
#ifndef CLUSTER_HISTORY_LOG_H
#define CLUSTER_HISTORY_LOG_H

#include "cluster/output.h"
#include "cluster/terms.h"

#define HISTORY_DROPS_MOST 256

/** Both bound it; 0 messages: nothing is kept. */
struct history_bounds {
    uint32_t messages;
    uint64_t ms;
};

/** Read freely. One thread at a time. */
struct history_log {
    struct history_bounds bounds;
    struct logged *ring;
    uint32_t capacity; /* 0, or a power of two */
    uint32_t begin;
    uint32_t count; /* messages in it */
    uint32_t kept;  /* of these, the latest, up to the top without a hole; the others are to go */
    uint64_t bytes; /* of all in it, what keeping them takes included */
    struct position top; /* the last message that was appended, kept or not */
};

/** Makes it empty; allocates nothing. @param epoch  Of the room; not 0. */
void history_log_init(struct history_log *log, const struct history_bounds *bounds, uint64_t epoch);

/** Frees what it keeps. */
void history_log_finish(struct history_log *log);

/** Other bounds; what is beyond them is kept no more. */
void history_log_bind(struct history_log *log, const struct history_bounds *bounds,
                      uint64_t now_ms);

/** The room's next message. It has the number top.offset + 1, whether it is kept or not: without
 * memory it is not, and nothing before it either, as there would be a hole.
 * @param payload  Takes a reference of its own. @return Its place. */
struct position history_log_append(struct history_log *log, struct payload *payload,
                                   uint64_t now_ms);

/** The room's next message is not kept, and so nothing before it is, as there would be a hole. It
 * takes its number. */
void history_log_skip(struct history_log *log);

/** Drops the oldest message that is in it; there is one. */
void history_log_drop_first(struct history_log *log);

/** @return What a message of so many bytes counts as in `bytes`. */
uint64_t history_log_charge(uint64_t size);

/** Drops what is kept no more. @return When there is something to be dropped again: @p now_ms, if
 * some of it is left; UINT64_MAX: the log is empty. */
uint64_t history_log_trim(struct history_log *log, uint64_t now_ms);

/** All that came after @p since.
 * @param limit    Of messages. @param entries  Set: to be ended by entries_destroy(); NULL if
 *                 there are none.
 * @return WHY_NONE: they are all. Else the reason why not, and there are none: as recovery_judge().
 *         WHY_NO_MEMORY. */
enum cluster_why history_log_since(struct history_log *log, struct position since, uint32_t limit,
                                   struct entries **entries, uint64_t now_ms);

/** The last ones, up to @p limit. @return As above; WHY_NONE or WHY_NO_MEMORY. */
enum cluster_why history_log_last(struct history_log *log, uint32_t limit, struct entries **entries,
                                  uint64_t now_ms);

#endif
