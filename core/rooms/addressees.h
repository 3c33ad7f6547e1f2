/* Addressees: whom a multicast is for: the rooms and clients that its target names, and who is left
 * out. Finds them, locks them, and counts how many different clients they are. */
#ifndef ROOMS_ADDRESSEES_H
#define ROOMS_ADDRESSEES_H

#include "rooms/target.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct addressees {
    struct space *space; /* all of them are of */
    struct room **rooms; /* by ascending id, none twice; a reference to each */
    uint32_t room_count;
    uint32_t client_count;
    uint32_t except_count;
    bool is_everyone;      /* `rooms` is that of everyone */
    bool is_of_room;       /* the message is one of `rooms`, its only one, though it leave some out;
                              none: the room is not there */
    toni_client **clients; /* see client_list.h; none of `except` */
    toni_client **except;
};

/** Finds those that there are.
 * @param to  Zero; to be finished, also if this fails. @return 0, or -1 on no memory. */
int addressees_find(struct addressees *to, const toni_target *target);

void addressees_finish(struct addressees *to);

/** @return What the message is about if it is one room's, or everyone's, though some be left out;
 * NULL: it is not. */
struct topic *addressees_topic(const struct addressees *to);

/** @return Whether somebody takes a message of this size compressed. */
bool addressees_deflate(const struct addressees *to, size_t size);

/** Locks the rooms, and of the clients those that addressees_count asks. */
void addressees_lock(const struct addressees *to);

void addressees_unlock(const struct addressees *to);

/** Counts each client once. Under the locks.
 * @param targeted  Set to how many they are. @return 0, or -1 on no memory. */
int addressees_count(const struct addressees *to, uint32_t *targeted);

#endif
