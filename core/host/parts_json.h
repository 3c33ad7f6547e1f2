/* What describe_json.c, graph_json.c and status_json.c have in common. */
#ifndef HOST_PARTS_JSON_H
#define HOST_PARTS_JSON_H

#include <toni/plugin.h>

struct json_t; /* jansson's; each that is returned is the caller's */

/** @return A string; NULL on no memory. @param text  UTF-8. */
struct json_t *text_to_json(toni_str text);

/** @return The same, or JSON's null if it is empty or not UTF-8, as a path of a file may be. */
struct json_t *text_or_null(toni_str text);

/** Appends to a list that may have failed before.
 * @param list  NULL: it has. @param item  Taken over; NULL: there was no memory for it.
 * @return @p list; NULL on no memory: it is gone then. */
struct json_t *list_append_json(struct json_t *list, struct json_t *item);

/** @return `{ "interface", "version" }`, or JSON's null if @p provides is NULL; NULL on no memory.
 */
struct json_t *provides_to_json(const toni_interface *provides);

#endif
