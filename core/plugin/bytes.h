/* Numbers and strings as bytes, from one process of this program to another: as they lie in memory;
 * a string is its length and its bytes. For what descriptor_bytes.h writes and reads. */
#ifndef PLUGIN_BYTES_H
#define PLUGIN_BYTES_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <toni/str.h>

/* --- Writing: 0, or -1 on no memory */

static inline int put_number(struct buffer *bytes, uint32_t number)
{
    return buffer_append(bytes, &number, sizeof number);
}

static inline int put_string(struct buffer *bytes, toni_str string)
{
    return put_number(bytes, (uint32_t)string.size) ||
           buffer_append(bytes, string.data, string.size);
}

/* --- Reading: what is not there is 0 or empty, and the reader is bad from then on */

struct reader {
    const char *bytes;
    size_t left;
    bool is_good;
};

static inline void get_bytes(struct reader *reader, void *to, size_t size)
{
    if (reader->left < size) {
        reader->is_good = false;
        return;
    }
    memcpy(to, reader->bytes, size);
    reader->bytes += size;
    reader->left -= size;
}

static inline uint32_t get_number(struct reader *reader)
{
    uint32_t number = 0;

    get_bytes(reader, &number, sizeof number);
    return number;
}

static inline toni_str get_string(struct reader *reader)
{
    const uint32_t size = get_number(reader);

    if (size > reader->left) {
        reader->is_good = false;
        return (toni_str){0};
    }
    const toni_str string = {.data = reader->bytes, .size = size};
    reader->bytes += size;
    reader->left -= size;
    return string;
}

#endif
