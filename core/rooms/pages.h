/* Lists of clients and rooms by pages (toni_list_clients, toni_list_rooms): in the order of a key
 * that never changes, so that whoever is there all the while is listed once, whatever comes and
 * goes between two pages. One stripe of a table is locked at a time. */
#ifndef ROOMS_PAGES_H
#define ROOMS_PAGES_H

#include <toni/host.h>

/** Sets these functions of toni/connections.h in a table. */
void pages_fill_table(toni_host *table);

#endif
