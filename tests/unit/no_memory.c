/* See no_memory.h. */
#include "no_memory.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>

_Thread_local unsigned allocations_left = NO_MEMORY_OFF;
_Thread_local void (*no_memory_meanwhile)(void);

static atomic_uint left_to_all = NO_MEMORY_OFF;
static atomic_bool has_failed;

void allocations_left_to_all(unsigned count)
{
    atomic_store(&left_to_all, count);
}

bool allocation_failed(void)
{
    return atomic_exchange(&has_failed, false);
}

static void call_meanwhile(void)
{
    void (*call)(void) = no_memory_meanwhile;

    no_memory_meanwhile = NULL;
    allocations_left = NO_MEMORY_OFF;
    call();
    allocations_left = 0;
}

static bool take_of_this_thread(void)
{
    if (allocations_left == NO_MEMORY_OFF)
        return true;
    if (allocations_left == 0 && no_memory_meanwhile != NULL)
        call_meanwhile();
    return allocations_left > 0 && allocations_left-- > 0;
}

static bool take_of_all(void)
{
    unsigned left = atomic_load(&left_to_all);

    while (left != NO_MEMORY_OFF && left > 0) {
        if (atomic_compare_exchange_weak(&left_to_all, &left, left - 1))
            return true;
    }
    return left == NO_MEMORY_OFF;
}

static bool may_allocate(void)
{
    const bool may = take_of_this_thread() && take_of_all();

    if (!may)
        atomic_store(&has_failed, true);
    return may;
}

/* The linker makes these names; weak, so that a build without the option can say what is missing.
 * NOLINTBEGIN(bugprone-reserved-identifier) */
void *__real_malloc(size_t size) __attribute__((weak));
void *__real_calloc(size_t count, size_t size) __attribute__((weak));
void *__real_realloc(void *old, size_t size) __attribute__((weak));
char *__real_strdup(const char *text) __attribute__((weak));
char *__real_strndup(const char *text, size_t size) __attribute__((weak));
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t size);

void *__wrap_malloc(size_t size)
{
    return may_allocate() ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return may_allocate() ? __real_calloc(count, size) : NULL;
}

void *__wrap_realloc(void *old, size_t size)
{
    return may_allocate() ? __real_realloc(old, size) : NULL;
}

char *__wrap_strdup(const char *text)
{
    return may_allocate() ? __real_strdup(text) : NULL;
}

char *__wrap_strndup(const char *text, size_t size)
{
    return may_allocate() ? __real_strndup(text, size) : NULL;
}

bool no_memory_works(void)
{
    if (__real_malloc == NULL)
        (void)fputs("skipped: linked without --wrap\n", stderr);
    return __real_malloc != NULL;
}
/* NOLINTEND(bugprone-reserved-identifier) */
