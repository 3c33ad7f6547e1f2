/** @file
 * The client that a gateway's callback is about.
 *
 * The pointer is valid until the callback returns, and on the thread that runs it. What outlives
 * the callback is the id; with it the functions of connections.h reach the client from anywhere.
 */
#ifndef TONI_CLIENT_H
#define TONI_CLIENT_H

#include <toni/host.h>
#include <toni/send.h>

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

/** Closes the client; see toni_close_client. In `on_connect`, and followed by the return of an
 * error, it says with which code and reason the client is refused.
 * @param reason  UTF-8, at most 123 bytes; borrowed for the call.
 * @return TONI_OK, or what toni_close_client returns. @since ABI 1.0 */
static inline int32_t toni_client_close(toni_client *client, uint16_t code, toni_str reason)
{
    return toni_host_of(client)->client_close(client, code, reason);
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
