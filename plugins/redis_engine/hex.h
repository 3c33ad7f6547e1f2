/* 64-bit numbers as text of a fixed width. Lua's numbers are doubles, which lose the last bits
 * above 2^53; the scripts handle such numbers as these texts, whose order is that of the numbers.
 */
#ifndef REDIS_ENGINE_HEX_H
#define REDIS_ENGINE_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Digits of a number of 64 bits. */
#define HEX_DIGITS 16

/** Writes the last @p digits digits of a number, in lower case, without a NUL. */
static inline void hex_put(char *text, size_t digits, uint64_t number)
{
    for (size_t i = digits; i-- > 0; number >>= 4)
        text[i] = "0123456789abcdef"[number & 15];
}

static inline int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/** Reads a number of so many digits. @return Whether that is what stood there. */
static inline bool hex_get(const char *text, size_t digits, uint64_t *number)
{
    uint64_t value = 0;
    for (size_t i = 0; i < digits; i++) {
        const int digit = hex_digit(text[i]);
        if (digit < 0)
            return false;
        value = value << 4 | (uint64_t)digit;
    }
    *number = value;
    return true;
}

#endif
