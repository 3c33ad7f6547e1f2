/** @file
 * Histories of rooms: a client that comes back gets what it missed, all of it and in order, or is
 * told that it can't have that.
 *
 * `history` of a namespace in gateways.conf says which rooms keep their latest messages. What such
 * a room keeps is what was sent to it alone: toni_broadcast_to_room, toni_broadcast_from, and
 * targets of this one room, though they leave clients out. Messages to several rooms, to single
 * clients, to a gateway or to all are in no history. Each message that is kept has a number, the
 * one before it plus one, and a room keeps them also while nobody is in it. Its numbers go on for
 * as long after its last member has left, though nothing is said.
 *
 * A position says where in a room's messages somebody is. Its text form is for clients: a message
 * may carry it (toni_message_with_position), and the client shows the last one that it got when it
 * comes back.
 */
#ifndef TONI_HISTORY_H
#define TONI_HISTORY_H

#include <toni/host.h>

/* --- Positions */

/** Writes a position's text: 16 hexadecimal digits, a colon, 16 digits.
 * @param text  TONI_POSITION_TEXT bytes and a NUL are written. @since ABI 1.0 */
static inline void toni_position_text(toni_position position, char text[TONI_POSITION_TEXT + 1])
{
    static const char digits[] = "0123456789abcdef";
    for (unsigned i = 0; i < 16; i++) {
        text[i] = digits[position.epoch >> (60 - 4 * i) & 15];
        text[17 + i] = digits[position.offset >> (60 - 4 * i) & 15];
    }
    text[16] = ':';
    text[TONI_POSITION_TEXT] = '\0';
}

/** Reads a position's text, as a client has sent it.
 * @param text      Any bytes.
 * @param position  Set; left alone on an error.
 * @return TONI_OK, or TONI_ERR_INVALID: it is not the text of a position. @since ABI 1.0 */
static inline int32_t toni_position_parse(toni_str text, toni_position *position)
{
    uint64_t halves[2] = {0, 0};
    if (text.size != TONI_POSITION_TEXT || text.data[16] != ':')
        return TONI_ERR_INVALID;
    for (size_t i = 0; i < TONI_POSITION_TEXT; i++) {
        const char c = text.data[i];
        if (i == 16)
            continue;
        const int is_digit = c >= '0' && c <= '9';
        const int is_letter = c >= 'a' && c <= 'f';
        if (!is_digit && !is_letter)
            return TONI_ERR_INVALID;
        halves[i > 16] = halves[i > 16] << 4 | (uint64_t)(is_digit ? c - '0' : c - 'a' + 10);
    }
    position->epoch = halves[0];
    position->offset = halves[1];
    return TONI_OK;
}

/** Has the host write the room's position into a message: where it stands in the room's order.
 *
 *     toni_str body = toni_str_of("{\"at\":\"" TONI_POSITION_NONE "\",\"text\":\"hello\"}");
 *     toni_message message = toni_message_with_position(toni_text(body), 7);
 *
 * The bytes of @p message stay as they are; each copy that is delivered has the position. It is
 * written where the message is one of a room that keeps a history, see toni_room_position, and left
 * as it is in all others. Such a message is compressed while the room is locked, since its bytes
 * are known only then.
 * @param position_at  Where in the body the TONI_POSITION_TEXT bytes begin; from 1. If they don't
 *                     fit into the body, sending it fails, TONI_ERR_INVALID.
 * @since ABI 1.0 */
static inline toni_message toni_message_with_position(toni_message message, size_t position_at)
{
    message.position_at = position_at;
    return message;
}

/** Says where a room is: what the next message that it keeps has a number above.
 * @param room      UTF-8, 1 to 255 bytes; borrowed for the call.
 * @param position  Set; to zeros on an error, and where the room keeps no history.
 * @return TONI_OK; TONI_ERR_NOT_FOUND (nobody is in the room, and it keeps nothing),
 * TONI_ERR_INVALID (name); TONI_ERR_BUSY: it keeps a history, but the cluster has not told this
 * host yet where the room is, as no message has come since somebody is in it here.
 * @thread Any. @since ABI 1.0 */
static inline int32_t toni_room_position(toni_connections *connections, toni_str room,
                                         toni_position *position)
{
    return toni_host_of(connections)->room_position(connections, room, position);
}

/* --- Coming back */

/** @param position  Where the client was: the last position that it got in this room.
 * @return For toni_join_room_since: all that it missed since. @since ABI 1.0 */
static inline toni_since toni_since_position(toni_position position)
{
    toni_since since;
    since.struct_size = (uint32_t)sizeof since;
    since.last = 0;
    since.position = position;
    since.limit = 0;
    since.reserved = 0;
    return since;
}

/** @param last  Of messages; 0: none.
 * @return For toni_join_room_since: the last messages that the room keeps, up to so many, for a
 * client that was never there. @since ABI 1.0 */
static inline toni_since toni_since_last(uint32_t last)
{
    toni_position none;
    none.epoch = 0;
    none.offset = 0;
    toni_since since = toni_since_position(none);
    since.last = last;
    return since;
}

/** toni_join_room for a client that comes back: it first gets what it missed, each message once,
 * and then those that come, without a hole between them. Then the instance is told.
 *
 * It is all or nothing: where something of what it missed is not kept any more, or does not fit
 * into its outbox beside what waits there, it gets none of it, is in the room all the same, and
 * `why` of toni_joined says the reason: then it has to be told the state of things in another way.
 * What it missed comes as direct sends, which no policy drops, and not compressed. However slowly
 * it reads that, what comes behind finds an outbox as if it were not there.
 *
 * A message that left out clients (toni_target_except) is among what others missed, too: whoever
 * comes back has another id than before, so who has sent such a message may get it itself.
 *
 * In a namespace that a cluster shares, it comes back on whichever host: the engine keeps the
 * room's messages, and is asked for them. So the client is in the room only when that has answered,
 * and @p notify is called; a toni_leave_room meanwhile has it stay out (`status` is
 * TONI_ERR_CLOSING). What it has sent meanwhile counts as a member's (toni_client_may_publish), and
 * comes to it in its place, among what it missed or behind it; a client that asks for nothing it
 * missed gets what has its place after the engine's answer. While its server is away it joins all
 * the same, at once, and `why` is `away`. More than 4,096 messages are never given back there
 * (`trimmed`).
 *
 * Of a client that is a member already nothing changes, as with toni_join_room, and nothing is
 * sent: `why` is `member`.
 *
 * @param client   Its id. @param room  UTF-8, 1 to 255 bytes; borrowed for the call.
 * @param since    Borrowed for the call.
 * @param context  Of the instance that is told.
 * @param notify   Called once as a task of the instance (see toni_post), after @p client is in the
 *                 room, unless the instance ends before.
 * @param data     Handed to @p notify.
 * @param release  Called with @p data when it isn't needed any more; NULL: nothing is. Not called
 * if this fails.
 * @return TONI_OK: @p notify will be called; toni_joined says whether the client is in the room. An
 * error, after which nothing has changed: those of toni_join_room and of toni_post,
 * TONI_ERR_INVALID for @p since or without @p notify, and in a cluster TONI_ERR_BUSY: this client
 * comes back to 64 rooms at this moment, or all clients of the host together 65,536 times.
 * @thread Any. @since ABI 1.0 */
/* NOLINTNEXTLINE(readability-function-size): who, where, since when, and who is told */
static inline int32_t toni_join_room_since(toni_connections *connections, toni_client_id client,
                                           toni_str room, const toni_since *since,
                                           toni_context *context, toni_joined_fn notify, void *data,
                                           toni_release_fn release)
{
    return toni_host_of(connections)
        ->join_room_since(connections, client, room, since, context, notify, data, release);
}

#endif
