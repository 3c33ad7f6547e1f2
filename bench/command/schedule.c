/* Schedules; see schedule.h. */
#include "command/schedule.h"

#include "base/clock.h"

uint64_t schedule_due(const struct schedule *schedule, uint64_t turn)
{
    return schedule->start_ns + (uint64_t)((double)turn * (double)NS_PER_S / schedule->rate);
}

uint64_t schedule_turn(const struct schedule *schedule, uint32_t sender, uint32_t number)
{
    return (uint64_t)number * schedule->senders + sender;
}

uint64_t schedule_count(const struct schedule *schedule, uint64_t now_ns)
{
    if (now_ns < schedule->start_ns)
        return 0;
    const double passed = (double)(now_ns - schedule->start_ns);
    uint64_t count = (uint64_t)(passed * schedule->rate / (double)NS_PER_S);
    /* A product of floating numbers may fall to either side of a whole one. */
    while (count > 0 && schedule_due(schedule, count - 1) > now_ns)
        count--;
    while (schedule_due(schedule, count) <= now_ns)
        count++;
    return count;
}
