/* An engine in memory, and doors to it: hosts of one process that share rooms. What is published
 * waits until fake_engine_turn() gives it a place and hands it to whoever wants its room then, each
 * host in turn. All may be called by many threads, but the turns: these are one thread's. */
#ifndef FAKE_DOOR_H
#define FAKE_DOOR_H

#include "rooms_fixture.h"

#include "rooms/remote.h"

#include <pthread.h>

enum { FAKE_DOORS = 2, FAKE_ROOMS = 64, FAKE_KEPT = 8, FAKE_RECOVERIES = 64 };

/* What an engine knows of a room, or of a namespace's channel. */
struct fake_room {
    char name[32]; /* NAMESPACE/ROOM */
    uint64_t offset;
    struct payload *kept[FAKE_KEPT]; /* the last messages, each at its offset modulo that */
    bool wanted[FAKE_DOORS];
};

struct fake_door {
    struct remote remote; /* first */
    struct fake_engine *engine;
    struct space *space; /* the default one of its host */
    uint32_t index;
    uint32_t wants, unwants; /* calls */
    int32_t want_result, publish_result, recover_result;
};

struct fake_engine {
    pthread_mutex_t mutex;
    struct fake_door doors[FAKE_DOORS];
    uint32_t door_count;
    struct fake_room rooms[FAKE_ROOMS];
    uint32_t room_count;
    struct fake_sent *first, **last;
    struct remote_recovery *recoveries[FAKE_RECOVERIES]; /* without an answer, the oldest first */
    uint32_t recovery_count;
    uint64_t epoch;     /* of all rooms */
    uint64_t published; /* messages, ever */
    int32_t refused;    /* what the last delivery that failed said; 0: none did */
};

void fake_engine_init(struct fake_engine *engine);

/** Nothing may wait in it. */
void fake_engine_finish(struct fake_engine *engine);

/** Makes a door for the default namespace of a host that has no clients yet, and opens it. */
struct fake_door *fake_door_open(struct fake_engine *engine, struct fixture *fixture);

/** The same for another namespace of that host. */
void fake_door_open_in(struct fake_door *door, struct space *space);

/** Gives places to what waits: to @p most messages. @return How many these were. */
uint32_t fake_engine_turn(struct fake_engine *engine, uint32_t most);

/** Answers the client that has come back first, out of what is kept.
 * @param why  WHY_NONE, or why it gets nothing. @return Whether there was one. */
bool fake_engine_recover(struct fake_engine *engine, enum cluster_why why);

/** Has nothing of a room's history any more but the last @p left. */
void fake_engine_trim(struct fake_engine *engine, const char *room, uint32_t left);

/** @return How many messages wait. */
uint32_t fake_engine_waiting(struct fake_engine *engine);

/** @return Whether the host behind a door wants a room of the default namespace. */
bool fake_door_wants(struct fake_door *door, const char *room);

/** @return How many rooms it wants. */
uint32_t fake_door_wanted(struct fake_door *door);

#endif
