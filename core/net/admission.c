/* Admission; see admission.h. */
#include "net/admission.h"

#include "base/random.h"
#include "net/address_key.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct address_count {
    struct hash_node node;
    uint64_t count;
    struct address_key key;
};

static struct address_count *address_of(struct hash_node *node)
{
    return (struct address_count *)((char *)node - offsetof(struct address_count, node));
}

static bool address_match(const struct hash_node *node, const void *key)
{
    const struct address_count *entry =
        (const struct address_count *)((const char *)node - offsetof(struct address_count, node));
    return memcmp(&entry->key, key, sizeof entry->key) == 0;
}

static void address_release(struct hash_node *node, void *data)
{
    (void)data;
    free(address_of(node));
}

int admission_init(struct admission *admission, const struct limits *limits)
{
    *admission = (struct admission){.limits = limits};
    hash_table_init(&admission->addresses);
    if (random_bytes(&admission->hash_key, sizeof admission->hash_key))
        return -1;
    return pthread_mutex_init(&admission->mutex, NULL) ? -1 : 0;
}

void admission_finish(struct admission *admission)
{
    hash_table_finish(&admission->addresses, address_release, NULL);
    pthread_mutex_destroy(&admission->mutex);
}

/* @return Whether the address is counted; then @p key is its key. */
static bool counts_address(const struct admission *admission, const char *address,
                           struct address_key *key)
{
    return admission->limits->connections_per_address > 0 && address_key_read(address, key);
}

static uint64_t hash_of(const struct admission *admission, const struct address_key *key)
{
    return hash_bytes(&admission->hash_key, key, sizeof *key);
}

/* Under the lock. @return The count of an address, made if there is none; NULL on no memory. */
static struct address_count *get_count(struct admission *admission, const struct address_key *key)
{
    uint64_t hash = hash_of(admission, key);
    struct hash_node *node = hash_table_find(&admission->addresses, hash, address_match, key);
    if (node)
        return address_of(node);
    struct address_count *entry = calloc(1, sizeof *entry);
    if (!entry)
        return NULL;
    entry->key = *key;
    if (hash_table_insert(&admission->addresses, &entry->node, hash)) {
        free(entry);
        return NULL;
    }
    return entry;
}

static bool enter_address(struct admission *admission, const struct address_key *key)
{
    pthread_mutex_lock(&admission->mutex);
    struct address_count *entry = get_count(admission, key);
    bool entered = entry && entry->count < admission->limits->connections_per_address;
    if (entered)
        entry->count++;
    pthread_mutex_unlock(&admission->mutex);
    return entered;
}

static void leave_address(struct admission *admission, const struct address_key *key)
{
    pthread_mutex_lock(&admission->mutex);
    struct hash_node *node =
        hash_table_find(&admission->addresses, hash_of(admission, key), address_match, key);
    if (node && --address_of(node)->count == 0) {
        hash_table_remove(&admission->addresses, node);
        free(address_of(node));
    }
    pthread_mutex_unlock(&admission->mutex);
}

static bool enter(atomic_uint_fast64_t *count, uint64_t limit)
{
    if (atomic_fetch_add(count, 1) < limit)
        return true;
    atomic_fetch_sub(count, 1);
    return false;
}

bool admission_enter(struct admission *admission, atomic_uint_fast64_t *gateway, uint64_t limit,
                     const char *address)
{
    struct address_key key;
    if (!enter(&admission->count, admission->limits->connections))
        return false;
    if (enter(gateway, limit)) {
        if (!counts_address(admission, address, &key) || enter_address(admission, &key))
            return true;
        atomic_fetch_sub(gateway, 1);
    }
    atomic_fetch_sub(&admission->count, 1);
    return false;
}

void admission_leave(struct admission *admission, atomic_uint_fast64_t *gateway,
                     const char *address)
{
    struct address_key key;
    if (counts_address(admission, address, &key))
        leave_address(admission, &key);
    atomic_fetch_sub(gateway, 1);
    atomic_fetch_sub(&admission->count, 1);
}
