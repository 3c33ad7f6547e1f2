/* What clients and gateways do: they join, publish, leave, and come back elsewhere. */
#ifndef SIM_PEOPLE_H
#define SIM_PEOPLE_H

#include "world.h"

/** Begins; goes on until world->is_calm. */
void people_begin(struct world *world);

#endif
