/* Envelopes as bytes; see envelope.h. */
#include "cluster/envelope.h"

#include "cluster/wire.h"

#include <stdlib.h>

#define VERSION 1

enum {
    FLAG_ALL = 1,
    FLAG_RECEIPT = 2,
    FLAG_POSITION = 4,
    FLAG_LOST = 8,
    FLAGS = FLAG_ALL | FLAG_RECEIPT | FLAG_POSITION | FLAG_LOST
};

enum { HEAD_SIZE = 10, RECEIPT_SIZE = 20, POSITION_SIZE = 4, LOST_SIZE = 12, ID_SIZE = 8 };

/* --- Writing */

static void put_names(struct wire_writer *writer, const struct envelope_name *names, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        wire_put(writer, names[i].size, 1);
        wire_put_bytes(writer, names[i].bytes, names[i].size);
    }
}

static void put_ids(struct wire_writer *writer, const uint64_t *ids, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        wire_put(writer, ids[i], ID_SIZE);
}

static void put_receipt(struct wire_writer *writer, uint64_t receipt, uint32_t slot, uint64_t boot)
{
    wire_put(writer, receipt, 8);
    wire_put(writer, slot, 4);
    wire_put(writer, boot, 8);
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

bool envelope_is_allowed(const struct envelope *envelope)
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
                  (envelope->position_at != 0 ? POSITION_SIZE : 0u) +
                  (envelope->lost != 0 ? LOST_SIZE : 0u);
    if (!envelope_is_allowed(envelope) ||
        !measure_names(envelope->rooms, envelope->room_count, &size) ||
        !measure_names(envelope->gateways, envelope->gateway_count, &size))
        return 0;
    return size + ((size_t)envelope->client_count + envelope->except_count) * ID_SIZE;
}

static unsigned flags_of(const struct envelope *envelope)
{
    return (envelope->is_all ? FLAG_ALL : 0u) | (envelope->receipt != 0 ? FLAG_RECEIPT : 0u) |
           (envelope->position_at != 0 ? FLAG_POSITION : 0u) |
           (envelope->lost != 0 ? FLAG_LOST : 0u);
}

void envelope_set_receipt(uint8_t *bytes, uint64_t receipt, uint32_t slot, uint64_t boot)
{
    put_receipt(&(struct wire_writer){bytes + HEAD_SIZE}, receipt, slot, boot);
}

void envelope_write(const struct envelope *envelope, uint8_t *bytes)
{
    struct wire_writer writer = {bytes};
    wire_put(&writer, VERSION, 1);
    wire_put(&writer, flags_of(envelope), 1);
    wire_put(&writer, envelope->room_count, 2);
    wire_put(&writer, envelope->gateway_count, 2);
    wire_put(&writer, envelope->client_count, 2);
    wire_put(&writer, envelope->except_count, 2);
    if (envelope->receipt != 0)
        put_receipt(&writer, envelope->receipt, envelope->receipt_slot, envelope->receipt_boot);
    if (envelope->position_at != 0)
        wire_put(&writer, envelope->position_at, POSITION_SIZE);
    if (envelope->lost != 0) {
        wire_put(&writer, envelope->lost, 4);
        wire_put(&writer, envelope->lost_node, 8);
    }
    put_names(&writer, envelope->rooms, envelope->room_count);
    put_names(&writer, envelope->gateways, envelope->gateway_count);
    put_ids(&writer, envelope->clients, envelope->client_count);
    put_ids(&writer, envelope->except, envelope->except_count);
}

/* --- Reading */

static bool take_receipt(struct wire_reader *reader, struct envelope *head)
{
    head->receipt = wire_take(reader, 8);
    head->receipt_slot = wire_take_u32(reader);
    head->receipt_boot = wire_take(reader, 8);
    return reader->is_good && head->receipt != 0;
}

static bool take_position(struct wire_reader *reader, struct envelope *head)
{
    head->position_at = wire_take_u32(reader);
    return head->position_at != 0;
}

static bool take_lost(struct wire_reader *reader, struct envelope *head)
{
    head->lost = wire_take_u32(reader);
    head->lost_node = wire_take(reader, 8);
    return reader->is_good && head->lost != 0;
}

/* @return Whether there is a head, of lists that are allowed. @param head  Filled in but for what
 * its lists hold. */
static bool take_head(struct wire_reader *reader, struct envelope *head)
{
    if (wire_take(reader, 1) != VERSION)
        return false;
    const uint64_t flags = wire_take(reader, 1);
    *head = (struct envelope){.is_all = flags & FLAG_ALL};
    head->room_count = (uint32_t)wire_take(reader, 2);
    head->gateway_count = (uint32_t)wire_take(reader, 2);
    head->client_count = (uint32_t)wire_take(reader, 2);
    head->except_count = (uint32_t)wire_take(reader, 2);
    if (!reader->is_good || flags & ~(uint64_t)FLAGS || !envelope_is_allowed(head))
        return false;
    return (!(flags & FLAG_RECEIPT) || take_receipt(reader, head)) &&
           (!(flags & FLAG_POSITION) || take_position(reader, head)) &&
           (!(flags & FLAG_LOST) || take_lost(reader, head));
}

static bool take_names(struct wire_reader *reader, struct envelope_name *names, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const size_t size = (size_t)wire_take(reader, 1);
        const uint8_t *bytes = wire_take_bytes(reader, size);
        if (size == 0 || !bytes)
            return false;
        names[i] = (struct envelope_name){(const char *)bytes, size};
    }
    return true;
}

static bool take_ids(struct wire_reader *reader, uint64_t *ids, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        ids[i] = wire_take(reader, ID_SIZE);
    return reader->is_good;
}

int envelope_read(const void *bytes, size_t size, struct envelope **envelope, size_t *size_read)
{
    struct wire_reader reader = {.at = bytes, .left = size, .is_good = true};
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
