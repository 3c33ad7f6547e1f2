/* See parts_json.h. */
#include "host/parts_json.h"

#include "base/utf8.h"

#include <jansson.h>

json_t *text_to_json(toni_str text)
{
    return json_stringn(text.data ? text.data : "", text.size);
}

json_t *text_or_null(toni_str text)
{
    if (text.size == 0 || !utf8_valid(text.data, text.size))
        return json_null();
    return text_to_json(text);
}

json_t *list_append_json(json_t *list, json_t *item)
{
    if (json_array_append_new(list, item) == 0)
        return list;
    json_decref(list);
    return NULL;
}

json_t *provides_to_json(const toni_interface *provides)
{
    if (!provides)
        return json_null();
    return json_pack("{s:o, s:I}", "interface", text_to_json(provides->name), "version",
                     (json_int_t)provides->version);
}
