/* See weighing.h. */
#include "weighing.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>

static _Atomic int64_t bytes;
static _Atomic uint64_t allocations;

/* Before each allocation lies its size. */
static int64_t weight_of(void *memory)
{
    return memory ? (int64_t)(malloc_usable_size(memory) + sizeof(size_t)) : 0;
}

static void *weighed(void *memory)
{
    atomic_fetch_add(&bytes, weight_of(memory));
    atomic_fetch_add(&allocations, 1);
    return memory;
}

/* The linker makes these names.
 * NOLINTBEGIN(bugprone-reserved-identifier) */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __wrap_free(void *memory);

void *__wrap_malloc(size_t size)
{
    return weighed(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return weighed(__real_calloc(count, size));
}

void *__wrap_realloc(void *old, size_t size)
{
    atomic_fetch_sub(&bytes, weight_of(old));
    return weighed(__real_realloc(old, size));
}

void __wrap_free(void *memory)
{
    atomic_fetch_sub(&bytes, weight_of(memory));
    __real_free(memory);
}
/* NOLINTEND(bugprone-reserved-identifier) */

int64_t weighed_bytes(void)
{
    return atomic_load(&bytes);
}

uint64_t weighed_allocations(void)
{
    return atomic_load(&allocations);
}
