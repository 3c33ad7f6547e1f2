/* Steps 5 to 7 of a swap: the new instances run, clients are handed on to them, the old ones end.
 */
#include "swap/swap_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/name.h"

#include <toni/error.h>

static void report_place(const struct swap *swap, size_t number)
{
    const struct instance_change *change = &swap->changes.next[number];
    const struct instance_setup *setup = &swap->next->setups[number];
    const char *state = NULL;

    if (change->change == CHANGE_SWAP) {
        state = swap_state_words(swap_instance_before(swap, number), swap->next->instances[number]);
        swap_report_swapped(swap->report, setup, state);
    }
    log_info(state ? "swapped" : "added", log_str(kind_name(setup->slot->kind), setup->name),
             log_uint("generation", setup->slot->generation),
             log_strn("path", setup->path.data, setup->path.size),
             log_str("library", setup->plugin->path),
             log_str("because", change->why ? change->why : "it is new"),
             log_str("state", state ? state : "none: it is new"));
}

static void call_ready(struct swap *swap, size_t number)
{
    const int32_t error = life_call(swap->next, number, "ready", life_ready, NULL);

    if (error == TONI_OK)
        return;
    swap_report_not_ready(swap->report, &swap->next->setups[number], error,
                          &swap->next->lives[number]);
    log_error("`ready` of a new version failed; it serves all the same",
              log_str("instance", swap->next->setups[number].name),
              log_str("error", toni_error_name(error)),
              log_str("reason", life_why(&swap->next->lives[number], error)));
}

bool swap_empty_slot(struct swap *swap, struct slot *slot)
{
    if ((slot->kind & TONI_GATEWAY) != 0 && swap->world->close_clients(swap->world->data, slot))
        return false;
    gate_close(&slot->gate);
    const bool is_empty = gate_wait_empty(
        &slot->gate, clock_now_ns() + swap->next->config->limits.swap_ms * NS_PER_MS);
    if (is_empty)
        slot_vacate(slot);
    gate_open(&slot->gate);
    return is_empty;
}

void swap_release_retired(const struct swap *swap, struct slot *slot)
{
    if ((slot->kind & TONI_GATEWAY) != 0 && swap->world->adopt(swap->world->data, slot))
        return;
    slot->retired = NULL;
}

static bool has_new_guard(const struct swap *swap, size_t number)
{
    const size_t count = graph_injection_count(swap->next, number);

    for (size_t i = count - swap->next->setups[number].guard_count; i < count; i++) {
        if (swap_takes_place(swap, swap->next->injections[number][i].provider))
            return true;
    }
    return false;
}

/* Of gateways that stay, handshakes may wait for the old instance of a guard: these end. */
static void end_waits(struct swap *swap)
{
    for (size_t i = 0; i < swap->next->setup_count; i++) {
        if (!swap_takes_place(swap, i) && has_new_guard(swap, i))
            (void)swap->world->adopt(swap->world->data, swap->next->setups[i].slot);
    }
}

void swap_resume(struct swap *swap)
{
    for (size_t i = 0; i < swap->next->setup_count; i++) {
        if (!swap_takes_place(swap, i))
            continue;
        report_place(swap, i);
        tasks_open(swap->next->instances[i]);
        call_ready(swap, i);
        swap_release_retired(swap, swap->next->setups[i].slot);
    }
    end_waits(swap);
}

void swap_apply_limits(struct swap *swap)
{
    for (size_t i = 0; i < swap->next->setup_count; i++) {
        struct slot *slot = swap->next->setups[i].slot;

        if (swap->changes.next[i].change != CHANGE_LIMITS)
            continue;
        log_info("limits changed", log_str("instance", slot->name));
        if ((slot->kind & TONI_GATEWAY) != 0)
            (void)swap->world->adopt(swap->world->data, slot); /* new clients get them anyway */
    }
}

static void end_one(struct swap *swap, size_t number)
{
    struct graph *now = swap->now;
    const size_t after = swap->changes.after[number];

    life_stop(now, number, after != NOBODY ? TONI_STOPPING_SWAP : TONI_STOPPING_REMOVED);
    if (now->instances[number])
        kept_withdraw(&now->slots->kept, now->instances[number]);
    const bool may_end = after != NOBODY ? !swap->next->setups[after].slot->retired
                                         : swap_empty_slot(swap, now->setups[number].slot);
    if (may_end)
        life_end(now, number);
    if (after == NOBODY)
        log_info("removed",
                 log_str(kind_name(now->setups[number].slot->kind), now->setups[number].name));
    if (!now->instances[number])
        return;
    life_keep_used(now, number);
    swap->report->unfinished++;
    if (may_end && now->lives[number].is_used)
        return; /* life_end() has logged why */
    log_warn("an old instance can't be ended yet: a call of it has not returned, or clients of it "
             "are still there; it is ended with the host",
             log_str("instance", now->setups[number].name));
}

/* In reverse order of needs: an instance is stopped before what it uses. What an instance that
 * could not be ended uses of those that stay is kept. */
void swap_end_old(struct swap *swap)
{
    for (size_t i = swap->now->setup_count; i-- > 0;) {
        const size_t after = swap->changes.after[i];

        if (swap->now->instances[i])
            end_one(swap, i);
        else if (swap->now->lives[i].is_used && after != NOBODY)
            life_keep(swap->next, after);
    }
}
