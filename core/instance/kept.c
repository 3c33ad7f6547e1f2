/* Exchanges that are kept; see kept.h. */
#include "instance/kept.h"

#include <stddef.h>
#include <toni/error.h>

int kept_list_init(struct kept_list *list, uint64_t most, uint64_t most_streams)
{
    *list = (struct kept_list){.most = most, .most_streams = most_streams};
    hash_table_init(&list->by_id);
    return pthread_mutex_init(&list->lock, NULL) ? -1 : 0;
}

void kept_list_finish(struct kept_list *list)
{
    hash_table_finish(&list->by_id, NULL, NULL);
    pthread_mutex_destroy(&list->lock);
}

static struct kept *kept_of(struct hash_node *node)
{
    return (struct kept *)((char *)node - offsetof(struct kept, node));
}

static bool any_match(const struct hash_node *node, const void *key)
{
    (void)node, (void)key;
    return true; /* the hash is the id, which no two have */
}

/* --- The owner */

/* Under the lock. @return TONI_OK, or an error and nothing has changed. */
static int32_t admit(struct kept_list *list, struct kept *kept)
{
    if (list->is_closed)
        return TONI_ERR_CLOSING;
    if (counter_read(&list->waiting) >= list->most)
        return TONI_ERR_LIMIT;
    if (hash_table_insert(&list->by_id, &kept->node, list->last_id + 1))
        return TONI_ERR_NO_MEMORY;
    kept->list = list;
    kept->id = ++list->last_id;
    kept->outcome = KEPT_WAITS;
    kept->is_asleep = kept->is_stream = false;
    kept->previous = NULL;
    kept->next = list->first;
    if (kept->next)
        kept->next->previous = kept;
    list->first = kept;
    counter_add(&list->waiting, 1);
    return TONI_OK;
}

int32_t kept_begin(struct kept_list *list, struct kept *kept, uint64_t *id)
{
    pthread_mutex_lock(&list->lock);
    const int32_t error = admit(list, kept);
    if (error)
        counter_add(&list->outcomes[KEPT_REFUSED], 1);
    else
        *id = kept->id;
    pthread_mutex_unlock(&list->lock);
    return error;
}

void kept_hold(struct kept *kept)
{
    pthread_mutex_lock(&kept->list->lock);
}

void kept_sleep(struct kept *kept, void (*sleep)(struct kept *kept))
{
    kept->is_asleep = true;
    sleep(kept);
}

/* Under the lock. */
static void settle(struct kept *kept, enum kept_outcome outcome)
{
    struct kept_list *list = kept->list;
    hash_table_remove(&list->by_id, &kept->node);
    if (kept->previous)
        kept->previous->next = kept->next;
    else
        list->first = kept->next;
    if (kept->next)
        kept->next->previous = kept->previous;
    kept->outcome = outcome;
    counter_add(kept->is_stream ? &list->streams : &list->waiting, (uint64_t)-1);
    counter_add(kept->is_stream ? &list->streamed[outcome] : &list->outcomes[outcome], 1);
    if (kept->is_stream)
        kept->over(kept);
}

enum kept_outcome kept_end(struct kept *kept, enum kept_outcome outcome)
{
    struct kept_list *list = kept->list;
    pthread_mutex_lock(&list->lock);
    const enum kept_outcome before = kept->outcome;
    if (before == KEPT_WAITS)
        settle(kept, outcome);
    kept->is_asleep = false;
    pthread_mutex_unlock(&list->lock);
    return before;
}

/* --- Whoever decides */

struct kept *kept_lock(struct kept_list *list, const struct instance *instance, uint64_t id)
{
    pthread_mutex_lock(&list->lock);
    struct hash_node *node = hash_table_find(&list->by_id, id, any_match, NULL);
    struct kept *kept = node ? kept_of(node) : NULL;
    if (kept && kept->instance == instance)
        return kept;
    pthread_mutex_unlock(&list->lock);
    return NULL;
}

void kept_unlock(struct kept *kept)
{
    pthread_mutex_unlock(&kept->list->lock);
}

void kept_wake(struct kept *kept)
{
    if (!kept->is_asleep)
        return;
    kept->is_asleep = false;
    kept->wake(kept);
}

void kept_decide(struct kept *kept, enum kept_outcome outcome)
{
    settle(kept, outcome);
    kept_wake(kept);
}

int32_t kept_stream(struct kept *kept)
{
    struct kept_list *list = kept->list;
    if (list->takes_no_streams)
        return TONI_ERR_CLOSING;
    if (counter_read(&list->streams) >= list->most_streams)
        return TONI_ERR_LIMIT;
    kept->is_stream = true;
    counter_add(&list->waiting, (uint64_t)-1);
    counter_add(&list->outcomes[KEPT_ANSWERED], 1);
    counter_add(&list->streams, 1);
    kept_wake(kept);
    return TONI_OK;
}

/* @param instance  NULL: of all. */
static void withdraw(struct kept_list *list, const struct instance *instance, bool only_streams)
{
    for (struct kept *each = list->first, *next; each; each = next) {
        next = each->next;
        if ((!instance || each->instance == instance) && (each->is_stream || !only_streams))
            kept_decide(each, KEPT_WITHDRAWN);
    }
}

void kept_withdraw(struct kept_list *list, const struct instance *instance)
{
    pthread_mutex_lock(&list->lock);
    withdraw(list, instance, false);
    pthread_mutex_unlock(&list->lock);
}

void kept_end_streams(struct kept_list *list)
{
    pthread_mutex_lock(&list->lock);
    list->takes_no_streams = true;
    withdraw(list, NULL, true);
    pthread_mutex_unlock(&list->lock);
}

void kept_close(struct kept_list *list)
{
    pthread_mutex_lock(&list->lock);
    list->is_closed = list->takes_no_streams = true;
    withdraw(list, NULL, false);
    pthread_mutex_unlock(&list->lock);
}

/* Under the lock. */
static enum kept_outcome look_at(struct kept *kept, uint64_t now_ms)
{
    if (!kept->is_stream && kept->due_ms <= now_ms)
        return KEPT_LATE;
    if ((kept->is_stream || kept->is_asleep) && kept->is_gone(kept))
        return KEPT_GONE;
    return kept->is_stream && kept->is_stalled(kept, now_ms) ? KEPT_STALLED : KEPT_WAITS;
}

void kept_sweep(struct kept_list *list, uint64_t now_ms, uint64_t stood_ms)
{
    pthread_mutex_lock(&list->lock);
    for (struct kept *each = list->first, *next; each; each = next) {
        next = each->next;
        each->due_ms += stood_ms;
        const enum kept_outcome outcome = look_at(each, now_ms);
        if (outcome != KEPT_WAITS)
            kept_decide(each, outcome);
    }
    pthread_mutex_unlock(&list->lock);
}
