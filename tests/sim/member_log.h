/* What one client was given in one room, from its join on, and whether that is what was promised:
 * every message one that was ordered there, none twice, in the one order of its epoch, nothing
 * missing between two but what a gap has told in exactly that place, and nothing missing at all
 * behind `recovered: true`. */
#ifndef SIM_MEMBER_LOG_H
#define SIM_MEMBER_LOG_H

#include "truth.h"

enum member_entry_kind {
    MEMBER_JOINED,      /* without a place to come back to; what was before is not promised */
    MEMBER_AT,          /* from here on it gets everything behind {epoch, offset} */
    MEMBER_FROM,        /* the same, but it may get some that are before that, too; by then the
                           room has had `to` epochs */
    MEMBER_RECOVERED,   /* it came back with {epoch, offset} and was told: recovered: true */
    MEMBER_UNRECOVERED, /* or false: anything may be missing here */
    MEMBER_MESSAGE,     /* id at {epoch, offset} */
    MEMBER_LOCAL,       /* the same, published by its node alone: of an order of its own */
    MEMBER_GAP, /* {epoch, offset} to `to` are missing; offset 0: it isn't known from where on */
    MEMBER_GAP_OPEN, /* how much is missing is not known: another epoch */
};

struct member_entry {
    enum member_entry_kind kind;
    uint64_t epoch, offset, to, id;
    uint64_t step;
};

struct member_log {
    uint32_t client; /* for messages */
    uint32_t node;
    uint32_t room;
    LIST(struct member_entry) entries;
};

/** Judges a log. @param must_have  If the member was there to the end: the message that it has to
 * have got; then nothing that was ordered behind that in its epoch may be missing, either. 0: it
 * left before. */
void member_log_judge(const struct member_log *log, const struct truth *truth,
                      uint64_t must_have_id, uint64_t end_step);

#endif
