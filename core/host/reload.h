/* Reloads: gateways.conf is read again, and what has changed takes its place (swap/swap.h). On a
 * thread of its own, one at a time; meanwhile the host serves, and accepts, as ever.
 *
 * All functions on the host's main thread, unless said otherwise. */
#ifndef HOST_RELOAD_H
#define HOST_RELOAD_H

#include "base/buffer.h"
#include "host/cluster.h"
#include "host/loading.h"
#include "host/run.h"
#include "http/admin.h"
#include "http/admin_token.h"
#include "http/server.h"
#include "net/server.h"
#include "swap/swap.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <uv.h>

/** Called with the result of a reload. @param text  For people, lines; borrowed. */
typedef void reload_done(void *data, enum exit_code code, const char *text);

/** What the host does before and after. */
struct reload_notices {
    void (*begins)(void *data);
    void (*is_over)(void *data); /* nothing runs any more, and nothing waits */
    void *data;
};

struct reload_ask;

struct reload {
    /* Borrowed. */
    const char *config_path;
    struct loading *loading; /* NULL: see reload_watch() */
    struct server *server;
    struct clustering *clustering; /* NULL: the host is alone */
    struct http_server *http;
    struct http_admin *admin;
    struct reload_notices notices;

    atomic_bool is_hurried; /* the host stops, which ends all clients anyway */

    pthread_mutex_t lock; /* a leaf; guards the next */
    bool is_running;
    bool is_refused;             /* the host stops */
    pthread_t thread;            /* of the one that runs */
    uv_async_t worked;           /* it has done its work */
    struct reload_ask *answered; /* by the one that runs */
    struct reload_ask *waiting;  /* for the next */
    struct swap_leftovers leftovers;

    /* Of the one that runs; its thread's. */
    struct admin_token next_admin_token;
    struct tls_sets next_tls; /* loaded */
    struct graph *next;
    enum exit_code code;
    struct buffer text;

    /* Of the last; for `toni status`. */
    uint64_t count;
    int64_t last_ms; /* wall clock */
    char *last_text;
    uint64_t old_libraries; /* see plugin/loader.h, `retired` */
};

/** @param reload  Its borrowed members are set. @return 0, or -1. */
int reload_init(struct reload *reload);

/** Before any is asked for. @param loop  The host's; reload_close() must come before its end.
 * @return 0, or an error of libuv. */
int reload_open(struct reload *reload, uv_loop_t *loop);

/** None may run. */
void reload_close(struct reload *reload);

/** The first configuration is loaded: from now on it may be reloaded, and its hooks be hurried;
 * they are at once, if reload_hurry() was called before.
 * @param loading  Borrowed. */
void reload_watch(struct reload *reload, struct loading *loading);

/** None may run. */
void reload_finish(struct reload *reload);

/** Asks for a reload. One that runs goes on, and another follows.
 * @param done  Called once, later or at once; NULL: the log has it anyway. */
void reload_ask(struct reload *reload, reload_done *done, void *data);

/** From now on all are refused: the host stops.
 * @return Whether one runs still: `is_over` follows. */
bool reload_refuse(struct reload *reload);

/** No hook is waited for beyond its limit any more, and no client of a removed gateway. @thread
 * Any.
 */
void reload_hurry(struct reload *reload);

/** Ends the leftovers of swaps; all clients are gone. @return See swap_leftovers_end(). */
int reload_end(struct reload *reload);

#endif
