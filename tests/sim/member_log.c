/* See member_log.h. */
#include "member_log.h"

#include <inttypes.h>
#include <string.h>

/* Where a walk along a log stands. */
struct walk {
    const struct member_log *log;
    const struct truth *truth;
    const struct member_entry *entry;
    bool is_placed; /* what comes next is known: epoch, offset + 1 */
    uint64_t epoch, offset;
    bool is_loose;      /* it may get some that are before its place */
    uint64_t reigns;    /* so many epochs had begun then */
    bool is_open;       /* anything may be missing here */
    uint64_t gap_until; /* to there it was told that it is missing, without a hole from offset on */
    uint64_t local_epoch, local_offset; /* the last one of those that its node published alone */
    unsigned char *had;                 /* a bit for each message */
};

#define BREAK(walk, format, ...)                                                                   \
    verdict_break((walk)->truth->verdict, (walk)->entry->step,                                     \
                  "client %" PRIu32 " of node %" PRIu32 " in room %" PRIu32 ": " format,           \
                  (walk)->log->client, (walk)->log->node, (walk)->log->room, __VA_ARGS__)

/* The first message behind the walk's place that was ordered in its epoch and not told to be
 * missing, up to
 * @p until. 0: there is none. */
static uint64_t untold(const struct walk *walk, uint64_t until)
{
    const struct reign *reign = truth_reign(walk->truth, walk->log->room, walk->epoch);
    const uint64_t told = walk->gap_until > walk->offset ? walk->gap_until : walk->offset;

    if (!reign)
        return 0;
    for (uint64_t at = told + 1; at <= until && at < reign->ids.count; at++) {
        if (reign->ids.items[at] != 0)
            return at;
    }
    return 0;
}

static void place(struct walk *walk, uint64_t epoch, uint64_t offset)
{
    walk->is_placed = true;
    walk->is_open = false;
    walk->is_loose = false;
    walk->epoch = epoch;
    walk->offset = offset;
    walk->gap_until = offset;
}

/* A room that had no numbers when the node lost its server, got some, and was thrown away before
 * the node was back, is for that node one in which nothing was said. */
static bool is_gone_unseen(const struct walk *walk)
{
    const struct reign *reign = truth_reign(walk->truth, walk->log->room, walk->epoch);

    return walk->is_loose && reign && reign->is_evicted;
}

static void take_other_epoch(struct walk *walk)
{
    const struct member_entry *entry = walk->entry;
    const uint64_t missing = is_gone_unseen(walk) ? 0 : untold(walk, UINT64_MAX);

    if (missing != 0)
        BREAK(walk, "%" PRIx64 "/%" PRIu64 " is missing before another epoch, untold", walk->epoch,
              missing);
    walk->epoch = entry->epoch;
    walk->offset = walk->gap_until = 0;
    const uint64_t skipped = untold(walk, entry->offset - 1);
    if (skipped != 0)
        BREAK(walk, "%" PRIx64 "/%" PRIu64 " is missing at the begin of its epoch, untold",
              walk->epoch, skipped);
}

static void mark_had(struct walk *walk, uint64_t id)
{
    if (walk->had[id / 8] & (1u << id % 8))
        BREAK(walk, "got %" PRIu64 " twice", id);
    walk->had[id / 8] |= (unsigned char)(1u << id % 8);
}

/* The place in the order of all stays where it is. */
static void take_local(struct walk *walk)
{
    const struct member_entry *entry = walk->entry;
    const bool goes_on = walk->local_epoch == entry->epoch;

    if (truth_at(walk->truth, walk->log->room, entry->epoch, entry->offset) != entry->id)
        BREAK(walk, "got %" PRIu64 " as the local %" PRIx64 "/%" PRIu64 ", where it is not",
              entry->id, entry->epoch, entry->offset);
    if (goes_on && entry->offset != walk->local_offset + 1)
        BREAK(walk, "got the local %" PRIx64 "/%" PRIu64 " after %" PRIu64, entry->epoch,
              entry->offset, walk->local_offset);
    walk->local_epoch = entry->epoch;
    walk->local_offset = entry->offset;
    mark_had(walk, entry->id);
}

/* It is in the order of an epoch before that of the walk's place. */
static bool is_of_earlier_epoch(const struct walk *walk)
{
    const uint64_t epoch = walk->entry->epoch;

    return epoch != walk->epoch &&
           truth_reign(walk->truth, walk->log->room, epoch) <
               walk->truth->rooms[walk->log->room].reigns.items + walk->reigns;
}

static void take_message(struct walk *walk)
{
    const struct member_entry *entry = walk->entry;
    const uint64_t there = truth_at(walk->truth, walk->log->room, entry->epoch, entry->offset);
    const bool is_bound = walk->is_placed && walk->epoch == entry->epoch && !walk->is_loose;
    const bool is_whole = walk->is_placed && !walk->is_open;
    const bool is_before = walk->is_loose && is_of_earlier_epoch(walk);

    if (there != entry->id) {
        BREAK(walk, "got %" PRIu64 " as %" PRIx64 "/%" PRIu64 ", where %" PRIu64 " is", entry->id,
              entry->epoch, entry->offset, there);
    } else if (is_bound && entry->offset <= walk->offset) {
        BREAK(walk, "got %" PRIx64 "/%" PRIu64 " behind %" PRIu64, entry->epoch, entry->offset,
              walk->offset);
    } else if (is_bound && entry->offset <= walk->gap_until) {
        BREAK(walk, "got %" PRIx64 "/%" PRIu64 ", which was told to be missing", entry->epoch,
              entry->offset);
    } else if (is_whole && !is_before && walk->epoch != entry->epoch) {
        take_other_epoch(walk);
    } else if (is_whole && !is_before && untold(walk, entry->offset - 1) != 0) {
        BREAK(walk, "got %" PRIx64 "/%" PRIu64 " after %" PRIu64 ": %" PRIu64 " is missing, untold",
              entry->epoch, entry->offset, walk->offset, untold(walk, entry->offset - 1));
    }
    mark_had(walk, entry->id);
    if (!is_before)
        place(walk, entry->epoch, entry->offset);
}

static void take_gap(struct walk *walk)
{
    const struct member_entry *entry = walk->entry;

    if (!walk->is_placed || walk->epoch != entry->epoch) {
        walk->is_open = true; /* of an epoch of which it has nothing yet */
        return;
    }
    if (entry->offset != 0 && entry->offset <= walk->offset && !walk->is_loose)
        BREAK(walk, "a gap from %" PRIu64 " to %" PRIu64 " is told, and it had %" PRIu64,
              entry->offset, entry->to, walk->offset);
    if ((entry->offset == 0 || untold(walk, entry->offset - 1) == 0) && entry->to > walk->gap_until)
        walk->gap_until = entry->to;
}

static void take(struct walk *walk)
{
    switch (walk->entry->kind) {
    case MEMBER_JOINED:
        walk->is_placed = false;
        break;
    case MEMBER_AT:
    case MEMBER_RECOVERED:
        place(walk, walk->entry->epoch, walk->entry->offset);
        break;
    case MEMBER_FROM:
        place(walk, walk->entry->epoch, walk->entry->offset);
        walk->is_loose = true;
        walk->reigns = walk->entry->to;
        break;
    case MEMBER_UNRECOVERED:
    case MEMBER_GAP_OPEN:
        walk->is_open = true;
        break;
    case MEMBER_MESSAGE:
        take_message(walk);
        break;
    case MEMBER_LOCAL:
        take_local(walk);
        break;
    case MEMBER_GAP:
        take_gap(walk);
        break;
    }
}

static void judge_end(const struct walk *walk, uint64_t must_have_id)
{
    if (!(walk->had[must_have_id / 8] & (1u << must_have_id % 8))) {
        BREAK(walk, "all is well again, and it never got %" PRIu64, must_have_id);
    } else if (walk->is_placed && untold(walk, UINT64_MAX) != 0) {
        BREAK(walk, "the last ones are missing, untold: from %" PRIx64 "/%" PRIu64 " on",
              walk->epoch, untold(walk, UINT64_MAX));
    }
}

void member_log_judge(const struct member_log *log, const struct truth *truth,
                      uint64_t must_have_id, uint64_t end_step)
{
    const struct member_entry end = {.step = end_step};
    struct walk walk = {.log = log, .truth = truth};

    walk.had = must_have(calloc(truth->publishes.count / 8 + 1, 1));
    for (size_t i = 0; i < log->entries.count; i++) {
        walk.entry = &log->entries.items[i];
        take(&walk);
    }
    walk.entry = &end;
    if (must_have_id != 0)
        judge_end(&walk, must_have_id);
    free(walk.had);
}
