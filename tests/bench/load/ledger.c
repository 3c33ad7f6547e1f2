/* Ledgers; see ledger.h. */
#include "ledger.h"

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
    if (mark->seq < *next) {
        tally->repeated++;
        return;
    }
    tally->lost += mark->seq - *next;
    *next = mark->seq + 1;
    tally->delivered++;
    ledger->delivered++;
    ledger->order =
        (ledger->order ^ ((uint64_t)mark->publisher << 32 | mark->seq)) * 0x9e3779b97f4a7c15ULL;
    histogram_add(&tally->latencies, tally->now_ns - mark->sent_ns);
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
