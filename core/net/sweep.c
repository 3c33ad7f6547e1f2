/* Sweeps; see sweep.h. */
#include "net/sweep.h"

#include "base/clock.h"
#include "net/connection.h"

#include <stdlib.h>

/* What one worker has to do. */
struct part {
    struct sweep *sweep;
    struct worker *worker;
};

/* Belongs to all who take part: the last one frees it. */
struct sweep {
    const struct slot *gateway;
    void (*visit)(struct connection *connection);
    pthread_mutex_t lock; /* a leaf */
    pthread_cond_t changed;
    uint32_t undone; /* parts */
    bool is_left;    /* nobody waits for it any more */
    struct part parts[];
};

static struct sweep *sweep_create(const struct slot *gateway,
                                  void (*visit)(struct connection *connection), uint32_t workers)
{
    struct sweep *sweep = calloc(1, sizeof *sweep + workers * sizeof sweep->parts[0]);
    if (!sweep)
        return NULL;
    if (clock_condition_init(&sweep->changed)) {
        free(sweep);
        return NULL;
    }
    pthread_mutex_init(&sweep->lock, NULL);
    sweep->gateway = gateway;
    sweep->visit = visit;
    return sweep;
}

/* Under its lock. */
static void sweep_destroy(struct sweep *sweep)
{
    pthread_mutex_unlock(&sweep->lock);
    pthread_cond_destroy(&sweep->changed);
    pthread_mutex_destroy(&sweep->lock);
    free(sweep);
}

static void on_worker(void *data)
{
    const struct part *part = data;
    struct sweep *sweep = part->sweep;
    for (struct connection *connection = part->worker->connections, *next; connection;
         connection = next) {
        next = connection->next;
        if (connection->served.slot == sweep->gateway)
            sweep->visit(connection);
    }
    pthread_mutex_lock(&sweep->lock);
    const bool is_last = --sweep->undone == 0;
    if (is_last && sweep->is_left) {
        sweep_destroy(sweep);
        return;
    }
    pthread_cond_signal(&sweep->changed);
    pthread_mutex_unlock(&sweep->lock);
}

/* Under its lock. @return How many could be asked. */
static uint32_t ask_workers(struct sweep *sweep, struct server *server)
{
    uint32_t asked = 0;
    for (uint32_t i = 0; i < server->started; i++) {
        struct part *part = &sweep->parts[i];
        *part = (struct part){.sweep = sweep, .worker = &server->workers[i]};
        if (!lane_post_call(part->worker->lane, on_worker, part))
            asked++;
    }
    return asked;
}

int sweep_gateway(struct server *server, const struct slot *gateway,
                  void (*visit)(struct connection *connection), uint64_t until_ns)
{
    struct sweep *sweep = sweep_create(gateway, visit, server->started);
    if (!sweep)
        return -1;
    pthread_mutex_lock(&sweep->lock);
    sweep->undone = ask_workers(sweep, server);
    int result = sweep->undone == server->started ? 0 : -1;
    while (sweep->undone > 0 && !clock_condition_wait(&sweep->changed, &sweep->lock, until_ns))
        ;
    if (sweep->undone == 0) {
        sweep_destroy(sweep);
        return result;
    }
    sweep->is_left = true;
    pthread_mutex_unlock(&sweep->lock);
    return -1;
}
