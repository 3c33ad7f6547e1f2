/* Step 2 of a swap: closes the gates of all instances that change or use one that does, and waits
 * until no call is inside any of them; and opens the gates again. */
#include "swap/swap_private.h"

#include "base/clock.h"

/* The gate of visitors is one of them if there is any: a visitor may call whatever is exchanged. */
static bool has_gates(const struct swap *swap)
{
    for (size_t i = 0; i < swap->now->setup_count; i++) {
        if (swap->changes.quiesces[i])
            return true;
    }
    for (size_t i = 0; i < swap->next->setup_count; i++) {
        if (swap->changes.next[i].change == CHANGE_ADD)
            return true;
    }
    return false;
}

static void each_gate(struct swap *swap, void (*call)(struct gate *gate))
{
    if (has_gates(swap))
        call(&swap->next->slots->visitors);
    for (size_t i = 0; i < swap->now->setup_count; i++) {
        if (swap->changes.quiesces[i])
            call(&swap->now->setups[i].slot->gate);
    }
    for (size_t i = 0; i < swap->next->setup_count; i++) {
        if (swap->changes.next[i].change == CHANGE_ADD)
            call(&swap->next->setups[i].slot->gate);
    }
}

/* Sets tasks of these instances aside, so that no thread that runs tasks waits at a closed gate. */
static void each_tasks(struct swap *swap, void (*call)(struct instance *instance))
{
    for (size_t i = 0; i < swap->now->setup_count; i++) {
        struct instance *instance = swap->now->instances[i];

        if (!instance) /* after the exchange: it belongs to the next graph */
            instance = atomic_load(&swap->now->setups[i].slot->instance);
        if (swap->changes.quiesces[i] && instance)
            call(instance);
    }
}

/* Of those that another takes the place of, or nobody. */
static bool is_left(const struct swap *swap, size_t number)
{
    const size_t after = swap->changes.after[number];
    return after == NOBODY || swap->changes.next[after].change == CHANGE_SWAP;
}

int swap_let_go(struct swap *swap)
{
    int result = 0;
    for (size_t i = 0; swap->world->let_go && i < swap->now->setup_count; i++) {
        struct slot *slot = swap->now->setups[i].slot;
        if (!is_left(swap, i) || !swap->world->let_go(swap->world->data, slot))
            continue;
        swap_fault_busy(swap, &swap->now->setups[i]);
        result = -1;
    }
    return result;
}

void swap_go_on(struct swap *swap)
{
    for (size_t i = 0; swap->world->go_on && i < swap->now->setup_count; i++) {
        if (is_left(swap, i))
            swap->world->go_on(swap->world->data, swap->now->setups[i].slot);
    }
}

void swap_open_gates(struct swap *swap)
{
    each_gate(swap, gate_open);
    each_tasks(swap, tasks_go_on);
    swap_go_on(swap);
    swap->report->paused_ns = clock_now_ns() - swap->closed_ns;
}

static int wait_until_quiesced(struct swap *swap, const struct instance_setup *setup)
{
    const uint64_t swap_ms = swap->next->config->limits.swap_ms;

    if (gate_wait_empty(&setup->slot->gate, swap->closed_ns + swap_ms * NS_PER_MS))
        return 0;
    swap_fault_busy(swap, setup);
    return -1;
}

static int wait_for_visitors(struct swap *swap)
{
    const uint64_t swap_ms = swap->next->config->limits.swap_ms;

    if (!has_gates(swap) ||
        gate_wait_empty(&swap->next->slots->visitors, swap->closed_ns + swap_ms * NS_PER_MS))
        return 0;
    swap_fault_visitors(swap);
    return -1;
}

int swap_quiesce(struct swap *swap)
{
    int result = 0;

    swap->closed_ns = clock_now_ns();
    each_tasks(swap, tasks_set_aside);
    slots_begin(swap->next->slots);
    each_gate(swap, gate_close);
    slots_end(swap->next->slots);
    for (size_t i = 0; i < swap->now->setup_count; i++) {
        if (swap->changes.quiesces[i])
            result |= wait_until_quiesced(swap, &swap->now->setups[i]);
    }
    for (size_t i = 0; i < swap->next->setup_count; i++) { /* calls that came to a vacant slot */
        if (swap->changes.next[i].change == CHANGE_ADD)
            result |= wait_until_quiesced(swap, &swap->next->setups[i]);
    }
    return wait_for_visitors(swap) || result ? -1 : 0;
}
