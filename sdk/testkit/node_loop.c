/* The thread of a fake node: what an engine watches and posts. */
#include "node_private.h"

#include <fcntl.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

/* Something that an engine has posted. */
struct toni_fake_post {
    struct toni_fake_post *next;
    toni_engine_posted_fn run;
    void *data;
};

int64_t node_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static toni_fake_node *node_of(toni_engine *engine)
{
    return (toni_fake_node *)engine;
}

void node_check_thread(const toni_fake_node *node, const char *what)
{
    ck_assert_msg(pthread_equal(pthread_self(), node->thread),
                  "the engine calls %s on a thread that is not the cluster's", what);
}

/* --- Watches */

static toni_fake_watch *find_watch(toni_fake_node *node, int64_t id)
{
    for (size_t i = 0; id != 0 && i < TONI_FAKE_NODE_WATCHES_MOST; i++) {
        if (node->watches[i].id == id)
            return &node->watches[i];
    }
    return NULL;
}

static int64_t watch(toni_engine *engine, int32_t fd, uint32_t events, toni_engine_ready_fn ready,
                     void *data)
{
    toni_fake_node *node = node_of(engine);
    node_check_thread(node, "toni_engine_watch");
    if (fd < 0 || !ready || (events & ~(TONI_READABLE | TONI_WRITABLE)) != 0)
        return TONI_ERR_INVALID;
    ck_assert_msg((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0,
                  "the engine has a descriptor watched that blocks, or is none");
    for (size_t i = 0; i < TONI_FAKE_NODE_WATCHES_MOST; i++) {
        if (node->watches[i].id != 0)
            continue;
        node->watches[i] = (toni_fake_watch){++node->last_watch, fd, events, ready, data};
        return node->last_watch;
    }
    return TONI_ERR_LIMIT;
}

static int32_t rewatch(toni_engine *engine, int64_t id, uint32_t events)
{
    toni_fake_watch *found = find_watch(node_of(engine), id);
    node_check_thread(node_of(engine), "toni_engine_rewatch");
    if (!found)
        return TONI_ERR_NOT_FOUND;
    found->events = events;
    return TONI_OK;
}

static void unwatch(toni_engine *engine, int64_t id)
{
    toni_fake_watch *found = find_watch(node_of(engine), id);
    node_check_thread(node_of(engine), "toni_engine_unwatch");
    if (found)
        *found = (toni_fake_watch){0};
}

static uint32_t events_of(short events)
{
    const int is_over = (events & (POLLHUP | POLLERR | POLLNVAL)) != 0;
    return (is_over || (events & POLLIN) ? TONI_READABLE : 0) |
           (is_over || (events & POLLOUT) ? TONI_WRITABLE : 0);
}

/* One that a call before it has ended, or put another in the place of, is not called. */
static void call_ready(toni_fake_node *node, int64_t id, short polled)
{
    const toni_fake_watch *found = find_watch(node, id);
    const uint32_t events = found ? events_of(polled) & found->events : 0;
    if (events != 0)
        found->ready(found->data, events);
}

static void poll_once(toni_fake_node *node, int64_t ms)
{
    struct pollfd fds[TONI_FAKE_NODE_WATCHES_MOST + 1] = {{.fd = node->wake[0], .events = POLLIN}};
    int64_t ids[TONI_FAKE_NODE_WATCHES_MOST + 1] = {0};
    nfds_t count = 1;
    for (size_t i = 0; i < TONI_FAKE_NODE_WATCHES_MOST; i++) {
        const toni_fake_watch *found = &node->watches[i];
        if (found->id == 0 || found->events == 0)
            continue;
        fds[count].fd = found->fd;
        fds[count].events = (short)((found->events & TONI_READABLE ? POLLIN : 0) |
                                    (found->events & TONI_WRITABLE ? POLLOUT : 0));
        ids[count++] = found->id;
    }
    if (poll(fds, count, (int)ms) <= 0)
        return;
    for (nfds_t i = 1; i < count; i++) {
        if (fds[i].revents != 0)
            call_ready(node, ids[i], fds[i].revents);
    }
}

/* --- Posts */

static int32_t post(toni_engine *engine, toni_engine_posted_fn run, void *data)
{
    toni_fake_node *node = node_of(engine);
    struct toni_fake_post *made = malloc(sizeof *made);
    int32_t result = made ? TONI_OK : TONI_ERR_NO_MEMORY;
    pthread_mutex_lock(&node->lock);
    if (node->is_closing)
        result = TONI_ERR_CLOSING;
    if (result == TONI_OK) {
        *made = (struct toni_fake_post){.run = run, .data = data};
        if (node->last_post)
            node->last_post->next = made;
        else
            node->first_post = made;
        node->last_post = made;
        (void)!write(node->wake[1], "", 1); /* a pipe that is full wakes, too */
    }
    pthread_mutex_unlock(&node->lock);
    if (result != TONI_OK)
        free(made);
    return result;
}

static struct toni_fake_post *take_posts(toni_fake_node *node)
{
    char bytes[256];
    pthread_mutex_lock(&node->lock);
    struct toni_fake_post *posts = node->first_post;
    node->first_post = node->last_post = NULL;
    while (read(node->wake[0], bytes, sizeof bytes) > 0) {
    }
    pthread_mutex_unlock(&node->lock);
    return posts;
}

static void free_posts(struct toni_fake_post *posts)
{
    while (posts) {
        struct toni_fake_post *next = posts->next;
        free(posts);
        posts = next;
    }
}

static void run_posts(toni_fake_node *node)
{
    struct toni_fake_post *posts = take_posts(node);
    for (const struct toni_fake_post *one = posts; one; one = one->next)
        one->run(one->data);
    free_posts(posts);
}

/* --- Turns */

void toni_fake_node_flush(toni_fake_node *node)
{
    toni_fake_host_clear(&node->host);
    run_posts(node);
    node->table->flush(node->self);
}

void node_turn(toni_fake_node *node, int64_t ms)
{
    poll_once(node, ms);
    toni_fake_node_flush(node);
}

void toni_fake_node_wait(toni_fake_node *node, int64_t ms)
{
    const int64_t until_ms = node_now_ms() + ms;
    toni_fake_node_flush(node);
    for (int64_t left_ms = ms; left_ms > 0; left_ms = until_ms - node_now_ms())
        node_turn(node, left_ms);
}

void node_loop_init(toni_fake_node *node)
{
    pthread_mutex_init(&node->lock, NULL);
    node->is_closing = 0;
    node->thread = pthread_self();
    ck_assert(pipe(node->wake) == 0);
    for (size_t i = 0; i < 2; i++) {
        ck_assert(fcntl(node->wake[i], F_SETFL, O_NONBLOCK) == 0);
        ck_assert(fcntl(node->wake[i], F_SETFD, FD_CLOEXEC) == 0);
    }
}

void node_loop_close(toni_fake_node *node)
{
    pthread_mutex_lock(&node->lock);
    node->is_closing = 1;
    pthread_mutex_unlock(&node->lock);
}

void node_loop_finish(toni_fake_node *node)
{
    free_posts(take_posts(node));
    for (size_t i = 0; i < TONI_FAKE_NODE_WATCHES_MOST; i++)
        ck_assert_msg(node->watches[i].id == 0, "a watch was not ended by `detach`");
    close(node->wake[0]);
    close(node->wake[1]);
    pthread_mutex_destroy(&node->lock);
}

void node_loop_fill(struct toni_engine_host *host)
{
    host->watch = watch;
    host->rewatch = rewatch;
    host->unwatch = unwatch;
    host->post = post;
}
