/* The threads that run tasks, so that one that is held up holds up its own instance alone.
 *
 * One is on duty: it takes what is due, whichever instance's it is, and runs it. Another stands by.
 * When the one on duty has been in the same task for RELIEF_MS (the plugin is slow, or the task has
 * to wait for the lock or the gate of its instance), that one takes over, and the next stands by.
 * The one that was relieved comes back when its task has ended. Meanwhile its instance's queue is
 * served by nobody else: so what runs on an instance stays in its order, one at a time.
 *
 * Two threads are there from the beginning; more are made when one has to take over, by a thread of
 * the host's own. If one can't be made, or all are held up, whatever is due waits for the first
 * that comes back. */
#include "instance/task.h"

#include "base/clock.h"

/* How long a task may hold up those of other instances before another thread takes over. */
#define RELIEF_MS UINT64_C(5)

static void *run_tasks(void *data);

/* Under the lock. */
static void add_thread(struct tasks *tasks)
{
    struct task_runners *runners = &tasks->runners;

    if (runners->count < TASKS_RUNNERS_MOST &&
        pthread_create(&runners->threads[runners->count], NULL, run_tasks, tasks) == 0)
        runners->count++;
}

/* Waits, under the lock, until a task may be due. */
static void wait_for_due(struct tasks *tasks)
{
    const struct due *first = due_heap_first(&tasks->lists);

    if (!first) {
        pthread_cond_wait(&tasks->due_changed, &tasks->lock);
        return;
    }
    const uint64_t now = tasks->now_ns();
    const uint64_t until = clock_now_ns() + (first->at_ns > now ? first->at_ns - now : 0);
    (void)clock_condition_wait(&tasks->due_changed, &tasks->lock, until);
}

/* @param me  Identifies the thread. */
static void serve(struct tasks *tasks, const void *me)
{
    struct task_runners *runners = &tasks->runners;
    struct task *task = task_take_due(tasks);

    runners->on_duty = me;
    if (!task) {
        wait_for_due(tasks);
        return;
    }
    runners->runs++;
    runners->is_busy = true;
    if (runners->is_asleep) {
        runners->is_asleep = false;
        pthread_cond_signal(&runners->relief);
    }
    pthread_mutex_unlock(&tasks->lock);
    task_run(tasks, task);
    pthread_mutex_lock(&tasks->lock);
    if (runners->on_duty == me)
        runners->is_busy = false;
}

static void take_over(struct tasks *tasks, const void *me)
{
    struct task_runners *runners = &tasks->runners;

    runners->on_duty = me;
    runners->is_busy = false;
    runners->stand_by = NULL;
    runners->reliefs++;
    if (runners->spare > 0)
        pthread_cond_signal(&runners->spared);
    else
        add_thread(tasks);
}

/* While tasks run the stand-by thread looks every RELIEF_MS by itself, so that beginning a task
 * wakes nobody. */
static void stand_by(struct tasks *tasks, const void *me)
{
    struct task_runners *runners = &tasks->runners;
    const uint64_t run = runners->runs;

    runners->stand_by = me;
    if (!runners->is_busy) {
        runners->is_asleep = true;
        pthread_cond_wait(&runners->relief, &tasks->lock);
        runners->is_asleep = false;
        return;
    }
    const uint64_t until = clock_now_ns() + RELIEF_MS * NS_PER_MS;
    const bool is_time = clock_condition_wait(&runners->relief, &tasks->lock, until) != 0;
    if (is_time && runners->is_busy && runners->runs == run && !tasks->is_stopping)
        take_over(tasks, me);
}

static void *run_tasks(void *data)
{
    struct tasks *tasks = data;
    struct task_runners *runners = &tasks->runners;
    char me = 0; /* its address identifies this thread */

    pthread_mutex_lock(&tasks->lock);
    while (!tasks->is_stopping) {
        if (!runners->on_duty || runners->on_duty == &me) {
            serve(tasks, &me);
        } else if (!runners->stand_by || runners->stand_by == &me) {
            stand_by(tasks, &me);
        } else {
            runners->spare++;
            pthread_cond_wait(&runners->spared, &tasks->lock);
            runners->spare--;
        }
    }
    pthread_mutex_unlock(&tasks->lock);
    return NULL;
}

int task_runners_init(struct tasks *tasks)
{
    struct task_runners *runners = &tasks->runners;

    if (clock_condition_init(&runners->relief) != 0)
        return -1;
    if (clock_condition_init(&runners->spared) != 0) {
        pthread_cond_destroy(&runners->relief);
        return -1;
    }
    runners->is_made = true;
    pthread_mutex_lock(&tasks->lock);
    add_thread(tasks);
    add_thread(tasks);
    pthread_mutex_unlock(&tasks->lock);
    return runners->count == 2 ? 0 : -1;
}

void task_runners_finish(struct tasks *tasks)
{
    struct task_runners *runners = &tasks->runners;

    if (!runners->is_made)
        return;
    pthread_mutex_lock(&tasks->lock);
    pthread_cond_broadcast(&tasks->due_changed);
    pthread_cond_broadcast(&runners->relief);
    pthread_cond_broadcast(&runners->spared);
    pthread_mutex_unlock(&tasks->lock);
    for (size_t i = 0; i < runners->count; i++) /* none is made any more */
        pthread_join(runners->threads[i], NULL);
    pthread_cond_destroy(&runners->spared);
    pthread_cond_destroy(&runners->relief);
}

struct tasks_figures tasks_read(struct tasks *tasks)
{
    struct tasks_figures figures = {0};

    if (!tasks)
        return figures;
    pthread_mutex_lock(&tasks->lock);
    figures.threads = tasks->runners.count;
    figures.reliefs = tasks->runners.reliefs;
    pthread_mutex_unlock(&tasks->lock);
    return figures;
}
