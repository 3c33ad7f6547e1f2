/* Where a task stands; see task.h. */
#include "instance/task.h"

#include <stddef.h>
#include <stdlib.h>

void task_enlist(struct task *task)
{
    struct task_list *list = &task->instance->tasks;

    task->previous = list->last;
    if (list->last)
        list->last->next = task;
    else
        list->first = task;
    list->last = task;
    list->tasks->list_count += list->count++ == 0;
    list->tasks->count++;
    if (task->kind == TASK_WATCH) {
        list->watch_count++;
        list->tasks->watch_count++;
    }
    counter_add_shared(&task->instance->figures->tasks_pending, 1);
}

void task_free(struct task *task)
{
    free(task->missing);
    free(task);
}

void task_delist(struct task *task)
{
    struct task_list *list = &task->instance->tasks;

    if (task->previous)
        task->previous->next = task->next;
    else
        list->first = task->next;
    if (task->next)
        task->next->previous = task->previous;
    else
        list->last = task->previous;
    list->tasks->list_count -= --list->count == 0;
    list->tasks->count--;
    if (task->kind == TASK_WATCH) {
        list->watch_count--;
        list->tasks->watch_count--;
    }
    counter_sub_shared(&task->instance->figures->tasks_pending, 1);
}

struct task *task_delist_all(struct instance *instance)
{
    struct task_list *list = &instance->tasks;
    struct task *first = list->first;

    for (const struct task *task = first; task; task = task->next) {
        list->tasks->count--;
        counter_sub_shared(&instance->figures->tasks_pending, 1);
    }
    list->tasks->watch_count -= list->watch_count;
    list->watch_count = 0;
    list->tasks->list_count -= list->count > 0;
    list->count = 0;
    list->first = list->last = NULL;
    return first;
}

static bool has_id(const struct hash_node *node, const void *id)
{
    return node->hash == *(const uint64_t *)id; /* ids are their own hashes: they are counted up */
}

int task_remember(struct tasks *tasks, struct task *task)
{
    if (hash_table_insert(&tasks->numbered, &task->node, task->due.number) != 0)
        return -1;
    if (task_is_timer(task))
        counter_add_shared(&task->instance->figures->timers_active, 1);
    else if (task->kind == TASK_WATCH)
        counter_add_shared(&task->instance->figures->watches_active, 1);
    return 0;
}

void task_forget(struct tasks *tasks, struct task *task)
{
    hash_table_remove(&tasks->numbered, &task->node);
    if (task_is_timer(task))
        counter_sub_shared(&task->instance->figures->timers_active, 1);
    else if (task->kind == TASK_WATCH)
        counter_sub_shared(&task->instance->figures->watches_active, 1);
}

void task_list_offer(struct task_list *list)
{
    struct tasks *tasks = list->tasks;
    const struct due *first = due_heap_first(&list->due);
    const bool may_be = first && !list->is_served && !list->is_aside;

    if (list->is_offered && may_be && list->offer.number == first->number &&
        list->offer.at_ns == first->at_ns)
        return;
    if (list->is_offered)
        due_heap_remove(&tasks->lists, &list->offer);
    list->is_offered = may_be;
    if (!may_be)
        return;
    list->offer.at_ns = first->at_ns;
    list->offer.number = first->number;
    due_heap_push(&tasks->lists, &list->offer);
    if (due_heap_first(&tasks->lists) == &list->offer)
        pthread_cond_signal(&tasks->due_changed);
}

static void put_job(struct tasks *tasks, struct task *task)
{
    struct task_list *list = &task->instance->tasks;

    if (list->jobs < TASKS_JOBS_OF_ONE) {
        list->jobs++;
        task->place = TASK_JOB;
        due_heap_push(&tasks->jobs, &task->due);
        pthread_cond_signal(&tasks->jobs_waiting);
        return;
    }
    task->place = TASK_QUEUED;
    task->next_job = NULL;
    if (list->last_job)
        list->last_job->next_job = task;
    else
        list->first_job = task;
    list->last_job = task;
}

void task_job_ended(struct tasks *tasks, struct task_list *list)
{
    struct task *next = list->first_job;

    list->jobs--;
    if (!next)
        return;
    list->first_job = next->next_job;
    if (!list->first_job)
        list->last_job = NULL;
    put_job(tasks, next);
}

void task_put(struct tasks *tasks, struct task *task)
{
    const bool awaits_one =
        task->kind == TASK_RECEIPT || task->kind == TASK_COMEBACK || task->kind == TASK_ANSWER;
    const bool is_out =
        (awaits_one && !task->has_worked) || (task->kind == TASK_NOTICE && task->news == 0);

    if (task->instance->tasks.state != TASK_LIST_OPEN || is_out) {
        task->place = TASK_WAITS;
    } else if (task->kind == TASK_WATCH && !task->is_ready && !task->is_cancelled) {
        task->place = TASK_ARMED;
        watches_arm(&tasks->watches, task->fd, task->due.number, task->events);
    } else if (task->kind == TASK_WORK && !task->has_worked) {
        put_job(tasks, task);
    } else {
        task->place = TASK_DUE;
        due_heap_push(&task->instance->tasks.due, &task->due);
        task_list_offer(&task->instance->tasks);
    }
}

void task_take_back(struct tasks *tasks, struct task *task)
{
    if (task->place == TASK_DUE) {
        due_heap_remove(&task->instance->tasks.due, &task->due);
        task_list_offer(&task->instance->tasks);
    }
    if (task->place == TASK_ARMED)
        watches_disarm(&tasks->watches, task->fd);
    if (task->place == TASK_JOB) {
        due_heap_remove(&tasks->jobs, &task->due);
        task->instance->tasks.jobs--;
    }
}

void task_close(struct tasks *tasks, struct task *task)
{
    if (task->kind == TASK_WATCH && task->fd >= 0)
        watches_remove(&tasks->watches, task->fd);
    task->fd = -1;
}

struct task *task_find(struct tasks *tasks, uint64_t number)
{
    struct hash_node *node = hash_table_find(&tasks->numbered, number, has_id, &number);

    return node ? (struct task *)(void *)((char *)node - offsetof(struct task, node)) : NULL;
}
