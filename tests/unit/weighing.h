/* Weighs what the code under test has allocated: for tests of how much memory a thing takes, and of
 * what stays when it has gone. The test is linked with it and with -Wl,--wrap= for each function of
 * WEIGHING_WRAPS in CMakeLists.txt; what a library calls inside itself is not seen. */
#ifndef TEST_WEIGHING_H
#define TEST_WEIGHING_H

#include <stdint.h>

/** @return How many bytes of the heap are in use now, with what glibc needs for each allocation. A
 * sanitizer's allocator has other sizes: then it is no more than with glibc's. */
int64_t weighed_bytes(void);

/** @return How many allocations there were until now. */
uint64_t weighed_allocations(void);

#endif
