/* Places; see places.h. The addresses with equally many waiting sockets form a level. One socket
 * more or less moves its address to the next level, so the highest level that has one is always
 * known. */
#include "net/places.h"

#include "base/clock.h"
#include "base/random.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define FIRST_LEVELS 8

/* How many to look at for one to end. */
#define LOOKS 16

struct places_address {
    struct hash_node node;
    struct address_key key;
    size_t places;                        /* that it has */
    size_t waiting;                       /* of these; its level */
    struct place *first, *last;           /* the waiting ones */
    struct places_address *before, *next; /* of its level */
};

int places_init(struct places *places, const char *name, uint64_t capacity, uint64_t per_address)
{
    *places = (struct places){.name = name, .capacity = capacity, .per_address = per_address};
    hash_table_init(&places->addresses);
    if (random_bytes(&places->hash_key, sizeof places->hash_key))
        return -1;
    return pthread_mutex_init(&places->mutex, NULL) ? -1 : 0;
}

void places_finish(struct places *places)
{
    hash_table_finish(&places->addresses, NULL, NULL);
    free(places->levels);
    pthread_mutex_destroy(&places->mutex);
}

/* --- Levels */

static void leave_level(struct places *places, struct places_address *address)
{
    struct places_level *level = &places->levels[address->waiting];
    *(address->before ? &address->before->next : &level->first) = address->next;
    *(address->next ? &address->next->before : &level->last) = address->before;
    address->before = address->next = NULL;
}

static void enter_level(struct places *places, struct places_address *address)
{
    struct places_level *level = &places->levels[address->waiting];
    address->before = level->last;
    *(level->last ? &level->last->next : &level->first) = address;
    level->last = address;
}

static void move_level(struct places *places, struct places_address *address, size_t waiting)
{
    if (address->waiting > 0)
        leave_level(places, address);
    address->waiting = waiting;
    if (waiting > 0)
        enter_level(places, address);
    if (waiting > places->highest)
        places->highest = waiting;
    else if (places->highest > 0 && !places->levels[places->highest].first)
        places->highest--; /* it was alone up there, and is on the next one now */
}

/* Before there is one more place: after that waiting can't fail. */
static int reserve_levels(struct places *places, size_t waiting)
{
    if (waiting < places->level_count)
        return 0;
    size_t count = places->level_count ? 2 * places->level_count : FIRST_LEVELS;
    struct places_level *levels = reallocarray(places->levels, count, sizeof *levels);
    if (!levels)
        return -1;
    memset(levels + places->level_count, 0, (count - places->level_count) * sizeof *levels);
    places->levels = levels;
    places->level_count = count;
    return 0;
}

/* --- Waiting */

static void begin_waiting(struct places *places, struct place *place)
{
    struct places_address *address = place->address;
    place->is_waiting = true;
    place->since_ms = clock_now_ms();
    place->next = NULL;
    place->before = address->last;
    *(address->last ? &address->last->next : &address->first) = place;
    address->last = place;
    counter_add(&places->waiting, 1);
    move_level(places, address, address->waiting + 1);
}

static void end_waiting(struct places *places, struct place *place)
{
    struct places_address *address = place->address;
    if (!place->is_waiting)
        return;
    place->is_waiting = false;
    *(place->before ? &place->before->next : &address->first) = place->next;
    *(place->next ? &place->next->before : &address->last) = place->before;
    counter_add(&places->waiting, (uint64_t)-1);
    move_level(places, address, address->waiting - 1);
}

/* Under the lock: so it is not closed yet, and its number nobody else's. Of one that is on its way
 * to a thread that is not certain: it is shut down when it arrives. */
static void evict(struct places *places, struct place *place)
{
    end_waiting(places, place);
    place->is_ended = true;
    places->ending++;
    if (place->has_owner)
        shutdown(place->fd, SHUT_RDWR);
    counter_add(&places->evicted, 1);
}

/* --- Addresses */

static bool key_match(const struct hash_node *node, const void *key)
{
    const struct places_address *address =
        (const struct places_address *)((const char *)node - offsetof(struct places_address, node));
    return memcmp(&address->key, key, sizeof address->key) == 0;
}

/* @return The address, made if there is none; NULL on no memory. */
static struct places_address *get_address(struct places *places, const struct address_key *key)
{
    uint64_t hash = hash_bytes(&places->hash_key, key, sizeof *key);
    struct hash_node *node = hash_table_find(&places->addresses, hash, key_match, key);
    if (node)
        return (struct places_address *)((char *)node - offsetof(struct places_address, node));
    struct places_address *address = calloc(1, sizeof *address);
    if (!address)
        return NULL;
    address->key = *key;
    if (hash_table_insert(&places->addresses, &address->node, hash)) {
        free(address);
        return NULL;
    }
    return address;
}

static void release_address(struct places *places, struct places_address *address)
{
    if (address->places > 0)
        return;
    hash_table_remove(&places->addresses, &address->node);
    free(address);
}

/* --- What listeners and connections do */

static const char *describe(const struct address_key *key, char text[ADDRESS_KEY_TEXT_SIZE])
{
    address_key_describe(key, text);
    return text;
}

static void report(struct places *places, const struct address_key *key)
{
    char text[ADDRESS_KEY_TEXT_SIZE];
    log_limited_by(&places->log_limit, LOG_LEVEL_WARN,
                   "no place is left: the address with the most sockets that wait loses its oldest",
                   log_str("setting", places->name), log_str("address", describe(key, text)),
                   log_uint("places", places->capacity));
}

bool places_have_room(const struct places *places, uint64_t open)
{
    return open < places->capacity || (open < places->capacity + places_spare(places->capacity) &&
                                       counter_read(&places->waiting) > 0);
}

/* Whether its client has said something that nobody has read yet. */
static bool is_unread(const struct place *place)
{
    char byte;
    return place->is_heard && recv(place->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* Under the lock. Who is not silent is put behind the others. @return NULL: there is none. */
static struct place *find_victim(struct places *places)
{
    const uint64_t now = clock_now_ms();
    for (int look = 0; look < LOOKS && places->highest > 0; look++) {
        struct place *oldest = places->levels[places->highest].first->first;
        if (now - oldest->since_ms < PLACES_GRACE_MS)
            return NULL;
        if (!is_unread(oldest))
            return oldest;
        end_waiting(places, oldest);
        begin_waiting(places, oldest);
    }
    return NULL;
}

void places_make_room(struct places *places, uint64_t open)
{
    struct address_key key;
    if (open <= places->capacity)
        return;
    pthread_mutex_lock(&places->mutex);
    bool has_ended = false;
    while (open > places->capacity + places->ending) {
        struct place *victim = find_victim(places);
        if (!victim)
            break;
        key = victim->address->key;
        has_ended = true;
        evict(places, victim);
    }
    pthread_mutex_unlock(&places->mutex);
    if (has_ended)
        report(places, &key);
}

/* Under the lock. */
static int take(struct places *places, struct place *place, int fd, const struct address_key *key)
{
    struct places_address *address = get_address(places, key);
    int result = address ? reserve_levels(places, address->places + 1) : -1;
    if (result == 0) {
        *place = (struct place){.address = address, .fd = fd, .is_heard = true};
        address->places++;
        if (places->per_address > 0 && address->waiting >= places->per_address)
            evict(places, address->first);
        begin_waiting(places, place);
    } else if (address) {
        release_address(places, address);
    }
    return result;
}

int places_take(struct places *places, struct place *place, int fd,
                const struct sockaddr_storage *peer)
{
    pthread_mutex_lock(&places->mutex);
    const struct address_key key = address_key_of(peer, places->unix_peers++);
    const int result = take(places, place, fd, &key);
    pthread_mutex_unlock(&places->mutex);
    return result;
}

int places_take_like(struct places *places, struct place *place, int fd, const struct place *other)
{
    pthread_mutex_lock(&places->mutex);
    const int result = take(places, place, fd, &other->address->key);
    pthread_mutex_unlock(&places->mutex);
    return result;
}

void places_arrive(struct places *places, struct place *place)
{
    pthread_mutex_lock(&places->mutex);
    place->has_owner = true;
    if (place->is_ended)
        shutdown(place->fd, SHUT_RDWR);
    pthread_mutex_unlock(&places->mutex);
}

void places_wait(struct places *places, struct place *place, bool is_heard)
{
    pthread_mutex_lock(&places->mutex);
    place->is_heard = is_heard;
    if (place->address && !place->is_ended) {
        end_waiting(places, place);
        begin_waiting(places, place);
    }
    pthread_mutex_unlock(&places->mutex);
}

void places_serve(struct places *places, struct place *place)
{
    pthread_mutex_lock(&places->mutex);
    if (place->address)
        end_waiting(places, place);
    pthread_mutex_unlock(&places->mutex);
}

bool places_has_ended(struct places *places, const struct place *place)
{
    pthread_mutex_lock(&places->mutex);
    const bool has_ended = place->is_ended;
    pthread_mutex_unlock(&places->mutex);
    return has_ended;
}

bool places_give_back(struct places *places, struct place *place)
{
    pthread_mutex_lock(&places->mutex);
    struct places_address *address = place->address;
    const bool was_ended = address && place->is_ended;
    if (address) {
        end_waiting(places, place);
        places->ending -= place->is_ended;
        place->address = NULL;
        address->places--;
        release_address(places, address);
    }
    pthread_mutex_unlock(&places->mutex);
    return was_ended;
}

size_t places_count_addresses(struct places *places)
{
    pthread_mutex_lock(&places->mutex);
    size_t count = places->addresses.count;
    pthread_mutex_unlock(&places->mutex);
    return count;
}
