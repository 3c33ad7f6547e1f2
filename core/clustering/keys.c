/* Rooms' keys; see keys.h. No name of a room or a namespace has a control character, no namespace a
 * slash. */
#include "clustering/keys.h"

#include <stdio.h>
#include <string.h>

#define CHANNEL '\x01' /* and the namespace */
#define CONTROL '\x02' /* and the slot's number */

struct room_key key_of_room(toni_str namespace, toni_str room, char bytes[ROOM_KEY_MAX])
{
    const size_t size = namespace.size + 1 + room.size;
    if (size > ROOM_KEY_MAX)
        return (struct room_key){bytes, 0};
    if (room.size == 0) {
        bytes[0] = CHANNEL;
        memcpy(bytes + 1, namespace.data, namespace.size);
    } else {
        memcpy(bytes, namespace.data, namespace.size);
        bytes[namespace.size] = '/';
        memcpy(bytes + namespace.size + 1, room.data, room.size);
    }
    return (struct room_key){bytes, size};
}

struct room_key key_of_control(uint32_t slot, char bytes[ROOM_KEY_MAX])
{
    const int size = snprintf(bytes, ROOM_KEY_MAX, "%c%u", CONTROL, slot);
    return (struct room_key){bytes, (size_t)size};
}

bool key_is_control(struct room_key key)
{
    return key.bytes[0] == CONTROL;
}

bool key_is_control_of_all(struct room_key key)
{
    char bytes[ROOM_KEY_MAX];
    const struct room_key all = key_of_control(CONTROL_ALL, bytes);
    return key.size == all.size && memcmp(key.bytes, all.bytes, all.size) == 0;
}

bool key_split(struct room_key key, toni_str *namespace, toni_str *room)
{
    if (key.bytes[0] == CHANNEL) {
        *namespace = toni_str_make(key.bytes + 1, key.size - 1);
        *room = toni_str_make(NULL, 0);
        return true;
    }
    const char *slash = memchr(key.bytes, '/', key.size);
    if (!slash)
        return false;
    *namespace = toni_str_make(key.bytes, (size_t)(slash - key.bytes));
    *room = toni_str_make(slash + 1, key.size - namespace->size - 1);
    return true;
}
