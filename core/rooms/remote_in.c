/* What comes in by a namespace's door; see remote.h. */
#include "base/log_limit.h"
#include "rooms/broadcast.h"
#include "rooms/gap.h"
#include "rooms/pages.h"
#include "rooms/remote.h"
#include "rooms/room_table.h"
#include "rooms/rules.h"
#include "rooms/send.h"
#include "rooms/target.h"

#include <toni/connections.h>

/* --- To whom */

static int32_t to_whole_room(struct space *space, toni_str name, const toni_position *at,
                             const toni_message *message)
{
    struct room *room = room_table_find(space, name);
    const int32_t result = room ? broadcast_send(room, message, at) : 0;
    room_unref(room);
    return result;
}

static toni_str name_of(const struct envelope_name *name)
{
    return toni_str_make(name->bytes, name->size);
}

/* A name that is none makes the whole target fail with TONI_ERR_INVALID. */
static void address(toni_target *target, const struct envelope *to)
{
    if (to->is_all)
        target->host->target_to_all(target);
    for (uint32_t i = 0; i < to->room_count; i++)
        toni_target_to_room(target, name_of(&to->rooms[i]));
    for (uint32_t i = 0; i < to->gateway_count; i++)
        pages_add_gateway(target, name_of(&to->gateways[i]));
    for (uint32_t i = 0; i < to->client_count; i++)
        toni_target_to_client(target, to->clients[i]);
    for (uint32_t i = 0; i < to->except_count; i++)
        toni_target_except(target, to->except[i]);
}

static int32_t to_target(struct space *space, toni_str room, const toni_position *at,
                         const toni_message *message, const struct envelope *to,
                         struct receipt *receipt)
{
    /* By the namespace's channel it comes without a place in any room. */
    static const toni_position nowhere;
    toni_target *target = space->host->target_create(space_handle(space));
    if (!target)
        return TONI_ERR_NO_MEMORY;
    if (room.size > 0)
        toni_target_to_room(target, room);
    if (to)
        address(target, to);
    int32_t result = target->error;
    if (result == TONI_OK)
        result = target_send_here(target, message, receipt, room.size > 0 ? at : &nowhere);
    target_destroy(target);
    return result;
}

/* --- Deliveries */

/* @return What is wrong with it; NULL: nothing. */
static const char *fault_of(toni_str room, const struct envelope *to)
{
    if (room.size == 0)
        return to ? NULL : "it is for nobody";
    if (!room_name_valid(room))
        return "no room has such a name";
    if (to && (to->is_all || to->room_count > 0 || to->gateway_count > 0 || to->client_count > 0))
        return "it is for others than the room's members";
    return NULL;
}

static int32_t deliver(struct space *space, toni_str room, const toni_position *at,
                       const toni_message *message, const struct envelope *to,
                       struct receipt *receipt)
{
    const int32_t checked = broadcast_check(space->connections, message);
    if (checked != TONI_OK)
        return checked;
    const bool is_whole = room.size > 0 && !receipt && (!to || to->except_count == 0);
    return is_whole ? to_whole_room(space, room, at, message)
                    : to_target(space, room, at, message, to, receipt);
}

int32_t remote_deliver(struct space *space, toni_str room, toni_position at,
                       const toni_message *message, const struct envelope *to,
                       struct receipt *receipt)
{
    const char *fault = fault_of(room, to);
    const toni_message placed = {.struct_size = sizeof placed,
                                 .kind = message->kind,
                                 .body = message->body,
                                 .position_at = to && room.size > 0 ? to->position_at : 0};
    const int32_t result =
        fault ? TONI_ERR_INVALID : deliver(space, room, &at, &placed, to, receipt);
    if (result == TONI_ERR_INVALID)
        remote_refuse(space, room, fault ? fault : "a name in it, its kind, or its text");
    else if (result < 0)
        remote_gap(space, room, 1, result == TONI_ERR_NO_MEMORY ? WHY_NO_MEMORY : WHY_PENDING);
    return result;
}

/* --- What is lost */

/* The namespace's channel has no name: what is lost there may be of any room. */
static toni_str title_of(const struct space *space, toni_str room, char title[ROOM_TITLE_SIZE])
{
    return room_title(space, room.size > 0 ? room : TONI_LIT("*"), title);
}

/* @return Whether those who are here will be told, or nobody is. */
static bool tell_members(struct space *space, toni_str name, uint64_t count)
{
    struct room *room = name.size > 0 ? room_table_find(space, name) : room_ref(space->everyone);
    const bool is_told = !room || !gap_tell(room, count);
    room_unref(room);
    return is_told;
}

void remote_gap(struct space *space, toni_str room, uint64_t count, enum cluster_why why)
{
    char text[ROOM_TITLE_SIZE];
    const toni_str title = title_of(space, room, text);
    const struct log_field lost = count > 0 ? log_uint("count", count) : log_str("count", "?");
    counter_add(&space->remote_figures.gaps, 1);
    counter_add(&space->remote_figures.lost, count > 0 ? count : 1);
    log_limited(LOG_LEVEL_WARN, "messages of a room are lost on this host",
                log_brief("room", title.data, title.size), lost,
                log_str("why", cluster_why_text(why)));
    if (!tell_members(space, room, count))
        log_limited(LOG_LEVEL_ERROR, "no memory to tell a room's members that messages are lost",
                    log_brief("room", title.data, title.size), lost);
}

void remote_refuse(struct space *space, toni_str room, const char *what)
{
    char text[ROOM_TITLE_SIZE];
    const toni_str title = title_of(space, room, text);
    counter_add(&space->remote_figures.refused, 1);
    log_limited(LOG_LEVEL_WARN,
                "the engine brought what no host of toni has sent, or one of another version; it "
                "is dropped",
                log_brief("room", title.data, title.size), log_str("found", what));
}
