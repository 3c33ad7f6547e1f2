/* The places of a listener, or of the TLS handshakes under way: how many sockets may be there, and
 * who loses his when there is none left. That is the address with the most sockets that the host
 * *waits for*, and of these the one that it has waited for longest: a socket that has not finished
 * its handshake, or over which HTTP neither has been asked for something nor is read. (One that has
 * sent what nobody has read yet waits for the host, so it is passed over.) So strangers who say
 * nothing can't keep others out, and who has many sockets pays first. One that is served is never
 * chosen.
 *
 * Each step takes the same time, however many sockets and addresses there are. All functions may be
 * called from any thread. Not about accepting; listener.h is. */
#ifndef NET_PLACES_H
#define NET_PLACES_H

#include "base/counter.h"
#include "base/hash.h"
#include "base/hash_table.h"
#include "base/log_limit.h"
#include "net/address_key.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* So long at least a client has to speak, or to read, before its socket may be ended. */
#define PLACES_GRACE_MS 20

/* Sockets that were ended, but are not closed yet by the thread that has them, may take so many
 * places beyond the last at most; see places_spare. */
#define PLACES_SPARE_MAX 128

/** @return Of so many places. */
static inline uint64_t places_spare(uint64_t capacity)
{
    uint64_t spare = capacity / 4 + 8;
    return spare < PLACES_SPARE_MAX ? spare : PLACES_SPARE_MAX;
}

struct places_address;

/** Of one socket; in memory of its owner's. */
struct place {
    struct places_address *address; /* NULL: it has none */
    struct place *before, *next;    /* of its address, in the order of waiting */
    uint64_t since_ms;              /* the host waits; clock_now_ms() */
    int fd;
    bool is_waiting; /* the host waits for the client */
    bool is_heard;   /* what it sends is read as it comes */
    bool has_owner;  /* the thread that it was handed to has it: it may be shut down */
    bool is_ended;   /* to make room */
};

/* Addresses that have as many waiting sockets as each other, in the order in which they came to
 * that number. */
struct places_level {
    struct places_address *first, *last;
};

struct places {
    const char *name;     /* of the setting that it is bound for; constant */
    uint64_t capacity;    /* sockets that may be open */
    uint64_t per_address; /* that may wait; 0: no such limit */
    struct hash_key hash_key;
    struct counter waiting; /* sockets, now; written under the mutex */
    struct counter evicted; /* sockets, ever; likewise */

    pthread_mutex_t mutex; /* a leaf: nothing else is locked under it. Guards the rest */
    struct hash_table addresses;
    struct places_level *levels; /* by the number of waiting sockets; none at 0 */
    size_t level_count;
    size_t highest;      /* level that has an address; 0: none has */
    uint64_t ending;     /* sockets that were ended and are not closed yet */
    uint64_t unix_peers; /* so far */

    struct log_limit log_limit;
};

/** @param name         Of the setting: "listen.http". Constant.
 * @param capacity     Sockets that may be open at once.
 * @param per_address  How many of one address may wait; of more its oldest is ended. 0: any number.
 * @return 0, or -1. */
int places_init(struct places *places, const char *name, uint64_t capacity, uint64_t per_address);

/** Nobody may have a place any more. */
void places_finish(struct places *places);

/** Asked before a socket is accepted.
 * @param open  How many the listener has, those that were ended and not closed yet included.
 * @return Whether there may be one more, for which another may have to go. If not, there is room as
 * soon as one that was ended is closed, or one that is served has nothing to do. */
bool places_have_room(const struct places *places, uint64_t open);

/** After a socket was accepted, and while there is room for none: if there are too many now, ends
 * those; shuts them down, whereby whoever has them closes them.
 * @param open  How many there are, with the new one. */
void places_make_room(struct places *places, uint64_t open);

/** Gives a socket a place, before it is handed to the thread that will have it: from now on the
 * host waits for the client.
 * @param place  The caller's memory, until places_give_back.
 * @param fd     Not closed before that.
 * @param peer   Whose it is.
 * @return 0, or -1 on no memory. */
int places_take(struct places *places, struct place *place, int fd,
                const struct sockaddr_storage *peer);

/** As places_take, of a socket that has a place elsewhere: it is of the same address here.
 * @param other  That place, which the caller's thread has. */
int places_take_like(struct places *places, struct place *place, int fd, const struct place *other);

/** The thread has the socket, and notices if it is shut down. One that was to go meanwhile is now.
 */
void places_arrive(struct places *places, struct place *place);

/** The host waits for the client from now on, anew if it did before.
 * @param is_heard  What the client sends is read as it comes; else it is the client that shall
 * read.
 */
void places_wait(struct places *places, struct place *place, bool is_heard);

/** The client is served: the socket is not ended to make room. */
void places_serve(struct places *places, struct place *place);

/** @return Whether it was ended to make room: it is closed without further ado. */
bool places_has_ended(struct places *places, const struct place *place);

/** The socket is about to be closed, or needs it no longer. Does nothing if it has no place (any
 * more). @return Whether it was ended to make room. */
bool places_give_back(struct places *places, struct place *place);

/** @return How many addresses have a place. */
size_t places_count_addresses(struct places *places);

#endif
