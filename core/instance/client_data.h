/* Data that clients carry (toni_client_set_data), and a version of their gateway that could not
 * take them over: without `on_adopt` its callbacks would find none where they expect some. Not
 * about how clients are handed on; net/ws_gateway.h. */
#ifndef INSTANCE_CLIENT_DATA_H
#define INSTANCE_CLIENT_DATA_H

#include "config/fault.h"
#include "instance/instance.h"

/** Looks whether another version may take over the clients in a slot. Exact while the slot's gate
 * is closed and nobody is inside: only callbacks set data.
 * @param slot    Where the version that runs is.
 * @param next    Of the other version.
 * @param faults  Gets how many clients carry data, and what mends it.
 * @return 0; -1: it may not. @thread Any. */
int client_data_check(const struct slot *slot, const struct instance_setup *next,
                      struct fault_list *faults);

#endif
