/* HTTP exchanges that services have kept, to answer them later (toni/http.h): which there are,
 * whose they are, until when, and what has become of each. Not about HTTP: whose connection waits
 * brings a function that wakes it.
 *
 * An exchange is known by its id alone. So a plugin that answers twice, too late, or not at all,
 * meets no memory of another's. One lock guards all; it is a leaf, but for what `wake` takes. */
#ifndef INSTANCE_KEPT_H
#define INSTANCE_KEPT_H

#include "base/counter.h"
#include "base/hash_table.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct instance;
struct kept;

/* What became of one. X(NAME, label) */
#define KEPT_OUTCOMES(X)                                                                           \
    X(KEPT_ANSWERED, "answered")                                                                   \
    X(KEPT_LATE, "timeout")     /* its limit is over: 504 */                                       \
    X(KEPT_GONE, "client_gone") /* the client didn't wait */                                       \
    X(KEPT_WITHDRAWN,                                                                              \
      "withdrawn")             /* the service was swapped or removed, or the host stops: 503 */    \
    X(KEPT_REFUSED, "refused") /* it was never kept: too many, or no memory */

enum kept_outcome {
#define KEPT_OUTCOME_NAME(name, label) name,
    KEPT_OUTCOMES(KEPT_OUTCOME_NAME)
#undef KEPT_OUTCOME_NAME
        KEPT_OUTCOME_COUNT,
    KEPT_WAITS = KEPT_OUTCOME_COUNT /* none yet */
};

/** One; embedded in what its owner knows of it. All but the first four members is the list's. */
struct kept {
    struct instance *instance; /* that has kept it */
    uint64_t due_ms;           /* of clock_now_ms(): until then it is to be answered */
    /* Lets the owner's thread look at the outcome. Under the lock, by any thread, only while it is
     * asleep. Must not fail. */
    void (*wake)(struct kept *kept);
    /* Whether the client has gone; under the lock, only while it is asleep. */
    bool (*is_gone)(const struct kept *kept);

    struct kept_list *list;
    struct hash_node node;
    struct kept *previous, *next;
    uint64_t id;
    enum kept_outcome outcome;
    bool is_asleep; /* its owner waits to be woken */
};

/** All of a host. The counters may be read by any thread. */
struct kept_list {
    pthread_mutex_t lock;
    struct hash_table by_id; /* those without an outcome */
    struct kept *first;
    uint64_t last_id;
    uint64_t most; /* at a time */
    bool is_closed;
    struct counter waiting;
    struct counter outcomes[KEPT_OUTCOME_COUNT];
};

/** @param most  At a time. @return 0, or -1. */
int kept_list_init(struct kept_list *list, uint64_t most);

/** There must be none any more. */
void kept_list_finish(struct kept_list *list);

/* --- The owner */

/** Adds one, which waits from now on.
 * @param kept  Its first four members are set.
 * @param id    Set before others can find it.
 * @return TONI_OK; TONI_ERR_LIMIT (there are too many), TONI_ERR_CLOSING, TONI_ERR_NO_MEMORY. */
int32_t kept_begin(struct kept_list *list, struct kept *kept, uint64_t *id);

/** Calls @p sleep, if the exchange still waits; from then on it is woken once it does not. @return
 * Whether it was called. */
bool kept_sleep(struct kept *kept, void (*sleep)(struct kept *kept));

/** The owner's last: from now on nobody knows it.
 * @return What has become of it; if that was nothing yet, KEPT_WAITS, and @p outcome is counted. */
enum kept_outcome kept_end(struct kept *kept, enum kept_outcome outcome);

/* --- Whoever decides; any thread */

/** Finds one that waits, and locks the list, which kept_unlock() ends.
 * @param instance  That has kept it.
 * @return NULL: there is none, and nothing is locked. */
struct kept *kept_lock(struct kept_list *list, const struct instance *instance, uint64_t id);

void kept_unlock(struct kept *kept);

/** Gives one that waits its outcome, and wakes its owner. Between kept_lock() and kept_unlock(). */
void kept_decide(struct kept *kept, enum kept_outcome outcome);

/** Withdraws all that an instance has kept; it is about to end. */
void kept_withdraw(struct kept_list *list, const struct instance *instance);

/** Withdraws all, and takes no more. */
void kept_close(struct kept_list *list);

/** Decides those whose time is over, or whose client has gone. @param now_ms  Of clock_now_ms(). */
void kept_sweep(struct kept_list *list, uint64_t now_ms);

#endif
