/* What scripts/checks/abi reads the contract's types from: through the descriptor and the tables,
 * which lead to all others. */
#include <toni/toni.h>

const toni_plugin *abi_descriptor(void);
const toni_host *abi_table(void);
const struct toni_guard_table *abi_guard(void);
const toni_event_member *abi_event_member(void);

const toni_plugin *abi_descriptor(void)
{
    static const toni_plugin descriptor;
    return &descriptor;
}

const toni_host *abi_table(void)
{
    static const toni_host table;
    return &table;
}

const struct toni_guard_table *abi_guard(void)
{
    static const struct toni_guard_table table;
    return &table;
}

const toni_event_member *abi_event_member(void)
{
    static const toni_event_member member;
    return &member;
}
