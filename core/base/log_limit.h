/* Limits for lines that strangers can cause: whatever a client, a peer or a request does, a kind of
 * line is written LOG_LIMIT_BURST times at once and then once in LOG_LIMIT_INTERVAL_NS. What was
 * left out is reported by the next line of that kind, as its last field: `suppressed=52`; if none
 * comes, by a line of the log's thread (log_thread.h), and by a counter.
 *
 *     log_limited(LOG_LEVEL_WARN, "client closed: slow consumer", log_str("client", name));
 *
 * All functions may be called from any thread, and take no lock. */
#ifndef BASE_LOG_LIMIT_H
#define BASE_LOG_LIMIT_H

#include "base/log.h"

#include <stdatomic.h>

/** Lines of one kind at once, when there were none for a while. */
#define LOG_LIMIT_BURST 10

/** And from then on one in that time. */
#define LOG_LIMIT_INTERVAL_NS UINT64_C(1000000000)

/** The state of one kind of line. Zero is one that has admitted nothing. */
struct log_limit {
    _Atomic uint64_t due_ns; /* when the lines that were admitted are paid for; clock_now_ns() */
    _Atomic uint64_t suppressed; /* lines since the last that was admitted */
};

/** A line that strangers can cause: log_at() under a limit that belongs to this place in the code.
 * The fields are evaluated only if the line is written. @param level  From debug to error. */
#define log_limited(level, ...)                                                                    \
    do {                                                                                           \
        static struct log_limit log_limit_here;                                                    \
        log_limited_by(&log_limit_here, level, __VA_ARGS__);                                       \
    } while (0)

/** The same under a limit that is kept elsewhere, such as with the instance that the line is about:
 * so one that fails all the time does not hide the others.
 * @param limit  A struct log_limit; evaluated once. */
#define log_limited_by(limit, level, ...)                                                          \
    LOG_LIMITED_FIELDS(limit, level, __VA_ARGS__, log_uint("suppressed", log_suppressed))

/* The last field is there only if something was suppressed. */
#define LOG_LIMITED_FIELDS(limit, level, message, ...)                                             \
    do {                                                                                           \
        uint64_t log_suppressed = 0;                                                               \
        if (log_enabled(level) && log_limit_ask((limit), (message), &log_suppressed))              \
            log_write((level), (message), (const struct log_field[]){__VA_ARGS__},                 \
                      sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field) - \
                          (log_suppressed == 0));                                                  \
    } while (0)

/** Asks for one line. Only for the macros above.
 * @param message     Constant text, for log_limit_take_unreported().
 * @param suppressed  Set if the answer is yes: how many were refused since the last yes.
 * @return Whether it may be written now. */
bool log_limit_ask(struct log_limit *limit, const char *message, uint64_t *suppressed);

/** The same at a given time, and without a word to the counters. @param now_ns  Never less than
 * before by more than threads differ. */
bool log_limit_admits(struct log_limit *limit, uint64_t now_ns, uint64_t *suppressed);

/** @return How many lines were suppressed since the process began. */
uint64_t log_limit_suppressed(void);

/** Takes what no line has reported yet.
 * @param message  Set to what the latest of them would have said; untouched if there are none.
 * @return How many. */
uint64_t log_limit_take_unreported(const char **message);

#endif
