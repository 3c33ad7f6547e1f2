/* What is counted of an instance. Any thread counts, any thread reads. The figures belong to the
 * slot, so they go on when the instance in it is exchanged. */
#ifndef INSTANCE_FIGURES_H
#define INSTANCE_FIGURES_H

#include "base/counter.h"
#include "base/histogram.h"
#include "base/log_limit.h"

/* What becomes of asking a guard. X(NAME, label) */
#define GUARD_ANSWERS(X)                                                                           \
    X(GUARD_LET_IN, "let_in")                                                                      \
    X(GUARD_SAID_NO, "refused")                                                                    \
    X(GUARD_TIMED_OUT, "timeout")    /* guard_ms */                                                \
    X(GUARD_WAS_BUSY, "busy")        /* it could not wait, or be asked */                          \
    X(GUARD_WAS_ENDED, "withdrawn")  /* gateway or guard swapped or removed, or the host stops */  \
    X(GUARD_SAID_REVOKED, "revoked") /* it let in whose subject is revoked: the host does not */

enum guard_answer {
#define GUARD_ANSWER_NAME(name, label) name,
    GUARD_ANSWERS(GUARD_ANSWER_NAME)
#undef GUARD_ANSWER_NAME
        GUARD_ANSWER_COUNT
};

/** Of a guard: a service that gateways list, or a gateway's own. */
struct guard_figures {
    struct counter answers[GUARD_ANSWER_COUNT];
    struct striped_histogram times; /* from asking to the answer, the wait included */
    struct log_limit lines;         /* of refusals */
};

struct instance_figures {
    struct counter callback_failures;
    struct counter callback_failures_kept; /* of these: whose client stayed */
    struct counter slow_callbacks;
    struct counter slow_hooks;
    struct counter lock_wait_ns;    /* what callbacks waited for the lock, all together */
    struct counter tasks_run;       /* calls of `run` and `done` */
    struct counter tasks_cancelled; /* by toni_cancel_timer, or as an instance ended */
    struct counter jobs_run;        /* that have ended */
    struct counter periods_skipped; /* of toni_every, since the times had passed already */
    struct counter tasks_pending;   /* now: not over yet, timers included */
    struct counter timers_active;   /* now: timers that can be cancelled */
    struct counter watches_active;  /* now: descriptors that are watched */
    struct striped_histogram callback_times;
    struct guard_figures guard;

    /* The limits of lines that its clients can cause. */
    struct log_limit failed_lines;
    struct log_limit kept_lines;
    struct log_limit refused_figure_lines;
    struct log_limit slow_lines;
    struct log_limit unanswered_lines;
};

#endif
