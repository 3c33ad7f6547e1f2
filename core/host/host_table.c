/* The host's function table; see host_table.h. */
#include "host/host_table.h"

#include "http/exchange.h"
#include "instance/comebacks.h"
#include "instance/context.h"
#include "instance/guard_ticket.h"
#include "instance/plugin_figures.h"
#include "instance/refreshing.h"
#include "instance/state.h"
#include "instance/tasks.h"
#include "rooms/api.h"

static void fill(toni_host *table)
{
    *table = (toni_host){
        .struct_size = sizeof *table,
        .abi_major = TONI_ABI_MAJOR,
        .abi_minor = TONI_ABI_MINOR,
    };
    api_fill_table(table);
    context_fill_table(table);
    guard_fill_table(table);
    refreshing_fill_table(table);
    http_exchange_fill_table(table);
    tasks_fill_table(table);
    comebacks_fill_table(table);
    asking_fill_table(table);
    plugin_figures_fill_table(table);
    state_fill_table(table);
}

const toni_host *host_table(void)
{
    static toni_host table;

    fill(&table);
    return &table;
}
