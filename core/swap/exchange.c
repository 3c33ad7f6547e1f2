/* Step 4 of a swap: slots, injected services and limits change hands at one moment. Setting the
 * limits needs memory, so it comes first; from swap_exchange() on nothing can fail. */
#include "swap/swap_private.h"

#include "plugin/descriptor.h"

#include <stdlib.h>

int swap_set_limits(struct swap *swap)
{
    for (size_t i = 0; i < swap->next->setup_count; i++) {
        struct instance_setup *setup = &swap->next->setups[i];

        if (swap->changes.next[i].change == CHANGE_NOTHING ||
            !slot_set_limits(setup->slot, &setup->limits))
            continue;
        swap_fault_no_memory(swap, setup->at);
        while (i-- > 0) {
            if (swap->changes.next[i].change == CHANGE_SWAP ||
                swap->changes.next[i].change == CHANGE_LIMITS) {
                (void)slot_set_limits(
                    swap->next->setups[i].slot,
                    &swap_instance_before(swap, i)->setup.limits); /* it has a copy of these */
            }
        }
        return -1;
    }
    return 0;
}

/* Writes only what differs: an instance that gets something else is quiesced, but one that does not
 * may be reading its slots at this very moment. */
static void inject_again(toni_slot *injected, const toni_slot *next)
{
    if (injected->table != next->table || injected->self != next->self)
        *injected = *next;
}

/* An instance that stays keeps its injected slots at the same address; only their contents change.
 */
static void move_over(struct swap *swap, size_t number)
{
    struct graph *now = swap->now, *next = swap->next;
    const size_t before = swap->changes.next[number].before;
    const size_t needs = needs_count(next->setups[number].plugin->descriptor.needs);
    toni_slot *injected = now->injected[before];

    for (size_t i = 0; i < needs; i++)
        inject_again(&injected[i], &next->injected[number][i]);
    free(next->injected[number]);
    next->injected[number] = injected;
    now->injected[before] = NULL;

    next->instances[number] = now->instances[before];
    now->instances[before] = NULL;
    if (now->lives[before].is_abandoned) {
        now->lives[before].is_abandoned = false;
        now->abandoned--;
        life_abandon(next, number);
    }
    if (swap->changes.next[number].change == CHANGE_LIMITS)
        instance_set_limits(next->instances[number], &next->setups[number].limits);
}

static void take_place(struct swap *swap, size_t number)
{
    struct slot *slot = swap->next->setups[number].slot;

    slot->retired = NULL;
    if (swap->changes.next[number].change == CHANGE_SWAP)
        slot->retired = swap_instance_before(swap, number);
    slot_settle(slot, &swap->arrivals[number]);
}

static void close_old_tasks(struct swap *swap)
{
    for (size_t i = 0; i < swap->next->setup_count; i++) {
        if (swap->changes.next[i].change == CHANGE_SWAP)
            tasks_close(swap_instance_before(swap, i));
    }
}

void swap_exchange(struct swap *swap)
{
    close_old_tasks(swap);
    slots_begin(swap->next->slots);
    for (size_t i = 0; i < swap->next->setup_count; i++) {
        if (swap_takes_place(swap, i))
            take_place(swap, i);
        else
            move_over(swap, i);
    }
    for (size_t i = 0; i < swap->now->setup_count; i++) {
        struct slot *slot = swap->now->setups[i].slot;

        if (swap->changes.after[i] != NOBODY)
            continue;
        if ((slot->kind & TONI_GATEWAY) != 0)
            slot_close(slot); /* its clients are still there */
        else
            slot_vacate(slot);
    }
    slots_end(swap->next->slots);
    swap->next->instance_count = swap->next->setup_count;
}
