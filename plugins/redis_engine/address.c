/* Where a server is: see address.h. */
#include "address.h"

#include <string.h>
#include <sys/un.h>

static const char *set_port(struct address *address, toni_str text)
{
    unsigned value = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || i == sizeof address->port - 1)
            return "its port is no number from 1 to 65535";
        value = value * 10 + (unsigned)(text.data[i] - '0');
    }
    if (value < 1 || value > 65535)
        return "its port is no number from 1 to 65535";
    memcpy(address->port, text.data, text.size);
    address->port[text.size] = '\0';
    return NULL;
}

static const char *set_host(struct address *address, toni_str text)
{
    if (text.size == 0 || text.size > ADDRESS_HOST_MOST || memchr(text.data, '\0', text.size))
        return "it names no host";
    memcpy(address->host, text.data, text.size);
    address->host[text.size] = '\0';
    return NULL;
}

static const char *set_path(struct address *address, toni_str path)
{
    address->is_unix = true;
    if (path.size == 0 || path.data[0] != '/')
        return "behind `unix:` there has to be an absolute path";
    if (path.size >= sizeof((struct sockaddr_un *)NULL)->sun_path)
        return "its path is too long for a socket";
    return set_host(address, path);
}

const char *address_read(struct address *address, toni_str text, const char *standard_port)
{
    toni_str host = text, port = toni_str_of(standard_port), rest;
    *address = (struct address){0};
    if (toni_str_strip_prefix(text, TONI_LIT("unix:"), &rest))
        return set_path(address, rest);
    if (toni_str_strip_prefix(text, TONI_LIT("["), &rest)) {
        if (!toni_str_split_once(rest, ']', &host, &rest))
            return "its `[` has no `]`";
        if (rest.size > 0 && !toni_str_strip_prefix(rest, TONI_LIT(":"), &port))
            return "behind `]` there has to be `:` and a port";
    } else if (toni_str_split_once(text, ':', &host, &port) && memchr(port.data, ':', port.size)) {
        return "an IPv6 address has to be in brackets, as in \"[::1]:6379\"";
    }
    if (port.size == 0)
        return "it has no port, as in \"host:6379\"";
    const char *fault = set_host(address, host);
    return fault ? fault : set_port(address, port);
}
