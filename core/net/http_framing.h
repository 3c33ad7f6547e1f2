/* Whether the head of a request means one thing only (RFC 9112): where its body ends must not be
 * a matter of opinion, or somebody else's request could hide in it. libmicrohttpd of Debian 12
 * lets through what is refused here. Not about what is asked for. */
#ifndef NET_HTTP_FRAMING_H
#define NET_HTTP_FRAMING_H

#include <stdint.h>

struct MHD_Connection;

/** Looks at the header fields.
 * @param version  `HTTP/1.1` and its kin.
 * @param status   Set to 400 or 501 if something is wrong. The connection must be closed then.
 * @return What is wrong, a line; NULL if nothing is. */
const char *http_framing_problem(struct MHD_Connection *mhd, const char *version, uint32_t *status);

#endif
