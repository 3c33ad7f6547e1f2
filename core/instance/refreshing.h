/* Another token of a client whose guard has identified it (toni_client_refresh): who is asked, and
 * what becomes of the answer. Not about what ends a client whose token does; net/watching.h is. */
#ifndef INSTANCE_REFRESHING_H
#define INSTANCE_REFRESHING_H

#include <toni/host.h>

/** Fills in what toni/identity.h calls for that. */
void refreshing_fill_table(toni_host *table);

#endif
