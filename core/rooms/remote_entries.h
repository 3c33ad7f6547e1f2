/* What an engine keeps of a room, as clients get it: without envelopes, and with positions where
 * they belong. */
#ifndef ROOMS_REMOTE_ENTRIES_H
#define ROOMS_REMOTE_ENTRIES_H

#include "cluster/output.h"
#include "rooms/histories.h"
#include "rooms/shared.h"

/** Makes messages of what an engine has kept. What toni has not sent is left out, as
 * remote_deliver() leaves it out; and so are notices that say what is lost, for one that was not
 * there.
 * @param was_there  It has to get all.
 * @param epoch    Of the room's numbers.
 * @param entries  As they are kept; borrowed.
 * @param made     Set: to be ended by entries_destroy(); NULL if the result is another.
 * @return IS_RECOVERED; NOT_TRIMMED: there is a notice among them; NOT_OUTBOX: one is larger than
 * this host delivers; NOT_NO_MEMORY. */
enum not_recovered remote_entries(struct space *space, toni_str room, uint64_t epoch,
                                  const struct entries *entries, bool was_there,
                                  struct entries **made);

#endif
