/* Marks; see mark.h. */
#include "client/mark.h"

#include <endian.h>
#include <stddef.h>
#include <string.h>

/* A number is 16 letters, 'a' to 'p', four bits each, highest first: eight of them are read at a
 * time. */
#define LETTERS ((size_t)8)
#define ZERO 0x6161616161616161ULL

static void write_half(uint32_t number, uint8_t text[LETTERS])
{
    for (unsigned i = 0; i < LETTERS; i++)
        text[i] = (uint8_t)('a' + (number >> (28 - 4 * i) & 0xf));
}

static bool read_half(const uint8_t text[LETTERS], uint64_t *number)
{
    uint64_t letters;
    memcpy(&letters, text, sizeof letters);
    letters = be64toh(letters) - ZERO;
    if (letters & 0xf0f0f0f0f0f0f0f0ULL)
        return false;
    letters = (letters | letters >> 4) & 0x00ff00ff00ff00ffULL;
    letters = (letters | letters >> 8) & 0x0000ffff0000ffffULL;
    *number = (letters | letters >> 16) & 0xffffffffULL;
    return true;
}

void mark_write(const struct mark *mark, uint8_t text[MARK_SIZE])
{
    text[0] = text[1] = MARK_SIGN;
    write_half((uint32_t)(mark->sent_ns >> 32), text + 2);
    write_half((uint32_t)mark->sent_ns, text + 2 + LETTERS);
    write_half(mark->room << 12 | mark->publisher, text + 2 + 2 * LETTERS);
    write_half(mark->seq, text + 2 + 3 * LETTERS);
}

bool mark_read(const uint8_t text[MARK_SIZE], struct mark *mark)
{
    uint64_t high, low, place, seq;
    if (text[0] != MARK_SIGN || text[1] != MARK_SIGN || !read_half(text + 2, &high) ||
        !read_half(text + 2 + LETTERS, &low) || !read_half(text + 2 + 2 * LETTERS, &place) ||
        !read_half(text + 2 + 3 * LETTERS, &seq))
        return false;
    *mark = (struct mark){
        .sent_ns = high << 32 | low,
        .room = (uint32_t)(place >> 12),
        .publisher = (uint32_t)(place & 0xfff),
        .seq = (uint32_t)seq,
    };
    return true;
}
