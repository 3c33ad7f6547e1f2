/* Waiting for locks; see lock.h. The mutex with three states of Ulrich Drepper's "Futexes Are
 * Tricky". */
#include "base/lock.h"

#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Who has waited once takes the lock as awaited: others may sleep still, and only who gives that
 * back wakes one. The kernel compares the state again, so a lock that was given back meanwhile puts
 * nobody to sleep. */
void lock_wait(struct lock *lock)
{
    const int kept = errno;
    while (atomic_exchange_explicit(&lock->state, LOCK_AWAITED, memory_order_acquire) != LOCK_FREE)
        (void)syscall(SYS_futex, &lock->state, FUTEX_WAIT_PRIVATE, LOCK_AWAITED, NULL);
    errno = kept;
}

/* Whoever takes it meanwhile may have freed its memory by now: then the kernel finds nobody who
 * waits there, or wakes somebody else for nothing, who looks again. */
void lock_wake(struct lock *lock)
{
    const int kept = errno;
    (void)syscall(SYS_futex, &lock->state, FUTEX_WAKE_PRIVATE, 1);
    errno = kept;
}
