/* Shards; see shard.h. */
#include "rooms/shard.h"

#include "rooms/batch.h"
#include "rooms/client.h"

#include <stdlib.h>
#include <string.h>

/* --- Members */

void shard_finish(struct shard *shard)
{
    for (uint32_t i = 0; i < shard->count; i++)
        client_unref(shard->members[i].client);
    free(shard->members);
    free(shard->exceptions);
}

int shard_add(struct shard *shard, toni_client *client, struct membership *membership, uint64_t seq)
{
    if (shard->count == shard->capacity) {
        uint32_t capacity = shard->capacity + shard->capacity / 8 + 1;
        struct member *members = realloc(shard->members, capacity * sizeof *members);
        if (!members)
            return -1;
        shard->members = members;
        shard->capacity = capacity;
    }
    membership->index = shard->count;
    shard->members[shard->count++] = (struct member){
        .client = client, .from = seq, .until = MEMBER_FOR_EVER, .membership = membership};
    shard->targets++;
    return 0;
}

static void shrink(struct shard *shard)
{
    if (shard->count > shard->capacity / 4 || shard->capacity < 16)
        return;
    uint32_t capacity = shard->capacity / 2;
    struct member *members = realloc(shard->members, capacity * sizeof *members);
    if (members) { /* if not, it stays larger than it need be */
        shard->members = members;
        shard->capacity = capacity;
    }
}

static void move_exceptions(struct shard *shard, uint32_t from, uint32_t to);

/* Takes one entry out; the last one moves to its place. */
static void take_out(struct shard *shard, uint32_t index)
{
    struct member *last = &shard->members[--shard->count];
    if (index < shard->count) {
        shard->members[index] = *last;
        if (last->membership)
            last->membership->index = index;
        move_exceptions(shard, shard->count, index);
    }
    shrink(shard);
}

void shard_remove(struct shard *shard, const struct membership *membership)
{
    struct member *member = &shard->members[membership->index];
    if (shard->posted == 0) {
        take_out(shard, membership->index);
    } else {
        member->membership = NULL;
        client_ref(member->client);
        shard->ghosts++;
    }
}

void shard_taken(struct shard *shard, uint64_t seq)
{
    if (shard->posted <= seq)
        shard->posted = 0;
    for (uint32_t i = 0; shard->ghosts > 0 && i < shard->count;) {
        struct member *member = &shard->members[i];
        bool waits = member->until > seq && shard->posted > 0;
        if (member->membership || waits) {
            i++;
            continue;
        }
        toni_client *client = member->client;
        shard->ghosts--;
        take_out(shard, i);
        client_unref(client);
    }
}

/* --- Exceptions */

struct exception {
    uint64_t seq;
    uint32_t index; /* of the member, who can't go before the message has been delivered */
};

/* By ascending sequence number. */
struct exceptions {
    uint32_t first; /* those before it are done with */
    uint32_t end;
    uint32_t capacity;
    struct exception items[];
};

int shard_reserve_exceptions(struct shard *shard, uint32_t count)
{
    struct exceptions *list = shard->exceptions;
    if (list && list->end + count > list->capacity && list->first > list->capacity / 2) {
        list->end -= list->first;
        memmove(list->items, list->items + list->first, list->end * sizeof *list->items);
        list->first = 0;
    }
    if (list && list->end + count <= list->capacity)
        return 0;
    uint32_t capacity = list ? list->capacity * 2 + count : count;
    struct exceptions *larger = realloc(list, sizeof *larger + capacity * sizeof *larger->items);
    if (!larger)
        return -1;
    if (!list)
        larger->first = larger->end = 0;
    larger->capacity = capacity;
    shard->exceptions = larger;
    return 0;
}

void shard_except(struct shard *shard, uint32_t index, uint64_t seq)
{
    struct exceptions *list = shard->exceptions;
    list->items[list->end++] = (struct exception){.seq = seq, .index = index};
}

/* A member has moved. */
static void move_exceptions(struct shard *shard, uint32_t from, uint32_t to)
{
    struct exceptions *list = shard->exceptions;
    for (uint32_t i = list ? list->first : 0; list && i < list->end; i++) {
        if (list->items[i].index == from)
            list->items[i].index = to;
    }
}

/* --- Delivery */

static inline void hand_to(const struct member *member, struct batch *batch, uint64_t begin,
                           uint64_t end)
{
    uint64_t from = member->from >= begin ? member->from + 1 : begin;
    uint64_t to = member->until < end ? member->until : end;
    if (from <= to)
        (void)client_enqueue(member->client, batch, (uint32_t)(from - batch->first_seq),
                             (uint32_t)(to - from + 1));
}

/* What lies before each message that a member is excepted from; what lies behind the last one it
 * gets with all others. */
static void hand_to_excepted(struct shard *shard, struct batch *batch, uint64_t begin, uint64_t end)
{
    struct exceptions *list = shard->exceptions;
    for (; list->first < list->end && list->items[list->first].seq <= end; list->first++) {
        const struct exception *exception = &list->items[list->first];
        struct member *member = &shard->members[exception->index];
        hand_to(member, client_batch(member->client, batch), begin, exception->seq - 1);
        member->from = exception->seq;
    }
    if (list->first == list->end) {
        free(list);
        shard->exceptions = NULL;
    }
}

/* Two loops, each a function of its own: so the common loop needs no per-member check for
 * compression, and has all it needs in registers. */

__attribute__((noinline)) static void hand_out(const struct shard *shard, struct batch *batch,
                                               uint64_t begin, uint64_t end)
{
    for (uint32_t i = 0; i < shard->count; i++)
        hand_to(&shard->members[i], batch, begin, end);
}

__attribute__((noinline)) static void
hand_out_with_twin(const struct shard *shard, struct batch *batch, uint64_t begin, uint64_t end)
{
    for (uint32_t i = 0; i < shard->count; i++) {
        const struct member *member = &shard->members[i];
        hand_to(member, client_batch(member->client, batch), begin, end);
    }
}

void shard_deliver(struct shard *shard, struct batch *batch, uint64_t begin, uint64_t end)
{
    if (shard->exceptions)
        hand_to_excepted(shard, batch, begin, end);
    if (batch->deflated)
        hand_out_with_twin(shard, batch, begin, end);
    else
        hand_out(shard, batch, begin, end);
}
