/* Bytes of a connected socket that is not to block: the system calls as they are. recv() and send()
 * of the C library are cancellation points, which in a process with threads costs more than all
 * else that is done for a read or a write. */
#ifndef BASE_SOCKET_BYTES_H
#define BASE_SOCKET_BYTES_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/** As recv(2), never waiting. */
static inline ssize_t socket_receive(int fd, void *to, size_t size)
{
    return syscall(SYS_recvfrom, fd, to, size, MSG_DONTWAIT, NULL, NULL);
}

/** As send(2), without SIGPIPE. */
static inline ssize_t socket_transmit(int fd, const void *bytes, size_t size)
{
    return syscall(SYS_sendto, fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT, NULL, 0);
}

/** The same, but these bytes go with what follows, or with the end; alone after 200 ms. */
static inline ssize_t socket_transmit_ahead(int fd, const void *bytes, size_t size)
{
    return syscall(SYS_sendto, fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT | MSG_MORE, NULL, 0);
}

/** @return Whether it may go on later. */
static inline bool socket_is_for_now(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

#endif
