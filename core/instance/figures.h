/* What is counted of an instance. Any thread counts, any thread reads. The figures belong to the
 * slot, so they go on when the instance in it is exchanged. */
#ifndef INSTANCE_FIGURES_H
#define INSTANCE_FIGURES_H

#include "base/counter.h"
#include "base/histogram.h"
#include "base/log_limit.h"

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

    /* The limits of lines that its clients can cause. */
    struct log_limit failed_lines;
    struct log_limit kept_lines;
    struct log_limit refused_figure_lines;
    struct log_limit slow_lines;
    struct log_limit unanswered_lines;
};

#endif
