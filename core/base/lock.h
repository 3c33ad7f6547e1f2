/* A lock for what many threads change for a moment: one word, which costs one instruction to take
 * and one to give back while nobody waits. Who has to wait sleeps in the kernel. Not for waiting
 * until something comes about: that needs a condition variable, and so a pthread_mutex_t.
 *
 * As a pthread_mutex_t is by default: not recursive; who waits has no claim to be next; a thread
 * that holds it is not raised to the priority of those who wait. A child made by fork() has a copy
 * that may be held for ever, so it must take none and go on to exec(), as posix_spawn() does.
 * Neither changes errno nor is a cancellation point. */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>

/* ThreadSanitizer finds two locks that are taken in both orders only if it is told of locks. */
#if defined(__has_feature)
#define LOCK_TSAN_BY_CLANG __has_feature(thread_sanitizer)
#else
#define LOCK_TSAN_BY_CLANG 0
#endif
#if defined(__SANITIZE_THREAD__) || LOCK_TSAN_BY_CLANG
#include <sanitizer/tsan_interface.h>
#define LOCK_TSAN(call) __tsan_mutex_##call
#else
#define LOCK_TSAN(call) ((void)0)
#endif

/** Zero is one that nobody holds. Needs no end: its memory is freed once nobody will use it. */
struct lock {
    atomic_uint state; /* enum lock_state */
};

enum lock_state {
    LOCK_FREE,
    LOCK_HELD,
    LOCK_AWAITED, /* held, and somebody may sleep until it is not */
};

/* What lock_take() and lock_give() come to when there is somebody else. */
void lock_wait(struct lock *lock);
void lock_wake(struct lock *lock);

static inline bool lock_is_taken_at_once(struct lock *lock)
{
    unsigned state = LOCK_FREE;
    return atomic_compare_exchange_strong_explicit(&lock->state, &state, LOCK_HELD,
                                                   memory_order_acquire, memory_order_relaxed);
}

/** Takes it if nobody has it. @return Whether the calling thread has it now. @thread Any. */
static inline bool lock_try(struct lock *lock)
{
    LOCK_TSAN(pre_lock(lock, __tsan_mutex_try_lock));
    const bool is_taken = lock_is_taken_at_once(lock);
    LOCK_TSAN(
        post_lock(lock, __tsan_mutex_try_lock | (is_taken ? 0 : __tsan_mutex_try_lock_failed), 0));
    return is_taken;
}

/** Takes it; waits until nobody has it. @thread Any that has not got it. */
static inline void lock_take(struct lock *lock)
{
    LOCK_TSAN(pre_lock(lock, 0));
    if (!lock_is_taken_at_once(lock))
        lock_wait(lock);
    LOCK_TSAN(post_lock(lock, 0, 0));
}

/** Gives it back. The lock may be gone as soon as another thread has taken it. @thread That took
 * it. */
static inline void lock_give(struct lock *lock)
{
    LOCK_TSAN(pre_unlock(lock, 0));
    if (atomic_exchange_explicit(&lock->state, LOCK_FREE, memory_order_release) == LOCK_AWAITED)
        lock_wake(lock);
    LOCK_TSAN(post_unlock(lock, 0));
}

#endif
