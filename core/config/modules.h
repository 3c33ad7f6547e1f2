/* The list `modules` of gateways.conf. */
#ifndef CONFIG_MODULES_H
#define CONFIG_MODULES_H

#include "config/config.h"

/** Reads the modules and their providers.
 * @param config  Its limits are what gateways begin with; modules are filled in.
 * @param list    The setting `modules`, a list; its tree is the config's.
 * @param faults  Gets all that is wrong.
 * @return 0, or -1 on no memory. */
int config_modules_read(struct config *config, const struct value *list, struct fault_list *faults);

/** Frees what config_modules_read() allocated. */
void config_modules_finish(struct config *config);

#endif
