/* A listening socket: bound by the host itself, so that a port in use is seen, and accepted in one
 * place, so that the load is even. Knows nothing of WebSocket; it hands descriptors on. */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include "config/listen_address.h"
#include "net/inherited.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

/* What an accepted descriptor is handed to; it is not blocking. @param peer  The client's address;
 * of a Unix socket the family alone. */
typedef void listener_accepted(void *data, int fd, const struct sockaddr_storage *peer,
                               socklen_t length);

/* Asked before each: whether there is room for one more. If not, clients wait in the queue until
 * sockets that are about to be closed are. */
typedef bool listener_has_room(void *data);

/* Enough for any address that listener_name writes. */
#define LISTENER_NAME_SIZE 128

struct listener {
    uv_poll_t poll;
    uv_timer_t pause; /* waits for places or descriptors to become free */
    int fd;
    struct socket_file file; /* what the file of a Unix socket shall have */
    bool polling;            /* has handles on a loop */
    bool is_unix;
    bool is_tls;                      /* who is accepted speaks TLS */
    bool is_shared;                   /* the host before this one accepts from it, too */
    bool is_ours;                     /* toni has opened it, not a service manager that keeps it */
    bool owns_file;                   /* of a Unix socket: it is removed in the end */
    uint64_t warned_ms;               /* of the loop's clock: when it last said that it pauses */
    char name[LISTENER_NAME_SIZE];    /* the bound address, with the real port */
    const char *setting;              /* where the address comes from; constant */
    char written[LISTENER_NAME_SIZE]; /* the address as it stands there */
    listener_accepted *accepted;
    listener_has_room *has_room;
    void *data;
};

/** Binds a TCP address; nobody can connect yet. @return The socket, or -1 with errno set. */
int listener_bind(const struct listen_address *address);

/** Takes the socket of this address that came from outside; if there is none, binds and listens.
 * @param setting    Where the address comes from: "listen.http". Constant.
 * @param inherited  NULL is none.
 * @return 0, or -1, which is logged; then nothing stays bound. */
int listener_open(struct listener *listener, const struct listen_address *address,
                  const char *setting, struct inherited *inherited);

/** The host before this one is relieved: the socket is this one's alone, and its file gets its mode
 * and group, as far as they are other ones now. */
void listener_take_over(struct listener *listener);

/** Writes the address that a socket is bound to, as gateways.conf would. */
void listener_describe(int fd, char name[LISTENER_NAME_SIZE]);

/** @return The port that is really bound; 0 of a Unix socket. */
uint16_t listener_port(const struct listener *listener);

/** Begins to accept. @return 0, or a libuv error. */
int listener_start(struct listener *listener, uv_loop_t *loop, listener_accepted *accepted,
                   listener_has_room *has_room, void *data);

/** Stops accepting, and leaves the socket and its file to a successor that has it as well: who is
 * in its queue, or connects from now on, is the successor's. listener_close must follow. */
void listener_leave(struct listener *listener);

/** Stops, refuses who waits in the queue if nobody else has the socket, and closes it; the loop
 * must turn once more before @p listener may go. */
void listener_close(struct listener *listener);

#endif
