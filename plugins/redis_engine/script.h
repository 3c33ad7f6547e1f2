/* The scripts that a server runs: what has to happen in one step is one. docs/shipped.md has the
 * keys. */
#ifndef REDIS_ENGINE_SCRIPT_H
#define REDIS_ENGINE_SCRIPT_H

/** Numbers that a room keeps, one for each node that has published into it; beyond that the quarter
 * of them that are the oldest goes. */
#define SCRIPT_NUMBERS_MOST "256"

/** Bytes of a node's name in a lease; more than hosts have. And of the name of a field that is no
 * lease, as it is answered. */
#define SCRIPT_NAME_MOST "256"
#define SCRIPT_STRANGE_MOST "64"

/** Fields of the hash of leases, which has 1,023 slots: beyond that those that are no leases are
 * taken out, as reading them all would take so long that nobody could renew his own. */
#define SCRIPT_FIELDS_MOST "4096"

/** The highest boot number that may have been given out: each is 2^30 at most above another, or a
 * clock in ms, so that it takes four billion leases to be there. What is above it was damaged or
 * forged, and a step more is below 2^63. */
#define SCRIPT_BOOT_MOST "4000000000000000"

/** The errors that tell of somebody else's key, which stands behind each. */
#define SCRIPT_SERVER_KEY "TONI_SERVER_KEY"
#define SCRIPT_LEASES_KEY "TONI_LEASES_KEY"
#define SCRIPT_NODE_KEY "TONI_NODE_KEY"

/** Seconds after which a list of servers is nobody's any more, and after which one that is still
 * somebody's is noted anew. Lists that are noted, bytes of one that is answered. */
#define SCRIPT_LIST_S "15"
#define SCRIPT_LIST_RENEWED_S "5"
#define SCRIPT_LISTS_MOST "64"
#define SCRIPT_LIST_MOST "400"

/** Bytes of the incarnations that a server has heard of, its own and others: 16, each behind a
 * space. The oldest is forgotten: a node that comes with that has rooms begin anew once more. */
#define SCRIPT_HEARD_SIZE "272"

/** Runs often, so it is sent once, and called by its digest: for one publish, or several.
 * KEYS: server, and of each publish its room, and if the room keeps a history its stream. ARGV:
 * incarnation, node, how long the rooms live in ms, what part of that time this is; and of each
 * publish number, number of the one that it may not overtake or "", proposed, epoch of a repeat or
 * "", kind, body, and for a history its messages and ms, else "" twice. A room's life is renewed
 * where that part is another than the room has noted: not each time, which would cost a tenth more.
 * Answers `I` (other incarnation), or of each publish, in a list if these are several: `L` (lost),
 * `N` (not run), `R` epoch offset (repeat), `A` epoch offset receivers, or an error. */
extern const char script_publish[];

/** KEYS: server, node. ARGV: proposed, this client's id, how long to know it in ms, the incarnation
 * that this node has had last by this server's name or "". Answers incarnation, engine id, version
 * of the server, the names of damaged fields that it has mended, a letter each, and the ids of this
 * node's older clients. */
extern const char script_hello[];

/** KEYS: server, node, lists. ARGV: incarnation, channel, message, how long the node is known in
 * ms, digest of the list of servers, what is said of it, how long that is known in ms. Answers `I`
 * or `A`; or a list of `A` and what hosts that are there say of other lists, three at most. */
extern const char script_probe[];

/** KEYS: server, rooms. ARGV: how long a room lives in ms. Answers one text: 32 digits a room. A
 * key that is no room counts as missing, as for a history. */
extern const char script_tops[];

/** KEYS: server, room, stream. ARGV: epoch, offset as in the stream, limit, 1 for the last, bytes.
 * Answers the top, and id, kind and body of each entry; or the top and an error: the stream can't
 * be read, for it is somebody else's key of another type. */
extern const char script_history[];

/** KEYS: server, leases. ARGV: incarnation, node, slot, ttl in ms (0: it is given back), 1 for
 * restoring, boot, floor, step, key of ids, name. Answers `I`, `F` (it has none: all slots are
 * taken, or it was given back), or slot, boot, key, the names of damaged fields of the server that
 * it has mended, a letter each, and each lease. Fields that are none count as missing; if there are
 * any, the last that is answered has slot 0, how many these are, 1 if they were taken out, else 0,
 * and the name of one of them. */
extern const char script_lease[];

#endif
