/** @file
 * What the wrappers that end in `f` and in `parts` share: a text put together as printf does, or
 * from parts, without allocating if it is short.
 */
#ifndef TONI_FORMAT_H
#define TONI_FORMAT_H

#include <toni/error.h>
#include <toni/str.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/** @def TONI_PARTS
 * The last two arguments of the functions that end in `parts`, from a list of `toni_str`:
 * `TONI_PARTS(TONI_LIT("["), room, TONI_LIT("]"))`. */
#ifdef __cplusplus
/** Internal to TONI_PARTS. */
template <size_t N> struct toni_part_list {
    toni_str parts[N];
};
/** Internal to TONI_PARTS. */
template <class... Part>
constexpr toni_part_list<sizeof...(Part)> toni_part_list_of(const Part &...part)
{
    return {{part...}};
}
#define TONI_PARTS(...)                                                                            \
    toni_part_list_of(__VA_ARGS__).parts, sizeof(toni_part_list_of(__VA_ARGS__)) / sizeof(toni_str)
#else
#define TONI_PARTS(...)                                                                            \
    (const toni_str[]){__VA_ARGS__}, sizeof((const toni_str[]){__VA_ARGS__}) / sizeof(toni_str)
#endif

/** A text and the room for it. Internal to the wrappers. */
typedef struct toni_text_buffer {
    toni_str text;
    char *allocated;
    char small[1024];
} toni_text_buffer;

/** @param buffer  Any state; toni_text_buffer_finish must follow, whatever is returned.
 * @return TONI_OK, TONI_ERR_INVALID (bad format) or TONI_ERR_NO_MEMORY. @since ABI 1.0 */
TONI_PRINTF(2, 0)
static inline int32_t toni_text_buffer_format(toni_text_buffer *buffer, const char *format,
                                              va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    buffer->allocated = NULL;
    int length = vsnprintf(buffer->small, sizeof buffer->small, format, arguments);
    int32_t result = length < 0 ? TONI_ERR_INVALID : TONI_OK;
    if (result == TONI_OK && (size_t)length >= sizeof buffer->small) {
        size_t size = (size_t)length + 1;
        buffer->allocated = (char *)malloc(size);
        if (!buffer->allocated)
            result = TONI_ERR_NO_MEMORY;
        else if (vsnprintf(buffer->allocated, size, format, again) != length)
            result = TONI_ERR_INVALID;
    }
    va_end(again);
    const char *text = buffer->allocated ? buffer->allocated : buffer->small;
    buffer->text = toni_str_make(text, result == TONI_OK ? (size_t)length : 0);
    return result;
}

/** Puts parts behind each other, byte for byte: a NUL in one, where `%.*s` would stop, stays.
 * @param buffer  Any state; toni_text_buffer_finish must follow, whatever is returned.
 * @param parts   @p count of them; borrowed for the call.
 * @return TONI_OK or TONI_ERR_NO_MEMORY. @since ABI 1.0 */
static inline int32_t toni_text_buffer_join(toni_text_buffer *buffer, const toni_str *parts,
                                            size_t count)
{
    size_t size = 0;
    buffer->allocated = NULL;
    buffer->text = toni_str_make(buffer->small, 0);
    for (size_t i = 0; i < count; i++) {
        if (parts[i].size > SIZE_MAX - size)
            return TONI_ERR_NO_MEMORY;
        size += parts[i].size;
    }
    if (size > sizeof buffer->small && !(buffer->allocated = (char *)malloc(size)))
        return TONI_ERR_NO_MEMORY;
    char *end = buffer->allocated ? buffer->allocated : buffer->small;
    buffer->text = toni_str_make(end, size);
    for (size_t i = 0; i < count; i++) {
        if (parts[i].size > 0)
            memcpy(end, parts[i].data, parts[i].size);
        end += parts[i].size;
    }
    return TONI_OK;
}

/** Releases what toni_text_buffer_format or toni_text_buffer_join allocated. @since ABI 1.0 */
static inline void toni_text_buffer_finish(toni_text_buffer *buffer)
{
    free(buffer->allocated);
    buffer->allocated = NULL;
}

#endif
