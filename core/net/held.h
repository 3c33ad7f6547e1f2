/* Which worker is held up: by a callback that does not return, or by a turn that does not end. For
 * the watchdog (host/watchdog.h), which says what is done about it. */
#ifndef NET_HELD_H
#define NET_HELD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct server;

struct held {
    uint32_t worker;
    pthread_t thread;
    uint64_t since_ns;    /* when its turn, or the last callback in it, has begun */
    uint64_t clients;     /* that it has */
    const char *instance; /* that it last called; "": none */
    uint64_t callback_ms; /* its limit, or the host's */
    const char *callback; /* that it is in; NULL: in none */
};

/** @return Whether any worker is in a turn.
 * @param held  The one that has gone on for longest without a callback of its own, or itself,
 * having begun. @thread Main, while the workers run. */
bool held_find(const struct server *server, struct held *held);

#endif
