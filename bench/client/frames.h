/* WebSocket frames as a client writes and reads them. Cheaper than a library, since the payloads
 * are handed on in the pieces that the socket gave; what a server may not send is counted. */
#ifndef CLIENT_FRAMES_H
#define CLIENT_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum opcode { CONTINUATION = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

#define FRAME_HEAD_MAX 14U /* a client's: with the mask */
#define CONTROL_MAX 125U

/** Writes a whole frame, masked. @param out  Has room for FRAME_HEAD_MAX + @p size bytes. @return
 * Its size. */
size_t frame_write(uint8_t *out, enum opcode opcode, const uint8_t *payload, size_t size);

struct frame_reader {
    uint64_t left; /* of the payload that is being read */
    uint8_t head[10];
    uint8_t headed;  /* bytes of the head so far; 0 while a payload is read */
    uint8_t opcode;  /* of the frame */
    bool final;      /* the frame is the last of its message */
    bool in_message; /* the next data frame must be a continuation */
    bool broken;     /* the peer has sent what is no frame of a server: nothing more is read */
    uint8_t control_size;
    uint8_t control[CONTROL_MAX];
};

/** Where the reader's findings go. */
struct frame_sink {
    /** A piece of a text's or binary's payload. */
    void (*payload)(void *data, const uint8_t *bytes, size_t size);
    /** A whole ping, pong or close. */
    void (*control)(void *data, enum opcode opcode, const uint8_t *bytes, size_t size);
    /** A text or binary message is over; NULL: of no interest. */
    void (*message)(void *data);
};

/** @return 0, or -1 from where on the peer breaks the protocol. */
int frame_read(struct frame_reader *reader, const struct frame_sink *sink, void *data,
               const uint8_t *bytes, size_t size);

#endif
