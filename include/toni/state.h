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

/** Until toni_leave, no service that this thread calls is exchanged or ended.
 *
 * For threads of a plugin's own and jobs (toni_work): `toni_enter`, the calls, `toni_leave`. It
 * holds for the whole host, so once is enough whatever the thread calls; nested ones are counted.
 * It waits while something is being exchanged, which takes no longer than `swap_ms` and the
 * plugins' own export_state and import_state; so hold no lock that a callback may wait for. And
 * keep it short: a reload is given up, and names the instance, if the thread has not left within
 * `swap_ms`. In a hook or callback, and in the functions of an interface that others call from
 * theirs, it is not needed and does no harm.
 * @param context  Of the instance that the thread belongs to.
 * @thread Any. @since ABI 1.0 */
static inline void toni_enter(toni_context *context)
{
    toni_host_of(context)->context_enter(context);
}

/** Ends what toni_enter has begun, by the same thread.
 * @return TONI_OK, or TONI_ERR_INVALID: this thread has begun nothing. @since ABI 1.0 */
static inline int32_t toni_leave(toni_context *context)
{
    return toni_host_of(context)->context_leave(context);
}

#endif
