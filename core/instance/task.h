/* A task, and where it stands: in the list of its instance until it is over, and besides in one of
 * two heaps: its list's `due`, or `jobs`. There are no more jobs of an instance in that than may
 * run at a time; the next ones wait in its list. A post is a timer that is due at once, and a job
 * comes into `due` when it has ended; so whatever runs on an instance comes in one order, that of
 * time. A list whose first may be taken is offered: it is in the heap of lists. Shared by tasks.c,
 * task_runners.c and task_table.c, and by nobody else.
 *
 * All functions are called under the lock. */
#ifndef INSTANCE_TASK_H
#define INSTANCE_TASK_H

#include "base/due_heap.h"
#include "base/hash_table.h"
#include "instance/instance.h"
#include "instance/tasks.h"
#include "instance/watches.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <toni/task.h>

/** Which function of toni/task.h has asked for it. */
enum task_kind {
    TASK_AFTER,
    TASK_EVERY,
    TASK_POST,
    TASK_WORK,
    TASK_RECEIPT,
    TASK_WATCH,
    TASK_NOTICE,
    TASK_COMEBACK,
    TASK_ANSWER
};

enum task_place {
    TASK_WAITS,  /* in its instance's list alone: for tasks_open(), tasks_cancel(), a receipt, or
                    something to be told */
    TASK_DUE,    /* in its list's `due` */
    TASK_JOB,    /* in `jobs` */
    TASK_QUEUED, /* a job, behind TASKS_JOBS_OF_ONE others of its instance */
    TASK_ARMED,  /* its descriptor is waited for */
    TASK_TAKEN,  /* by a thread */
};

struct task {
    struct due due;        /* first; its number is the timer's id */
    struct hash_node node; /* of a timer, until it begins for the last time or is cancelled; of a
                              receipt, until it comes; of a watch, until it is cancelled; of a
                              notice, until it tells of the end */
    struct task *previous, *next; /* of the instance */
    struct task *next_job;        /* while it is queued */
    struct instance *instance;
    enum task_kind kind;
    enum task_place place;
    bool is_cancelled;
    bool has_worked; /* its job has ended, its receipt has come, or it tells of the end */
    uint64_t period_ns;
    toni_run_fn run;
    toni_job_fn job;
    toni_done_fn done;
    int32_t result; /* of the job */
    toni_receipt_fn notify;
    toni_receipt receipt;
    toni_str *missing; /* of the receipt; its own, in one piece */
    toni_watch_fn watch;
    int fd;                 /* of a watch: the host's own; -1: it is closed */
    uint32_t events, ready; /* of a watch: what is asked for, and what it is ready for now */
    bool is_ready;
    toni_stream_fn on_stream;
    toni_exchange_id exchange;
    uint32_t news, telling; /* of a notice, TONI_STREAM_…: to be told; being told */
    void *data;
    toni_release_fn release;
};

/** The threads that run tasks; task_runners.c. Guarded by the lock of the tasks. */
struct task_runners {
    const void
        *on_duty; /* identifies the thread that takes what is due; NULL: the next one that comes */
    const void *stand_by; /* identifies the one that takes over if that one is held up */
    bool is_busy;         /* the one on duty is in a task */
    bool is_asleep;       /* the stand-by thread waits to be woken when that begins */
    uint64_t runs;        /* begun by those on duty */
    uint64_t reliefs;
    size_t spare; /* threads that have nothing to do at all */
    bool is_made;
    pthread_cond_t relief;
    pthread_cond_t spared;
    size_t count;
    pthread_t threads[TASKS_RUNNERS_MOST];
};

struct tasks {
    uint64_t (*now_ns)(void);
    pthread_mutex_t lock; /* a leaf; guards all below, and the lists of instances */
    pthread_cond_t due_changed;
    pthread_cond_t jobs_waiting;
    pthread_cond_t one_ended; /* a task that was running has ended, and its instance is ending */
    struct due_heap lists; /* that are offered. As all heaps, it has room for all that could come */
    struct due_heap jobs;
    struct hash_table numbered; /* see task_is_numbered; by number */
    struct watches watches;
    size_t watch_count; /* of all instances */
    size_t count;       /* of all instances' tasks */
    size_t list_count;  /* instances that have any */
    uint64_t last_number;
    bool is_stopping;
    size_t job_thread_count;
    pthread_t job_threads[TASKS_JOB_THREADS];
    struct task_runners runners;
};

/** Puts a list into the heap of lists, moves it there, or takes it out, after any change of what
 * is first in it. */
void task_list_offer(struct task_list *list);

/** @return 0; -1: there is no thread at all, or no memory. */
int task_runners_init(struct tasks *tasks);

/** Ends the threads; the tasks are stopping. */
void task_runners_finish(struct tasks *tasks);

/** Takes what is due first of all lists that are offered. @return NULL: nothing is due. */
struct task *task_take_due(struct tasks *tasks);

/** Runs what was taken, and whatever follows from that. Not under the lock. */
void task_run(struct tasks *tasks, struct task *task);

/** Adds a task to the list of its instance. */
void task_enlist(struct task *task);

/** Takes it out again: it is over. */
void task_delist(struct task *task);

/** Frees one that is in no list, with what is its own. */
void task_free(struct task *task);

/** Takes out all tasks of an instance. @return The first; the others follow by `next`. */
struct task *task_delist_all(struct instance *instance);

/** Puts a task where it is taken from next; there is room for it. */
void task_put(struct tasks *tasks, struct task *task);

/** A job of the instance has ended: its next one may be taken. */
void task_job_ended(struct tasks *tasks, struct task_list *list);

/** Takes a task out of the heap that it is in, if it is in one. */
void task_take_back(struct tasks *tasks, struct task *task);

/** Lets a task be found by its number; see task_is_numbered.
 * @return 0, or -1 on no memory. */
int task_remember(struct tasks *tasks, struct task *task);

/** Under the lock. Finds a task that waits for what became of something, known by its number alone.
 * @return The task, which can't be found by that any more; NULL: it was cancelled. */
struct task *task_recall(struct tasks *tasks, uint64_t number);

/** Under the lock. What such a task waits for has come: it runs. */
void task_fulfil(struct tasks *tasks, struct task *task);

/** From now on it can't be found. */
void task_forget(struct tasks *tasks, struct task *task);

/** Closes the descriptor of a watch, once. Not under the lock: that may take its time. */
void task_close(struct tasks *tasks, struct task *task);

/** @return The task of that number, if it can still be found; or NULL. */
struct task *task_find(struct tasks *tasks, uint64_t number);

/** Asks for a task, as the functions of toni/task.h do.
 * @param wanted  Copied. @return The task's number, or an error. */
int64_t task_ask(toni_context *context, const struct task *wanted, uint64_t delay_ms);

/** Takes back a task that is known by its number, as if it had never been asked for.
 * @return Whether it is gone; if not, its instance has ended meanwhile and has released it. */
bool task_take_back_numbered(struct tasks *tasks, uint64_t number);

static inline bool task_is_timer(const struct task *task)
{
    return task->kind == TASK_AFTER || task->kind == TASK_EVERY;
}

/** @return Whether others know the task by its number, at first. */
static inline bool task_is_numbered(const struct task *task)
{
    return task->kind != TASK_POST && task->kind != TASK_WORK;
}

#endif
