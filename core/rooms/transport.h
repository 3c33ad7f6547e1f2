/* What the rooms ask of a socket: the one door from the rooms to the network. core/net implements
 * it with sockets; tests implement it in memory, with a socket that takes any number of bytes at a
 * time. */
#ifndef ROOMS_TRANSPORT_H
#define ROOMS_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* All are called on the client's worker only, never from within each other, and must not call back
 * into the rooms. */
struct transport {
    /** Whether the socket has not taken all of an earlier write yet: then nothing may be written.
     */
    bool (*busy)(void *socket);

    /** Asks for client_flush to be called once the socket is not busy any more. */
    void (*want_flush)(void *socket);

    /** Writes as many bytes as the socket takes. If it doesn't take all, it is busy from then on.
     * @param bytes  Borrowed for the call.
     * @param size   1 to FRAME_MAX.
     * @return How many bytes it took: any number, so the last frame may be taken in part. Or -1 if
     * the connection is broken; then it is over, and client_finish will follow. */
    ssize_t (*write)(void *socket, const uint8_t *bytes, size_t size);

    /** Asks that nothing be read from the client, or that reading go on. The server's own close
     * ends a pause without being asked. */
    void (*pause)(void *socket, bool pause);

    /** Much waited for the client, or was refused, and little is left: it may be sent more. Called
     * once for each time that this comes about, and not once the server's close has begun. */
    void (*drained)(void *socket);

    /** The server's close has begun: what was accepted before may take `close_ms` to go out. */
    void (*close_begun)(void *socket);

    /** The close frame has been written, and nothing follows it. */
    void (*close_written)(void *socket);

    /** Who the client is has changed, and with that when its token ends. */
    void (*identified)(void *socket);
};

#endif
