/* How often something happened, by what was said of it: why handshakes were refused, how
 * connections were closed. What a server says may be anything: it is kept as printable ASCII, and
 * of so many kinds only. */
#ifndef COMMAND_REASONS_H
#define COMMAND_REASONS_H

#include <stdint.h>

#define REASON_SIZE 128U
#define REASONS_MAX 24U

/** Zero is an empty one. */
struct reasons {
    struct reason {
        char text[REASON_SIZE];
        uint64_t count;
    } entries[REASONS_MAX];
    uint32_t used;
    uint64_t others; /* of further kinds */
};

/** Counts @p text @p count times more. */
void reasons_add(struct reasons *reasons, const char *text, uint64_t count);

/** Adds all of another one. */
void reasons_merge(struct reasons *into, const struct reasons *from);

/** @return How often anything happened. */
uint64_t reasons_total(const struct reasons *reasons);

#endif
