/* What plugins call: toni/connections.h, toni/client.h and the target builder, on the rooms. */
#ifndef ROOMS_API_H
#define ROOMS_API_H

#include <toni/host.h>

/** Fills in all functions of the table that concern clients, rooms, targets and requests. */
void api_fill_table(toni_host *table);

#endif
