/* What the steps of a swap report when they fail, for people; see swap_private.h. */
#include "swap/swap_private.h"

#include "config/name.h"

#include <inttypes.h>
#include <toni/error.h>

void swap_fault_hook(struct swap *swap, size_t number, const char *hook, int32_t error)
{
    const struct instance_setup *setup = &swap->next->setups[number];

    if (swap->next->lives[number].is_abandoned) {
        fault_at(
            swap->faults, setup->at,
            "module `%s`: %s `%s`: %s of the new version did not return within hook_ms (%" PRIu64
            "): it is given up, and what ran before goes on",
            setup->module, kind_name(setup->slot->kind), setup->name, hook, setup->limits.hook_ms);
        return;
    }
    fault_at(swap->faults, setup->at,
             "module `%s`: %s `%s`: %s of the new version returned %s (%s): what ran before goes "
             "on; the log may say more; mend the plugin or its options, or bring back what ran",
             setup->module, kind_name(setup->slot->kind), setup->name, hook, toni_error_name(error),
             life_why(&swap->next->lives[number], error));
}

void swap_fault_export(struct swap *swap, size_t number, int32_t error,
                       const toni_state_writer *writer)
{
    const struct instance_setup *setup = &swap->next->setups[number];

    const struct life *before = &swap->now->lives[swap->changes.next[number].before];

    if (before->is_abandoned) {
        fault_at(
            swap->faults, setup->at,
            "module `%s`: %s `%s`: export_state of the version that runs did not return within "
            "hook_ms (%" PRIu64 "): the swap is given up, and that version goes on",
            setup->module, kind_name(setup->slot->kind), setup->name, setup->limits.hook_ms);
    } else if (writer->error == TONI_ERR_TOO_BIG) {
        fault_at(swap->faults, setup->at,
                 "module `%s`: %s `%s`: its state has at least %" PRIu64
                 " bytes, allowed are %" PRIu64 "; raise state_bytes, and it goes along",
                 setup->module, kind_name(setup->slot->kind), setup->name, writer->wanted,
                 writer->most);
    } else {
        fault_at(swap->faults, setup->at,
                 "module `%s`: %s `%s`: export_state of the version that runs returned %s (%s): "
                 "that version goes on",
                 setup->module, kind_name(setup->slot->kind), setup->name, toni_error_name(error),
                 life_why(before, error));
    }
}

void swap_fault_place(struct swap *swap, size_t number)
{
    const struct instance_setup *setup = &swap->next->setups[number];

    fault_at(swap->faults, setup->at,
             "module `%s`: %s `%s`: its last change is not over: a callback does not return, or a "
             "client does not go; try later, or `toni restart`",
             setup->module, kind_name(setup->slot->kind), setup->name);
}

void swap_fault_busy(struct swap *swap, const struct instance_setup *setup)
{
    fault_at(swap->faults, setup->at,
             "module `%s`: %s `%s` did not quiesce within swap_ms (%" PRIu64
             "): a call of it has not returned; nothing is changed; try again, or raise swap_ms",
             setup->module, kind_name(setup->slot->kind), setup->name,
             swap->next->config->limits.swap_ms);
}

void swap_fault_visitors(struct swap *swap)
{
    for (size_t i = 0; i < swap->now->setup_count; i++) {
        const struct instance_setup *setup = &swap->now->setups[i];

        if (atomic_load(&setup->slot->visitors) == 0)
            continue;
        fault_at(swap->faults, setup->at,
                 "module `%s`: %s `%s`: a thread of it has called toni_enter and not toni_leave "
                 "within swap_ms (%" PRIu64 "); nothing is changed; try again, or raise swap_ms",
                 setup->module, kind_name(setup->slot->kind), setup->name,
                 swap->next->config->limits.swap_ms);
        return;
    }
    fault_at(
        swap->faults, swap->next->setups[0].at,
        "a thread of a plugin had called toni_enter and not toni_leave within swap_ms (%" PRIu64
        "); nothing is changed; try again, or raise swap_ms",
        swap->next->config->limits.swap_ms);
}

void swap_fault_no_memory(struct swap *swap, const struct value *at)
{
    fault_at(swap->faults, at, "out of memory while reloading");
}
