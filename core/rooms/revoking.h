/* Revoking a subject (toni_revoke_subject): it is noted in the table of revocations, then all of
 * its clients are closed. Who is in a handshake meanwhile is in neither; so whoever makes a client
 * asks the table once more when that can be found (revoking_look). */
#ifndef ROOMS_REVOKING_H
#define ROOMS_REVOKING_H

#include "rooms/client.h"

#include <toni/host.h>

/** Revokes a subject in all namespaces.
 * @param closed  Set to how many clients were closed.
 * @return TONI_OK, TONI_ERR_INVALID (the subject), TONI_ERR_NO_MEMORY. @thread Any. */
int32_t revoking_revoke_everywhere(toni_connections *connections, toni_str subject,
                                   uint64_t *closed);

/** Notes what a line of another host's table says (rooms/revocations.h), and closes the clients
 * that it is about: those whose tokens are not younger.
 * @return As revocations_read_line(). @thread Any. */
int revoking_learn(toni_connections *connections, toni_str line);

/** Closes a client that has just got its identity, if its subject was revoked meanwhile. */
void revoking_look(toni_client *client);

/** Fills in what toni/identity.h calls for that. */
void revoking_fill_table(toni_host *table);

#endif
