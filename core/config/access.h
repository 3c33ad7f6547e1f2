/* `hosts` and `origins` of gateways.conf: the names that this host goes by, and the pages of others
 * that may connect. */
#ifndef CONFIG_ACCESS_H
#define CONFIG_ACCESS_H

#include "config/setting.h"

#include <stdbool.h>
#include <stddef.h>

/** One that stands for any. */
#define ACCESS_ANY "*"

/** What a list holds; the strings are borrowed from the tree. */
struct access_list {
    const char **names; /* NULL: the list is not there */
    size_t count;
};

/** Reads `hosts`: names and addresses, without ports.
 * @param list  Filled in, to be given to access_list_finish().
 * @return 0, or -1 on no memory. */
int config_hosts_read(const struct section *section, struct access_list *list);

/** Reads `origins`: as browsers send them. The same otherwise. */
int config_origins_read(const struct section *section, struct access_list *list);

void access_list_finish(struct access_list *list);

#endif
