/* Names become addresses: see lookup.h.
 *
 * A lookup has two owners, the thread that asks and the cluster's. Whoever is done last frees it;
 * so a thread that the resolver keeps needs nothing of an engine that is gone. */
#include "lookup.h"

#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/un.h>
#include <unistd.h>

struct lookup {
    atomic_int owners;
    int wake; /* an eventfd: the thread is done */
    struct address address;
    struct places places; /* the thread's until it is done */
    const char *why;
    /* The cluster's thread. */
    toni_engine *engine;
    int64_t watch;
    lookup_fn done;
    void *data;
};

static atomic_int threads;

static void unref(struct lookup *lookup)
{
    if (atomic_fetch_sub(&lookup->owners, 1) > 1)
        return;
    close(lookup->wake);
    free(lookup);
}

static const char *resolve(const struct address *address, int flags, struct places *places)
{
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags};
    struct addrinfo *found = NULL;
    const int error = getaddrinfo(address->host, address->port, &hints, &found);
    if (error != 0)
        return gai_strerror(error);
    for (const struct addrinfo *one = found; one && places->count < LOOKUP_PLACES_MOST;
         one = one->ai_next) {
        struct place *place = &places->list[places->count];
        if (one->ai_addrlen > sizeof place->address)
            continue;
        memcpy(&place->address, one->ai_addr, one->ai_addrlen);
        place->size = one->ai_addrlen;
        places->count++;
    }
    freeaddrinfo(found);
    return places->count > 0 ? NULL : "the name has no address";
}

static void *run(void *data)
{
    struct lookup *lookup = data;
    lookup->why = resolve(&lookup->address, AI_ADDRCONFIG, &lookup->places);
    (void)eventfd_write(lookup->wake, 1);
    unref(lookup);
    atomic_fetch_sub(&threads, 1);
    return NULL;
}

static void woken(void *data, uint32_t events)
{
    struct lookup *lookup = data;
    eventfd_t count;
    (void)events;
    if (eventfd_read(lookup->wake, &count) != 0)
        return;
    toni_engine_unwatch(lookup->engine, lookup->watch);
    lookup->done(lookup->data, &lookup->places, lookup->why);
    unref(lookup);
}

static int start_thread(struct lookup *lookup)
{
    pthread_attr_t attributes;
    pthread_t thread;
    if (pthread_attr_init(&attributes) != 0)
        return -1;
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    const int error = pthread_create(&thread, &attributes, run, lookup);
    (void)pthread_attr_destroy(&attributes);
    return error == 0 ? 0 : -1;
}

static struct lookup *start(toni_engine *engine, const struct address *address, lookup_fn done,
                            void *data)
{
    struct lookup *lookup = calloc(1, sizeof *lookup);
    if (!lookup)
        return NULL;
    *lookup = (struct lookup){
        .wake = -1, .address = *address, .engine = engine, .done = done, .data = data};
    atomic_init(&lookup->owners, 2);
    lookup->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (lookup->wake >= 0)
        lookup->watch = toni_engine_watch(engine, lookup->wake, TONI_READABLE, woken, lookup);
    if (lookup->watch > 0 && start_thread(lookup) == 0)
        return lookup;
    if (lookup->watch > 0)
        toni_engine_unwatch(engine, lookup->watch);
    if (lookup->wake >= 0)
        close(lookup->wake);
    free(lookup);
    return NULL;
}

static void set_path(struct places *places, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path) + 1);
    memcpy(&places->list[0].address, &address, sizeof address);
    places->list[0].size = sizeof address;
    places->count = 1;
}

struct lookup *lookup_start(toni_engine *engine, const struct address *address,
                            struct places *places, lookup_fn done, void *data, const char **why)
{
    places->count = 0;
    *why = NULL;
    if (address->is_unix) {
        set_path(places, address->host);
        return NULL;
    }
    if (resolve(address, AI_NUMERICHOST, places) == NULL)
        return NULL;
    if (atomic_fetch_add(&threads, 1) < LOOKUP_THREADS_MOST) {
        struct lookup *lookup = start(engine, address, done, data);
        if (lookup)
            return lookup;
        *why = "there is no thread or memory for it";
    } else {
        *why = "the resolver has answered none of those that were asked before";
    }
    atomic_fetch_sub(&threads, 1);
    return NULL;
}

void lookup_cancel(struct lookup *lookup)
{
    if (!lookup)
        return;
    toni_engine_unwatch(lookup->engine, lookup->watch);
    unref(lookup);
}
