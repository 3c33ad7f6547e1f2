/* What a lane counts. Its worker adds, any thread reads; so counting costs what adding to a plain
 * variable costs. */
#ifndef ROOMS_LANE_FIGURES_H
#define ROOMS_LANE_FIGURES_H

#include "base/counter.h"

/* Why a message that was accepted for a client is never written. X(name, label) */
#define DROP_REASONS(X)                                                                            \
    X(DROP_CLOSING, "closing")             /* it came after the client's close had begun */        \
    X(DROP_CLOSED, "closed")               /* it waited when the connection ended */               \
    X(DROP_SLOW_CONSUMER, "slow_consumer") /* it waited when the outbox passed its limit */        \
    X(DROP_OLDEST, "drop_oldest")          /* by that policy; so are the next two */               \
    X(DROP_NEWEST, "drop_newest")                                                                  \
    X(DROP_NOT_LATEST, "latest")                                                                   \
    X(DROP_NO_MEMORY, "no_memory")

enum drop_reason {
#define DROP_NAME(name, label) name,
    DROP_REASONS(DROP_NAME)
#undef DROP_NAME
        DROP_REASON_COUNT
};

/* The reasons that a policy for full outboxes has. What these drop is counted by room, too. */
#define DROP_POLICY_FIRST DROP_SLOW_CONSUMER
#define DROP_POLICY_COUNT (DROP_NOT_LATEST - DROP_POLICY_FIRST + 1)

/* Why a send or a broadcast fails at a limit. X(name, label) */
#define REFUSED_REASONS(X)                                                                         \
    X(REFUSED_FULL, "outbox_full") /* TONI_ERR_FULL: a direct send to a full outbox */             \
    X(REFUSED_TOO_BIG, "too_big")  /* TONI_ERR_TOO_BIG: larger than the limit could ever hold */   \
    X(REFUSED_BUSY, "busy")        /* TONI_ERR_BUSY: a broadcast; see pending_bytes */

enum refused_reason {
#define REFUSED_NAME(name, label) name,
    REFUSED_REASONS(REFUSED_NAME)
#undef REFUSED_NAME
        REFUSED_REASON_COUNT
};

/** What is counted for the clients of one gateway, by all lanes. */
struct gateway_figures {
    const char *name; /* of the gateway; borrowed */
    struct counter dropped[DROP_REASON_COUNT];
    struct counter carrying; /* now: clients with data of the plugin's, see client_set_data() */
    struct counter refused[REFUSED_REASON_COUNT]; /* direct sends */
};

struct lane_figures {
    struct counter queued;      /* messages that came into outboxes */
    struct counter sent;        /* messages of which the last byte was written */
    struct counter sent_bytes;  /* frame heads and close frames included */
    struct counter gap_notices; /* that came into outboxes; they are no messages */
    struct counter dropped[DROP_REASON_COUNT];
    struct counter outbox_messages; /* that wait now, as the last flush of each client left them */
    struct counter outbox_bytes;
};

#endif
