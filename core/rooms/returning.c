/* Clients that come back to a room by their ids; see returning.h. */
#include "rooms/returning.h"

#include "rooms/client.h"
#include "rooms/remote.h"
#include "rooms/remote_entries.h"
#include "rooms/room_table.h"
#include "rooms/rules.h"

#include <stdlib.h>
#include <string.h>

static bool since_valid(const toni_since *since)
{
    return since->struct_size >= TONI_SINCE_SIZE_1_0;
}

static void finish(struct space *space, struct comeback *comeback)
{
    if (comeback->since.position.epoch > 0 && comeback->status == TONI_OK)
        histories_count(&space->connections->histories, comeback->why);
    comeback->finished(comeback);
}

/* --- By the namespace's door */

struct returning {
    struct remote_recovery recovery; /* first */
    struct coming coming;
    toni_client *client; /* a reference */
    struct comeback *comeback;
    char room[];
};

static struct returning *returning_create(toni_client *client, toni_str room,
                                          const struct history_rule *rule,
                                          struct comeback *comeback)
{
    const toni_since *since = &comeback->since;
    const bool was_there = since->position.epoch > 0;
    const uint32_t most = rule->messages < REMOTE_MISSED_MOST ? rule->messages : REMOTE_MISSED_MOST;
    const uint32_t asked = was_there ? since->limit : since->last;
    struct returning *returning = calloc(1, sizeof *returning + room.size);
    if (!returning)
        return NULL;
    memcpy(returning->room, room.data, room.size);
    returning->recovery = (struct remote_recovery){
        .space = client->space,
        .room = toni_str_make(returning->room, room.size),
        .since = since->position,
        .limit = asked > 0 && asked < most ? asked : most,
    };
    if (!was_there && asked == 0)
        returning->recovery.limit = 1; /* for where the room is */
    returning->coming.room = returning->recovery.room;
    returning->client = client_ref(client);
    returning->comeback = comeback;
    return returning;
}

static void returning_destroy(struct returning *returning)
{
    client_unref(returning->client);
    free(returning);
}

static int32_t ask_door(toni_client *client, toni_str room, const struct history_rule *rule,
                        struct comeback *comeback)
{
    struct remote *remote = client->space->remote;
    struct returning *returning = returning_create(client, room, rule, comeback);
    if (!returning)
        return TONI_ERR_NO_MEMORY;
    int32_t result = client_begin_coming(client, &returning->coming);
    if (result == TONI_OK) {
        result = remote->recover(remote, &returning->recovery);
        if (result == TONI_OK)
            return TONI_OK;
        (void)client_end_coming(client, &returning->coming, NULL);
    }
    returning_destroy(returning);
    return result;
}

/* The engine was asked for no more than its history has: more is missing than that, or it has had
 * messages, and has none any more. */
static enum not_recovered say_why(const struct returning *returning, enum cluster_why why)
{
    const uint32_t limit = returning->comeback->since.limit;
    const bool is_ours = limit == 0 || limit > returning->recovery.limit;
    if (why == WHY_NO_HISTORY || (why == WHY_TOO_MUCH && is_ours))
        return NOT_TRIMMED;
    return not_recovered_of(why);
}

static void note_answer(const struct returning *returning, enum cluster_why why, toni_position at,
                        const struct entries *entries)
{
    struct comeback *comeback = returning->comeback;
    const toni_since *since = &comeback->since;
    const bool wants = since->position.epoch > 0 || since->last > 0;
    comeback->is_answered = true;
    comeback->answer = wants ? say_why(returning, why) : IS_RECOVERED;
    comeback->answer_at = why == WHY_NONE ? at : (toni_position){0};
    if (comeback->answer == IS_RECOVERED && entries && wants) {
        comeback->answer =
            remote_entries(returning->recovery.space, returning->recovery.room, at.epoch, entries,
                           since->position.epoch > 0, &comeback->missed);
    }
}

void remote_recovered(struct remote_recovery *recovery, enum cluster_why why, toni_position at,
                      const struct entries *entries)
{
    struct returning *returning = (struct returning *)recovery;
    struct comeback *comeback = returning->comeback;
    note_answer(returning, why, at, entries);
    comeback->status = client_end_coming(returning->client, &returning->coming, comeback);
    entries_destroy(comeback->missed); /* it has not come, or was there already */
    finish(recovery->space, comeback);
    returning_destroy(returning);
}

/* --- By their ids */

int32_t comeback_begin(toni_connections *connections, toni_client_id id, toni_str room,
                       struct comeback *comeback)
{
    if (!room_name_valid(room) || !since_valid(&comeback->since))
        return TONI_ERR_INVALID;
    struct space *space = space_of(connections);
    toni_client *client = client_find(space, id);
    if (!client)
        return TONI_ERR_NOT_FOUND;
    struct history_rule rule = {0};
    if (space->remote)
        rule = room_table_kept(space, room);
    int32_t result;
    if (rule.messages > 0) {
        result = ask_door(client, room, &rule, comeback);
    } else {
        result = client_come_back(client, room, comeback);
        if (result == TONI_OK)
            finish(space, comeback);
    }
    client_unref(client);
    return result;
}
