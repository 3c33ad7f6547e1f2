/** @file
 * Who a client is: what a guard has found out stays with the client, for all callbacks, over swaps
 * of the gateway and of the guard.
 *
 * A guard that has checked a token says whose it is, and until when it holds:
 *
 *     const toni_identity identity = {.struct_size = sizeof identity,
 *                                     .subject = subject,
 *                                     .issued_s = issued_s,
 *                                     .expires_s = expires_s};
 *     int32_t result = toni_guard_identify(request, &identity);
 *     if (result == TONI_OK)
 *         result = toni_guard_add_claim(request, TONI_LIT("rooms"), TONI_LIT("news-*"));
 *     return result;
 *
 * A connection ends when its token does: the host closes it with 4001 "token expired", by the wall
 * clock. Before that the client may send another token, which its gateway hands to
 * toni_client_refresh.
 *
 * @since ABI 1.0
 */
#ifndef TONI_IDENTITY_H
#define TONI_IDENTITY_H

#include <toni/host.h>

/** What a connection is closed with when its token has ended, or its subject was revoked. */
#define TONI_CLOSE_TOKEN 4001u

/* --- Guards. As what else a guard leaves (guard.h): before it returns; or, once it has a ticket,
 * through toni_guard_request(ticket), before that is decided; or in `refresh` of a guard's table
 * (guard_interface.h). Elsewhere each call gives TONI_ERR_INVALID. */

/** Says who the client is. The last call counts, also among several guards, and begins anew: claims
 * that were added before are gone.
 *
 * A subject that was revoked (toni_revoke_subject) can be identified as any: the host answers 401
 * once the guards have decided, if the token is not younger than that.
 * @param identity  Copied. The subject is 1 to 256 bytes of UTF-8 without control characters.
 * @return TONI_OK; TONI_ERR_UNAUTHORIZED (`expires_s` is over already), TONI_ERR_INVALID (the
 * subject; a negative time; no guard runs), TONI_ERR_NO_MEMORY.
 * @thread The guard's; through a ticket any, one at a time. @since ABI 1.0 */
static inline int32_t toni_guard_identify(const toni_request *request,
                                          const toni_identity *identity)
{
    return toni_host_of(request)->guard_identify(request, identity);
}

/** Adds a claim of whom toni_guard_identify has named. Several values of one name are a list, in
 * this order.
 * @param name   1 to 256 bytes of UTF-8 without control characters, such as "rooms".
 * @param value  Any bytes, also none; copied.
 * @return TONI_OK; TONI_ERR_INVALID (the name; nobody is identified; no guard runs), TONI_ERR_LIMIT
 * (more than 64 values), TONI_ERR_TOO_BIG (more than 8,192 bytes of all, a name counted with each
 * of its values).
 * @thread As toni_guard_identify. @since ABI 1.0 */
static inline int32_t toni_guard_add_claim(const toni_request *request, toni_str name,
                                           toni_str value)
{
    return toni_host_of(request)->guard_add_claim(request, name, value);
}

/* --- Gateways. What is read is borrowed: until the callback returns, or toni_client_refresh gives
 * the client another identity. */

/** @return Who the client is; empty: no guard has said so. @thread The callback's. @since ABI 1.0
 */
static inline toni_str toni_client_subject(const toni_client *client)
{
    return toni_host_of(client)->client_subject(client);
}

/** Reads all of the client's identity but the claims.
 * @param identity  Its `struct_size` is set by the caller; filled in as far as that. Left alone on
 * an error.
 * @return TONI_OK; TONI_ERR_NOT_FOUND (no guard has said who it is), TONI_ERR_INVALID
 * (`struct_size`). @thread The callback's. @since ABI 1.0 */
static inline int32_t toni_client_identity(const toni_client *client, toni_identity *identity)
{
    return toni_host_of(client)->client_identity(client, identity);
}

/** Reads a claim.
 * @param index  Of several values of that name; 0 is the first.
 * @param value  Set to the value, with a NUL behind it; left alone on an error.
 * @return TONI_OK; TONI_ERR_NOT_FOUND: behind the last value, there is none, or no guard has said
 * who the client is. @thread The callback's. @since ABI 1.0 */
static inline int32_t toni_client_claim(const toni_client *client, toni_str name, uint32_t index,
                                        toni_str *value)
{
    return toni_host_of(client)->client_claim(client, name, index, value);
}

/** Hands another token of the client to the guard that has identified it: to `refresh` of its table
 * (guard_interface.h), also when that guard was swapped meanwhile. If it is good, it takes the
 * place of the one before: with its claims, and the client is closed when this one ends. The client
 * stays in its rooms. It must be of the same subject. If it is not good, nothing changes.
 * @param token  As the client sent it; borrowed for the call.
 * @return TONI_OK; TONI_ERR_NOT_FOUND (no guard has said who the client is, or that guard is not
 * among the gateway's any more, or takes no other tokens), TONI_ERR_FORBIDDEN (another subject),
 * TONI_ERR_UNAUTHORIZED (it is over, or the subject was revoked after it was issued),
 * TONI_ERR_NO_MEMORY, or what the guard returned. All of these leave the client as it is; a gateway
 * that hands them on as its callback's result does, too, but for errors of the guard's own: see
 * toni_error_is_refusal.
 * @thread The callback's. @since ABI 1.0 */
static inline int32_t toni_client_refresh(toni_client *client, toni_str token)
{
    return toni_host_of(client)->client_refresh(client, token);
}

/* --- Anybody */

/** Revokes a subject, in the namespace of the handle: its clients are closed at once, with 4001
 * "revoked"; who is in a handshake is refused with 401. Tokens of it that were issued by now, or do
 * not say when, are refused from now on, for `revocation_s` of gateways.conf; younger ones are let
 * in. That is kept over restarts, if the host has a folder for its state: see operations.md.
 * @param subject  As toni_guard_identify takes it; also one that nobody has.
 * @return How many clients were closed; TONI_ERR_INVALID (the subject), TONI_ERR_NO_MEMORY: nothing
 * has changed. @thread Any. @since ABI 1.0 */
static inline int32_t toni_revoke_subject(toni_connections *connections, toni_str subject)
{
    return toni_host_of(connections)->revoke_subject(connections, subject);
}

#endif
