/* Lists of clients and rooms by pages (toni_list_clients, toni_list_rooms): in the order of a key
 * that never changes, so that whoever is there all the while is listed once, whatever comes and
 * goes between two pages. One stripe of a table is locked at a time. */
#ifndef ROOMS_PAGES_H
#define ROOMS_PAGES_H

#include <stdint.h>
#include <toni/host.h>

struct room;
struct space;

/** How many clients or rooms are taken at a time. */
#define PAGES_TAKEN 256

/** A page of clients, for the host itself: needs no memory.
 * @param space    Whose; NULL: those of all namespaces.
 * @param cursor   0 at first; set to where the next page begins, 0: this is the last.
 * @param clients  PAGES_TAKEN; filled in, with a reference to each.
 * @return How many. @thread Any. */
size_t pages_take_clients(toni_connections *connections, const struct space *space,
                          uint64_t *cursor, toni_client **clients);

/** The same of rooms, of all namespaces. */
size_t pages_take_rooms(toni_connections *connections, uint64_t *cursor, struct room **rooms);

/** The same of the rooms of one namespace, those too that nobody is in and that keep messages. */
size_t pages_take_all_rooms(const struct space *space, uint64_t *cursor, struct room **rooms);

/** Adds the clients to a target that a gateway has here now.
 * @param gateway  Not empty. @thread Any. */
void pages_add_gateway(toni_target *target, toni_str gateway);

/** Sets these functions of toni/connections.h in a table. */
void pages_fill_table(toni_host *table);

#endif
