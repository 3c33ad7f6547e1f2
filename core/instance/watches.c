/* See watches.h. */
#include "instance/watches.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <toni/error.h>
#include <toni/task.h>
#include <unistd.h>

#define EVENTS_AT_ONCE 32

/* Whoever reads or writes a descriptor that is broken, or has ended, finds that out. */
static uint32_t ready_for(uint32_t events)
{
    const uint32_t broken = events & (EPOLLERR | EPOLLHUP);
    return (events & EPOLLIN || broken ? TONI_READABLE : 0) |
           (events & EPOLLOUT || broken ? TONI_WRITABLE : 0);
}

static void *run(void *data)
{
    struct watches *watches = data;
    struct epoll_event events[EVENTS_AT_ONCE];

    for (;;) {
        const int count = epoll_wait(watches->epoll, events, EVENTS_AT_ONCE, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.u64 == 0) /* `wake` */
                return NULL;
            watches->notify(watches->data, events[i].data.u64, ready_for(events[i].events));
        }
    }
}

int watches_init(struct watches *watches, watches_notify *notify, void *data)
{
    struct epoll_event event = {.events = EPOLLIN};

    *watches = (struct watches){.notify = notify, .data = data};
    watches->epoll = epoll_create1(EPOLL_CLOEXEC);
    watches->wake = eventfd(0, EFD_CLOEXEC);
    if (watches->epoll < 0 || watches->wake < 0 ||
        epoll_ctl(watches->epoll, EPOLL_CTL_ADD, watches->wake, &event) != 0)
        return -1;
    watches->has_thread = pthread_create(&watches->thread, NULL, run, watches) == 0;
    return watches->has_thread ? 0 : -1;
}

void watches_finish(struct watches *watches)
{
    const uint64_t one = 1;

    if (watches->has_thread && write(watches->wake, &one, sizeof one) == sizeof one)
        pthread_join(watches->thread, NULL);
    if (watches->epoll >= 0)
        close(watches->epoll);
    if (watches->wake >= 0)
        close(watches->wake);
    *watches = (struct watches){.epoll = -1, .wake = -1};
}

static int32_t error_of(int error)
{
    switch (error) {
    case EMFILE:
    case ENFILE:
    case ENOSPC: /* fs.epoll.max_user_watches */
        return TONI_ERR_LIMIT;
    case ENOMEM:
        return TONI_ERR_NO_MEMORY;
    default: /* EBADF; EPERM: it can't be waited for */
        return TONI_ERR_INVALID;
    }
}

int32_t watches_add(struct watches *watches, int fd, uint64_t number, int *own)
{
    struct epoll_event event = {.events = EPOLLONESHOT, .data.u64 = number};

    *own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (*own < 0)
        return error_of(errno);
    if (epoll_ctl(watches->epoll, EPOLL_CTL_ADD, *own, &event) == 0)
        return TONI_OK;
    const int32_t error = error_of(errno);
    close(*own);
    *own = -1;
    return error;
}

/* Can't fail: it was taken in, and takes no more memory. */
void watches_arm(struct watches *watches, int own, uint64_t number, uint32_t events)
{
    const uint32_t in = events & TONI_READABLE ? (uint32_t)EPOLLIN : 0;
    const uint32_t out = events & TONI_WRITABLE ? (uint32_t)EPOLLOUT : 0;
    struct epoll_event event = {.events = in | out | EPOLLONESHOT, .data.u64 = number};

    (void)epoll_ctl(watches->epoll, EPOLL_CTL_MOD, own, &event);
}

/* The kernel knows what is watched by its open file: it would go on after the duplicate was closed,
 * as long as the plugin has its own. */
void watches_disarm(struct watches *watches, int own)
{
    struct epoll_event unused = {0};

    (void)epoll_ctl(watches->epoll, EPOLL_CTL_DEL, own, &unused);
}

void watches_remove(struct watches *watches, int own)
{
    watches_disarm(watches, own);
    close(own);
}
