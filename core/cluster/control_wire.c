/* Requests and answers between nodes as bytes: see control_wire.h. */
#include "cluster/control_wire.h"

#include "cluster/wire.h"

enum { VERSION = 1, HEAD_BYTES = 36, REQUEST_BYTES = 31, ANSWER_BYTES = 32 };

/* --- Writing */

static void put_identity(struct wire_writer *writer, struct node_identity identity)
{
    wire_put(writer, identity.slot, 4);
    wire_put(writer, identity.boot, 8);
}

static struct payload *begin(const struct control_head *head, enum control_form form, size_t size,
                             struct wire_writer *writer)
{
    struct payload *payload = payload_create_empty(HEAD_BYTES + size, 0);

    if (!payload)
        return NULL;
    writer->at = payload->bytes;
    wire_put(writer, VERSION, 1);
    wire_put(writer, form, 1);
    wire_put(writer, 0, 2);
    wire_put(writer, head->number, 8);
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
    struct wire_writer writer;

    if (!control_request_is_good(request))
        return NULL;
    struct payload *payload = begin(
        head, request->form,
        REQUEST_BYTES + request->space.size + request->room.size + request->body.size, &writer);
    if (!payload)
        return NULL;
    wire_put(&writer, request->client, 8);
    wire_put(&writer, request->after, 8);
    wire_put(&writer, request->code, 4);
    wire_put(&writer, request->limit, 4);
    wire_put(&writer, request->space.size, 1);
    wire_put(&writer, request->room.size, 2);
    wire_put(&writer, request->body.size, 4);
    wire_put_bytes(&writer, request->space.bytes, request->space.size);
    wire_put_bytes(&writer, request->room.bytes, request->room.size);
    wire_put_bytes(&writer, request->body.bytes, request->body.size);
    return payload;
}

struct payload *control_answer_write(const struct control_head *head,
                                     const struct control_answer *answer)
{
    struct wire_writer writer;

    if (answer->id_count > CONTROL_IDS_MOST)
        return NULL;
    struct payload *payload =
        begin(head, CONTROL_ANSWER, ANSWER_BYTES + answer->id_count * sizeof(uint64_t), &writer);
    if (!payload)
        return NULL;
    wire_put(&writer, (uint32_t)answer->status, 4);
    wire_put(&writer, answer->counts.targeted, 4);
    wire_put(&writer, answer->counts.queued, 4);
    wire_put(&writer, answer->counts.dropped, 4);
    wire_put(&writer, answer->counts.closed, 4);
    wire_put(&writer, answer->count, 8);
    wire_put(&writer, answer->id_count, 4);
    for (uint32_t i = 0; i < answer->id_count; i++)
        wire_put(&writer, answer->ids[i], 8);
    return payload;
}

struct payload *control_announcement_write(struct node_identity from)
{
    const struct control_head head = {.from = from};
    struct wire_writer writer;

    return begin(&head, CONTROL_ANNOUNCE, 0, &writer);
}

/* --- Reading */

static struct node_identity get_identity(struct wire_reader *reader)
{
    const uint32_t slot = wire_take_u32(reader);

    return (struct node_identity){.slot = slot, .boot = wire_take(reader, 8)};
}

static struct control_bytes get_text(struct wire_reader *reader, size_t size)
{
    return (struct control_bytes){.bytes = (const char *)wire_take_bytes(reader, size),
                                  .size = size};
}

static void read_request(struct wire_reader *reader, enum control_form form,
                         struct control_request *request)
{
    request->form = form;
    request->client = wire_take(reader, 8);
    request->after = wire_take(reader, 8);
    request->code = wire_take_u32(reader);
    request->limit = wire_take_u32(reader);
    const size_t space = wire_take(reader, 1);
    const size_t room = wire_take(reader, 2);
    const size_t body = wire_take_u32(reader);
    request->space = get_text(reader, space);
    request->room = get_text(reader, room);
    request->body = get_text(reader, body);
    if (!control_request_is_good(request))
        reader->is_good = false;
}

static void read_answer(struct wire_reader *reader, struct control_frame *frame)
{
    struct control_answer *answer = &frame->answer;

    frame->request.form = CONTROL_ANSWER;
    answer->status = (int32_t)wire_take_u32(reader);
    answer->counts.targeted = wire_take_u32(reader);
    answer->counts.queued = wire_take_u32(reader);
    answer->counts.dropped = wire_take_u32(reader);
    answer->counts.closed = wire_take_u32(reader);
    answer->count = wire_take(reader, 8);
    answer->id_count = wire_take_u32(reader);
    if (answer->id_count > CONTROL_IDS_MOST)
        reader->is_good = false;
    frame->ids = wire_take_bytes(reader, answer->id_count * sizeof(uint64_t));
}

bool control_read(const void *bytes, size_t size, struct control_frame *frame)
{
    struct wire_reader reader = {.at = bytes, .left = size, .is_good = true};

    *frame = (struct control_frame){0};
    const uint64_t version = wire_take(&reader, 1);
    const uint64_t form = wire_take(&reader, 1);
    const uint64_t reserved = wire_take(&reader, 2);
    frame->head.number = wire_take(&reader, 8);
    frame->head.from = get_identity(&reader);
    frame->head.to = get_identity(&reader);
    if (version != VERSION || form == 0 || form >= CONTROL_FORMS || reserved != 0)
        return false;
    if (form == CONTROL_ANNOUNCE)
        frame->request.form = CONTROL_ANNOUNCE;
    else if (form == CONTROL_ANSWER)
        read_answer(&reader, frame);
    else
        read_request(&reader, (enum control_form)form, &frame->request);
    return reader.is_good && reader.left == 0;
}

uint64_t control_frame_id(const struct control_frame *frame, uint32_t index)
{
    struct wire_reader reader = {
        .at = frame->ids + index * sizeof(uint64_t), .left = sizeof(uint64_t), .is_good = true};

    return wire_take(&reader, 8);
}
