/* The lines that wait to be written: a ring of bytes, so that who logs never waits for who reads
 * the log. Not about who writes them: log_thread.h.
 *
 * What does not fit is lost, and counted in the place where it would have stood. The last quarter
 * is for warnings and errors: a flood of what is less does not push them out.
 *
 * Any thread may call; the lock is held for as long as a line is copied. */
#ifndef BASE_LOG_RING_H
#define BASE_LOG_RING_H

#include "base/log.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** In bytes, some 1,500 lines of the usual length. */
#define LOG_RING_SIZE ((size_t)256 * 1024)

/** Zero, but for the lock, is an empty one. */
struct log_ring {
    pthread_mutex_t lock; /* a leaf: guards all below */
    size_t first;         /* where the oldest record begins */
    size_t used;          /* bytes of all records */
    uint64_t lost;        /* lines, since the last record was put */
    char bytes[LOG_RING_SIZE];
};

/** What log_ring_take() takes. */
struct log_record {
    uint64_t lost; /* lines that would have stood before this one */
    enum log_level level;
    size_t length; /* 0: there is no line, and @p lost are those after the last one */
    char line[LOG_LINE_SIZE];
};

/** Puts a line in, under the lock. @return Whether it fitted; if not, it is counted as lost. */
bool log_ring_put(struct log_ring *ring, enum log_level level, const char *line, size_t length);

/** Takes the oldest, under the lock.
 * @param record  Filled in. @return Whether there was a line, or lost ones to report. */
bool log_ring_take(struct log_ring *ring, struct log_record *record);

/** @return Whether log_ring_take() would find nothing; under the lock. */
static inline bool log_ring_is_empty(const struct log_ring *ring)
{
    return ring->used == 0 && ring->lost == 0;
}

#endif
