/* What is kept of a handshake while it lasts. */
#ifndef NET_OPENING_STATE_H
#define NET_OPENING_STATE_H

#include "base/buffer.h"
#include "rooms/request.h"
#include "ws/deflate_terms.h"
#include "ws/head.h"

struct header_text;

enum opening_phase {
    OPENING_READING,  /* the head is not whole */
    OPENING_DECIDING, /* a guard has not decided yet: nothing more is read */
    OPENING_ANSWERED,
};

struct opening {
    enum opening_phase phase;
    struct buffer bytes; /* the head, and what came behind it: the first frames */
    struct head head;
    struct deflate_terms terms;
    toni_str subprotocol;        /* that is agreed on; in the head */
    toni_request *request;       /* until it is the client's */
    struct header_text *headers; /* joined values that a running callback was given */
};

/** @return Before its first byte; NULL on no memory. */
struct opening *opening_new(void);

/** @param opening  NULL is fine. */
void opening_free(struct opening *opening);

#endif
