/* The host's function table; see host_table.h. */
#include "host/host_table.h"

#include "net/http_exchange.h"
#include "rooms/connections.h"
#include "wiring/context.h"
#include "wiring/state.h"
#include "wiring/tasks.h"

void host_table_fill(toni_host *table)
{
    *table = (toni_host){
        .struct_size = sizeof *table,
        .abi_major = TONI_ABI_MAJOR,
        .abi_minor = TONI_ABI_MINOR,
    };
    connections_fill_table(table);
    context_fill_table(table);
    http_exchange_fill_table(table);
    tasks_fill_table(table);
    state_fill_table(table);
}
