/* Envelopes as bytes; see envelope.h. */
#include "cluster/envelope.h"

#include <stdlib.h>
#include <string.h>

#define VERSION 1

enum {
    FLAG_ALL = 1,
    FLAG_RECEIPT = 2,
    FLAG_POSITION = 4,
    FLAGS = FLAG_ALL | FLAG_RECEIPT | FLAG_POSITION
};

enum { HEAD_SIZE = 10, RECEIPT_SIZE = 20, POSITION_SIZE = 4, ID_SIZE = 8 };

/* --- Writing */

static uint8_t *put(uint8_t *to, uint64_t number, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        *to++ = (uint8_t)(number >> 8 * i);
    return to;
}

static uint8_t *put_names(uint8_t *to, const struct envelope_name *names, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        *to++ = (uint8_t)names[i].size;
        memcpy(to, names[i].bytes, names[i].size);
        to += names[i].size;
    }
    return to;
}

static uint8_t *put_ids(uint8_t *to, const uint64_t *ids, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        to = put(to, ids[i], ID_SIZE);
    return to;
}

/* @return Whether all are names. @param size  Raised by what they take. */
static bool measure_names(const struct envelope_name *names, uint32_t count, size_t *size)
{
    for (uint32_t i = 0; i < count; i++) {
        if (names[i].size == 0 || names[i].size > ENVELOPE_NAME_SIZE_MOST)
            return false;
        *size += 1 + names[i].size;
    }
    return true;
}

static bool counts_allowed(const struct envelope *envelope)
{
    const uint32_t named = envelope->room_count | envelope->gateway_count | envelope->client_count;
    return envelope->room_count <= ENVELOPE_NAMES_MOST &&
           envelope->gateway_count <= ENVELOPE_NAMES_MOST &&
           envelope->client_count <= ENVELOPE_IDS_MOST &&
           envelope->except_count <= ENVELOPE_IDS_MOST && (named == 0 || !envelope->is_all);
}

size_t envelope_size(const struct envelope *envelope)
{
    size_t size = HEAD_SIZE + (envelope->receipt != 0 ? RECEIPT_SIZE : 0u) +
                  (envelope->position_at != 0 ? POSITION_SIZE : 0u);
    if (!counts_allowed(envelope) || !measure_names(envelope->rooms, envelope->room_count, &size) ||
        !measure_names(envelope->gateways, envelope->gateway_count, &size))
        return 0;
    return size + ((size_t)envelope->client_count + envelope->except_count) * ID_SIZE;
}

static unsigned flags_of(const struct envelope *envelope)
{
    return (envelope->is_all ? FLAG_ALL : 0u) | (envelope->receipt != 0 ? FLAG_RECEIPT : 0u) |
           (envelope->position_at != 0 ? FLAG_POSITION : 0u);
}

void envelope_set_receipt(uint8_t *bytes, uint64_t receipt, uint32_t slot, uint64_t boot)
{
    bytes = put(bytes + HEAD_SIZE, receipt, 8);
    bytes = put(bytes, slot, 4);
    (void)put(bytes, boot, 8);
}

void envelope_write(const struct envelope *envelope, uint8_t *bytes)
{
    uint8_t *const start = bytes;
    bytes = put(bytes, VERSION, 1);
    bytes = put(bytes, flags_of(envelope), 1);
    bytes = put(bytes, envelope->room_count, 2);
    bytes = put(bytes, envelope->gateway_count, 2);
    bytes = put(bytes, envelope->client_count, 2);
    bytes = put(bytes, envelope->except_count, 2);
    if (envelope->receipt != 0) {
        envelope_set_receipt(start, envelope->receipt, envelope->receipt_slot,
                             envelope->receipt_boot);
        bytes += RECEIPT_SIZE;
    }
    if (envelope->position_at != 0)
        bytes = put(bytes, envelope->position_at, POSITION_SIZE);
    bytes = put_names(bytes, envelope->rooms, envelope->room_count);
    bytes = put_names(bytes, envelope->gateways, envelope->gateway_count);
    bytes = put_ids(bytes, envelope->clients, envelope->client_count);
    (void)put_ids(bytes, envelope->except, envelope->except_count);
}

/* --- Reading */

struct reader {
    const uint8_t *at;
    size_t left;
};

/* There are as many bytes left. */
static uint64_t take(struct reader *reader, unsigned size)
{
    uint64_t number = 0;
    for (unsigned i = 0; i < size; i++)
        number |= (uint64_t)reader->at[i] << 8 * i;
    reader->at += size;
    reader->left -= size;
    return number;
}

static bool take_receipt(struct reader *reader, struct envelope *head)
{
    if (reader->left < RECEIPT_SIZE)
        return false;
    head->receipt = take(reader, 8);
    head->receipt_slot = (uint32_t)take(reader, 4);
    head->receipt_boot = take(reader, 8);
    return head->receipt != 0;
}

static bool take_position(struct reader *reader, struct envelope *head)
{
    if (reader->left < POSITION_SIZE)
        return false;
    head->position_at = (uint32_t)take(reader, POSITION_SIZE);
    return head->position_at != 0;
}

/* @return Whether there is a head, of lists that are allowed. @param head  Filled in but for what
 * its lists hold. */
static bool take_head(struct reader *reader, struct envelope *head)
{
    if (reader->left < HEAD_SIZE || take(reader, 1) != VERSION)
        return false;
    const uint64_t flags = take(reader, 1);
    *head = (struct envelope){.is_all = flags & FLAG_ALL};
    head->room_count = (uint32_t)take(reader, 2);
    head->gateway_count = (uint32_t)take(reader, 2);
    head->client_count = (uint32_t)take(reader, 2);
    head->except_count = (uint32_t)take(reader, 2);
    if (flags & ~(uint64_t)FLAGS || !counts_allowed(head))
        return false;
    return (!(flags & FLAG_RECEIPT) || take_receipt(reader, head)) &&
           (!(flags & FLAG_POSITION) || take_position(reader, head));
}

static bool take_names(struct reader *reader, struct envelope_name *names, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const size_t size = reader->left > 0 ? (size_t)take(reader, 1) : 0;
        if (size == 0 || size > reader->left)
            return false;
        names[i] = (struct envelope_name){(const char *)reader->at, size};
        reader->at += size;
        reader->left -= size;
    }
    return true;
}

static bool take_ids(struct reader *reader, uint64_t *ids, uint32_t count)
{
    if (reader->left / ID_SIZE < count)
        return false;
    for (uint32_t i = 0; i < count; i++)
        ids[i] = take(reader, ID_SIZE);
    return true;
}

int envelope_read(const void *bytes, size_t size, struct envelope **envelope, size_t *size_read)
{
    struct reader reader = {bytes, size};
    struct envelope head;
    if (!take_head(&reader, &head))
        return CLUSTER_INVALID;
    const size_t ids = (size_t)head.client_count + head.except_count;
    const size_t names = (size_t)head.room_count + head.gateway_count;
    if (reader.left < ids * ID_SIZE + names * 2) /* so that few bytes claim no memory */
        return CLUSTER_INVALID;
    struct envelope *read =
        malloc(sizeof *read + ids * sizeof *read->clients + names * sizeof *read->rooms);
    if (!read)
        return CLUSTER_NO_MEMORY;
    struct envelope_name *names_at = (struct envelope_name *)(read + 1);
    uint64_t *ids_at = (uint64_t *)(names_at + names);
    if (!take_names(&reader, names_at, (uint32_t)names) ||
        !take_ids(&reader, ids_at, (uint32_t)ids)) {
        free(read);
        return CLUSTER_INVALID;
    }
    *read = head;
    read->rooms = names_at;
    read->gateways = names_at + head.room_count;
    read->clients = ids_at;
    read->except = ids_at + head.client_count;
    *envelope = read;
    *size_read = size - reader.left;
    return CLUSTER_DONE;
}
