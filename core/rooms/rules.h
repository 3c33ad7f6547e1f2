/* Rules for what plugins hand over: messages, names of rooms, close codes. */
#ifndef ROOMS_RULES_H
#define ROOMS_RULES_H

#include "rooms/shared.h"

#include <toni/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest name of a room. */
#define ROOM_NAME_MAX 255

/** @return TONI_OK, or why this can't be broadcast: TONI_ERR_INVALID, or TONI_ERR_TOO_BIG, which is
 * counted: more could never be pending. @thread Any. */
int32_t broadcast_check(toni_connections *connections, const toni_message *message);

/** @param limit  In bytes on the wire.
 * @return TONI_OK, or why this message can't be sent: TONI_ERR_INVALID, TONI_ERR_TOO_BIG. */
int32_t message_check(const toni_message *message, uint64_t limit);

/** @return Where in the body of @p message its position is to be written; 0: nowhere. */
static inline size_t message_position_at(const toni_message *message)
{
    return message->struct_size >= offsetof(toni_message, position_at) + sizeof(size_t)
               ? message->position_at
               : 0;
}

/** @return Whether this is a legal name of a room. */
bool room_name_valid(toni_str name);

/** @return Whether a client can be closed with this. @param reason  See toni_close_client. */
bool close_valid(uint16_t code, toni_str reason);

#endif
