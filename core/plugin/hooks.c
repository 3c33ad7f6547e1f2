/* The hooks' thread; see hooks.h. */
#include "plugin/hooks.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>

/* Owned by the waiter; ownership passes to the hooks' thread when `is_abandoned` is set. */
struct hook_call {
    void (*call)(void *data);
    void *data;
    bool is_over;
    bool is_abandoned;
};

struct hooks *hooks_create(void)
{
    struct hooks *hooks = calloc(1, sizeof *hooks);

    if (!hooks)
        return NULL;
    if (clock_condition_init(&hooks->changed)) {
        free(hooks);
        return NULL;
    }
    pthread_mutex_init(&hooks->lock, NULL);
    return hooks;
}

static void hooks_free(struct hooks *hooks)
{
    pthread_cond_destroy(&hooks->changed);
    pthread_mutex_destroy(&hooks->lock);
    free(hooks);
}

void hooks_destroy(struct hooks *hooks)
{
    if (!hooks)
        return;
    pthread_mutex_lock(&hooks->lock);
    const bool has_thread = hooks->has_thread;
    hooks->ending = true;
    pthread_cond_broadcast(&hooks->changed);
    pthread_mutex_unlock(&hooks->lock);
    if (has_thread)
        pthread_join(hooks->thread, NULL);
    pthread_mutex_lock(&hooks->lock);
    const bool is_free = hooks->abandoned == 0;
    hooks->is_orphan = true;
    pthread_mutex_unlock(&hooks->lock);
    if (is_free)
        hooks_free(hooks);
}

/* --- The thread */

/* Ends a thread whose call was abandoned; another thread has taken its place. Under the lock. */
static void *end_abandoned(struct hooks *hooks, struct hook_call *call)
{
    const bool is_last = --hooks->abandoned == 0 && hooks->is_orphan;

    free(call);
    pthread_mutex_unlock(&hooks->lock);
    if (is_last)
        hooks_free(hooks);
    return NULL;
}

static void *serve(void *data)
{
    struct hooks *hooks = data;

    pthread_mutex_lock(&hooks->lock);
    for (;;) {
        while (!hooks->asked && !hooks->ending)
            pthread_cond_wait(&hooks->changed, &hooks->lock);
        struct hook_call *call = hooks->asked;
        if (!call)
            break;
        hooks->asked = NULL;
        pthread_cond_broadcast(&hooks->changed);
        pthread_mutex_unlock(&hooks->lock);
        call->call(call->data);
        pthread_mutex_lock(&hooks->lock);
        if (call->is_abandoned)
            return end_abandoned(hooks, call);
        call->is_over = true;
        pthread_cond_broadcast(&hooks->changed);
    }
    pthread_mutex_unlock(&hooks->lock);
    return NULL;
}

/* --- Waiting for it */

/* The limit counts from the moment the hook begins; one that has not begun is never abandoned.
 * @return Whether the call ended within the limit. */
static bool wait_within(struct hooks *hooks, const struct hook_call *call, uint64_t limit_ms)
{
    while (hooks->asked == call)
        pthread_cond_wait(&hooks->changed, &hooks->lock);
    const uint64_t until_ns = clock_now_ns() + limit_ms * NS_PER_MS;
    while (!call->is_over && !clock_condition_wait(&hooks->changed, &hooks->lock, until_ns))
        ;
    return call->is_over;
}

/* Waits for a hook past its limit. @return Whether it ended before hooks_hurry(). */
static bool wait_longer(struct hooks *hooks, const struct hook_call *call, const char *instance,
                        const char *hook, uint64_t limit_ms)
{
    static const char *const lines[] = {
        [PATIENCE_WAITS] = "a life-cycle hook has not returned yet: the host waits for it",
        [PATIENCE_GIVES_UP] = "a life-cycle hook has not returned: it is given up",
        [PATIENCE_ENDS] = "a life-cycle hook has not returned: the host ends without it",
    };
    log_warn(lines[hooks->patience], log_str("instance", instance), log_str("hook", hook),
             log_uint("limit_ms", limit_ms));
    if (hooks->patience != PATIENCE_WAITS)
        return false;
    while (!call->is_over && hooks->patience == PATIENCE_WAITS)
        pthread_cond_wait(&hooks->changed, &hooks->lock);
    if (!call->is_over)
        log_warn(lines[hooks->patience], log_str("instance", instance), log_str("hook", hook));
    return call->is_over;
}

/* Under the lock. */
static void abandon(struct hooks *hooks, struct hook_call *call)
{
    call->is_abandoned = true;
    hooks->abandoned++;
    hooks->has_thread = false;
    pthread_detach(hooks->thread);
}

int hooks_run(struct hooks *hooks, const char *instance, const char *hook, uint64_t limit_ms,
              void (*call)(void *data), void *data)
{
    struct hook_call *asked = calloc(1, sizeof *asked);

    pthread_mutex_lock(&hooks->lock);
    if (asked && !hooks->has_thread)
        hooks->has_thread = pthread_create(&hooks->thread, NULL, serve, hooks) == 0;
    if (!asked || !hooks->has_thread) {
        pthread_mutex_unlock(&hooks->lock);
        free(asked);
        call(data);
        return 0;
    }
    *asked = (struct hook_call){.call = call, .data = data};
    hooks->asked = asked;
    pthread_cond_broadcast(&hooks->changed);
    const bool is_over =
        wait_within(hooks, asked, limit_ms) || wait_longer(hooks, asked, instance, hook, limit_ms);
    if (is_over)
        free(asked);
    else
        abandon(hooks, asked);
    pthread_mutex_unlock(&hooks->lock);
    return is_over ? 0 : -1;
}

void hooks_hurry(struct hooks *hooks, enum patience patience)
{
    pthread_mutex_lock(&hooks->lock);
    if (patience > hooks->patience)
        hooks->patience = patience;
    pthread_cond_broadcast(&hooks->changed);
    pthread_mutex_unlock(&hooks->lock);
}
