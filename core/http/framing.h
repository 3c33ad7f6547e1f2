/* Whether the head of a request means one thing only (RFC 9112): where its body ends must not be
 * a matter of opinion, or somebody else's request could hide in it. libmicrohttpd of Debian 12
 * lets through what is refused here. Not about what is asked for. */
#ifndef HTTP_FRAMING_H
#define HTTP_FRAMING_H

#include <stdbool.h>
#include <stdint.h>
#include <toni/str.h>

struct MHD_Connection;

/** What the header fields say that were taken so far; zero: none was. */
struct http_framing {
    unsigned hosts;
    unsigned lengths;
    unsigned codings;
    bool is_chunked;
    bool is_illegal; /* a name or a value */
};

/** Takes a header field, as libmicrohttpd hands it on. */
void http_framing_take(struct http_framing *framing, toni_str name, toni_str value);

/** Once all were taken. @param is_old  The request is of HTTP/1.0.
 * @param status  As below. @return As below. */
const char *http_framing_judge(const struct http_framing *framing, bool is_old, uint32_t *status);

/** Looks at the header fields.
 * @param version  `HTTP/1.1` and its kin.
 * @param status   Set to 400 or 501 if something is wrong. The connection must be closed then.
 * @return What is wrong, a line; NULL if nothing is. */
const char *http_framing_problem(struct MHD_Connection *mhd, const char *version, uint32_t *status);

#endif
