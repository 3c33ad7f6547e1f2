/* The table of what is not answered: calls and requests, by handle and by client. */
#include "events_private.h"

#include <stdlib.h>
#include <string.h>

#define CAPACITY_FIRST 64u
/* An instance has no more tasks, and each of these may have a timer. */
#define CAPACITY_MOST 65536u

static uint32_t bucket_of(const toni_events *events, toni_client_id client)
{
    return (uint32_t)((client * 0x9e3779b97f4a7c15u) >> 32) & (events->capacity - 1);
}

static void put_into_bucket(toni_events *events, uint32_t place)
{
    uint32_t *bucket = &events->buckets[bucket_of(events, events->entries[place].client)];
    events->entries[place].next = *bucket;
    *bucket = place;
}

/* Twice as many places, and the buckets anew. */
static int32_t grow(toni_events *events)
{
    const uint32_t capacity = events->capacity > 0 ? events->capacity * 2 : CAPACITY_FIRST;
    if (capacity > CAPACITY_MOST)
        return TONI_ERR_LIMIT;
    struct entry *entries = realloc(events->entries, capacity * sizeof *entries);
    if (entries)
        events->entries = entries;
    uint32_t *buckets = entries ? malloc(capacity * sizeof *buckets) : NULL;
    if (!buckets)
        return TONI_ERR_NO_MEMORY;
    free(events->buckets);
    events->buckets = buckets;
    memset(buckets, 0xff, capacity * sizeof *buckets); /* NO_PLACE */
    const uint32_t before = events->capacity;
    events->capacity = capacity;
    for (uint32_t place = before; place < capacity; place++)
        entries[place] = (struct entry){.next = place + 1 < capacity ? place + 1 : NO_PLACE};
    events->free_place = before;
    for (uint32_t place = 0; place < before; place++)
        put_into_bucket(events, place); /* it was full */
    return TONI_OK;
}

int32_t entry_add(toni_events *events, toni_client_id client, struct entry **entry)
{
    if (events->free_place == NO_PLACE) {
        const int32_t grown = grow(events);
        if (grown != TONI_OK)
            return grown;
    }
    const uint32_t place = events->free_place;
    struct entry *added = &events->entries[place];
    events->free_place = added->next;
    events->generation++;
    *added =
        (struct entry){.id = (uint64_t)events->generation << 32 | (place + 1), .client = client};
    put_into_bucket(events, place);
    events->figures.in_flight++;
    toni_gauge_set(events->in_flight, (double)events->figures.in_flight);
    *entry = added;
    return TONI_OK;
}

struct entry *entry_find(toni_events *events, uint64_t id)
{
    const uint64_t place = (id & UINT32_MAX) - 1;
    if (id == 0 || place >= events->capacity || events->entries[place].id != id)
        return NULL;
    return &events->entries[place];
}

/* @return The first of the client from there on in its bucket. */
static struct entry *first_of(toni_events *events, uint32_t place, toni_client_id client)
{
    while (place != NO_PLACE && events->entries[place].client != client)
        place = events->entries[place].next;
    return place != NO_PLACE ? &events->entries[place] : NULL;
}

struct entry *entry_of_client(toni_events *events, toni_client_id client)
{
    if (events->capacity == 0)
        return NULL;
    return first_of(events, events->buckets[bucket_of(events, client)], client);
}

struct entry *entry_of_call(toni_events *events, toni_client_id client, const json_t *wire_id)
{
    struct entry *entry = entry_of_client(events, client);
    while (entry && (entry->is_request || !json_equal(entry->wire_id, wire_id)))
        entry = first_of(events, entry->next, client);
    return entry;
}

struct entry *entry_of_request(toni_events *events, toni_client_id client, uint64_t number)
{
    struct entry *entry = entry_of_client(events, client);
    while (entry && (!entry->is_request || entry->number != number))
        entry = first_of(events, entry->next, client);
    return entry;
}

size_t entry_count(toni_events *events, toni_client_id client, bool is_request)
{
    size_t count = 0;
    for (struct entry *entry = entry_of_client(events, client); entry;
         entry = first_of(events, entry->next, client))
        count += entry->is_request == is_request;
    return count;
}

struct entry entry_take(toni_events *events, struct entry *entry)
{
    const struct entry taken = *entry;
    const uint32_t place = (uint32_t)(entry - events->entries);
    uint32_t *link = &events->buckets[bucket_of(events, entry->client)];
    while (*link != place)
        link = &events->entries[*link].next;
    *link = entry->next;
    *entry = (struct entry){.next = events->free_place};
    events->free_place = place;
    events->figures.in_flight--;
    toni_gauge_set(events->in_flight, (double)events->figures.in_flight);
    return taken;
}
