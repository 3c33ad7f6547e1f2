/* Time and work of instances (toni/task.h): timers, posts and jobs, and the threads that run them.
 * Not about how a callback is called (instance.h).
 *
 * Each instance has a queue of its own, by time, which one thread at a time takes from. One thread
 * serves all queues; another takes over when it is held up (task_runners.c). A few others run the
 * jobs. One lock guards all lists; it is a leaf: no plugin code runs under it, and nothing is
 * locked under it. So asking and cancelling never wait for a task, and tasks_cancel() waits for
 * those of its own instance alone.
 *
 * A task of an instance that is serialised is run under the instance's lock, and whether it was
 * cancelled is looked up again once that is held: a callback that has cancelled a timer never sees
 * it run. */
#ifndef INSTANCE_TASKS_H
#define INSTANCE_TASKS_H

#include "base/due_heap.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <toni/host.h>

struct instance;
struct task;
struct tasks;

/** How many jobs run at a time, and how many of one instance: so that slow ones of one don't hold
 * up those of others. */
#define TASKS_JOB_THREADS 8
#define TASKS_JOBS_OF_ONE 4

/** How many threads may run tasks. As many instances less one can be held up at a time, each by a
 * callback or a task of its own, before others have to wait for one of them. */
#define TASKS_RUNNERS_MOST 32

/** How many tasks an instance may have at a time. */
#define TASKS_MOST 65536

enum task_list_state {
    TASK_LIST_HELD,   /* `create` has not returned: tasks wait */
    TASK_LIST_OPEN,   /* they run */
    TASK_LIST_CLOSED, /* the instance ends: there are no more */
};

/** The tasks of one instance, which it is embedded in. Guarded by the lock of `tasks`. */
struct task_list {
    struct due offer; /* first; of the first of `due`, in the heap that threads take lists from */
    struct tasks *tasks;
    enum task_list_state state;
    bool is_offered;                   /* it is in that heap */
    bool is_served;                    /* a thread has taken what was first, and is not done */
    bool is_aside;                     /* its slot is being exchanged */
    struct due_heap due;               /* what has only to wait for its time */
    unsigned jobs;                     /* that run, or that the next thread may take */
    struct task *first_job, *last_job; /* beyond TASKS_JOBS_OF_ONE, in the order of asking */
    unsigned running;                  /* that a thread has taken and not put back or ended */
    size_t count;                      /* of all */
    size_t watch_count;                /* of these: watches that are not over */
    struct task *first, *last;         /* in the order of asking */
};

/** What the threads that run tasks do. */
struct tasks_figures {
    uint64_t threads; /* there are */
    uint64_t reliefs; /* how often one took over, since another was held up */
};

/** Makes the threads.
 * @param now_ns  The clock: clock_now_ns, or a test's own. Read by any thread, at any time.
 * @return To be destroyed by tasks_destroy(); NULL if there is no memory or no thread. */
struct tasks *tasks_create(uint64_t (*now_ns)(void));

/** Ends the threads. There must be no instance any more. @param tasks  NULL is fine. */
void tasks_destroy(struct tasks *tasks);

/** @return The figures of the moment. @param tasks  NULL gives zeros. @thread Any. */
struct tasks_figures tasks_read(struct tasks *tasks);

/** Has the clock read again, after a test has moved it. @thread Any. */
void tasks_wake(struct tasks *tasks);

/** Sets the functions of toni/task.h in a table. Their contexts are those of instance_context(). */
void tasks_fill_table(toni_host *table);

/** Fills in what is asked of the cluster; asking.c. */
void asking_fill_table(toni_host *table);

/* --- What an instance says; its own thread */

/** Begins an instance's list, in which tasks wait for tasks_open(). */
void task_list_init(struct task_list *list, struct tasks *tasks);

/** Lets the tasks run: `create` has returned, and `self` is known. */
void tasks_open(struct instance *instance);

/** From now on the instance can ask for no tasks, and none of it begins any more: its slot is about
 * to be another's. Waits for nothing; tasks_cancel() follows. */
void tasks_close(struct instance *instance);

/** No task of the instance begins from now on, until tasks_go_on(): its slot is about to be
 * exchanged, and no thread is to wait there. What has begun goes on. */
void tasks_set_aside(struct instance *instance);

/** Ends that. */
void tasks_go_on(struct instance *instance);

/** Ends the tasks of an instance: from now on it can ask for none; none begins any more; what is
 * running is waited for, and all are released. The caller holds no lock, and is not a task of this
 * instance. Calling it again does nothing. */
void tasks_cancel(struct instance *instance);

#endif
