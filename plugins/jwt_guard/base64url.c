/* See base64url.h. */
#include "base64url.h"

#include <stdint.h>

static int value_of(char letter)
{
    if (letter >= 'A' && letter <= 'Z')
        return letter - 'A';
    if (letter >= 'a' && letter <= 'z')
        return letter - 'a' + 26;
    if (letter >= '0' && letter <= '9')
        return letter - '0' + 52;
    if (letter == '-')
        return 62;
    return letter == '_' ? 63 : -1;
}

ssize_t base64url_decode(toni_str text, unsigned char *to)
{
    uint32_t bits = 0;
    unsigned held = 0; /* of them, how many are not written yet: 0, 2, 4 or 6 */
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        const int value = value_of(text.data[i]);
        if (value < 0)
            return -1;
        bits = bits << 6 | (uint32_t)value;
        held += 6;
        if (held >= 8) {
            held -= 8;
            to[size++] = (unsigned char)(bits >> held);
            bits &= (1u << held) - 1;
        }
    }
    return held == 6 || bits != 0 ? -1 : (ssize_t)size;
}
