/* Names of hosts on the web; see web_name.h. */
#include "ws/web_name.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

/* RFC 1035, section 2.3.4; no address is longer. */
#define NAME_MAX_SIZE 255

static bool has_only(toni_str text, bool (*may)(char byte))
{
    for (size_t i = 0; i < text.size; i++) {
        if (!may(text.data[i]))
            return false;
    }
    return true;
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* Beyond what DNS allows, `_` is in use; other scripts come as `xn--`. */
static bool is_of_name(char byte)
{
    return isalnum((unsigned char)byte) || byte == '-' || byte == '.' || byte == '_';
}

static bool is_of_scheme(char byte)
{
    return isalnum((unsigned char)byte) || byte == '+' || byte == '-' || byte == '.';
}

/* --- Addresses */

static bool read_address(toni_str host, int family, void *address)
{
    char text[INET6_ADDRSTRLEN];
    if (host.size == 0 || host.size >= sizeof text || memchr(host.data, '\0', host.size))
        return false;
    memcpy(text, host.data, host.size);
    text[host.size] = '\0';
    return inet_pton(family, text, address) == 1;
}

/* An IPv4 address becomes one of ::ffff:0:0/96, as on a socket that has both. */
static bool read_mapped(toni_str host, struct in6_addr *address)
{
    static const unsigned char prefix[12] = {[10] = 0xff, [11] = 0xff};
    if (read_address(host, AF_INET6, address))
        return true;
    memcpy(address->s6_addr, prefix, sizeof prefix);
    return read_address(host, AF_INET, address->s6_addr + sizeof prefix);
}

static bool map(const struct sockaddr *address, struct in6_addr *mapped)
{
    static const unsigned char prefix[12] = {[10] = 0xff, [11] = 0xff};
    if (address && address->sa_family == AF_INET6) {
        *mapped = ((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
        return true;
    }
    if (!address || address->sa_family != AF_INET)
        return false;
    memcpy(mapped->s6_addr, prefix, sizeof prefix);
    memcpy(mapped->s6_addr + sizeof prefix,
           &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
    return true;
}

/* --- Reading */

static bool is_port(toni_str text)
{
    return text.size == 0 || (text.data[0] == ':' && text.size <= 6 &&
                              has_only(toni_str_make(text.data + 1, text.size - 1), is_digit));
}

static bool read_bracketed(toni_str text, toni_str *host)
{
    struct in6_addr address;
    const char *end = memchr(text.data, ']', text.size);
    if (!end)
        return false;
    const size_t size = (size_t)(end - text.data) + 1;
    *host = toni_str_make(text.data + 1, size - 2);
    return read_address(*host, AF_INET6, &address) &&
           is_port(toni_str_make(text.data + size, text.size - size));
}

bool web_name_of_host(toni_str text, toni_str *host)
{
    if (text.size > 0 && text.data[0] == '[')
        return read_bracketed(text, host);
    const char *colon = text.size > 0 ? memchr(text.data, ':', text.size) : NULL;
    const size_t size = colon ? (size_t)(colon - text.data) : text.size;
    *host = toni_str_make(text.data, size);
    return size > 0 && size <= NAME_MAX_SIZE && has_only(*host, is_of_name) &&
           is_port(toni_str_make(text.data + size, text.size - size));
}

bool web_name_of_origin(toni_str text, toni_str *host)
{
    static const char between[] = "://";
    const size_t size = sizeof between - 1;
    const char *found = text.size > 0 ? memmem(text.data, text.size, between, size) : NULL;
    if (!found || found == text.data)
        return false;
    const size_t scheme = (size_t)(found - text.data);
    return has_only(toni_str_make(text.data, scheme), is_of_scheme) &&
           web_name_of_host(toni_str_make(found + size, text.size - scheme - size), host);
}

/* @return What stands behind the scheme; NULL: it is another one. */
static const char *behind_scheme(toni_str origin, const char *scheme)
{
    const size_t size = strlen(scheme);
    return origin.size >= size && strncasecmp(origin.data, scheme, size) == 0 ? origin.data + size
                                                                              : NULL;
}

bool web_name_is_page(toni_str origin)
{
    return behind_scheme(origin, "http://") || behind_scheme(origin, "https://");
}

static bool is_chromes(char byte)
{
    return byte >= 'a' && byte <= 'p';
}

static bool is_uuid(toni_str id)
{
    for (size_t i = 0; i < id.size; i++) {
        const bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (is_dash ? id.data[i] != '-' : !isxdigit((unsigned char)id.data[i]))
            return false;
    }
    return id.size == 36;
}

const char *web_name_extension_problem(toni_str origin)
{
    const char *chrome = behind_scheme(origin, "chrome-extension://");
    const char *firefox = behind_scheme(origin, "moz-extension://");
    const char *id = chrome ? chrome : firefox;
    if (!id)
        return NULL;
    const toni_str text = toni_str_make(id, origin.size - (size_t)(id - origin.data));
    if (chrome && (text.size != 32 || !has_only(text, is_chromes)))
        return "the extension's id, 32 letters from a to p, as chrome://extensions shows it";
    if (firefox && !is_uuid(text))
        return "the extension's UUID, as about:debugging shows it; it is another one in each "
               "browser";
    return NULL;
}

/* --- Comparing */

static toni_str without_dot(toni_str host)
{
    if (host.size > 1 && host.data[host.size - 1] == '.')
        host.size--;
    return host;
}

bool web_name_equal(toni_str a, toni_str b)
{
    struct in6_addr one, other;
    if (read_mapped(a, &one) && read_mapped(b, &other))
        return memcmp(&one, &other, sizeof one) == 0;
    a = without_dot(a);
    b = without_dot(b);
    return a.size == b.size && (a.size == 0 || strncasecmp(a.data, b.data, a.size) == 0);
}

bool web_name_is_loopback(toni_str host)
{
    struct in6_addr address;
    if (!read_mapped(host, &address))
        return web_name_equal(host, toni_str_of("localhost"));
    return IN6_IS_ADDR_LOOPBACK(&address) ||
           (IN6_IS_ADDR_V4MAPPED(&address) && address.s6_addr[12] == IN_LOOPBACKNET);
}

bool web_name_is_address(toni_str host, const struct sockaddr *address)
{
    struct in6_addr one, other;
    return map(address, &one) && read_mapped(host, &other) && memcmp(&one, &other, sizeof one) == 0;
}
