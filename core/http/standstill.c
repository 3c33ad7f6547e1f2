/* Time in which nothing could be done: see standstill.h. */
#include "http/standstill.h"

/* A thread that is merely short of processor time is late by less. */
#define LEAST_MS 1000

void standstill_begin(struct standstill *standstill, uint64_t every_ms, uint64_t now_ms)
{
    *standstill = (struct standstill){.every_ms = every_ms, .swept_ms = now_ms};
}

uint64_t standstill_ms(struct standstill *standstill, uint64_t now_ms)
{
    const uint64_t swept_ms = standstill->swept_ms, every_ms = standstill->every_ms;
    standstill->swept_ms = now_ms;
    return swept_ms != 0 && now_ms >= swept_ms + every_ms + LEAST_MS ? now_ms - swept_ms - every_ms
                                                                     : 0;
}

uint64_t standstill_due_ms(uint64_t due_ms, uint64_t stood_ms)
{
    return due_ms == UINT64_MAX ? UINT64_MAX : due_ms + stood_ms;
}
