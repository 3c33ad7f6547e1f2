/* One use of an engine, from `attach` to `detach`, and what the engine has asked for meanwhile:
 * descriptors that are watched, and functions that are posted. For this folder alone.
 *
 * It stays where it is until the host ends: whatever an engine still says of it afterwards is
 * ignored. */
#ifndef CLUSTERING_ATTACHMENT_H
#define CLUSTERING_ATTACHMENT_H

#include "clustering/clustering_private.h"

/* Descriptors that an engine may have watched, and functions that may wait. */
#define ENGINE_WATCHES_MOST 256
#define ENGINE_POSTS_MOST 65536

struct engine_watch;
struct engine_post;

struct attachment {
    toni_engine handle; /* first */
    struct clustering *clustering;
    struct instance *instance;
    const struct toni_engine_table *table;
    void *self;
    struct attachment *next; /* of all */

    pthread_t thread;
    bool is_refused;   /* it could not be attached */
    bool is_attaching; /* servers are not known yet: nothing can be told of them */
    struct engine_watch *watches;
    uint32_t watch_count;
    int64_t last_watch;

    struct lock lock; /* a leaf; guards the rest */
    bool is_over;
    struct engine_post *first_post, *last_post;
    uint32_t post_count;
};

/** @param engine  As `attach` has been given it. */
static inline struct attachment *attachment_of(const toni_engine *engine)
{
    return (struct attachment *)engine;
}

/** Ends watches and posts: nothing more comes from the engine. */
void attachment_end(struct attachment *attachment);

/** @return Whether the calling thread may use what is for the cluster's thread alone. */
bool attachment_may(const toni_engine *engine);

/* The functions of toni_engine_host. */

int64_t attachment_watch(toni_engine *engine, int32_t fd, uint32_t events,
                         toni_engine_ready_fn ready, void *data);
int32_t attachment_rewatch(toni_engine *engine, int64_t watch, uint32_t events);
void attachment_unwatch(toni_engine *engine, int64_t watch);
int32_t attachment_post(toni_engine *engine, toni_engine_posted_fn run, void *data);

#endif
