/* A stack of its own for signal handlers, for each thread that may need one: a thread whose own
 * stack has run over has no room left to report it. */
#ifndef BASE_SIGNAL_STACK_H
#define BASE_SIGNAL_STACK_H

#include <stdbool.h>

/** Whether this thread has been looked after. */
extern _Thread_local bool signal_stack_is_looked_after;

/** From now on signal_stack_ensure() makes stacks. */
void signal_stack_enable(void);

/** Makes one for this thread. A thread that has one already, of a sanitizer or of a language's
 * runtime, keeps that. Without memory the thread goes on without one. */
void signal_stack_make(void);

/** The same where it has not been done yet: costs next to nothing. @thread Any. */
static inline void signal_stack_ensure(void)
{
    if (!signal_stack_is_looked_after)
        signal_stack_make();
}

#endif
