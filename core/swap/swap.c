/* Swaps; see swap.h. */
#include "swap/swap.h"

#include "base/clock.h"
#include "base/log.h"
#include "graph/resolver.h"
#include "instance/client_data.h"
#include "instance/state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <toni/error.h>

#define NS_PER_MS 1000000u

struct swap {
    struct graph *now;
    struct graph *next;
    const struct swap_world *world;
    struct fault_list *faults;
    struct swap_report *report;
    struct changes changes;
    struct arrival *arrivals; /* by number in `next`; of those that take a place */
    uint64_t closed_ns;       /* when the gates were closed */
};

/* --- What is wrong */

static void fail_hook(struct swap *swap, size_t number, const char *hook, int32_t error)
{
    const struct instance_setup *setup = &swap->next->setups[number];

    if (swap->next->lives[number].is_left) {
        fault_at(
            swap->faults, setup->at,
            "module `%s`: %s `%s`: %s of the new version did not return within hook_ms (%" PRIu64
            "): it is given up, and what ran before goes on",
            setup->module, swap_kind_name(setup), setup->name, hook, setup->limits.hook_ms);
        return;
    }
    fault_at(swap->faults, setup->at,
             "module `%s`: %s `%s`: %s of the new version returned %s (%s): what ran before goes "
             "on; the log may say more; mend the plugin or its options, or bring back what ran",
             setup->module, swap_kind_name(setup), setup->name, hook, toni_error_name(error),
             toni_strerror(error));
}

static void fail_export(struct swap *swap, size_t number, int32_t error,
                        const toni_state_writer *writer)
{
    const struct instance_setup *setup = &swap->next->setups[number];

    if (swap->now->lives[swap->changes.next[number].before].is_left) {
        fault_at(
            swap->faults, setup->at,
            "module `%s`: %s `%s`: export_state of the version that runs did not return within "
            "hook_ms (%" PRIu64 "): the swap is given up, and that version goes on",
            setup->module, swap_kind_name(setup), setup->name, setup->limits.hook_ms);
    } else if (writer->error == TONI_ERR_TOO_BIG) {
        fault_at(swap->faults, setup->at,
                 "module `%s`: %s `%s`: its state has at least %" PRIu64
                 " bytes, allowed are %" PRIu64 "; raise state_bytes, and it goes along",
                 setup->module, swap_kind_name(setup), setup->name, writer->wanted, writer->most);
    } else {
        fault_at(swap->faults, setup->at,
                 "module `%s`: %s `%s`: export_state of the version that runs returned %s (%s): "
                 "that version goes on",
                 setup->module, swap_kind_name(setup), setup->name, toni_error_name(error),
                 toni_strerror(error));
    }
}

/* --- 1. The new ones are made beside the old */

static bool takes_a_place(const struct swap *swap, size_t number)
{
    const enum change change = swap->changes.next[number].change;

    return change == CHANGE_SWAP || change == CHANGE_ADD;
}

static struct instance *instance_before(const struct swap *swap, size_t number)
{
    return swap->now->instances[swap->changes.next[number].before];
}

/* One that stays is known to those that are made, by what it provides. */
static void keep(struct swap *swap, size_t number)
{
    graph_provide(swap->next, number, instance_provides(instance_before(swap, number)));
}

/* @return Which hook failed, or NULL. @param error  Set if one did. */
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

/* @return Whether nobody is in the place of a removed gateway any more. */
static bool is_deserted(struct swap *swap, struct slot *slot)
{
    if (slot->kind == TONI_GATEWAY && swap->world->close_clients(swap->world->data, slot))
        return false;
    gate_close(&slot->gate);
    const bool is_empty = gate_wait_empty(
        &slot->gate, clock_now_ns() + swap->next->config->limits.swap_ms * NS_PER_MS);
    if (is_empty)
        slot_vacate(slot);
    gate_open(&slot->gate);
    return is_empty;
}

/* From then on nobody refers to the old instance any more. */
static void hand_over(const struct swap *swap, struct slot *slot)
{
    if (slot->kind == TONI_GATEWAY && swap->world->adopt(swap->world->data, slot))
        return;
    slot->retired = NULL;
}

/* What an earlier swap could not end may be over by now: clients that a worker did not come to, or
 * that did not go. */
static bool is_free(struct swap *swap, size_t number)
{
    struct slot *slot = swap->next->setups[number].slot;

    if (slot->retired)
        hand_over(swap, slot);
    if (slot->retired)
        return false;
    return swap->changes.next[number].change != CHANGE_ADD || !atomic_load(&slot->instance) ||
           is_deserted(swap, slot);
}

static int check_place(struct swap *swap, size_t number)
{
    const struct instance_setup *setup = &swap->next->setups[number];

    if (is_free(swap, number))
        return 0;
    fault_at(swap->faults, setup->at,
             "module `%s`: %s `%s`: its last change is not over: a callback does not return, or a "
             "client does not go; try later, or `toni restart`",
             setup->module, swap_kind_name(setup), setup->name);
    return -1;
}

static int find_places(struct swap *swap)
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
        setup->slot = slots_make(next->slots, setup->plugin->descriptor.kind, setup->name);
        if (!setup->slot) {
            fault_at(swap->faults, setup->at, "out of memory while reloading");
            return -1;
        }
        if (takes_a_place(swap, i))
            result |= check_place(swap, i);
    }
    return result;
}

/* Before anything is made, so that nothing has to be undone; and once more when it is certain. */
static int check_client_data(struct swap *swap)
{
    int result = 0;

    for (size_t i = 0; i < swap->next->setup_count; i++) {
        if (swap->changes.next[i].change == CHANGE_SWAP)
            result |=
                client_data_check(swap->next->setups[i].slot, &swap->next->setups[i], swap->faults);
    }
    return result;
}

static int make_all(struct swap *swap)
{
    for (size_t i = 0; i < swap->next->setup_count; i++) {
        int32_t error = TONI_OK;
        const char *hook = takes_a_place(swap, i) ? make(swap, i, &error) : NULL;

        if (hook) {
            fail_hook(swap, i, hook, error);
            return -1;
        }
        if (!takes_a_place(swap, i))
            keep(swap, i);
    }
    return 0;
}

/* --- 2. The old ones come to rest */

static void each_gate(struct swap *swap, void (*call)(struct gate *gate))
{
    for (size_t i = 0; i < swap->now->setup_count; i++) {
        if (swap->changes.rests[i])
            call(&swap->now->setups[i].slot->gate);
    }
    for (size_t i = 0; i < swap->next->setup_count; i++) {
        if (swap->changes.next[i].change == CHANGE_ADD)
            call(&swap->next->setups[i].slot->gate);
    }
}

/* No thread that runs tasks is to wait at these gates. */
static void each_tasks(struct swap *swap, void (*call)(struct instance *instance))
{
    for (size_t i = 0; i < swap->now->setup_count; i++) {
        struct instance *instance = swap->now->instances[i];

        if (!instance) /* it has gone over to the next graph */
            instance = atomic_load(&swap->now->setups[i].slot->instance);
        if (swap->changes.rests[i] && instance)
            call(instance);
    }
}

static void open_gates(struct swap *swap)
{
    each_gate(swap, gate_open);
    each_tasks(swap, tasks_go_on);
    swap->report->paused_ns = clock_now_ns() - swap->closed_ns;
}

static int wait_for_rest(struct swap *swap, const struct instance_setup *setup)
{
    const uint64_t swap_ms = swap->next->config->limits.swap_ms;

    if (gate_wait_empty(&setup->slot->gate, swap->closed_ns + swap_ms * NS_PER_MS))
        return 0;
    fault_at(swap->faults, setup->at,
             "module `%s`: %s `%s` did not come to rest within swap_ms (%" PRIu64
             "): a call of it has not returned; nothing is changed; try again, or raise swap_ms",
             setup->module, swap_kind_name(setup), setup->name, swap_ms);
    return -1;
}

static int come_to_rest(struct swap *swap)
{
    int result = 0;

    swap->closed_ns = clock_now_ns();
    each_tasks(swap, tasks_set_aside);
    slots_begin(swap->next->slots);
    each_gate(swap, gate_close);
    slots_end(swap->next->slots);
    for (size_t i = 0; i < swap->now->setup_count; i++) {
        if (swap->changes.rests[i])
            result |= wait_for_rest(swap, &swap->now->setups[i]);
    }
    for (size_t i = 0; i < swap->next->setup_count; i++) { /* who came to a vacant place */
        if (swap->changes.next[i].change == CHANGE_ADD)
            result |= wait_for_rest(swap, &swap->next->setups[i]);
    }
    return result;
}

/* --- 3. The state goes over */

static int32_t export(struct instance *instance, void *data)
{
    return instance_export(instance, data);
}

static int32_t import(struct instance *instance, void *data)
{
    return instance_import(instance, data);
}

/* What the two hooks use, for as long as they run: one that is left behind keeps it. */
struct transfer {
    toni_state_writer writer;
    toni_state state;
};

static int32_t import_from(struct swap *swap, size_t number, struct transfer *transfer)
{
    transfer->state = (toni_state){
        .struct_size = sizeof transfer->state,
        .version = instance_before(swap, number)->descriptor->state_version,
        .bytes = toni_str_make(transfer->writer.bytes.bytes, transfer->writer.bytes.length),
    };
    const int32_t error = life_call(swap->next, number, "import_state", import, &transfer->state);
    if (error != TONI_OK)
        fail_hook(swap, number, "import_state", error);
    return error;
}

static int32_t transfer_between(struct swap *swap, size_t number, struct transfer *transfer)
{
    const size_t before = swap->changes.next[number].before;

    state_writer_init(&transfer->writer, swap->now->host,
                      swap->next->setups[number].limits.state_bytes);
    const int32_t error = life_call(swap->now, before, "export_state", export, &transfer->writer);
    if (error == TONI_OK)
        return import_from(swap, number, transfer);
    fail_export(swap, number, error, &transfer->writer);
    return error;
}

static int transfer_state(struct swap *swap, size_t number)
{
    const struct life *from = &swap->now->lives[swap->changes.next[number].before];
    const struct life *to = &swap->next->lives[number];
    const bool was_left = from->is_left; /* by an earlier reload, which had a transfer of its own */
    struct transfer *transfer = calloc(1, sizeof *transfer);

    if (!transfer) {
        fault_at(swap->faults, swap->next->setups[number].at, "out of memory while reloading");
        return -1;
    }
    const int32_t error = transfer_between(swap, number, transfer);
    if (was_left || (!from->is_left && !to->is_left)) {
        state_writer_finish(&transfer->writer);
        free(transfer);
    }
    return error == TONI_OK ? 0 : -1;
}

static int transfer_all(struct swap *swap)
{
    const uint64_t began = clock_now_ns();
    int result = 0;

    for (size_t i = 0; result == 0 && i < swap->next->setup_count; i++) {
        if (swap->changes.next[i].change == CHANGE_SWAP &&
            instance_can_export(instance_before(swap, i)) &&
            instance_can_import(swap->next->instances[i]))
            result = transfer_state(swap, i);
    }
    swap->report->plugins_ns = clock_now_ns() - began;
    return result;
}

/* Memory for the limits is the last thing that can be lacking. */
static int set_limits(struct swap *swap)
{
    for (size_t i = 0; i < swap->next->setup_count; i++) {
        struct instance_setup *setup = &swap->next->setups[i];

        if (swap->changes.next[i].change == CHANGE_NOTHING ||
            !slot_set_limits(setup->slot, &setup->limits))
            continue;
        fault_at(swap->faults, setup->at, "out of memory while reloading");
        while (i-- > 0) {
            if (swap->changes.next[i].change == CHANGE_SWAP ||
                swap->changes.next[i].change == CHANGE_LIMITS)
                (void)slot_set_limits(swap->next->setups[i].slot,
                                      &instance_before(swap, i)->setup.limits); /* it is there */
        }
        return -1;
    }
    return 0;
}

/* --- 4. The places are exchanged. From here on nothing fails. */

/* Whoever is given something else is at rest. Whoever is not reads at this very moment, so what is
 * the same is not written. */
static void inject_again(toni_slot *injected, const toni_slot *next)
{
    if (injected->table != next->table || injected->self != next->self)
        *injected = *next;
}

/* The plugin of one that stays goes on reading where it always did. */
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
    if (now->lives[before].is_left) {
        now->lives[before].is_left = false;
        now->left--;
        life_leave(next, number);
    }
    if (swap->changes.next[number].change == CHANGE_LIMITS)
        instance_set_limits(next->instances[number], &next->setups[number].limits);
}

static void take_place(struct swap *swap, size_t number)
{
    struct slot *slot = swap->next->setups[number].slot;

    slot->retired = NULL;
    if (swap->changes.next[number].change == CHANGE_SWAP)
        slot->retired = instance_before(swap, number);
    slot_settle(slot, &swap->arrivals[number]);
}

static void close_old_tasks(struct swap *swap)
{
    for (size_t i = 0; i < swap->next->setup_count; i++) {
        if (swap->changes.next[i].change == CHANGE_SWAP)
            tasks_close(instance_before(swap, i));
    }
}

static void exchange(struct swap *swap)
{
    close_old_tasks(swap);
    slots_begin(swap->next->slots);
    for (size_t i = 0; i < swap->next->setup_count; i++) {
        if (takes_a_place(swap, i))
            take_place(swap, i);
        else
            move_over(swap, i);
    }
    for (size_t i = 0; i < swap->now->setup_count; i++) {
        struct slot *slot = swap->now->setups[i].slot;

        if (swap->changes.after[i] != NOBODY)
            continue;
        if (slot->kind == TONI_GATEWAY)
            slot_close(slot); /* its clients are still there */
        else
            slot_vacate(slot);
    }
    slots_end(swap->next->slots);
    swap->next->instance_count = swap->next->setup_count;
}

/* --- 5. The new ones go on, the old ones end */

static void report_place(const struct swap *swap, size_t number)
{
    const struct instance_change *change = &swap->changes.next[number];
    const struct instance_setup *setup = &swap->next->setups[number];
    const char *state = NULL;

    if (change->change == CHANGE_SWAP) {
        state = swap_state_words(instance_before(swap, number), swap->next->instances[number]);
        swap_report_swapped(swap->report, setup, state);
    }
    log_info(state ? "swapped" : "added", log_str(swap_kind_name(setup), setup->name),
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
                          swap->next->lives[number].is_left);
    log_error("`ready` of a new version failed; it serves all the same",
              log_str("instance", swap->next->setups[number].name),
              log_str("error", toni_error_name(error)));
}

static void go_on(struct swap *swap)
{
    for (size_t i = 0; i < swap->next->setup_count; i++) {
        if (!takes_a_place(swap, i))
            continue;
        report_place(swap, i);
        tasks_open(swap->next->instances[i]);
        call_ready(swap, i);
        hand_over(swap, swap->next->setups[i].slot);
    }
}

static void end_one(struct swap *swap, size_t number)
{
    struct graph *now = swap->now;
    const size_t after = swap->changes.after[number];

    (void)life_call(now, number, "stopping", life_stopping, NULL);
    const bool may_end = after != NOBODY ? !swap->next->setups[after].slot->retired
                                         : is_deserted(swap, now->setups[number].slot);
    if (may_end)
        life_end(now, number);
    if (after == NOBODY)
        log_info("removed",
                 log_str(swap_kind_name(&now->setups[number]), now->setups[number].name));
    if (!now->instances[number])
        return;
    life_keep_used(now, number);
    swap->report->unfinished++;
    if (may_end && now->lives[number].is_used)
        return; /* which was said */
    log_warn("an old instance can't be ended yet: a call of it has not returned, or clients of it "
             "are still there; it is ended with the host",
             log_str("instance", now->setups[number].name));
}

/* In reverse: whoever uses another hears of it first. One that is not over may use some that stay.
 */
static void end_old(struct swap *swap)
{
    for (size_t i = swap->now->setup_count; i-- > 0;) {
        const size_t after = swap->changes.after[i];

        if (swap->now->instances[i])
            end_one(swap, i);
        else if (swap->now->lives[i].is_used && after != NOBODY)
            life_keep(swap->next, after);
    }
}

static void tell_limits(struct swap *swap)
{
    for (size_t i = 0; i < swap->next->setup_count; i++) {
        struct slot *slot = swap->next->setups[i].slot;

        if (swap->changes.next[i].change != CHANGE_LIMITS)
            continue;
        log_info("limits changed", log_str("instance", slot->name));
        if (slot->kind == TONI_GATEWAY)
            (void)swap->world->adopt(swap->world->data, slot); /* later ones have them anyway */
    }
}

/* --- The whole */

static bool is_over(const struct graph *graph)
{
    for (size_t i = 0; i < graph->setup_count; i++) {
        if (graph->instances[i])
            return false;
    }
    return graph->left == 0;
}

/* What is left of the oldest comes first: it may use what is left of others, which stayed longer.
 */
static void bury(struct graph *graph, struct swap_remains *remains)
{
    struct graph **last = &remains->first;

    if (is_over(graph)) {
        graph->instance_count = 0;
        graph_destroy(graph);
        return;
    }
    while (*last)
        last = &(*last)->next;
    *last = graph;
}

/* The new ones are ended again; the old go on. One that hangs may use some of these. */
static void roll_back(struct swap *swap)
{
    struct graph *next = swap->next;

    for (size_t i = next->setup_count; i-- > 0;) {
        life_end(next, i);
        if (next->lives[i].is_used && !takes_a_place(swap, i))
            life_keep(swap->now, swap->changes.next[i].before);
    }
}

/* @return 0: the gates are closed, all is ready to be exchanged. -1: they are open. */
static int prepare(struct swap *swap)
{
    if (find_places(swap) || check_client_data(swap) || make_all(swap))
        return -1;
    if (!come_to_rest(swap) && !check_client_data(swap) && !transfer_all(swap) && !set_limits(swap))
        return 0;
    open_gates(swap);
    return -1;
}

static void finish(struct swap *swap)
{
    for (size_t i = 0; swap->arrivals && i < swap->next->setup_count; i++)
        arrival_finish(&swap->arrivals[i]);
    free(swap->arrivals);
    changes_finish(&swap->changes);
}

static void swap_over(struct swap *swap)
{
    exchange(swap);
    open_gates(swap);
    go_on(swap);
    tell_limits(swap);
    end_old(swap);
}

int swap_run(struct graph *now, struct graph *next, const struct swap_world *world,
             struct swap_remains *remains, struct fault_list *faults, struct swap_report *report)
{
    struct swap swap = {
        .now = now, .next = next, .world = world, .faults = faults, .report = report};
    int result = -1;

    hooks_hurry(now->hooks, PATIENCE_GIVES_UP);
    hooks_hurry(next->hooks, PATIENCE_GIVES_UP);
    swap.arrivals = calloc(next->setup_count + 1, sizeof *swap.arrivals);
    if (changes_init(&swap.changes, now, next) || !swap.arrivals) {
        fault_at(faults, next->config->tree, "out of memory while reloading");
    } else {
        report->swapped = swap.changes.swapped;
        report->added = swap.changes.added;
        report->removed = swap.changes.removed;
        report->limited = swap.changes.limited;
        result = prepare(&swap);
        if (!result)
            swap_over(&swap);
        else
            roll_back(&swap);
    }
    finish(&swap);
    bury(result ? next : now, remains);
    return result;
}

/* Those who used what is in a graph are over. */
static void forget_used(struct graph *graph)
{
    for (size_t i = 0; i < graph->setup_count; i++)
        graph->lives[i].is_used = false;
}

static bool is_any_left(const struct swap_remains *remains, const struct graph *now)
{
    size_t left = now->left;

    for (const struct graph *graph = remains->first; graph; graph = graph->next)
        left += graph->left;
    return left > 0;
}

int swap_remains_end(struct swap_remains *remains, struct graph *now)
{
    bool all_over = !is_any_left(remains, now);
    struct graph **place = &remains->first;

    while (*place) {
        struct graph *graph = *place;

        if (all_over)
            forget_used(graph);
        graph->instance_count = graph->setup_count;
        (void)graph_end(graph);
        all_over = all_over && is_over(graph);
        if (!is_over(graph)) {
            place = &graph->next;
            continue;
        }
        *place = graph->next;
        graph_destroy(graph);
    }
    if (all_over)
        forget_used(now);
    return remains->first ? -1 : 0;
}
