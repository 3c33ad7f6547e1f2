/* Frames from server to client (RFC 6455, section 5.2): how a message looks on the wire. Knows
 * neither batches nor sockets, and reads no frames but ours: what comes in is codec.h's. */
#ifndef WS_FRAME_H
#define WS_FRAME_H

#include <stddef.h>
#include <stdint.h>

/* Opcodes, RFC 6455, section 11.8. */
enum frame_opcode {
    FRAME_CONTINUATION = 0x0,
    FRAME_TEXT = 0x1,
    FRAME_BINARY = 0x2,
    FRAME_CLOSE = 0x8,
    FRAME_PING = 0x9,
    FRAME_PONG = 0xa,
};

/* RSV1: the message is compressed (RFC 7692, section 6). May be added to the opcode of a text or a
 * binary message. */
#define FRAME_COMPRESSED 0x40u

/* No frame is larger than this, head included, and every fragment but a message's last has exactly
 * this size: so a multiple of it, counted from a message's beginning, is a frame boundary. */
#define FRAME_MAX 65536u

/* A control frame's payload, RFC 6455, section 5.5. */
#define FRAME_CONTROL_MAX 125u

/* The longest reason beside a close code. */
#define FRAME_REASON_MAX (FRAME_CONTROL_MAX - 2)

/** @return How many bytes a message of @p size bytes takes on the wire, heads included. */
uint64_t frame_message_size(uint64_t size);

/** Encodes a whole message, in fragments if it is large.
 * @param out   At least frame_message_size(size) bytes.
 * @param kind  FRAME_TEXT or FRAME_BINARY; with FRAME_COMPRESSED if the payload is, which only the
 *              first frame says. */
void frame_encode_message(uint8_t *out, unsigned kind, const void *payload, size_t size);

/** Encodes one control frame.
 * @param out   At least 2 + size bytes.
 * @param size  At most FRAME_CONTROL_MAX.
 * @return How many bytes were written. */
size_t frame_encode_control(uint8_t *out, enum frame_opcode opcode, const void *payload,
                            size_t size);

/** @param frames  Whole frames as they are encoded here.
 * @param at      A place in them, or their end.
 * @return Where the first frame begins that lies at @p at or behind it. */
size_t frame_boundary(const uint8_t *frames, size_t at);

/** Encodes a close frame.
 * @param out     At least 2 + FRAME_CONTROL_MAX bytes.
 * @param code    0 for a close frame without a body (section 5.5.1); then there is no reason
 * either.
 * @param reason  @p size bytes of UTF-8, at most FRAME_REASON_MAX.
 * @return How many bytes were written. */
size_t frame_encode_close(uint8_t *out, uint16_t code, const void *reason, size_t size);

#endif
