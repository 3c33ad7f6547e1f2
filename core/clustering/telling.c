/* What plugins are told of the cluster: each as a task of its own of each instance that wants to
 * know.
 *
 * An instance that is being exchanged at that moment is told when that is over, and what comes
 * behind waits: the cluster's thread never does. */
#include "clustering/clustering_private.h"

#include "base/log_limit.h"

#include <stdlib.h>
#include <string.h>

/* An instance may be exchanged for so long that more comes than is kept. */
#define TELLS_MOST 256

/* How soon it is tried again. */
#define TELL_AGAIN_MS 50

/* News, as a task of one instance has them. */
struct news {
    bool is_of_node;
    void (*on_degraded)(void *self, const toni_degraded *degraded);
    void (*on_node_lost)(void *self, toni_str node);
    toni_degraded degraded;
    char name[SERVER_NAME_MOST + 1]; /* of the server, or the node */
};

struct tell {
    struct tell *next;
    struct slot *slot; /* the next one that is told; NULL: the first */
    bool has_begun;
    struct news news;
};

static void run(void *self, void *data)
{
    struct news *news = data;
    if (news->is_of_node)
        news->on_node_lost(self, toni_str_of(news->name));
    else
        news->on_degraded(self, &news->degraded);
}

/* @return 0; -1: no memory. */
static int post(struct instance *instance, const struct news *wanted)
{
    const toni_plugin *descriptor = instance->descriptor;
    if (wanted->is_of_node ? !descriptor->on_node_lost : !descriptor->on_degraded)
        return 0;
    struct news *news = malloc(sizeof *news);
    if (!news)
        return -1;
    *news = *wanted;
    news->on_degraded = descriptor->on_degraded;
    news->on_node_lost = descriptor->on_node_lost;
    news->degraded.server = toni_str_of(news->name);
    const int32_t result =
        instance->host->context_post(instance_context(instance), run, news, free);
    if (result == TONI_OK)
        return 0;
    free(news);
    return result == TONI_ERR_NO_MEMORY ? -1 : 0;
}

/* @return Whether it could be told. */
static bool tell_slot(struct slot *slot, const struct news *news)
{
    if (gate_is_closed(&slot->gate))
        return false;
    struct instance *instance = slot_enter(slot);
    const int result = instance ? post(instance, news) : 0;
    slot_exit(slot);
    return result == 0;
}

/* @return Whether all have been told. */
static bool go_on(struct clustering *clustering, struct tell *tell)
{
    struct slot *slot = tell->has_begun ? tell->slot : slots_first(clustering->slots);
    tell->has_begun = true;
    while (slot && tell_slot(slot, &tell->news))
        slot = slot_next(slot);
    tell->slot = slot;
    return !slot;
}

void telling_run(struct clustering *clustering)
{
    struct tell *tell;
    while ((tell = clustering->first_tell) && go_on(clustering, tell)) {
        clustering->first_tell = tell->next;
        if (!clustering->first_tell)
            clustering->last_tell = NULL;
        clustering->tell_count--;
        free(tell);
    }
}

uint64_t telling_due(const struct clustering *clustering)
{
    return clustering->first_tell ? now_ms() + TELL_AGAIN_MS : UINT64_MAX;
}

void telling_finish(struct clustering *clustering)
{
    for (struct tell *tell = clustering->first_tell, *next; tell; tell = next) {
        next = tell->next;
        free(tell);
    }
    clustering->first_tell = clustering->last_tell = NULL;
}

static void add(struct clustering *clustering, const struct news *news, const char *name)
{
    struct tell *tell = clustering->tell_count < TELLS_MOST ? calloc(1, sizeof *tell) : NULL;
    if (!tell) {
        log_limited(LOG_LEVEL_WARN, "instances can't be told what happens to the cluster",
                    log_str("about", name));
        return;
    }
    tell->news = *news;
    (void)strncpy(tell->news.name, name, sizeof tell->news.name - 1);
    *(clustering->last_tell ? &clustering->last_tell->next : &clustering->first_tell) = tell;
    clustering->last_tell = tell;
    clustering->tell_count++;
}

void tell_degraded(struct clustering *clustering, uint32_t server, enum server_state state,
                   enum cluster_why why, uint64_t lost)
{
    const struct news news = {.degraded = {.struct_size = sizeof news.degraded,
                                           .state = (uint32_t)state,
                                           .lost = lost,
                                           .why = toni_str_of(cluster_why_text(why))}};
    add(clustering, &news, clustering->names[server]);
}

_Static_assert((int)SERVER_DOWN == (int)TONI_SERVER_DOWN && (int)SERVER_UP == (int)TONI_SERVER_UP,
               "states are handed on as they are");

void tell_node_lost(struct clustering *clustering, toni_str name)
{
    const struct news news = {.is_of_node = true};
    char text[NODE_NAME_MAX + 1] = "";
    const size_t size = name.size <= NODE_NAME_MAX ? name.size : NODE_NAME_MAX;
    if (size > 0)
        memcpy(text, name.data, size);
    add(clustering, &news, text);
}
