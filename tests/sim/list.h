/* An array that only grows, of any type; without memory the simulator ends. */
#ifndef SIM_LIST_H
#define SIM_LIST_H

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define LIST(type)                                                                                 \
    struct {                                                                                       \
        type *items;                                                                               \
        size_t count;                                                                              \
        size_t capacity;                                                                           \
    }

#define LIST_ADD(list, ...)                                                                        \
    do {                                                                                           \
        if ((list)->count == (list)->capacity) {                                                   \
            (list)->capacity = (list)->capacity ? (list)->capacity * 2 : 8;                        \
            (list)->items = must_have(                                                             \
                realloc((void *)(list)->items, (list)->capacity * sizeof *(list)->items));         \
        }                                                                                          \
        (list)->items[(list)->count++] = (__VA_ARGS__);                                            \
    } while (0)

#define LIST_FREE(list) free((void *)(list)->items)

/** @return @p memory; ends the program when there is none. */
static inline void *must_have(void *memory)
{
    if (!memory) {
        (void)fprintf(stderr, "sim: out of memory\n");
        exit(2);
    }
    return memory;
}

#endif
