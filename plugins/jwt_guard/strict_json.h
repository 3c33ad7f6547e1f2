/* JSON that strangers wrote: no member twice, no NUL in a string, not nested deeper than anything
 * that is read here. */
#ifndef JWT_GUARD_STRICT_JSON_H
#define JWT_GUARD_STRICT_JSON_H

#include <jansson.h>
#include <toni/str.h>

/** How deep objects and lists may be in each other. */
#define STRICT_JSON_DEPTH_MAX 16

/** Reads an object, which takes all of the bytes.
 * @return The caller's; NULL: it is none, or there is no memory. */
json_t *strict_json_read(toni_str bytes);

#endif
