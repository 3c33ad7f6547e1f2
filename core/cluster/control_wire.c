/* Requests and answers between nodes as bytes: see control_wire.h. */
#include "cluster/control_wire.h"

#include <endian.h>
#include <string.h>

enum { VERSION = 1, HEAD_BYTES = 36, REQUEST_BYTES = 31, ANSWER_BYTES = 32 };

/* --- Writing: there is room for all of it. */

struct writer {
    uint8_t *at;
};

static void put_bytes(struct writer *writer, const void *bytes, size_t size)
{
    if (size > 0)
        memcpy(writer->at, bytes, size);
    writer->at += size;
}

static void put_u8(struct writer *writer, uint8_t number)
{
    put_bytes(writer, &number, sizeof number);
}

static void put_u16(struct writer *writer, uint16_t number)
{
    number = htole16(number);
    put_bytes(writer, &number, sizeof number);
}

static void put_u32(struct writer *writer, uint32_t number)
{
    number = htole32(number);
    put_bytes(writer, &number, sizeof number);
}

static void put_u64(struct writer *writer, uint64_t number)
{
    number = htole64(number);
    put_bytes(writer, &number, sizeof number);
}

static void put_identity(struct writer *writer, struct node_identity identity)
{
    put_u32(writer, identity.slot);
    put_u64(writer, identity.boot);
}

static struct payload *begin(const struct control_head *head, enum control_form form, size_t size,
                             struct writer *writer)
{
    struct payload *payload = payload_create_empty(HEAD_BYTES + size, 0);

    if (!payload)
        return NULL;
    writer->at = payload->bytes;
    put_u8(writer, VERSION);
    put_u8(writer, (uint8_t)form);
    put_u16(writer, 0);
    put_u64(writer, head->number);
    put_identity(writer, head->from);
    put_identity(writer, head->to);
    return payload;
}

bool control_request_is_good(const struct control_request *request)
{
    return request->form > 0 && request->form < CONTROL_ANSWER &&
           request->space.size <= CONTROL_SPACE_MOST && request->room.size <= CONTROL_ROOM_MOST &&
           request->body.size <= UINT32_MAX && request->limit <= CONTROL_IDS_MOST;
}

struct payload *control_request_write(const struct control_head *head,
                                      const struct control_request *request)
{
    struct writer writer;

    if (!control_request_is_good(request))
        return NULL;
    struct payload *payload = begin(
        head, request->form,
        REQUEST_BYTES + request->space.size + request->room.size + request->body.size, &writer);
    if (!payload)
        return NULL;
    put_u64(&writer, request->client);
    put_u64(&writer, request->after);
    put_u32(&writer, request->code);
    put_u32(&writer, request->limit);
    put_u8(&writer, (uint8_t)request->space.size);
    put_u16(&writer, (uint16_t)request->room.size);
    put_u32(&writer, (uint32_t)request->body.size);
    put_bytes(&writer, request->space.bytes, request->space.size);
    put_bytes(&writer, request->room.bytes, request->room.size);
    put_bytes(&writer, request->body.bytes, request->body.size);
    return payload;
}

struct payload *control_answer_write(const struct control_head *head,
                                     const struct control_answer *answer)
{
    struct writer writer;

    if (answer->id_count > CONTROL_IDS_MOST)
        return NULL;
    struct payload *payload =
        begin(head, CONTROL_ANSWER, ANSWER_BYTES + answer->id_count * sizeof(uint64_t), &writer);
    if (!payload)
        return NULL;
    put_u32(&writer, (uint32_t)answer->status);
    put_u32(&writer, answer->counts.targeted);
    put_u32(&writer, answer->counts.queued);
    put_u32(&writer, answer->counts.dropped);
    put_u32(&writer, answer->counts.closed);
    put_u64(&writer, answer->count);
    put_u32(&writer, answer->id_count);
    for (uint32_t i = 0; i < answer->id_count; i++)
        put_u64(&writer, answer->ids[i]);
    return payload;
}

/* --- Reading: what is not there is 0, and the reader is bad from then on. */

struct reader {
    const uint8_t *at;
    size_t left;
    bool is_good;
};

static const uint8_t *get_bytes(struct reader *reader, size_t size)
{
    const uint8_t *at = reader->at;

    if (!reader->is_good || reader->left < size) {
        reader->is_good = false;
        return NULL;
    }
    reader->at += size;
    reader->left -= size;
    return at;
}

static uint64_t get_number(struct reader *reader, size_t size)
{
    const uint8_t *at = get_bytes(reader, size);
    uint64_t number = 0;

    for (size_t i = size; at && i-- > 0;)
        number = number << 8 | at[i];
    return number;
}

static uint32_t get_u32(struct reader *reader)
{
    return (uint32_t)get_number(reader, sizeof(uint32_t));
}

static uint64_t get_u64(struct reader *reader)
{
    return get_number(reader, sizeof(uint64_t));
}

static struct node_identity get_identity(struct reader *reader)
{
    const uint32_t slot = get_u32(reader);

    return (struct node_identity){.slot = slot, .boot = get_u64(reader)};
}

static struct control_bytes get_text(struct reader *reader, size_t size)
{
    return (struct control_bytes){.bytes = (const char *)get_bytes(reader, size), .size = size};
}

static void read_request(struct reader *reader, enum control_form form,
                         struct control_request *request)
{
    request->form = form;
    request->client = get_u64(reader);
    request->after = get_u64(reader);
    request->code = get_u32(reader);
    request->limit = get_u32(reader);
    const size_t space = get_number(reader, sizeof(uint8_t));
    const size_t room = get_number(reader, sizeof(uint16_t));
    const size_t body = get_u32(reader);
    request->space = get_text(reader, space);
    request->room = get_text(reader, room);
    request->body = get_text(reader, body);
    if (!control_request_is_good(request))
        reader->is_good = false;
}

static void read_answer(struct reader *reader, struct control_frame *frame)
{
    struct control_answer *answer = &frame->answer;

    frame->request.form = CONTROL_ANSWER;
    answer->status = (int32_t)get_u32(reader);
    answer->counts.targeted = get_u32(reader);
    answer->counts.queued = get_u32(reader);
    answer->counts.dropped = get_u32(reader);
    answer->counts.closed = get_u32(reader);
    answer->count = get_u64(reader);
    answer->id_count = get_u32(reader);
    if (answer->id_count > CONTROL_IDS_MOST)
        reader->is_good = false;
    frame->ids = get_bytes(reader, answer->id_count * sizeof(uint64_t));
}

bool control_read(const void *bytes, size_t size, struct control_frame *frame)
{
    struct reader reader = {.at = bytes, .left = size, .is_good = true};

    *frame = (struct control_frame){0};
    const uint64_t version = get_number(&reader, sizeof(uint8_t));
    const uint64_t form = get_number(&reader, sizeof(uint8_t));
    const uint64_t reserved = get_number(&reader, sizeof(uint16_t));
    frame->head.number = get_u64(&reader);
    frame->head.from = get_identity(&reader);
    frame->head.to = get_identity(&reader);
    if (version != VERSION || form == 0 || form >= CONTROL_FORMS || reserved != 0)
        return false;
    if (form == CONTROL_ANSWER)
        read_answer(&reader, frame);
    else
        read_request(&reader, (enum control_form)form, &frame->request);
    return reader.is_good && reader.left == 0;
}

uint64_t control_frame_id(const struct control_frame *frame, uint32_t index)
{
    struct reader reader = {
        .at = frame->ids + index * sizeof(uint64_t), .left = sizeof(uint64_t), .is_good = true};

    return get_u64(&reader);
}
