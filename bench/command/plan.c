/* Which connection is what; see plan.h. The publishers are the last of the connections, and
 * connections are dealt to rooms in turn: so those of a room lie `rooms` apart. */
#include "command/plan.h"

#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>

void plan_finish(struct plan *plan)
{
    SSL_CTX_free(plan->target.tls);
    target_finish(&plan->target);
    template_finish(&plan->path);
    template_finish(&plan->join);
    template_finish(&plan->message);
    url_finish(&plan->url);
    free(plan->fields);
}

static uint32_t step(const struct plan *plan)
{
    return plan->rooms > 0 ? plan->rooms : plan->connections;
}

uint32_t plan_room(const struct plan *plan, uint32_t connection)
{
    return connection % step(plan);
}

void plan_room_name(uint32_t room, char name[ROOM_NAME_SIZE])
{
    (void)snprintf(name, ROOM_NAME_SIZE, "bench-%u", (unsigned)room);
}

bool plan_publishes(const struct plan *plan, uint32_t connection)
{
    return connection >= plan->connections - plan->publishers;
}

/* @return The last connection of a room. */
static uint32_t last_of(const struct plan *plan, uint32_t room)
{
    const uint32_t last = plan->connections - 1;
    return last - (last - room) % step(plan);
}

uint32_t plan_room_publishers(const struct plan *plan, uint32_t room)
{
    const uint32_t last = last_of(plan, room), first = plan->connections - plan->publishers;
    return last < first ? 0 : (last - first) / step(plan) + 1;
}

uint32_t plan_publisher_index(const struct plan *plan, uint32_t connection)
{
    return (last_of(plan, plan_room(plan, connection)) - connection) / step(plan);
}

uint32_t plan_publisher(const struct plan *plan, uint32_t room, uint32_t index)
{
    return last_of(plan, room) - index * step(plan);
}
