/* Spares: memory of commands and small batches that a worker has done with and uses again. Nearly
 * every message needs one of each, and gives them back in the same turn: in bursts, of which the
 * allocator is good at the first few alone.
 *
 * What one thread gives another may have taken. A thread without spares allocates and frees. */
#ifndef ROOMS_SPARES_H
#define ROOMS_SPARES_H

#include <stddef.h>
#include <stdint.h>

/* All of a kind have one size. */
enum spare { SPARE_COMMAND, SPARE_BATCH, SPARE_KINDS };

/* What each command has that is made for one message. */
#define SPARE_COMMAND_SIZE 72

/* So many of each kind are kept. */
#define SPARES_MAX 256

struct spare_list {
    void *first; /* each begins with a pointer to the next */
    uint32_t count;
};

/** Zero is none. */
struct spares {
    struct spare_list lists[SPARE_KINDS];
};

/** The calling thread takes from these and gives to them, from now on. @param spares  NULL: none.
 */
void spares_attach(struct spares *spares);

/** Frees what is kept; nobody may be attached any more. */
void spares_finish(struct spares *spares);

/** @param size  Of this kind; at least that of a pointer.
 * @return Memory with anything in it, or NULL if there is none. @thread Any. */
void *spare_take(enum spare kind, size_t size);

/** @param memory  From spare_take, or malloc, with the size of this kind; NULL is fine. @thread
 * Any.
 */
void spare_give(enum spare kind, void *memory);

#endif
