/* See client_data.h. */
#include "instance/client_data.h"

#include <inttypes.h>

int client_data_check(const struct slot *slot, const struct instance_setup *next,
                      struct fault_list *faults)
{
    const uint64_t carrying = counter_read(&slot->clients.carrying);

    if ((slot->kind & TONI_GATEWAY) == 0 || next->plugin->descriptor.on_adopt || carrying == 0)
        return 0;
    fault_at(faults, next->at,
             "module `%s`: gateway `%s`: %" PRIu64
             " %s data of the version that runs (toni_client_set_data), and the new "
             "version has no on_adopt to give them its own: nothing is changed; add on_adopt, or "
             "`toni restart`",
             next->module, next->name, carrying,
             carrying == 1 ? "client carries" : "clients carry");
    return -1;
}
