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

/* One more than a digit's value; 0: it is none. */
static inline uint64_t hex_digit(char digit)
{
    static const unsigned char digits[256] = {
        ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,
        ['6'] = 7,  ['7'] = 8,  ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
        ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16};
    return digits[(unsigned char)digit];
}

/** Reads a number of so many digits. @return Whether that is what stood there. */
static inline bool hex_get(const char *text, size_t digits, uint64_t *number)
{
    uint64_t value = 0;
    for (size_t i = 0; i < digits; i++) {
        const uint64_t digit = hex_digit(text[i]);
        if (digit == 0)
            return false;
        value = value << 4 | (digit - 1);
    }
    *number = value;
    return true;
}

#endif
