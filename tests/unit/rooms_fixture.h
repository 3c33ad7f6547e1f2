/* What the tests of core/rooms share: connections without a host around them, clients with a socket
 * in memory that takes any number of bytes at a time, and a strict reader of what came out of it.
 * Nothing here asks Check for anything, so that threads can use it: what must hold and doesn't ends
 * the process. */
#ifndef ROOMS_FIXTURE_H
#define ROOMS_FIXTURE_H

#include "dice.h"

#include "base/buffer.h"
#include "base/log.h"
#include "rooms/api.h"
#include "rooms/client.h"
#include "rooms/connections.h"
#include "rooms/room_table.h"

#include <toni/client.h>
#include <toni/connections.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Ends the process unless @p condition holds. */
#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fixture_fail(__FILE__, __LINE__, #condition);                                          \
    } while (0)

/** Says what failed, and what fixture_set_note was told, and aborts. */
_Noreturn void fixture_fail(const char *file, int line, const char *what);

/** Remembers how to repeat the test that runs, for when it fails; a copy of @p format's result. */
void fixture_set_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* --- Connections */

enum { FIXTURE_LANES = 16 };

struct fixture {
    toni_host host;
    toni_connections *connections;
    uint32_t wakes[FIXTURE_LANES]; /* atomic */
};

/** From then on nothing is logged. @param limits  NULL: the defaults. */
void fixture_init(struct fixture *fixture, const struct limits *limits, uint32_t lanes);

/** From now on these rooms of the default namespace keep messages, and no others.
 * @param rooms  As `history` of gateways.conf has it. */
void fixture_keep(struct fixture *fixture, const char *rooms, uint32_t messages, uint32_t seconds);

/** Requires that nothing is left in the tables, and that the figures add up. */
void fixture_finish(struct fixture *fixture);

/** Requires of all on a lane for whom something waits that it is held, and what of it is direct
 * known. After a turn, on the thread that made it. */
void fixture_require_backlogs(const struct lane *lane);

/** A turn of every lane. */
void fixture_turn(struct fixture *fixture);

/** The lanes take all that was posted, and sleep; nobody has been woken. */
void fixture_settle(struct fixture *fixture);

/** @return How many messages that were accepted for a client were dropped, for whatever reason. */
uint64_t fixture_dropped(const toni_connections *connections);

/** Makes the calling thread the worker of every lane. */
void fixture_attach(struct fixture *fixture);

/* --- Clients */

#define WINDOW_OPEN UINT64_MAX

/* A socket in memory: what it doesn't take at once is its rest, and makes it busy. One that sips
 * keeps no more of it than belongs to the frame that it has begun to take. */
struct fake_socket {
    struct buffer wire;    /* what the other side got */
    struct buffer rest;    /* what was written and waits for the window */
    uint64_t window;       /* bytes that it still takes */
    bool sips;             /* set by a test */
    bool cuts;             /* the same: it keeps nothing, and takes any number of bytes */
    bool full;             /* it sips or cuts, and has not taken all of the last write */
    bool wants_flush;      /* want_flush was called */
    bool paused;           /* nothing is to be read from it */
    uint32_t drained;      /* calls of that */
    bool broken;           /* the next write fails */
    uint32_t writes;       /* that were made */
    uint32_t begun;        /* calls of close_begun */
    uint32_t closed;       /* calls of close_written */
    const toni_client *of; /* for checks */
};

struct peer {
    toni_client *client; /* a reference */
    toni_client_id id;
    struct fake_socket socket;
    bool finished;
};

/** Connects a client with the limits of the host, whose socket takes everything. */
struct peer *peer_connect(struct fixture *fixture, uint32_t lane);

/** The same, in a namespace. */
struct peer *peer_connect_in(struct fixture *fixture, uint32_t lane, struct space *space);

/** The same with other limits, which must outlive the client. */
struct peer *peer_connect_limited(struct fixture *fixture, uint32_t lane,
                                  const struct limits *limits);

/** The same, and it takes compressed messages. */
struct peer *peer_connect_deflating(struct fixture *fixture, uint32_t lane,
                                    const struct limits *limits);

/** A request as peers make it; the caller's. */
toni_request *peer_request(const toni_host *host);

/** Opens the window by @p bytes; WINDOW_OPEN opens it for ever. Flushes the client if it asked for
 * that and can be flushed. */
void peer_take(struct peer *peer, uint64_t bytes);

/** The connection is gone: what the worker does then. Keeps what was received. */
void peer_lose(struct peer *peer);

/** Ends a peer, and its client if it is not finished yet. Requires that no reference is left but
 * the peer's, unless @p fixture is NULL; the lanes must have turned. */
void peer_destroy(struct fixture *fixture, struct peer *peer);

/** Loses those that are not lost yet. */
void peers_lose(struct peer *const *peers, size_t count);

/** Loses all peers of a fixture, and destroys them. */
void peers_end(struct fixture *fixture, struct peer *const *peers, size_t count);

extern const struct transport fake_transport;

void fake_socket_finish(struct fake_socket *socket);

/** Moves what the window allows from the rest to the wire.
 * @return Whether the client is to be flushed. */
bool fake_socket_take(struct fake_socket *socket, uint64_t bytes);

/* --- What a client received */

struct wire_message {
    unsigned opcode; /* of the first frame: text, binary or close */
    unsigned code;   /* of a close frame; 0 if it has none */
    const uint8_t *payload;
    size_t size; /* of a close frame: of the reason */
    uint32_t frames;
    bool was_compressed;
};

struct wire_reader {
    const uint8_t *bytes;
    size_t size;
    size_t at;
    struct buffer fragments;
    unsigned opcode;
    uint32_t frames;
    bool closed;
    bool compressed;     /* the message that is being read */
    bool deflates;       /* set by the test: it may be */
    struct buffer whole; /* what was inflated */
};

void wire_reader_init(struct wire_reader *reader, const void *bytes, size_t size);

void wire_reader_finish(struct wire_reader *reader);

/** Reads the next whole message, and inflates it if it is compressed, each in itself; refuses
 * whatever RFC 6455, RFC 7692 and frame.h forbid a server to send.
 * @param message  Filled in; valid until the next call.
 * @return Whether there was one. */
bool wire_reader_next(struct wire_reader *reader, struct wire_message *message);

/** @return What @p peer received: texts joined with `|`, a close as `<code reason>`. A string that
 * lives until the next call. */
const char *peer_texts(struct peer *peer);

#endif
