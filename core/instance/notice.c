/* Notices; see notice.h. */
#include "instance/notice.h"

#include "instance/task.h"

int64_t notice_create(struct instance *instance, toni_exchange_id exchange, toni_stream_fn notify,
                      void *data, toni_release_fn release)
{
    const struct task task = {.kind = TASK_NOTICE,
                              .on_stream = notify,
                              .exchange = exchange,
                              .data = data,
                              .release = release};

    return task_ask(instance_context(instance), &task, 0);
}

bool notice_take_back(struct tasks *tasks, int64_t number)
{
    return task_take_back_numbered(tasks, (uint64_t)number);
}

void notice_post(struct tasks *tasks, int64_t number, uint32_t news)
{
    pthread_mutex_lock(&tasks->lock);
    struct task *task = task_find(tasks, (uint64_t)number);
    if (task) {
        task->news |= news;
        if (task->place == TASK_WAITS) {
            task->due.at_ns = tasks->now_ns();
            task_put(tasks, task);
        }
    }
    pthread_mutex_unlock(&tasks->lock);
}

void notice_begin(struct tasks *tasks, struct task *task)
{
    task->telling = task->news;
    task->news = 0;
    if ((task->telling & TONI_STREAM_ENDED) == 0)
        return;
    task_forget(tasks, task);
    task->has_worked = true;
}

/* That it takes bytes again is of no use at its end. */
void notice_tell(const struct task *task)
{
    if (!task->on_stream)
        return;
    task->on_stream(task->instance->self, task->data, task->exchange,
                    task->telling & TONI_STREAM_ENDED ? TONI_STREAM_ENDED : TONI_STREAM_DRAINED);
}
