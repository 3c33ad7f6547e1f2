/* What a machine's node says of servers, of its own lease, and of other nodes; and whether that is
 * true. */
#include "machine.h"
#include "news.h"
#include "world.h"

#include <string.h>

static void take_identity(struct machine *machine, struct node_identity identity)
{
    struct world *world = machine->world;

    machine->lease_since_ns = world->queue.now_ns + 1;
    NOTE(world, "has a lease: slot, boot", machine->index, identity.slot, identity.boot, 0);
    for (size_t i = 0; i < world->identities.count; i++) {
        const struct held_identity *held = &world->identities.items[i];
        if (!node_identity_equal(held->identity, identity))
            continue;
        if (held->incarnation != machine->incarnation)
            BROKEN(world, "node %u has the identity %u/%lu, which another had before",
                   machine->index, identity.slot, (unsigned long)identity.boot);
        return;
    }
    LIST_ADD(&world->identities, (struct held_identity){identity, machine->incarnation});
}

static bool has_name(const struct seen_node *seen, const char *name)
{
    return strcmp(seen->name, name) == 0;
}

/* It has the name that it was started with, and it is said if another has it. */
static void check_name(const struct machine *machine, const struct seen_node *seen,
                       enum cluster_why why)
{
    const struct life *life = world_life(machine->world, seen->node);
    bool is_shared = has_name(seen, machine->name);

    for (uint32_t i = 0; i < machine->seen_count; i++)
        is_shared = is_shared || has_name(&machine->seen[i], seen->name);
    if (life && !has_name(seen, life->name))
        BROKEN(machine->world, "node %u calls %s what is %s", machine->index, seen->name,
               life->name);
    if (why != (is_shared ? WHY_SAME_NAME : WHY_NONE))
        BROKEN(machine->world, "node %u was told wrong of the name %s of %u/%lu", machine->index,
               seen->name, seen->identity.slot, (unsigned long)seen->identity.boot);
}

static void take_seen(struct machine *machine, const struct output *output)
{
    struct seen_node seen = {.identity = output->node.identity, .node = output->node.node};

    NOTE(machine->world, "sees a node: slot, boot", machine->index, output->node.identity.slot,
         output->node.identity.boot, 0);
    if (machine->seen_count == MACHINE_SEEN_MOST) {
        BROKEN(machine->world, "node %u sees more than there are", machine->index);
        return;
    }
    memcpy(seen.name, output->payload->bytes, output->payload->size);
    check_name(machine, &seen, output->node.why);
    machine->seen[machine->seen_count++] = seen;
}

static void take_lost(struct machine *machine, const struct output *output)
{
    NOTE(machine->world, "has lost a node: slot, boot", machine->index, output->node.identity.slot,
         output->node.identity.boot, 0);
    for (uint32_t i = 0; i < machine->seen_count; i++) {
        if (node_identity_equal(machine->seen[i].identity, output->node.identity)) {
            machine->seen[i] = machine->seen[--machine->seen_count];
            return;
        }
    }
    BROKEN(machine->world, "node %u has lost %u/%lu, which it had not seen", machine->index,
           output->node.identity.slot, (unsigned long)output->node.identity.boot);
}

void machine_membership(struct machine *machine, const struct output *output)
{
    switch (output->kind) {
    case OUTPUT_STATE:
        NOTE(machine->world, "says of server: state, why", machine->index, output->server,
             output->state.state, output->state.why);
        machine->is_up[output->server] = output->state.state == SERVER_UP;
        if (output->state.why == WHY_OTHER_ENGINE &&
            machine->world->mutation != MUTATION_ALARM_UNHEARD)
            machine->alarmed_ns[output->server] = machine->world->queue.now_ns;
        break;
    case OUTPUT_LEASE_HELD:
        take_identity(machine, output->node.identity);
        machine->id_key = output->node.id_key;
        news_announce(machine);
        break;
    case OUTPUT_LEASE_LOST:
        NOTE(machine->world, "has lost its lease: why", machine->index, output->node.why, 0, 0);
        machine->lease_since_ns = 0;
        break;
    case OUTPUT_NODE_SEEN:
        take_seen(machine, output);
        break;
    default:
        take_lost(machine, output);
        break;
    }
}

struct life *world_life(const struct world *world, uint64_t incarnation)
{
    for (size_t i = world->lives.count; i-- > 0;) {
        if (world->lives.items[i].incarnation == incarnation)
            return &world->lives.items[i];
    }
    return NULL;
}

void machine_check_ghosts(const struct machine *machine)
{
    struct world *world = machine->world;

    for (uint32_t i = 0; i < machine->seen_count && machine->lease_since_ns != 0; i++) {
        const struct life *life = world_life(world, machine->seen[i].node);
        if (!life) {
            BROKEN(world, "node %u sees a node that never was", machine->index);
            continue;
        }
        uint64_t last_ns = life->died_ns > life->lease_ns ? life->died_ns : life->lease_ns;
        if (last_ns < world->leases_changed_ns)
            last_ns = world->leases_changed_ns;
        if (life->died_ns != 0 && last_ns + WORLD_GHOST_S * SIM_S < world->queue.now_ns) {
            BROKEN(world, "node %u sees %u/%lu, which has been dead for %lu ms", machine->index,
                   machine->seen[i].identity.slot, (unsigned long)machine->seen[i].identity.boot,
                   (unsigned long)((world->queue.now_ns - last_ns) / SIM_MS));
        }
    }
}

void machine_check_alarm(const struct machine *machine, const struct server *server)
{
    const uint32_t index = server->index;
    const uint64_t known_ns = machine->known_ns[index];

    if (!machine_is_running(machine) || !machine->is_up[index] || known_ns == 0 ||
        known_ns >= server->other_since_ns || machine->alarmed_ns[index] >= server->other_since_ns)
        return;
    BROKEN(machine->world, "node %u is up at another Redis than server %u, and has not said so",
           machine->index, index);
}

bool machine_sees(const struct machine *machine, const struct machine *other)
{
    for (uint32_t i = 0; i < machine->seen_count; i++) {
        if (machine->seen[i].node == other->incarnation)
            return true;
    }
    return false;
}
