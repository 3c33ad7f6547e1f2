/* Sweeps; see sweep.h. */
#include "net/sweep.h"

#include "base/clock.h"
#include "net/connection.h"

#include <stdlib.h>
#include <time.h>

/* How often it is looked whether there is memory by now. */
#define TRY_EVERY_MS 10

/* What one worker has to do. */
struct part {
    struct command command; /* first */
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

/* Memory may be short for a moment only, and who waits here serves nobody. */
static struct sweep *sweep_create_until(const struct slot *gateway,
                                        void (*visit)(struct connection *connection),
                                        uint32_t workers, uint64_t until_ns)
{
    const struct timespec pause = {.tv_nsec = TRY_EVERY_MS * (long)NS_PER_MS};
    struct sweep *sweep = sweep_create(gateway, visit, workers);
    while (!sweep && clock_now_ns() < until_ns) {
        nanosleep(&pause, NULL);
        sweep = sweep_create(gateway, visit, workers);
    }
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

static void on_worker(struct command *command, struct lane *lane)
{
    const struct part *part = (const struct part *)command;
    struct sweep *sweep = part->sweep;
    (void)lane;
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

/* A lane ends before it came to its part only where the host ends: without who waits. */
static void drop(struct command *command)
{
    (void)command;
}

/* Under its lock. */
static void ask_workers(struct sweep *sweep, struct server *server)
{
    static const struct command_type type = {on_worker, drop};
    sweep->undone = server->started;
    for (uint32_t i = 0; i < server->started; i++) {
        struct part *part = &sweep->parts[i];
        *part = (struct part){.command.type = &type, .sweep = sweep, .worker = &server->workers[i]};
        lane_post_as_call(part->worker->lane, &part->command);
    }
}

int sweep_gateway(struct server *server, const struct slot *gateway,
                  void (*visit)(struct connection *connection), uint64_t until_ns)
{
    struct sweep *sweep = sweep_create_until(gateway, visit, server->started, until_ns);
    if (!sweep)
        return -1;
    pthread_mutex_lock(&sweep->lock);
    ask_workers(sweep, server);
    while (sweep->undone > 0 && !clock_condition_wait(&sweep->changed, &sweep->lock, until_ns))
        ;
    if (sweep->undone == 0) {
        sweep_destroy(sweep);
        return 0;
    }
    sweep->is_left = true;
    pthread_mutex_unlock(&sweep->lock);
    return -1;
}
