/* An instance of a plugin, and the only way into its code: every hook and callback goes through a
 * function of this file, which takes the instance's lock, measures, and counts. Not about which
 * instances there are (graph.h), or what they may ask of the host (context.h).
 *
 * Unless its descriptor says TONI_CONCURRENT, an instance's callbacks are called one at a time,
 * under its own lock. That is the first lock in the host's order: the caller holds none. */
#ifndef INSTANCE_INSTANCE_H
#define INSTANCE_INSTANCE_H

#include "base/lock.h"
#include "base/value.h"
#include "config/config.h"
#include "config/options.h"
#include "instance/plugin_figures.h"
#include "instance/slot.h"
#include "instance/tasks.h"
#include "plugin/call.h"
#include "plugin/plugin.h"
#include "rooms/limits.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <toni/host.h>
#include <toni/plugin.h>

/** What instance_create() needs to know; all but the injections is borrowed and must outlive the
 * instance. */
struct instance_setup {
    struct config *config;  /* what the rest is borrowed from: the instance takes a reference */
    struct slot *slot;      /* where it is, or will be */
    struct plugin *plugin;  /* the instance takes a reference of its own */
    const struct value *at; /* its provider in gateways.conf, for faults */
    const char *name;
    const char *module;
    const char *namespace; /* of its clients and rooms; empty: the default one */
    struct space *space;   /* the same; NULL: it has no clients and is injected no connections */
    toni_str path;         /* where it answers; empty: nowhere */
    const struct value *options; /* a group, or NULL */
    struct limits limits;
    const struct name_at *guards; /* instances, that are asked before its own */
    size_t guard_count;
    struct tasks *tasks; /* NULL: it gets no time and no work, as if it were ending */
    bool is_held;        /* its tasks wait for tasks_open(), also after `create` */
};

/** So many mistakes in asking for options are logged of an instance. */
#define OPTIONS_MISSED_MOST 32

/** Read-only from instance_create() to instance_destroy(), but for the lock and the counters. */
struct instance {
    const toni_host *host; /* first: a toni_context points to an instance */
    void *self;
    const toni_plugin *descriptor; /* the plugin's */
    bool is_serialised;
    uint32_t generation; /* that its slot counts it as, if it ever serves */
    uint64_t callback_limit_ns;
    uint64_t hook_limit_ns;
    struct lock lock; /* held around callbacks if is_serialised */

    struct instance_setup setup;
    struct options options; /* what it declares, with what gateways.conf says of it */
    void **injected;        /* one for each of the descriptor's `needs`, in their order */

    atomic_bool asked_in_vain; /* for an interface that it does not list, which is logged once */
    /* Options that it asked for and does not declare, or not so: each is logged once. */
    _Atomic uint64_t missed_options[OPTIONS_MISSED_MOST];
    struct instance_figures *figures; /* the slot's */
    struct figure_holds figure_holds;
    struct task_list tasks; /* the tasks' own */
};

/* --- Life. Each hook that takes longer than `hook_ms` is named in the log and counted; what it
 * says of its failure, failure_text() has. Not to be called by two threads at once for one
 * instance. */

/** Makes an instance and calls `create`.
 * @param setup     Copied, see there.
 * @param host      The table that it reaches the host through; outlives the instance.
 * @param injected  What it gets for each of its descriptor's `needs`, in their order; copied.
 * @param result    Set to the instance, to be destroyed by instance_destroy(); NULL on an error.
 * @return TONI_OK, TONI_ERR_NO_MEMORY, what `create` returned, or TONI_ERR_NOT_FOUND: it has asked
 * for an interface that its descriptor does not list, which is logged. */
int32_t instance_create(const struct instance_setup *setup, const toni_host *host,
                        void *const *injected, struct instance **result);

/** Calls `start`. @return TONI_OK, or what it returned. */
int32_t instance_start(struct instance *instance);

/** Calls `ready`. @return TONI_OK, or what it returned. */
int32_t instance_ready(struct instance *instance);

/** Calls `stopping`. @param why  One of TONI_STOPPING_…. */
void instance_stopping(struct instance *instance, uint32_t why);

/** Cancels the instance's tasks (tasks_cancel()), calls `destroy` and frees the instance.
 * @param instance  NULL is fine. */
void instance_destroy(struct instance *instance);

/* --- Callbacks; any thread. One that the plugin left out does nothing and succeeds. Each that
 * takes longer than `callback_ms` is named in the log and counted. */

/** @return What its own guard returned: see guard_verdict(). */
int32_t instance_guard(struct instance *instance, const toni_request *request);

/** Asks an instance that provides the interface of guards: for another's client, so not under its
 * own lock. @return As instance_guard(). */
int32_t instance_check(struct instance *instance, const toni_request *request);

/** Has another token checked by an instance, within a callback of the gateway that lists it, or by
 * that gateway itself; not under its own lock.
 * @return What its `refresh` returned; TONI_ERR_NOT_FOUND: it has none. */
int32_t instance_refresh(struct instance *instance, const toni_request *request, toni_str token);

/** @return TONI_OK, or why the client is refused. A refusal may be intended: only the caller knows
 * whether a close code was chosen, so it reports with instance_callback_failed() what was not. */
int32_t instance_on_connect(struct instance *instance, toni_client *client);

/** Tells a new instance of a client that its predecessor had. A failure is logged and counted here.
 * @return TONI_OK, or an error that ends the client. */
int32_t instance_on_adopt(struct instance *instance, toni_client *client);

/** Of a callback that failed: the code that its client is to be closed with. */
#define INSTANCE_STAYS 0u        /* it is not to be closed */
#define INSTANCE_FAULT_CODE 1011 /* RFC 6455, section 7.4.1: an unexpected condition */

/** A failure is logged and counted here, and what it costs is asked of `on_error`.
 * @return INSTANCE_STAYS, or the code that ends the client. */
uint16_t instance_on_message(struct instance *instance, toni_client *client,
                             const toni_message *message);

/** The same, for `on_drained`. */
uint16_t instance_on_drained(struct instance *instance, toni_client *client);

void instance_on_disconnect(struct instance *instance, toni_client *client,
                            const toni_disconnect_info *info);

/** Releases what a gateway kept with a client. @param data  NULL does nothing. */
void instance_client_free(struct instance *instance, void *data);

/** Only for a service that has one.
 * @return TONI_OK, or an error: what that means only the caller knows, who reports with
 * instance_on_request_failed() what is answered 500. */
int32_t instance_on_request(struct instance *instance, toni_exchange *exchange);

/** Logs and counts an `on_request` that failed. */
void instance_on_request_failed(struct instance *instance, const toni_exchange *exchange,
                                int32_t error);

/** Logs and counts a callback that failed, and whose client is closed for that.
 * @param callback  Its name in the descriptor.
 * @param client    Whose callback it was. */
void instance_callback_failed(struct instance *instance, const char *callback, toni_client *client,
                              int32_t error);

/** Begins a call of a function of the interface that the instance provides, by the host itself.
 * Such functions are called from any thread, and guard their own state: no lock is taken. It is
 * measured as a callback.
 * @param function  What it is called in the log.
 * @param call      Filled in; stays where it is until instance_call_end(). */
void instance_call_begin(struct instance *instance, const char *function, struct plugin_call *call);

/** Ends it. @thread That which began. */
void instance_call_end(struct instance *instance, const struct plugin_call *call);

/** For callbacks that are not in the descriptor: takes the lock, if the instance is serialised.
 * @param callback  What the callback is called in the log.
 * @param call      Filled in; stays where it is until instance_leave(). */
void instance_enter(struct instance *instance, const char *callback, struct plugin_call *call);

/** Releases the lock again. @thread That which entered. */
void instance_leave(struct instance *instance, const struct plugin_call *call);

/* --- A swap: the instance is quiesced, so the lock is not taken. Otherwise as hooks. */

/** @return Whether it has a state to give away. */
bool instance_can_export(const struct instance *instance);

/** @return Whether it wants a state. */
bool instance_can_import(const struct instance *instance);

/** Calls `export_state`. @return TONI_OK, what it returned, or what a write met. */
int32_t instance_export(struct instance *instance, toni_state_writer *writer);

/** Calls `import_state`. @return TONI_OK, or what it returned. */
int32_t instance_import(struct instance *instance, const toni_state *state);

/** Gives it other limits for callbacks and hooks. It is quiesced. */
void instance_set_limits(struct instance *instance, const struct limits *limits);

/* --- Reading */

/** @return What others get who have it injected; empty if it provides nothing. */
toni_slot instance_provides(const struct instance *instance);

/** @return The instance as its plugin knows it. */
static inline toni_context *instance_context(struct instance *instance)
{
    return (toni_context *)instance;
}

/** @return The instance behind a context that instance_context() made. */
static inline struct instance *instance_of(const toni_context *context)
{
    return (struct instance *)(uintptr_t)context;
}

#endif
