/* An allocator that fails when it is told to, for tests of what happens without memory. The test is
 * linked with it and with -Wl,--wrap= for each function of NO_MEMORY_WRAPS in CMakeLists.txt; what
 * a library calls inside itself, such as the C library or a plugin, is not touched. */
#ifndef TEST_NO_MEMORY_H
#define TEST_NO_MEMORY_H

#include <limits.h>
#include <stdbool.h>

/** Every allocation succeeds. */
#define NO_MEMORY_OFF UINT_MAX

/** How many allocations of this thread still succeed before all others fail. */
extern _Thread_local unsigned allocations_left;

/** The same, of all threads together. */
void allocations_left_to_all(unsigned count);

/** @return Whether one has failed since the last call. */
bool allocation_failed(void);

/** Called once, with memory, when an allocation of this thread is about to fail: what another
 * thread does then. */
extern _Thread_local void (*no_memory_meanwhile)(void);

/* Check allocates too, and its library may be a static one: so no assertion within. */
#define WITH_ALLOCATIONS(count, statement)                                                         \
    do {                                                                                           \
        allocations_left = (count);                                                                \
        statement;                                                                                 \
        allocations_left = NO_MEMORY_OFF;                                                          \
    } while (0)

/** To be asked first in main().
 * @return Whether the test was linked as it must be; if not, that was said. */
bool no_memory_works(void);

/** What main() then returns: skipped. */
#define NO_MEMORY_SKIPPED 77

#endif
