/* What goes wrong: one fault after the other, some at a time, each with its end. */
#ifndef SIM_FAULTS_H
#define SIM_FAULTS_H

#include "world.h"

/** Begins; goes on until world->is_calm. */
void faults_begin(struct world *world);

/** Ends all that still goes on: servers and machines are there, and nothing is in the way. */
void faults_heal(struct world *world);

#endif
