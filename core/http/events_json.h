/* The events that a gateway takes, as JSON: for the page and for `toni describe`. */
#ifndef HTTP_EVENTS_JSON_H
#define HTTP_EVENTS_JSON_H

#include <jansson.h>
#include <toni/event_list.h>

/** `{"field": "event", "handled": [{"name": "lobby.join", "data": [member]}]}`; `data` is null if
 * it may be anything. A member is `{"name", "type": "string", "required": true}`, with `least` and
 * `most` if it is bounded, and with `members` of an object or `items`, a member without a name, of
 * an array, as far as they are told.
 * @param list  Checked by event_table_check(); NULL: nothing is told, null.
 * @return NULL on no memory. */
json_t *events_to_json(const toni_event_list *list);

/** @return The word for the type of a member: "string". */
const char *event_type_word(uint32_t type);

#endif
