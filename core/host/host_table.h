/* The host's function table, put together from what each folder of the core offers to plugins. */
#ifndef HOST_HOST_TABLE_H
#define HOST_HOST_TABLE_H

#include <toni/host.h>

/** @return The whole table. It stays where it is until the process ends: plugins may decide tickets
 * of guards when all else has gone. */
const toni_host *host_table(void);

#endif
