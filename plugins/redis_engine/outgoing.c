/* Bytes that wait to be written: see outgoing.h. */
#include "outgoing.h"

#include <stdlib.h>
#include <string.h>

/* What a buffer begins with, and what it may keep while nothing waits. */
#define ROOM_LEAST ((size_t)16 * 1024)
#define ROOM_KEPT ((size_t)1024 * 1024)

static int make_room(struct outgoing *outgoing, size_t size)
{
    const size_t used = outgoing_size(outgoing);
    size_t room = outgoing->room > 0 ? outgoing->room : ROOM_LEAST;
    if (outgoing->start > 0) {
        memmove(outgoing->bytes, outgoing->bytes + outgoing->start, used);
        outgoing->start = 0;
        outgoing->end = used;
    }
    while (room - used < size)
        room *= 2;
    if (room == outgoing->room)
        return 0;
    char *bytes = realloc(outgoing->bytes, room);
    if (!bytes)
        return -1;
    outgoing->bytes = bytes;
    outgoing->room = room;
    return 0;
}

char *outgoing_add(struct outgoing *outgoing, size_t size)
{
    const size_t used = outgoing_size(outgoing);
    if (used > outgoing->most || size > outgoing->most - used)
        return NULL;
    if (outgoing->room - outgoing->end < size && make_room(outgoing, size) != 0)
        return NULL;
    outgoing->end += size;
    return outgoing->bytes + outgoing->end - size;
}

void outgoing_take(struct outgoing *outgoing, size_t size)
{
    outgoing->start += size;
    if (outgoing->start < outgoing->end)
        return;
    outgoing->start = outgoing->end = 0;
    if (outgoing->room > ROOM_KEPT)
        outgoing_clear(outgoing);
}

void outgoing_clear(struct outgoing *outgoing)
{
    free(outgoing->bytes);
    *outgoing = (struct outgoing){.most = outgoing->most};
}
