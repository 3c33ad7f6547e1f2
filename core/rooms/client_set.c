/* Sets of clients; see client_set.h. */
#include "rooms/client_set.h"

#include <stdint.h>
#include <stdlib.h>

int client_set_init(struct client_set *set, size_t most)
{
    size_t size = 8;
    while (size < 2 * most)
        size *= 2;
    *set = (struct client_set){.places = calloc(size, sizeof *set->places), .mask = size - 1};
    return set->places ? 0 : -1;
}

void client_set_finish(struct client_set *set)
{
    free(set->places);
}

/* Where it is, or would be. An allocation's lowest bits say nothing; a multiplication brings the
 * others to the top. */
static size_t place_of(const struct client_set *set, const toni_client *client)
{
    size_t place = (((uint64_t)(uintptr_t)client * 0x9e3779b97f4a7c15u) >> 32) & set->mask;
    while (set->places[place] && set->places[place] != client)
        place = (place + 1) & set->mask;
    return place;
}

bool client_set_add(struct client_set *set, const toni_client *client)
{
    const size_t place = place_of(set, client);
    const bool is_new = !set->places[place];
    set->places[place] = client;
    return is_new;
}

bool client_set_has(const struct client_set *set, const toni_client *client)
{
    return set->places[place_of(set, client)] != NULL;
}
