/* JSON as text, whole or not at all: json_dumps() may leave a part out where memory is wanting. */
#ifndef HTTP_JSON_TEXT_H
#define HTTP_JSON_TEXT_H

#include <jansson.h>

/** @param json  Taken; NULL: there was no memory for it.
 * @return Allocated; NULL on no memory. */
char *json_to_text(json_t *json);

#endif
