/* Unix sockets as files: who has a path, and binding to one that a crashed host has left behind.
 * Not about what is said over them. */
#ifndef NET_UNIX_SOCKET_H
#define NET_UNIX_SOCKET_H

#include "config/socket_file.h"

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

/** What lies at a path. */
enum unix_file {
    UNIX_FILE_NONE,
    UNIX_FILE_LEFT_OVER, /* a socket that nobody listens on: its process has crashed */
    UNIX_FILE_LISTENING,
    UNIX_FILE_OTHER, /* no socket, or one that may not be tried: not ours to remove */
};

/** Looks by connecting, without waiting; who listens there sees somebody come and go.
 * @param pid  Set to the process that listens; 0 if there is none, or it can't be seen from here.
 *             NULL is fine. */
enum unix_file unix_file_look(const struct sockaddr_un *name, pid_t *pid);

/** Binds; a left-over file makes way. @return 0, or -1 with errno set. */
int unix_socket_bind(int fd, const struct sockaddr_un *name);

/** Gives the file of a socket its mode and group, if it shall have some.
 * @return 0, or -1 with errno set. */
int unix_socket_set_file(const struct sockaddr_un *name, const struct socket_file *file);

#endif
