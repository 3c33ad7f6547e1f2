/* Ledgers; see ledger.h. */
#include "client/ledger.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void ledger_init(struct ledger *ledger, struct tally *tally, uint32_t room, uint32_t publishers,
                 uint32_t *next)
{
    *ledger = (struct ledger){.tally = tally,
                              .room = room,
                              .publishers = next ? publishers : 0,
                              .own = LEDGER_NOBODY,
                              .next = next};
}

void ledger_finish(struct ledger *ledger)
{
    free(ledger->gaps);
    ledger->gaps = NULL;
}

/* --- What is missing: nothing of this runs as long as nothing is */

static void add_gap(struct ledger *ledger, uint32_t publisher, uint32_t from, uint32_t to)
{
    if (!ledger->gaps)
        ledger->gaps = calloc(LEDGER_GAPS, sizeof *ledger->gaps);
    if (!ledger->gaps) /* one that comes late is taken for one that comes twice */
        return;
    ledger->gaps[ledger->next_gap] = (struct gap){publisher, from, to};
    ledger->next_gap = (uint8_t)((ledger->next_gap + 1U) % LEDGER_GAPS);
}

/* Takes a message out of what is missing. @return Whether it was. */
static bool take_from_gap(struct ledger *ledger, uint32_t publisher, uint32_t seq)
{
    for (uint32_t i = 0; ledger->gaps && i < LEDGER_GAPS; i++) {
        struct gap *gap = &ledger->gaps[i];
        if (gap->publisher != publisher || seq < gap->from || seq >= gap->to)
            continue;
        const uint32_t to = gap->to;
        gap->to = seq;
        if (gap->from == gap->to)
            gap->from = seq + 1, gap->to = to;
        else if (seq + 1 < to)
            add_gap(ledger, publisher, seq + 1, to);
        return true;
    }
    return false;
}

/* Not the one that must come next. @return Whether it counts as delivered. */
__attribute__((noinline)) static bool enter_out_of_order(struct ledger *ledger,
                                                         const struct mark *mark)
{
    uint32_t *next = &ledger->next[mark->publisher];
    if (mark->seq > *next) {
        ledger->tally->lost += mark->seq - *next;
        add_gap(ledger, mark->publisher, *next, mark->seq);
        *next = mark->seq + 1;
        return true;
    }
    if (!take_from_gap(ledger, mark->publisher, mark->seq)) {
        ledger->tally->repeated++;
        return false;
    }
    ledger->tally->late++;
    ledger->tally->lost--;
    return true;
}

/* --- What comes */

/* A whole message has come. */
static void enter(struct ledger *ledger)
{
    struct tally *tally = ledger->tally;
    const struct mark *mark = &ledger->mark;
    if (ledger->damaged)
        tally->damaged++;
    if (mark->room != ledger->room || mark->publisher >= ledger->publishers ||
        mark->publisher == ledger->own) {
        tally->strayed++;
        return;
    }
    uint32_t *next = &ledger->next[mark->publisher];
    if (mark->seq == *next)
        *next = mark->seq + 1;
    else if (!enter_out_of_order(ledger, mark))
        return;
    tally->delivered++;
    ledger->delivered++;
    ledger->order =
        (ledger->order ^ ((uint64_t)mark->publisher << 32 | mark->seq)) * 0x9e3779b97f4a7c15ULL;
    percentiles_add(&tally->latencies, tally->now_ns - mark->sent_ns);
}

/* @return Whether all bytes are filler. */
static bool is_filler(const uint8_t *bytes, size_t size)
{
    /* All are like the first if each is like the one before it. */
    return size == 0 || (bytes[0] == LEDGER_FILLER && memcmp(bytes, bytes + 1, size - 1) == 0);
}

/* @return How many bytes belonged to the message. */
static size_t read_filler(struct ledger *ledger, const uint8_t *bytes, size_t size)
{
    size_t here = ledger->filler_left < size ? ledger->filler_left : size;
    if (!is_filler(bytes, here))
        ledger->damaged = 1;
    ledger->filler_left -= here;
    if (ledger->filler_left == 0)
        enter(ledger);
    return here;
}

static void begin(struct ledger *ledger)
{
    ledger->damaged = 0;
    ledger->filler_left = ledger->tally->filler;
    if (ledger->filler_left == 0)
        enter(ledger);
}

/* A mark that began in the bytes before. @return How many bytes were taken. */
static size_t read_carried(struct ledger *ledger, const uint8_t *bytes, size_t size)
{
    size_t take = MARK_SIZE - ledger->carried;
    if (take > size)
        take = size;
    memcpy(ledger->carry + ledger->carried, bytes, take);
    ledger->carried = (uint8_t)(ledger->carried + take);
    if (ledger->carried == MARK_SIZE) {
        ledger->carried = 0;
        if (mark_read(ledger->carry, &ledger->mark)) {
            begin(ledger);
        } else { /* a sign that begins none; the mark may begin behind it */
            uint8_t rest[MARK_SIZE - 1];
            memcpy(rest, ledger->carry + 1, sizeof rest);
            ledger_read(ledger, rest, sizeof rest);
        }
    }
    return take;
}

/* Up to and with the next mark. @return How many bytes were taken. */
static size_t find_mark(struct ledger *ledger, const uint8_t *bytes, size_t size)
{
    const uint8_t *sign = memchr(bytes, MARK_SIGN, size);
    if (!sign)
        return size;
    size_t before = (size_t)(sign - bytes), left = size - before;
    if (left < MARK_SIZE) {
        memcpy(ledger->carry, sign, left);
        ledger->carried = (uint8_t)left;
        return size;
    }
    if (!mark_read(sign, &ledger->mark))
        return before + 1;
    begin(ledger);
    return before + MARK_SIZE;
}

void ledger_read(struct ledger *ledger, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        size_t taken;
        if (ledger->filler_left > 0)
            taken = read_filler(ledger, bytes, size);
        else if (ledger->carried > 0)
            taken = read_carried(ledger, bytes, size);
        else
            taken = find_mark(ledger, bytes, size);
        bytes += taken;
        size -= taken;
    }
}
