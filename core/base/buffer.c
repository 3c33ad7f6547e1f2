/* A byte buffer that grows by doubling. */
#include "base/buffer.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SMALLEST_CAPACITY 64

void buffer_init(struct buffer *buffer)
{
    *buffer = (struct buffer){0};
}

void buffer_finish(struct buffer *buffer)
{
    free(buffer->bytes);
    buffer_init(buffer);
}

void buffer_clear(struct buffer *buffer)
{
    buffer->length = 0;
}

/* Doubled, so that appending stays cheap; exact where doubling would overflow. */
static size_t capacity_for(size_t needed)
{
    size_t capacity = SMALLEST_CAPACITY;

    while (capacity < needed) {
        if (capacity > SIZE_MAX / 2)
            return needed;
        capacity *= 2;
    }
    return capacity;
}

int buffer_reserve(struct buffer *buffer, size_t more)
{
    if (more <= buffer->capacity - buffer->length)
        return 0;
    if (more > SIZE_MAX - buffer->length)
        return -1;

    const size_t capacity = capacity_for(buffer->length + more);
    char *bytes = realloc(buffer->bytes, capacity);
    if (!bytes)
        return -1;
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    return 0;
}

int buffer_append(struct buffer *buffer, const void *bytes, size_t length)
{
    if (length == 0)
        return 0; /* there may be no memory yet, and memcpy may not be given NULL */
    if (buffer_reserve(buffer, length) != 0)
        return -1;
    memcpy(buffer->bytes + buffer->length, bytes, length);
    buffer->length += length;
    return 0;
}

int buffer_appendf(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int result = buffer_vappendf(buffer, format, arguments);
    va_end(arguments);
    return result;
}

int buffer_vappendf(struct buffer *buffer, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    const int length = vsnprintf(NULL, 0, format, again);
    va_end(again);

    /* The NUL that vsnprintf writes needs room too, though it does not count. */
    if (length < 0 || buffer_reserve(buffer, (size_t)length + 1) != 0)
        return -1;
    (void)vsnprintf(buffer->bytes + buffer->length, (size_t)length + 1, format, arguments);
    buffer->length += (size_t)length;
    return 0;
}
