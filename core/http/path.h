/* Paths of HTTP requests: from what the client wrote to what a service is asked for. Knows neither
 * services nor libmicrohttpd. */
#ifndef HTTP_PATH_H
#define HTTP_PATH_H

#include <stdbool.h>
#include <sys/types.h>
#include <toni/str.h>

/* The longest target that is taken, in bytes, and the most parameters in it. */
#define HTTP_TARGET_BYTES 15360
#define HTTP_PARAMETERS 240

/** @return What is wrong with the size of a request target, a line; NULL if nothing is. */
const char *http_target_problem(const char *target);

/** Takes the path out of a request target (RFC 9112, section 3.2), without its query, and decodes
 * `%2F` and its kin. Segments of dots stay as they are.
 * @param target  NUL-terminated: `/path?query` or `http://host/path?query`.
 * @param path    Filled in, not NUL-terminated; has room for strlen(@p target) bytes.
 * @return The path's size, or -1 if the target has no path, or a `%` without two hexadecimal
 * digits. */
ssize_t http_path_decode(const char *target, char *path);

/** Tells whether @p path is @p base or lies below it.
 * @param base  Begins with `/`; one at its end makes no difference.
 * @param rest  Set to what follows @p base: empty, or begins with `/`; left alone if false. */
bool http_path_below(toni_str path, toni_str base, toni_str *rest);

#endif
