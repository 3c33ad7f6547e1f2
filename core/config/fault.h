/* Faults of a configuration: collected while everything is looked at, then reported all at once.
 * Not for what goes wrong while the host runs; that is logged where it is handled. */
#ifndef CONFIG_FAULT_H
#define CONFIG_FAULT_H

#include "base/value.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/** One fault. Its text says what was looked at, what was found, what was expected and what would
 * mend it, in one line. */
struct fault {
    char *file;
    unsigned line;   /* 0: the file as a whole */
    bool is_warning; /* keeps nothing from running */
    char *text;
};

/** Read the fields freely; change them by the functions below. One thread at a time. */
struct fault_list {
    struct fault *faults;
    size_t count;
    size_t warnings; /* of these */
    size_t capacity;
    bool lost; /* some faults were found that there was no memory to keep */
};

/** Makes @p list empty; allocates nothing. */
void fault_list_init(struct fault_list *list);

/** Frees what @p list holds and leaves it as after fault_list_init(). */
void fault_list_finish(struct fault_list *list);

/** Tells whether no fault was found, those included that could not be kept. Warnings don't count.
 */
bool fault_list_empty(const struct fault_list *list);

/** Adds a fault, unless it is in the list already; on no memory the list only remembers that there
 * was one.
 * @param list    To add to.
 * @param file    Copied.
 * @param line    From 1; 0 is the file as a whole.
 * @param format  As printf(3); control characters in the result are replaced by `?`, so that what a
 *                file holds can't forge another fault. */
void fault_add(struct fault_list *list, const char *file, unsigned line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/** Adds a warning: as fault_add(), but on no memory it is lost. */
void fault_warn(struct fault_list *list, const char *file, unsigned line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/** Adds a warning at the place of a setting. */
#define fault_warn_at(list, value, ...)                                                            \
    fault_warn((list), value_file(value), value_line(value), __VA_ARGS__)

/** Adds a fault at the place of a setting. */
#define fault_at(list, value, ...)                                                                 \
    fault_add((list), value_file(value), value_line(value), __VA_ARGS__)

/** Adds the fault that a file can't be read, by errno; if it may not be, with who reads it.
 * @param what  What names it, as of a sentence: "`key` of `tls`".
 * @param path  Of it. */
void fault_unreadable(struct fault_list *list, const struct value *value, const char *what,
                      const char *path);

/** Sorts by file and line; faults of one line stay in the order in which they were found. */
void fault_list_sort(struct fault_list *list);

/** Prints each fault as one line: `FILE:LINE: text`, or `FILE: text`; of a warning `warning: `
 * comes before the text. */
void fault_list_print(const struct fault_list *list, FILE *out);

#endif
