/* Hosts that have got a lease announce themselves, in some of the runs; the rest are of hosts that
 * do not know that yet. Each of the others hears it by itself: soon, late or never, and of hosts
 * that are not there, too. */
#ifndef SIM_NEWS_H
#define SIM_NEWS_H

#include "world.h"

/** @return Whether hosts do so in this run. No throw of the world's dice says so: recorded seeds
 * stay. */
bool news_is_on(const struct world *world);

/** Once the run's faults are known. */
void news_begin(struct world *world);

/** A machine has got a lease. */
void news_announce(const struct machine *machine);

/** A machine asks for its lease: it does so no more often than it may, whatever it has heard. */
void news_lease_asked(struct machine *machine, const struct output *output);

#endif
