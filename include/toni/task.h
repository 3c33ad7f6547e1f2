/** @file
 * Time and work: what an instance has run later, again and again, or beside its callbacks.
 *
 * All functions may be called from any thread: in callbacks, in `create`, in tasks, and on threads
 * of the plugin's own. None calls back into the plugin before it returns, so each may be called
 * under a lock of the plugin's. One that fails has changed nothing: it runs and releases nothing.
 *
 * A task is a callback like any other: it gets `self`, is serialised with the instance's callbacks
 * unless the descriptor says TONI_CONCURRENT, and must not block. The tasks of one instance run one
 * after the other, also if it says that: by the time at which they are due, and those of the same
 * time in the order of the calls. So a slow one makes the others of its instance late, and so does
 * a slow callback of an instance that is serialised; tasks of other instances go on beside them, on
 * other threads of the host. What blocks belongs into the job of toni_work, which runs on one of a
 * few threads of its own, beside all callbacks. A callback must not wait for a task or its job:
 * they may be waiting for the callback.
 *
 * `data` belongs to the task until the task is over. Then `release` gets it, exactly once, whatever
 * happened: after the task has run, or instead if it was cancelled, or when the instance ends. It
 * is a callback too: serialised, and never called from within the functions below.
 *
 * Tasks begin once `create` has returned TONI_OK; those that it asks for wait until then. If it
 * fails, and before `destroy` is called, the host cancels all that has not begun, waits for what is
 * running, and releases all: `done` is not called any more, and whoever asks for another task, in
 * `destroy` too, gets TONI_ERR_CLOSING. An instance may have 65,536 tasks at a time, timers
 * included.
 */
#ifndef TONI_TASK_H
#define TONI_TASK_H

#include <toni/connections.h>
#include <toni/host.h>

/** The longest delay and period, in milliseconds: 34 years. */
#define TONI_TASK_MOST_MS ((uint64_t)1 << 40)

/** Runs a task once, after a while.
 * @param context   The instance's.
 * @param delay_ms  From now, in milliseconds; 0 is as soon as possible, after what is due already.
 * @param run       Called once, unless it is cancelled before.
 * @param data      Handed to @p run and @p release; may be NULL.
 * @param release   Called once when the task is over; NULL: there is nothing to release.
 * @return The timer's id, above 0 and never used again; TONI_ERR_INVALID (@p run is NULL, or @p
 * delay_ms above TONI_TASK_MOST_MS), TONI_ERR_LIMIT (too many tasks), TONI_ERR_CLOSING (the
 * instance ends), TONI_ERR_NO_MEMORY.
 * @thread Any. @since ABI 1.0 */
static inline int64_t toni_after(toni_context *context, uint64_t delay_ms, toni_run_fn run,
                                 void *data, toni_release_fn release)
{
    return toni_host_of(context)->context_after(context, delay_ms, run, data, release);
}

/** Runs a task again and again, the first time after one period. It never runs twice at a time. If
 * it, or what is before it, takes longer than a period, the times that have passed are left out: it
 * goes on at the next one that is a whole number of periods after the call.
 * @param context    The instance's.
 * @param period_ms  In milliseconds; at least 1.
 * @param run        Called until the timer is cancelled.
 * @param data       Handed to @p run and @p release; may be NULL.
 * @param release    Called once, after the timer was cancelled or the instance ends; may be NULL.
 * @return As toni_after; TONI_ERR_INVALID also for a period of 0.
 * @thread Any. @since ABI 1.0 */
static inline int64_t toni_every(toni_context *context, uint64_t period_ms, toni_run_fn run,
                                 void *data, toni_release_fn release)
{
    return toni_host_of(context)->context_every(context, period_ms, run, data, release);
}

/** Cancels a timer of the same instance, also from within its own `run`. After TONI_OK it does not
 * begin to run any more. In a callback of an instance that is not TONI_CONCURRENT that means: it is
 * not running either, unless it is the caller. Elsewhere it may be, and then ends as ever.
 * `release` is called soon, on the host's thread.
 * @param context  The instance's.
 * @param timer    What toni_after or toni_every returned.
 * @return TONI_OK; TONI_ERR_NOT_FOUND: there is no such timer, it was cancelled before, or it is
 * one of toni_after that has begun to run.
 * @thread Any. @since ABI 1.0 */
static inline int32_t toni_cancel_timer(toni_context *context, int64_t timer)
{
    return toni_host_of(context)->context_cancel_timer(context, timer);
}

/** Runs a task on the instance as soon as possible. What one thread posts is run in that order.
 * @param context  The instance's.
 * @param run      Called once.
 * @param data     Handed to @p run and @p release; may be NULL.
 * @param release  Called once when the task is over; may be NULL.
 * @return TONI_OK; TONI_ERR_INVALID (@p run is NULL), TONI_ERR_LIMIT, TONI_ERR_CLOSING,
 * TONI_ERR_NO_MEMORY.
 * @thread Any. @since ABI 1.0 */
static inline int32_t toni_post(toni_context *context, toni_run_fn run, void *data,
                                toni_release_fn release)
{
    return toni_host_of(context)->context_post(context, run, data, release);
}

/** Runs a job that may block on another thread, then notifies the instance. Jobs begin in the order
 * of the calls, and a few of an instance run at a time, beside its callbacks: a job has nothing but
 * @p data, and must not touch what these use without a lock. One that never ends keeps the instance
 * from ending.
 * @param context  The instance's.
 * @param job      Called once, on a thread of the host's, without the instance's lock; @p done gets
 * what it returns.
 * @param done     Called once after that, as a task of the instance; NULL: it needs no notice.
 * @param data     Handed to @p job, @p done and @p release; may be NULL.
 * @param release  Called once when all that is over; may be NULL.
 * @return TONI_OK; TONI_ERR_INVALID (@p job is NULL), TONI_ERR_LIMIT, TONI_ERR_CLOSING,
 * TONI_ERR_NO_MEMORY.
 * @thread Any. @since ABI 1.0 */
static inline int32_t toni_work(toni_context *context, toni_job_fn job, toni_done_fn done,
                                void *data, toni_release_fn release)
{
    return toni_host_of(context)->context_work(context, job, done, data, release);
}

/** How many descriptors an instance may have watched at a time. All instances together may have
 * 128.
 */
#define TONI_WATCHES_MOST 64

/** Has the host watch a descriptor: a database's socket, a serial line, a pipe. Whenever it is
 * ready, a task runs, as any other: serialised, and not beside another task of the instance; while
 * it is ready still after that, it runs again. Only what is read and written in it without blocking
 * belongs there: so set O_NONBLOCK.
 *
 * The host watches a duplicate of its own. So a plugin that closes the descriptor harms nothing;
 * but what is open stays open, and is watched, until the watch is cancelled: cancel it first, or a
 * peer waits for the end. It is also cancelled as all tasks are: at the end of the instance, and at
 * a swap; the new version watches what it needs itself.
 * @param context  The instance's.
 * @param fd       Open, and of a kind that can be waited for: a socket, a pipe, a terminal, an
 * eventfd, a timerfd; not a regular file or folder.
 * @param events   TONI_READABLE, TONI_WRITABLE, or both.
 * @param run      Called each time; gets what of @p events it is ready for. A descriptor that is
 * broken is ready for all of them: whoever finds that out by reading cancels.
 * @param data     Handed to @p run and @p release; may be NULL.
 * @param release  Called once, after the watch was cancelled or the instance ends, when the host's
 * duplicate is closed; may be NULL.
 * @return The watch's id, above 0 and never used again; TONI_ERR_INVALID (@p run is NULL, @p
 * events, or @p fd is not open or can't be waited for), TONI_ERR_LIMIT (too many tasks or watches,
 * or no descriptor is free), TONI_ERR_CLOSING, TONI_ERR_NO_MEMORY.
 * @thread Any. @since ABI 1.0 */
static inline int64_t toni_watch(toni_context *context, int32_t fd, uint32_t events,
                                 toni_watch_fn run, void *data, toni_release_fn release)
{
    return toni_host_of(context)->context_watch(context, fd, events, run, data, release);
}

/** Cancels a watch of the same instance, also from within its own `run`. What holds for
 * toni_cancel_timer holds here: after TONI_OK `run` does not begin any more.
 * @param watch  What toni_watch returned.
 * @return TONI_OK; TONI_ERR_NOT_FOUND: there is no such watch, or it was cancelled before.
 * @thread Any. @since ABI 1.0 */
static inline int32_t toni_unwatch(toni_context *context, int64_t watch)
{
    return toni_host_of(context)->context_unwatch(context, watch);
}

/** toni_target_send with a receipt: a task notifies the instance of what became of the message,
 * once all workers have dealt with it. As with every task, that comes exactly once, or @p release
 * alone if the instance ends before.
 *
 * In a cluster the receipt has the sum of all hosts: once as many have answered as the engine sent
 * the message to, or `receipt_ms` after the engine took it. Its `status` says what may be done:
 *
 * - TONI_OK: the counts are of all hosts.
 * - TONI_ERR_BUSY, TONI_ERR_NO_MEMORY: the engine did not take it, and nobody gets it. It may be
 *   sent again.
 * - TONI_ERR_TIMEOUT: not all hosts have answered, or the engine did not say what became of it
 *   (`nodes_missing` is TONI_NODES_UNKNOWN then). The counts are of those that did answer; others
 *   may have got it, or get it yet.
 * - TONI_ERR_CLOSING: this host ends, and waits for nobody.
 *
 * @param target   Owned by the call from now on. NULL gives TONI_ERR_NO_MEMORY.
 * @param message  Borrowed for the call; its bytes are copied once.
 * @param context  Of the instance to notify: the caller's own.
 * @param notify   Called once.
 * @param data     Handed to @p notify and @p release; may be NULL.
 * @param release  Called once when the task is over; NULL: there is nothing to release.
 * @return How many clients were targeted, in a cluster those of this host; 0 gives a receipt too.
 * Errors as toni_broadcast_to_room and toni_post; then neither @p notify nor @p release is called.
 * @thread Any. @since ABI 1.0 */
static inline int32_t toni_target_send_with_receipt(toni_target *target,
                                                    const toni_message *message,
                                                    toni_context *context, toni_receipt_fn notify,
                                                    void *data, toni_release_fn release)
{
    return target ? toni_host_of(target)->target_send_with_receipt(target, message, context, notify,
                                                                   data, release)
                  : TONI_ERR_NO_MEMORY;
}

/** toni_broadcast_to_room with a receipt; see toni_target_send_with_receipt.
 * @param connections  The injected handle.
 * @param room         UTF-8, 1 to 255 bytes; borrowed for the call.
 * @thread Any. @since ABI 1.0 */
static inline int32_t
toni_broadcast_to_room_with_receipt(toni_connections *connections, toni_str room,
                                    const toni_message *message, toni_context *context,
                                    toni_receipt_fn notify, void *data, toni_release_fn release)
{
    return toni_target_send_with_receipt(toni_to_room(connections, room), message, context, notify,
                                         data, release);
}

#endif
