/* A listening socket: bound by the host itself, so that a port in use is seen, and accepted in one
 * place, so that the load is even. Knows nothing of WebSocket; it hands descriptors on. */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include "net/inherited.h"
#include "wiring/listen_address.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

/* What an accepted descriptor is handed to. @param address  The client's, without a port; empty on
 * a Unix socket. */
typedef void listener_accepted(void *data, int fd, const char *address);

/* Asked before each: whether there is room for one more. If not, clients wait in the queue. */
typedef bool listener_has_room(void *data);

/* Enough for any address that listener_name writes. */
#define LISTENER_NAME_SIZE 128

struct listener {
    uv_poll_t poll;
    uv_timer_t pause; /* waits for descriptors to become free */
    int fd;
    bool polling;
    bool is_unix;
    bool is_shared;                   /* the host before this one accepts from it, too */
    bool is_ours;                     /* toni has opened it, not a service manager that keeps it */
    bool owns_file;                   /* of a Unix socket: it is removed in the end */
    bool is_left;                     /* to a successor, see listener_leave */
    uint64_t warned_ms;               /* of the loop's clock: when it last said that it pauses */
    char name[LISTENER_NAME_SIZE];    /* the bound address, with the real port */
    const char *setting;              /* where the address comes from; constant */
    char written[LISTENER_NAME_SIZE]; /* the address as it stands there */
    listener_accepted *accepted;
    listener_has_room *has_room;
    void *data;
};

/** Takes the socket of this address that came from outside; if there is none, binds and listens.
 * @param setting    Where the address comes from: "listen.http". Constant.
 * @param inherited  NULL is none.
 * @return 0, or -1, which is logged; then nothing stays bound. */
int listener_open(struct listener *listener, const struct listen_address *address,
                  const char *setting, struct inherited *inherited);

/** Writes the address that a socket is bound to, as gateways.conf would. */
void listener_describe(int fd, char name[LISTENER_NAME_SIZE]);

/** @return The port that is really bound; 0 of a Unix socket. */
uint16_t listener_port(const struct listener *listener);

/** Begins to accept. @return 0, or a libuv error. */
int listener_start(struct listener *listener, uv_loop_t *loop, listener_accepted *accepted,
                   listener_has_room *has_room, void *data);

/** Refuses who connects from now on, but keeps the socket open, for other threads that may still
 * have it; listener_close must follow. Does nothing if somebody else goes on with the socket: after
 * listener_leave, or a service manager. */
void listener_refuse(struct listener *listener);

/** Stops accepting, and leaves the socket and its file to a successor that has it as well: who is
 * in its queue, or connects from now on, is the successor's. Keeps it open as listener_refuse does;
 * listener_close must follow. */
void listener_leave(struct listener *listener);

/** Stops, and closes the socket; the loop must turn once more before @p listener may go. */
void listener_close(struct listener *listener);

#endif
