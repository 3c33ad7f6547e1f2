/* Step 1 of a swap: the places of the new instances, then `create` and `start` of each beside the
 * old; and how all of that is undone. */
#include "swap/swap_private.h"

#include "base/clock.h"
#include "instance/client_data.h"
#include "rooms/connections.h"

#include <toni/error.h>

/* The new instances get what one that stays provides. */
static void keep(struct swap *swap, size_t number)
{
    graph_provide(swap->next, number, instance_provides(swap_instance_before(swap, number)));
}

/* @param error  Set. @return Which hook failed, or NULL. */
static const char *make(struct swap *swap, size_t number, int32_t *error)
{
    struct graph *next = swap->next;

    *error = life_create(next, number);
    if (*error != TONI_OK)
        return "create";
    *error = life_call(next, number, "start", life_start, NULL);
    if (*error != TONI_OK)
        return "start";
    if (arrival_init(&swap->arrivals[number], next->instances[number]))
        *error = TONI_ERR_NO_MEMORY;
    return *error == TONI_OK ? NULL : "start";
}

/* --- Places */

/* Looks again at what the last swap of this place could not end: its clients may be handed on, or
 * gone, by now. */
static bool is_free(struct swap *swap, size_t number)
{
    struct slot *slot = swap->next->setups[number].slot;

    if (slot->retired)
        swap_release_retired(swap, slot);
    if (slot->retired)
        return false;
    return swap->changes.next[number].change != CHANGE_ADD || !atomic_load(&slot->instance) ||
           swap_empty_slot(swap, slot);
}

static int check_place(struct swap *swap, size_t number)
{
    if (is_free(swap, number))
        return 0;
    swap_fault_place(swap, number);
    return -1;
}

int swap_find_places(struct swap *swap)
{
    struct graph *now = swap->now, *next = swap->next;
    int result = 0;

    next->slots = now->slots;
    next->host = now->host;
    next->connections = now->connections;
    next->tasks = now->tasks;
    for (size_t i = 0; i < next->setup_count; i++) {
        struct instance_setup *setup = &next->setups[i];

        setup->tasks = next->tasks;
        setup->is_held = true;
        setup->space = connections_space(next->connections, setup->namespace);
        setup->slot = slots_make(next->slots, setup->plugin->descriptor.kind, setup->name);
        if (!setup->slot || !setup->space) {
            swap_fault_no_memory(swap, setup->at);
            return -1;
        }
        if (swap_takes_place(swap, i))
            result |= check_place(swap, i);
    }
    return result;
}

/* --- All instances */

int swap_check_client_data(struct swap *swap)
{
    int result = 0;

    for (size_t i = 0; i < swap->next->setup_count; i++) {
        if (swap->changes.next[i].change == CHANGE_SWAP)
            result |=
                client_data_check(swap->next->setups[i].slot, &swap->next->setups[i], swap->faults);
    }
    return result;
}

int swap_make_all(struct swap *swap)
{
    for (size_t i = 0; i < swap->next->setup_count; i++) {
        int32_t error = TONI_OK;
        const char *hook = swap_takes_place(swap, i) ? make(swap, i, &error) : NULL;

        if (hook) {
            swap_fault_hook(swap, i, hook, error);
            return -1;
        }
        if (!swap_takes_place(swap, i))
            keep(swap, i);
    }
    return 0;
}

/* A new instance that hangs may use some of those that stay: these are kept, too. */
void swap_roll_back(struct swap *swap)
{
    struct graph *next = swap->next;

    for (size_t i = next->setup_count; i-- > 0;) {
        life_end(next, i);
        if (next->lives[i].is_used && !swap_takes_place(swap, i))
            life_keep(swap->now, swap->changes.next[i].before);
    }
}
