/* The running host: what it consists of, and what its files do for each other. run.c makes and ends
 * it, commands.c does what signals and the control socket ask for, stopping.c drains it,
 * succession.c is both sides of a restart. For these four files alone.
 *
 * Main thread only, but for the handlers of signals: the main thread owns configuration, graph and
 * listeners; clients are the workers'. */
#ifndef HOST_HOST_PRIVATE_H
#define HOST_HOST_PRIVATE_H

#include "host/certificates.h"
#include "host/cluster.h"
#include "host/control.h"
#include "host/histories.h"
#include "host/loading.h"
#include "host/predecessor.h"
#include "host/program.h"
#include "host/reload.h"
#include "host/restart.h"
#include "host/revocation_link.h"
#include "host/revocation_store.h"
#include "host/run.h"
#include "host/signals.h"
#include "host/status.h"
#include "host/watchdog.h"
#include "http/admin.h"
#include "http/server.h"
#include "net/access.h"
#include "net/server.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

/* What stderr gets to take the last lines of the log, if nobody reads it. */
#define LAST_WORDS_MS 500

struct host {
    const toni_host *table;
    struct loading loading;
    struct slots slots;
    char *real_path; /* of the configuration: who asks for the status may be in another folder */
    toni_connections *connections;
    struct tasks *tasks;
    struct clustering *clustering; /* NULL: the host is alone */
    struct server *server;
    struct http_server *http;
    struct access *access;
    struct http_admin *admin;
    struct status_sources status;
    struct reload reload;
    struct control_command commands[5]; /* and one without a name */
    struct control *control;
    struct revocation_store revocation_store;
    struct revocation_link revocation_links[2]; /* to the predecessor, to the successor */
    uv_loop_t loop;
    struct program program;
    pid_t watch; /* `toni run --watch`, which has started this host; 0: it is not watched */
    struct predecessor predecessor;
    struct restart *restart;                 /* that is under way, or NULL */
    struct control_request *restart_request; /* that asked for it, or NULL */

    /* Handles of the loop. Their `data` is the host: see host_close_handles(). */
    uv_async_t asked;   /* by a signal: `asked_for` says what */
    uv_async_t drained; /* the last client or request may be gone */
    uv_timer_t drain_limit;
    struct watchdog watchdog;
    uv_timer_t settling;  /* while it leaves: nobody in a handshake is cut off */
    uv_timer_t newcomers; /* while it stops, and others accept: until then none is refused */

    uv_timer_t certificates_due;              /* once an hour */
    struct certificate_watch certificates[3]; /* of websocket, http and admin */
    struct history_timer history_timer;

    atomic_uint asked_for; /* ASKED_… of commands.c */
    atomic_int signal;     /* the first that ends the host */
    atomic_bool is_loaded; /* the configuration, and the plugins */
    struct signals signals;
    bool stop_asked; /* but a reload runs still */
    bool stopping;   /* or leaving */
};

/* --- commands.c */

/** Makes the control socket, and puts it into its place, unless a predecessor answers there.
 * Requests wait until the main loop turns. @return 0, or -1, which is logged. */
int host_open_control(struct host *host);

/** Listens to signals, once the loop has its handles. @return 0, or -1. */
int host_open_signals(struct host *host);

/** Does what signals have asked for. */
void host_on_asked(uv_async_t *asked);

/** What the host does before and after a reload. */
struct reload_notices host_reload_notices(struct host *host);

/** Looks which certificates end soon, now and once an hour from then on. */
void host_watch_certificates(struct host *host);

/* --- stopping.c */

/** Stops, or once a reload that runs is over. */
void host_ask_stop(struct host *host);

/** Stops: no new clients, 1001 to those that are there, at most `drain_ms`. Who has connected but
 * not asked yet is refused, unless a service manager keeps the sockets: then for `close_ms` nobody
 * is. A host that leaves already doesn't take its time any more. */
void host_stop(struct host *host);

/** Calls `stopping` of all instances, then gives clients and requests @p limit_ms to go.
 * @param why  One of TONI_STOPPING_…. */
void host_begin_drain(struct host *host, uint64_t limit_ms, uint32_t why);

/** Ends the loop if all clients and requests are gone. */
void host_check_drained(struct host *host);
void host_on_drained(uv_async_t *drained);

/** Closes all handles of the host, so that the loop ends. A second call does nothing. */
void host_close_handles(struct host *host);

/* --- succession.c */

/** Starts a successor. @param request  To be answered; NULL: it was a signal. */
void host_restart(struct host *host, struct control_request *request);

/** Answers who asked for the restart that is under way, unless it was a signal. */
void host_answer_restart(struct host *host, enum exit_code code, const char *text);

/** Gives up root and all capabilities; a predecessor gets the faults too. Before other threads
 * begin. @return EXIT_CLEAN, or how the process has to end. */
enum exit_code host_give_up_root(struct host *host, const char *config_path, bool may_be_root);

/** Loads configuration and plugins; a predecessor gets the faults too. @return 0, or -1. */
int host_load(struct host *host, const char *config_path);

/** Takes from the predecessor what it can't take back, unless this host was asked to end meanwhile.
 * @return 0, or -1. */
int host_claim(struct host *host);

/** Says that this host serves: from then on the sockets are its own, whatever becomes of the
 * predecessor. */
void host_take_over(struct host *host);

#endif
