/* What nodes say to each other, as bytes: numbers with the lowest byte first, and other bytes, one
 * behind the other. */
#ifndef CLUSTER_WIRE_H
#define CLUSTER_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* --- Writing: there is room for all of it. */

struct wire_writer {
    uint8_t *at;
};

/** @param size  Of the number, in bytes. */
static inline void wire_put(struct wire_writer *writer, uint64_t number, size_t size)
{
    for (size_t i = 0; i < size; i++)
        *writer->at++ = (uint8_t)(number >> 8 * i);
}

/** @param bytes  May be NULL when @p size is 0. */
static inline void wire_put_bytes(struct wire_writer *writer, const void *bytes, size_t size)
{
    if (size > 0)
        memcpy(writer->at, bytes, size);
    writer->at += size;
}

/* --- Reading: what is not there is 0, and the reader is bad from then on. */

struct wire_reader {
    const uint8_t *at;
    size_t left;
    bool is_good;
};

/** @return So many bytes, where they lie; NULL: there are fewer. */
static inline const uint8_t *wire_take_bytes(struct wire_reader *reader, size_t size)
{
    const uint8_t *at = reader->at;

    if (!reader->is_good || reader->left < size) {
        reader->is_good = false;
        return NULL;
    }
    reader->at += size;
    reader->left -= size;
    return at;
}

/** @param size  Of the number, in bytes. */
static inline uint64_t wire_take(struct wire_reader *reader, size_t size)
{
    const uint8_t *at = wire_take_bytes(reader, size);
    uint64_t number = 0;

    for (size_t i = size; at && i-- > 0;)
        number = number << 8 | at[i];
    return number;
}

static inline uint32_t wire_take_u32(struct wire_reader *reader)
{
    return (uint32_t)wire_take(reader, 4);
}

#endif
