/* The keys that rooms have on the engine: of a namespace's room, of the namespace's own channel, of
 * the control channel of a node's slot, and that of all. See docs/architecture.md for the forms. */
#ifndef CLUSTERING_KEYS_H
#define CLUSTERING_KEYS_H

#include "cluster/control_wire.h"
#include "cluster/terms.h"

#include <toni/str.h>

#include <stdbool.h>
#include <stdint.h>

/** Makes a room's key, in the place that the caller has for it.
 * @param namespace  As struct space has it. @param room  Empty: the namespace's own channel.
 * @return Size 0: it is too long. */
struct room_key key_of_room(toni_str namespace, toni_str room, char bytes[ROOM_KEY_MAX]);

/** Makes the key of a slot's control channel; of CONTROL_ALL, of the one that all nodes hear. */
struct room_key key_of_control(uint32_t slot, char bytes[ROOM_KEY_MAX]);

/** @return Whether a key is one of a control channel. */
bool key_is_control(struct room_key key);

/** @return Whether it is the one of CONTROL_ALL. */
bool key_is_control_of_all(struct room_key key);

/** Takes a room's key apart, what key_of_room() put together.
 * @param namespace, room  Set; they borrow from the key. @return Whether it is of that form. */
bool key_split(struct room_key key, toni_str *namespace, toni_str *room);

#endif
