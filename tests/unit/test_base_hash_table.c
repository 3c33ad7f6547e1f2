/* Tests of base/hash_table. What happens without memory: test_base_no_memory.c. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/hash_table.h"
#include "runner.h"

struct entry {
    struct hash_node node; /* first, so that a node's address is its entry's */
    unsigned key;
    unsigned seen;
};

enum { COUNT = 1000 };

static struct entry entries[COUNT];
static struct hash_table table;

static uint64_t good_hash(unsigned key)
{
    return (key + 1) * UINT64_C(0x9e3779b97f4a7c15) >> 16;
}

static bool has_key(const struct hash_node *node, const void *key)
{
    return ((const struct entry *)node)->key == *(const unsigned *)key;
}

static struct entry *find(unsigned key)
{
    return (struct entry *)hash_table_find(&table, good_hash(key), has_key, &key);
}

static void insert(unsigned key)
{
    entries[key] = (struct entry){.key = key};
    ck_assert_int_eq(hash_table_insert(&table, &entries[key].node, good_hash(key)), 0);
}

static void insert_all(void)
{
    for (unsigned key = 0; key < COUNT; key++)
        insert(key);
}

static void set_up(void)
{
    hash_table_init(&table);
}

static void tear_down(void)
{
    hash_table_finish(&table, NULL, NULL);
}

START_TEST(an_empty_table_finds_nothing)
{
    ck_assert_ptr_null(find(1));
    ck_assert_ptr_null(hash_table_next(&table, NULL));
    ck_assert_uint_eq(table.count, 0);
}
END_TEST

START_TEST(finds_what_was_inserted)
{
    insert_all();
    ck_assert_uint_eq(table.count, COUNT);
    for (unsigned key = 0; key < COUNT; key++)
        ck_assert_ptr_eq(find(key), &entries[key]);
    ck_assert_ptr_null(find(COUNT));
}
END_TEST

START_TEST(does_not_find_what_was_removed)
{
    insert_all();
    for (unsigned key = 0; key < COUNT; key += 2)
        hash_table_remove(&table, &entries[key].node);
    ck_assert_uint_eq(table.count, COUNT / 2);
    for (unsigned key = 0; key < COUNT; key++)
        ck_assert_ptr_eq(find(key), key % 2 == 0 ? NULL : &entries[key]);
}
END_TEST

START_TEST(tells_keys_of_one_hash_apart)
{
    for (unsigned key = 0; key < 100; key++) {
        entries[key] = (struct entry){.key = key};
        ck_assert_int_eq(hash_table_insert(&table, &entries[key].node, 42), 0);
    }
    for (unsigned key = 0; key < 100; key++)
        ck_assert_ptr_eq(hash_table_find(&table, 42, has_key, &key), &entries[key].node);
    hash_table_remove(&table, &entries[50].node);
    for (unsigned key = 0; key < 100; key++) {
        ck_assert_ptr_eq(hash_table_find(&table, 42, has_key, &key),
                         key == 50 ? NULL : &entries[key].node);
    }
}
END_TEST

START_TEST(of_equal_keys_finds_the_one_inserted_last_whatever_its_size_was)
{
    static struct entry twins[3];
    for (unsigned i = 0; i < 3; i++) {
        twins[i] = (struct entry){.key = 0, .seen = i};
        ck_assert_int_eq(hash_table_insert(&table, &twins[i].node, good_hash(0)), 0);
    }
    for (unsigned key = 1; key < COUNT; key++) {
        insert(key);
        ck_assert_uint_eq(find(0)->seen, 2);
    }
    for (unsigned key = 1; key < COUNT; key++) {
        hash_table_remove(&table, &entries[key].node);
        ck_assert_uint_eq(find(0)->seen, 2);
    }
    hash_table_remove(&table, &twins[2].node);
    ck_assert_uint_eq(find(0)->seen, 1);
}
END_TEST

START_TEST(grows_and_shrinks_with_its_content)
{
    insert_all();
    ck_assert_uint_eq(table.bucket_count, 1024);

    for (unsigned key = COUNT; key-- > 0;) {
        hash_table_remove(&table, &entries[key].node);
        ck_assert_uint_ge(table.bucket_count, table.count);
        if (table.bucket_count > 8)
            ck_assert_uint_le(table.bucket_count / 4, table.count);
        if (key > 0)
            ck_assert_ptr_nonnull(find(key - 1));
    }
    ck_assert_uint_eq(table.count, 0);
    ck_assert_uint_eq(table.bucket_count, 8);
}
END_TEST

START_TEST(is_not_resized_by_swinging_around_a_border)
{
    for (unsigned key = 0; key < 9; key++)
        insert(key);
    struct hash_node **buckets = table.buckets;
    ck_assert_uint_eq(table.bucket_count, 16);
    for (int i = 0; i < 100; i++) {
        hash_table_remove(&table, &entries[8].node);
        hash_table_remove(&table, &entries[7].node);
        ck_assert_ptr_eq(table.buckets, buckets);
        insert(7);
        insert(8);
        ck_assert_ptr_eq(table.buckets, buckets);
    }
}
END_TEST

START_TEST(iterates_over_each_node_once)
{
    insert_all();
    for (struct hash_node *node = hash_table_next(&table, NULL); node != NULL;
         node = hash_table_next(&table, node))
        ((struct entry *)node)->seen++;
    for (unsigned key = 0; key < COUNT; key++)
        ck_assert_uint_eq(entries[key].seen, 1);
}
END_TEST

static void free_entry(struct hash_node *node, void *released)
{
    ++*(unsigned *)released;
    free(node);
}

START_TEST(finish_releases_each_node_once)
{
    unsigned released = 0;

    for (unsigned key = 0; key < COUNT; key++) {
        struct entry *entry = calloc(1, sizeof *entry);
        ck_assert_ptr_nonnull(entry);
        ck_assert_int_eq(hash_table_insert(&table, &entry->node, good_hash(key)), 0);
    }
    hash_table_finish(&table, free_entry, &released);
    ck_assert_uint_eq(released, COUNT);
    ck_assert_uint_eq(table.count, 0);

    insert(1);
    ck_assert_ptr_eq(find(1), &entries[1]);
}
END_TEST

/* Compares the table with a plain array of flags over a long random walk. */
START_TEST(agrees_with_a_plain_set)
{
    static bool present[COUNT];
    uint64_t random = 1;
    size_t count = 0;

    for (int step = 0; step < 100000; step++) {
        random = random * UINT64_C(6364136223846793005) + 1;
        const unsigned key = (unsigned)(random >> 33) % COUNT;
        /* Towards full, towards empty, and back, so that it passes all sizes. */
        const bool wanted = (unsigned)(random >> 60) < (step / 20000 % 2 == 0 ? 14U : 2U);

        ck_assert((find(key) != NULL) == present[key]);
        if (wanted && !present[key])
            insert(key);
        if (!wanted && present[key])
            hash_table_remove(&table, &entries[key].node);
        count = count + (wanted && !present[key]) - (!wanted && present[key]);
        present[key] = wanted;
        ck_assert_uint_eq(table.count, count);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/hash_table");
    TCase *cases = tcase_create("all");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, an_empty_table_finds_nothing);
    tcase_add_test(cases, finds_what_was_inserted);
    tcase_add_test(cases, does_not_find_what_was_removed);
    tcase_add_test(cases, tells_keys_of_one_hash_apart);
    tcase_add_test(cases, of_equal_keys_finds_the_one_inserted_last_whatever_its_size_was);
    tcase_add_test(cases, grows_and_shrinks_with_its_content);
    tcase_add_test(cases, is_not_resized_by_swinging_around_a_border);
    tcase_add_test(cases, iterates_over_each_node_once);
    tcase_add_test(cases, finish_releases_each_node_once);
    tcase_add_test(cases, agrees_with_a_plain_set);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
