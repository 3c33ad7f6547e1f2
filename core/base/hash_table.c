/* A chained hash table that doubles above one node per bucket and halves below a quarter: far
 * enough apart that a table whose size swings around a border is not rehashed again and again. */
#include "base/hash_table.h"

#include <assert.h>
#include <stdlib.h>

#define SMALLEST_BUCKET_COUNT 8

static struct hash_node **bucket_of(const struct hash_table *table, uint64_t hash)
{
    return &table->buckets[hash & (table->bucket_count - 1)];
}

static void link_node(struct hash_table *table, struct hash_node *node)
{
    struct hash_node **bucket = bucket_of(table, node->hash);

    node->next = *bucket;
    *bucket = node;
}

/* Walks all nodes in a way that lets visit() unlink or free each of them. */
static void drain(struct hash_table *table, hash_release *visit, void *data)
{
    for (size_t i = 0; i < table->bucket_count; i++) {
        struct hash_node *node = table->buckets[i];

        while (node) {
            struct hash_node *next = node->next;
            visit(node, data);
            node = next;
        }
    }
}

/* To the end of its chain: nodes of one key keep their order. */
static void move_node(struct hash_node *node, void *target)
{
    struct hash_node **link = bucket_of(target, node->hash);

    while (*link)
        link = &(*link)->next;
    node->next = NULL;
    *link = node;
}

static int resize(struct hash_table *table, size_t bucket_count)
{
    struct hash_table resized = {
        .buckets = calloc(bucket_count, sizeof(struct hash_node *)),
        .bucket_count = bucket_count,
        .count = table->count,
    };

    if (!resized.buckets)
        return -1;
    drain(table, move_node, &resized);
    free(table->buckets);
    *table = resized;
    return 0;
}

void hash_table_init(struct hash_table *table)
{
    *table = (struct hash_table){0};
}

void hash_table_finish(struct hash_table *table, hash_release *release, void *data)
{
    if (release)
        drain(table, release, data);
    free(table->buckets);
    hash_table_init(table);
}

struct hash_node *hash_table_find(const struct hash_table *table, uint64_t hash, hash_match *match,
                                  const void *key)
{
    if (table->count == 0)
        return NULL;

    struct hash_node *node = *bucket_of(table, hash);
    while (node && !(node->hash == hash && match(node, key)))
        node = node->next;
    return node;
}

int hash_table_insert(struct hash_table *table, struct hash_node *node, uint64_t hash)
{
    if (table->bucket_count == 0) {
        if (resize(table, SMALLEST_BUCKET_COUNT) != 0)
            return -1;
    } else if (table->count >= table->bucket_count) {
        /* No memory to grow is no fault: the chains get longer, and the next one tries again. */
        (void)resize(table, table->bucket_count * 2);
    }

    node->hash = hash;
    link_node(table, node);
    table->count++;
    return 0;
}

void hash_table_remove(struct hash_table *table, struct hash_node *node)
{
    struct hash_node **link = bucket_of(table, node->hash);

    while (*link != node) {
        assert(*link && "the node is not in this table");
        link = &(*link)->next;
    }
    *link = node->next;
    node->next = NULL;
    table->count--;

    /* No memory to shrink is no fault either: the table stays larger than it needs to be. */
    if (table->bucket_count > SMALLEST_BUCKET_COUNT && table->count < table->bucket_count / 4)
        (void)resize(table, table->bucket_count / 2);
}

struct hash_node *hash_table_next(const struct hash_table *table, const struct hash_node *node)
{
    size_t i = 0;

    if (node) {
        if (node->next)
            return node->next;
        i = (size_t)(node->hash & (table->bucket_count - 1)) + 1;
    }
    for (; i < table->bucket_count; i++) {
        if (table->buckets[i])
            return table->buckets[i];
    }
    return NULL;
}
