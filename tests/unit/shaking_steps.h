/* Steps of handshakes, for the tests of their share of a turn: the clock is the test's, how long a
 * step takes as well, and whose each was is noted. Links with --wrap=clock_now_ns. */
#ifndef TESTS_SHAKING_STEPS_H
#define TESTS_SHAKING_STEPS_H

#include "runner.h"
#include "tls/turns.h"

#include <stdint.h>

#define US 1000u
#define MS (1000 * US)

static uint64_t now_ns;
static uint64_t step_ns;   /* that each step takes */
static unsigned steps[64]; /* whose they were */
static unsigned step_count;

/* The linker makes this name. NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl37-c) */
uint64_t __wrap_clock_now_ns(void);

/* NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl37-c) */
uint64_t __wrap_clock_now_ns(void)
{
    return now_ns;
}

static void steps_begin(void)
{
    now_ns = 1000 * (uint64_t)MS;
    step_ns = 2 * TLS_SHAKING_NS;
    step_count = 0;
}

static void note_step(unsigned number)
{
    ck_assert_uint_lt(step_count, sizeof steps / sizeof steps[0]);
    steps[step_count++] = number;
    now_ns += step_ns;
}

static void expect_steps(const unsigned *expected, unsigned count)
{
    ck_assert_uint_eq(step_count, count);
    for (unsigned i = 0; i < count; i++)
        ck_assert_msg(steps[i] == expected[i], "step %u: %u", i, steps[i]);
}

#define EXPECT_STEPS(...)                                                                          \
    expect_steps((const unsigned[]){__VA_ARGS__},                                                  \
                 sizeof((const unsigned[]){__VA_ARGS__}) / sizeof(unsigned))

#endif
