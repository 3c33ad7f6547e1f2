/* A byte buffer that grows. Not a string: it holds any bytes and ends with no NUL. */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stdarg.h>
#include <stddef.h>

/** Read the fields freely; change them by the functions below. One thread at a time. */
struct buffer {
    char *bytes;     /* NULL as long as nothing was reserved */
    size_t length;   /* bytes in use */
    size_t capacity; /* bytes allocated */
};

/** Makes @p buffer empty; allocates nothing. */
void buffer_init(struct buffer *buffer);

/** Frees what @p buffer holds and leaves it as after buffer_init(). */
void buffer_finish(struct buffer *buffer);

/** Empties @p buffer and keeps its memory for the next use. */
void buffer_clear(struct buffer *buffer);

/** Makes room, so that appending @p more bytes can't fail.
 * @return 0, or -1 on no memory; then the buffer is unchanged. */
int buffer_reserve(struct buffer *buffer, size_t more);

/** Appends bytes.
 * @param buffer  To append to.
 * @param bytes   Copied; must not lie in the buffer itself; may be NULL when @p length is 0.
 * @param length  How many.
 * @return 0, or -1 on no memory; then the buffer is unchanged. */
int buffer_append(struct buffer *buffer, const void *bytes, size_t length);

/** Appends formatted text, as printf(3) would print it, without a NUL.
 * @return 0, or -1 on no memory or a format that printf refuses; then the content is unchanged. */
int buffer_appendf(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** buffer_appendf() for functions that have variable arguments themselves. */
int buffer_vappendf(struct buffer *buffer, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

#endif
