/* The heap of what is due, beside a plain search for the least. TONI_TEST_SEED chooses other random
 * numbers. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/due_heap.h"
#include "runner.h"

enum { ITEMS = 200, OPERATIONS = 20000, TIMES = 50 };

static struct due_heap heap;
static struct due items[ITEMS];
static bool is_in[ITEMS];

static struct due *least(void)
{
    struct due *found = NULL;

    for (size_t i = 0; i < ITEMS; i++) {
        if (is_in[i] && (found == NULL || items[i].at_ns < found->at_ns ||
                         (items[i].at_ns == found->at_ns && items[i].number < found->number)))
            found = &items[i];
    }
    return found;
}

START_TEST(the_first_is_always_the_least)
{
    const char *seed = getenv("TONI_TEST_SEED");
    size_t count = 0;

    srand(seed != NULL ? (unsigned)strtoul(seed, NULL, 10) : 1);
    due_heap_init(&heap);
    ck_assert_ptr_null(due_heap_first(&heap));
    for (uint64_t i = 0; i < OPERATIONS; i++) {
        const size_t which = (size_t)rand() % ITEMS;
        if (is_in[which]) {
            due_heap_remove(&heap, &items[which]);
            count--;
        } else {
            ck_assert_int_eq(due_heap_reserve(&heap, count + 1), 0);
            items[which] = (struct due){.at_ns = (uint64_t)rand() % TIMES, .number = i};
            due_heap_push(&heap, &items[which]);
            count++;
        }
        is_in[which] = !is_in[which];
        ck_assert_uint_eq(heap.count, count);
        ck_assert_ptr_eq(due_heap_first(&heap), least());
    }
    for (; count > 0; count--) {
        struct due *first = due_heap_first(&heap);
        ck_assert_ptr_eq(first, least());
        due_heap_remove(&heap, first);
        is_in[first - items] = false;
    }
    ck_assert_ptr_null(due_heap_first(&heap));
    due_heap_finish(&heap);
}
END_TEST

START_TEST(room_is_made_once)
{
    due_heap_init(&heap);
    ck_assert_int_eq(due_heap_reserve(&heap, 1000), 0);
    struct due **before = heap.items;
    ck_assert_uint_ge(heap.capacity, 1000);
    ck_assert_int_eq(due_heap_reserve(&heap, 10), 0);
    ck_assert_ptr_eq(heap.items, before);
    due_heap_finish(&heap);
    ck_assert_ptr_null(heap.items);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/due_heap");
    TCase *cases = tcase_create("all");

    tcase_add_test(cases, the_first_is_always_the_least);
    tcase_add_test(cases, room_is_made_once);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
