/* The cluster's thread: its making and end, its loop, and when it uses an engine. */
#include "clustering/clustering_private.h"

#include "base/log.h"
#include "base/random.h"
#include "clustering/attachment.h"
#include "net/loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A call of the engine may take so long while the host stops, beside what publishes and the lease
 * that is given back wait for. */
#define STOP_MS 2000
#define LEAVE_MS 1000

/* Of what follows the machine's name: a colon and a number. */
#define PROCESS_SIZE 12

/* --- Making */

/* The machine's name and the process: no two on a machine are called the same. */
static char *default_name(void)
{
    char machine[NODE_NAME_MAX - PROCESS_SIZE] = "";
    char name[sizeof machine + PROCESS_SIZE];
    (void)gethostname(machine, sizeof machine);
    machine[sizeof machine - 1] = '\0';
    (void)snprintf(name, sizeof name, "%s:%d", machine[0] ? machine : "node", (int)getpid());
    return strdup(name);
}

static int open_loop(struct clustering *clustering);

static int make_random(struct clustering *clustering)
{
    if (random_bytes(&clustering->incarnation, sizeof clustering->incarnation))
        return -1;
    clustering->incarnation |= clustering->incarnation == 0;
    return 0;
}

struct clustering *clustering_create(const struct clustering_settings *settings,
                                     toni_connections *connections, struct slots *slots)
{
    struct clustering *clustering = calloc(1, sizeof *clustering);
    if (!clustering)
        goto no_memory;
    clustering->engine_name = strdup(settings->engine);
    clustering->node_name = settings->node ? strdup(settings->node) : default_name();
    clustering->receipt_ms = settings->receipt_ms;
    clustering->only_looks = settings->only_looks;
    clustering->connections = connections;
    clustering->slots = slots;
    asks_init(&clustering->asks);
    receipts_init(&clustering->receipts);
    if (!clustering->engine_name || !clustering->node_name || make_random(clustering) ||
        inbox_init(&clustering->inbox) ||
        control_channel_init(&clustering->control, clustering->incarnation) ||
        pthread_mutex_init(&clustering->lock, NULL))
        goto no_parts;
    if (clock_condition_init(&clustering->changed))
        goto no_condition;
    if (!open_loop(clustering))
        return clustering;
    pthread_cond_destroy(&clustering->changed);
no_condition:
    pthread_mutex_destroy(&clustering->lock);
no_parts:
    control_channel_finish(&clustering->control);
    free(clustering->engine_name);
    free(clustering->node_name);
    free(clustering);
no_memory:
    log_error("the cluster's thread could not be made: out of memory or descriptors");
    return NULL;
}

/* --- The loop */

static void on_wake(void *data)
{
    (void)data; /* the turn comes before the loop blocks */
}

static void on_due(uv_timer_t *due)
{
    (void)due;
}

static void note(struct clustering *clustering, bool *what, bool is)
{
    pthread_mutex_lock(&clustering->lock);
    *what = is;
    pthread_cond_broadcast(&clustering->changed);
    pthread_mutex_unlock(&clustering->lock);
}

static int make_node(struct clustering *clustering)
{
    struct node_settings settings = {.servers = (const char *const *)clustering->names,
                                     .server_count = clustering->server_count,
                                     .incarnation = clustering->incarnation,
                                     .name = clustering->node_name};
    if (clustering->node)
        return 0;
    node_settings_defaults(&settings);
    settings.pending_bytes = 2 * (uint64_t)WAITING_BYTES_MOST; /* the inbox's limit is the lower */
    settings.pending_ms = WAITING_MS;
    settings.takes_no_lease = clustering->only_looks;
    if (random_bytes(&settings.seed, sizeof settings.seed) ||
        random_bytes(&settings.id_key, sizeof settings.id_key))
        return -1;
    settings.id_key |= settings.id_key == 0;
    clustering->node = node_create(&settings, now_ms());
    if (!clustering->node)
        return -1;
    if (!clustering->only_looks && control_channel_listen(clustering)) {
        node_destroy(clustering->node);
        clustering->node = NULL;
        return -1;
    }
    atomic_store_explicit(&clustering->is_known, true, memory_order_release);
    return 0;
}

static void begin_engine(struct clustering *clustering)
{
    const bool is_first = !clustering->node;
    bool is_good = !engine_attach(clustering);
    if (is_good && make_node(clustering)) {
        log_error("the cluster could not be made: out of memory or randomness");
        engine_detach(clustering);
        is_good = false;
    }
    if (is_good)
        engine_open_all(clustering);
    clustering->attach_at_ms = is_good ? 0 : now_ms() + ATTACH_AGAIN_MS;
    pthread_mutex_lock(&clustering->lock);
    clustering->has_engine = is_good;
    clustering->wants_engine = clustering->wants_engine && (is_good || !is_first);
    clustering->has_tried = true;
    pthread_cond_broadcast(&clustering->changed);
    pthread_mutex_unlock(&clustering->lock);
}

/* One that could not be sent is tried again: other probes are under way. */
static void send_last_probes(struct clustering *clustering)
{
    for (uint32_t i = 0; i < clustering->server_count; i++) {
        struct server_link *link = &clustering->links[i];
        if (link->last_probe == 0)
            link->last_probe = node_probe(clustering->node, i, now_ms());
    }
}

/* Publishes stay in the inbox from here on. Those that were handed on get their results, and then a
 * probe shows that they have come back here, too: a room without a history would miss them.
 * @return Whether there is nothing to be waited for any more. */
static bool has_let_go(struct clustering *clustering)
{
    bool is_back = clustering->outstanding == 0;
    if (is_back)
        send_last_probes(clustering);
    for (uint32_t i = 0; is_back && i < clustering->server_count; i++) {
        const struct server_link *link = &clustering->links[i];
        is_back = link->last_probe != 0 ? !node_is_probing(clustering->node, i, link->last_probe)
                                        : link->state == SERVER_DOWN;
    }
    return is_back || now_ms() >= clustering->let_go_until_ms;
}

static void begin_to_let_go(struct clustering *clustering, uint32_t within_ms)
{
    clustering->let_go_until_ms = now_ms() + within_ms;
    clustering->held_until_ms = now_ms() + within_ms + WAITING_MS;
    for (uint32_t i = 0; i < clustering->server_count; i++)
        clustering->links[i].last_probe = 0;
}

/* To the node all connections have ended. */
static void end_engine(struct clustering *clustering)
{
    engine_detach(clustering);
    for (uint32_t i = 0; i < clustering->server_count; i++) {
        const uint64_t generation = clustering->links[i].generation;
        if (generation == 0)
            continue;
        connection_ended(clustering, i);
        node_closed(clustering->node, i, generation, now_ms());
    }
    clustering->let_go_until_ms = 0;
    clustering->held_until_ms = now_ms() + WAITING_MS;
    note(clustering, &clustering->has_engine, false);
}

void thread_look_at_engine(struct clustering *clustering)
{
    pthread_mutex_lock(&clustering->lock);
    const bool wants = clustering->wants_engine && !clustering->is_asked_to_stop;
    const bool stops = clustering->is_asked_to_stop;
    const bool begins = wants && !clustering->engine && now_ms() >= clustering->attach_at_ms;
    const bool ends = !wants && !stops && clustering->engine;
    const uint32_t let_go_ms = clustering->let_go_ms;
    if (begins)
        clustering->has_engine = true; /* who pauses waits from here on, also while it attaches */
    pthread_mutex_unlock(&clustering->lock);
    clustering->is_stopping = stops;
    if (begins)
        begin_engine(clustering);
    if (!ends) {
        clustering->let_go_until_ms = 0;
        return;
    }
    if (clustering->let_go_until_ms == 0)
        begin_to_let_go(clustering, let_go_ms);
    if (has_let_go(clustering))
        end_engine(clustering);
}

static bool is_done(const struct clustering *clustering)
{
    return clustering->is_stopping && clustering->outstanding == 0 &&
           node_has_left(clustering->node);
}

static void set_timer(struct clustering *clustering)
{
    const uint64_t now = now_ms();
    uint64_t due = clustering->node ? turn_due(clustering) : UINT64_MAX;
    if (!clustering->engine && clustering->attach_at_ms > 0 && clustering->attach_at_ms < due)
        due = clustering->attach_at_ms;
    if (due == UINT64_MAX) {
        uv_timer_stop(&clustering->due);
        return;
    }
    uv_update_time(&clustering->loop);
    uv_timer_start(&clustering->due, on_due, due > now ? due - now : 0, 0);
}

static void on_turn(uv_prepare_t *turn)
{
    struct clustering *clustering = turn->data;
    thread_look_at_engine(clustering);
    if (clustering->node)
        turn_run(clustering);
    if (clustering->node ? is_done(clustering) : clustering->is_stopping) {
        uv_stop(&clustering->loop);
        return;
    }
    set_timer(clustering);
}

static int open_loop(struct clustering *clustering)
{
    if (loop_init(&clustering->loop))
        return -1;
    if (loop_wake_init(&clustering->loop, &clustering->wake, on_wake, NULL)) {
        uv_run(&clustering->loop, UV_RUN_DEFAULT);
        uv_loop_close(&clustering->loop);
        return -1;
    }
    uv_timer_init(&clustering->loop, &clustering->due); /* these can't fail */
    uv_prepare_init(&clustering->loop, &clustering->turn);
    clustering->turn.data = clustering;
    uv_prepare_start(&clustering->turn, on_turn);
    return 0;
}

static void *run(void *data)
{
    struct clustering *clustering = data;
    plugin_call_board = &clustering->board;
    uv_run(&clustering->loop, UV_RUN_DEFAULT);
    engine_detach(clustering);
    asks_close(clustering);
    control_channel_close(clustering);
    recoveries_close(clustering);
    note(clustering, &clustering->has_ended, true);
    return NULL;
}

/* --- What others ask for */

int clustering_start(struct clustering *clustering)
{
    struct slot *slot = slots_find_named(clustering->slots, clustering->engine_name);
    if (!slot) {
        log_error("the cluster's engine is not there", log_str("engine", clustering->engine_name));
        return -1;
    }
    atomic_store(&clustering->slot, slot);
    clustering->wants_engine = true;
    if (pthread_create(&clustering->thread, NULL, run, clustering)) {
        log_error("the cluster's thread can't be started");
        return -1;
    }
    clustering->has_thread = true;
    pthread_mutex_lock(&clustering->lock);
    while (!clustering->has_tried)
        pthread_cond_wait(&clustering->changed, &clustering->lock);
    const bool is_good = clustering->has_engine;
    pthread_mutex_unlock(&clustering->lock);
    return is_good ? 0 : -1;
}

/* Clients that come before it has a lease could not be reached from other hosts. */
static bool is_ready(const struct clustering *clustering)
{
    return clustering_is_up(clustering) && clustering->identity.slot != 0;
}

bool clustering_wait_up(struct clustering *clustering, uint64_t within_ms)
{
    const uint64_t until_ns = clock_now_ns() + within_ms * NS_PER_MS;
    pthread_mutex_lock(&clustering->lock);
    while (!is_ready(clustering) &&
           clock_condition_wait(&clustering->changed, &clustering->lock, until_ns) == 0)
        ;
    pthread_mutex_unlock(&clustering->lock);
    return clustering_is_up(clustering);
}

uint64_t clustering_descriptors(const struct clustering *clustering)
{
    return clustering ? clustering->server_count * (uint64_t)CLUSTERING_SERVER_DESCRIPTORS : 0;
}

struct slot *clustering_engine_slot(const struct clustering *clustering)
{
    return atomic_load(&clustering->slot);
}

int clustering_pause(struct clustering *clustering, uint64_t within_ms)
{
    const uint64_t until_ns = clock_now_ns() + within_ms * NS_PER_MS;
    pthread_mutex_lock(&clustering->lock);
    clustering->wants_engine = false;
    clustering->let_go_ms = (uint32_t)(within_ms / 2); /* the other half is for its `detach` */
    loop_wake_send(&clustering->wake);
    while (clustering->has_engine &&
           clock_condition_wait(&clustering->changed, &clustering->lock, until_ns) == 0)
        ;
    const bool is_paused = !clustering->has_engine;
    pthread_mutex_unlock(&clustering->lock);
    return is_paused ? 0 : -1;
}

void clustering_go_on(struct clustering *clustering)
{
    pthread_mutex_lock(&clustering->lock);
    clustering->wants_engine = true;
    loop_wake_send(&clustering->wake);
    pthread_mutex_unlock(&clustering->lock);
}

/* --- The end */

static bool wait_until_ended(struct clustering *clustering, uint64_t within_ms)
{
    const uint64_t until_ns = clock_now_ns() + within_ms * NS_PER_MS;
    pthread_mutex_lock(&clustering->lock);
    while (!clustering->has_ended &&
           clock_condition_wait(&clustering->changed, &clustering->lock, until_ns) == 0)
        ;
    const bool has_ended = clustering->has_ended;
    pthread_mutex_unlock(&clustering->lock);
    return has_ended;
}

void clustering_stop(struct clustering *clustering)
{
    if (!clustering || !clustering->has_thread)
        return;
    inbox_close(&clustering->inbox);
    pthread_mutex_lock(&clustering->lock);
    clustering->is_asked_to_stop = true;
    loop_wake_send(&clustering->wake);
    pthread_mutex_unlock(&clustering->lock);
    if (wait_until_ended(clustering, WAITING_MS + LEAVE_MS + STOP_MS)) {
        pthread_join(clustering->thread, NULL);
        clustering->has_thread = false;
        return;
    }
    log_error("the engine is in a call that does not return: the host ends without it",
              log_str("engine", clustering->engine_name));
    slot_abandon(clustering->slot);
    clustering->is_lost = true;
}

/* What was never taken, since there was no thread. */
static void drop_publishes(struct clustering *clustering)
{
    struct sent_list left = inbox_take(&clustering->inbox);
    struct sent *sent;
    notices_drop(clustering);
    while ((sent = sent_take(&left))) {
        if (sent->receipt)
            receipts_end(&clustering->receipts, sent->receipt, TONI_ERR_CLOSING);
        sent_destroy(sent);
    }
}

static void close_handle(uv_handle_t *handle, void *data)
{
    (void)data;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

void clustering_destroy(struct clustering *clustering)
{
    if (!clustering || clustering->is_lost)
        return;
    drop_publishes(clustering);
    asks_close(clustering);
    control_channel_close(clustering);
    recoveries_close(clustering);
    control_channel_finish(&clustering->control);
    uv_walk(&clustering->loop, close_handle, NULL);
    uv_run(&clustering->loop, UV_RUN_DEFAULT);
    uv_loop_close(&clustering->loop);
    loop_wake_finish(&clustering->wake);
    node_destroy(clustering->node);
    recoveries_finish(clustering);
    inbox_finish(&clustering->inbox);
    receipts_finish(&clustering->receipts);
    attachments_finish(clustering);
    checks_finish(clustering);
    telling_finish(clustering);
    for (struct door *door = clustering->doors, *next; door; door = next) {
        next = door->next;
        free(door);
    }
    for (uint32_t i = 0; i < clustering->server_count; i++)
        free(clustering->names[i]);
    pthread_cond_destroy(&clustering->changed);
    pthread_mutex_destroy(&clustering->lock);
    free(clustering->engine_name);
    free(clustering->node_name);
    free(clustering);
}
