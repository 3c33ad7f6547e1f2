/* What an engine has the cluster's thread do: descriptors that are watched, functions that are
 * posted; see attachment.h.
 *
 * Each descriptor is a duplicate of the engine's: libuv ends the process where the kernel refuses
 * one that it has taken in already, as it would after the engine has closed its own. */
#include "clustering/attachment.h"

#include "net/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <toni/error.h>
#include <unistd.h>

struct engine_watch {
    uv_poll_t poll; /* first */
    struct attachment *attachment;
    struct engine_watch *previous, *next;
    int64_t number;
    int fd; /* the duplicate */
    uint32_t events;
    toni_engine_ready_fn ready;
    void *data;
};

struct engine_post {
    struct engine_post *next;
    toni_engine_posted_fn run;
    void *data;
};

bool attachment_may(const toni_engine *engine)
{
    const struct attachment *attachment = attachment_of(engine);
    return attachment && pthread_equal(attachment->thread, pthread_self()) &&
           attachment->clustering->engine == attachment && !attachment->is_over;
}

/* --- Watches */

static int poll_events(uint32_t events)
{
    return (events & TONI_READABLE ? UV_READABLE : 0) | (events & TONI_WRITABLE ? UV_WRITABLE : 0);
}

static bool are_events(uint32_t events)
{
    return (events & ~(TONI_READABLE | TONI_WRITABLE)) == 0;
}

/* A descriptor that is broken is ready for all that is waited for, as reading or writing finds it
 * out; libuv has stopped to look at it. */
static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct engine_watch *watch = (struct engine_watch *)poll;
    struct clustering *clustering = watch->attachment->clustering;
    const toni_engine_ready_fn ready = watch->ready;
    void *data = watch->data;
    uint32_t what = watch->events;
    if (status == 0) {
        what &=
            (events & UV_READABLE ? TONI_READABLE : 0) | (events & UV_WRITABLE ? TONI_WRITABLE : 0);
    } else {
        (void)uv_poll_start(poll, poll_events(watch->events), on_ready);
    }
    PLUGIN_CALL(call);
    if (what != 0 && engine_enter(clustering, "ready", &call)) {
        ready(data, what);
        engine_leave(clustering, &call);
    }
}

static void on_closed(uv_handle_t *handle)
{
    struct engine_watch *watch = (struct engine_watch *)handle;
    close(watch->fd);
    free(watch);
}

static struct engine_watch *find_watch(const struct attachment *attachment, int64_t number)
{
    struct engine_watch *watch = attachment->watches;
    while (watch && watch->number != number)
        watch = watch->next;
    return watch;
}

static void end_watch(struct attachment *attachment, struct engine_watch *watch)
{
    *(watch->previous ? &watch->previous->next : &attachment->watches) = watch->next;
    if (watch->next)
        watch->next->previous = watch->previous;
    attachment->watch_count--;
    uv_close((uv_handle_t *)&watch->poll, on_closed);
}

/* @return TONI_OK, or why the loop can't watch it. */
static int32_t begin_to_watch(uv_loop_t *loop, struct engine_watch *watch)
{
    int error = loop_make_place(loop, watch->fd);
    if (!error)
        error = uv_poll_init(loop, &watch->poll, watch->fd);
    switch (error) {
    case 0:
        return TONI_OK;
    case UV_ENOMEM:
        return TONI_ERR_NO_MEMORY;
    case UV_ENOSPC:
        return TONI_ERR_LIMIT;
    default:
        return TONI_ERR_INVALID;
    }
}

static int32_t make_watch(struct attachment *attachment, int32_t fd, struct engine_watch *watch)
{
    watch->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (watch->fd < 0)
        return errno == EMFILE ? TONI_ERR_LIMIT : TONI_ERR_INVALID;
    const int32_t result = begin_to_watch(&attachment->clustering->loop, watch);
    if (result != TONI_OK)
        close(watch->fd);
    return result;
}

static void wait_for(struct engine_watch *watch, uint32_t events)
{
    watch->events = events;
    if (events == 0)
        (void)uv_poll_stop(&watch->poll);
    else
        (void)uv_poll_start(&watch->poll, poll_events(events), on_ready);
}

int64_t attachment_watch(toni_engine *engine, int32_t fd, uint32_t events,
                         toni_engine_ready_fn ready, void *data)
{
    struct attachment *attachment = attachment_of(engine);
    if (!attachment_may(engine) || fd < 0 || !are_events(events) || !ready)
        return TONI_ERR_INVALID;
    if (attachment->watch_count >= ENGINE_WATCHES_MOST)
        return TONI_ERR_LIMIT;
    struct engine_watch *watch = calloc(1, sizeof *watch);
    if (!watch)
        return TONI_ERR_NO_MEMORY;
    const int32_t result = make_watch(attachment, fd, watch);
    if (result != TONI_OK) {
        free(watch);
        return result;
    }
    watch->attachment = attachment;
    watch->number = ++attachment->last_watch;
    watch->ready = ready;
    watch->data = data;
    watch->next = attachment->watches;
    if (watch->next)
        watch->next->previous = watch;
    attachment->watches = watch;
    attachment->watch_count++;
    wait_for(watch, events);
    return watch->number;
}

int32_t attachment_rewatch(toni_engine *engine, int64_t number, uint32_t events)
{
    if (!attachment_may(engine) || !are_events(events))
        return TONI_ERR_INVALID;
    struct engine_watch *watch = find_watch(attachment_of(engine), number);
    if (!watch)
        return TONI_ERR_NOT_FOUND;
    wait_for(watch, events);
    return TONI_OK;
}

void attachment_unwatch(toni_engine *engine, int64_t number)
{
    if (!attachment_may(engine))
        return;
    struct engine_watch *watch = find_watch(attachment_of(engine), number);
    if (watch)
        end_watch(attachment_of(engine), watch);
}

/* --- Posts */

int32_t attachment_post(toni_engine *engine, toni_engine_posted_fn run, void *data)
{
    struct attachment *attachment = attachment_of(engine);
    if (!attachment || !run)
        return TONI_ERR_INVALID;
    struct engine_post *post = malloc(sizeof *post);
    int32_t result = post ? TONI_OK : TONI_ERR_NO_MEMORY;
    lock_take(&attachment->lock);
    if (attachment->is_over)
        result = TONI_ERR_CLOSING;
    else if (attachment->post_count >= ENGINE_POSTS_MOST)
        result = TONI_ERR_NO_MEMORY;
    if (result == TONI_OK) {
        *post = (struct engine_post){.run = run, .data = data};
        *(attachment->last_post ? &attachment->last_post->next : &attachment->first_post) = post;
        attachment->last_post = post;
        attachment->post_count++;
        loop_wake_send(&attachment->clustering->wake); /* it is there as long as nothing is over */
    }
    lock_give(&attachment->lock);
    if (result != TONI_OK)
        free(post);
    return result;
}

static struct engine_post *take_posts(struct attachment *attachment)
{
    lock_take(&attachment->lock);
    struct engine_post *posts = attachment->first_post;
    attachment->first_post = attachment->last_post = NULL;
    attachment->post_count = 0;
    lock_give(&attachment->lock);
    return posts;
}

void engine_run_posts(struct clustering *clustering)
{
    struct attachment *attachment = clustering->engine;
    if (!attachment)
        return;
    for (struct engine_post *post = take_posts(attachment), *next; post; post = next) {
        next = post->next;
        PLUGIN_CALL(call);
        if (engine_enter(clustering, "posted", &call)) {
            post->run(post->data);
            engine_leave(clustering, &call);
        }
        free(post);
    }
}

void attachment_end(struct attachment *attachment)
{
    lock_take(&attachment->lock);
    attachment->is_over = true;
    lock_give(&attachment->lock);
    while (attachment->watches)
        end_watch(attachment, attachment->watches);
    for (struct engine_post *post = take_posts(attachment), *next; post; post = next) {
        next = post->next;
        free(post);
    }
}
