/* See queue.h. */
#include "queue.h"

#include "list.h"

struct event {
    struct due due; /* first */
    queue_act *act;
    void *target;
    uint64_t data;
    struct event *next; /* of the spares */
};

void queue_init(struct queue *queue)
{
    *queue = (struct queue){0};
    due_heap_init(&queue->heap);
}

void queue_finish(struct queue *queue)
{
    while (queue->heap.count > 0) {
        struct due *due = due_heap_first(&queue->heap);
        due_heap_remove(&queue->heap, due);
        free(due);
    }
    due_heap_finish(&queue->heap);
    while (queue->spares) {
        struct event *event = queue->spares;
        queue->spares = event->next;
        free(event);
    }
}

void queue_add(struct queue *queue, uint64_t delay_ns, queue_act *act, void *target, uint64_t data)
{
    struct event *event = queue->spares;

    if (event)
        queue->spares = event->next;
    else
        event = must_have(malloc(sizeof *event));
    *event = (struct event){
        .due = {.at_ns = queue->now_ns + delay_ns, .number = queue->number++},
        .act = act,
        .target = target,
        .data = data,
    };
    if (due_heap_reserve(&queue->heap, queue->heap.count + 1) != 0)
        must_have(NULL);
    due_heap_push(&queue->heap, &event->due);
}

bool queue_step(struct queue *queue, uint64_t until_ns)
{
    struct due *due = due_heap_first(&queue->heap);

    if (!due || due->at_ns > until_ns) {
        queue->now_ns = until_ns;
        return false;
    }
    struct event *event = (struct event *)due;
    due_heap_remove(&queue->heap, due);
    queue->now_ns = due->at_ns;
    queue->steps++;
    event->act(event->target, event->data);
    event->next = queue->spares;
    queue->spares = event;
    return true;
}
