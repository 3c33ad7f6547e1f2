/* The ring; see log_ring.h. A record is a head and the line; both may go round its end. */
#include "base/log_ring.h"

#include <string.h>

/* Less important lines find the ring full at this many bytes. */
#define FULL_FOR_INFO (LOG_RING_SIZE / 4 * 3)

struct head {
    uint32_t lost; /* UINT32_MAX: that many, or more */
    uint16_t length;
    uint16_t level;
};

_Static_assert(LOG_LINE_SIZE <= UINT16_MAX, "a head can't tell the length of a line");

static void copy_in(struct log_ring *ring, const void *from, size_t size)
{
    const size_t at = (ring->first + ring->used) % LOG_RING_SIZE;
    const size_t before_end = size < LOG_RING_SIZE - at ? size : LOG_RING_SIZE - at;

    memcpy(ring->bytes + at, from, before_end);
    memcpy(ring->bytes, (const char *)from + before_end, size - before_end);
    ring->used += size;
}

static void copy_out(struct log_ring *ring, void *to, size_t size)
{
    const size_t before_end =
        size < LOG_RING_SIZE - ring->first ? size : LOG_RING_SIZE - ring->first;

    memcpy(to, ring->bytes + ring->first, before_end);
    memcpy((char *)to + before_end, ring->bytes, size - before_end);
    ring->first = (ring->first + size) % LOG_RING_SIZE;
    ring->used -= size;
}

bool log_ring_put(struct log_ring *ring, enum log_level level, const char *line, size_t length)
{
    const size_t size = level < LOG_LEVEL_WARN ? FULL_FOR_INFO : LOG_RING_SIZE;
    const struct head head = {
        .lost = ring->lost < UINT32_MAX ? (uint32_t)ring->lost : UINT32_MAX,
        .length = (uint16_t)length,
        .level = (uint16_t)level,
    };

    if (length > LOG_LINE_SIZE || ring->used + sizeof head + length > size) {
        ring->lost++;
        return false;
    }
    ring->lost = 0;
    copy_in(ring, &head, sizeof head);
    copy_in(ring, line, length);
    return true;
}

bool log_ring_take(struct log_ring *ring, struct log_record *record)
{
    struct head head;

    if (ring->used == 0) {
        record->lost = ring->lost;
        record->length = 0;
        ring->lost = 0;
        return record->lost > 0;
    }
    copy_out(ring, &head, sizeof head);
    copy_out(ring, record->line, head.length);
    record->lost = head.lost;
    record->level = (enum log_level)head.level;
    record->length = head.length;
    return true;
}
