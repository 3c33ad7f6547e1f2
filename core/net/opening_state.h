/* What is kept of a handshake while it lasts. */
#ifndef NET_OPENING_STATE_H
#define NET_OPENING_STATE_H

#include "base/buffer.h"
#include "instance/guard_ticket.h"
#include "net/gateway.h"
#include "rooms/request.h"
#include "ws/deflate_terms.h"
#include "ws/handshake.h"
#include "ws/head.h"

struct connection;
struct header_text;

enum opening_phase {
    OPENING_READING,  /* the head is not whole */
    OPENING_DECIDING, /* a guard has not decided yet: see guarding.h */
    OPENING_ANSWERED,
};

struct opening {
    enum opening_phase phase;
    struct buffer bytes; /* the head, and what came behind it: the first frames */
    struct head head;
    struct deflate_terms terms;
    toni_str subprotocol;          /* that is agreed on; in the head */
    toni_request *request;         /* until it is the client's */
    toni_guard_ticket *ticket;     /* of a guard that runs, or waits; NULL: none */
    struct guard_notes *notes;     /* that its guard has left; NULL: none */
    struct guard_chain guards;     /* that were asked */
    uint64_t asked_ns;             /* when the last of them was */
    bool is_ticket_refused;        /* the guard that runs has asked for one in vain */
    struct connection *connection; /* for the guard that runs */
    void (*decided)(struct connection *connection, enum refusal refusal, const char *why);
    struct header_text *headers; /* joined values that a running callback was given */
};

/** @return Before its first byte; NULL on no memory. */
struct opening *opening_new(void);

/** Lets go of the guard's ticket, if it waits: what it decides later is ignored.
 * @param opening  NULL is fine. */
void opening_end_wait(struct opening *opening, enum guard_outcome outcome);

/** @param opening  NULL is fine; its client has gone, if it waits. */
void opening_free(struct opening *opening);

#endif
