/* The watch: what it consists of, and what its files do for each other. watch.c decides what
 * happens next and when it ends, saving.c sees what was saved, building.c builds, hosting.c starts
 * the host and sees how it ends, serving.c has it reload. For these files alone. One thread. */
#ifndef WATCH_WATCH_PRIVATE_H
#define WATCH_WATCH_PRIVATE_H

#include "config/config.h"
#include "watch/build.h"
#include "watch/child.h"
#include "watch/debounce.h"
#include "watch/reasons.h"
#include "watch/sockets.h"
#include "watch/tree.h"
#include "watch/watch.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

/* This program, also when another version lies at its path by now. */
#define WATCH_PROGRAM "/proc/self/exe"

/* A build that runs because of files which change once more is let run so long, before it is ended
 * for them again: it may be what changes them. */
#define WATCH_AGAIN_MS 1000

/* How long those have that are asked to end, before they are asked once more; see child_end(). */
#define WATCH_BUILD_PATIENCE_MS 700
#define WATCH_HOST_PATIENCE_MS 3000

/* How a crash report says where it was. */
#define WATCH_NAME_SIZE 160

struct watch {
    const struct watch_plan *plan;
    uv_loop_t loop;
    uv_signal_t signals[4];

    /* What is watched. */
    char folder[PATH_MAX]; /* of the configuration; absolute */
    char **config_files;   /* it, and what it includes; absolute */
    size_t config_file_count;
    struct config_watch settings; /* of the last file that could be read; its build is `command` */
    char *command;
    struct build_way way;
    struct tree *tree;

    /* What is saved. */
    struct reasons reasons;
    struct debounce debounce;
    uv_timer_t save_over;
    bool is_config_saved; /* in the save that goes on */
    uint64_t since_ms;    /* when the last save began; 0: it is being served, or there was none */
    uint64_t serving_ms;  /* when that began which is being served; 0: nothing is */

    /* What is to be done. */
    bool must_build;
    bool must_serve;   /* what was built, or the configuration, is not served yet */
    bool must_replace; /* by a host that is started anew: the one that runs can't */

    struct child *build;
    uint64_t build_began_ms, build_ended_ms;
    uv_timer_t later; /* when one is followed by another, where it changes its own sources */
    uv_timer_t again; /* when the build that runs is ended for the same files as the one before */
    struct child *asking; /* `toni reload`, or `toni check` */
    struct buffer answer; /* of it */

    struct child *host;
    struct sockets sockets;
    int ready_fd; /* the host says here that it is ready; -1: not made */
    uv_poll_t ready;
    char ready_name[32]; /* of that, for NOTIFY_SOCKET */
    uv_timer_t ready_limit;
    bool is_ready;
    bool is_stopping;                                          /* it has said so */
    bool has_crashed;                                          /* since the last save */
    bool is_replacing;                                         /* it was ended to be started anew */
    bool is_hung;                                              /* its watchdog ends it */
    char callback[WATCH_NAME_SIZE], instance[WATCH_NAME_SIZE]; /* where it crashes or hangs */
    char library[WATCH_NAME_SIZE]; /* of which no frame of that was seen yet */

    bool is_ending;
    int end_signal;
    uint64_t end_ms;
    int exit_code;
};

/* --- watch.c */

/** Does what is to be done next, if it can be done now. After every event. */
void watch_go_on(struct watch *watch);

uint64_t watch_now_ms(const struct watch *watch);

/* --- saving.c */

/** Begins to look. @return 0, or -1, which is said. */
int watch_open_tree(struct watch *watch);
void watch_close_tree(struct watch *watch);

/** Looks how to build: a build may have made the folder for the next one. */
void watch_find_way(struct watch *watch);

/** Reads the configuration for what is watched, and how it is built; one that can't be read changes
 * nothing. @return The configuration, to be given to gateways_conf_destroy(); NULL if it can't be
 * read, or has a fault. */
struct config *watch_read_config(struct watch *watch);

/* --- building.c */

void watch_build(struct watch *watch);

/* --- hosting.c */

/** Makes where the host says that it is ready. @return 0, or -1, which is said. */
int watch_open_ready(struct watch *watch);

void watch_start_host(struct watch *watch);

/** Ends the host; when it has ended it is started anew if that is still to be done. */
void watch_replace_host(struct watch *watch);

/* --- serving.c */

void watch_reload(struct watch *watch);

/** What was saved until now is being served. What is saved from here on is not. */
void watch_begin_serving(struct watch *watch);

/** What was being served is: says how long that took. */
void watch_say_served(struct watch *watch);

#endif
