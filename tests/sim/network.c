/* See network.h. */
#include "network.h"

static void pump(void *target, uint64_t side);

void network_init(struct network *network, struct queue *queue, struct dice *dice,
                  const struct network_hooks *hooks, void *world)
{
    *network = (struct network){
        .queue = queue,
        .dice = dice,
        .hooks = hooks,
        .world = world,
        .is_listening = true,
    };
}

static void pipe_clear(struct pipe *pipe)
{
    while (pipe->first) {
        struct packet *packet = pipe->first;
        pipe->first = packet->next;
        free(packet);
    }
    pipe->last = NULL;
    pipe->bytes = 0;
}

void network_finish(struct network *network)
{
    for (size_t i = 0; i < network->links.count; i++) {
        pipe_clear(&network->links.items[i]->to[NODE_SIDE]);
        pipe_clear(&network->links.items[i]->to[SERVER_SIDE]);
        free(network->links.items[i]);
    }
    LIST_FREE(&network->links);
    LIST_FREE(&network->open);
}

/* Mostly a fraction of a millisecond, sometimes some, and in bad times more than a deadline. */
static uint64_t delay_ns(struct network *network)
{
    const uint32_t dice = dice_below(network->dice, 100);

    if (dice < network->slow_percent)
        return dice_below(network->dice, 1500) * SIM_MS;
    if (dice < network->slow_percent + 3)
        return dice_below(network->dice, 30) * SIM_MS;
    return (50 + dice_below(network->dice, 450)) * SIM_US;
}

static bool is_blocked(const struct link *link, enum side to)
{
    const struct network *network = link->network;

    if (network->is_cut[link->node])
        return true;
    return to == SERVER_SIDE ? network->is_stopped : network->is_not_reading[link->node];
}

void link_send(struct link *link, enum side to, struct packet *packet)
{
    struct network *network = link->network;
    struct pipe *pipe = &link->to[to];

    if (!link->is_open[to]) {
        free(packet);
        return;
    }
    const uint64_t soonest = network->queue->now_ns + delay_ns(network);
    if (pipe->last_arrival_ns < soonest)
        pipe->last_arrival_ns = soonest;
    packet->arrives_ns = pipe->last_arrival_ns;
    packet->next = NULL;
    if (pipe->last)
        pipe->last->next = packet;
    else
        pipe->first = packet;
    pipe->last = packet;
    pipe->bytes += packet->bytes;
    queue_add(network->queue, packet->arrives_ns - network->queue->now_ns, pump, link, to);
}

static void receive(struct link *link, enum side at, struct packet *packet)
{
    const struct network_hooks *hooks = link->network->hooks;
    void *world = link->network->world;

    if (!link->is_open[at]) {
        free(packet);
        return;
    }
    switch (packet->kind) {
    case PACKET_DATA:
        hooks->arrived(world, link, at, packet);
        return;
    case PACKET_OPENED:
        hooks->opened(world, link);
        break;
    case PACKET_END:
        link->is_open[at] = false;
        hooks->ended(world, link, at);
        break;
    }
    free(packet);
}

/* Hands over what has come by now, unless something is in the way; then network_resume() does. */
static void pump(void *target, uint64_t side)
{
    struct link *link = target;
    struct pipe *pipe = &link->to[side];

    while (pipe->first && pipe->first->arrives_ns <= link->network->queue->now_ns &&
           !is_blocked(link, (enum side)side)) {
        struct packet *packet = pipe->first;
        pipe->first = packet->next;
        if (!pipe->first)
            pipe->last = NULL;
        pipe->bytes -= packet->bytes;
        receive(link, (enum side)side, packet);
    }
}

void network_resume(struct network *network)
{
    for (size_t i = 0; i < network->open.count; i++) {
        struct link *link = network->open.items[i];
        for (unsigned side = NODE_SIDE; side <= SERVER_SIDE; side++) {
            if (link->to[side].first)
                queue_add(network->queue, 0, pump, link, side);
        }
    }
}

static void send_kind(struct link *link, enum side to, enum packet_kind kind)
{
    struct packet *packet = must_have(calloc(1, sizeof *packet));

    packet->kind = kind;
    link_send(link, to, packet);
}

/* The handshake is the kernel's: a stopped process has new connections, too. */
static void connect_arrives(void *target, uint64_t data)
{
    struct link *link = target;
    struct network *network = link->network;
    (void)data;

    if (!link->is_open[NODE_SIDE])
        return;
    if (network->is_cut[link->node]) { /* sent again, as TCP does */
        queue_add(network->queue, SIM_S, connect_arrives, link, 0);
        return;
    }
    if (!network->is_listening) {
        send_kind(link, NODE_SIDE, PACKET_END);
        return;
    }
    link->is_open[SERVER_SIDE] = true;
    network->hooks->accepted(network->world, link);
    send_kind(link, NODE_SIDE, PACKET_OPENED);
}

static void forget_closed(struct network *network)
{
    size_t kept = 0;

    for (size_t i = 0; i < network->open.count; i++) {
        struct link *link = network->open.items[i];
        if (link->is_open[NODE_SIDE] || link->is_open[SERVER_SIDE] || link->to[NODE_SIDE].first ||
            link->to[SERVER_SIDE].first)
            network->open.items[kept++] = link;
    }
    network->open.count = kept;
}

struct link *network_connect(struct network *network, uint32_t node, uint64_t tag)
{
    struct link *link = must_have(calloc(1, sizeof *link));

    link->network = network;
    link->id = network->links.count + 1;
    link->node = node;
    link->tag = tag;
    link->is_open[NODE_SIDE] = true;
    LIST_ADD(&network->links, link);
    forget_closed(network);
    LIST_ADD(&network->open, link);
    queue_add(network->queue, delay_ns(network), connect_arrives, link, 0);
    return link;
}

void link_close(struct link *link, enum side by)
{
    if (!link->is_open[by])
        return;
    link->is_open[by] = false;
    if (by == NODE_SIDE)
        send_kind(link, SERVER_SIDE, PACKET_END);
    else
        send_kind(link, NODE_SIDE, PACKET_END);
}

/* Of what is on its way the first packets arrive still; how many, the dice say. */
static void lose_tail(struct link *link, enum side to)
{
    struct pipe *pipe = &link->to[to];
    struct packet **place = &pipe->first;

    pipe->last = NULL;
    while (*place && dice_chance(link->network->dice, 70)) {
        pipe->last = *place;
        place = &(*place)->next;
    }
    while (*place) {
        struct packet *packet = *place;
        *place = packet->next;
        pipe->bytes -= packet->bytes;
        free(packet);
    }
}

void link_reset(struct link *link)
{
    for (unsigned side = NODE_SIDE; side <= SERVER_SIDE; side++) {
        lose_tail(link, (enum side)side);
        send_kind(link, (enum side)side, PACKET_END);
    }
}

void link_kill(struct link *link)
{
    pipe_clear(&link->to[SERVER_SIDE]);
    link_close(link, SERVER_SIDE);
}

void network_server_died(struct network *network)
{
    for (size_t i = 0; i < network->open.count; i++) {
        struct link *link = network->open.items[i];
        if (!link->is_open[SERVER_SIDE])
            continue;
        link->is_open[SERVER_SIDE] = false;
        pipe_clear(&link->to[SERVER_SIDE]);
        network->hooks->ended(network->world, link, SERVER_SIDE);
        lose_tail(link, NODE_SIDE);
        send_kind(link, NODE_SIDE, PACKET_END);
    }
}

void network_node_died(struct network *network, uint32_t node)
{
    for (size_t i = 0; i < network->open.count; i++) {
        struct link *link = network->open.items[i];
        if (link->node != node || !link->is_open[NODE_SIDE])
            continue;
        link->is_open[NODE_SIDE] = false;
        pipe_clear(&link->to[NODE_SIDE]);
        if (dice_chance(network->dice, 50))
            lose_tail(link, SERVER_SIDE);
        send_kind(link, SERVER_SIDE, PACKET_END);
    }
}
