/** @file
 * The client that a gateway's callback is about.
 *
 * The pointer is valid until the callback returns, and on the thread that runs it. What outlives
 * the callback is the id; with it the functions of connections.h reach the client from anywhere.
 */
#ifndef TONI_CLIENT_H
#define TONI_CLIENT_H

#include <toni/format.h>
#include <toni/host.h>

/** @return The client's id. @since ABI 1.0 */
static inline toni_client_id toni_client_id_of(const toni_client *client)
{
    return toni_host_of(client)->client_id(client);
}

/** The client's name: the text form of its id, which other clients may see. It doesn't tell how
 * many there are.
 * @return NUL-terminated; borrowed, as the client is. @since ABI 1.0 */
static inline const char *toni_client_name(const toni_client *client)
{
    return toni_host_of(client)->client_name(client);
}

/** A client's name, by value. */
typedef struct toni_name {
    char text[TONI_CLIENT_NAME_SIZE]; /**< NUL-terminated */
} toni_name;

/** The name that belongs to an id.
 * @param handle  Any handle of the host.
 * @param client  An id, also of a client that is gone.
 * @return The name, by value. @thread Any. @since ABI 1.0 */
static inline toni_name toni_client_id_name(const void *handle, toni_client_id client)
{
    toni_name name;
    toni_host_of(handle)->client_id_name(client, name.text);
    return name;
}

/** Sends a message to the client; see toni_send_to_client.
 * @return TONI_OK, or what toni_send_to_client returns. @since ABI 1.0 */
static inline int32_t toni_client_send(toni_client *client, const toni_message *message)
{
    return toni_host_of(client)->client_send(client, message);
}

/** Sends a text to the client.
 * @param text  NUL-terminated UTF-8; borrowed for the call.
 * @return TONI_OK, or what toni_send_to_client returns. @since ABI 1.0 */
static inline int32_t toni_client_send_text(toni_client *client, const char *text)
{
    toni_message message = toni_text(toni_str_of(text));
    return toni_client_send(client, &message);
}

/** Sends a text to the client, put together as printf does.
 * @return As toni_send_to_client; TONI_ERR_INVALID also for a bad format. @since ABI 1.0 */
TONI_PRINTF(2, 3)
static inline int32_t toni_client_sendf(toni_client *client, const char *format, ...)
{
    toni_text_buffer buffer;
    va_list arguments;
    va_start(arguments, format);
    int32_t result = toni_text_buffer_format(&buffer, format, arguments);
    va_end(arguments);
    if (result == TONI_OK) {
        toni_message message = toni_text(buffer.text);
        result = toni_client_send(client, &message);
    }
    toni_text_buffer_finish(&buffer);
    return result;
}

/** Sends a text to the client, put together from parts, which may hold any UTF-8, a NUL too.
 * @param parts  @p count of them, mostly TONI_PARTS; borrowed for the call.
 * @return TONI_OK, or what toni_send_to_client returns. @since ABI 1.0 */
static inline int32_t toni_client_send_parts(toni_client *client, const toni_str *parts,
                                             size_t count)
{
    toni_text_buffer buffer;
    int32_t result = toni_text_buffer_join(&buffer, parts, count);
    if (result == TONI_OK) {
        toni_message message = toni_text(buffer.text);
        result = toni_client_send(client, &message);
    }
    toni_text_buffer_finish(&buffer);
    return result;
}

/** Closes the client; see toni_disconnect. In `on_connect`, and followed by the return of an error,
 * it says with which code and reason the client is refused.
 * @param reason  NUL-terminated UTF-8, at most 123 bytes; borrowed for the call.
 * @return TONI_OK, or what toni_disconnect returns. @since ABI 1.0 */
static inline int32_t toni_client_disconnect(toni_client *client, uint16_t code, const char *reason)
{
    return toni_host_of(client)->client_disconnect(client, code, toni_str_of(reason));
}

/** @return The gateway's own pointer for this client; NULL until it was set. @since ABI 1.0 */
static inline void *toni_client_data(const toni_client *client)
{
    return toni_host_of(client)->client_data(client);
}

/** Keeps one pointer of the gateway's own with the client. The descriptor's `client_free` gets it
 * after `on_disconnect` has returned, or after a refused `on_connect`; a pointer that is replaced
 * stays the gateway's. Another version of the gateway needs `on_adopt` to take over clients that
 * carry one: see state.h.
 * @since ABI 1.0 */
static inline void toni_client_set_data(toni_client *client, void *data)
{
    toni_host_of(client)->client_set_data(client, data);
}

/** @return What the client asked for when it connected; see request.h. Borrowed, as the client is.
 * @since ABI 1.0 */
static inline const toni_request *toni_client_request(const toni_client *client)
{
    return toni_host_of(client)->client_request(client);
}

#endif
