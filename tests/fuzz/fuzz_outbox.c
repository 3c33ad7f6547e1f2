/* An outbox beside the plain stream of bytes that must come out of it, in whole frames: the input
 * says what is appended to batches, which slices are pushed, and when something is written. */
#include "fuzz_file.h"

#include "rooms/outbox.h"

#include <stdbool.h>
#include <string.h>

#define STREAM_MAX (1u << 20)

struct script {
    const uint8_t *data;
    size_t size;
};

struct model {
    struct outbox outbox;
    uint8_t stream[STREAM_MAX]; /* all that was pushed */
    size_t pushed;
    size_t taken;
};

static struct model model;
static uint8_t scratch[FRAME_MAX];

static uint32_t next(struct script *script)
{
    if (script->size == 0)
        return 0;
    script->size--;
    return *script->data++;
}

/* A batch of up to four messages, most of them small, some larger than one write. */
static struct batch *make_batch(struct script *script)
{
    static uint8_t payload[3 * FRAME_MAX + 256];
    static const size_t units[] = {1, 1, 300, 3 * FRAME_MAX / 255};
    struct batch *batch = batch_create(0);
    uint32_t count = 1 + next(script) % 4;

    FUZZ_REQUIRE(batch);
    for (size_t i = 0; payload[1] == 0 && i < sizeof payload; i++)
        payload[i] = (uint8_t)(i % 251);
    for (uint32_t i = 0; i < count; i++) {
        size_t size = next(script) * units[next(script) % 4];
        if (i > 0 && !batch_has_room(batch, frame_message_size(size)))
            break;
        FUZZ_REQUIRE(!batch_append(batch, TONI_TEXT, payload + next(script), size));
    }
    return batch;
}

/* Pushes a slice of a batch, perhaps in two pieces. */
static void push(struct script *script, struct batch *batch)
{
    uint32_t first = next(script) % batch->count;
    uint32_t count = 1 + next(script) % (batch->count - first);
    uint32_t begin = batch_offset(batch, first);
    uint32_t size = batch_offset(batch, first + count) - begin;

    if (size > STREAM_MAX - model.pushed)
        return;
    uint32_t piece = next(script) % (count + 1);
    if (piece > 0)
        FUZZ_REQUIRE(!outbox_push(&model.outbox, batch, first, piece));
    if (piece < count)
        FUZZ_REQUIRE(!outbox_push(&model.outbox, batch, first + piece, count - piece));
    memcpy(model.stream + model.pushed, batch->bytes + begin, size);
    model.pushed += size;
}

/* RFC 6455, section 5.2, without a mask. */
static size_t frame_size(const uint8_t *bytes, size_t size)
{
    static const size_t lengths[] = {0, 2, 8};
    FUZZ_REQUIRE(size >= 2);
    uint8_t code = bytes[1];
    FUZZ_REQUIRE(code < 128);
    size_t head = 2 + lengths[code < 126 ? 0 : code - 125];
    uint64_t payload = code < 126 ? code : 0;

    FUZZ_REQUIRE(size >= head);
    for (size_t i = 2; i < head; i++)
        payload = payload << 8 | bytes[i];
    FUZZ_REQUIRE(payload <= size - head);
    return head + (size_t)payload;
}

/* One write, of which all goes out. */
static void take(void)
{
    size_t size;
    const uint8_t *bytes = outbox_peek(&model.outbox, scratch, &size);

    FUZZ_REQUIRE(size <= FRAME_MAX && (size > 0) == (model.taken < model.pushed));
    FUZZ_REQUIRE(size <= model.pushed - model.taken);
    if (size > 0)
        FUZZ_REQUIRE(memcmp(bytes, model.stream + model.taken, size) == 0);
    for (size_t at = 0; at < size;)
        at += frame_size(bytes + at, size - at);
    outbox_consume(&model.outbox, size);
    model.taken += size;
    FUZZ_REQUIRE(model.outbox.bytes == model.pushed - model.taken);
    FUZZ_REQUIRE((model.outbox.messages > 0) == (model.outbox.bytes > 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct script script = {data, size};

    model.pushed = model.taken = 0;
    outbox_init(&model.outbox);
    while (script.size > 0) {
        if (next(&script) % 3 == 0) {
            take();
            continue;
        }
        struct batch *batch = make_batch(&script);
        push(&script, batch);
        batch_unref(batch);
    }
    bool drain = size % 2 == 0;
    while (drain && model.taken < model.pushed)
        take();
    outbox_clear(&model.outbox);
    return 0;
}
