/* A process that the watch has started: the host, a build, `toni reload`. What it writes comes by
 * lines; it ends with the watch, however that ends, and all that it has started with it if it is
 * ended. */
#ifndef WATCH_CHILD_H
#define WATCH_CHILD_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <uv.h>

struct child;

struct child_plan {
    const char *name;             /* for messages */
    const char *const *arguments; /* ends with NULL; the first is the program */
    const char *program;          /* if that lies elsewhere than the first argument says */
    const char *folder;           /* that it runs in; NULL: the watch's */
    bool is_shown_colours;        /* it is to write to a terminal */

    /* Listening sockets, which it finds as a service manager's are (sd_listen_fds(3)). */
    const int *sockets;
    size_t socket_count;
    const char *socket_names;

    /* Further variables of its environment: name, value, …, NULL. A value of "" removes it. */
    const char *const *variables;

    /* @param line  With its end, but for a last one that has none, and for one that is long, which
     *              comes in pieces. */
    void (*on_line)(void *data, const char *line, size_t length);

    /* It has ended, and all that it has written has come. The child is freed behind this call.
     * @param status  As of waitpid(2). */
    void (*on_end)(void *data, int status);
    void *data;
};

/** Starts one. @param plan  Its functions and data outlive the child; the rest is copied.
 * @return The child; NULL, with errno set. */
struct child *child_start(const struct child_plan *plan, uv_loop_t *loop);

/** Looks whether it has ended; then `on_end` is called. To be called after each SIGCHLD.
 * @return Whether it has: it is freed then. */
bool child_look(struct child *child);

/** Asks it to end by SIGTERM, once more after @p patience_ms, and ends it by SIGKILL after twice
 * that. With it ends all of its process group. A second call hurries: it asks once more, and a
 * third ends it. */
void child_end(struct child *child, uint64_t patience_ms);

/** @return Whether it was asked to. */
bool child_is_ending(const struct child *child);

pid_t child_pid(const struct child *child);

#endif
