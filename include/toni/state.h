/** @file
 * What goes along when an instance is swapped: its state, from the old version to the new one, and
 * the services that others go on calling meanwhile.
 *
 * A swap, as `toni reload` makes it when a plugin's file or options have changed: the new version
 * is made beside the old one (`create`, `start`). Then the old one quiesces: no callback of it
 * runs, and none begins. `export_state` of the old one writes what it knows, `import_state` of the
 * new one reads it. From then on the new one is called; nothing that clients sent is lost, handled
 * twice, or out of order. At last `ready` of the new one, `stopping` and `destroy` of the old one.
 * If the new version fails before it is called, its `destroy` is called, and the old one goes on as
 * if nothing had been.
 *
 * Clients, their ids and their rooms belong to the host and stay. What the old version kept with a
 * client (toni_client_set_data) is released by its `client_free`; `on_adopt` of the new version is
 * called for each client, before its first callback for that client, and keeps something of its
 * own. While clients carry data, a new version without `on_adopt` is refused. Timers, posts and
 * jobs of the old version are cancelled; the new one sets up its own.
 *
 * @since ABI 1.0
 */
#ifndef TONI_STATE_H
#define TONI_STATE_H

#include <toni/host.h>

/** Appends bytes to the state.
 * @param writer  That `export_state` got.
 * @param bytes   Borrowed for the call; copied. May be NULL if @p size is 0.
 * @param size    Bytes.
 * @return TONI_OK; TONI_ERR_TOO_BIG: all together would be more than `state_bytes` of
 * gateways.conf; TONI_ERR_NO_MEMORY. After an error the swap is given up, whatever `export_state`
 * returns.
 * @thread That of `export_state`. @since ABI 1.0 */
static inline int32_t toni_state_write(toni_state_writer *writer, const void *bytes, size_t size)
{
    return toni_host_of(writer)->state_write(writer, bytes, size);
}

/** Begins a piece of work in which a thread of the plugin's own, or a job (toni_work), calls
 * services that were injected: until toni_context_release they are not exchanged. Waits while they
 * are being exchanged, which takes no longer than `swap_ms` and the plugins' own export_state and
 * import_state; so hold no lock that a callback may wait for. May be nested, also with contexts of
 * several instances: each is waited for, unless the exchange itself waits for this thread to
 * release another one. In a hook or callback, and in the functions of an interface that others call
 * from theirs, it is not needed, does no harm, and does not wait; but for a context that has
 * nothing to do with the instance in whose callback the thread is.
 *
 * Keep it short: a swap of such a service, or of this instance, is given up when it has to wait for
 * longer than `swap_ms`.
 * @return TONI_OK, or TONI_ERR_LIMIT: the thread has acquired eight other contexts.
 * @thread Any. @since ABI 1.0 */
static inline int32_t toni_context_acquire(toni_context *context)
{
    return toni_host_of(context)->context_acquire(context);
}

/** Ends what toni_context_acquire has begun, by the same thread.
 * @return TONI_OK, or TONI_ERR_INVALID: this thread has begun nothing. @since ABI 1.0 */
static inline int32_t toni_context_release(toni_context *context)
{
    return toni_host_of(context)->context_release(context);
}

#endif
