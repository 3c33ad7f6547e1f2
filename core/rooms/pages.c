/* See pages.h. The key is the hash that an entry has in its table, turned so that the bits which
 * choose its stripe come first: then stripe after stripe is in ascending order. A cursor is the
 * lowest key that the next page may have. */
#include "rooms/pages.h"

#include "rooms/client.h"
#include "rooms/room_table.h"
#include "rooms/rules.h"
#include "rooms/target.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <toni/connections.h>

#define PAGE_USUAL 100

/* See registry_lock(): bits 32 to 37 of a hash are its stripe. */
#define KEY_TURN 26

static uint64_t key_of(uint64_t hash)
{
    return hash << KEY_TURN | hash >> (64 - KEY_TURN);
}

static uint32_t stripe_of(uint64_t key)
{
    return (uint32_t)(key >> 58);
}

static uint64_t any_hash_in(uint32_t stripe)
{
    return (uint64_t)stripe << 32;
}

_Static_assert(STRIPES == 64, "a stripe has the six highest bits of a key");

/* --- The lowest entries of a stripe: a heap with the highest on top */

struct listed {
    uint64_t key;
    struct hash_node *node;
};

struct lowest {
    struct listed *entries;
    size_t count;
    size_t most;
};

static void swap_entries(struct listed *a, struct listed *b)
{
    const struct listed kept = *a;
    *a = *b;
    *b = kept;
}

static void sift_up(struct listed *entries, size_t at)
{
    while (at > 0 && entries[(at - 1) / 2].key < entries[at].key) {
        swap_entries(&entries[(at - 1) / 2], &entries[at]);
        at = (at - 1) / 2;
    }
}

static void sift_down(struct listed *entries, size_t count)
{
    for (size_t at = 0, child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && entries[child + 1].key > entries[child].key)
            child++;
        if (entries[at].key >= entries[child].key)
            return;
        swap_entries(&entries[at], &entries[child]);
    }
}

static void offer(struct lowest *lowest, uint64_t key, struct hash_node *node)
{
    if (lowest->count < lowest->most) {
        lowest->entries[lowest->count] = (struct listed){key, node};
        sift_up(lowest->entries, lowest->count++);
    } else if (key < lowest->entries[0].key) {
        lowest->entries[0] = (struct listed){key, node};
        sift_down(lowest->entries, lowest->count);
    }
}

static int by_key(const void *a, const void *b)
{
    const uint64_t left = ((const struct listed *)a)->key, right = ((const struct listed *)b)->key;
    return (left > right) - (left < right);
}

/* --- A page of a table */

/* What is listed. */
struct listing {
    const struct space *space; /* NULL: of all namespaces */
    toni_str gateway;          /* of clients: only of this one; empty: of all */
    bool (*is_wanted)(const struct listing *listing, const struct hash_node *node);
    registry_ref *ref;
};

/* Fills in entries with a reference to each, by ascending key.
 * @return How many: all there are from @p cursor on, if that is less than @p most. */
static size_t fill(const struct listing *listing, struct registry *registry, uint64_t cursor,
                   struct listed *entries, size_t most)
{
    size_t found = 0;
    for (uint32_t s = stripe_of(cursor); s < STRIPES && found < most; s++) {
        struct lowest lowest = {.entries = entries + found, .most = most - found};
        struct stripe *stripe = registry_lock(registry, any_hash_in(s));
        struct hash_node *node = NULL;
        while ((node = hash_table_next(&stripe->table, node))) {
            if (key_of(node->hash) >= cursor && listing->is_wanted(listing, node))
                offer(&lowest, key_of(node->hash), node);
        }
        for (size_t i = 0; i < lowest.count; i++)
            listing->ref(lowest.entries[i].node);
        registry_unlock(stripe);
        qsort(lowest.entries, lowest.count, sizeof *lowest.entries, by_key);
        found += lowest.count;
    }
    return found;
}

/* @return Where the next page begins; 0: there is none, or it would be empty for all one knows. */
static uint64_t cursor_after(const struct listed *entries, size_t count, size_t most)
{
    return count < most ? 0 : entries[count - 1].key + 1;
}

static size_t size_of(const toni_page *page)
{
    if (page->most == 0)
        return PAGE_USUAL;
    return page->most < TONI_PAGE_MOST ? page->most : TONI_PAGE_MOST;
}

static bool page_valid(const toni_page *page)
{
    return page->struct_size >= sizeof *page && page->gateway.size <= ROOM_NAME_MAX &&
           (page->room.size == 0 || room_name_valid(page->room));
}

/* --- Rooms */

static struct room *room_of(const struct hash_node *node)
{
    return (struct room *)((char *)(uintptr_t)node - offsetof(struct room, node));
}

static bool is_room_wanted(const struct listing *listing, const struct hash_node *node)
{
    const struct room *room = room_of(node);
    return !atomic_load_explicit(&room->is_vacant, memory_order_relaxed) &&
           (!listing->space || room->space == listing->space);
}

static void ref_room(struct hash_node *node)
{
    (void)room_ref(room_of(node));
}

static toni_room_names *copy_names(const struct listed *entries, size_t count,
                                   const toni_host *host)
{
    size_t text_size = 0;
    for (size_t i = 0; i < count; i++)
        text_size += room_of(entries[i].node)->topic.name.size + 1;
    toni_room_names *names = malloc(sizeof *names + count * sizeof(toni_str) + text_size);
    if (!names)
        return NULL;
    toni_str *list = (toni_str *)(names + 1);
    char *text = (char *)(list + count);
    for (size_t i = 0; i < count; i++)
        list[i] = str_copy(&text, room_of(entries[i].node)->topic.name);
    *names = (toni_room_names){.host = host, .count = count, .names = list};
    return names;
}

static int32_t list_rooms(toni_connections *connections, toni_page *page, toni_room_names **names)
{
    struct space *space = space_of(connections);
    const struct listing listing = {.space = space, .is_wanted = is_room_wanted, .ref = ref_room};
    *names = NULL;
    if (!page_valid(page) || page->room.size > 0 || page->gateway.size > 0)
        return TONI_ERR_INVALID;
    const size_t most = size_of(page);
    struct listed *entries = malloc(most * sizeof *entries);
    if (!entries)
        return TONI_ERR_NO_MEMORY;
    const size_t count =
        fill(&listing, &space->connections->room_table, page->cursor, entries, most);
    *names = copy_names(entries, count, space->host);
    if (*names)
        page->cursor = cursor_after(entries, count, most);
    for (size_t i = 0; i < count; i++)
        room_unref(room_of(entries[i].node));
    free(entries);
    return *names ? TONI_OK : TONI_ERR_NO_MEMORY;
}

static size_t take_rooms(const struct listing *listing, struct registry *table, uint64_t *cursor,
                         struct room **rooms)
{
    struct listed entries[PAGES_TAKEN];
    const size_t count = fill(listing, table, *cursor, entries, PAGES_TAKEN);
    *cursor = cursor_after(entries, count, PAGES_TAKEN);
    for (size_t i = 0; i < count; i++)
        rooms[i] = room_of(entries[i].node);
    return count;
}

size_t pages_take_rooms(toni_connections *connections, uint64_t *cursor, struct room **rooms)
{
    const struct listing listing = {.is_wanted = is_room_wanted, .ref = ref_room};
    return take_rooms(&listing, &connections->room_table, cursor, rooms);
}

static bool is_of_space(const struct listing *listing, const struct hash_node *node)
{
    return room_of(node)->space == listing->space;
}

size_t pages_take_all_rooms(const struct space *space, uint64_t *cursor, struct room **rooms)
{
    const struct listing listing = {.space = space, .is_wanted = is_of_space, .ref = ref_room};
    return take_rooms(&listing, &space->connections->room_table, cursor, rooms);
}

/* --- Clients */

static toni_client *client_of(const struct hash_node *node)
{
    return (toni_client *)((char *)(uintptr_t)node - offsetof(toni_client, node));
}

static bool is_client_wanted(const struct listing *listing, const struct hash_node *node)
{
    const toni_client *client = client_of(node);
    const struct gateway_figures *gateway = client->receiver.gateway_figures;
    if (client->space != listing->space ||
        atomic_load_explicit(&client->is_leaving, memory_order_acquire))
        return false;
    if (listing->gateway.size == 0)
        return true;
    return gateway && toni_str_equal(toni_str_of(gateway->name), listing->gateway);
}

static void ref_client(struct hash_node *node)
{
    (void)client_ref(client_of(node));
}

static bool is_any_wanted(const struct listing *listing, const struct hash_node *node)
{
    return !listing->space || client_of(node)->space == listing->space;
}

size_t pages_take_clients(toni_connections *connections, const struct space *space,
                          uint64_t *cursor, toni_client **clients)
{
    const struct listing listing = {.space = space, .is_wanted = is_any_wanted, .ref = ref_client};
    struct listed entries[PAGES_TAKEN];
    const size_t count = fill(&listing, &connections->client_table, *cursor, entries, PAGES_TAKEN);
    *cursor = cursor_after(entries, count, PAGES_TAKEN);
    for (size_t i = 0; i < count; i++)
        clients[i] = client_of(entries[i].node);
    return count;
}

static toni_client_ids *make_ids(size_t most, const toni_host *host)
{
    toni_client_ids *ids = malloc(sizeof *ids + most * sizeof(toni_client_id));
    if (ids)
        *ids = (toni_client_ids){.host = host, .ids = (toni_client_id *)(ids + 1)};
    return ids;
}

static void add_id(toni_client_ids *ids, toni_client_id id)
{
    ((toni_client_id *)(ids + 1))[ids->count++] = id;
}

static int32_t list_all_clients(const struct listing *listing, toni_page *page, size_t most,
                                toni_client_ids *ids)
{
    struct listed *entries = malloc(most * sizeof *entries);
    if (!entries)
        return TONI_ERR_NO_MEMORY;
    const size_t count =
        fill(listing, &listing->space->connections->client_table, page->cursor, entries, most);
    page->cursor = cursor_after(entries, count, most);
    for (size_t i = 0; i < count; i++) {
        add_id(ids, client_of(entries[i].node)->receiver.id);
        client_unref(client_of(entries[i].node));
    }
    free(entries);
    return TONI_OK;
}

static int by_id_key(const void *a, const void *b)
{
    const uint64_t left = key_of(*(const toni_client_id *)a);
    const uint64_t right = key_of(*(const toni_client_id *)b);
    return (left > right) - (left < right);
}

static bool is_of_gateway(const struct listing *listing, toni_client_id id)
{
    if (listing->gateway.size == 0)
        return true;
    toni_client *client = client_find(listing->space, id);
    const bool is = client && is_client_wanted(listing, &client->node);
    client_unref(client);
    return is;
}

/* All members are copied at once, as toni_get_room_members does, and sorted without a lock. */
static int32_t list_members(const struct listing *listing, toni_page *page, size_t most,
                            toni_client_ids *ids)
{
    toni_client_ids *all;
    const int32_t result =
        toni_get_room_members(space_handle((struct space *)listing->space), page->room, &all);
    if (result != TONI_OK)
        return result;
    toni_client_id *sorted = (toni_client_id *)(all + 1);
    if (all->count > 0)
        qsort(sorted, all->count, sizeof *sorted, by_id_key);
    for (size_t i = 0; i < all->count && ids->count < most; i++) {
        if (key_of(sorted[i]) >= page->cursor && is_of_gateway(listing, sorted[i]))
            add_id(ids, sorted[i]);
    }
    page->cursor = ids->count < most ? 0 : key_of(ids->ids[most - 1]) + 1;
    toni_client_ids_destroy(all);
    return TONI_OK;
}

static int32_t list_clients(toni_connections *connections, toni_page *page, toni_client_ids **ids)
{
    const struct listing listing = {.space = space_of(connections),
                                    .gateway = page->gateway,
                                    .is_wanted = is_client_wanted,
                                    .ref = ref_client};
    *ids = NULL;
    if (!page_valid(page))
        return TONI_ERR_INVALID;
    const size_t most = size_of(page);
    toni_client_ids *made = make_ids(most, listing.space->host);
    if (!made)
        return TONI_ERR_NO_MEMORY;
    const int32_t result = page->room.size > 0 ? list_members(&listing, page, most, made)
                                               : list_all_clients(&listing, page, most, made);
    if (result == TONI_OK)
        *ids = made;
    else
        free(made);
    return result;
}

/* --- Targets */

/* Page by page: so no lock is held for all of them. */
void pages_add_gateway(toni_target *target, toni_str gateway)
{
    toni_page page = TONI_PAGE_INIT;
    page.most = TONI_PAGE_MOST;
    page.gateway = gateway;
    do {
        toni_client_ids *ids;
        const int32_t result = list_clients(space_handle(target->space), &page, &ids);
        if (result != TONI_OK) {
            target_fail(target, result);
            return;
        }
        for (size_t i = 0; i < ids->count; i++)
            toni_target_to_client(target, ids->ids[i]);
        toni_client_ids_destroy(ids);
    } while (page.cursor != 0);
}

static void target_to_gateway(toni_target *target, toni_str gateway)
{
    if (gateway.size == 0)
        target_fail(target, TONI_ERR_INVALID);
    else if (target->space->remote)
        target_add_gateway(target, gateway);
    else
        pages_add_gateway(target, gateway);
}

void pages_fill_table(toni_host *table)
{
    table->target_to_gateway = target_to_gateway;
    table->list_clients = list_clients;
    table->list_rooms = list_rooms;
}
