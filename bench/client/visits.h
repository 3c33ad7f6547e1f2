/* Handshakes: connections that are opened and closed again, some at a time, and nothing else. Each
 * waits for the answer, sends a close frame, and waits for the server's and for the end of TCP. */
#ifndef CLIENT_VISITS_H
#define CLIENT_VISITS_H

#include "client/percentiles.h"
#include "client/target.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct visits {
    const struct target *target;
    const char *path;
    uint32_t window;      /* as many at a time, at most */
    uint32_t most;        /* are begun; 0: as many as come until the end */
    double rate;          /* so many a second, whatever has come back; 0: as the window allows */
    uint64_t end_ns;      /* none is begun after that; 0: no end */
    uint64_t patience_ns; /* silence after which those that are under way are given up */
    const atomic_bool *stops; /* may end it early; NULL: nobody does */
    /** Hears of each that went wrong, and why; NULL: of no interest. */
    void (*failed)(void *data, const char *why);
    /** Hears every 100 ms or so how many are done by now; NULL: of no interest. */
    void (*told)(void *data, uint64_t done);
    void *data;

    /* What came of it. */
    uint64_t begun;
    uint64_t done; /* went all the way */
    uint64_t wrong;
    uint64_t start_ns;
    uint64_t last_ns;            /* when the last one was done */
    struct percentiles *answers; /* the times until the answer came, from when it was due */
};

/** Opens and closes. @return 0, or -1 if no more could be begun. */
int visits_run(struct visits *visits);

#endif
