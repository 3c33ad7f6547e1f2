/* What a server sends to `toni bench`, in any bytes: the answer to the handshake, and then frames
 * with marks, or with events. However the bytes are cut, the same is counted. The input's first
 * byte says which it is, the second where it is cut. */
#include "fuzz_file.h"

#include "client/answer.h"
#include "client/frames.h"
#include "client/ledger.h"
#include "client/replies.h"

#include <string.h>

#define PUBLISHERS 3
#define FILLER 4
#define SENT 20

struct receiver {
    struct frame_reader reader;
    struct tally tally;
    struct ledger ledger;
    uint32_t next[PUBLISHERS];
    struct replies *replies;
};

static void on_marked(void *data, const uint8_t *bytes, size_t size)
{
    struct receiver *receiver = data;
    ledger_read(&receiver->ledger, bytes, size);
}

static void on_reply(void *data, const uint8_t *bytes, size_t size)
{
    const struct receiver *receiver = data;
    replies_read(receiver->replies, bytes, size);
}

static void on_reply_end(void *data)
{
    const struct receiver *receiver = data;
    replies_enter(receiver->replies);
}

static void on_control(void *data, enum opcode opcode, const uint8_t *bytes, size_t size)
{
    (void)data, (void)opcode, (void)bytes;
    FUZZ_REQUIRE(size <= CONTROL_MAX);
}

static const struct frame_sink marked = {.payload = on_marked, .control = on_control};
static const struct frame_sink events = {
    .payload = on_reply, .control = on_control, .message = on_reply_end};

/* @param piece  How many bytes come at a time; each piece from a copy that ends there. */
static void receive(struct receiver *receiver, bool has_marks, const uint8_t *bytes, size_t size,
                    size_t piece)
{
    memset(receiver, 0, sizeof *receiver);
    receiver->tally.filler = FILLER;
    ledger_init(&receiver->ledger, &receiver->tally, 1, PUBLISHERS, receiver->next);
    receiver->replies = replies_create(&receiver->tally, true);
    FUZZ_REQUIRE(receiver->replies);
    receiver->replies->counts = true;
    for (int i = 0; i < SENT; i++) {
        FUZZ_REQUIRE(pending_reserve(&receiver->replies->pending));
        (void)pending_add(&receiver->replies->pending, 1);
    }
    int result = 0;
    for (size_t at = 0; at < size && result == 0; at += piece) {
        const size_t here = size - at < piece ? size - at : piece;
        uint8_t *copy = malloc(here);
        FUZZ_REQUIRE(copy);
        memcpy(copy, bytes + at, here);
        result = frame_read(&receiver->reader, has_marks ? &marked : &events, receiver, copy, here);
        free(copy);
    }
    ledger_finish(&receiver->ledger);
    replies_destroy(receiver->replies);
}

static void judge_answer(const uint8_t *bytes, size_t size)
{
    char why[ANSWER_WHY_SIZE];
    char *head = malloc(size + 1);
    FUZZ_REQUIRE(head);
    memcpy(head, bytes, size);
    head[size] = '\0';
    (void)answer_judge(head, NULL, why);
    (void)answer_judge(head, "chat", why);
    free(head);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct receiver whole, cut; /* percentiles are large */
    if (size < 3)
        return 0;
    const unsigned kind = bytes[0] % 3;
    const size_t piece = bytes[1] % 64 + 1U;
    if (kind == 2) {
        judge_answer(bytes + 2, size - 2);
        return 0;
    }
    receive(&whole, kind == 0, bytes + 2, size - 2, size);
    receive(&cut, kind == 0, bytes + 2, size - 2, piece);
    FUZZ_REQUIRE(whole.tally.delivered == cut.tally.delivered);
    FUZZ_REQUIRE(whole.tally.lost == cut.tally.lost);
    FUZZ_REQUIRE(whole.tally.late == cut.tally.late);
    FUZZ_REQUIRE(whole.tally.repeated == cut.tally.repeated);
    FUZZ_REQUIRE(whole.tally.strayed == cut.tally.strayed);
    FUZZ_REQUIRE(whole.tally.damaged == cut.tally.damaged);
    FUZZ_REQUIRE(whole.tally.errors == cut.tally.errors);
    return 0;
}
