/* Why a hook failed; see failure.h. */
#include "instance/failure.h"

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
        text[i] = (char)(c < 0x20 || c == 0x7f ? '?' : c);
    }
    text[size] = '\0';
}

const char *failure_text(void)
{
    return text;
}
