/* Time and work of instances; see tasks.h. A task is in the list of its instance until it is over.
 * Besides it stands in one of two heaps: `due`, which the tasks' thread takes from, or `jobs`. A
 * post is a timer that is due at once, and a job comes into `due` when it has ended; so whatever
 * runs on an instance comes in one order, that of time. */
#include "wiring/tasks.h"

#include "base/clock.h"
#include "base/due_heap.h"
#include "base/hash_table.h"
#include "wiring/instance.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
#include <toni/task.h>

#define NS_PER_MS 1000000u
#define NS_PER_S 1000000000u

enum task_kind { TASK_AFTER, TASK_EVERY, TASK_POST, TASK_WORK };

static const char *const kind_names[] = {"after", "every", "post", "work"}; /* in the log */

enum task_place {
    TASK_WAITS, /* in its instance's list alone: for tasks_open(), or for tasks_cancel() */
    TASK_DUE,   /* in `due` */
    TASK_JOB,   /* in `jobs` */
    TASK_TAKEN, /* by a thread */
};

struct task {
    struct due due;        /* first; its number is the timer's id */
    struct hash_node node; /* of a timer, until it begins for the last time or is cancelled */
    struct task *previous, *next; /* of the instance */
    struct instance *instance;
    enum task_kind kind;
    enum task_place place;
    bool is_cancelled;
    bool has_worked; /* its job has ended */
    uint64_t period_ns;
    toni_run_fn run;
    toni_job_fn job;
    toni_done_fn done;
    int32_t result; /* of the job */
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
    struct hash_table timers;
    size_t count; /* of all instances' tasks */
    uint64_t last_number;
    bool is_stopping;
    size_t thread_count;
    pthread_t threads[1 + TASKS_JOB_THREADS];
};

/* Counters are statistics: no other memory is published by them. */
static void count(_Atomic uint64_t *counter, uint64_t more)
{
    atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

static void discount(_Atomic uint64_t *gauge)
{
    atomic_fetch_sub_explicit(gauge, 1, memory_order_relaxed);
}

/* --- Lists and heaps; under the lock */

static void enlist(struct task *task)
{
    struct task_list *list = &task->instance->tasks;

    task->next = list->first;
    if (list->first != NULL)
        list->first->previous = task;
    list->first = task;
    list->tasks->count++;
    count(&task->instance->tasks_pending, 1);
}

static void delist(struct task *task)
{
    struct task_list *list = &task->instance->tasks;

    if (task->previous != NULL)
        task->previous->next = task->next;
    else
        list->first = task->next;
    if (task->next != NULL)
        task->next->previous = task->previous;
    list->tasks->count--;
    discount(&task->instance->tasks_pending);
}

static bool has_id(const struct hash_node *node, const void *id)
{
    return node->hash == *(const uint64_t *)id; /* ids are their own hashes: they are counted up */
}

static int remember_timer(struct tasks *tasks, struct task *task)
{
    if (hash_table_insert(&tasks->timers, &task->node, task->due.number) != 0)
        return -1;
    count(&task->instance->timers_active, 1);
    return 0;
}

static void forget_timer(struct tasks *tasks, struct task *task)
{
    hash_table_remove(&tasks->timers, &task->node);
    discount(&task->instance->timers_active);
}

static bool is_timer(const struct task *task)
{
    return task->kind == TASK_AFTER || task->kind == TASK_EVERY;
}

/* Puts a task where it is taken from next. */
static void put(struct tasks *tasks, struct task *task)
{
    if (task->instance->tasks.state != TASK_LIST_OPEN) {
        task->place = TASK_WAITS;
    } else if (task->kind == TASK_WORK && !task->has_worked) {
        task->place = TASK_JOB;
        due_heap_push(&tasks->jobs, &task->due);
        pthread_cond_signal(&tasks->jobs_waiting);
    } else {
        task->place = TASK_DUE;
        due_heap_push(&tasks->due, &task->due);
        if (due_heap_first(&tasks->due) == &task->due)
            pthread_cond_signal(&tasks->due_changed);
    }
}

static void take_back(struct tasks *tasks, struct task *task)
{
    if (task->place == TASK_DUE)
        due_heap_remove(&tasks->due, &task->due);
    if (task->place == TASK_JOB)
        due_heap_remove(&tasks->jobs, &task->due);
}

/* --- Asking; any thread */

static int make_room(struct tasks *tasks, const struct task *task)
{
    if (due_heap_reserve(&tasks->due, tasks->count + 1) != 0)
        return -1;
    return task->kind == TASK_WORK ? due_heap_reserve(&tasks->jobs, tasks->count + 1) : 0;
}

/* Under the lock. @return TONI_OK, or an error and nothing has changed. */
static int32_t admit(struct tasks *tasks, struct task *task, uint64_t delay_ns)
{
    struct instance *instance = task->instance;

    if (instance->tasks.state == TASK_LIST_CLOSED)
        return TONI_ERR_CLOSING;
    if (atomic_load_explicit(&instance->tasks_pending, memory_order_relaxed) >= TASKS_MOST)
        return TONI_ERR_LIMIT;
    task->due.at_ns = tasks->now_ns() + delay_ns;
    task->due.number = tasks->last_number + 1;
    if (make_room(tasks, task) != 0 || (is_timer(task) && remember_timer(tasks, task) != 0))
        return TONI_ERR_NO_MEMORY;
    tasks->last_number++;
    enlist(task);
    put(tasks, task);
    return TONI_OK;
}

/* @param wanted  Copied. @return The task's number, or an error. */
static int64_t ask(toni_context *context, const struct task *wanted, uint64_t delay_ms)
{
    struct instance *instance = instance_of(context);
    struct tasks *tasks = instance->tasks.tasks;

    if ((wanted->run == NULL && wanted->job == NULL) || delay_ms > TONI_TASK_MOST_MS)
        return TONI_ERR_INVALID;
    if (tasks == NULL)
        return TONI_ERR_CLOSING;
    struct task *task = malloc(sizeof *task);
    if (task == NULL)
        return TONI_ERR_NO_MEMORY;
    *task = *wanted;
    task->instance = instance;

    pthread_mutex_lock(&tasks->lock);
    const int32_t error = admit(tasks, task, delay_ms * NS_PER_MS);
    const int64_t number = (int64_t)tasks->last_number; /* the task may be over after the unlock */
    pthread_mutex_unlock(&tasks->lock);
    if (error == TONI_OK)
        return number;
    free(task);
    return error;
}

static int64_t context_after(toni_context *context, uint64_t delay_ms, toni_run_fn run, void *data,
                             toni_release_fn release)
{
    const struct task task = {.kind = TASK_AFTER, .run = run, .data = data, .release = release};

    return ask(context, &task, delay_ms);
}

static int64_t context_every(toni_context *context, uint64_t period_ms, toni_run_fn run, void *data,
                             toni_release_fn release)
{
    const struct task task = {.kind = TASK_EVERY,
                              .run = run,
                              .data = data,
                              .release = release,
                              .period_ns = period_ms * NS_PER_MS};

    return period_ms > 0 ? ask(context, &task, period_ms) : TONI_ERR_INVALID;
}

static int32_t without_number(int64_t result)
{
    return result > 0 ? TONI_OK : (int32_t)result;
}

static int32_t context_post(toni_context *context, toni_run_fn run, void *data,
                            toni_release_fn release)
{
    const struct task task = {.kind = TASK_POST, .run = run, .data = data, .release = release};

    return without_number(ask(context, &task, 0));
}

static int32_t context_work(toni_context *context, toni_job_fn job, toni_done_fn done, void *data,
                            toni_release_fn release)
{
    const struct task task = {
        .kind = TASK_WORK, .job = job, .done = done, .data = data, .release = release};

    return without_number(ask(context, &task, 0));
}

/* Under the lock. @return The timer, if it is the instance's and can still be cancelled; or NULL.
 */
static struct task *find_timer(struct tasks *tasks, const struct instance *instance, int64_t timer)
{
    const uint64_t id = (uint64_t)timer;
    struct hash_node *node = hash_table_find(&tasks->timers, id, has_id, &id);

    if (node == NULL)
        return NULL;
    struct task *task = (struct task *)(void *)((char *)node - offsetof(struct task, node));
    return task->instance == instance ? task : NULL;
}

/* The tasks' thread releases it: at once, if it was waiting for its time. */
static void cancel(struct tasks *tasks, struct task *task)
{
    forget_timer(tasks, task);
    count(&task->instance->tasks_cancelled, 1);
    task->is_cancelled = true;
    if (task->place == TASK_TAKEN)
        return;
    take_back(tasks, task);
    task->due.at_ns = 0;
    put(tasks, task);
}

static int32_t context_cancel_timer(toni_context *context, int64_t timer)
{
    struct instance *instance = instance_of(context);
    struct tasks *tasks = instance->tasks.tasks;

    if (tasks == NULL)
        return TONI_ERR_NOT_FOUND;
    pthread_mutex_lock(&tasks->lock);
    struct task *task = find_timer(tasks, instance, timer);
    if (task != NULL)
        cancel(tasks, task);
    pthread_mutex_unlock(&tasks->lock);
    return task != NULL ? TONI_OK : TONI_ERR_NOT_FOUND;
}

void tasks_fill_table(toni_host *table)
{
    table->context_after = context_after;
    table->context_every = context_every;
    table->context_cancel_timer = context_cancel_timer;
    table->context_post = context_post;
    table->context_work = context_work;
}

/* --- Running */

/* Under the lock. @return What is first in a heap, if it is due; or NULL. */
static struct task *take(struct due_heap *heap, uint64_t now_ns)
{
    struct due *first = due_heap_first(heap);

    if (first == NULL || first->at_ns > now_ns)
        return NULL;
    struct task *task = (struct task *)first;
    due_heap_remove(heap, first);
    task->place = TASK_TAKEN;
    task->instance->tasks.running++;
    return task;
}

/* Under the lock, as the last that a thread does with a task that it took. */
static void let_go(struct tasks *tasks, struct instance *instance)
{
    struct task_list *list = &instance->tasks;

    list->running--;
    if (list->running == 0 && list->state == TASK_LIST_CLOSED)
        pthread_cond_broadcast(&tasks->one_ended);
}

/* The instance's lock is held by now: between taking and this, the task may have been cancelled. */
static bool may_begin(struct tasks *tasks, struct task *task)
{
    pthread_mutex_lock(&tasks->lock);
    const bool may = !task->is_cancelled && task->instance->tasks.state == TASK_LIST_OPEN;
    if (may && task->kind == TASK_AFTER)
        forget_timer(tasks, task);
    pthread_mutex_unlock(&tasks->lock);
    return may;
}

static void call(struct task *task)
{
    if (task->kind == TASK_WORK && task->done == NULL)
        return;
    if (task->kind == TASK_WORK)
        task->done(task->instance->self, task->data, task->result);
    else
        task->run(task->instance->self, task->data);
    count(&task->instance->tasks_run, 1);
}

/* Times that have passed are left out: a slow plugin finds no heap of them when it is done. */
static void schedule_next(struct task *task, uint64_t now_ns)
{
    uint64_t missed = 0;

    if (now_ns > task->due.at_ns)
        missed = (now_ns - task->due.at_ns - 1) / task->period_ns;
    task->due.at_ns += (missed + 1) * task->period_ns;
    count(&task->instance->periods_skipped, missed);
}

/* Says what becomes of a task that was called, or not.
 * @return Whether it is over, and the caller's. If not, it must not be touched any more. */
static bool settle(struct tasks *tasks, struct task *task, bool was_called)
{
    bool is_over = task->kind != TASK_EVERY && was_called;

    pthread_mutex_lock(&tasks->lock);
    if (!is_over && task->instance->tasks.state == TASK_LIST_CLOSED) {
        task->place = TASK_WAITS; /* for tasks_cancel() */
    } else if (task->is_cancelled) {
        is_over = true;
    } else if (!is_over) {
        schedule_next(task, tasks->now_ns());
        put(tasks, task);
    }
    pthread_mutex_unlock(&tasks->lock);
    return is_over;
}

static void run_task(struct tasks *tasks, struct task *task)
{
    struct instance *instance = task->instance;
    const char *name = kind_names[task->kind];
    const uint64_t entered = instance_enter(instance);
    const bool may = may_begin(tasks, task);

    if (may)
        call(task);
    const bool is_over = settle(tasks, task, may);
    if (is_over && task->release != NULL)
        task->release(task->data);
    instance_leave(instance, name, entered);

    pthread_mutex_lock(&tasks->lock);
    if (is_over)
        delist(task);
    let_go(tasks, instance);
    pthread_mutex_unlock(&tasks->lock);
    if (is_over)
        free(task);
}

/* Under the lock: until something is due, or may be. */
static void wait_for_due(struct tasks *tasks)
{
    const struct due *first = due_heap_first(&tasks->due);

    if (first == NULL) {
        pthread_cond_wait(&tasks->due_changed, &tasks->lock);
        return;
    }
    const uint64_t now = tasks->now_ns();
    const uint64_t until = clock_now_ns() + (first->at_ns > now ? first->at_ns - now : 0);
    const struct timespec time = {.tv_sec = (time_t)(until / NS_PER_S),
                                  .tv_nsec = (long)(until % NS_PER_S)};
    pthread_cond_timedwait(&tasks->due_changed, &tasks->lock, &time);
}

static void *run_tasks(void *data)
{
    struct tasks *tasks = data;

    pthread_mutex_lock(&tasks->lock);
    while (!tasks->is_stopping) {
        struct task *task = take(&tasks->due, tasks->now_ns());
        if (task == NULL) {
            wait_for_due(tasks);
            continue;
        }
        pthread_mutex_unlock(&tasks->lock);
        run_task(tasks, task);
        pthread_mutex_lock(&tasks->lock);
    }
    pthread_mutex_unlock(&tasks->lock);
    return NULL;
}

static void *run_jobs(void *data)
{
    struct tasks *tasks = data;

    pthread_mutex_lock(&tasks->lock);
    while (!tasks->is_stopping) {
        struct task *task = take(&tasks->jobs, UINT64_MAX);
        if (task == NULL) {
            pthread_cond_wait(&tasks->jobs_waiting, &tasks->lock);
            continue;
        }
        pthread_mutex_unlock(&tasks->lock);
        task->result = task->job(task->data);
        count(&task->instance->jobs_run, 1);
        pthread_mutex_lock(&tasks->lock);
        task->has_worked = true;
        task->due.at_ns = tasks->now_ns();
        put(tasks, task);
        let_go(tasks, task->instance);
    }
    pthread_mutex_unlock(&tasks->lock);
    return NULL;
}

/* --- Of one instance */

void task_list_init(struct task_list *list, struct tasks *tasks)
{
    *list = (struct task_list){.tasks = tasks};
}

void tasks_open(struct instance *instance)
{
    struct tasks *tasks = instance->tasks.tasks;

    if (tasks == NULL)
        return;
    pthread_mutex_lock(&tasks->lock);
    instance->tasks.state = TASK_LIST_OPEN;
    for (struct task *task = instance->tasks.first; task != NULL; task = task->next)
        put(tasks, task);
    pthread_mutex_unlock(&tasks->lock);
}

static void close_list(struct tasks *tasks, struct task_list *list)
{
    list->state = TASK_LIST_CLOSED;
    for (struct task *task = list->first; task != NULL; task = task->next) {
        take_back(tasks, task);
        if (task->place != TASK_TAKEN)
            task->place = TASK_WAITS;
    }
    while (list->running > 0)
        pthread_cond_wait(&tasks->one_ended, &tasks->lock);
}

/* Under the lock, once nothing is running. @return All tasks, linked by `next`. */
static struct task *take_all(struct tasks *tasks, struct instance *instance)
{
    struct task *all = NULL;

    for (struct task *task = instance->tasks.first; task != NULL; task = instance->tasks.first) {
        if (!task->is_cancelled) {
            count(&instance->tasks_cancelled, 1);
            if (is_timer(task))
                forget_timer(tasks, task);
        }
        delist(task);
        task->next = all; /* the list has the latest first: they are released in their order */
        all = task;
    }
    return all;
}

void tasks_cancel(struct instance *instance)
{
    struct tasks *tasks = instance->tasks.tasks;

    if (tasks == NULL)
        return;
    pthread_mutex_lock(&tasks->lock);
    close_list(tasks, &instance->tasks);
    struct task *task = take_all(tasks, instance);
    pthread_mutex_unlock(&tasks->lock);
    if (task == NULL)
        return;

    const uint64_t entered = instance_enter(instance);
    while (task != NULL) {
        struct task *next = task->next;
        if (task->release != NULL)
            task->release(task->data);
        free(task);
        task = next;
    }
    instance_leave(instance, "release", entered);
}

/* --- Life */

static int init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;

    if (pthread_condattr_init(&attributes) != 0)
        return -1;
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC); /* that of clock_now_ns() */
    const int error = pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
    return error != 0 ? -1 : 0;
}

static int init_lock(struct tasks *tasks)
{
    if (pthread_mutex_init(&tasks->lock, NULL) != 0)
        return -1;
    if (init_condition(&tasks->due_changed) != 0)
        goto fail_due;
    if (init_condition(&tasks->jobs_waiting) != 0)
        goto fail_jobs;
    if (init_condition(&tasks->one_ended) != 0)
        goto fail_ended;
    return 0;

fail_ended:
    pthread_cond_destroy(&tasks->jobs_waiting);
fail_jobs:
    pthread_cond_destroy(&tasks->due_changed);
fail_due:
    pthread_mutex_destroy(&tasks->lock);
    return -1;
}

struct tasks *tasks_create(uint64_t (*now_ns)(void))
{
    struct tasks *tasks = calloc(1, sizeof *tasks);

    if (tasks == NULL)
        return NULL;
    tasks->now_ns = now_ns;
    due_heap_init(&tasks->due);
    due_heap_init(&tasks->jobs);
    hash_table_init(&tasks->timers);
    if (init_lock(tasks) != 0) {
        free(tasks);
        return NULL;
    }
    /* All at once: a thread that a plugin's call had to make could fail, and would inherit which
     * signals the caller blocks. */
    for (; tasks->thread_count < 1 + TASKS_JOB_THREADS; tasks->thread_count++) {
        if (pthread_create(&tasks->threads[tasks->thread_count], NULL,
                           tasks->thread_count == 0 ? run_tasks : run_jobs, tasks) != 0) {
            tasks_destroy(tasks);
            return NULL;
        }
    }
    return tasks;
}

void tasks_destroy(struct tasks *tasks)
{
    if (tasks == NULL)
        return;
    pthread_mutex_lock(&tasks->lock);
    tasks->is_stopping = true;
    pthread_cond_broadcast(&tasks->due_changed);
    pthread_cond_broadcast(&tasks->jobs_waiting);
    pthread_mutex_unlock(&tasks->lock);
    for (size_t i = 0; i < tasks->thread_count; i++)
        pthread_join(tasks->threads[i], NULL);
    due_heap_finish(&tasks->due);
    due_heap_finish(&tasks->jobs);
    hash_table_finish(&tasks->timers, NULL, NULL);
    pthread_cond_destroy(&tasks->one_ended);
    pthread_cond_destroy(&tasks->jobs_waiting);
    pthread_cond_destroy(&tasks->due_changed);
    pthread_mutex_destroy(&tasks->lock);
    free(tasks);
}

void tasks_wake(struct tasks *tasks)
{
    pthread_mutex_lock(&tasks->lock);
    pthread_cond_signal(&tasks->due_changed);
    pthread_mutex_unlock(&tasks->lock);
}
