/* Admission; see admission.h. */
#include "net/admission.h"

#include "base/random.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct address_count {
    struct hash_node node;
    uint64_t count;
    char address[];
};

static struct address_count *address_of(struct hash_node *node)
{
    return (struct address_count *)((char *)node - offsetof(struct address_count, node));
}

static bool address_match(const struct hash_node *node, const void *key)
{
    const struct address_count *entry =
        (const struct address_count *)((const char *)node - offsetof(struct address_count, node));
    return strcmp(entry->address, key) == 0;
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

static bool counts_addresses(const struct admission *admission, const char *address)
{
    return admission->limits->connections_per_address > 0 && *address != '\0';
}

static uint64_t hash_of(const struct admission *admission, const char *address)
{
    return hash_bytes(&admission->hash_key, address, strlen(address));
}

/* Under the lock. @return The count of an address, made if there is none; NULL on no memory. */
static struct address_count *get_count(struct admission *admission, const char *address)
{
    uint64_t hash = hash_of(admission, address);
    struct hash_node *node = hash_table_find(&admission->addresses, hash, address_match, address);
    if (node)
        return address_of(node);
    size_t size = strlen(address) + 1;
    struct address_count *entry = calloc(1, sizeof *entry + size);
    if (!entry)
        return NULL;
    memcpy(entry->address, address, size);
    if (hash_table_insert(&admission->addresses, &entry->node, hash)) {
        free(entry);
        return NULL;
    }
    return entry;
}

static bool enter_address(struct admission *admission, const char *address)
{
    pthread_mutex_lock(&admission->mutex);
    struct address_count *entry = get_count(admission, address);
    bool entered = entry && entry->count < admission->limits->connections_per_address;
    if (entered)
        entry->count++;
    pthread_mutex_unlock(&admission->mutex);
    return entered;
}

static void leave_address(struct admission *admission, const char *address)
{
    pthread_mutex_lock(&admission->mutex);
    struct hash_node *node =
        hash_table_find(&admission->addresses, hash_of(admission, address), address_match, address);
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
    if (!enter(&admission->count, admission->limits->connections))
        return false;
    if (enter(gateway, limit)) {
        if (!counts_addresses(admission, address) || enter_address(admission, address))
            return true;
        atomic_fetch_sub(gateway, 1);
    }
    atomic_fetch_sub(&admission->count, 1);
    return false;
}

void admission_leave(struct admission *admission, atomic_uint_fast64_t *gateway,
                     const char *address)
{
    if (counts_addresses(admission, address))
        leave_address(admission, address);
    atomic_fetch_sub(gateway, 1);
    atomic_fetch_sub(&admission->count, 1);
}
