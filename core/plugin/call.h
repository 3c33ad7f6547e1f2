/* Which call of a plugin a thread is in, so that a crash can name it (host/crash.c). The caller
 * keeps a record on its stack; one pointer for each thread leads to the innermost. What others may
 * know of a call that runs stands on a board. */
#ifndef PLUGIN_CALL_H
#define PLUGIN_CALL_H

#include "base/signal_stack.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <toni/types.h>

struct instance;

struct plugin_call {
    const struct instance *instance; /* NULL: a library is being loaded */
    const char *callback;            /* or hook, as it is called in the log */
    const toni_client *client;       /* whose callback it is, or NULL */
    const char *library;             /* that is being loaded, or NULL */
    bool is_hook;                    /* whose caller reads what toni_fail() says */
    uint64_t began_ns;               /* the caller's; clock_now_ns() */
    const struct plugin_call *outer; /* that this one is within, or NULL */
};

/** The innermost call that this thread is in, or NULL. */
extern _Thread_local const struct plugin_call *plugin_call_now;

/** What another thread may read of a thread's calls, while they run: the records are on its stack.
 */
struct plugin_call_board {
    _Atomic(const char *) callback; /* of the innermost; a literal. NULL: the thread is in none */
    atomic_uint_fast64_t began_ns;  /* of the one that has begun last */
};

/** That of this thread; NULL: nobody looks. */
extern _Thread_local struct plugin_call_board *plugin_call_board;

/** The number of the worker that this thread is, or -1. */
extern _Thread_local int plugin_call_worker;

/** Declares a record. If a plugin ends its thread inside the call (pthread_exit, pthread_cancel),
 * unwinding leaves the scope of the record while it is still the innermost: so that is noticed,
 * at the cost of a comparison for a call that returns. */
#define PLUGIN_CALL(name) struct plugin_call name __attribute__((cleanup(plugin_call_leave)))

/** Called on a thread that a plugin is ending; should not return. NULL: nothing is called. Set
 * once, by the host, before anything of a plugin runs. */
extern void (*plugin_call_on_thread_end)(void);

/** For PLUGIN_CALL alone. */
static inline void plugin_call_leave(const struct plugin_call *call)
{
    if (plugin_call_now == call && plugin_call_on_thread_end)
        plugin_call_on_thread_end();
}

/** For plugin_call_begin() and plugin_call_end() alone. @param call  NULL: none. */
static inline void plugin_call_show(const struct plugin_call *call)
{
    if (!plugin_call_board)
        return;
    atomic_store_explicit(&plugin_call_board->callback, call ? call->callback : NULL,
                          memory_order_relaxed);
    if (call)
        atomic_store_explicit(&plugin_call_board->began_ns, call->began_ns, memory_order_relaxed);
}

/** Begins a call; plugin_call_end() must follow, on the same thread.
 * @param call  Declared by PLUGIN_CALL; all set but `outer`. */
static inline void plugin_call_begin(struct plugin_call *call)
{
    signal_stack_ensure();
    call->outer = plugin_call_now;
    plugin_call_now = call;
    plugin_call_show(call);
}

/** Ends it. */
static inline void plugin_call_end(const struct plugin_call *call)
{
    plugin_call_now = call->outer;
    plugin_call_show(call->outer);
}

#endif
