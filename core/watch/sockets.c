/* Listening sockets; see sockets.h. */
#include "watch/sockets.h"

#include "base/buffer.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static bool is_same_file(const struct socket_file *a, const struct socket_file *b)
{
    return a->has_mode == b->has_mode && a->has_group == b->has_group && a->mode == b->mode &&
           a->group == b->group;
}

/* @return Whether one of those that are held is it; then that is moved. */
static bool take_held(struct sockets *held, const struct listen_address *address,
                      const char *setting, struct listener *listener)
{
    for (size_t i = 0; i < held->count; i++) {
        struct listener *other = &held->listeners[i];
        if (other->fd < 0 || strcmp(other->setting, setting) != 0 ||
            strcmp(other->written, listen_address_text(address)) != 0 ||
            !is_same_file(&other->file, &address->file))
            continue;
        *listener = *other;
        other->fd = -1;
        return true;
    }
    return false;
}

/* The port lies at the same place in sockaddr_in6. */
static bool is_on_free_port(const struct listen_address *address)
{
    const struct sockaddr_in *inet = (const struct sockaddr_in *)&address->address;
    return address->address.ss_family != AF_UNIX && inet->sin_port == 0;
}

static void add_all(struct sockets *next, struct sockets *held, const struct address_list *list,
                    const char *setting, bool is_to_open)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct listen_address *address = &list->addresses[i];
        struct listener *listener = &next->listeners[next->count];
        if (is_on_free_port(address))
            continue;
        if (is_to_open ? listener_open(listener, address, setting, NULL) == 0
                       : take_held(held, address, setting, listener))
            next->count++;
    }
}

static void close_all(struct sockets *sockets)
{
    for (size_t i = 0; i < sockets->count; i++)
        listener_close(&sockets->listeners[i]);
}

static bool is_held(const struct sockets *sockets, const struct listen_address *address)
{
    for (size_t i = 0; i < sockets->count; i++) {
        if (strcmp(sockets->listeners[i].written, listen_address_text(address)) == 0)
            return true;
    }
    return false;
}

/* First those that are held already, then what is not wanted any more is let go, which may have the
 * address of a new one. */
static void fit(struct sockets *next, struct sockets *held, const struct address_list *const *lists)
{
    static const char *const settings[] = {"listen.websocket", "listen.http", "listen.admin"};
    for (size_t i = 0; i < 3; i++)
        add_all(next, held, lists[i], settings[i], false);
    close_all(held);
    held->count = 0;
    for (size_t i = 0; i < 3; i++) {
        for (size_t k = 0; k < lists[i]->count; k++) {
            const struct address_list one = {&lists[i]->addresses[k], 1};
            if (!is_held(next, &lists[i]->addresses[k]))
                add_all(next, held, &one, settings[i], true);
        }
    }
}

static int describe(struct sockets *sockets)
{
    struct buffer names;
    buffer_init(&names);
    for (size_t i = 0; i < sockets->count; i++) {
        sockets->descriptors[i] = sockets->listeners[i].fd;
        if (buffer_appendf(&names, "%s%s", i > 0 ? ":" : "", sockets->listeners[i].setting))
            break;
    }
    if (buffer_append(&names, "", 1)) {
        buffer_finish(&names);
        return -1;
    }
    sockets->names = names.bytes;
    return 0;
}

int sockets_fit(struct sockets *sockets, const struct config *config)
{
    const struct address_list *const lists[] = {&config->websocket, &config->http, &config->admin};
    const size_t most = config->websocket.count + config->http.count + config->admin.count;
    struct sockets next = {
        .listeners = calloc(most + 1, sizeof *next.listeners),
        .descriptors = calloc(most + 1, sizeof *next.descriptors),
    };
    int result = -1;
    if (next.listeners && next.descriptors) {
        fit(&next, sockets, lists);
        result = describe(&next);
    }
    sockets_finish(sockets);
    if (result)
        sockets_finish(&next);
    *sockets = next;
    return result;
}

void sockets_finish(struct sockets *sockets)
{
    close_all(sockets);
    free(sockets->listeners);
    free(sockets->descriptors);
    free(sockets->names);
    *sockets = (struct sockets){0};
}
