/* Why a hook failed; see failure.h. */
#include "instance/failure.h"

#include "base/visible.h"

static _Thread_local char text[FAILURE_SIZE];

void failure_forget(void)
{
    text[0] = '\0';
}

void failure_say(toni_str why)
{
    visible_words(text, sizeof text, why.data, why.size);
}

const char *failure_text(void)
{
    return text;
}
