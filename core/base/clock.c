/* The clocks, over clock_gettime(2). Not for timers. */
#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#define NS_PER_S 1000000000
#define NS_PER_MS 1000000
#define MS_PER_S 1000

static struct timespec read_clock(clockid_t id)
{
    struct timespec now = {0};

    /* Fails only for a clock that the kernel doesn't have or a bad address: neither can be here. */
    (void)clock_gettime(id, &now);
    return now;
}

uint64_t clock_now_ns(void)
{
    const struct timespec now = read_clock(CLOCK_MONOTONIC);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t clock_now_ms(void)
{
    return clock_now_ns() / NS_PER_MS;
}

int64_t clock_wall_ms(void)
{
    const struct timespec now = read_clock(CLOCK_REALTIME);
    return (int64_t)now.tv_sec * MS_PER_S + now.tv_nsec / NS_PER_MS;
}

int clock_condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;

    if (pthread_condattr_init(&attributes) != 0)
        return -1;
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    const int error = pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
    return error == 0 ? 0 : -1;
}

int clock_condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock, uint64_t until_ns)
{
    const struct timespec until = {.tv_sec = (time_t)(until_ns / NS_PER_S),
                                   .tv_nsec = (long)(until_ns % NS_PER_S)};
    return pthread_cond_timedwait(condition, lock, &until) == ETIMEDOUT ? -1 : 0;
}

void clock_format(int64_t wall_ms, char text[CLOCK_TEXT_SIZE])
{
    time_t seconds = wall_ms / MS_PER_S;
    int64_t ms = wall_ms % MS_PER_S;

    /* C rounds towards zero; before 1970 the milliseconds must still count upwards. */
    if (ms < 0) {
        ms += MS_PER_S;
        seconds--;
    }

    /* Neither call can fail: the year of any 64-bit count of milliseconds fits an int, and the text
     * of the longest year fits the buffer. */
    struct tm utc = {0};
    (void)gmtime_r(&seconds, &utc);
    const size_t length = strftime(text, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &utc);
    (void)snprintf(text + length, CLOCK_TEXT_SIZE - length, ".%03dZ", (int)ms);
}
