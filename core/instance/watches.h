/* The descriptors that instances have watched (toni_watch), and the thread that waits for them.
 * What is ready becomes due as a task (tasks.c): here no plugin code runs.
 *
 * Each is a duplicate of the plugin's, so it is there until the host lets go of it, whatever the
 * plugin closes. It is armed once at a time (EPOLLONESHOT), and armed again after its task has run.
 * The kernel is asked directly: libuv, whose loops belong to one thread each, ends the process
 * where the kernel refuses a descriptor that it has already taken in, and arming would have to go
 * through the loop's thread. Any thread may call what is not the thread's own. */
#ifndef INSTANCE_WATCHES_H
#define INSTANCE_WATCHES_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/** How many descriptors all instances together may have watched: each takes one of the host's. */
#define WATCHES_MOST 128

/** @param number  As watches_add() got it.
 * @param ready   Of TONI_READABLE and TONI_WRITABLE: what it is ready for, or is broken for. */
typedef void watches_notify(void *data, uint64_t number, uint32_t ready);

struct watches {
    int epoll; /* -1: there is none */
    int wake;  /* an eventfd: the thread is to end */
    bool has_thread;
    pthread_t thread;
    watches_notify *notify; /* called on the thread */
    void *data;
};

/** Begins to wait. @return 0; -1: there are no descriptors, or there is no thread. To be ended by
 * watches_finish() in both cases. */
int watches_init(struct watches *watches, watches_notify *notify, void *data);

/** Ends the thread. @param watches  Zero is fine if `epoll` is -1. */
void watches_finish(struct watches *watches);

/** Duplicates a descriptor and takes it in, not armed.
 * @param number  Not 0; identifies it.
 * @param own     Set to the duplicate, to be ended by watches_remove().
 * @return TONI_OK; TONI_ERR_INVALID: it is not open, or can't be waited for, as a regular file;
 * TONI_ERR_LIMIT: too many descriptors are open or watched; TONI_ERR_NO_MEMORY. */
int32_t watches_add(struct watches *watches, int fd, uint64_t number, int *own);

/** Waits for the next time that it is ready. */
void watches_arm(struct watches *watches, int own, uint64_t number, uint32_t events);

/** It is not waited for any more; what is on its way may still come. */
void watches_disarm(struct watches *watches, int own);

/** Disarms it and closes the duplicate. */
void watches_remove(struct watches *watches, int own);

#endif
