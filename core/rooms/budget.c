/* Budgets; see budget.h. */
#include "rooms/budget.h"

void budget_init(struct budget *budget, enum budget_kind kind, uint64_t limit, uint32_t lane_count,
                 void (*alarm)(void *data), void *data)
{
    *budget = (struct budget){
        .kind = kind, .limit = limit, .lane_count = lane_count, .alarm = alarm, .alarm_data = data};
}

/* Only whoever sets the flag wakes the lanes: what is charged until somebody has gone asks for
 * nothing more. Who charges counts first and then sets the flag; who takes it back does so first
 * and then looks at the count. All four in the one order of sequentially consistent operations: so
 * either that one sees the count, or the other finds the flag taken back. */
void budget_raise_alarm(struct budget *budget)
{
    if (!atomic_exchange(&budget->is_passed, true))
        budget->alarm(budget->alarm_data);
}

void budget_charge(struct budget *budget, uint64_t bytes)
{
    const uint64_t used = atomic_fetch_add(&budget->used, bytes) + bytes;
    /* Of two that pass the peak at a time the lower may stay: the next one passes it again. */
    if (used > atomic_load_explicit(&budget->peak, memory_order_relaxed))
        atomic_store_explicit(&budget->peak, used, memory_order_relaxed);
    if (used > budget->limit)
        budget_raise_alarm(budget);
}

void budget_release(struct budget *budget, uint64_t bytes)
{
    atomic_fetch_sub_explicit(&budget->used, bytes, memory_order_relaxed);
}

uint64_t budget_take_peak(struct budget *budget)
{
    return atomic_exchange_explicit(&budget->peak, budget_used(budget), memory_order_relaxed);
}
