/* See json_text.h. */
#include "http/json_text.h"

#include "base/buffer.h"

#include <stdbool.h>

struct writing {
    struct buffer text;
    bool has_failed; /* jansson does not always hand that on */
};

static int write_part(const char *bytes, size_t size, void *data)
{
    struct writing *writing = data;
    if (buffer_append(&writing->text, bytes, size))
        writing->has_failed = true;
    return writing->has_failed ? -1 : 0;
}

char *json_to_text(json_t *json)
{
    struct writing writing = {.has_failed = json == NULL};
    buffer_init(&writing.text);
    if (json &&
        (json_dump_callback(json, write_part, &writing, 0) || buffer_append(&writing.text, "", 1)))
        writing.has_failed = true;
    json_decref(json);
    if (!writing.has_failed)
        return writing.text.bytes;
    buffer_finish(&writing.text);
    return NULL;
}
