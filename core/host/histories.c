/* Histories of a running host; see histories.h. */
#include "host/histories.h"

#include "base/log.h"
#include "rooms/connections.h"
#include "rooms/history_change.h"
#include "rooms/room_history.h"

#define CALM_MS 1000 /* who comes back is judged by the time itself: this is about memory alone */
#define BUSY_MS 1    /* others of this loop come in between */
#define ROOMS_AT_ONCE 64

static int apply(struct space *space, const struct config *config)
{
    return history_change(space, config_namespace_find(&config->namespaces, space->name)->history);
}

/* @return 0, or -1 on no memory. */
static int make_spaces(toni_connections *connections, const struct config_namespaces *namespaces)
{
    int result = 0;
    for (size_t i = 0; i < namespaces->count; i++) {
        if (!connections_space(connections, namespaces->list[i].name))
            result = -1;
    }
    return result;
}

int histories_apply(toni_connections *connections, const struct config *config)
{
    int result = make_spaces(connections, &config->namespaces);
    atomic_store(&connections->histories.limit, config->limits.history_bytes);
    for (struct space *space = &connections->common; space; space = space->next)
        result |= apply(space, config);
    if (result)
        log_error("some rooms keep no messages: out of memory");
    return result;
}

static void on_due(uv_timer_t *timer)
{
    const struct history_timer *of = timer->data;
    const bool has_more = room_history_sweep(of->connections, ROOMS_AT_ONCE);
    uv_timer_start(timer, on_due, has_more ? BUSY_MS : CALM_MS, 0);
}

void history_timer_start(struct history_timer *timer, uv_loop_t *loop,
                         toni_connections *connections)
{
    timer->connections = connections;
    uv_timer_init(loop, &timer->timer);
    timer->timer.data = timer;
    uv_unref((uv_handle_t *)&timer->timer);
    uv_timer_start(&timer->timer, on_due, CALM_MS, 0);
}

void history_timer_close(struct history_timer *timer)
{
    if (timer->connections)
        uv_close((uv_handle_t *)&timer->timer, NULL);
}
