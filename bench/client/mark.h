/* The mark at the head of each message that the generator publishes: "@@", then the time of sending
 * and what the message is, in 32 letters. It is found in what comes back whatever a server wraps
 * around it, and it survives JSON. */
#ifndef CLIENT_MARK_H
#define CLIENT_MARK_H

#include <stdbool.h>
#include <stdint.h>

#define MARK_SIZE 34U
#define MARK_SIGN '@'

/* What a mark's numbers may be at most. */
#define MARK_ROOMS_MAX (1U << 20)
#define MARK_PUBLISHERS_MAX (1U << 12)

struct mark {
    uint64_t sent_ns;
    uint32_t room;
    uint32_t publisher; /* of those of the room */
    uint32_t seq;       /* of the publisher, from 0 */
};

void mark_write(const struct mark *mark, uint8_t text[MARK_SIZE]);

/** @return Whether @p text is a mark. */
bool mark_read(const uint8_t text[MARK_SIZE], struct mark *mark);

#endif
