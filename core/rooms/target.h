/* A target: whom a message is for, as a plugin builds it (toni_to_room and its kin). How it is sent
 * send.h says. */
#ifndef ROOMS_TARGET_H
#define ROOMS_TARGET_H

#include "rooms/shared.h"

#include <toni/host.h>

#include <stdint.h>

/* So many are kept in the target itself: what a chat sends then costs one allocation. */
#define TARGET_FEW_IDS 4
#define TARGET_SHORT_NAME 64

/* No gateway has a longer name: whoever names one names nobody. */
#define TARGET_NAME_MAX 255

struct target_ids {
    toni_client_id *ids; /* `few`, or allocated */
    uint32_t count;
    uint32_t capacity;
    toni_client_id few[TARGET_FEW_IDS];
};

struct target_names {
    toni_str *names; /* `first`, or allocated; each name is allocated but a short first one */
    uint32_t count;
    uint32_t capacity;
    toni_str first;
    char short_name[TARGET_SHORT_NAME];
};

struct toni_target {
    const toni_host *host; /* first, for ever: see toni/abi.h */
    struct space *space;
    int32_t error; /* the first that a step found */
    int32_t everyone;
    struct target_names rooms;
    struct target_names *gateways; /* with a door: named for the other hosts, too; or NULL */
    struct target_ids clients;
    struct target_ids except;
};

/** Notes what a step has found, if none has found anything before. */
void target_fail(toni_target *target, int32_t error);

/** Names a gateway. Only with a door: else its clients are named. */
void target_add_gateway(toni_target *target, toni_str gateway);

/** See toni_target_destroy. */
void target_destroy(toni_target *target);

/** Fills in the target builder of toni/connections.h: all but the sending. */
void target_fill_table(toni_host *table);

#endif
