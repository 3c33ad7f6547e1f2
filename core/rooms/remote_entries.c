/* See remote_entries.h. */
#include "rooms/remote_entries.h"

#include "rooms/broadcast.h"
#include "rooms/remote.h"
#include "rooms/rules.h"

#include <stdlib.h>

/* @param to  NULL: it had no envelope. @return NULL: nothing is wrong with it, and *made is set. */
static const char *unwrap(struct space *space, const struct entry *entry, const struct envelope *to,
                          size_t head, uint64_t epoch, struct payload **made, int32_t *result)
{
    const struct payload *kept = entry->payload;
    const toni_message message = {
        .struct_size = sizeof message,
        .kind = kept->kind & ~PAYLOAD_HAS_ENVELOPE,
        .body = {(const char *)kept->bytes + head, kept->size - head},
        .position_at = to ? to->position_at : 0,
    };
    const toni_position at = {epoch, entry->offset};
    *result = broadcast_check(space->connections, &message);
    if (*result == TONI_ERR_INVALID)
        return "its kind, or its text";
    if (*result != TONI_OK)
        return NULL;
    /* As it was sent it is one for all who miss it. */
    *made = to ? broadcast_payload(&message, message.position_at > 0 ? &at : NULL)
               : payload_ref(entry->payload);
    if (!*made)
        *result = TONI_ERR_NO_MEMORY;
    return NULL;
}

/* @param made       Set; NULL: it is left out.
 * @param is_notice  Set if it is one. @return TONI_OK, TONI_ERR_TOO_BIG, TONI_ERR_NO_MEMORY. */
static int32_t make(struct space *space, toni_str room, uint64_t epoch, const struct entry *entry,
                    struct payload **made, bool *is_notice)
{
    struct envelope *envelope = NULL;
    size_t head = 0;
    int32_t result = TONI_OK;
    const char *fault = NULL;
    int read = CLUSTER_DONE;
    *made = NULL;
    if ((entry->payload->kind & PAYLOAD_HAS_ENVELOPE) != 0)
        read = envelope_read(entry->payload->bytes, entry->payload->size, &envelope, &head);
    if (read == CLUSTER_NO_MEMORY)
        return TONI_ERR_NO_MEMORY;
    if (read != CLUSTER_DONE)
        fault = "its envelope";
    else if (envelope && envelope->lost > 0)
        *is_notice = true;
    else
        fault = unwrap(space, entry, envelope, head, epoch, made, &result);
    free(envelope);
    if (!fault)
        return result;
    remote_refuse(space, room, fault);
    return TONI_OK;
}

enum not_recovered remote_entries(struct space *space, toni_str room, uint64_t epoch,
                                  const struct entries *entries, bool was_there,
                                  struct entries **made)
{
    bool is_notice = false;
    struct entries *list = entries_create(entries->count);
    int32_t result = list ? TONI_OK : TONI_ERR_NO_MEMORY;
    for (uint32_t i = 0; result == TONI_OK && i < entries->count; i++) {
        struct payload *payload;
        result = make(space, room, epoch, &entries->list[i], &payload, &is_notice);
        if (payload)
            list->list[list->count++] =
                (struct entry){.offset = entries->list[i].offset, .payload = payload};
    }
    const bool is_whole = result == TONI_OK && !(was_there && is_notice);
    *made = is_whole ? list : NULL;
    if (is_whole)
        return IS_RECOVERED;
    entries_destroy(list);
    if (result == TONI_OK)
        return NOT_TRIMMED;
    return result == TONI_ERR_NO_MEMORY ? NOT_NO_MEMORY : NOT_OUTBOX;
}
