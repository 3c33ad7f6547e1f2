/* See truth.h. */
#include "truth.h"

#include <inttypes.h>

void truth_init(struct truth *truth, struct verdict *verdict)
{
    *truth = (struct truth){.verdict = verdict};
    LIST_ADD(&truth->publishes, (struct publish){0});
}

void truth_finish(struct truth *truth)
{
    for (size_t room = 0; room < TRUTH_ROOMS_MOST; room++) {
        for (size_t i = 0; i < truth->rooms[room].reigns.count; i++)
            LIST_FREE(&truth->rooms[room].reigns.items[i].ids);
        LIST_FREE(&truth->rooms[room].reigns);
    }
    LIST_FREE(&truth->publishes);
}

uint64_t truth_publish(struct truth *truth, uint32_t node, uint32_t room, uint64_t now_ns,
                       uint64_t step)
{
    LIST_ADD(&truth->publishes, (struct publish){
                                    .room = room,
                                    .node = node,
                                    .asked_ns = now_ns,
                                    .asked_step = step,
                                });
    return truth->publishes.count - 1;
}

void truth_answer(struct truth *truth, uint64_t id, enum outcome outcome, uint64_t epoch,
                  uint64_t offset, uint64_t step)
{
    struct publish *publish = &truth->publishes.items[id];

    if (publish->outcome != OUTCOME_PENDING) {
        verdict_break(truth->verdict, step, "publish %" PRIu64 " was answered twice", id);
        return;
    }
    publish->outcome = outcome;
    publish->epoch = epoch;
    publish->offset = offset;
    publish->answered_step = step;
}

void truth_abandon(struct truth *truth, uint32_t node, uint64_t step)
{
    for (size_t i = 1; i < truth->publishes.count; i++) {
        struct publish *publish = &truth->publishes.items[i];
        if (publish->node == node && publish->outcome == OUTCOME_PENDING) {
            publish->outcome = OUTCOME_ABANDONED;
            publish->answered_step = step;
        }
    }
}

static struct reign *find_reign(const struct truth *truth, uint32_t room, uint64_t epoch)
{
    for (size_t i = truth->rooms[room].reigns.count; i-- > 0;) {
        if (truth->rooms[room].reigns.items[i].epoch == epoch)
            return &truth->rooms[room].reigns.items[i];
    }
    return NULL;
}

void truth_order(struct truth *truth, uint64_t id, uint32_t room, uint64_t epoch, uint64_t offset,
                 uint64_t step)
{
    struct reign *reign = find_reign(truth, room, epoch);

    if (id == 0 || id >= truth->publishes.count || truth->publishes.items[id].room != room) {
        verdict_break(truth->verdict, step,
                      "room %" PRIu32 ": %" PRIu64 " was ordered, and nobody had published it",
                      room, id);
        return;
    }
    if (++truth->publishes.items[id].ordered == 2)
        verdict_break(truth->verdict, step, "publish %" PRIu64 " was ordered twice", id);
    if (!reign) {
        LIST_ADD(&truth->rooms[room].reigns, (struct reign){.epoch = epoch});
        reign = &truth->rooms[room].reigns.items[truth->rooms[room].reigns.count - 1];
    }
    while (reign->ids.count <= offset)
        LIST_ADD(&reign->ids, 0);
    if (reign->ids.items[offset] != 0) {
        verdict_break(truth->verdict, step,
                      "room %" PRIu32 ", epoch %" PRIx64 ": offset %" PRIu64
                      " was given to %" PRIu64 " and to %" PRIu64,
                      room, epoch, offset, reign->ids.items[offset], id);
        return;
    }
    reign->ids.items[offset] = id;
}

void truth_evict(struct truth *truth, uint32_t room, uint64_t epoch)
{
    struct reign *reign = find_reign(truth, room, epoch);

    if (reign)
        reign->is_evicted = true;
}

const struct reign *truth_reign(const struct truth *truth, uint32_t room, uint64_t epoch)
{
    return find_reign(truth, room, epoch);
}

uint64_t truth_at(const struct truth *truth, uint32_t room, uint64_t epoch, uint64_t offset)
{
    const struct reign *reign = find_reign(truth, room, epoch);

    return reign && offset < reign->ids.count ? reign->ids.items[offset] : 0;
}

static void judge_publish(const struct truth *truth, uint64_t id)
{
    const struct publish *publish = &truth->publishes.items[id];
    const uint64_t step = publish->answered_step;

    switch (publish->outcome) {
    case OUTCOME_PENDING:
        verdict_break(truth->verdict, publish->asked_step, "publish %" PRIu64 " was never answered",
                      id);
        break;
    case OUTCOME_OK:
        if (publish->ordered == 0) {
            verdict_break(truth->verdict, step,
                          "publish %" PRIu64 " was answered OK, and not ordered", id);
        } else if (publish->offset != 0 &&
                   truth_at(truth, publish->room, publish->epoch, publish->offset) != id) {
            verdict_break(truth->verdict, step,
                          "publish %" PRIu64 " was answered OK %" PRIx64 "/%" PRIu64
                          ", where it is not",
                          id, publish->epoch, publish->offset);
        }
        break;
    case OUTCOME_REJECTED:
        if (publish->ordered > 0)
            verdict_break(truth->verdict, step, "publish %" PRIu64 " was REJECTED, and ordered",
                          id);
        break;
    case OUTCOME_UNKNOWN:
    case OUTCOME_ABANDONED:
        break;
    }
}

/* What one node published in a room stands there in the order in which it was asked to. */
static void judge_reign(const struct truth *truth, uint32_t room, const struct reign *reign)
{
    uint64_t before[TRUTH_NODES_MOST] = {0};

    for (uint64_t at = 1; at < reign->ids.count; at++) {
        const uint64_t id = reign->ids.items[at];
        const struct publish *publish = &truth->publishes.items[id];
        if (id == 0)
            continue;
        if (id < before[publish->node]) {
            verdict_break(truth->verdict, publish->asked_step,
                          "room %" PRIu32 ": node %" PRIu32 " published %" PRIu64 " before %" PRIu64
                          ", and they stand the other way round",
                          room, publish->node, id, before[publish->node]);
        }
        before[publish->node] = id;
    }
}

void truth_judge(const struct truth *truth)
{
    for (uint64_t id = 1; id < truth->publishes.count; id++)
        judge_publish(truth, id);
    for (uint32_t room = 0; room < TRUTH_ROOMS_MOST; room++) {
        for (size_t i = 0; i < truth->rooms[room].reigns.count; i++)
            judge_reign(truth, room, &truth->rooms[room].reigns.items[i]);
    }
}
