/* Who pins memory; see pins.h. */
#include "rooms/pins.h"

static bool is_over(const struct budget *budget)
{
    return budget_used(budget) > budget->limit;
}

static void wake(const struct lane *lane)
{
    lane->wake(lane->wake_data);
}

/* --- Who pins something */

static void append(struct pins *pins, struct pin *pin)
{
    pin->next = NULL;
    pin->previous = pins->last;
    if (pins->last)
        pins->last->next = pin;
    else
        pins->first = pin;
    pins->last = pin;
}

static void take_out(struct pins *pins, struct pin *pin)
{
    if (pin->previous)
        pin->previous->next = pin->next;
    else
        pins->first = pin->next;
    if (pin->next)
        pin->next->previous = pin->previous;
    else
        pins->last = pin->previous;
    pin->next = pin->previous = NULL;
}

static void nominate(struct pins *pins, uint64_t bytes, uint64_t moved_ms)
{
    atomic_store_explicit(&pins->nominee_moved_ms, moved_ms, memory_order_relaxed);
    atomic_store_explicit(&pins->nominee_bytes, bytes, memory_order_relaxed);
}

static uint64_t nominee_bytes(const struct pins *pins)
{
    return atomic_load_explicit(&pins->nominee_bytes, memory_order_relaxed);
}

static uint64_t nominee_moved_ms(const struct pins *pins)
{
    return atomic_load_explicit(&pins->nominee_moved_ms, memory_order_relaxed);
}

void pin_set(struct lane *lane, enum budget_kind kind, struct pin *pin, uint64_t bytes)
{
    struct pins *pins = &lane->pins[kind];
    if (pin->bytes == 0 && bytes > 0) {
        pin->moved_ms = lane->now_ms;
        append(pins, pin);
    } else if (pin->bytes > 0 && bytes == 0) {
        take_out(pins, pin);
    }
    const uint64_t all = atomic_load_explicit(&pins->bytes, memory_order_relaxed);
    atomic_store_explicit(&pins->bytes, all - pin->bytes + bytes, memory_order_relaxed);
    pin->bytes = bytes;
    /* Other lanes learn of a larger one at once; that it has gone they learn when they ask. */
    if (bytes > nominee_bytes(pins))
        nominate(pins, bytes, pin->moved_ms);
}

void pin_moved(struct lane *lane, enum budget_kind kind, struct pin *pin)
{
    if (pin->bytes == 0)
        return;
    pin->moved_ms = lane->now_ms;
    if (!pin->next)
        return;
    take_out(&lane->pins[kind], pin);
    append(&lane->pins[kind], pin);
}

/* --- Who has to go */

/* @return The lane's own nominee, which is noted; NULL: nobody of it pins anything. */
static struct pin *choose(struct pins *pins)
{
    uint64_t most = 0;
    for (const struct pin *pin = pins->first; pin; pin = pin->next) {
        if (pin->bytes > most)
            most = pin->bytes;
    }
    struct pin *chosen = pins->first;
    while (chosen && chosen->bytes < most / 2)
        chosen = chosen->next;
    nominate(pins, chosen ? chosen->bytes : 0, chosen ? chosen->moved_ms : 0);
    return chosen;
}

/* @return The lane whose nominee goes; of two that are the same, the first. */
static struct lane *lane_to_act(const struct budget *budget, struct lane *lanes)
{
    uint64_t most = 0;
    struct lane *chosen = NULL;
    for (uint32_t i = 0; i < budget->lane_count; i++) {
        uint64_t bytes = nominee_bytes(&lanes[i].pins[budget->kind]);
        if (bytes > most)
            most = bytes;
    }
    for (uint32_t i = 0; i < budget->lane_count; i++) {
        struct lane *lane = &lanes[i];
        const struct pins *pins = &lane->pins[budget->kind];
        uint64_t bytes = nominee_bytes(pins);
        if (bytes > 0 && bytes >= most / 2 &&
            (!chosen || nominee_moved_ms(pins) < nominee_moved_ms(&chosen->pins[budget->kind])))
            chosen = lane;
    }
    return chosen;
}

/* @return Whether this lane has waited for others long enough. */
static bool yields_no_more(struct pins *pins, uint64_t now_ms)
{
    if (pins->yielded_ms == 0)
        pins->yielded_ms = now_ms;
    return now_ms - pins->yielded_ms >= BUDGET_YIELD_MS;
}

struct pin *budget_victim(struct budget *budget, struct lane *lane)
{
    struct pins *pins = &lane->pins[budget->kind];
    struct pin *chosen = choose(pins);
    struct lane *acting = lane_to_act(budget, lane - lane->index);
    if (!is_over(budget)) {
        pins->yielded_ms = 0;
        atomic_store(&budget->is_passed, false);
        /* Somebody may have charged between the two, and found the flag set. */
        if (atomic_load(&budget->used) > budget->limit)
            budget_raise_alarm(budget);
        return NULL;
    }
    if (!acting) { /* who has charged is about to note it, and finds the flag set */
        pins->yielded_ms = 0;
        return NULL;
    }
    if (acting == lane) {
        pins->yielded_ms = 0;
        return chosen;
    }
    if (chosen && yields_no_more(pins, lane->now_ms)) {
        pins->yielded_ms = 0;
        return chosen;
    }
    wake(acting);
    return NULL;
}

bool budget_is_left_to_others(const struct lane *lane)
{
    for (unsigned kind = 0; kind < BUDGET_KINDS; kind++) {
        if (budget_is_passed(&lane->budgets[kind]) && lane->pins[kind].yielded_ms != 0)
            return true;
    }
    return false;
}
