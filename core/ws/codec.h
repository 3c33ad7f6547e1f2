/* What comes from a client (RFC 6455, section 5; RFC 7692, section 6): bytes in, events out. Works
 * in the caller's receive buffer, unmasks there, and allocates nothing. Strict: what a client must
 * not send is a fault. Knows neither sockets nor time; puts no messages together; inflates nothing.
 *
 *     struct codec_input input = {.bytes = received, .size = size, .message_bytes = limit};
 *     while (codec_next(&codec, &input, &event) != CODEC_NEEDS_MORE)
 *         take(&event);
 *     keep(input.bytes, input.size);
 *
 * What is left of the input in the end (at most CODEC_TAIL_MAX bytes: a head, or a control frame,
 * of which the rest is missing) has to stand in front of the bytes that come next. */
#ifndef WS_CODEC_H
#define WS_CODEC_H

#include "ws/frame.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A head's two bytes, a length of 64 bits and the mask. */
#define CODEC_HEAD_MAX (2 + 8 + 4)

/* A head's two bytes and mask, and a control frame's payload, but for the last byte. */
#define CODEC_TAIL_MAX (2 + 4 + FRAME_CONTROL_MAX - 1)

/** What is kept of a connection between two reads. No field is the caller's; nothing to finish. */
struct codec {
    uint64_t left;    /* bytes to come of the data frame that has begun */
    uint64_t payload; /* bytes of the message's frames that have begun; those to come included */
    uint8_t mask[4];  /* turned so that its first byte is for the next one of the payload */
    uint8_t kind;     /* of the message that has begun, 0 if none has */
    uint8_t text;     /* how far it is UTF-8, utf8_continue() */
    bool is_final;
    bool has_parts;
    bool inflates;
    bool has_ended;
    bool is_dropping; /* see codec_drop() */
    uint8_t head;     /* of the next frame: so many bytes have been dropped */
};

/** What there is to read. Both are moved on by codec_next(). */
struct codec_input {
    uint8_t *bytes; /* changed in place */
    size_t size;
    uint64_t message_bytes; /* the limit, inflated */
};

enum codec_event_type {
    CODEC_NEEDS_MORE, /* what is left of the input can't be read by itself */
    CODEC_MESSAGE,    /* a whole one */
    CODEC_PART, /* the next bytes of one that is not whole in the input, or comes in fragments */
    /* Of several the last may be answered alone while pongs wait (section 5.5.3). Who waits for
     * nothing answers each: a conformance suite sends ten at once and counts ten pongs. */
    CODEC_PING,
    CODEC_PONG,
    CODEC_CLOSE, /* to be answered by a close frame of the same code, empty for 0 */
    CODEC_FAULT, /* to be closed with `code`; nothing more will be read */
};

struct codec_event {
    /* The message, its part, the control frame's payload, or the reason of the close. Lies in the
     * input, unmasked; never NULL. Parts may be empty: a part of no bytes that is not the last is
     * an empty fragment, and costs the host as much as a message. */
    uint8_t *bytes;
    size_t size;
    /* MESSAGE, PART: FRAME_TEXT or FRAME_BINARY, with FRAME_COMPRESSED if it has to be inflated.
     * Text that isn't compressed is UTF-8; so are all parts of one up to here, put together. */
    uint8_t kind;
    bool is_first; /* PART */
    bool is_last;  /* PART */
    /* FAULT: by a close frame, so the peer has said all that it will. */
    bool peer_closed;
    uint16_t code;    /* CLOSE: 0 if it has no body. FAULT: 1002, 1007 or 1009 */
    const char *text; /* FAULT: a few words for the peer and the log; static */
};

/** @param inflates  permessage-deflate was agreed on. */
void codec_init(struct codec *codec, bool inflates);

/** Reads up to the next event. After CODEC_CLOSE and CODEC_FAULT there is none any more, and all
 * further input is dropped; after a fault codec_drop() may go on with what is left of it.
 * A message whose frames together promise more than the limit is a fault before its payload comes;
 * a compressed one may be as large as inflater_most() says.
 * @param event  Filled in, but for CODEC_NEEDS_MORE. What it leads to is the caller's until the
 *               input's memory is used anew.
 * @return The event's type. */
enum codec_event_type codec_next(struct codec *codec, struct codec_input *input,
                                 struct codec_event *event);

/** Reads on after the host's own close, or a fault, only to see when the peer says close, too.
 * Follows the frames wherever the bytes are cut, and judges nothing: a frame that is a fault is
 * followed like others, but is no close.
 * codec_next() is not to be called any more. What of a head or a control frame was left in the
 * input, which codec_next() wants in front of what comes next, comes first here, too.
 * @param bytes  Not changed; all of them are dropped.
 * @return Whether a close frame has come, whole, whatever it says: then no more is of interest. */
bool codec_drop(struct codec *codec, const uint8_t *bytes, size_t size);

/** @return How many bytes are to come of a data frame that has begun: so many of the next ones are
 * payload and nothing else. */
static inline uint64_t codec_left(const struct codec *codec)
{
    return codec->left;
}

/** @return Whether a message has begun and not ended. */
static inline bool codec_is_within_message(const struct codec *codec)
{
    return codec->kind != 0;
}

#endif
