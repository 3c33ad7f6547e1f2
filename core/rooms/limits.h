/* The limits of the host and of its gateways: one list makes the fields, their defaults, and what
 * gateways.conf may say. It is not about what happens at a limit; whoever enforces one says that.
 */
#ifndef ROOMS_LIMITS_H
#define ROOMS_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

/* Where a limit may be set: for the whole host, or (also) in a provider's own group `limits`. */
enum limit_scope { LIMIT_HOST, LIMIT_GATEWAY };

/* X(name, default, lowest, highest, scope): all are whole numbers; times are in milliseconds, sizes
 * in bytes. */
#define LIMITS(X)                                                                                  \
    X(connections, 10000, 1, 10000000, LIMIT_GATEWAY)                                              \
    X(connections_per_address, 0, 0, 10000000, LIMIT_HOST) /* 0: off */                            \
    X(handshake_ms, 10000, 1, 3600000, LIMIT_HOST)                                                 \
    X(tls_handshakes, 1024, 1, 1000000, LIMIT_HOST) /* under way at once */                        \
    X(tls_unsent_bytes, 268435456, 1048576, 1099511627776, LIMIT_HOST)                             \
    X(guard_ms, 5000, 1, 3600000, LIMIT_GATEWAY) /* that a guard may wait */                       \
    X(guards_waiting, 1024, 1, 1000000, LIMIT_HOST)                                                \
    X(message_bytes, 1048576, 1, 1073741824, LIMIT_GATEWAY)                                        \
    X(message_ms, 30000, 1, 86400000, LIMIT_GATEWAY)                                               \
    X(inbound_bytes, 134217728, 1048576, 1099511627776, LIMIT_HOST)                                \
    X(bytes_per_second, 0, 0, 1099511627776, LIMIT_GATEWAY) /* 0: off */                           \
    X(messages_per_second, 0, 0, 1000000, LIMIT_GATEWAY)    /* 0: off */                           \
    X(message_burst, 0, 0, 1000000, LIMIT_GATEWAY)          /* 0: as messages_per_second */        \
    X(rooms_per_client, 1000, 1, 1000000, LIMIT_GATEWAY)                                           \
    X(memberships, 250000, 1, 1000000000, LIMIT_HOST) /* of all clients in all rooms */            \
    X(revocations, 10000, 1, 1000000, LIMIT_HOST)     /* subjects whose tokens are refused */      \
    X(revocation_s, 86400, 1, 315360000, LIMIT_HOST)  /* for so many seconds */                    \
    X(room_metadata_bytes, 16777216, 0, 1099511627776, LIMIT_HOST) /* of all rooms */              \
    X(history_bytes, 67108864, 0, 1099511627776, LIMIT_HOST)       /* messages that rooms keep */  \
    X(outbox_messages, 1024, 1, 100000000, LIMIT_GATEWAY)                                          \
    X(outbox_bytes, 4194304, 1, 1073741824, LIMIT_GATEWAY)                                         \
    X(outbox_bytes_total, 268435456, 1048576, 1099511627776, LIMIT_HOST)                           \
    X(stalled_ms, 60000, 1, 86400000, LIMIT_GATEWAY)                                               \
    X(ping_ms, 30000, 0, 86400000, LIMIT_GATEWAY) /* 0: off */                                     \
    X(pong_timeout_ms, 30000, 1, 86400000, LIMIT_GATEWAY)                                          \
    X(idle_ms, 0, 0, 86400000, LIMIT_GATEWAY) /* 0: off */                                         \
    X(hook_ms, 10000, 1, 3600000, LIMIT_GATEWAY)                                                   \
    X(callback_ms, 1000, 1, 3600000, LIMIT_GATEWAY)                                                \
    X(watchdog_ms, 0, 0, 3600000, LIMIT_HOST) /* 0: off */                                         \
    X(pending_bytes_per_room, 16777216, 1, 1073741824, LIMIT_HOST)                                 \
    X(pending_bytes, 268435456, 1, 68719476736, LIMIT_HOST)                                        \
    X(http_body_bytes, 1048576, 0, 1073741824, LIMIT_GATEWAY) /* of a service, too */              \
    X(http_body_bytes_total, 67108864, 1, 1099511627776, LIMIT_HOST)                               \
    X(http_request_ms, 10000, 1, 3600000, LIMIT_HOST)                                              \
    X(http_kept, 500, 0, 1000000, LIMIT_HOST)    /* exchanges that are answered later */           \
    X(http_streams, 250, 0, 1000000, LIMIT_HOST) /* answers that go on and on */                   \
    X(http_stream_bytes, 65536, 1, 16777216, LIMIT_GATEWAY) /* of each, that wait to be read */    \
    X(http_kept_ms, 30000, 1, 86400000, LIMIT_GATEWAY)      /* how long each may wait */           \
    X(http_connections, 1000, 1, 1000000, LIMIT_HOST)                                              \
    X(state_bytes, 67108864, 0, 1099511627776, LIMIT_GATEWAY) /* that export_state may write */    \
    X(swap_ms, 1000, 1, 3600000, LIMIT_HOST)                                                       \
    X(close_ms, 2000, 1, 3600000, LIMIT_GATEWAY)                                                   \
    X(drain_ms, 10000, 0, 3600000, LIMIT_HOST)                                                     \
    X(restart_ms, 30000, 1, 3600000, LIMIT_HOST)

struct gap_notice;
struct room_rules;

/** See rooms/gap_notice.h. */
bool gap_notice_equal(const struct gap_notice *a, const struct gap_notice *b);

/** See rooms/room_rules.h. */
bool room_rules_equal(const struct room_rules *a, const struct room_rules *b);

/* What happens at a full outbox. X(NAME, word in gateways.conf) */
#define OUTBOX_POLICIES(X)                                                                         \
    X(OUTBOX_CLOSE, "close")             /* the client is closed, 1008 */                          \
    X(OUTBOX_DROP_OLDEST, "drop_oldest") /* broadcasts that have waited longest give way */        \
    X(OUTBOX_DROP_NEWEST, "drop_newest") /* broadcasts that come are not taken */                  \
    X(OUTBOX_LATEST, "latest")           /* of each room only the newest broadcast waits, ever */

enum outbox_policy {
#define OUTBOX_POLICY_NAME(name, word) name,
    OUTBOX_POLICIES(OUTBOX_POLICY_NAME)
#undef OUTBOX_POLICY_NAME
};

struct limits {
#define LIMIT_FIELD(name, standard, lowest, highest, scope) uint64_t name;
    LIMITS(LIMIT_FIELD)
#undef LIMIT_FIELD
    enum outbox_policy outbox_policy;
    /* Not limits, but as much a gateway's own; keys of the provider itself. */
    bool refuses_by_close;         /* a guard's refusal comes as 101 and a close frame */
    bool lists_rooms;              /* the workbench may list its rooms, and who is in them */
    bool deflate;                  /* permessage-deflate is agreed on with clients that offer it */
    uint32_t deflate_above;        /* only messages longer than this are compressed */
    struct room_rules *room_rules; /* see rooms/room_rules.h; NULL: none. Whose the limits are says
                                      who has the reference */
    struct gap_notice *gap_notice; /* see rooms/gap_notice.h; the same */
};

/* The defaults of contract and documentation. */
static inline struct limits limits_default(void)
{
    return (struct limits){
#define LIMIT_DEFAULT(name, standard, lowest, highest, scope) .name = (standard),
        LIMITS(LIMIT_DEFAULT)
#undef LIMIT_DEFAULT
            .outbox_policy = OUTBOX_CLOSE,
        .deflate_above = 1024,
    };
}

/** @return Whether all are the same. */
static inline bool limits_equal(const struct limits *a, const struct limits *b)
{
#define LIMIT_EQUAL(name, standard, lowest, highest, scope) a->name == b->name &&
    return LIMITS(LIMIT_EQUAL) a->outbox_policy == b->outbox_policy && a->deflate == b->deflate &&
           a->deflate_above == b->deflate_above && a->refuses_by_close == b->refuses_by_close &&
           a->lists_rooms == b->lists_rooms && room_rules_equal(a->room_rules, b->room_rules) &&
           gap_notice_equal(a->gap_notice, b->gap_notice);
#undef LIMIT_EQUAL
}

#endif
