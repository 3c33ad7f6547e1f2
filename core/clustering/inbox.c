/* The inbox; see inbox.h. */
#include "clustering/inbox.h"

#include "base/random.h"

#include <stdlib.h>
#include <string.h>
#include <toni/error.h>

int inbox_init(struct inbox *inbox)
{
    *inbox = (struct inbox){0};
    inbox->last_recovering = &inbox->recovering;
    hash_table_init(&inbox->rooms);
    return random_bytes(&inbox->hash_key, sizeof inbox->hash_key);
}

static struct wanted *wanted_of(struct hash_node *node)
{
    return (struct wanted *)(void *)node;
}

static void free_wanted(struct hash_node *node, void *data)
{
    (void)data;
    free(wanted_of(node));
}

void inbox_finish(struct inbox *inbox)
{
    hash_table_finish(&inbox->rooms, free_wanted, NULL);
}

static bool has_key(const struct hash_node *node, const void *key)
{
    const struct wanted *wanted = (const struct wanted *)(const void *)node;
    const struct room_key *sought = key;
    return wanted->key_size == sought->size &&
           memcmp(wanted->key, sought->bytes, sought->size) == 0;
}

static struct wanted *find(const struct inbox *inbox, struct room_key key, uint64_t hash)
{
    return wanted_of(hash_table_find(&inbox->rooms, hash, has_key, &key));
}

static uint64_t hash_of(const struct inbox *inbox, struct room_key key)
{
    return hash_bytes(&inbox->hash_key, key.bytes, key.size);
}

/* Under the lock. */
static void note_change(struct inbox *inbox, struct wanted *wanted)
{
    if (wanted->is_changed)
        return;
    wanted->is_changed = true;
    wanted->next_changed = inbox->changed;
    inbox->changed = wanted;
}

/* --- Any thread */

int32_t inbox_put(struct inbox *inbox, struct sent *sent)
{
    sent->hash = hash_of(inbox, sent_key(sent));
    lock_take(&inbox->lock);
    const bool is_closed = inbox->is_closed;
    if (!is_closed)
        sent_append(&inbox->sent, sent);
    lock_give(&inbox->lock);
    return is_closed ? TONI_ERR_CLOSING : TONI_OK;
}

void inbox_close(struct inbox *inbox)
{
    lock_take(&inbox->lock);
    inbox->is_closed = true;
    lock_give(&inbox->lock);
}

/* Under the lock. @return NULL on no memory. */
static struct wanted *add(struct inbox *inbox, struct room_key key, uint64_t hash, uint32_t flags)
{
    struct wanted *wanted = calloc(1, sizeof *wanted + key.size);
    if (!wanted || hash_table_insert(&inbox->rooms, &wanted->node, hash)) {
        free(wanted);
        return NULL;
    }
    wanted->flags = flags;
    wanted->key_size = key.size;
    memcpy(wanted->key, key.bytes, key.size);
    return wanted;
}

/* Under the lock. @param wanted  Set if the result is TONI_OK. */
static int32_t find_or_add(struct inbox *inbox, struct room_key key, uint32_t flags,
                           struct wanted **wanted)
{
    const uint64_t hash = hash_of(inbox, key);
    *wanted = find(inbox, key, hash);
    if (*wanted)
        return TONI_OK;
    if (inbox->rooms.count >= INBOX_ROOMS_MOST)
        return TONI_ERR_LIMIT;
    *wanted = add(inbox, key, hash, flags);
    return *wanted ? TONI_OK : TONI_ERR_NO_MEMORY;
}

int32_t inbox_want(struct inbox *inbox, struct room_key key, uint32_t flags)
{
    struct wanted *wanted;
    lock_take(&inbox->lock);
    const int32_t result = find_or_add(inbox, key, flags, &wanted);
    if (result == TONI_OK) {
        wanted->is_wanted = true;
        note_change(inbox, wanted);
    }
    lock_give(&inbox->lock);
    return result;
}

int32_t inbox_recover(struct inbox *inbox, struct room_key key, uint32_t flags,
                      struct recovering *recovering)
{
    int32_t result = TONI_OK;
    lock_take(&inbox->lock);
    if (inbox->is_closed)
        result = TONI_ERR_CLOSING;
    else if (inbox->recoveries >= RECOVERIES_MOST)
        result = TONI_ERR_BUSY;
    else
        result = find_or_add(inbox, key, flags, &recovering->wanted);
    if (result == TONI_OK) {
        inbox->recoveries++;
        if (recovering->wanted->recoveries++ == 0)
            note_change(inbox, recovering->wanted);
        *inbox->last_recovering = recovering;
        inbox->last_recovering = &recovering->next;
    }
    lock_give(&inbox->lock);
    return result;
}

void inbox_unwant(struct inbox *inbox, struct room_key key)
{
    lock_take(&inbox->lock);
    struct wanted *wanted = find(inbox, key, hash_of(inbox, key));
    if (wanted) {
        wanted->is_wanted = false;
        note_change(inbox, wanted);
    }
    lock_give(&inbox->lock);
}

uint64_t inbox_room_count(struct inbox *inbox)
{
    lock_take(&inbox->lock);
    const uint64_t count = inbox->rooms.count;
    lock_give(&inbox->lock);
    return count;
}

/* --- The cluster's thread */

struct sent_list inbox_take(struct inbox *inbox)
{
    lock_take(&inbox->lock);
    const struct sent_list taken = inbox->sent;
    inbox->sent = (struct sent_list){0};
    lock_give(&inbox->lock);
    return taken;
}

struct recovering *inbox_take_recovering(struct inbox *inbox, bool is_room_known)
{
    lock_take(&inbox->lock);
    struct recovering *recovering = inbox->recovering;
    if (recovering && is_room_known && recovering->wanted->is_changed)
        recovering = NULL;
    if (recovering) {
        inbox->recovering = recovering->next;
        if (!inbox->recovering)
            inbox->last_recovering = &inbox->recovering;
        recovering->next = NULL;
    }
    lock_give(&inbox->lock);
    return recovering;
}

void inbox_recovered(struct inbox *inbox, struct wanted *wanted)
{
    lock_take(&inbox->lock);
    inbox->recoveries--;
    if (--wanted->recoveries == 0)
        note_change(inbox, wanted);
    lock_give(&inbox->lock);
}

struct wanted *inbox_take_changed(struct inbox *inbox, bool *is_wanted)
{
    lock_take(&inbox->lock);
    struct wanted *wanted = inbox->changed;
    if (wanted) {
        inbox->changed = wanted->next_changed;
        wanted->is_changed = false;
        *is_wanted = wanted->is_wanted || wanted->recoveries > 0;
    }
    lock_give(&inbox->lock);
    return wanted;
}

void inbox_put_back(struct inbox *inbox, struct wanted *wanted)
{
    lock_take(&inbox->lock);
    note_change(inbox, wanted);
    lock_give(&inbox->lock);
}

struct wanted *inbox_find(struct inbox *inbox, struct room_key key)
{
    const uint64_t hash = hash_of(inbox, key);
    lock_take(&inbox->lock);
    struct wanted *wanted = find(inbox, key, hash);
    lock_give(&inbox->lock);
    return wanted;
}

struct wanted *inbox_find_for(struct inbox *inbox, const struct sent *sent)
{
    lock_take(&inbox->lock);
    struct wanted *wanted = find(inbox, sent_key(sent), sent->hash);
    lock_give(&inbox->lock);
    return wanted;
}

static bool is_needed(const struct wanted *wanted)
{
    return wanted->is_subscribed || wanted->is_heard || wanted->is_waiting || wanted->is_wanted ||
           wanted->recoveries > 0 || wanted->is_changed;
}

/* Under the lock. */
static void forget(struct inbox *inbox, struct wanted *wanted)
{
    if (is_needed(wanted))
        return;
    hash_table_remove(&inbox->rooms, &wanted->node);
    free(wanted);
}

void inbox_forget(struct inbox *inbox, struct wanted *wanted)
{
    lock_take(&inbox->lock);
    forget(inbox, wanted);
    lock_give(&inbox->lock);
}

void inbox_forget_unwanted(struct inbox *inbox, uint32_t server)
{
    struct wanted *left = NULL; /* those that go, in a list: a table that shrinks can't be walked */
    struct hash_node *node = NULL;
    lock_take(&inbox->lock);
    while ((node = hash_table_next(&inbox->rooms, node))) {
        struct wanted *wanted = wanted_of(node);
        if (wanted->is_subscribed || !wanted->is_heard || wanted->server != server)
            continue;
        wanted->is_heard = false;
        if (is_needed(wanted))
            continue;
        wanted->next_waiting = left;
        left = wanted;
    }
    for (struct wanted *next; left; left = next) {
        next = left->next_waiting;
        forget(inbox, left);
    }
    lock_give(&inbox->lock);
}
