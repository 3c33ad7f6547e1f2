/* What may happen to a server; see server.h. */
#include "server.h"
#include "world.h"

#include <string.h>

static uint64_t random_not_0(struct server *server)
{
    return dice_next(&server->world->dice) | 1;
}

/* Up to an hour, before or after. */
static int64_t wrong_clock_ms(struct server *server)
{
    return (int64_t)dice_below(&server->world->dice, 7200000) - 3600000 + 100000000;
}

void server_init(struct server *server, struct world *world, uint32_t index)
{
    server->world = world;
    server->index = index;
    server->redis.mutation = world->mutation;
    server->redis.run_id = random_not_0(server);
    server->redis.replid = random_not_0(server);
    server->other_run_id = random_not_0(server);
    server->clock_ms = wrong_clock_ms(server);
    server->other_clock_ms = wrong_clock_ms(server);
}

void server_finish(struct server *server)
{
    network_finish(&server->network);
}

void server_save(struct server *server)
{
    if (!server->is_other_there)
        server->snapshot = server->redis.data;
}

void server_replicate(struct server *server)
{
    if (!server->is_other_there)
        server->replica = server->redis.data;
}

void server_crash(struct server *server)
{
    server->network.is_stopped = false;
    server->network.is_listening = false;
    network_server_died(&server->network);
}

void server_stop(struct server *server)
{
    server->network.is_stopped = true;
}

void server_continue(struct server *server)
{
    server->network.is_stopped = false;
    network_resume(&server->network);
}

void server_return(struct server *server, enum server_return how)
{
    struct redis_model *redis = &server->redis;

    if (server->is_other_there) { /* ours comes back */
        redis->data = server->other;
        server->is_other_there = false;
    } else if (how == RETURN_OTHER) {
        server->other = redis->data;
        memset(&redis->data, 0, sizeof redis->data);
        server->is_other_there = true;
        server->other_since_ns = server->world->queue.now_ns;
    } else if (how == RETURN_SNAPSHOT) {
        redis->data = server->snapshot;
    } else if (how == RETURN_NOTHING) {
        memset(&redis->data, 0, sizeof redis->data);
    }
    redis->run_id = random_not_0(server);
    redis->replid = random_not_0(server);
    redis->has_script = false;
    redis->is_replica = false;
    server->network.is_listening = true;
    server->has_other_leases = true;
}

/* What the replica has is older, or as new. As Sentinel does it: the old master's clients are
 * killed. Its run_id comes back with the next failover; its master_replid is another each time. */
void server_failover(struct server *server)
{
    const uint64_t run_id = server->redis.run_id;
    const int64_t clock_ms = server->clock_ms;

    network_server_died(&server->network);
    server->redis.data = server->replica;
    server->redis.run_id = server->other_run_id;
    server->other_run_id = run_id;
    server->clock_ms = server->other_clock_ms;
    server->other_clock_ms = clock_ms;
    server->redis.replid = random_not_0(server);
    server->redis.has_script = false;
    server->redis.is_replica = false;
    server->has_other_leases = true;
}

void server_flush_all(struct server *server)
{
    memset(&server->redis.data, 0, sizeof server->redis.data);
}

void server_flush_scripts(struct server *server)
{
    server->redis.has_script = false;
}

void server_evict(struct server *server, uint32_t room)
{
    if (server->redis.data.rooms[room].has_hash)
        truth_evict(&server->world->truth, room, server->redis.data.rooms[room].at.epoch);
    server->redis.data.rooms[room].has_hash = false;
    server->redis.data.rooms[room].entry_count = 0;
}

void server_kill_subscribers(struct server *server)
{
    for (size_t i = 0; i < server->network.open.count; i++) {
        struct link *link = server->network.open.items[i];
        if (link->is_open[SERVER_SIDE] && link->tag % 2 == 1)
            link_reset(link);
    }
}

void server_read_only(struct server *server, bool is_replica)
{
    server->redis.is_replica = is_replica;
}

void server_full(struct server *server, bool is_full)
{
    server->redis.is_full = is_full;
}
