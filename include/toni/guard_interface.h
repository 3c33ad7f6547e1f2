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
 *     static const struct toni_guard_table table = {.struct_size = sizeof table, .check = check};
 *
 *     TONI_PLUGIN(.kind = TONI_SERVICE, .name = TONI_LIT("tokens"), .create = create,
 *                 .provides = TONI_OFFERS(toni_guard, &table));
 *
 * All of guard.h and identity.h can be used: a ticket, values, header fields, the subprotocol, who
 * the client is. What one guard
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

    /** Checks another token of a client that `check` has identified (identity.h), since the one
     * before ends soon: calls toni_guard_identify, and toni_guard_add_claim, as `check` does; of
     * the other things that a guard leaves none can be left here, and it can't wait. The host sees
     * to it that the subject is the same. NULL, or not there by `struct_size`: clients are closed
     * when their tokens end.
     * @param self     The service's.
     * @param request  With what is readable in the gateway's callbacks; valid until it returns.
     * @param token    As the client sent it; borrowed for the call.
     * @return TONI_OK takes the identity; an error, such as TONI_ERR_UNAUTHORIZED, leaves the one
     * before.
     * @thread As `check`. @since ABI 1.0 */
    int32_t (*refresh)(void *self, const toni_request *request, toni_str token);
};

/** The size of a guard's table that can check, and no more. */
#define TONI_GUARD_TABLE_SIZE_LEAST                                                                \
    (offsetof(struct toni_guard_table, check) + sizeof(void (*)(void)))

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

/** Has a guard that was injected check another token, from within `refresh` of another one.
 * @param slot     Of toni_guard_inject.
 * @param request  As `refresh` got it.
 * @param token    The same.
 * @return What it returned; TONI_ERR_NOT_FOUND: there is none, or it takes no other tokens.
 * @thread The callback's. @since ABI 1.0 */
static inline int32_t toni_guard_refresh(const toni_guard_slot *slot, const toni_request *request,
                                         toni_str token)
{
    if (!slot->table || slot->table->struct_size < sizeof *slot->table || !slot->table->refresh)
        return TONI_ERR_NOT_FOUND;
    return slot->table->refresh(slot->self, request, token);
}

#endif
