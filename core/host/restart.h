/* A restart, as the host sees it that is to be replaced: starts a successor with its listening
 * sockets, and waits until that is ready, or has failed. Not about what the host does then:
 * succession.c.
 *
 * All on the main thread. */
#ifndef HOST_RESTART_H
#define HOST_RESTART_H

#include "host/program.h"
#include "host/run.h"
#include "net/listener.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

struct restart;

/* How it ended. */
struct restart_end {
    bool is_ready;            /* the successor serves: this host is to leave */
    pid_t pid;                /* of the successor */
    enum exit_code exit_code; /* for who asked for the restart */
    const char *text;         /* for people: if not ready, what was wrong; borrowed for the call */
};

struct restart_plan {
    const struct program *program;
    struct listener *const *listeners;
    size_t listener_count;
    int revocations;   /* the successor's end of a revocation_link; -1: none */
    uint64_t limit_ms; /* within which the successor has to be ready */
    uv_loop_t *loop;
    void (*over)(void *data, const struct restart_end *end); /* once, from the loop */
    void *data;
};

/** Starts a successor.
 * @param plan  Its pointers are borrowed for the call, but for loop and data.
 * @param why   Filled in on failure: what is wrong.
 * @return NULL on failure, which is not logged; nothing is called then. */
struct restart *restart_begin(const struct restart_plan *plan, char *why, size_t why_size);

/** Asks the successor to end; `over` follows once it has. */
void restart_cancel(struct restart *restart);

/** Ends the successor, waits until it is gone, and calls `over`; the loop must turn once more.
 * @param restart  NULL is fine. */
void restart_finish(struct restart *restart);

#endif
