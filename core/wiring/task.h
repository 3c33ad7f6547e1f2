/* A task, and where it stands: in the list of its instance until it is over, and besides in one of
 * two heaps: `due`, which the tasks' thread takes from, or `jobs`. A post is a timer that is due at
 * once, and a job comes into `due` when it has ended; so whatever runs on an instance comes in one
 * order, that of time. Shared by tasks.c and task_table.c, and by nobody else.
 *
 * All functions are called under the lock. */
#ifndef WIRING_TASK_H
#define WIRING_TASK_H

#include "base/due_heap.h"
#include "base/hash_table.h"
#include "wiring/instance.h"
#include "wiring/tasks.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <toni/task.h>

#define TASK_NS_PER_MS 1000000u

/** Which function of toni/task.h has asked for it. */
enum task_kind { TASK_AFTER, TASK_EVERY, TASK_POST, TASK_WORK, TASK_RECEIPT };

enum task_place {
    TASK_WAITS, /* in its instance's list alone: for tasks_open(), or for tasks_cancel() */
    TASK_DUE,   /* in `due` */
    TASK_JOB,   /* in `jobs` */
    TASK_TAKEN, /* by a thread */
};

struct task {
    struct due due;        /* first; its number is the timer's id */
    struct hash_node node; /* of a timer, until it begins for the last time or is cancelled; of a
                              receipt, until it comes */
    struct task *previous, *next; /* of the instance */
    struct instance *instance;
    enum task_kind kind;
    enum task_place place;
    bool is_cancelled;
    bool has_worked; /* its job has ended, or its receipt has come */
    uint64_t period_ns;
    toni_run_fn run;
    toni_job_fn job;
    toni_done_fn done;
    int32_t result; /* of the job */
    toni_receipt_fn told;
    toni_receipt receipt;
    void *data;
    toni_release_fn release;
};

struct tasks {
    uint64_t (*now_ns)(void);
    pthread_mutex_t lock; /* a leaf; guards all below, and the lists of instances */
    pthread_cond_t due_changed;
    pthread_cond_t jobs_waiting;
    pthread_cond_t one_ended; /* a task that was running has ended, and its instance is ending */
    struct due_heap due;      /* both have room for all tasks that could come into them */
    struct due_heap jobs;
    struct hash_table numbered; /* timers and receipts, by number */
    size_t count;               /* of all instances' tasks */
    uint64_t last_number;
    bool is_stopping;
    size_t thread_count;
    pthread_t threads[1 + TASKS_JOB_THREADS];
};

/** Adds a task to the list of its instance. */
void task_enlist(struct task *task);

/** Takes it out again: it is over. */
void task_delist(struct task *task);

/** Takes out all tasks of an instance. @return The first; the others follow by `next`. */
struct task *task_delist_all(struct instance *instance);

/** Puts a task where it is taken from next; there is room for it. */
void task_put(struct tasks *tasks, struct task *task);

/** Takes a task out of the heap that it is in, if it is in one. */
void task_take_back(struct tasks *tasks, struct task *task);

/** Lets a timer or receipt be found by its number. @return 0, or -1 on no memory. */
int task_remember(struct tasks *tasks, struct task *task);

/** From now on it can't be found. */
void task_forget(struct tasks *tasks, struct task *task);

/** @return The timer or receipt of that number, if it can still be found; or NULL. */
struct task *task_find(struct tasks *tasks, uint64_t number);

static inline bool task_is_timer(const struct task *task)
{
    return task->kind == TASK_AFTER || task->kind == TASK_EVERY;
}

/** @return Whether others know the task by its number, at first. */
static inline bool task_is_numbered(const struct task *task)
{
    return task_is_timer(task) || task->kind == TASK_RECEIPT;
}

#endif
