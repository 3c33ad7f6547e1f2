/* See workbench_json.h. What is locked meanwhile, and for how long, says toni_list_clients. */
#include "http/workbench_json.h"

#include "http/json_text.h"
#include "rooms/shared.h"

#include <inttypes.h>
#include <toni/toni.h>

static toni_connections *connections_of(const struct slot *slot)
{
    return space_handle(atomic_load(&slot->space));
}

/* A text: JavaScript would round the number. */
static json_t *cursor_to_json(uint64_t cursor)
{
    return cursor == 0 ? json_null() : json_sprintf("%" PRIu64, cursor);
}

/* @return `{KEY: list, "next": …}` as text. @param list  Taken; NULL: no memory. */
static char *page_to_text(const char *key, json_t *list, uint64_t cursor)
{
    return json_to_text(json_pack("{s:o, s:o}", key, list, "next", cursor_to_json(cursor)));
}

/* @return null for a room without a client of the gateway; NULL on no memory. */
static json_t *room_to_json(const struct slot *slot, toni_str room)
{
    toni_client_ids *ids;
    toni_page page = TONI_PAGE_INIT;
    page.most = TONI_PAGE_MOST;
    page.gateway = toni_str_of(slot->name);
    page.room = room;
    if (toni_list_clients(connections_of(slot), &page, &ids) != TONI_OK)
        return NULL;
    json_t *json = ids->count == 0
                       ? json_null()
                       : json_pack("{s:o, s:I, s:b}", "name", json_stringn(room.data, room.size),
                                   "members", (json_int_t)ids->count, "more", page.cursor != 0);
    toni_client_ids_destroy(ids);
    return json;
}

char *workbench_rooms_to_json(struct slot *slot, uint64_t cursor)
{
    json_t *rooms = json_array();
    toni_room_names *names;
    toni_page page = TONI_PAGE_INIT;
    page.most = WORKBENCH_ROOMS;
    page.cursor = cursor;
    if (toni_list_rooms(connections_of(slot), &page, &names) != TONI_OK) {
        json_decref(rooms);
        return NULL;
    }
    for (size_t i = 0; i < names->count && rooms; i++) {
        json_t *room = room_to_json(slot, names->names[i]);
        if (json_is_null(room) || json_array_append_new(rooms, room) == 0)
            continue;
        json_decref(rooms);
        rooms = NULL;
    }
    toni_room_names_destroy(names);
    return page_to_text("rooms", rooms, page.cursor);
}

char *workbench_members_to_json(struct slot *slot, toni_str room, uint64_t cursor)
{
    json_t *members = json_array();
    toni_client_ids *ids;
    toni_page page = TONI_PAGE_INIT;
    page.most = WORKBENCH_MEMBERS;
    page.cursor = cursor;
    page.gateway = toni_str_of(slot->name);
    page.room = room;
    if (toni_list_clients(connections_of(slot), &page, &ids) != TONI_OK) {
        json_decref(members);
        return NULL;
    }
    for (size_t i = 0; i < ids->count && members; i++) {
        const toni_name name = toni_client_id_name(connections_of(slot), ids->ids[i]);
        if (json_array_append_new(members, json_string(name.text))) {
            json_decref(members);
            members = NULL;
        }
    }
    toni_client_ids_destroy(ids);
    return page_to_text("members", members, page.cursor);
}
