/* Limits; see limits.h. */
#include "command/limits.h"

#include <stdarg.h>
#include <stdio.h>

/* Messages that go out a little late at the very end don't make a rate one that was not reached. */
#define RATE_REACHED 0.99

/* A latency of which half is the generator's is the generator's. */
#define LATE_SHARE 2

/* How late a message may go out whatever the latency is: what waking up takes. */
#define LATE_LEAST_NS 50000U

__attribute__((format(printf, 2, 3))) static void say(struct limits *limits, const char *format,
                                                      ...)
{
    va_list arguments;
    if (limits->count == LIMITS_MAX)
        return;
    va_start(arguments, format);
    (void)vsnprintf(limits->said[limits->count++], LIMIT_SIZE, format, arguments);
    va_end(arguments);
}

static void judge_threads(struct limits *limits, const struct symptoms *symptoms)
{
    struct own_cost worst = {0};
    for (uint32_t i = 0; i < symptoms->thread_count; i++) {
        const struct own_cost *thread = &symptoms->threads[i];
        if (thread->busy > worst.busy)
            worst.busy = thread->busy;
        if (thread->waited > worst.waited)
            worst.waited = thread->waited;
    }
    if (worst.busy >= LIMITS_BUSY)
        say(limits, "a thread of it ran for %.0f %% of the time: more --threads, or fewer messages",
            100 * worst.busy);
    if (worst.waited >= LIMITS_WAITED) {
        say(limits,
            "a thread of it waited for a core for %.0f %% of the time: give it one that nothing "
            "else "
            "uses, or another machine",
            100 * worst.waited);
    }
}

static void judge_rate(struct limits *limits, const struct symptoms *symptoms)
{
    if (!(symptoms->rate > 0))
        return;
    if (symptoms->unsent > 0 && symptoms->sent_per_s < symptoms->rate * RATE_REACHED)
        say(limits, "it could not send fast enough: %.0f messages a second of %.0f",
            symptoms->sent_per_s, symptoms->rate);
    if (symptoms->late_p99_ns > LATE_LEAST_NS &&
        symptoms->late_p99_ns > symptoms->answer_p99_ns / LATE_SHARE)
        say(limits, "it sent late: the p99 of that is %.3f ms, of a latency with %.3f ms",
            (double)symptoms->late_p99_ns / 1e6, (double)symptoms->answer_p99_ns / 1e6);
}

void limits_judge(struct limits *limits, const struct symptoms *symptoms)
{
    limits->count = 0;
    judge_threads(limits, symptoms);
    judge_rate(limits, symptoms);
}
