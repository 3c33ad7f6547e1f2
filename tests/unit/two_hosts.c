/* See two_hosts.h. */
#include "two_hosts.h"

enum { LANES = 2, MANY = 2048 };

struct fake_engine engine;
struct fixture hosts[HOSTS];
struct fake_door *doors[HOSTS];

static struct peer *peers[MANY];
static uint32_t host_of[MANY], peer_count;

void hosts_open(const struct limits *limits)
{
    fake_engine_init(&engine);
    for (uint32_t i = 0; i < HOSTS; i++) {
        fixture_init(&hosts[i], limits, LANES);
        doors[i] = fake_door_open(&engine, &hosts[i]);
    }
    peer_count = 0;
}

void hosts_turn(void)
{
    for (uint32_t i = 0; i < HOSTS; i++)
        fixture_turn(&hosts[i]);
}

void hosts_close(void)
{
    hosts_turn();
    peers_lose(peers, peer_count);
    hosts_turn();
    for (uint32_t i = 0; i < peer_count; i++)
        peer_destroy(&hosts[host_of[i]], peers[i]);
    for (uint32_t i = 0; i < HOSTS; i++) {
        REQUIRE(fake_door_wanted(doors[i]) == 0);
        fixture_finish(&hosts[i]);
    }
    fake_engine_finish(&engine);
}

toni_connections *hosts_connections(uint32_t host)
{
    return hosts[host].connections;
}

struct peer *hosts_adopt(uint32_t host, struct peer *peer)
{
    REQUIRE(peer_count < MANY);
    host_of[peer_count] = host;
    return peers[peer_count++] = peer;
}

struct peer *hosts_peer(uint32_t host)
{
    return hosts_adopt(host, peer_connect(&hosts[host], peer_count % LANES));
}
