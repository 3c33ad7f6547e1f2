/* Listening sockets that this process has not opened itself: from the host before it, at a restart,
 * or from a service manager; and those that it has bound before it gave up root. Whoever is about
 * to bind an address asks here first. Not about how they come here; host/handover.h and
 * host/activation.h are. */
#ifndef NET_INHERITED_H
#define NET_INHERITED_H

#include "config/listen_address.h"

#include <stdbool.h>
#include <stddef.h>

/* Enough for "listen.websocket" and any address. */
#define INHERITED_SETTING_SIZE 32
#define INHERITED_ADDRESS_SIZE 128

struct inherited_socket {
    int fd;                               /* -1: taken, or could not be bound */
    int error;                            /* why it could not; 0: it could */
    bool is_shared;                       /* another host still accepts from it */
    bool is_ours;                         /* toni has opened it: in the end it is shut down, and the
                                             file of a Unix socket removed. Others stay */
    bool is_bound_only;                   /* nobody can connect yet: it does not listen */
    char setting[INHERITED_SETTING_SIZE]; /* that it was bound for; empty: not known */
    char address[INHERITED_ADDRESS_SIZE]; /* as it was written there; empty: not known */
};

/* Zero is none. */
struct inherited {
    struct inherited_socket *sockets;
    size_t count;
};

/** Adds a socket.
 * @param socket  Its descriptor is the list's from now on, whatever is returned.
 * @return 0, or -1 on no memory. */
int inherited_add(struct inherited *inherited, const struct inherited_socket *socket);

/** Looks for a socket that is bound to an address; for a free port (`127.0.0.1:0`) that is one that
 * was bound for the same setting by the same words.
 * @param inherited  NULL is fine.
 * @param taken      Filled in; its descriptor is the caller's.
 * @return Whether there was one. */
bool inherited_take(struct inherited *inherited, const struct listen_address *address,
                    const char *setting, struct inherited_socket *taken);

/** @return The errno with which this address could not be bound while the host was root; 0: it was
 * not tried, or could be. */
int inherited_error(const struct inherited *inherited, const struct listen_address *address,
                    const char *setting);

/** Closes what nobody took, and frees the list. If it is the last to have them, each is named in
 * the log.
 * @param is_last  Nobody else accepts from them any more: the files of Unix sockets are removed,
 * too.
 */
void inherited_finish(struct inherited *inherited, bool is_last);

#endif
