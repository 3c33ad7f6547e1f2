/* What a web client calls this host, and where the page comes from that makes it do so: the header
 * fields Host (RFC 9110, section 7.2) and Origin (RFC 6454). Only how they are read and compared;
 * who is let in is the matter of net/access.h. */
#ifndef WS_WEB_NAME_H
#define WS_WEB_NAME_H

#include <stdbool.h>
#include <sys/socket.h>
#include <toni/str.h>

/** Reads `name`, `127.0.0.1` or `[::1]`, with `:port` behind it or not.
 * @param host  Set to the part without port and brackets; lies in @p text.
 * @return Whether it is one. */
bool web_name_of_host(toni_str text, toni_str *host);

/** Reads `scheme://host` or `scheme://host:port`.
 * @param host  As above.
 * @return Whether it is one; `null` is none. */
bool web_name_of_origin(toni_str text, toni_str *host);

/** Tells whether an origin is that of a page on the web: `http` or `https`. One of an extension or
 * an app has a scheme of its own, and what stands for the host is an id. */
bool web_name_is_page(toni_str origin);

/** Why nothing can come from an origin of an extension: its id is none.
 * @return A few words that say what it has to be; NULL: it can, or is of no extension that is known
 * here. */
const char *web_name_extension_problem(toni_str origin);

/** Tells whether two hosts, as read by the above, are the same: case makes no difference, nor does
 * a dot at the end, nor how an IPv6 address is written. */
bool web_name_equal(toni_str a, toni_str b);

/** Tells whether it is `localhost`, 127.x.y.z or ::1. */
bool web_name_is_loopback(toni_str host);

/** Tells whether it is this address, written as a number.
 * @param address  Of any family; NULL, or no IP address: no. */
bool web_name_is_address(toni_str host, const struct sockaddr *address);

#endif
