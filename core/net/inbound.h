/* What is kept of what a client sends: a message that has not come to its end, and bytes that were
 * received and not read yet. Charged to the host's budget `inbound_bytes`; a message has
 * `message_ms` to end. A connection of which nothing is kept has none of this. All on the
 * connection's worker. */
#ifndef NET_INBOUND_H
#define NET_INBOUND_H

#include "base/buffer.h"
#include "rooms/budget.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct connection;
struct inflating;
struct worker;

struct inbound {
    struct connection *connection;
    struct pin pin;
    struct buffer message;
    uint64_t message_began_ms;   /* of the loop's clock; 0: none has */
    uint64_t paused_ms;          /* when the pause began in which it is */
    struct inflating *inflating; /* a message that came whole and was set aside, or NULL */
    struct inbound *next;        /* of those that go on in a later turn */
    struct inbound **link;       /* what points here; NULL: it is not among them */
    uint8_t *rest;               /* bytes that wait to be read; allocated, or NULL */
    size_t rest_size;
};

/** Finds where the next bytes of the message under way may be received, so that inbound_append has
 * nothing to copy. No more than three times what the message has by now: as the memory is doubled,
 * that pins less than eight times what the client has sent, whatever it has promised.
 * @param left  So many bytes are known to come.
 * @param size  Set to how many there is space for.
 * @return NULL: no message is under way, there is little to gain, or no memory. */
uint8_t *inbound_space(struct connection *connection, uint64_t left, size_t *size);

/** Appends to the message that is under way.
 * @param bytes  Copied, unless they lie where inbound_space said.
 * @return 0, or -1 on no memory. */
int inbound_append(struct connection *connection, const void *bytes, size_t size);

/** Takes the whole message out: its bytes are the caller's from now on. */
struct buffer inbound_take_message(struct connection *connection);

/** Keeps a message that is set aside while it is inflated.
 * @param inflating  Of inflating_set_aside(); becomes the connection's, unless this fails.
 * @return 0, or -1 on no memory. */
int inbound_keep_inflating(struct connection *connection, struct inflating *inflating);

/** Takes that out. @return NULL if there is none. */
struct inflating *inbound_take_inflating(struct connection *connection);

/** Drops the message that is under way. */
void inbound_forget_message(struct connection *connection);

/** Keeps bytes that were not read, instead of those that were kept before; none is fine.
 * @param bytes  Copied; not those that are kept. @return 0, or -1 on no memory. */
int inbound_keep_rest(struct connection *connection, const uint8_t *bytes, size_t size);

/** Takes what is kept out: it is the caller's, to be freed. @return NULL if there is none. */
uint8_t *inbound_take_rest(struct connection *connection, size_t *size);

/** Nothing is read for a while: that is charged, too, though nothing may be kept.
 * @return 0, or -1 on no memory. */
int inbound_begin_pause(struct connection *connection);

/** Its pause has ended: puts it behind those that go on with what is kept, if something is. See
 * dispatch_resume. */
void inbound_resume(struct connection *connection);

/** Puts it there, also if nothing is kept but more is to be read.
 * @return 0, or -1 on no memory; not if something is kept. */
int inbound_set_aside(struct connection *connection);

/** Takes the first of those that go on. @return NULL: there is none. */
struct connection *inbound_next_resumed(struct worker *worker);

/** @return Whether what is kept is to be read before anything else. */
static inline bool inbound_is_resumed(const struct inbound *inbound)
{
    return inbound && inbound->link;
}

/** Drops all. */
void inbound_forget(struct connection *connection);

#endif
