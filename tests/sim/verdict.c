/* See verdict.h. */
#include "verdict.h"

#include <stdarg.h>
#include <stdio.h>

void verdict_break(struct verdict *verdict, uint64_t step, const char *format, ...)
{
    va_list arguments;

    if (verdict->is_broken && verdict->step <= step)
        return;
    verdict->is_broken = true;
    verdict->step = step;
    va_start(arguments, format);
    (void)vsnprintf(verdict->text, sizeof verdict->text, format, arguments);
    va_end(arguments);
}
