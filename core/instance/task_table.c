/* The functions of toni/task.h: asking for tasks and receipts, and cancelling timers, on any
 * thread. What becomes of the tasks: tasks.c. */
#include "base/clock.h"
#include "instance/task.h"
#include "rooms/receipt.h"
#include "rooms/request.h"

#include <stdlib.h>
#include <toni/connections.h>

static int make_room(struct tasks *tasks, const struct task *task)
{
    struct task_list *list = &task->instance->tasks;

    if (due_heap_reserve(&tasks->lists, tasks->list_count + 1) != 0 ||
        due_heap_reserve(&list->due, list->count + 1) != 0)
        return -1;
    return task->kind == TASK_WORK ? due_heap_reserve(&tasks->jobs, tasks->count + 1) : 0;
}

/* Under the lock. @return Whether there may be one more. */
static bool may_watch(const struct tasks *tasks, const struct task_list *list)
{
    return list->watch_count < TONI_WATCHES_MOST && tasks->watch_count < WATCHES_MOST;
}

/* Under the lock. Takes in the descriptor of a watch, and gets all together that the task needs. On
 * an error task_close() has to follow.
 * @param fd  Of a watch: the plugin's. */
static int32_t prepare(struct tasks *tasks, struct task *task, int fd)
{
    if (task->kind == TASK_WATCH) {
        const int32_t error = watches_add(&tasks->watches, fd, task->due.number, &task->fd);
        if (error != TONI_OK)
            return error;
    }
    if (make_room(tasks, task) != 0 || (task_is_numbered(task) && task_remember(tasks, task) != 0))
        return TONI_ERR_NO_MEMORY;
    return TONI_OK;
}

/* Under the lock. @return TONI_OK, or an error and nothing has changed. */
static int32_t admit(struct tasks *tasks, struct task *task, uint64_t delay_ns, int fd)
{
    struct instance *instance = task->instance;

    if (instance->tasks.state == TASK_LIST_CLOSED)
        return TONI_ERR_CLOSING;
    if (counter_read(&instance->figures->tasks_pending) >= TASKS_MOST ||
        (task->kind == TASK_WATCH && !may_watch(tasks, &instance->tasks)))
        return TONI_ERR_LIMIT;
    task->due.at_ns = tasks->now_ns() + delay_ns;
    task->due.number = tasks->last_number + 1;
    const int32_t error = prepare(tasks, task, fd);
    if (error != TONI_OK)
        return error;
    tasks->last_number++;
    task_enlist(task);
    task_put(tasks, task);
    return TONI_OK;
}

int64_t task_ask(toni_context *context, const struct task *wanted, uint64_t delay_ms)
{
    struct instance *instance = instance_of(context);
    struct tasks *tasks = instance->tasks.tasks;

    const bool has_nothing = !wanted->run && !wanted->job && !wanted->notify && !wanted->watch;
    if ((has_nothing && wanted->kind != TASK_NOTICE) || delay_ms > TONI_TASK_MOST_MS)
        return TONI_ERR_INVALID;
    if (!tasks)
        return TONI_ERR_CLOSING;
    struct task *task = malloc(sizeof *task);
    if (!task)
        return TONI_ERR_NO_MEMORY;
    *task = *wanted;
    task->instance = instance;
    task->fd = -1;

    pthread_mutex_lock(&tasks->lock);
    const int32_t error = admit(tasks, task, delay_ms * NS_PER_MS, wanted->fd);
    const int64_t number = (int64_t)tasks->last_number; /* the task may be over after the unlock */
    pthread_mutex_unlock(&tasks->lock);
    if (error == TONI_OK)
        return number;
    task_close(tasks, task);
    free(task);
    return error;
}

static int64_t context_after(toni_context *context, uint64_t delay_ms, toni_run_fn run, void *data,
                             toni_release_fn release)
{
    const struct task task = {.kind = TASK_AFTER, .run = run, .data = data, .release = release};

    return task_ask(context, &task, delay_ms);
}

static int64_t context_every(toni_context *context, uint64_t period_ms, toni_run_fn run, void *data,
                             toni_release_fn release)
{
    const struct task task = {.kind = TASK_EVERY,
                              .run = run,
                              .data = data,
                              .release = release,
                              .period_ns = period_ms * NS_PER_MS};

    return period_ms > 0 ? task_ask(context, &task, period_ms) : TONI_ERR_INVALID;
}

static int32_t without_number(int64_t result)
{
    return result > 0 ? TONI_OK : (int32_t)result;
}

static int32_t context_post(toni_context *context, toni_run_fn run, void *data,
                            toni_release_fn release)
{
    const struct task task = {.kind = TASK_POST, .run = run, .data = data, .release = release};

    return without_number(task_ask(context, &task, 0));
}

static int32_t context_work(toni_context *context, toni_job_fn job, toni_done_fn done, void *data,
                            toni_release_fn release)
{
    const struct task task = {
        .kind = TASK_WORK, .job = job, .done = done, .data = data, .release = release};

    return without_number(task_ask(context, &task, 0));
}

/* A timer or watch is released by a thread that runs tasks: at once, unless it is running. */
static void cancel(struct tasks *tasks, struct task *task)
{
    task_forget(tasks, task);
    counter_add_shared(&task->instance->figures->tasks_cancelled, 1);
    task->is_cancelled = true;
    if (task->place == TASK_TAKEN)
        return;
    task_take_back(tasks, task);
    task->due.at_ns = 0;
    task_put(tasks, task);
}

static bool is_watch(const struct task *task)
{
    return task->kind == TASK_WATCH;
}

/* @param is_kind  What it has to be. */
static int32_t cancel_numbered(toni_context *context, int64_t number,
                               bool (*is_kind)(const struct task *task))
{
    struct instance *instance = instance_of(context);
    struct tasks *tasks = instance->tasks.tasks;

    if (!tasks)
        return TONI_ERR_NOT_FOUND;
    pthread_mutex_lock(&tasks->lock);
    struct task *task = task_find(tasks, (uint64_t)number);
    const bool is_found = task && is_kind(task) && task->instance == instance;
    if (is_found)
        cancel(tasks, task);
    pthread_mutex_unlock(&tasks->lock);
    return is_found ? TONI_OK : TONI_ERR_NOT_FOUND;
}

static int32_t context_cancel_timer(toni_context *context, int64_t timer)
{
    return cancel_numbered(context, timer, task_is_timer);
}

/* --- Watches */

static int64_t context_watch(toni_context *context, int32_t fd, uint32_t events, toni_watch_fn run,
                             void *data, toni_release_fn release)
{
    const struct task task = {.kind = TASK_WATCH,
                              .watch = run,
                              .fd = fd,
                              .events = events,
                              .data = data,
                              .release = release};

    if (fd < 0 || events == 0 || (events & ~(TONI_READABLE | TONI_WRITABLE)) != 0)
        return TONI_ERR_INVALID;
    return task_ask(context, &task, 0);
}

static int32_t context_unwatch(toni_context *context, int64_t watch)
{
    return cancel_numbered(context, watch, is_watch);
}

/* --- Receipts. While a message is on its way, workers know the task by its number alone: it may be
 * cancelled, and its instance gone, before the last of them has delivered. */

struct sent {
    struct receipt receipt; /* first */
    struct tasks *tasks;
    uint64_t number;
};

struct task *task_recall(struct tasks *tasks, uint64_t number)
{
    struct task *task = task_find(tasks, number);

    if (task)
        task_forget(tasks, task);
    return task;
}

void task_fulfil(struct tasks *tasks, struct task *task)
{
    task->has_worked = true;
    task->due.at_ns = tasks->now_ns();
    task_put(tasks, task);
}

/* In one piece. @return NULL: there are none, or there is no memory. */
static toni_str *copy_names(const toni_str *names, size_t count)
{
    size_t size = count * sizeof *names;

    for (size_t i = 0; i < count; i++)
        size += names[i].size + 1;
    toni_str *copied = count > 0 ? malloc(size) : NULL;
    char *text = (char *)(copied + (copied ? count : 0));
    for (size_t i = 0; copied && i < count; i++)
        copied[i] = str_copy(&text, names[i]);
    return copied;
}

static void on_finished(struct receipt *receipt)
{
    struct sent *sent = (struct sent *)receipt;
    struct tasks *tasks = sent->tasks;
    toni_str *missing = copy_names(receipt->missing, receipt->missing_count);

    pthread_mutex_lock(&tasks->lock);
    struct task *task = task_recall(tasks, sent->number);
    if (task) {
        task->receipt = (toni_receipt){
            .struct_size = sizeof task->receipt,
            .targeted = receipt->targeted,
            .queued = atomic_load(&receipt->answers[OUTBOX_TOOK]),
            .dropped = atomic_load(&receipt->answers[OUTBOX_NO_MEMORY]),
            .closed = atomic_load(&receipt->answers[OUTBOX_CLOSED]),
            .status = receipt->status,
            .nodes = receipt->nodes,
            .nodes_missing = receipt->nodes_missing,
            .missing = missing,
            .missing_count = missing ? receipt->missing_count : 0,
        };
        task->missing = missing;
        task_fulfil(tasks, task);
    }
    pthread_mutex_unlock(&tasks->lock);
    if (!task)
        free(missing);
    free(sent);
}

bool task_take_back_numbered(struct tasks *tasks, uint64_t number)
{
    pthread_mutex_lock(&tasks->lock);
    struct task *task = task_recall(tasks, number);
    if (task)
        task_delist(task);
    pthread_mutex_unlock(&tasks->lock);
    const bool is_there = task != NULL;
    free(task);
    return is_there;
}

static int32_t target_send_with_receipt(toni_target *target, const toni_message *message,
                                        toni_context *context, toni_receipt_fn notify, void *data,
                                        toni_release_fn release)
{
    const struct task task = {
        .kind = TASK_RECEIPT, .notify = notify, .data = data, .release = release};
    struct sent *sent = calloc(1, sizeof *sent);
    const int64_t number = sent ? task_ask(context, &task, 0) : TONI_ERR_NO_MEMORY;

    if (number < 0) {
        toni_target_destroy(target);
        free(sent);
        return (int32_t)number;
    }
    *sent = (struct sent){.tasks = instance_of(context)->tasks.tasks, .number = (uint64_t)number};
    sent->receipt.finished = on_finished;
    sent->receipt.nodes = 1; /* this one, if there are no others */
    struct tasks *tasks = sent->tasks;
    const int32_t result = target_send_receipt(target, message, &sent->receipt);
    if (result >= 0)
        return result;
    free(sent);
    return task_take_back_numbered(tasks, (uint64_t)number) ? result : 0;
}

void tasks_fill_table(toni_host *table)
{
    table->context_after = context_after;
    table->context_every = context_every;
    table->context_cancel_timer = context_cancel_timer;
    table->context_post = context_post;
    table->context_work = context_work;
    table->context_watch = context_watch;
    table->context_unwatch = context_unwatch;
    table->target_send_with_receipt = target_send_with_receipt;
}
