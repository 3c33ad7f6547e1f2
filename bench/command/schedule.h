/* When messages are due at a rate, whatever has come back (an open loop): in even steps, and from
 * each of some senders in turn. A message that goes out late keeps the time at which it was due, so
 * that its latency holds what it waited: no message is left out because the one before was slow. */
#ifndef COMMAND_SCHEDULE_H
#define COMMAND_SCHEDULE_H

#include <stdint.h>

struct schedule {
    uint64_t start_ns;
    double rate;      /* messages a second, of all senders together */
    uint32_t senders; /* at least one */
};

/** @param turn  0 for the first message of all. @return When it is due. */
uint64_t schedule_due(const struct schedule *schedule, uint64_t turn);

/** @param number  Of the message among those of its sender, from 0. @return Its turn. */
uint64_t schedule_turn(const struct schedule *schedule, uint32_t sender, uint32_t number);

/** @return How many messages are due by then, of all senders. */
uint64_t schedule_count(const struct schedule *schedule, uint64_t now_ns);

#endif
