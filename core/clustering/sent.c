/* Publishes on their way; see sent.h. */
#include "clustering/sent.h"

#include <stdlib.h>
#include <string.h>

/* The envelope is written into the payload, so that no body is copied twice. */
static struct payload *make_payload(const struct envelope *envelope, size_t head, const void *body,
                                    size_t size, uint32_t kind)
{
    if (size > SIZE_MAX - sizeof(struct payload) - head)
        return NULL;
    struct payload *payload = malloc(sizeof *payload + head + size);
    if (!payload)
        return NULL;
    *payload = (struct payload){
        .refs = 1, .kind = kind | (envelope ? PAYLOAD_HAS_ENVELOPE : 0), .size = head + size};
    if (envelope)
        envelope_write(envelope, payload->bytes);
    if (size > 0)
        memcpy(payload->bytes + head, body, size);
    return payload;
}

struct sent *sent_create(struct room_key key, const struct envelope *envelope, const void *body,
                         size_t size, uint32_t kind)
{
    const size_t head = envelope ? envelope_size(envelope) : 0;
    struct sent *sent = malloc(sizeof *sent + key.size);
    struct payload *payload = sent ? make_payload(envelope, head, body, size, kind) : NULL;
    if (!payload) {
        free(sent);
        return NULL;
    }
    *sent = (struct sent){.payload = payload,
                          .charged = sizeof *sent + key.size + sizeof *payload + payload->size,
                          .key_size = key.size};
    memcpy(sent->key, key.bytes, key.size);
    return sent;
}

void sent_destroy(struct sent *sent)
{
    if (!sent)
        return;
    payload_unref(sent->payload);
    free(sent);
}
