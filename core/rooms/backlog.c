/* Backlogs; see backlog.h. */
#include "rooms/backlog.h"

#include "rooms/client.h"
#include "rooms/connections.h"
#include "rooms/pins.h"

#include <stddef.h>

static struct budget *budget_of(const struct lane *lane)
{
    return &lane->budgets[BUDGET_OUTBOX];
}

/* The ring of an empty outbox is small, and not counted. */
static void charge_ring(toni_client *client)
{
    const struct outbox *outbox = &client->outbox;
    const uint32_t ring =
        outbox->count > 0 ? outbox->capacity * (uint32_t)sizeof *outbox->entries : 0;
    if (ring > client->charged_ring)
        budget_charge(budget_of(client->lane), ring - client->charged_ring);
    else if (ring < client->charged_ring)
        budget_release(budget_of(client->lane), client->charged_ring - ring);
    client->charged_ring = ring;
}

/* --- Flow control */

static bool is_above(const toni_client *client, uint64_t parts)
{
    const struct limits *limits = client->limits;
    return (uint64_t)client->outbox.direct_messages * parts > limits->outbox_messages ||
           client->outbox.direct_bytes * parts > limits->outbox_bytes;
}

static bool is_below(const toni_client *client, uint64_t parts)
{
    const struct limits *limits = client->limits;
    return (uint64_t)client->outbox.direct_messages * parts < limits->outbox_messages &&
           client->outbox.direct_bytes * parts < limits->outbox_bytes;
}

static void pace(toni_client *client)
{
    if (client->paused ? !is_below(client, 4) : !is_above(client, 2))
        return;
    if (!client->paused && (client->close_queued || client->deaf))
        return;
    client->paused = !client->paused;
    client->transport->pause(client->socket, client->paused);
}

/* --- After a flush */

void backlog_note(toni_client *client)
{
    struct outbox *outbox = &client->outbox;
    outbox_hold(outbox, budget_of(client->lane));
    charge_ring(client);
    pin_set(client->lane, BUDGET_OUTBOX, &client->pin, outbox->bytes + client->charged_ring);
    if (outbox->has_moved)
        backlog_moved(client);
    outbox->has_moved = false;
    pace(client);
}

void backlog_moved(toni_client *client)
{
    pin_moved(client->lane, BUDGET_OUTBOX, &client->pin);
}

uint64_t backlog_stuck_ms(const toni_client *client)
{
    return client->pin.bytes > 0 ? client->lane->now_ms - client->pin.moved_ms : 0;
}

/* --- Too much for the host */

static toni_client *client_of(struct pin *pin)
{
    return (toni_client *)((char *)pin - offsetof(toni_client, pin));
}

void backlog_relieve(struct lane *lane)
{
    struct pin *pin;
    while ((pin = budget_victim(budget_of(lane), lane))) {
        client_evict(client_of(pin));
        batch_refs_drop(&lane->refs); /* or what it held would count on */
    }
}
