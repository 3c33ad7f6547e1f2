/* `rooms` of a gateway in gateways.conf: who may come into which rooms, and have something sent to
 * which. What they say is in rooms/room_rules.h. */
#ifndef CONFIG_ROOM_RULES_H
#define CONFIG_ROOM_RULES_H

#include "config/setting.h"
#include "rooms/limits.h"

/** Reads the group, if the provider has it.
 * @param provider  Of a gateway; its faults get what is wrong.
 * @param limits    `room_rules` is set to the rules, with a reference; or left NULL.
 * @return 0, or -1 on no memory. */
int config_room_rules_read(const struct section *provider, struct limits *limits);

#endif
