/** @file
 * The interface of guards: a service that offers it decides for gateways who may connect.
 *
 * A gateway, or a module for all of its gateways, names its guards in gateways.conf:
 *
 *     { gateway = "rooms"; library = "rooms_gateway.so"; guards = [ "tokens", "quota" ]; }
 *
 * They are asked in that order, those of the module first, and the gateway's own `guard` last. The
 * first that refuses decides; who comes after it is not asked. `guard_ms` limits all together.
 *
 *     static int32_t check(void *self, const toni_request *request)
 *     {
 *         toni_str token;
 *         (void)self;
 *         if (toni_request_parameter(request, TONI_LIT("token"), &token) != TONI_OK)
 *             return toni_guard_refuse(request, 401, TONI_LIT("a token, please"));
 *         return toni_guard_leave_value(request, TONI_LIT("user"), token);
 *     }
 *
 *     static const struct toni_guard_table table = {sizeof table, check};
 *
 *     TONI_PLUGIN(.kind = TONI_SERVICE, .name = TONI_LIT("tokens"), .create = create,
 *                 .provides = TONI_OFFERS(toni_guard, &table));
 *
 * All of guard.h can be used: a ticket, values, header fields, the subprotocol. What one guard
 * leaves the next one finds: toni_request_value reads it, and a second value of a name replaces the
 * first.
 *
 * @since ABI 1.0
 */
#ifndef TONI_GUARD_INTERFACE_H
#define TONI_GUARD_INTERFACE_H

#include <toni/error.h>
#include <toni/guard.h>
#include <toni/service.h>

/** What a guard offers. */
struct toni_guard_table {
    uint32_t struct_size;

    /** Checks one request.
     * @param self     The service's.
     * @param request  Valid until it returns; beyond that through a ticket.
     * @return As `guard` of a gateway: TONI_OK lets pass; toni_guard_refuse, or an error, refuses;
     * TONI_LATER decides later.
     * @thread A worker; several at a time, whatever the service's flags say. It must not block. */
    int32_t (*check)(void *self, const toni_request *request);
};

TONI_DECLARE_INTERFACE(toni_guard, 1);

/** Asks a guard that was injected, from within another one, or from `guard` of a gateway.
 * @param slot     Of toni_guard_inject.
 * @param request  Of the running guard.
 * @return What it returned, to be returned by the caller if it is not TONI_OK;
 * TONI_ERR_NOT_FOUND: there is none.
 * @thread The guard's. @since ABI 1.0 */
static inline int32_t toni_guard_check(const toni_guard_slot *slot, const toni_request *request)
{
    if (!slot->table)
        return TONI_ERR_NOT_FOUND;
    return slot->table->check(slot->self, request);
}

#endif
