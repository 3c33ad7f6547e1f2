/* What the rooms ask of a socket: the one door from the rooms to the network. core/net implements
 * it with libwebsockets; tests implement it in memory, with a socket that takes any number of bytes
 * at a time. */
#ifndef ROOMS_TRANSPORT_H
#define ROOMS_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All are called on the client's worker only, never from within each other, and must not call back
 * into the rooms. */
struct transport {
    /** Whether a rest of an earlier write still waits: then nothing may be written. */
    bool (*busy)(void *socket);

    /** Asks for client_flush to be called once the socket is not busy any more. */
    void (*want_flush)(void *socket);

    /** Writes whole frames. What the socket doesn't take at once the transport keeps, and is busy
     * meanwhile.
     * @param bytes  Borrowed for the call.
     * @param size   1 to FRAME_MAX.
     * @return 0, or -1 if the connection is broken; then it is over, and client_finish will follow.
     */
    int (*write)(void *socket, const uint8_t *bytes, size_t size);

    /** The server's close has begun: what was accepted before may take `close_ms` to go out. */
    void (*close_begun)(void *socket);

    /** The close frame has been written, and nothing follows it. */
    void (*close_written)(void *socket);
};

#endif
