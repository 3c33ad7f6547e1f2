/* Slots; see slot.h. */
#include "instance/slot.h"

#include "base/clock.h"
#include "config/name.h"
#include "instance/instance.h"
#include "rooms/gap_notice.h"
#include "rooms/room_rules.h"

#include <stdlib.h>
#include <string.h>
#include <toni/plugin.h>

struct limits_copy {
    struct limits limits; /* first */
    struct limits_copy *next;
};

/* --- Making and ending */

/* The lock is recursive, so that slots_begin() can make one change out of several that lock by
 * themselves. */
int slots_init(struct slots *slots)
{
    pthread_mutexattr_t attributes;
    *slots = (struct slots){0};
    if (pthread_mutexattr_init(&attributes))
        return -1;
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    int error = pthread_mutex_init(&slots->lock, &attributes);
    pthread_mutexattr_destroy(&attributes);
    if (error)
        return -1;
    if (gate_init(&slots->visitors))
        goto no_gate;
    if (!kept_list_init(&slots->kept, limits_default().http_kept, limits_default().http_streams))
        return 0;
    gate_finish(&slots->visitors);
no_gate:
    pthread_mutex_destroy(&slots->lock);
    return -1;
}

void slots_begin(struct slots *slots)
{
    pthread_mutex_lock(&slots->lock);
}

void slots_end(struct slots *slots)
{
    pthread_mutex_unlock(&slots->lock);
}

void slot_facts_finish(struct slot_facts *facts)
{
    free(facts->module);
    free(facts->version);
    free(facts->library);
    *facts = (struct slot_facts){0};
}

static void slot_destroy(struct slot *slot)
{
    for (struct limits_copy *copy = slot->limits, *next; copy; copy = next) {
        next = copy->next;
        room_rules_unref(copy->limits.room_rules);
        gap_notice_unref(copy->limits.gap_notice);
        free(copy);
    }
    gate_finish(&slot->gate);
    slot_facts_finish(&slot->facts);
    free(slot->path);
    free(slot->name);
    free(slot);
}

void slots_finish(struct slots *slots)
{
    for (struct slot *slot = slots->first, *next; slot; slot = next) {
        next = slot->next;
        slot_destroy(slot);
    }
    kept_list_finish(&slots->kept);
    gate_finish(&slots->visitors);
    pthread_mutex_destroy(&slots->lock);
}

static struct slot *slot_create(struct slots *slots, uint32_t kind, const char *name)
{
    struct slot *slot = calloc(1, sizeof *slot);
    if (!slot)
        return NULL;
    if (gate_init(&slot->gate)) {
        free(slot);
        return NULL;
    }
    slot->slots = slots;
    slot->kind = kind;
    slot->name = strdup(name);
    slot->clients.name = slot->name;
    slot->path = strdup("");
    const struct limits standard = limits_default();
    if (slot->name && slot->path && !slot_set_limits(slot, &standard))
        return slot;
    slot_destroy(slot);
    return NULL;
}

/* --- Finding */

struct slot *slots_first(const struct slots *slots)
{
    return atomic_load_explicit(&slots->first, memory_order_acquire);
}

struct slot *slot_next(const struct slot *slot)
{
    return atomic_load_explicit(&slot->next, memory_order_acquire);
}

struct slot *slots_get(struct slots *slots, uint32_t kind, const char *name)
{
    for (struct slot *slot = slots_first(slots); slot; slot = slot_next(slot)) {
        if (kinds_declared_alike(slot->kind, kind) && strcmp(slot->name, name) == 0)
            return slot;
    }
    return NULL;
}

struct slot *slots_find_named(struct slots *slots, const char *name)
{
    for (struct slot *slot = slots_first(slots); slot; slot = slot_next(slot)) {
        if (strcmp(slot->name, name) == 0 && atomic_load(&slot->instance))
            return slot;
    }
    return NULL;
}

struct slot *slots_make(struct slots *slots, uint32_t kind, const char *name)
{
    struct slot *slot = slots_get(slots, kind, name);
    if (slot)
        return slot;
    slot = slot_create(slots, kind, name);
    if (!slot)
        return NULL;
    pthread_mutex_lock(&slots->lock);
    atomic_store_explicit(slots->last ? &slots->last->next : &slots->first, slot,
                          memory_order_release);
    slots->last = slot;
    pthread_mutex_unlock(&slots->lock);
    return slot;
}

struct slot *slots_find(struct slots *slots, uint32_t kind, slot_fit *fit, void *data)
{
    struct slot *best = NULL;
    size_t best_fit = 0;
    pthread_mutex_lock(&slots->lock);
    for (struct slot *slot = slots->first; slot; slot = slot->next) {
        if ((slot->kind & kind) == 0 || !slot->is_open || slot->path[0] == '\0')
            continue;
        size_t this_fit = fit(toni_str_of(slot->path), data);
        if (this_fit > best_fit) {
            best = slot;
            best_fit = this_fit;
        }
    }
    pthread_mutex_unlock(&slots->lock);
    return best;
}

static size_t fit_exactly(toni_str path, void *data)
{
    return toni_str_equal(path, *(const toni_str *)data) ? 1 : 0;
}

struct slot *slots_find_gateway(struct slots *slots, toni_str path)
{
    return slots_find(slots, TONI_GATEWAY, fit_exactly, &path);
}

bool slot_is_open(struct slot *slot)
{
    pthread_mutex_lock(&slot->slots->lock);
    bool is_open = slot->is_open;
    pthread_mutex_unlock(&slot->slots->lock);
    return is_open;
}

bool slot_is_vacant(struct slot *slot)
{
    pthread_mutex_lock(&slot->slots->lock);
    bool is_vacant = slot->facts.generation == 0;
    pthread_mutex_unlock(&slot->slots->lock);
    return is_vacant && atomic_load(&slot->connections) == 0 && atomic_load(&slot->requests) == 0;
}

bool slot_has_path(struct slot *slot)
{
    pthread_mutex_lock(&slot->slots->lock);
    bool has_path = slot->path[0] != '\0';
    pthread_mutex_unlock(&slot->slots->lock);
    return has_path;
}

/* --- Who is in it */

int arrival_init(struct arrival *arrival, struct instance *instance)
{
    const struct instance_setup *setup = &instance->setup;
    const toni_str version = instance->descriptor->version;
    *arrival = (struct arrival){
        .instance = instance, .space = setup->space, .kind = instance->descriptor->kind};
    arrival->path = strndup(setup->path.size > 0 ? setup->path.data : "", setup->path.size);
    arrival->facts.module = strdup(setup->module);
    arrival->facts.version = strndup(version.size > 0 ? version.data : "", version.size);
    arrival->facts.library = strdup(setup->plugin->path);
    if (arrival->path && arrival->facts.module && arrival->facts.version && arrival->facts.library)
        return 0;
    arrival_finish(arrival);
    return -1;
}

void arrival_finish(struct arrival *arrival)
{
    free(arrival->path);
    slot_facts_finish(&arrival->facts);
    *arrival = (struct arrival){0};
}

void slot_settle(struct slot *slot, struct arrival *arrival)
{
    struct arrival before = {.path = slot->path};
    slot->generation++;
    slot->space = arrival->space;
    if (arrival->kind != 0)
        slot->kind = arrival->kind;
    atomic_store_explicit(&slot->instance, arrival->instance, memory_order_relaxed);
    pthread_mutex_lock(&slot->slots->lock);
    before.facts = slot->facts;
    slot->path = arrival->path;
    slot->facts = arrival->facts;
    slot->facts.generation = slot->generation;
    slot->facts.since = clock_wall_ms();
    slot->is_open = true;
    pthread_mutex_unlock(&slot->slots->lock);
    *arrival = before; /* for arrival_finish() */
}

void slot_close(struct slot *slot)
{
    pthread_mutex_lock(&slot->slots->lock);
    slot->is_open = false;
    pthread_mutex_unlock(&slot->slots->lock);
}

void slot_vacate(struct slot *slot)
{
    pthread_mutex_lock(&slot->slots->lock);
    slot->is_open = false;
    slot->facts.generation = 0;
    pthread_mutex_unlock(&slot->slots->lock);
    atomic_store_explicit(&slot->instance, NULL, memory_order_relaxed);
}

int slot_read(struct slot *slot, char **path, struct slot_facts *facts)
{
    pthread_mutex_lock(&slot->slots->lock);
    *facts = slot->facts;
    *path = strdup(slot->path);
    facts->module = strdup(facts->module ? facts->module : "");
    facts->version = strdup(facts->version ? facts->version : "");
    facts->library = strdup(facts->library ? facts->library : "");
    pthread_mutex_unlock(&slot->slots->lock);
    if (*path && facts->module && facts->version && facts->library)
        return 0;
    free(*path);
    *path = NULL;
    slot_facts_finish(facts);
    return -1;
}

/* --- Calling */

/* The slot that the thread is in a call of; it is in one at most. */
static _Thread_local struct slot *called;

/* The visit of this thread. */
static _Thread_local struct {
    struct slot *slot; /* that it began with */
    unsigned depth;    /* 0: there is none */
} visit;

struct instance *slot_enter(struct slot *slot)
{
    gate_enter(&slot->gate);
    called = slot;
    return atomic_load_explicit(&slot->instance, memory_order_relaxed);
}

void slot_exit(struct slot *slot)
{
    called = NULL;
    gate_leave(&slot->gate);
}

void slot_enter_quiesced(struct slot *slot)
{
    called = slot;
}

void slot_exit_quiesced(void)
{
    called = NULL;
}

/* A swap closes all its gates under the slots' lock, so this sees all of them closed or none.
 * @return Whether the thread is in a call whose end the closer of the gates waits for. */
static bool is_waited_for(struct slots *slots)
{
    pthread_mutex_lock(&slots->lock);
    const bool is = called && gate_is_closed(&called->gate);
    pthread_mutex_unlock(&slots->lock);
    return is;
}

void visit_begin(struct slot *slot)
{
    struct gate *gate = &slot->slots->visitors;
    if (visit.depth++ > 0)
        return;
    visit.slot = slot;
    for (;;) {
        gate_join(gate);
        if (!gate_is_closed(gate) || is_waited_for(slot->slots))
            break;
        gate_leave(gate);
        gate_wait_open(gate);
    }
    atomic_fetch_add(&slot->visitors, 1);
}

int visit_end(void)
{
    struct slot *slot = visit.slot;
    if (visit.depth == 0)
        return -1;
    if (--visit.depth > 0)
        return 0;
    visit.slot = NULL;
    atomic_fetch_sub(&slot->visitors, 1);
    gate_leave(&slot->slots->visitors);
    return 0;
}

void slot_abandon(struct slot *slot)
{
    atomic_store(&slot->is_abandoned, true);
}

/* --- Limits */

const struct limits *slot_limits(const struct slot *slot)
{
    return &atomic_load_explicit(&slot->limits, memory_order_acquire)->limits;
}

/* Most changes go back to limits that were there before, or change nothing. */
static struct limits_copy *take_out(struct slot *slot, const struct limits *limits)
{
    struct limits_copy *first = slot->limits;
    if (!first || limits_equal(&first->limits, limits))
        return first;
    for (struct limits_copy *before = first; before->next; before = before->next) {
        struct limits_copy *copy = before->next;
        if (limits_equal(&copy->limits, limits)) {
            before->next = copy->next;
            return copy;
        }
    }
    return NULL;
}

int slot_set_limits(struct slot *slot, const struct limits *limits)
{
    struct limits_copy *first = slot->limits;
    struct limits_copy *copy = take_out(slot, limits);
    if (copy && copy == first)
        return 0;
    if (!copy) {
        copy = malloc(sizeof *copy);
        if (!copy)
            return -1;
        copy->limits = *limits;
        (void)room_rules_ref(copy->limits.room_rules);
        (void)gap_notice_ref(copy->limits.gap_notice);
    }
    copy->next = first;
    atomic_store_explicit(&slot->limits, copy, memory_order_release);
    return 0;
}
