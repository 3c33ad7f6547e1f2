/** @file
 * Clients, rooms and broadcasts: the ConnectionManager of the toni docs (page "Rooms").
 *
 * All functions may be called from any thread. None calls back into a plugin before it returns, and
 * none waits for a swap. A room exists while it has a member; its name is 1 to 255 bytes of UTF-8
 * without control characters.
 *
 * A handle reaches the clients and rooms of one namespace: that of the module in gateways.conf that
 * the instance belongs to. Modules that say none share the default one: there a service reaches the
 * rooms that any gateway filled, and a client of one gateway may come into the rooms of another by
 * their names. In a module with a `namespace` of its own nobody else sees them, and no client or
 * room of others is found: it is as if there were none.
 *
 * Order: a room's messages reach all its members in one order. What one thread does, a client sees
 * in program order, be it a broadcast, a direct send, a leave or a close. After the answer to a
 * leave nothing more of that room comes.
 *
 * In a cluster a room has members on several hosts, and what is sent to it reaches them all. Joins,
 * leaves, closes, and direct sends to clients of this host take effect at once, here. All else goes
 * to the engine first, and nobody gets it before it has come back, the members here included. So
 *
 * - a room's messages reach all its members on all hosts in one order, and those of one thread to
 *   one room in program order;
 * - whoever is a member of the room when a message arrives gets it: a direct send, a leave or a
 *   close may overtake one that was sent before, and who joins meanwhile gets it, too;
 * - what is for more than one room (several rooms, clients or gateways, or everybody) has an order
 *   of its own: beside the messages of one room it may come sooner on one host, later on another;
 * - whatever counts or lists clients and rooms is about this host alone, if it says nothing else:
 *   how many a message was for, toni_get_room_members, toni_room_count, the lists by pages.
 *
 * A client's id is good on all hosts: toni_join_room, toni_leave_room, toni_remove_client,
 * toni_close_client and toni_send_to_client hand on what is for a client of another host, and
 * return TONI_OK for that; cluster.h has the same calls with an answer. What is only read
 * (toni_get_client, toni_get_client_rooms) is of clients of this host.
 *
 * A namespace with `cluster = false` is each host's own, as without a cluster.
 *
 * A client that is being closed is no target any more, but stays a member of its rooms until its
 * `on_disconnect` has returned.
 */
#ifndef TONI_CONNECTIONS_H
#define TONI_CONNECTIONS_H

#include <toni/host.h>
#include <toni/send.h>

/** The name of the interface, for `needs` and toni_context_inject. Module `broadcast` exports it.
 */
#define TONI_CONNECTIONS_INTERFACE "toni.connections"

/** Adds a client to a room, and makes the room if it is the first. Joining twice changes nothing.
 * In a cluster the first member of a room on its host gets what the engine orders after it has
 * heard of that, within a round trip; all of that comes, or is told as a gap. What this host
 * publishes after the call is never before it.
 * @param connections  The injected handle.
 * @param client  The client's id.
 * @param room    UTF-8, 1 to 255 bytes; borrowed for the call.
 * @return TONI_OK; TONI_ERR_NOT_FOUND (no such client: no trace is left in the room),
 * TONI_ERR_INVALID (name), TONI_ERR_LIMIT (`rooms_per_client`, `memberships`; in a cluster also: so
 * many rooms as the host may have there), TONI_ERR_FORBIDDEN
 * (by `join` of `rooms`, in the client's gateway's own group of gateways.conf),
 * TONI_ERR_CLOSING, TONI_ERR_NO_MEMORY.
 * @thread Any. @since ABI 1.0 */
static inline int32_t toni_join_room(toni_connections *connections, toni_client_id client,
                                     toni_str room)
{
    return toni_host_of(connections)->join_room(connections, client, room);
}

/** Takes a client out of a room. What the calling thread broadcast to the room before still reaches
 * the client (in a cluster: if it has come back by then), nothing later does. Not being a member is
 * no error.
 * @param room  UTF-8, 1 to 255 bytes; borrowed for the call.
 * @return TONI_OK; TONI_ERR_NOT_FOUND (no such client), TONI_ERR_INVALID (name).
 * @thread Any. @since ABI 1.0 */
static inline int32_t toni_leave_room(toni_connections *connections, toni_client_id client,
                                      toni_str room)
{
    return toni_host_of(connections)->leave_room(connections, client, room);
}

/** Ends a client: from now on it is no target; what it was sent before goes out (for at most
 * `close_ms`), then it is closed with 1000. It leaves its rooms once its `on_disconnect` has
 * returned. Of a client that is being closed already it asks nothing more. Needs no memory.
 * @return TONI_OK; TONI_ERR_NOT_FOUND (no such client).
 * @thread Any. @since ABI 1.0 */
static inline int32_t toni_remove_client(toni_connections *connections, toni_client_id client)
{
    return toni_host_of(connections)->remove_client(connections, client);
}

/** Lists a room's members, those that are being closed included; but not those whose
 * `on_disconnect` has begun. So whoever joins a room and then lists it finds nobody of whom that
 * callback has told the room already that it has gone.
 * @param members  Set to a snapshot that the caller owns (toni_client_ids_destroy); NULL on an
 * error. A room that doesn't exist gives an empty one.
 * @return TONI_OK; TONI_ERR_INVALID (name), TONI_ERR_NO_MEMORY.
 * @thread Any. @since ABI 1.0 */
static inline int32_t toni_get_room_members(toni_connections *connections, toni_str room,
                                            toni_client_ids **members)
{
    return toni_host_of(connections)->get_room_members(connections, room, members);
}

/** Lists the rooms that a client is in.
 * @param rooms  Set to a snapshot that the caller owns (toni_room_names_destroy); NULL on an error.
 * @return TONI_OK; TONI_ERR_NOT_FOUND (no such client), TONI_ERR_NO_MEMORY.
 * @thread Any. @since ABI 1.0 */
static inline int32_t toni_get_client_rooms(toni_connections *connections, toni_client_id client,
                                            toni_room_names **rooms)
{
    return toni_host_of(connections)->get_client_rooms(connections, client, rooms);
}

/** Has all members of a room join another one; they stay in the first, too. In a cluster: those of
 * this host, as in the next two functions. Each joins by itself:
 * who comes meanwhile may not be among them, and who can't (a limit, no memory, it is being closed)
 * is left out.
 * @param room   Whose members; one that doesn't exist has none.
 * @param other  That they join; may be @p room.
 * @return How many are in @p other now; TONI_ERR_INVALID (a name), TONI_ERR_NO_MEMORY: nobody has
 * joined.
 * @thread Any. @since ABI 1.0 */
static inline int32_t toni_members_join(toni_connections *connections, toni_str room,
                                        toni_str other)
{
    return toni_host_of(connections)->members_join(connections, room, other);
}

/** Has all members of a room leave it, so that it ends, unless somebody comes meanwhile. What was
 * broadcast before still reaches them, as with toni_leave_room.
 * @return How many left; errors as toni_members_join. @thread Any. @since ABI 1.0 */
static inline int32_t toni_members_leave(toni_connections *connections, toni_str room)
{
    return toni_host_of(connections)->members_leave(connections, room);
}

/** Closes all members of a room, as toni_close_client does each.
 * @return How many: who is being closed already does not count. Errors as toni_members_join;
 * TONI_ERR_INVALID also for the code or reason. @thread Any. @since ABI 1.0 */
static inline int32_t toni_members_close(toni_connections *connections, toni_str room,
                                         uint16_t code, toni_str reason)
{
    return toni_host_of(connections)->members_close(connections, room, code, reason);
}

/** Lists clients by pages: of the namespace, of one of its gateways, of one of its rooms, or of
 * both.
 *
 *     toni_page page = TONI_PAGE_INIT;
 *     do {
 *         toni_client_ids *ids;
 *         if (toni_list_clients(connections, &page, &ids) != TONI_OK)
 *             break;
 *         …
 *         toni_client_ids_destroy(ids);
 *     } while (page.cursor != 0);
 *
 * Whoever is there from the first call to the last is listed exactly once; who comes or goes
 * meanwhile may be or not. The order says nothing. No lock is held between two calls, and within
 * one for a 64th of all clients at a time; of a room, for as long as toni_get_room_members takes.
 * @param page  `cursor` is set to where the next page begins; 0: this was the last one, which may
 * be empty. Left alone on an error. A gateway or room that doesn't exist has no clients.
 * @param ids   Set to a snapshot that the caller owns (toni_client_ids_destroy); NULL on an error.
 * @return TONI_OK; TONI_ERR_INVALID (the page, or a name in it), TONI_ERR_NO_MEMORY.
 * @thread Any. @since ABI 1.0 */
static inline int32_t toni_list_clients(toni_connections *connections, toni_page *page,
                                        toni_client_ids **ids)
{
    return toni_host_of(connections)->list_clients(connections, page, ids);
}

/** Lists the rooms of the namespace by pages; see toni_list_clients. One that is about to end, or
 * to get its first member, may be among them.
 * @param page   Neither `gateway` nor `room` may be set.
 * @param names  Set to a snapshot that the caller owns (toni_room_names_destroy); NULL on an error.
 * @return As toni_list_clients. @thread Any. @since ABI 1.0 */
static inline int32_t toni_list_rooms(toni_connections *connections, toni_page *page,
                                      toni_room_names **names)
{
    return toni_host_of(connections)->list_rooms(connections, page, names);
}

/** The namespace that the handle stands for: what the module says as `namespace` in gateways.conf.
 * @return Without a NUL behind it; empty for the default one. Borrowed: valid as long as the
 * handle.
 * @thread Any. @since ABI 1.0 */
static inline toni_str toni_namespace(toni_connections *connections)
{
    return toni_host_of(connections)->connections_namespace(connections);
}

/** @return How many rooms have a member. One counts until its `on_disconnect` has returned, here
 * and in toni_room_info. @thread Any. @since ABI 1.0 */
static inline uint64_t toni_room_count(toni_connections *connections)
{
    return toni_host_of(connections)->room_count(connections);
}

/** Looks at one client.
 * @param info  Set to a snapshot that the caller owns (toni_client_info_destroy); NULL on an error.
 * @return TONI_OK; TONI_ERR_NOT_FOUND (no such client), TONI_ERR_NO_MEMORY.
 * @thread Any. @since ABI 1.0 */
static inline int32_t toni_get_client(toni_connections *connections, toni_client_id client,
                                      toni_client_info **info)
{
    return toni_host_of(connections)->get_client(connections, client, info);
}

/** Looks at one room.
 * @param room  UTF-8, 1 to 255 bytes; borrowed for the call.
 * @param info  Set to a snapshot that the caller owns (toni_room_info_destroy); NULL on an error.
 * @return TONI_OK; TONI_ERR_NOT_FOUND (no such room), TONI_ERR_INVALID (name), TONI_ERR_NO_MEMORY.
 * @thread Any. @since ABI 1.0 */
static inline int32_t toni_get_room(toni_connections *connections, toni_str room,
                                    toni_room_info **info)
{
    return toni_host_of(connections)->get_room(connections, room, info);
}

/** The largest metadata of a room, in bytes: a buffer of this size takes any. */
#define TONI_ROOM_METADATA_MAX 1024

/** Gives a room its metadata: a small value, such as its topic or its owner, which the host keeps
 * beside the room and does not look at. It takes the place of the one before. It ends with the
 * room: once the last member has left, also where somebody joins a room of that name at once.
 * A swap of the gateway leaves it as it is; a restart of the host ends it, as it ends all rooms.
 * @param room   UTF-8, 1 to 255 bytes; borrowed for the call.
 * @param value  Any bytes, at most TONI_ROOM_METADATA_MAX; borrowed for the call. Empty: the room
 * has none from then on.
 * @return TONI_OK; an error, after which the one before is still there: TONI_ERR_NOT_FOUND (no
 * such room: nobody is in it), TONI_ERR_INVALID (name), TONI_ERR_TOO_BIG (the value),
 * TONI_ERR_LIMIT (`room_metadata_bytes`), TONI_ERR_NO_MEMORY. An empty value meets neither of the
 * last two.
 * @thread Any. @since ABI 1.0 */
static inline int32_t toni_set_room_metadata(toni_connections *connections, toni_str room,
                                             toni_str value)
{
    return toni_host_of(connections)->set_room_metadata(connections, room, value);
}

/** Copies a room's metadata: the whole of one that was set, however many threads set it meanwhile.
 * @param room      UTF-8, 1 to 255 bytes; borrowed for the call.
 * @param buffer    The caller's; may be NULL if @p capacity is 0. Nothing is put behind the value.
 * @param capacity  Of @p buffer, in bytes. TONI_ROOM_METADATA_MAX always suffices.
 * @param size      Set to the size of the metadata in bytes, 0 if the room has none; to 0 on an
 * error, but for TONI_ERR_TOO_BIG. Not NULL.
 * @return TONI_OK; TONI_ERR_NOT_FOUND (no such room: nobody is in it), TONI_ERR_INVALID (name),
 * TONI_ERR_TOO_BIG (it is larger than @p capacity, and was not copied).
 * @thread Any. @since ABI 1.0 */
static inline int32_t toni_get_room_metadata(toni_connections *connections, toni_str room,
                                             void *buffer, size_t capacity, size_t *size)
{
    return toni_host_of(connections)->get_room_metadata(connections, room, buffer, capacity, size);
}

/** Closes a client; what it was sent before goes out first (for at most `close_ms`). Of a client
 * that is being closed already it asks nothing more. Without memory for the reason the client is
 * told the code alone.
 * @param code    RFC 6455, section 7.4: 1000 to 1003, 1007 to 1014, 3000 to 4999.
 * @param reason  UTF-8, at most 123 bytes; borrowed for the call.
 * @return TONI_OK; TONI_ERR_NOT_FOUND (no such client), TONI_ERR_INVALID (code, or a reason that is
 * too long or not UTF-8).
 * @thread Any. @since ABI 1.0 */
static inline int32_t toni_close_client(toni_connections *connections, toni_client_id client,
                                        uint16_t code, toni_str reason)
{
    return toni_host_of(connections)->close_client(connections, client, code, reason);
}

/** @param ids  From toni_get_room_members; NULL is fine. @thread Any. @since ABI 1.0 */
static inline void toni_client_ids_destroy(toni_client_ids *ids)
{
    if (ids)
        ids->host->client_ids_destroy(ids);
}

/** @param names  From toni_get_client_rooms; NULL is fine. @thread Any. @since ABI 1.0 */
static inline void toni_room_names_destroy(toni_room_names *names)
{
    if (names)
        names->host->room_names_destroy(names);
}

/** @param info  From toni_get_client; NULL is fine. @thread Any. @since ABI 1.0 */
static inline void toni_client_info_destroy(toni_client_info *info)
{
    if (info)
        info->host->client_info_destroy(info);
}

/** @param info  From toni_get_room; NULL is fine. @thread Any. @since ABI 1.0 */
static inline void toni_room_info_destroy(toni_room_info *info)
{
    if (info)
        info->host->room_info_destroy(info);
}

/* --- The target builder: one message, sent once to each client, however many of the rooms it is
 * in.
 *
 *     toni_target *target = toni_to_room(connections, room);
 *     toni_target_to_room(target, other);
 *     toni_target_except(target, toni_client_id_of(client));
 *     int32_t targeted = toni_target_send(target, &message);
 *
 * The steps report no errors; toni_target_send reports the first. A NULL target (no memory) may be
 * handed on. One target belongs to one thread at a time.
 */

/** @return A target of one room's members. The caller owns it; toni_target_send or
 * toni_target_destroy ends it.
 * @thread Any. @since ABI 1.0 */
static inline toni_target *toni_to_room(toni_connections *connections, toni_str room)
{
    toni_target *target = toni_host_of(connections)->target_create(connections);
    if (target)
        toni_host_of(target)->target_to_room(target, room);
    return target;
}

/** A target of the clients of one gateway, those that are connected at the time of the call.
 * @param gateway  The gateway's name in gateways.conf; borrowed for the call. One that is not
 * there, or in another namespace, has no clients. An instance's own is toni_context_name. In a
 * cluster: the clients of all gateways of that name, when the message arrives.
 * @return The target; see toni_to_room. It costs more than toni_to_all, which is told by the room
 * of everyone: each client is looked up. @thread Any. @since ABI 1.0 */
static inline toni_target *toni_to_gateway(toni_connections *connections, toni_str gateway)
{
    toni_target *target = toni_host_of(connections)->target_create(connections);
    if (target)
        toni_host_of(target)->target_to_gateway(target, gateway);
    return target;
}

/** @return A target of every client of the namespace, in a cluster on all hosts. The caller owns
 * it; see toni_to_room. @thread Any. @since ABI 1.0 */
static inline toni_target *toni_to_all(toni_connections *connections)
{
    toni_target *target = toni_host_of(connections)->target_create(connections);
    if (target)
        toni_host_of(target)->target_to_all(target);
    return target;
}

/** @return A target of one client, in a cluster wherever it is. The caller owns it; see
 * toni_to_room. @thread Any. @since ABI 1.0 */
static inline toni_target *toni_to_client(toni_connections *connections, toni_client_id client)
{
    toni_target *target = toni_host_of(connections)->target_create(connections);
    if (target)
        toni_host_of(target)->target_to_client(target, client);
    return target;
}

/** Adds the members of one more room. @param room  Borrowed for the call. @since ABI 1.0 */
static inline void toni_target_to_room(toni_target *target, toni_str room)
{
    if (target)
        toni_host_of(target)->target_to_room(target, room);
}

/** Adds one client; one that doesn't exist adds nobody. @since ABI 1.0 */
static inline void toni_target_to_client(toni_target *target, toni_client_id client)
{
    if (target)
        toni_host_of(target)->target_to_client(target, client);
}

/** Adds the clients of one more gateway; see toni_to_gateway. @since ABI 1.0 */
static inline void toni_target_to_gateway(toni_target *target, toni_str gateway)
{
    if (target)
        toni_host_of(target)->target_to_gateway(target, gateway);
}

/** Leaves one client out, whatever else names it. @since ABI 1.0 */
static inline void toni_target_except(toni_target *target, toni_client_id client)
{
    if (target)
        toni_host_of(target)->target_except(target, client);
}

#endif
