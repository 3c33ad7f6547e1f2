/* An intrusive, chained hash table: the nodes lie in the caller's own structs, so that inserting
 * and removing allocate nothing per entry. Knows neither keys nor how to hash them. Not locked. */
#ifndef BASE_HASH_TABLE_H
#define BASE_HASH_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** To be embedded; belongs to the table while it is in one. */
struct hash_node {
    struct hash_node *next;
    uint64_t hash;
};

/** Read @p count freely. One thread at a time, or many that only find and iterate. */
struct hash_table {
    struct hash_node **buckets; /* NULL as long as nothing was inserted */
    size_t bucket_count;        /* 0 or a power of two */
    size_t count;               /* nodes in the table */
};

/** Tells whether @p node has @p key; called only for nodes whose hash is the key's. */
typedef bool hash_match(const struct hash_node *node, const void *key);

/** Called for each node that a table still held; may free it. Must not touch the table. */
typedef void hash_release(struct hash_node *node, void *data);

/** Makes @p table empty; allocates nothing. */
void hash_table_init(struct hash_table *table);

/** Frees the table's own memory and leaves it as after hash_table_init().
 * @param table    To be emptied.
 * @param release  Called once for each node, in no order; NULL leaves the nodes alone.
 * @param data     For @p release. */
void hash_table_finish(struct hash_table *table, hash_release *release, void *data);

/** Finds a node.
 * @param table  To look in.
 * @param hash   Of @p key, as it was given to hash_table_insert().
 * @param match  Decides among nodes of the same hash.
 * @param key    For @p match.
 * @return The node, still the table's, or NULL. Of equal keys the one inserted last. */
struct hash_node *hash_table_find(const struct hash_table *table, uint64_t hash, hash_match *match,
                                  const void *key);

/** Inserts a node; does not look whether its key is there already.
 * @param table  To insert into.
 * @param node   In no table; must stay where it is until it is removed.
 * @param hash   Of its key; the low bits choose the bucket, so they must be good (hash_bytes()).
 * @return 0, or -1 on no memory; then nothing is changed. Only a table's first insertion
 *         can fail: a table that has no memory to grow gets slower, but goes on working. */
int hash_table_insert(struct hash_table *table, struct hash_node *node, uint64_t hash);

/** Removes a node; can't fail.
 * @param table  That it is in.
 * @param node   Must be in the table; the caller's again afterwards. */
void hash_table_remove(struct hash_table *table, struct hash_node *node);

/** Iterates, in no order: begin with NULL, go on with what was returned, end at NULL.
 * @param table  Neither inserted into nor removed from during the iteration.
 * @param node   The one before, or NULL to begin.
 * @return The next node, or NULL after the last. */
struct hash_node *hash_table_next(const struct hash_table *table, const struct hash_node *node);

#endif
