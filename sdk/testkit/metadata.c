/* Metadata of a fake host's rooms. */
#include "toni_testkit_private.h"

#include <string.h>

static toni_fake_metadata *find(const toni_fake_host *host, toni_str room)
{
    for (size_t i = 0; i < host->metadata_count; i++) {
        const toni_fake_metadata *metadata = &host->metadata[i];
        if (toni_str_equal(toni_str_make(metadata->room, metadata->room_size), room))
            return (toni_fake_metadata *)metadata;
    }
    return NULL;
}

static int32_t check_is_there(const toni_fake_host *host, toni_str room)
{
    return fake_room_has_members(host, room) ? TONI_OK : TONI_ERR_NOT_FOUND;
}

static void put(toni_fake_host *host, toni_str room, toni_str value)
{
    toni_fake_metadata *metadata = find(host, room);
    if (value.size == 0) {
        if (metadata) /* the last one takes its place */
            *metadata = host->metadata[--host->metadata_count];
        return;
    }
    if (!metadata) {
        ck_assert_msg(host->metadata_count < TONI_FAKE_MAX_METADATA,
                      "more rooms with metadata than the fake host takes: TONI_FAKE_MAX_METADATA");
        metadata = &host->metadata[host->metadata_count++];
        metadata->room_size = room.size;
        memcpy(metadata->room, room.data, room.size);
    }
    metadata->size = value.size;
    memcpy(metadata->bytes, value.data, value.size);
}

void fake_end_metadata(toni_fake_host *host, toni_str room)
{
    if (check_is_there(host, room) != TONI_OK)
        put(host, room, TONI_LIT(""));
}

void fake_take_metadata_along(const toni_fake_host *host, toni_fake_host *next, toni_str room)
{
    const toni_fake_metadata *metadata = find(host, room);
    if (metadata && check_is_there(next, room) != TONI_OK)
        put(next, room, toni_str_make(metadata->bytes, metadata->size));
}

static int32_t set_room_metadata(toni_connections *connections, toni_str room, toni_str value)
{
    toni_fake_host *host = host_of_connections(connections);
    const int32_t fits = value.size <= TONI_ROOM_METADATA_MAX ? TONI_OK : TONI_ERR_TOO_BIG;
    fake_record(host, "set_metadata %.*s %zu\n", TONI_STR_ARG(room), value.size);
    const int32_t result =
        fake_answer(host, "set_metadata",
                    fake_first_error(fake_check_room(room),
                                     fake_first_error(fits, check_is_there(host, room))));
    if (result >= 0)
        put(host, room, value);
    return result;
}

static int32_t get_room_metadata(toni_connections *connections, toni_str room, void *buffer,
                                 size_t capacity, size_t *size)
{
    toni_fake_host *host = host_of_connections(connections);
    fake_record(host, "get_metadata %.*s\n", TONI_STR_ARG(room));
    *size = 0;
    const int32_t result = fake_answer(
        host, "get_metadata", fake_first_error(fake_check_room(room), check_is_there(host, room)));
    const toni_fake_metadata *metadata = result >= 0 ? find(host, room) : NULL;
    if (!metadata)
        return result;
    *size = metadata->size;
    if (metadata->size > capacity)
        return TONI_ERR_TOO_BIG;
    memcpy(buffer, metadata->bytes, metadata->size);
    return result;
}

void fake_metadata_fill(toni_host *table)
{
    table->set_room_metadata = set_room_metadata;
    table->get_room_metadata = get_room_metadata;
}
