/* Sockets from outside; see inherited.h. */
#include "net/inherited.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

int inherited_add(struct inherited *inherited, const struct inherited_socket *socket)
{
    struct inherited_socket *sockets =
        reallocarray(inherited->sockets, inherited->count + 1, sizeof *sockets);
    if (!sockets) {
        if (socket->fd >= 0)
            close(socket->fd);
        return -1;
    }
    sockets[inherited->count++] = *socket;
    inherited->sockets = sockets;
    return 0;
}

static bool is_bound_to(const struct inherited_socket *socket, const struct listen_address *address)
{
    struct listen_address bound = {.length = sizeof bound.address};
    return socket->fd >= 0 &&
           getsockname(socket->fd, (struct sockaddr *)&bound.address, &bound.length) == 0 &&
           listen_address_equal(&bound, address);
}

static bool is_for(const struct inherited_socket *socket, const struct listen_address *address,
                   const char *setting)
{
    return strcmp(socket->setting, setting) == 0 &&
           strcmp(socket->address, listen_address_text(address)) == 0;
}

bool inherited_take(struct inherited *inherited, const struct listen_address *address,
                    const char *setting, struct inherited_socket *taken)
{
    struct inherited_socket *found = NULL;
    for (size_t i = 0; inherited && i < inherited->count && !found; i++) {
        if (is_bound_to(&inherited->sockets[i], address))
            found = &inherited->sockets[i];
    }
    for (size_t i = 0; inherited && i < inherited->count && !found; i++) {
        if (inherited->sockets[i].fd >= 0 && is_for(&inherited->sockets[i], address, setting))
            found = &inherited->sockets[i];
    }
    if (!found)
        return false;
    *taken = *found;
    found->fd = -1;
    return true;
}

int inherited_error(const struct inherited *inherited, const struct listen_address *address,
                    const char *setting)
{
    for (size_t i = 0; inherited && i < inherited->count; i++) {
        if (inherited->sockets[i].error != 0 && is_for(&inherited->sockets[i], address, setting))
            return inherited->sockets[i].error;
    }
    return 0;
}

static void remove_file(const struct inherited_socket *socket)
{
    struct sockaddr_un name = {0};
    socklen_t length = sizeof name;
    if (socket->is_ours &&
        getsockname(socket->fd, (struct sockaddr *)(void *)&name, &length) == 0 &&
        name.sun_family == AF_UNIX)
        unlink(name.sun_path);
}

static void report(const struct inherited_socket *socket)
{
    log_warn("a listening socket from outside is closed: its address is not in `listen`",
             log_str("name", socket->setting), log_str("address", socket->address));
}

void inherited_finish(struct inherited *inherited, bool is_last)
{
    for (size_t i = 0; i < inherited->count; i++) {
        struct inherited_socket *socket = &inherited->sockets[i];
        if (socket->fd < 0)
            continue;
        if (is_last) {
            report(socket);
            remove_file(socket);
        }
        close(socket->fd);
    }
    free(inherited->sockets);
    *inherited = (struct inherited){0};
}
