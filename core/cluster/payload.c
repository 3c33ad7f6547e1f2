/* A message's bytes, in one piece with the count of its references. */
#include "cluster/payload.h"

#include <stdlib.h>
#include <string.h>

struct payload *payload_create_empty(size_t size, uint32_t kind)
{
    if (size > SIZE_MAX - sizeof(struct payload))
        return NULL;
    struct payload *payload = malloc(sizeof(*payload) + size);
    if (!payload)
        return NULL;
    payload->refs = 1;
    payload->kind = kind;
    payload->size = size;
    return payload;
}

struct payload *payload_create(const void *bytes, size_t size, uint32_t kind)
{
    struct payload *payload = payload_create_empty(size, kind);

    if (payload && size > 0)
        memcpy(payload->bytes, bytes, size);
    return payload;
}

struct payload *payload_ref(struct payload *payload)
{
    payload->refs++;
    return payload;
}

void payload_unref(struct payload *payload)
{
    if (payload && --payload->refs == 0)
        free(payload);
}
