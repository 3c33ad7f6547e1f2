/* A swap in progress, and its steps, a file for each: make.c (1), quiesce.c (2), transfer.c (3),
 * exchange.c (4), finish.c (5 to 7). For the files of this folder alone; swap.c calls them. */
#ifndef SWAP_SWAP_PRIVATE_H
#define SWAP_SWAP_PRIVATE_H

#include "swap/swap.h"

#include "instance/state.h"

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

/** @return Whether the instance of that number in `next` is a new one: swapped in, or added. */
static inline bool swap_takes_place(const struct swap *swap, size_t number)
{
    const enum change change = swap->changes.next[number].change;

    return change == CHANGE_SWAP || change == CHANGE_ADD;
}

/** @return The running instance that has the name of that number in `next`. */
static inline struct instance *swap_instance_before(const struct swap *swap, size_t number)
{
    return swap->now->instances[swap->changes.next[number].before];
}

/* --- Step 1. Each returns 0, or -1 after a fault. */

/** Gives each new instance its slot, and checks that the slot's last change is over. */
int swap_find_places(struct swap *swap);

/** Refuses to swap a gateway whose clients carry data if its new version has no `on_adopt`. Called
 * before anything is made, so that nothing has to be undone; and once more when the gates are
 * closed, so that no callback can set data any more. */
int swap_check_client_data(struct swap *swap);

/** Calls `create` and `start` of each new instance. */
int swap_make_all(struct swap *swap);

/** Undoes swap_make_all(): ends the new instances, while the old ones go on. */
void swap_roll_back(struct swap *swap);

/* --- Step 2 */

/** Has the world let go of what is about to be exchanged. @return 0, or -1 after a fault;
 * swap_go_on() follows in both cases, or swap_open_gates(). */
int swap_let_go(struct swap *swap);
void swap_go_on(struct swap *swap);

/** Closes the gates and waits until no call is inside. @return 0, or -1 after a fault; the gates
 * are closed in both cases. */
int swap_quiesce(struct swap *swap);

/** Opens the gates again, and notes how long they were closed. */
void swap_open_gates(struct swap *swap);

/* --- Step 3 */

/** @return 0, or -1 after a fault. */
int swap_transfer(struct swap *swap);

/* --- Step 4 */

/** Gives the slots their new limits. @return 0; -1 after a fault: then all limits are as before. */
int swap_set_limits(struct swap *swap);

/** Puts the new instances into their places. Can't fail. */
void swap_exchange(struct swap *swap);

/* --- Steps 5 to 7 */

/** Lets the tasks of the new instances run, calls `ready`, and hands the clients on to them. */
void swap_resume(struct swap *swap);

/** Gives other limits to the clients of gateways that stay. */
void swap_apply_limits(struct swap *swap);

/** Ends the old instances, as far as they can be ended. */
void swap_end_old(struct swap *swap);

/** Takes the instance out of the slot of a removed name, once its clients are gone and no call is
 * inside. @return Whether the slot is vacant now. */
bool swap_empty_slot(struct swap *swap, struct slot *slot);

/** Hands the clients of a slot on, after which nobody refers to `retired`, the instance before;
 * clears that. If a worker does not come to it in time, `retired` stays. */
void swap_release_retired(const struct swap *swap, struct slot *slot);

/* --- Faults */

/** @param number  In `next`: whose hook it was. @param error  What the hook returned. */
void swap_fault_hook(struct swap *swap, size_t number, const char *hook, int32_t error);

/** `export_state` failed. @param number  In `next`: of the successor. */
void swap_fault_export(struct swap *swap, size_t number, int32_t error,
                       const toni_state_writer *writer);

/** The last change of the place is not over. @param number  In `next`. */
void swap_fault_place(struct swap *swap, size_t number);

/** An instance did not quiesce. */
void swap_fault_busy(struct swap *swap, const struct instance_setup *setup);

/** Threads of plugins' own have not left. */
void swap_fault_visitors(struct swap *swap);

/** @param at  The provider, or the whole configuration. */
void swap_fault_no_memory(struct swap *swap, const struct value *at);

#endif
