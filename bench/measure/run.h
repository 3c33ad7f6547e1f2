/* One run: connect, join, warm up, publish, and what that cost. */
#ifndef MEASURE_RUN_H
#define MEASURE_RUN_H

#include "client/watched.h"
#include "measure/crowd.h"

/* Over exactly the window that is measured: from before the first message is sent until the last
 * delivery has come and the server has come to rest. */
struct window {
    uint64_t sent;     /* messages, or handshakes */
    uint64_t expected; /* deliveries to those who read, or connections opened and closed */
    uint64_t delivered;
    uint64_t wall_ns; /* until the last delivery */
    struct cpu_time server, generator;
};

/* The server's memory, in KiB. */
struct memory {
    uint64_t before;    /* nobody is there */
    uint64_t opened;    /* everybody is, and nobody has joined */
    uint64_t connected; /* everybody is, and the active ones have joined */
    uint64_t joined;    /* the idle ones have joined too */
    uint64_t after;     /* everything has been delivered; the slow ones have not read yet */
    uint64_t peak;      /* the most that was resident, at any time up to then */
};

struct run {
    struct window window;
    struct memory memory;
    double connect_s;
    bool one_order; /* all members of a room who got everything got it in the same order */
};

/** @return 0, or -1 if it could not be done, after a line on stderr. What was received is for the
 * report to judge. */
int run_load(struct run *run, struct crowd *crowd);

#endif
