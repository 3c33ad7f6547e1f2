/* What nodes say to each other over the control channels of their slots: a request, or the answer
 * to one, as bytes; and over the channel of all, that they are there. Pure; what comes in may be
 * anything: what isn't exactly what is written here is none.
 *
 * All numbers are little-endian.
 *
 *     u8 version (1)   u8 form   u16 0   u64 number   from: u32 slot, u64 boot   to: the same
 *     a request:  u64 client   u64 after   u32 code   u32 limit   u8, u16, u32: sizes of
 *                 the namespace, the room, the body; then their bytes
 *     an answer:  i32 status   u32 targeted, queued, dropped, closed   u64 count   u32 how many
 * ids; then these, u64 each
 *     an announcement:  nothing more; `number` and `to` are 0
 *
 * A form that is not known is none: so a host passes over what only later ones say.
 */
#ifndef CLUSTER_CONTROL_WIRE_H
#define CLUSTER_CONTROL_WIRE_H

#include "cluster/payload.h"
#include "cluster/terms.h"

/** What is asked for. What a form doesn't name is 0 or empty in it. */
enum control_form {
    CONTROL_SEND = 1, /* to `client` the message `body`, whose kind is `code` */
    CONTROL_CLOSE,    /* of `client`, with `code` and the reason `body` */
    CONTROL_JOIN,     /* of `client` to `room` */
    CONTROL_LEAVE,    /* of `client` from `room` */
    CONTROL_ROOM,     /* how many members `room` has there, and up to `limit` of those with an id
                         above `after`, in ascending order */
    CONTROL_ANSWER,
    CONTROL_ANNOUNCE, /* the node `from` has got its identity; in the channel of all */
    CONTROL_FORMS
};

/* The slot whose channel all nodes hear: nobody's. */
#define CONTROL_ALL 0

/* Of a request, in bytes, and of the ids of an answer. */
#define CONTROL_SPACE_MOST 64
#define CONTROL_ROOM_MOST 255
#define CONTROL_IDS_MOST 1000

/** Bytes of a request; borrowed. */
struct control_bytes {
    const char *bytes;
    size_t size;
};

struct control_request {
    enum control_form form;
    uint64_t client;
    uint64_t after;
    uint32_t code;
    uint32_t limit;
    struct control_bytes space; /* the namespace */
    struct control_bytes room;
    struct control_bytes body;
};

/** What became of clients of a message with a receipt. */
struct control_counts {
    uint32_t targeted, queued, dropped, closed;
};

/* The status of an answer: the node has another identity than the one that was asked. What a host's
 * call returns is 0 or below. */
#define CONTROL_STATUS_OTHER_NODE 1

struct control_answer {
    int32_t status;               /* what the host's call returned */
    struct control_counts counts; /* to a message with a receipt */
    uint64_t count;               /* to CONTROL_ROOM */
    const uint64_t *ids;          /* the same; in a control_frame NULL: see control_frame_id() */
    uint32_t id_count;
};

/** Which request it is, or is the answer to. */
struct control_head {
    uint64_t number;
    struct node_identity from; /* the node that says it; of an answer: that was asked */
    struct node_identity to;
};

/** What came: a request; with the form CONTROL_ANSWER an answer; with CONTROL_ANNOUNCE no more than
 * the head. Leads into the bytes. */
struct control_frame {
    struct control_head head;
    struct control_request request;
    struct control_answer answer;
    const uint8_t *ids; /* of the answer */
};

/** @return Whether a request can be written: its parts have sizes that the other side takes. */
bool control_request_is_good(const struct control_request *request);

/** @return A request as bytes; NULL on no memory, or if it isn't good. */
struct payload *control_request_write(const struct control_head *head,
                                      const struct control_request *request);

/** @return An answer as bytes; NULL on no memory, or with more than CONTROL_IDS_MOST ids. */
struct payload *control_answer_write(const struct control_head *head,
                                     const struct control_answer *answer);

/** @return An announcement as bytes; NULL on no memory. */
struct payload *control_announcement_write(struct node_identity from);

/** Reads a request, an answer or an announcement. @param frame  Filled in if it is one. @return
 * Whether it is. */
bool control_read(const void *bytes, size_t size, struct control_frame *frame);

/** @return An id of an answer. @param index  Below answer.id_count. */
uint64_t control_frame_id(const struct control_frame *frame, uint32_t index);

#endif
