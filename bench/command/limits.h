/* Whether what was measured is the generator's own slowness: then it is no figure of the server. */
#ifndef COMMAND_LIMITS_H
#define COMMAND_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

/* What one thread took, as shares of the time that was measured. */
struct own_cost {
    double busy;   /* it ran */
    double waited; /* it was ready to run, and others had the core */
};

/* What is judged. */
struct symptoms {
    const struct own_cost *threads;
    uint32_t thread_count;
    double rate; /* messages a second that were wanted; 0: a closed loop */
    double sent_per_s;
    uint64_t unsent;        /* due, and not sent in time, though the server would have taken them */
    uint64_t late_p99_ns;   /* how late messages were sent */
    uint64_t answer_p99_ns; /* the latency, which holds that */
};

#define LIMITS_MAX 4U
#define LIMIT_SIZE 200U

struct limits {
    uint32_t count; /* 0: the generator was not the limit */
    char said[LIMITS_MAX][LIMIT_SIZE];
};

/** From which share of the time on a thread was busy all along. */
#define LIMITS_BUSY 0.9

/** From which share on a thread that waits for a core makes latencies its own. */
#define LIMITS_WAITED 0.1

/** Says what there is to say. */
void limits_judge(struct limits *limits, const struct symptoms *symptoms);

#endif
