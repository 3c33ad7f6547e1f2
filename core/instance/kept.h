/* HTTP exchanges that services have kept, to answer them later or by a stream (toni/http.h): which
 * there are, whose they are, until when, and what has become of each. Not about HTTP: whose
 * connection waits brings a function that wakes it.
 *
 * An exchange is known by its id alone. So a plugin that answers twice, too late, or not at all,
 * meets no memory of another's. One lock guards all. Nothing is locked under it but the leaves that
 * `wake` and `over` need: libmicrohttpd's, that of the deadlines, that of the tasks. */
#ifndef INSTANCE_KEPT_H
#define INSTANCE_KEPT_H

#include "base/counter.h"
#include "base/hash_table.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct instance;
struct kept;

/* What became of one; of a stream, what ended it. X(NAME, label) */
#define KEPT_OUTCOMES(X)                                                                           \
    X(KEPT_ANSWERED, "answered")   /* at once, or by a stream that has begun */                    \
    X(KEPT_LATE, "timeout")        /* its limit is over: 504 */                                    \
    X(KEPT_GONE, "client_gone")    /* the client didn't wait */                                    \
    X(KEPT_WITHDRAWN, "withdrawn") /* no service any more, or no host: 503 */                      \
    X(KEPT_REFUSED, "refused")     /* too many, or no memory: 503 */                               \
    X(KEPT_ENDED, "ended")         /* a stream, by the service */                                  \
    X(KEPT_STALLED, "stalled")     /* a stream, of which the client took nothing for stalled_ms */

enum kept_outcome {
#define KEPT_OUTCOME_NAME(name, label) name,
    KEPT_OUTCOMES(KEPT_OUTCOME_NAME)
#undef KEPT_OUTCOME_NAME
        KEPT_OUTCOME_COUNT,
    KEPT_WAITS = KEPT_OUTCOME_COUNT /* none yet */
};

/** One; embedded in what its owner knows of it. The functions are called under the lock, by any
 * thread, and must not fail. */
struct kept {
    struct instance *instance; /* that has kept it */
    uint64_t due_ms;           /* of clock_now_ms(): until then it is to be answered */
    /* Lets the owner's thread look; only while it is asleep. */
    void (*wake)(struct kept *kept);
    /* Whether the client has gone; only while it is asleep, or a stream. */
    bool (*is_gone)(const struct kept *kept);
    /* Whether the client of a stream has taken nothing for too long. */
    bool (*is_stalled)(struct kept *kept, uint64_t now_ms);
    /* A stream has an outcome. */
    void (*over)(struct kept *kept);

    /* The list's. */
    struct kept_list *list;
    struct hash_node node;
    struct kept *previous, *next;
    uint64_t id;
    enum kept_outcome outcome;
    bool is_asleep; /* its owner waits to be woken */
    bool is_stream;
};

/** All of a host. The counters may be read by any thread. */
struct kept_list {
    pthread_mutex_t lock;
    struct hash_table by_id; /* those without an outcome, as in the list */
    struct kept *first;
    uint64_t last_id;
    uint64_t most;         /* at a time, that are no streams */
    uint64_t most_streams; /* at a time */
    bool is_closed;
    bool takes_no_streams;
    struct counter waiting; /* that are no streams */
    struct counter streams;
    struct counter outcomes[KEPT_OUTCOME_COUNT]; /* of those that are no streams */
    struct counter streamed[KEPT_OUTCOME_COUNT]; /* of streams */
};

/** @param most  At a time. @param most_streams  The same. @return 0, or -1. */
int kept_list_init(struct kept_list *list, uint64_t most, uint64_t most_streams);

/** There must be none any more. */
void kept_list_finish(struct kept_list *list);

/* --- The owner */

/** Adds one, which waits from now on.
 * @param kept  Its instance, time and functions are set.
 * @param id    Set before others can find it.
 * @return TONI_OK; TONI_ERR_LIMIT (there are too many), TONI_ERR_CLOSING, TONI_ERR_NO_MEMORY. */
int32_t kept_begin(struct kept_list *list, struct kept *kept, uint64_t *id);

/** Locks the list, which kept_unlock() ends. */
void kept_hold(struct kept *kept);

/** Calls @p sleep; from then on it is woken when there is something to look at. Between kept_hold()
 * and kept_unlock(), for one that has no outcome. */
void kept_sleep(struct kept *kept, void (*sleep)(struct kept *kept));

/** The owner's last: from now on nobody knows it.
 * @return What has become of it; if that was nothing yet, KEPT_WAITS, and @p outcome is counted. */
enum kept_outcome kept_end(struct kept *kept, enum kept_outcome outcome);

/* --- Whoever decides; any thread */

/** Finds one that has no outcome, and locks the list, which kept_unlock() ends.
 * @param instance  That has kept it.
 * @return NULL: there is none, and nothing is locked. */
struct kept *kept_lock(struct kept_list *list, const struct instance *instance, uint64_t id);

void kept_unlock(struct kept *kept);

/** Makes a stream of one that waits, and wakes its owner. Between kept_lock() and kept_unlock().
 * @return TONI_OK; TONI_ERR_LIMIT (there are too many streams), TONI_ERR_CLOSING. */
int32_t kept_stream(struct kept *kept);

/** Wakes the owner: there is something to look at. Between kept_lock() and kept_unlock(). */
void kept_wake(struct kept *kept);

/** Gives one its outcome, and wakes its owner. Between kept_lock() and kept_unlock(). */
void kept_decide(struct kept *kept, enum kept_outcome outcome);

/** Withdraws all that an instance has kept; it is about to end. */
void kept_withdraw(struct kept_list *list, const struct instance *instance);

/** Withdraws all streams, and takes no more of them. */
void kept_end_streams(struct kept_list *list);

/** Withdraws all, and takes no more. */
void kept_close(struct kept_list *list);

/** Decides those whose time is over, or whose client has gone or takes nothing.
 * @param now_ms    Of clock_now_ms().
 * @param stood_ms  So much of the time since the last sweep nobody could do anything in: it is
 * given to all. */
void kept_sweep(struct kept_list *list, uint64_t now_ms, uint64_t stood_ms);

#endif
