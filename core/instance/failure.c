/* Why a hook failed; see failure.h. */
#include "instance/failure.h"

#include <stdbool.h>
#include <string.h>

static _Thread_local char text[FAILURE_SIZE];

void failure_forget(void)
{
    text[0] = '\0';
}

void failure_say(toni_str why)
{
    const size_t size = why.size < sizeof text ? why.size : sizeof text - 1;

    for (size_t i = 0; i < size; i++) {
        const unsigned char c = (unsigned char)why.data[i];
        const unsigned char before = i > 0 ? (unsigned char)why.data[i - 1] : 0;
        /* U+0080 to U+009F are control characters, too: C2 80 to C2 9F. */
        const bool is_c1 = before == 0xc2 && c >= 0x80 && c <= 0x9f;
        text[i] = (char)(c < 0x20 || c == 0x7f ? '?' : c);
        if (is_c1)
            text[i - 1] = text[i] = '?';
    }
    text[size] = '\0';
}

const char *failure_text(void)
{
    return text;
}
