/* toni_join_room_since for instances: who asked is told as a task what came of it. */
#ifndef INSTANCE_COMEBACKS_H
#define INSTANCE_COMEBACKS_H

#include <toni/host.h>

/** Sets join_room_since in a table. */
void comebacks_fill_table(toni_host *table);

#endif
