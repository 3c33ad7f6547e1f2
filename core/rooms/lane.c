/* Lanes; see lane.h. */
#include "rooms/lane.h"

#include <stdlib.h>

/* The lane that the calling thread runs; NULL: none. */
static _Thread_local struct lane *own;

int lane_init(struct lane *lane, uint32_t index, const struct lane_work *work,
              struct budget *budgets, void (*wake)(void *data), void *wake_data)
{
    *lane = (struct lane){.index = index,
                          .work = work,
                          .budgets = budgets,
                          .wake = wake,
                          .wake_data = wake_data,
                          .sleep = LANE_ASLEEP};
    lane->scratch = malloc(FRAME_MAX);
    return lane->scratch ? 0 : -1;
}

void lane_attach(struct lane *lane)
{
    own = lane;
    spares_attach(&lane->spares);
    lane->thread = pthread_self();
    atomic_store_explicit(&lane->attached, true, memory_order_release);
}

bool lane_is_mine(const struct lane *lane)
{
    return atomic_load_explicit(&lane->attached, memory_order_acquire) &&
           pthread_equal(lane->thread, pthread_self());
}

/* --- Posting */

/* Under the queue's lock. */
static void append(struct command **first, struct command **last, struct command *command)
{
    command->next = NULL;
    if (*last)
        (*last)->next = command;
    else
        *first = command;
    *last = command;
}

/* Under the queue's lock. */
static bool is_empty(const struct lane *lane)
{
    return !lane->first_command && !lane->first_call;
}

static enum lane_sleep sleep_of(const struct lane *lane)
{
    return atomic_load_explicit(&lane->sleep, memory_order_relaxed);
}

static void set_sleep(struct lane *lane, enum lane_sleep sleep)
{
    atomic_store_explicit(&lane->sleep, sleep, memory_order_relaxed);
}

/* Each worker that posts promises for itself: the turn of one that did so before may take long. */
static void promise(struct lane *lane)
{
    set_sleep(lane, LANE_PROMISED);
    own->to_wake[lane->index / 64] |= UINT64_C(1) << lane->index % 64;
    own->wakes = true;
}

/* The worker takes what is there at the end of its turn anyway. While it sleeps, who posts has to
 * make it turn. */
static void unlock_and_wake(struct lane *lane)
{
    bool sleeps = sleep_of(lane) != LANE_AWAKE && !lane_is_mine(lane);
    bool wakes = sleeps && !own;
    if (wakes)
        set_sleep(lane, LANE_AWAKE);
    else if (sleeps)
        promise(lane);
    lock_give(&lane->lock);
    if (wakes)
        lane->wake(lane->wake_data);
}

struct command *lane_begin_post(struct lane *lane)
{
    lock_take(&lane->lock);
    return lane->last_command;
}

void lane_end_post(struct lane *lane, struct command *command)
{
    if (command)
        append(&lane->first_command, &lane->last_command, command);
    unlock_and_wake(lane); /* for one that was lengthened, too: its wake may only be promised */
}

void lane_post(struct lane *lane, struct command *command)
{
    (void)lane_begin_post(lane);
    lane_end_post(lane, command);
}

/* --- Calls */

struct call {
    struct command command; /* first */
    void (*run)(void *data);
    void *data;
};

static void run_call(struct command *command, struct lane *lane)
{
    struct call *call = (struct call *)command;
    (void)lane;
    call->run(call->data);
    free(call);
}

static void drop_call(struct command *command)
{
    free(command);
}

void lane_post_as_call(struct lane *lane, struct command *command)
{
    lock_take(&lane->lock);
    append(&lane->first_call, &lane->last_call, command);
    unlock_and_wake(lane);
}

int lane_post_call(struct lane *lane, void (*call)(void *data), void *data)
{
    static const struct command_type type = {run_call, drop_call};
    struct call *posted = malloc(sizeof *posted);
    if (!posted)
        return -1;
    *posted = (struct call){.command.type = &type, .run = call, .data = data};
    lane_post_as_call(lane, &posted->command);
    return 0;
}

/* --- Waking */

/* Lock-free on purpose: a poster that reads a stale value merely wakes a loop that is already
 * awake. */
void lane_rouse(struct lane *lane)
{
    set_sleep(lane, LANE_AWAKE);
}

/* Unless somebody has done so since, or it has turned by itself: then it has taken what was there,
 * or will. */
static void keep_promise(struct lane *lane)
{
    enum lane_sleep promised = LANE_PROMISED;
    if (atomic_compare_exchange_strong_explicit(&lane->sleep, &promised, LANE_AWAKE,
                                                memory_order_relaxed, memory_order_relaxed))
        lane->wake(lane->wake_data);
}

void lane_wake_others(struct lane *lane)
{
    if (!lane->wakes)
        return;
    lane->wakes = false;
    struct lane *lanes = lane - lane->index;
    for (uint32_t word = 0; word < LANES_MAX / 64; word++) {
        for (uint64_t bits = lane->to_wake[word]; bits; bits &= bits - 1)
            keep_promise(&lanes[word * 64 + (uint32_t)__builtin_ctzll(bits)]);
        lane->to_wake[word] = 0;
    }
}

bool lane_pending(struct lane *lane)
{
    lane_wake_others(lane);
    lock_take(&lane->lock);
    bool pending = !is_empty(lane) || lane->first_node;
    set_sleep(lane, pending ? LANE_AWAKE : LANE_ASLEEP);
    lock_give(&lane->lock);
    return pending;
}

/* --- The turn */

/* Takes a whole queue. */
static struct command *take_all(struct lane *lane, struct command **first, struct command **last)
{
    lock_take(&lane->lock);
    struct command *commands = *first;
    *first = *last = NULL;
    lock_give(&lane->lock);
    return commands;
}

static struct command *take_commands(struct lane *lane)
{
    return take_all(lane, &lane->first_command, &lane->last_command);
}

static struct command *take_calls(struct lane *lane)
{
    return take_all(lane, &lane->first_call, &lane->last_call);
}

static void deliver_all(struct lane *lane, struct command *commands)
{
    for (struct command *next; commands; commands = next) {
        next = commands->next;
        commands->type->deliver(commands, lane);
    }
}

static void drop_all(struct command *commands)
{
    for (struct command *next; commands; commands = next) {
        next = commands->next;
        commands->type->drop(commands);
    }
}

void lane_touch(struct lane *lane, struct lane_node *node)
{
    if (node->queued)
        return;
    node->queued = true;
    node->next = NULL;
    if (lane->last_node)
        lane->last_node->next = node;
    else
        lane->first_node = node;
    lane->last_node = node;
}

/* @return The first of those to flush. */
static struct lane_node *next_node(struct lane *lane)
{
    struct lane_node *node = lane->first_node;
    lane->first_node = node->next;
    if (!lane->first_node)
        lane->last_node = NULL;
    node->queued = false;
    return node;
}

void lane_deliver(struct lane *lane)
{
    deliver_all(lane, take_commands(lane));
}

void lane_flush(struct lane *lane)
{
    lane_deliver(lane);
    while (lane->first_node)
        lane->work->flush(next_node(lane));
    batch_refs_drop(&lane->refs);
}

void lane_flush_midway(struct lane *lane)
{
    lane_wake_others(lane);
    lane_flush(lane);
}

void lane_turn(struct lane *lane)
{
    deliver_all(lane, take_calls(lane));
    lane_wake_others(lane); /* now, so that they write while this one does */
    lane_flush(lane);
    if (budget_is_passed(&lane->budgets[BUDGET_OUTBOX]))
        lane->work->relieve(lane);
    lane->turn++;
}

void lane_finish(struct lane *lane)
{
    if (own == lane) {
        own = NULL;
        spares_attach(NULL);
    }
    drop_all(take_calls(lane));
    drop_all(take_commands(lane));
    while (lane->first_node)
        lane->work->forget(next_node(lane));
    batch_refs_drop(&lane->refs);
    spares_finish(&lane->spares);
    free(lane->scratch);
}
