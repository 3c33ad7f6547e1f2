/* The host's function table, put together from what each folder of the core offers to plugins. */
#ifndef HOST_HOST_TABLE_H
#define HOST_HOST_TABLE_H

#include <toni/host.h>

/** Fills in the whole table. */
void host_table_fill(toni_host *table);

#endif
