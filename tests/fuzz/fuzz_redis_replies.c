/* Whatever a server sends: it is taken apart in pieces of different sizes, and read as the answer
 * to each command. The first byte says how large the pieces are. */
#include "fuzz_file.h"

#include "answer.h"
#include "incoming.h"

/* Of a command that had several: each has an answer, if there are as many. */
static void read_as_publishes(const redisReply *reply)
{
    toni_engine_published published;
    for (size_t count = 1; count <= 4; count++) {
        for (size_t i = 0; i < count; i++) {
            const redisReply *answer = answer_of(reply, i, count);
            FUZZ_REQUIRE((answer == NULL) ==
                         (reply->type == REDIS_REPLY_ARRAY && reply->elements != count));
            if (answer && answer->type == REDIS_REPLY_ERROR)
                (void)answer_fault(answer);
            else if (answer)
                (void)answer_published(answer, &published);
        }
    }
}

static void read_as_all(const redisReply *reply)
{
    toni_engine_published published;
    toni_position tops[4], at;
    struct answer_hello hello;
    struct answer_history history;
    struct answer_lease lease;
    toni_str channel, payload, body;
    int32_t answer;
    uint32_t kind;
    read_as_publishes(reply);
    if (reply->type == REDIS_REPLY_ERROR) {
        (void)answer_fault(reply);
        return;
    }
    (void)answer_published(reply, &published);
    (void)answer_probe(reply, &answer);
    (void)answer_hello(reply, &hello);
    for (uint32_t count = 0; count <= 4; count++)
        (void)answer_tops(reply, tops, count);
    for (int is_last = 0; is_last < 2; is_last++) {
        if (!answer_history(reply, is_last != 0, &history))
            continue;
        for (uint32_t i = 1; i < history.count; i++) /* without a hole */
            FUZZ_REQUIRE(history.entries[i].offset == history.entries[i - 1].offset + 1);
        free(history.entries);
    }
    if (answer_lease(reply, &lease))
        free(lease.leases);
    if (answer_pushed(reply, &channel, &payload) == ANSWER_MESSAGE)
        (void)answer_message(payload, &at, &kind, &body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct incoming incoming;
    redisReply *reply;
    const char *fault = NULL;
    if (size == 0 || incoming_init(&incoming, 65536) != 0)
        return 0;
    const size_t step = (size_t)data[0] + 1;
    for (size_t i = 1; i < size && !fault; i += step) {
        fault = incoming_feed(&incoming, (const char *)data + i, size - i < step ? size - i : step);
        for (;;) {
            if (!fault)
                fault = incoming_next(&incoming, &reply);
            if (fault || !reply)
                break;
            read_as_all(reply);
            incoming_free(reply);
        }
    }
    incoming_finish(&incoming);
    return 0;
}
