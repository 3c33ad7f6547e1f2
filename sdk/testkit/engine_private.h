/* What the files of the engine suite share. Internal to the test kit. */
#ifndef TONI_ENGINE_PRIVATE_H
#define TONI_ENGINE_PRIVATE_H

#include "toni_engine_suite.h"

extern const toni_engine_subject *engine_subject;

/* Two nodes on one server; of most cases they are connected. */
extern toni_fake_node engine_left, engine_right;
#define LEFT (&engine_left)
#define RIGHT (&engine_right)

/* Where numbers of 64 bits are lost: doubles are exact up to 2^53, signed numbers end at 2^63-1. */
extern const uint64_t engine_large[];
enum { ENGINE_LARGE_COUNT = 6 };

/* --- Fixtures */

void engine_attach(void);
void engine_connect(void);
void engine_finish(void);
/* Makes a node that is attached. */
void engine_begin_node(toni_fake_node *node, uint64_t incarnation);
/* The server has failed, and is there again: the connection has ended, or ends now, and another is
 * made. */
void engine_connect_anew(toni_fake_node *node);

/* @return A case whose nodes are connected. */
TCase *engine_case(const char *name);

TCase *engine_hello_case(void);
TCase *engine_connections_case(void);
TCase *engine_failures_case(void);
TCase *engine_publishes_case(void);
TCase *engine_subscriptions_case(void);
TCase *engine_history_case(void);
TCase *engine_leases_case(void);
TCase *engine_random_case(void);

/* --- Steps: each asks, waits, and fails the test if the answer is another */

#define engine_check_at(found, epoch_, offset_)                                                    \
    do {                                                                                           \
        const toni_position found_at = (found);                                                    \
        ck_assert_uint_eq(found_at.epoch, (epoch_));                                               \
        ck_assert_uint_eq(found_at.offset, (offset_));                                             \
    } while (0)

#define engine_check_bytes(found, expected)                                                        \
    ck_assert_msg(toni_str_equal((found), (expected)),                                             \
                  "other bytes have come: %zu of them, not "                                       \
                  "%zu",                                                                           \
                  (found).size, (expected).size)

/* @return The answer, whichever it is. */
const toni_told *engine_answer(toni_fake_node *node, const toni_engine_publish *publish);
/* @return The position, of a message that was applied. */
toni_position engine_publish(toni_fake_node *node, toni_str room, toni_str body);
/* The same, kept in a history. */
toni_position engine_keep(toni_fake_node *node, toni_str room, toni_str body, uint32_t messages,
                          uint32_t seconds);
toni_position engine_top(toni_fake_node *node, toni_str room);
/* @return The last messages of the room's history. */
const toni_told *engine_last(toni_fake_node *node, toni_str room, uint32_t limit);
void engine_subscribe(toni_fake_node *node, toni_str room);
void engine_unsubscribe(toni_fake_node *node, toni_str room);
void engine_expect_message(toni_fake_node *node, toni_str room, toni_position at, toni_str body);
/* A probe comes back: what was told before and not taken fails the test. So nothing else came. */
void engine_expect_silence(toni_fake_node *node);

#endif
