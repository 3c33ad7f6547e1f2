/* A set of clients, to count each once: by address, with open addressing. It knows how many may
 * come, so adding can't fail. Not locked; no references. */
#ifndef ROOMS_CLIENT_SET_H
#define ROOMS_CLIENT_SET_H

#include <toni/types.h>

#include <stdbool.h>
#include <stddef.h>

struct client_set {
    const toni_client **places;
    size_t mask; /* how many there are, less one: a power of two */
};

/** Makes an empty set. @param most  How many are added at most. @return 0, or -1 on no memory. */
int client_set_init(struct client_set *set, size_t most);

void client_set_finish(struct client_set *set);

/** @return Whether it was not in the set. */
bool client_set_add(struct client_set *set, const toni_client *client);

bool client_set_has(const struct client_set *set, const toni_client *client);

#endif
