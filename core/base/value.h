/* Configuration values: a tree of groups, lists and plain values, each of which knows the file and
 * the line it came from, so that a fault can be reported where it is. Built once, then only read.
 * Not a parser, and it knows no keys and no defaults.
 *
 * A tree is built by one thread; once built, any number of threads may read it. Whatever a function
 * returns belongs to the tree and lives until value_destroy(). */
#ifndef BASE_VALUE_H
#define BASE_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum value_type {
    VALUE_BOOL,
    VALUE_INT,
    VALUE_DOUBLE,
    VALUE_STRING,
    VALUE_LIST,  /* children without names */
    VALUE_GROUP, /* children with names */
};

struct value;

/** Where a value was read; copied by the functions that take it. */
struct value_place {
    const char *file; /* NULL: the parent's file */
    unsigned line;    /* from 1; 0 if unknown */
};

/** Creates a tree: a group without name or parent.
 * @param place  Its file must not be NULL.
 * @return The tree, to be destroyed by value_destroy(), or NULL on no memory. */
struct value *value_group_create(struct value_place place);

/** Frees a whole tree.
 * @param root  What value_group_create() returned, or NULL. */
void value_destroy(struct value *root);

/* Building. Each adds one child at the end of @p parent, a group or a list, and returns it, or NULL
 * on no memory; then the tree is unchanged. @p name is copied: in a group one that the group does
 * not have yet, in a list NULL. */

struct value *value_add_bool(struct value *parent, const char *name, struct value_place place,
                             bool boolean);
struct value *value_add_int(struct value *parent, const char *name, struct value_place place,
                            int64_t integer);
struct value *value_add_double(struct value *parent, const char *name, struct value_place place,
                               double real);

/** Adds a string.
 * @param text  NUL-terminated, copied. */
struct value *value_add_string(struct value *parent, const char *name, struct value_place place,
                               const char *text);
struct value *value_add_list(struct value *parent, const char *name, struct value_place place);
struct value *value_add_group(struct value *parent, const char *name, struct value_place place);

/* Reading what a value is. */

enum value_type value_type(const struct value *value);

/** A type's name as messages have it, e.g. "an integer". */
const char *value_type_name(enum value_type type);

/** The name, or NULL of the root and of what is in a list. */
const char *value_name(const struct value *value);
const char *value_file(const struct value *value);
unsigned value_line(const struct value *value);

/* Reading what it holds; the value must be of that type. */

bool value_bool(const struct value *value);
int64_t value_int(const struct value *value);

/** The number; the value may also be an integer, since people write `1` for `1.0`. */
double value_double(const struct value *value);
const char *value_string(const struct value *value);

/** @return Whether both are the same: type, what they hold, and names below them; in groups the
 * order makes no difference. Where they came from does not count. */
bool value_equal(const struct value *a, const struct value *b);

/* Reading children. Values that can have none have none. */

size_t value_count(const struct value *value);

/** The first child, or NULL; value_next() goes on from there. */
const struct value *value_first(const struct value *value);

/** The next child of the same parent, or NULL after the last. */
const struct value *value_next(const struct value *value);

/** Finds a child by its name.
 * @return The child, or NULL if there is none, or if @p group is no group. */
const struct value *value_get(const struct value *group, const char *name);

/** Finds a descendant by the names that lead to it.
 * @param group  To begin at.
 * @param path   Names of groups and at last of the value, e.g. "listen.websocket".
 * @return The value, or NULL if one of the names is not there or is no group on the way. */
const struct value *value_find(const struct value *group, const char *path);

#endif
