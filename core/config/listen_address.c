/* Numbers only: a name could mean several addresses, and others tomorrow. */
#include "config/listen_address.h"

#include "config/setting.h"

#include <arpa/inet.h>
#include <libgen.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define UNIX_PREFIX "unix:"
#define LONGEST_HOST 80 /* of a number: an IPv6 address with the name of an interface */

const char *listen_address_text(const struct listen_address *address)
{
    return value_string(address->at);
}

/* What stands behind the path. */
static bool parse_file(const char *text, const struct value *at, struct listen_address *address,
                       struct fault_list *faults)
{
    char *rest = strdup(text);
    bool is_good = rest && socket_file_read_all(&address->file, rest, at, faults);
    if (!rest)
        fault_at(faults, at, "address `%s` can't be read: out of memory", value_string(at));
    free(rest);
    return is_good;
}

static bool parse_unix(const struct value *at, struct listen_address *address,
                       struct fault_list *faults)
{
    const char *path = value_string(at) + strlen(UNIX_PREFIX);
    struct sockaddr_un *local = (struct sockaddr_un *)&address->address;
    const size_t size = strcspn(path, ";") + 1;

    if (path[0] != '/') {
        fault_at(faults, at, "address `%s` is no absolute path; write it as `unix:/path`",
                 value_string(at));
        return false;
    }
    if (size > sizeof local->sun_path) {
        fault_at(faults, at,
                 "address `%s` has a path of %zu bytes, expected at most %zu; shorten "
                 "it",
                 value_string(at), size - 1, sizeof local->sun_path - 1);
        return false;
    }
    local->sun_family = AF_UNIX;
    memcpy(local->sun_path, path, size - 1);
    address->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
    return path[size - 1] == '\0' || parse_file(path + size, at, address, faults);
}

/* @return 0 to 65535, or -1. strtol() would take signs and blanks too. */
static int parse_port(const char *text)
{
    int port = 0;

    if (*text == '\0')
        return -1;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return -1;
        port = 10 * port + (*text - '0');
        if (port > UINT16_MAX)
            return -1;
    }
    return port;
}

/* By getaddrinfo, which knows the `%eth0` of link-local addresses; it looks nothing up. */
static bool parse_ipv6(const char *host, struct sockaddr_storage *address)
{
    const struct addrinfo hints = {
        .ai_family = AF_INET6, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    struct addrinfo *found;

    if (getaddrinfo(host, NULL, &hints, &found) != 0)
        return false;
    memcpy(address, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return true;
}

static bool parse_host(const char *host, bool in_brackets, int port, struct listen_address *address)
{
    struct sockaddr_in *ipv4 = (struct sockaddr_in *)&address->address;
    struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)&address->address;

    if (in_brackets) {
        if (!parse_ipv6(host, &address->address))
            return false;
        ipv6->sin6_port = htons((uint16_t)port);
        address->length = sizeof *ipv6;
        return true;
    }
    if (inet_pton(AF_INET, host, &ipv4->sin_addr) != 1)
        return false;
    ipv4->sin_family = AF_INET;
    ipv4->sin_port = htons((uint16_t)port);
    address->length = sizeof *ipv4;
    return true;
}

static bool refuse_host(const struct value *at, const char *host, struct fault_list *faults)
{
    const char *remedy = "names are not looked up: write the number, such as 127.0.0.1 or [::1]";

    if (host[0] == '\0' || strcmp(host, "*") == 0) {
        remedy = "for this machine alone write 127.0.0.1, for every address of it list 0.0.0.0 and "
                 "[::]";
    } else if (strchr(host, ':')) {
        remedy = "an IPv6 address stands in brackets, such as [::1]:9000";
    }
    fault_at(faults, at, "address `%s`: `%s` is no IP address; %s", value_string(at), host, remedy);
    return false;
}

static bool parse_ip(const struct value *at, struct listen_address *address,
                     struct fault_list *faults)
{
    const char *text = value_string(at);
    const char *colon = strrchr(text, ':');
    char host[LONGEST_HOST] = "";

    const int port = colon ? parse_port(colon + 1) : -1;
    if (port < 0) {
        fault_at(faults, at,
                 "address `%s` has no port from 0 to 65535 at its end; expected "
                 "something like `127.0.0.1:9000`, `[::1]:9000` or `unix:/path`",
                 text);
        return false;
    }
    const size_t length = (size_t)(colon - text);
    const bool in_brackets = length >= 2 && text[0] == '[' && text[length - 1] == ']';
    if (in_brackets)
        (void)snprintf(host, sizeof host, "%.*s", (int)(length - 2), text + 1);
    else
        (void)snprintf(host, sizeof host, "%.*s", (int)length, text);
    return parse_host(host, in_brackets, port, address) || refuse_host(at, host, faults);
}

static bool is_unix(const struct value *at)
{
    return strncmp(value_string(at), UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0;
}

static bool refuse_file(const struct value *at, struct fault_list *faults)
{
    fault_at(faults, at,
             "address `%s` has a mode or group, which only Unix sockets have; remove it",
             value_string(at));
    return false;
}

static bool parse_text(const struct value *at, struct listen_address *address,
                       struct fault_list *faults)
{
    address->at = at;
    if (is_unix(at))
        return parse_unix(at, address, faults);
    return strchr(value_string(at), ';') ? refuse_file(at, faults) : parse_ip(at, address, faults);
}

/* One of the settings beside `address`. */
static bool parse_beside(const struct section *section, const char *key,
                         struct listen_address *address)
{
    const struct value *setting = section_get(section, key, VALUE_STRING);
    if (!setting)
        return !value_get(section->group, key);
    if (!is_unix(address->at))
        return refuse_file(address->at, section->faults);
    return socket_file_read(&address->file, key, value_string(setting), setting, section->faults);
}

static bool parse_group(const struct value *group, struct listen_address *address,
                        struct fault_list *faults)
{
    static const char *const keys[] = {"address", "mode", "group", "tls"};
    const struct section section = {
        .group = group, .title = "an address of `listen`", .faults = faults};
    section_check_keys(&section, keys, sizeof keys / sizeof keys[0]);
    const struct value *text = section_need(&section, "address", VALUE_STRING);
    if (!text || !parse_text(text, address, faults))
        return false;
    address->tls = section_get(&section, "tls", VALUE_GROUP);
    if (!address->tls && value_get(group, "tls"))
        return false;
    const bool has_mode = parse_beside(&section, "mode", address);
    return parse_beside(&section, "group", address) && has_mode;
}

bool listen_address_parse(const struct value *at, struct listen_address *address,
                          struct fault_list *faults)
{
    *address = (struct listen_address){.at = at};
    return value_type(at) == VALUE_GROUP ? parse_group(at, address, faults)
                                         : parse_text(at, address, faults);
}

/* A folder with the bit of groups gives its own to what is made in it. */
static bool gets_group(const struct listen_address *address)
{
    char path[sizeof((struct sockaddr_un *)NULL)->sun_path];
    const struct sockaddr_un *local = (const struct sockaddr_un *)&address->address;
    struct stat folder;
    (void)snprintf(path, sizeof path, "%s", local->sun_path);
    return stat(dirname(path), &folder) == 0 && (folder.st_mode & S_ISGID) != 0 &&
           folder.st_gid == address->file.group;
}

void listen_address_check_group(const struct listen_address *address, struct fault_list *faults)
{
    const struct socket_file *file = &address->file;
    const bool is_own = file->group == getegid() || group_member(file->group);
    if (!file->has_group || geteuid() == 0 || is_own || gets_group(address))
        return;
    fault_at(faults, address->at,
             "address `%s`: the host runs as user %u, group %u, who is not in the group of that "
             "socket, so can't give it to it; name a group that this user is in, where a host that "
             "has given up root is in `group` of this file alone",
             listen_address_text(address), (unsigned)geteuid(), (unsigned)getegid());
}

bool listen_address_same_file(const struct listen_address *a, const struct listen_address *b)
{
    return a->file.has_mode == b->file.has_mode && a->file.mode == b->file.mode &&
           a->file.has_group == b->file.has_group && a->file.group == b->file.group;
}

static bool has_free_port(const struct listen_address *address)
{
    const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)&address->address;

    /* The port is at the same place in sockaddr_in6. */
    return address->address.ss_family != AF_UNIX && ipv4->sin_port == 0;
}

bool listen_address_is_local(const struct listen_address *address)
{
    const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)&address->address;
    const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)&address->address;

    if (address->address.ss_family == AF_INET)
        return ntohl(ipv4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    return address->address.ss_family == AF_UNIX || IN6_IS_ADDR_LOOPBACK(&ipv6->sin6_addr);
}

bool listen_address_equal(const struct listen_address *a, const struct listen_address *b)
{
    return a->length == b->length && memcmp(&a->address, &b->address, a->length) == 0 &&
           !has_free_port(a);
}
