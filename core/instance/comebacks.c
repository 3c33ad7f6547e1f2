/* Clients that come back, asked for by instances; see comebacks.h. As with receipts, the rooms know
 * the task by its number alone: it may be cancelled, and its instance gone, before there is an
 * answer. */
#include "instance/comebacks.h"

#include "instance/task.h"
#include "rooms/request.h"
#include "rooms/returning.h"

#include <stdlib.h>

/* What the task calls, and is released with. */
struct told {
    toni_joined joined;
    toni_joined_fn notify;
    void *data;
    toni_release_fn release;
    char room[]; /* with a NUL */
};

/* What the rooms have. */
struct asked {
    struct comeback comeback; /* first */
    struct tasks *tasks;
    uint64_t number;
};

static void tell(void *self, void *data)
{
    const struct told *told = data;
    told->notify(self, told->data, &told->joined);
}

static void release(void *data)
{
    struct told *told = data;
    if (told->release)
        told->release(told->data);
    free(told);
}

static struct told *told_create(toni_client_id client, toni_str room, toni_joined_fn notify,
                                void *data, toni_release_fn end)
{
    struct told *told = calloc(1, sizeof *told + room.size + 1);
    if (!told)
        return NULL;
    char *text = told->room;
    told->notify = notify;
    told->data = data;
    told->release = end;
    told->joined = (toni_joined){
        .struct_size = sizeof told->joined, .client = client, .room = str_copy(&text, room)};
    return told;
}

static void note(toni_joined *joined, const struct comeback *comeback)
{
    joined->status = comeback->status;
    joined->is_recovered = comeback->is_recovered;
    joined->messages = comeback->messages;
    joined->at = comeback->at;
    joined->why = toni_str_of(not_recovered_word(comeback->why));
}

static void on_finished(struct comeback *comeback)
{
    struct asked *asked = (struct asked *)comeback;
    struct tasks *tasks = asked->tasks;

    pthread_mutex_lock(&tasks->lock);
    struct task *task = task_recall(tasks, asked->number);
    if (task) {
        note(&((struct told *)task->data)->joined, comeback);
        task_fulfil(tasks, task);
    }
    pthread_mutex_unlock(&tasks->lock);
    free(asked);
}

static int32_t ask(toni_context *context, struct told *told, struct asked *asked)
{
    const struct task task = {.kind = TASK_COMEBACK, .run = tell, .data = told, .release = release};
    const int64_t number = task_ask(context, &task, 0);
    if (number < 0)
        return (int32_t)number;
    asked->tasks = instance_of(context)->tasks.tasks;
    asked->number = (uint64_t)number;
    asked->comeback.finished = on_finished;
    return TONI_OK;
}

/* NOLINTNEXTLINE(readability-function-size): as many parameters as toni_join_room_since has */
static int32_t join_room_since(toni_connections *connections, toni_client_id client, toni_str room,
                               const toni_since *since, toni_context *context,
                               toni_joined_fn notify, void *data, toni_release_fn end)
{
    if (!notify || since->struct_size < TONI_SINCE_SIZE_1_0)
        return TONI_ERR_INVALID;
    struct told *told = told_create(client, room, notify, data, end);
    struct asked *asked = calloc(1, sizeof *asked);
    int32_t result = told && asked ? ask(context, told, asked) : TONI_ERR_NO_MEMORY;
    if (result != TONI_OK) {
        free(told);
        free(asked);
        return result;
    }
    struct tasks *tasks = asked->tasks;
    const uint64_t number = asked->number;
    asked->comeback.since = *since;
    result = comeback_begin(connections, client, room, &asked->comeback);
    if (result == TONI_OK)
        return TONI_OK;
    free(asked);
    if (!task_take_back_numbered(tasks, number))
        return TONI_OK; /* the instance has ended meanwhile, and has released it */
    free(told);
    return result;
}

void comebacks_fill_table(toni_host *table)
{
    table->join_room_since = join_room_since;
}
