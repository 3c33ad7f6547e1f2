/* What scripts/checks/abi reads the contract's types from: through the descriptor and the table,
 * which lead to all others. */
#include <toni/toni.h>

const toni_plugin *abi_descriptor(void);
const toni_host *abi_table(void);

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
