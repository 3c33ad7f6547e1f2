/* See strict_json.h. */
#include "strict_json.h"

#include <stdbool.h>

/* jansson recurses, and has a bound of 2,048 levels. Where the bytes are no JSON, this may see
 * other levels than jansson would, which finds that out. */
static bool is_too_deep(toni_str bytes)
{
    size_t depth = 0;
    bool is_in_string = false;
    for (size_t i = 0; i < bytes.size; i++) {
        const char byte = bytes.data[i];
        if (is_in_string) {
            if (byte == '\\')
                i++;
            else if (byte == '"')
                is_in_string = false;
        } else if (byte == '"') {
            is_in_string = true;
        } else if (byte == '{' || byte == '[') {
            if (++depth > STRICT_JSON_DEPTH_MAX)
                return true;
        } else if ((byte == '}' || byte == ']') && depth > 0) {
            depth--;
        }
    }
    return false;
}

json_t *strict_json_read(toni_str bytes)
{
    if (bytes.size == 0 || is_too_deep(bytes))
        return NULL;
    json_t *json = json_loadb(bytes.data, bytes.size, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(json))
        return json;
    json_decref(json);
    return NULL;
}
