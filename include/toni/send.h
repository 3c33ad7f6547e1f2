/** @file
 * Sends: to whom, and what.
 *
 * | to          | a message              | a text, put together as printf does, or from parts |
 * |-------------|------------------------|----------------------------------------------------|
 * | this client | toni_client_send       | `…_send_text`, `…_sendf`, `…_send_parts`           |
 * | a client    | toni_send_to_client    | `…_client_text`, `…_clientf`, `…_client_parts`     |
 * | a room      | toni_broadcast_to_room | `…_room_text`, `…_roomf`, `…_room_parts`           |
 * | a room, for a client | toni_broadcast_from | `…_from_text`, `…_fromf`, `…_from_parts`    |
 * | a target    | toni_target_send       | `…_send_text`, `…_sendf`, `…_send_parts`           |
 *
 * *This client* is the one that the running callback is about, a *client* is one by its id, a
 * *target* is what toni_to_room, toni_to_all, toni_to_gateway and toni_to_client of connections.h
 * have begun.
 *
 * All is borrowed for the call, and copied once, whatever the number of receivers. A text is UTF-8.
 * A format stops at a NUL, as `%s` does, and a text from a client may hold one; parts are put
 * behind each other byte for byte.
 */
#ifndef TONI_SEND_H
#define TONI_SEND_H

#include <toni/format.h>
#include <toni/host.h>

/* --- This client */

/** Sends a message to the client of the running callback.
 * @return As toni_send_to_client. @thread The callback's. @since ABI 1.0 */
static inline int32_t toni_client_send(toni_client *client, const toni_message *message)
{
    return toni_host_of(client)->client_send(client, message);
}

/** Sends a text to the client of the running callback.
 * @return As toni_send_to_client. @thread The callback's. @since ABI 1.0 */
static inline int32_t toni_client_send_text(toni_client *client, toni_str text)
{
    const toni_message message = toni_text(text);
    return toni_client_send(client, &message);
}

/** Sends a text to the client of the running callback, put together as printf does.
 * @return As toni_send_to_client; TONI_ERR_INVALID also for a bad format.
 * @thread The callback's. @since ABI 1.0 */
TONI_PRINTF(2, 3)
static inline int32_t toni_client_sendf(toni_client *client, const char *format, ...)
{
    toni_text_buffer buffer;
    va_list arguments;
    va_start(arguments, format);
    int32_t result = toni_text_buffer_format(&buffer, format, arguments);
    va_end(arguments);
    if (result == TONI_OK)
        result = toni_client_send_text(client, buffer.text);
    toni_text_buffer_finish(&buffer);
    return result;
}

/** Sends a text to the client of the running callback, put together from parts.
 * @param parts  @p count of them, mostly TONI_PARTS.
 * @return As toni_send_to_client. @thread The callback's. @since ABI 1.0 */
static inline int32_t toni_client_send_parts(toni_client *client, const toni_str *parts,
                                             size_t count)
{
    toni_text_buffer buffer;
    int32_t result = toni_text_buffer_join(&buffer, parts, count);
    if (result == TONI_OK)
        result = toni_client_send_text(client, buffer.text);
    toni_text_buffer_finish(&buffer);
    return result;
}

/* --- A client, by its id */

/** Sends a message to one client.
 * @param connections  The injected handle.
 * @param client       The client's id.
 * @return TONI_OK: accepted into its outbox; TONI_ERR_NOT_FOUND (no such client), TONI_ERR_CLOSING,
 * TONI_ERR_FULL (`outbox_messages` or `outbox_bytes` are waiting for it already; `on_drained` of
 * its gateway says when to go on), TONI_ERR_INVALID (a text that is not UTF-8), TONI_ERR_TOO_BIG
 * (larger than `outbox_bytes`), TONI_ERR_NO_MEMORY.
 * @thread Any. @since ABI 1.0 */
static inline int32_t toni_send_to_client(toni_connections *connections, toni_client_id client,
                                          const toni_message *message)
{
    return toni_host_of(connections)->send_to_client(connections, client, message);
}

/** Sends a text to one client. @return As toni_send_to_client. @thread Any. @since ABI 1.0 */
static inline int32_t toni_send_to_client_text(toni_connections *connections, toni_client_id client,
                                               toni_str text)
{
    const toni_message message = toni_text(text);
    return toni_send_to_client(connections, client, &message);
}

/** Sends a text to one client, put together as printf does.
 * @return As toni_send_to_client; TONI_ERR_INVALID also for a bad format.
 * @thread Any. @since ABI 1.0 */
TONI_PRINTF(3, 4)
static inline int32_t toni_send_to_clientf(toni_connections *connections, toni_client_id client,
                                           const char *format, ...)
{
    toni_text_buffer buffer;
    va_list arguments;
    va_start(arguments, format);
    int32_t result = toni_text_buffer_format(&buffer, format, arguments);
    va_end(arguments);
    if (result == TONI_OK)
        result = toni_send_to_client_text(connections, client, buffer.text);
    toni_text_buffer_finish(&buffer);
    return result;
}

/** Sends a text to one client, put together from parts.
 * @param parts  @p count of them, mostly TONI_PARTS.
 * @return As toni_send_to_client. @thread Any. @since ABI 1.0 */
static inline int32_t toni_send_to_client_parts(toni_connections *connections,
                                                toni_client_id client, const toni_str *parts,
                                                size_t count)
{
    toni_text_buffer buffer;
    int32_t result = toni_text_buffer_join(&buffer, parts, count);
    if (result == TONI_OK)
        result = toni_send_to_client_text(connections, client, buffer.text);
    toni_text_buffer_finish(&buffer);
    return result;
}

/* --- A room */

/** Sends a message to every member of a room, the sender included if it is one.
 * @param connections  The injected handle.
 * @param room     UTF-8, 1 to 255 bytes. A room that doesn't exist has no members.
 * @return How many clients were targeted; in a cluster how many of this host would be now: whoever
 * is a member when it arrives gets it. TONI_ERR_INVALID (room name, or a text that is not
 * UTF-8), TONI_ERR_TOO_BIG (larger than `pending_bytes_per_room` or `pending_bytes`, or than the
 * engine takes), TONI_ERR_BUSY (the workers have not yet taken what waits in this room or host; in
 * a cluster: the engine is away, or too much waits for it), TONI_ERR_NO_MEMORY. After an error
 * nobody gets it.
 * @thread Any. @since ABI 1.0 */
static inline int32_t toni_broadcast_to_room(toni_connections *connections, toni_str room,
                                             const toni_message *message)
{
    return toni_host_of(connections)->broadcast_to_room(connections, room, message);
}

/** Sends a text to every member of a room.
 * @return As toni_broadcast_to_room. @thread Any. @since ABI 1.0 */
static inline int32_t toni_broadcast_to_room_text(toni_connections *connections, toni_str room,
                                                  toni_str text)
{
    const toni_message message = toni_text(text);
    return toni_broadcast_to_room(connections, room, &message);
}

/** Sends a text to every member of a room, put together as printf does.
 * @return As toni_broadcast_to_room; TONI_ERR_INVALID also for a bad format.
 * @thread Any. @since ABI 1.0 */
TONI_PRINTF(3, 4)
static inline int32_t toni_broadcast_to_roomf(toni_connections *connections, toni_str room,
                                              const char *format, ...)
{
    toni_text_buffer buffer;
    va_list arguments;
    va_start(arguments, format);
    int32_t result = toni_text_buffer_format(&buffer, format, arguments);
    va_end(arguments);
    if (result == TONI_OK)
        result = toni_broadcast_to_room_text(connections, room, buffer.text);
    toni_text_buffer_finish(&buffer);
    return result;
}

/** Sends a text to every member of a room, put together from parts.
 * @param parts  @p count of them, mostly TONI_PARTS.
 * @return As toni_broadcast_to_room. @thread Any. @since ABI 1.0 */
static inline int32_t toni_broadcast_to_room_parts(toni_connections *connections, toni_str room,
                                                   const toni_str *parts, size_t count)
{
    toni_text_buffer buffer;
    int32_t result = toni_text_buffer_join(&buffer, parts, count);
    if (result == TONI_OK)
        result = toni_broadcast_to_room_text(connections, room, buffer.text);
    toni_text_buffer_finish(&buffer);
    return result;
}

/* --- A room, for a client: what it has sent, and wants to be sent on */

/** Tells whether a client may have something sent to a room: whether `publish` of `rooms`, in its
 * gateway's own group of gateways.conf, lets it. Without that everybody may, to any room. A client
 * counts as a member from the call of toni_join_room or toni_join_room_since on, also while that is
 * under way.
 * @param client  Of the running callback.
 * @param room    UTF-8, 1 to 255 bytes; need not exist.
 * @return TONI_OK; TONI_ERR_MAY_NOT_PUBLISH; TONI_ERR_INVALID (the name).
 * @thread The callback's. @since ABI 1.0 */
static inline int32_t toni_client_may_publish(toni_client *client, toni_str room)
{
    return toni_host_of(client)->client_may_publish(client, room);
}

/** toni_broadcast_to_room for what a client has sent, if it may: see toni_client_may_publish. The
 * client gets it, too, if it is a member. The room is one of the client's namespace.
 * @param client  Of the running callback.
 * @return As toni_broadcast_to_room; TONI_ERR_MAY_NOT_PUBLISH: it may not, and nobody gets it.
 * @thread The callback's. @since ABI 1.0 */
static inline int32_t toni_broadcast_from(toni_client *client, toni_str room,
                                          const toni_message *message)
{
    return toni_host_of(client)->broadcast_from(client, room, message);
}

/** The same with a text. @return As toni_broadcast_from. @thread The callback's. @since ABI 1.0 */
static inline int32_t toni_broadcast_from_text(toni_client *client, toni_str room, toni_str text)
{
    const toni_message message = toni_text(text);
    return toni_broadcast_from(client, room, &message);
}

/** The same with a text that is put together as printf does.
 * @return As toni_broadcast_from; TONI_ERR_INVALID also for a bad format.
 * @thread The callback's. @since ABI 1.0 */
TONI_PRINTF(3, 4)
static inline int32_t toni_broadcast_fromf(toni_client *client, toni_str room, const char *format,
                                           ...)
{
    toni_text_buffer buffer;
    va_list arguments;
    va_start(arguments, format);
    int32_t result = toni_text_buffer_format(&buffer, format, arguments);
    va_end(arguments);
    if (result == TONI_OK)
        result = toni_broadcast_from_text(client, room, buffer.text);
    toni_text_buffer_finish(&buffer);
    return result;
}

/** The same with a text that is put together from parts.
 * @param parts  @p count of them, mostly TONI_PARTS.
 * @return As toni_broadcast_from. @thread The callback's. @since ABI 1.0 */
static inline int32_t toni_broadcast_from_parts(toni_client *client, toni_str room,
                                                const toni_str *parts, size_t count)
{
    toni_text_buffer buffer;
    int32_t result = toni_text_buffer_join(&buffer, parts, count);
    if (result == TONI_OK)
        result = toni_broadcast_from_text(client, room, buffer.text);
    toni_text_buffer_finish(&buffer);
    return result;
}

/* --- A target */

/** Ends a target without sending anything. @param target  NULL is fine. @since ABI 1.0 */
static inline void toni_target_destroy(toni_target *target)
{
    if (target)
        toni_host_of(target)->target_destroy(target);
}

/** Sends a message to the target, and ends the target. In a cluster a target of one client that is
 * on this host is sent to at once.
 * @param target  Owned by the call from now on. NULL gives TONI_ERR_NO_MEMORY.
 * @return How many clients were targeted; errors as toni_broadcast_to_room. In a cluster also
 * TONI_ERR_LIMIT: it names more than 1,024 rooms or gateways, or 4,096 clients, or as many that are
 * left out.
 * @thread Any. @since ABI 1.0 */
static inline int32_t toni_target_send(toni_target *target, const toni_message *message)
{
    return target ? toni_host_of(target)->target_send(target, message) : TONI_ERR_NO_MEMORY;
}

/** Sends a text to the target, and ends the target.
 * @return As toni_target_send. @thread Any. @since ABI 1.0 */
static inline int32_t toni_target_send_text(toni_target *target, toni_str text)
{
    const toni_message message = toni_text(text);
    return toni_target_send(target, &message);
}

/** Sends a text to the target, put together as printf does, and ends the target, also if that
 * fails.
 * @return As toni_target_send; TONI_ERR_INVALID also for a bad format.
 * @thread Any. @since ABI 1.0 */
TONI_PRINTF(2, 3)
static inline int32_t toni_target_sendf(toni_target *target, const char *format, ...)
{
    toni_text_buffer buffer;
    va_list arguments;
    va_start(arguments, format);
    int32_t result = toni_text_buffer_format(&buffer, format, arguments);
    va_end(arguments);
    if (result == TONI_OK)
        result = toni_target_send_text(target, buffer.text);
    else
        toni_target_destroy(target);
    toni_text_buffer_finish(&buffer);
    return result;
}

/** Sends a text to the target, put together from parts, and ends the target, also if that fails.
 * @param parts  @p count of them, mostly TONI_PARTS.
 * @return As toni_target_send. @thread Any. @since ABI 1.0 */
static inline int32_t toni_target_send_parts(toni_target *target, const toni_str *parts,
                                             size_t count)
{
    toni_text_buffer buffer;
    int32_t result = toni_text_buffer_join(&buffer, parts, count);
    if (result == TONI_OK)
        result = toni_target_send_text(target, buffer.text);
    else
        toni_target_destroy(target);
    toni_text_buffer_finish(&buffer);
    return result;
}

#endif
