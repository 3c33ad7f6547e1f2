/* What comes on a node's control channel: anything, from a node of another version or an engine
 * that isn't one. The first byte says what is under way meanwhile. */
#include "fuzz_file.h"

#include "cluster/control.h"

static const struct node_identity me = {1, 1}, other = {2, 2};

/* What is read is written as it came. */
static void require_same(const struct control_frame *frame, const uint8_t *bytes, size_t size)
{
    uint64_t ids[CONTROL_IDS_MOST];
    struct control_answer answer = frame->answer;
    const bool is_answer = frame->request.form == CONTROL_ANSWER;

    for (uint32_t i = 0; i < answer.id_count; i++)
        ids[i] = control_frame_id(frame, i);
    answer.ids = ids;
    struct payload *written = is_answer ? control_answer_write(&frame->head, &answer)
                                        : control_request_write(&frame->head, &frame->request);
    FUZZ_REQUIRE(written && written->size == size);
    for (size_t i = 0; i < size; i++)
        FUZZ_REQUIRE(written->bytes[i] == bytes[i]);
    payload_unref(written);
}

/* It says who is there, and what else its head has is not looked at. */
static void require_same_announcement(const struct control_frame *frame, size_t size)
{
    struct control_frame again;
    struct payload *written = control_announcement_write(frame->head.from);
    FUZZ_REQUIRE(written && written->size == size);
    FUZZ_REQUIRE(control_read(written->bytes, written->size, &again));
    FUZZ_REQUIRE(again.request.form == CONTROL_ANNOUNCE);
    FUZZ_REQUIRE(again.head.from.slot == frame->head.from.slot);
    FUZZ_REQUIRE(again.head.from.boot == frame->head.from.boot);
    payload_unref(written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct control_settings settings = {
        .asks_max = 8, .bytes_max = 1u << 20, .nodes_max = 4};
    static const struct control_request request = {.form = CONTROL_ROOM, .limit = 3};
    struct control_frame frame;
    uint64_t number;
    struct node_identity from;

    if (size == 0)
        return 0;
    struct control_table *control = control_table_create(&settings);
    struct payload *name = payload_create("", 0, 0);
    FUZZ_REQUIRE(control && name);
    control_held(control, me);
    control_seen(control, other, name);
    if (data[0] & 1)
        (void)control_ask_all(control, &request, 1000, 1, 0);
    if (data[0] & 2)
        (void)control_receipt(control, 1000, &number, &from);
    if (control_read(data + 1, size - 1, &frame)) {
        if (frame.request.form == CONTROL_ANNOUNCE)
            require_same_announcement(&frame, size - 1);
        else
            require_same(&frame, data + 1, size - 1);
    }
    if (control_message(control, data + 1, size - 1, &frame))
        FUZZ_REQUIRE(frame.head.to.slot == me.slot && frame.head.to.boot == me.boot);
    payload_unref(name);
    control_table_destroy(control);
    return 0;
}
