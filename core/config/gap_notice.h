/* `gap_notice` and `gap_event` of a gateway in gateways.conf: what its clients are told of messages
 * that they don't get. The one file of the configuration that makes JSON: an event is JSON, and the
 * rooms, which tell of it, know none. */
#ifndef CONFIG_GAP_NOTICE_H
#define CONFIG_GAP_NOTICE_H

#include "config/setting.h"
#include "rooms/limits.h"

/** Reads what the provider has of the two.
 * @param provider  Of a gateway; its faults get what is wrong.
 * @param limits    `gap_notice` is set to the notice, with a reference; or left NULL.
 * @return 0, or -1 on no memory. */
int config_gap_notice_read(const struct section *provider, struct limits *limits);

#endif
