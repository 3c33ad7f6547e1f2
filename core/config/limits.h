/* The groups `limits` of gateways.conf, read into the limits of rooms/limits.h. */
#ifndef CONFIG_LIMITS_H
#define CONFIG_LIMITS_H

#include "config/fault.h"
#include "config/setting.h"
#include "rooms/limits.h"

/** Reads a group of limits.
 * @param group   A group.
 * @param scope   LIMIT_HOST takes all limits; LIMIT_GATEWAY only those that a gateway may have.
 * @param title   Of the group, for messages.
 * @param limits  Changed where the group sets something that is good.
 * @param faults  Gets unknown keys, wrong types and numbers out of range. */
void config_limits_read(const struct value *group, enum limit_scope scope, const char *title,
                        struct limits *limits, struct fault_list *faults);

/** Reads `deflate` and `deflate_above`, which stand in the provider itself.
 * @param limits  Changed where the provider sets something that is good. */
void config_deflate_read(const struct section *provider, struct limits *limits);

/** Reads `refuse` of a gateway. */
void config_refuse_read(const struct section *provider, struct limits *limits);

/** Reads `list_rooms` of a gateway. */
void config_list_rooms_read(const struct section *provider, struct limits *limits);

#endif
