/* A worker's calls to gateways for one client: whatever instance is in the slot at the moment. Not
 * about what the connection makes of the results: an error is returned, and ended there.
 *
 * When the instance was exchanged, a client is handed on before the first callback of the new one
 * for it: what the old one kept with it is released, and `on_adopt` is called. All on the client's
 * worker. */
#ifndef NET_GATEWAY_H
#define NET_GATEWAY_H

#include "instance/slot.h"
#include "net/worker.h"
#include "rooms/client.h"
#include "rooms/request.h"

#include <stdbool.h>
#include <stdint.h>

/** A client, and whose it is. */
struct gateway_client {
    struct worker *worker;
    struct slot *slot;   /* NULL before the handshake */
    toni_client *client; /* NULL before the handshake and after the end */
    uint32_t generation; /* of the instance that the client is known to */
    bool is_refused;     /* by `on_connect`: it gets no `on_disconnect` */
};

/** How far a handshake has come with the guards of its gateway; zero at first. */
struct guard_chain {
    size_t next;         /* of the list that is to be asked; behind it comes the gateway's own */
    struct slot *asked;  /* whose guard was asked last */
    uint32_t generation; /* of the instance that it was */
    bool is_over;        /* all have been asked */
    bool has_answer;     /* the last one was really asked: a gateway need not have a guard */
};

/** Asks the next guard. Notes in @p served whose guards they are, with the first.
 * @param result  Set to what it returned: see instance_guard().
 * @return Whether it is still the instance whose guards they are; if not, nobody was asked. */
bool gateway_guard(struct gateway_client *served, struct guard_chain *chain,
                   const toni_request *request, int32_t *result);

/** @return Whether the instance that was asked last, and the one whose guard that is, are those
 * that answer there now. */
bool gateway_has_guard(const struct gateway_client *served, const struct guard_chain *chain);

/** The client is there by now. @return See instance_on_connect(). */
int32_t gateway_on_connect(struct gateway_client *served);

/** Counts and logs what `on_connect` returned. */
void gateway_refused(struct gateway_client *served, int32_t error);

/** @return See instance_on_message(); 1011 if `on_adopt` failed before. A client that is being
 * closed gets nothing. */
uint16_t gateway_on_message(struct gateway_client *served, const toni_message *message);

/** The same, for `on_drained`. */
uint16_t gateway_on_drained(struct gateway_client *served);

/** The client has ended; it is taken out of @p served already.
 * @param info  NULL: the gateway is not told, but releases what it kept. */
void gateway_on_disconnect(struct gateway_client *served, toni_client *client,
                           const toni_disconnect_info *info);

/** Hands the client on, if that is due. @return TONI_OK, or what `on_adopt` returned. */
int32_t gateway_adopt(struct gateway_client *served);

#endif
