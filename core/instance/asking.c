/* What an instance asks of clients and rooms of any host (toni/cluster.h): a task waits for the
 * answer, as one does for a receipt. While the request is under way, the task is known by its
 * number alone: it may be cancelled, and its instance gone, before the answer comes. */
#include "instance/task.h"

#include "rooms/asked.h"
#include "rooms/request.h"
#include "rooms/shared.h"

#include <stdlib.h>
#include <string.h>
#include <toni/cluster.h>

/* What the task calls, and is released with. */
struct told {
    toni_cluster_answer answer;
    toni_cluster_answer *copied; /* instead, with what it leads to; NULL: there was no memory */
    toni_cluster_fn notify;
    void *data;
    toni_release_fn release;
};

/* What those who carry it out have. */
struct asking {
    struct remote_call call; /* first */
    struct tasks *tasks;
    uint64_t number;
};

static void tell(void *self, void *data)
{
    const struct told *told = data;

    told->notify(self, told->data, told->copied ? told->copied : &told->answer);
}

static void release(void *data)
{
    struct told *told = data;

    if (told->release)
        told->release(told->data);
    free(told->copied);
    free(told);
}

/* In one piece with all that it leads to. @return NULL on no memory. */
static toni_cluster_answer *copy(const toni_cluster_answer *answer)
{
    const size_t ids = answer->member_count * sizeof(toni_client_id);
    const size_t names = answer->node_count * sizeof(toni_str);
    size_t bytes = 0;
    for (size_t i = 0; i < answer->node_count; i++)
        bytes += answer->nodes[i].size + 1;
    toni_cluster_answer *copied = malloc(sizeof *copied + ids + names + bytes);
    if (!copied)
        return NULL;
    *copied = *answer;
    toni_client_id *members = (toni_client_id *)(copied + 1);
    toni_str *nodes = (toni_str *)(void *)((char *)members + ids);
    char *text = (char *)nodes + names;
    if (ids > 0)
        memcpy(members, answer->members, ids);
    for (size_t i = 0; i < answer->node_count; i++)
        nodes[i] = str_copy(&text, answer->nodes[i]);
    copied->members = members;
    copied->nodes = nodes;
    return copied;
}

static void on_finished(struct remote_call *call, const toni_cluster_answer *answer)
{
    struct asking *asking = (struct asking *)call;
    struct tasks *tasks = asking->tasks;
    toni_cluster_answer *copied = copy(answer);

    pthread_mutex_lock(&tasks->lock);
    struct task *task = task_recall(tasks, asking->number);
    if (task) {
        ((struct told *)task->data)->copied = copied;
        task_fulfil(tasks, task);
    }
    pthread_mutex_unlock(&tasks->lock);
    if (!task)
        free(copied);
    free(asking);
}

static void finish(struct asking *asking, int32_t status)
{
    on_finished(&asking->call, &(toni_cluster_answer){.struct_size = sizeof(toni_cluster_answer),
                                                      .status = status});
}

/* Of this host, which is alone. */
static void answer_room(struct asking *asking, struct space *space,
                        const toni_cluster_request *request)
{
    struct asked_members members;
    const int32_t status = asked_members(space, request, &members);

    on_finished(&asking->call, &(toni_cluster_answer){.struct_size = sizeof(toni_cluster_answer),
                                                      .status = status,
                                                      .count = members.count,
                                                      .members = members.ids,
                                                      .member_count = members.id_count});
    free(members.ids);
}

/* What can be answered at once is. */
static void begin(struct asking *asking, struct space *space, const toni_cluster_request *request)
{
    const bool is_of_client =
        request->kind != TONI_CLUSTER_ROOM && request->kind != TONI_CLUSTER_NODES;
    int32_t status = is_of_client ? asked_here(space, request) : TONI_ERR_NOT_FOUND;

    if (status == TONI_ERR_NOT_FOUND && space->remote) {
        status = space->remote->ask(space->remote, request, &asking->call);
        if (status == TONI_OK)
            return;
    } else if (!is_of_client) {
        status = TONI_OK;
    }
    if (status == TONI_OK && request->kind == TONI_CLUSTER_ROOM)
        answer_room(asking, space, request);
    else
        finish(asking, status);
}

static int32_t cluster_ask(toni_connections *connections, const toni_cluster_request *request,
                           toni_context *context, toni_cluster_fn notify, void *data,
                           toni_release_fn end)
{
    const int32_t error = notify ? asked_check(request) : TONI_ERR_INVALID;

    if (error != TONI_OK)
        return error;
    struct asking *asking = calloc(1, sizeof *asking);
    struct told *told = calloc(1, sizeof *told);
    if (told) {
        *told = (struct told){
            .answer = {.struct_size = sizeof told->answer, .status = TONI_ERR_NO_MEMORY},
            .notify = notify,
            .data = data,
            .release = end};
    }
    const struct task task = {.kind = TASK_ANSWER, .run = tell, .data = told, .release = release};
    const int64_t number = asking && told ? task_ask(context, &task, 0) : TONI_ERR_NO_MEMORY;
    if (number < 0) {
        free(asking);
        free(told);
        return (int32_t)number;
    }
    *asking = (struct asking){.call = {.finished = on_finished},
                              .tasks = instance_of(context)->tasks.tasks,
                              .number = (uint64_t)number};
    begin(asking, space_of(connections), request);
    return TONI_OK;
}

void asking_fill_table(toni_host *table)
{
    table->cluster_ask = cluster_ask;
}
