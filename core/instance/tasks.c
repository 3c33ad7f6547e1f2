/* How tasks and jobs are run, and what an instance says about them; see tasks.h. */
#include "instance/task.h"

#include "base/clock.h"
#include "instance/notice.h"

#include <stdlib.h>

/* By enum task_kind; how callbacks are called in the log. */
static const char *const kind_names[] = {"after", "every",  "post",   "work",  "receipt",
                                         "watch", "stream", "joined", "answer"};

/* --- Running */

static void take(struct task *task)
{
    task->place = TASK_TAKEN;
    task->instance->tasks.running++;
}

struct task *task_take_due(struct tasks *tasks)
{
    struct due *first = due_heap_first(&tasks->lists);

    if (!first || first->at_ns > tasks->now_ns())
        return NULL;
    struct task_list *list = (struct task_list *)first;
    struct due *due = due_heap_first(&list->due);
    due_heap_remove(&list->due, due);
    list->is_served = true;
    task_list_offer(list);
    struct task *task = (struct task *)due;
    take(task);
    return task;
}

/* Under the lock: the last thing that a thread does with a task that it took. */
static void let_go(struct tasks *tasks, struct instance *instance)
{
    struct task_list *list = &instance->tasks;

    list->running--;
    if (list->running == 0 && list->state == TASK_LIST_CLOSED)
        pthread_cond_broadcast(&tasks->one_ended);
}

/* Called with the instance's lock held: the task may have been cancelled since it was taken. */
static bool may_begin(struct tasks *tasks, struct task *task)
{
    pthread_mutex_lock(&tasks->lock);
    const bool may = !task->is_cancelled && task->instance->tasks.state == TASK_LIST_OPEN;
    if (may && task->kind == TASK_AFTER)
        task_forget(tasks, task);
    if (may && task->kind == TASK_NOTICE)
        notice_begin(tasks, task);
    pthread_mutex_unlock(&tasks->lock);
    return may;
}

static void call(struct task *task)
{
    if (task->kind == TASK_WORK && !task->done)
        return;
    if (task->kind == TASK_WORK)
        task->done(task->instance->self, task->data, task->result);
    else if (task->kind == TASK_RECEIPT)
        task->notify(task->instance->self, task->data, &task->receipt);
    else if (task->kind == TASK_WATCH)
        task->watch(task->instance->self, task->data, task->ready);
    else if (task->kind == TASK_NOTICE)
        notice_tell(task);
    else
        task->run(task->instance->self, task->data);
    counter_add_shared(&task->instance->figures->tasks_run, 1);
}

/* Skips the periods that have passed, so that a slow plugin is not called for each of them in a
 * row. */
static void schedule_next(struct task *task, uint64_t now_ns)
{
    uint64_t missed = 0;

    if (now_ns > task->due.at_ns)
        missed = (now_ns - task->due.at_ns - 1) / task->period_ns;
    task->due.at_ns += (missed + 1) * task->period_ns;
    counter_add_shared(&task->instance->figures->periods_skipped, missed);
}

/* Decides what follows a task, whether it was called or cancelled. @return Whether it is over,
 * and the caller's to release. If not, it must not be touched any more. */
static bool settle(struct tasks *tasks, struct task *task, bool was_called)
{
    const bool goes_on = task->kind == TASK_EVERY || task->kind == TASK_WATCH ||
                         (task->kind == TASK_NOTICE && !task->has_worked);
    bool is_over = !goes_on && was_called;

    pthread_mutex_lock(&tasks->lock);
    if (!is_over && task->instance->tasks.state == TASK_LIST_CLOSED) {
        task->place = TASK_WAITS; /* for tasks_cancel() */
    } else if (task->is_cancelled) {
        is_over = true;
    } else if (task->kind == TASK_WATCH) {
        task->is_ready = false;
        task_put(tasks, task);
    } else if (!is_over) {
        if (task->kind == TASK_EVERY)
            schedule_next(task, tasks->now_ns());
        task_put(tasks, task);
    }
    pthread_mutex_unlock(&tasks->lock);
    return is_over;
}

void task_run(struct tasks *tasks, struct task *task)
{
    struct instance *instance = task->instance;
    struct slot *slot = instance->setup.slot;
    PLUGIN_CALL(entered);
    (void)slot_enter(slot); /* waits during an exchange, which may end the task */
    instance_enter(instance, kind_names[task->kind], &entered);
    const bool may = may_begin(tasks, task);

    if (may)
        call(task);
    const bool is_over = settle(tasks, task, may);
    if (is_over)
        task_close(tasks, task);
    if (is_over && task->release)
        task->release(task->data);
    instance_leave(instance, &entered);
    slot_exit(slot);

    pthread_mutex_lock(&tasks->lock);
    if (is_over)
        task_delist(task);
    instance->tasks.is_served = false;
    task_list_offer(&instance->tasks);
    let_go(tasks, instance);
    pthread_mutex_unlock(&tasks->lock);
    if (is_over)
        task_free(task);
}

static void work(struct task *task)
{
    PLUGIN_CALL(call) = {.instance = task->instance, .callback = "job"};

    plugin_call_begin(&call);
    task->result = task->job(task->data);
    plugin_call_end(&call);
}

static void *run_jobs(void *data)
{
    struct tasks *tasks = data;

    pthread_mutex_lock(&tasks->lock);
    while (!tasks->is_stopping) {
        struct task *task = (struct task *)due_heap_first(&tasks->jobs);
        if (!task) {
            pthread_cond_wait(&tasks->jobs_waiting, &tasks->lock);
            continue;
        }
        due_heap_remove(&tasks->jobs, &task->due);
        take(task);
        pthread_mutex_unlock(&tasks->lock);
        work(task);
        counter_add_shared(&task->instance->figures->jobs_run, 1);
        pthread_mutex_lock(&tasks->lock);
        task_job_ended(tasks, &task->instance->tasks);
        task->has_worked = true;
        task->due.at_ns = tasks->now_ns();
        task_put(tasks, task);
        let_go(tasks, task->instance);
    }
    pthread_mutex_unlock(&tasks->lock);
    return NULL;
}

/* On the watches' thread. One that was cancelled meanwhile is not found, or not armed any more. */
static void on_ready(void *data, uint64_t number, uint32_t ready)
{
    struct tasks *tasks = data;

    pthread_mutex_lock(&tasks->lock);
    struct task *task = task_find(tasks, number);
    if (task && task->kind == TASK_WATCH && task->place == TASK_ARMED) {
        task->is_ready = true;
        task->ready = ready & task->events;
        task->due.at_ns = tasks->now_ns();
        task_put(tasks, task);
    }
    pthread_mutex_unlock(&tasks->lock);
}

/* --- Of one instance */

void task_list_init(struct task_list *list, struct tasks *tasks)
{
    *list = (struct task_list){.tasks = tasks};
    due_heap_init(&list->due);
}

void tasks_open(struct instance *instance)
{
    struct tasks *tasks = instance->tasks.tasks;

    if (!tasks)
        return;
    pthread_mutex_lock(&tasks->lock);
    instance->tasks.state = TASK_LIST_OPEN;
    for (struct task *task = instance->tasks.first; task; task = task->next)
        task_put(tasks, task);
    pthread_mutex_unlock(&tasks->lock);
}

static void set_aside(struct instance *instance, bool is_aside)
{
    struct tasks *tasks = instance->tasks.tasks;

    if (!tasks)
        return;
    pthread_mutex_lock(&tasks->lock);
    instance->tasks.is_aside = is_aside;
    task_list_offer(&instance->tasks);
    pthread_mutex_unlock(&tasks->lock);
}

void tasks_set_aside(struct instance *instance)
{
    set_aside(instance, true);
}

void tasks_go_on(struct instance *instance)
{
    set_aside(instance, false);
}

/* Under the lock. */
static void close_list(struct tasks *tasks, struct task_list *list)
{
    list->state = TASK_LIST_CLOSED;
    list->first_job = list->last_job = NULL;
    for (struct task *task = list->first; task; task = task->next) {
        task_take_back(tasks, task);
        if (task->place != TASK_TAKEN)
            task->place = TASK_WAITS;
    }
}

void tasks_close(struct instance *instance)
{
    struct tasks *tasks = instance->tasks.tasks;

    if (!tasks)
        return;
    pthread_mutex_lock(&tasks->lock);
    close_list(tasks, &instance->tasks);
    pthread_mutex_unlock(&tasks->lock);
}

/* Under the lock, once nothing is running. @return All tasks, linked by `next`. */
static struct task *take_all(struct tasks *tasks, struct instance *instance)
{
    for (struct task *task = instance->tasks.first; task; task = task->next) {
        if (task->is_cancelled)
            continue; /* and counted, but not released yet */
        counter_add_shared(&instance->figures->tasks_cancelled, 1);
        if (task_is_numbered(task) && !task->has_worked)
            task_forget(tasks, task);
    }
    return task_delist_all(instance);
}

void tasks_cancel(struct instance *instance)
{
    struct tasks *tasks = instance->tasks.tasks;

    if (!tasks)
        return;
    pthread_mutex_lock(&tasks->lock);
    close_list(tasks, &instance->tasks);
    while (instance->tasks.running > 0)
        pthread_cond_wait(&tasks->one_ended, &tasks->lock);
    struct task *task = take_all(tasks, instance);
    due_heap_finish(&instance->tasks.due);
    pthread_mutex_unlock(&tasks->lock);
    if (!task)
        return;

    PLUGIN_CALL(entered);
    instance_enter(instance, "release", &entered);
    while (task) {
        struct task *next = task->next;
        task_close(tasks, task);
        if (task->release)
            task->release(task->data);
        task_free(task);
        task = next;
    }
    instance_leave(instance, &entered);
}

/* --- Life */

static int init_lock(struct tasks *tasks)
{
    if (pthread_mutex_init(&tasks->lock, NULL) != 0)
        return -1;
    if (clock_condition_init(&tasks->due_changed) != 0)
        goto fail_due;
    if (clock_condition_init(&tasks->jobs_waiting) != 0)
        goto fail_jobs;
    if (clock_condition_init(&tasks->one_ended) != 0)
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

    if (!tasks)
        return NULL;
    tasks->now_ns = now_ns;
    tasks->watches.epoll = tasks->watches.wake = -1;
    due_heap_init(&tasks->lists);
    due_heap_init(&tasks->jobs);
    hash_table_init(&tasks->numbered);
    if (init_lock(tasks) != 0) {
        free(tasks);
        return NULL;
    }
    if (task_runners_init(tasks) != 0 || watches_init(&tasks->watches, on_ready, tasks) != 0) {
        tasks_destroy(tasks);
        return NULL;
    }
    /* All threads are made at the start: one made later, within a plugin's call, could fail, and
     * would inherit the signals that its caller blocks. */
    for (; tasks->job_thread_count < TASKS_JOB_THREADS; tasks->job_thread_count++) {
        if (pthread_create(&tasks->job_threads[tasks->job_thread_count], NULL, run_jobs, tasks) !=
            0) {
            tasks_destroy(tasks);
            return NULL;
        }
    }
    return tasks;
}

void tasks_destroy(struct tasks *tasks)
{
    if (!tasks)
        return;
    pthread_mutex_lock(&tasks->lock);
    tasks->is_stopping = true;
    pthread_cond_broadcast(&tasks->jobs_waiting);
    pthread_mutex_unlock(&tasks->lock);
    for (size_t i = 0; i < tasks->job_thread_count; i++)
        pthread_join(tasks->job_threads[i], NULL);
    task_runners_finish(tasks);
    watches_finish(&tasks->watches);
    due_heap_finish(&tasks->lists);
    due_heap_finish(&tasks->jobs);
    hash_table_finish(&tasks->numbered, NULL, NULL);
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
