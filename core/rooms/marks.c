/* See marks.h. */
#include "rooms/marks.h"

static struct outbox_entry make(struct topic *topic, uint32_t count)
{
    return (struct outbox_entry){.topic = topic_ref(topic), .first = OUTBOX_MARK, .count = count};
}

void outbox_mark_entry(struct outbox *outbox, uint32_t index, struct topic *topic, uint32_t count)
{
    *outbox_at(outbox, index) = make(topic, count);
    outbox->marks++;
}

/* The shorter side moves. */
static void make_place(struct outbox *outbox, uint32_t index)
{
    if (index < outbox->count / 2) {
        outbox->head = (outbox->head + outbox->capacity - 1) & (outbox->capacity - 1);
        outbox->count++;
        for (uint32_t i = 0; i < index; i++)
            *outbox_at(outbox, i) = *outbox_at(outbox, i + 1);
    } else {
        outbox->count++;
        for (uint32_t i = outbox->count - 1; i > index; i--)
            *outbox_at(outbox, i) = *outbox_at(outbox, i - 1);
    }
    outbox->held += index < outbox->held;
}

void outbox_insert_mark(struct outbox *outbox, uint32_t index, struct topic *topic, uint32_t count)
{
    make_place(outbox, index);
    outbox_mark_entry(outbox, index, topic, count);
}

/* --- Joining */

/* A sum that does not fit is none that anybody knows. */
static void add(struct outbox_entry *mark, uint32_t count)
{
    const uint64_t sum = (uint64_t)mark->count + count;
    mark->count = sum < GAP_COUNT_UNKNOWN ? (uint32_t)sum : GAP_COUNT_UNKNOWN;
}

/* Of several rooms it is none's. */
static void fold(struct outbox *outbox, struct outbox_entry *into, struct outbox_entry *mark)
{
    add(into, mark->count);
    if (into->topic != mark->topic) {
        topic_unref(into->topic);
        into->topic = NULL;
    }
    topic_unref(mark->topic);
    *mark = (struct outbox_entry){0};
    outbox->marks--;
}

/* The marks between two messages: one for each room, until there are too many. */
struct run {
    uint32_t count;
    struct outbox_entry *marks[OUTBOX_MARKS_MAX];
};

static struct outbox_entry *find(const struct run *run, const struct topic *topic)
{
    for (uint32_t i = 0; i < run->count; i++) {
        if (run->marks[i]->topic == topic)
            return run->marks[i];
    }
    return run->count == OUTBOX_MARKS_MAX ? run->marks[run->count - 1] : NULL;
}

/* The last of them take each other in, as nothing is between them; one of another place never does:
 * a notice before a message is none for what is missing behind it. */
static void end_run(struct outbox *outbox, struct run *run)
{
    for (; run->count > 1 && outbox->marks > OUTBOX_MARKS_MAX; run->count--)
        fold(outbox, run->marks[run->count - 2], run->marks[run->count - 1]);
    run->count = 0;
}

static bool is_mark_at(const struct outbox *outbox, uint32_t index)
{
    return index < outbox->count && outbox_entry_is_mark(outbox_at(outbox, index));
}

void outbox_join_marks(struct outbox *outbox, uint32_t *begin, uint32_t *end)
{
    struct run run = {.count = 0};
    while (*begin > 0 && is_mark_at(outbox, *begin - 1))
        --*begin;
    while (is_mark_at(outbox, *end))
        ++*end;
    for (uint32_t i = *begin; i < *end; i++) {
        struct outbox_entry *entry = outbox_at(outbox, i);
        if (entry->count == 0)
            continue; /* it is to be taken out */
        if (!outbox_entry_is_mark(entry)) {
            end_run(outbox, &run);
            continue;
        }
        struct outbox_entry *into = find(&run, entry->topic);
        if (into)
            fold(outbox, into, entry);
        else
            run.marks[run.count++] = entry;
    }
    end_run(outbox, &run);
}

int outbox_append_mark(struct outbox *outbox, struct topic *topic, uint32_t count)
{
    if (outbox->count == outbox->capacity && outbox_grow(outbox))
        return -1;
    uint32_t begin = outbox->count++;
    outbox_mark_entry(outbox, begin, topic, count);
    uint32_t end = outbox->count;
    outbox_join_marks(outbox, &begin, &end);
    outbox_close_gaps(outbox, begin);
    return 0;
}

/* --- Telling */

static struct batch *write_notice(const struct gap_notice *notice, const struct outbox_entry *mark)
{
    char text[GAP_TEXT_MAX];
    const toni_str room = mark->topic ? mark->topic->name : toni_str_of("");
    const size_t size = notice->write(notice, room, mark->count, text);
    struct batch *batch = size > 0 ? batch_create_broadcast(NULL, frame_message_size(size)) : NULL;
    if (!batch || batch_append(batch, FRAME_TEXT, text, size)) {
        batch_unref(batch);
        return NULL;
    }
    batch->is_notice = true;
    return batch;
}

int outbox_tell_mark(struct outbox *outbox, const struct gap_notice *notice)
{
    struct outbox_entry *entry = outbox_at(outbox, 0);
    if (!notice) {
        outbox_drop_first_mark(outbox);
        return 0;
    }
    struct batch *batch = write_notice(notice, entry);
    if (!batch)
        return -1;
    topic_unref(entry->topic);
    *entry = (struct outbox_entry){.batch = batch, .first = 0, .count = 1};
    outbox->marks--;
    outbox->bytes += batch->size;
    outbox_hold_again(outbox); /* or the notice would never be charged */
    return 1;
}
