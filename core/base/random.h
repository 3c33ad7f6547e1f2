/* Unpredictable bytes from the kernel, for keys. Not for a hot path: each call is a system call. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>

/** Fills @p bytes with random bytes that are fit for keys.
 * @param bytes   Filled in; on failure its contents are indeterminate.
 * @param length  How many.
 * @return 0, or -1 with errno set (ENOSYS: a kernel or a sandbox without getrandom).
 * @thread Any. May wait while the machine boots and has no entropy yet. */
int random_bytes(void *bytes, size_t length);

#endif
