/* Users and groups of this machine, by name or by number. */
#ifndef CONFIG_ACCOUNT_H
#define CONFIG_ACCOUNT_H

#include <stdbool.h>
#include <sys/types.h>

/** Looks a user up.
 * @param text   Its name, or its number.
 * @param user   Filled in.
 * @param group  Its own group; filled in if @p has_group.
 * @return Whether there is one. A number need not be known to this machine; then it has no group.
 */
bool account_find_user(const char *text, uid_t *user, gid_t *group, bool *has_group);

/** Looks a group up. @param text  Its name, or its number: that need not be known to this machine.
 * @return Whether there is one. */
bool account_find_group(const char *text, gid_t *group);

#endif
