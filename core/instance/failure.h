/* Why a hook failed, in its plugin's own words: toni_fail() says it within the hook, and whoever
 * called the hook reads it, on the same thread. */
#ifndef INSTANCE_FAILURE_H
#define INSTANCE_FAILURE_H

#include <toni/str.h>

/* Longer texts are cut. */
#define FAILURE_SIZE 512

/** Forgets what an earlier hook said on this thread. */
void failure_forget(void);

/** @param why  Copied, as far as it fits; as visible_words() has it. */
void failure_say(toni_str why);

/** @return What the last hook on this thread has said; empty: nothing. Valid until its next. */
const char *failure_text(void);

#endif
