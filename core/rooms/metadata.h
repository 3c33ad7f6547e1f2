/* Metadata of rooms: a small value that a plugin gives to a room with members. It lies in a table
 * beside the rooms, so that a room without one takes no more memory, and is charged to
 * `room_metadata_bytes`. */
#ifndef ROOMS_METADATA_H
#define ROOMS_METADATA_H

#include "rooms/room.h"

#include <toni/types.h>

#include <stddef.h>
#include <stdint.h>

/* What a value is charged beyond its own bytes: what it is kept in, about. */
#define METADATA_COST 64

/** See toni_set_room_metadata. Without the room's lock.
 * @param value  At most TONI_ROOM_METADATA_MAX bytes. @thread Any. */
int32_t metadata_set(struct room *room, toni_str value);

/** See toni_get_room_metadata. Without the room's lock. @thread Any. */
int32_t metadata_get(struct room *room, void *buffer, size_t capacity, size_t *size);

/** Ends the metadata of a room that has no members any more. Under the room's lock. @thread Any. */
void metadata_drop(struct room *room);

#endif
