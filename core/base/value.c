/* A tree of configuration values. Children are linked lists, searched from the front: a group of a
 * configuration has few, and is read a few times in the life of a process. */
#include "base/value.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct source_file {
    struct source_file *next;
    char name[];
};

/* What all values of a tree share. */
struct tree {
    struct value *newest;      /* of all values, linked by `older`; so freeing needs no recursion */
    struct source_file *files; /* each name once, however many values came from it */
};

struct value {
    struct tree *tree;
    struct value *older;
    struct value *next;
    struct value *first, *last;
    size_t count;

    const char *file;
    const char *name;
    unsigned line;
    enum value_type type;
    union {
        bool boolean;
        int64_t integer;
        double real;
        const char *string;
    } as;
    char text[]; /* what `name` and `as.string` point to */
};

static const char *intern_file(struct tree *tree, const char *name)
{
    for (const struct source_file *file = tree->files; file; file = file->next) {
        if (strcmp(file->name, name) == 0)
            return file->name;
    }

    const size_t size = strlen(name) + 1;
    struct source_file *file = malloc(sizeof *file + size);
    if (!file)
        return NULL;
    memcpy(file->name, name, size);
    file->next = tree->files;
    tree->files = file;
    return file->name;
}

/* A file's name that was interned for a value which then got no memory stays in the tree: it is
 * invisible there, and freed with it. */
static struct value *add_to_tree(struct tree *tree, enum value_type type, const char *name,
                                 const char *string, struct value_place place)
{
    const size_t name_size = name ? strlen(name) + 1 : 0;
    const size_t string_size = string ? strlen(string) + 1 : 0;

    const char *file = intern_file(tree, place.file);
    if (!file)
        return NULL;
    struct value *value = malloc(sizeof *value + name_size + string_size);
    if (!value)
        return NULL;

    *value = (struct value){
        .tree = tree, .older = tree->newest, .file = file, .line = place.line, .type = type};
    if (name)
        value->name = memcpy(value->text, name, name_size);
    if (string)
        value->as.string = memcpy(value->text + name_size, string, string_size);
    tree->newest = value;
    return value;
}

static struct value *add(struct value *parent, enum value_type type, const char *name,
                         const char *string, struct value_place place)
{
    assert(parent->type == VALUE_GROUP || parent->type == VALUE_LIST);
    assert((parent->type == VALUE_GROUP) == (!!name));
    assert(!name || !value_get(parent, name));

    if (!place.file)
        place.file = parent->file;
    struct value *value = add_to_tree(parent->tree, type, name, string, place);
    if (!value)
        return NULL;

    if (parent->last)
        parent->last->next = value;
    else
        parent->first = value;
    parent->last = value;
    parent->count++;
    return value;
}

static void destroy_tree(struct tree *tree)
{
    while (tree->newest) {
        struct value *value = tree->newest;
        tree->newest = value->older;
        free(value);
    }
    while (tree->files) {
        struct source_file *file = tree->files;
        tree->files = file->next;
        free(file);
    }
    free(tree);
}

struct value *value_group_create(struct value_place place)
{
    struct tree *tree = calloc(1, sizeof *tree);
    if (!tree)
        return NULL;

    struct value *root = add_to_tree(tree, VALUE_GROUP, NULL, NULL, place);
    if (!root)
        destroy_tree(tree);
    return root;
}

void value_destroy(struct value *root)
{
    if (root)
        destroy_tree(root->tree);
}

struct value *value_add_bool(struct value *parent, const char *name, struct value_place place,
                             bool boolean)
{
    struct value *value = add(parent, VALUE_BOOL, name, NULL, place);
    if (value)
        value->as.boolean = boolean;
    return value;
}

struct value *value_add_int(struct value *parent, const char *name, struct value_place place,
                            int64_t integer)
{
    struct value *value = add(parent, VALUE_INT, name, NULL, place);
    if (value)
        value->as.integer = integer;
    return value;
}

struct value *value_add_double(struct value *parent, const char *name, struct value_place place,
                               double real)
{
    struct value *value = add(parent, VALUE_DOUBLE, name, NULL, place);
    if (value)
        value->as.real = real;
    return value;
}

struct value *value_add_string(struct value *parent, const char *name, struct value_place place,
                               const char *text)
{
    return add(parent, VALUE_STRING, name, text, place);
}

struct value *value_add_list(struct value *parent, const char *name, struct value_place place)
{
    return add(parent, VALUE_LIST, name, NULL, place);
}

struct value *value_add_group(struct value *parent, const char *name, struct value_place place)
{
    return add(parent, VALUE_GROUP, name, NULL, place);
}

enum value_type value_type(const struct value *value)
{
    return value->type;
}

const char *value_type_name(enum value_type type)
{
    static const char *const names[] = {
        [VALUE_BOOL] = "true or false",
        [VALUE_INT] = "an integer",
        [VALUE_DOUBLE] = "a number with a point",
        [VALUE_STRING] = "a string",
        [VALUE_LIST] = "a list",
        [VALUE_GROUP] = "a group",
    };

    return names[type];
}

const char *value_name(const struct value *value)
{
    return value->name;
}

const char *value_file(const struct value *value)
{
    return value->file;
}

unsigned value_line(const struct value *value)
{
    return value->line;
}

bool value_bool(const struct value *value)
{
    assert(value->type == VALUE_BOOL);
    return value->as.boolean;
}

int64_t value_int(const struct value *value)
{
    assert(value->type == VALUE_INT);
    return value->as.integer;
}

double value_double(const struct value *value)
{
    if (value->type == VALUE_INT)
        return (double)value->as.integer;
    assert(value->type == VALUE_DOUBLE);
    return value->as.real;
}

const char *value_string(const struct value *value)
{
    assert(value->type == VALUE_STRING);
    return value->as.string;
}

size_t value_count(const struct value *value)
{
    return value->count;
}

const struct value *value_first(const struct value *value)
{
    return value->first;
}

const struct value *value_next(const struct value *value)
{
    return value->next;
}

/* Finds the child whose name is the @p length bytes at @p name. */
static const struct value *get_by_part(const struct value *group, const char *name, size_t length)
{
    if (group->type != VALUE_GROUP)
        return NULL;
    for (const struct value *child = group->first; child; child = child->next) {
        if (strncmp(child->name, name, length) == 0 && child->name[length] == '\0')
            return child;
    }
    return NULL;
}

const struct value *value_get(const struct value *group, const char *name)
{
    return get_by_part(group, name, strlen(name));
}

const struct value *value_find(const struct value *group, const char *path)
{
    const struct value *value = group;

    for (;;) {
        const size_t length = strcspn(path, ".");

        value = get_by_part(value, path, length);
        if (!value || path[length] == '\0')
            return value;
        path += length + 1;
    }
}

static bool children_equal(const struct value *a, const struct value *b)
{
    const struct value *other = b->first;

    if (a->count != b->count)
        return false;
    for (const struct value *child = a->first; child; child = child->next) {
        if (a->type == VALUE_GROUP)
            other = value_get(b, child->name);
        if (!other || !value_equal(child, other))
            return false;
        other = other->next;
    }
    return true;
}

/* As deep as a file is nested, which is bounded when it is read. */
bool value_equal(const struct value *a, const struct value *b)
{
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case VALUE_BOOL:
        return a->as.boolean == b->as.boolean;
    case VALUE_INT:
        return a->as.integer == b->as.integer;
    case VALUE_DOUBLE:
        return a->as.real == b->as.real;
    case VALUE_STRING:
        return strcmp(a->as.string, b->as.string) == 0;
    case VALUE_LIST:
    case VALUE_GROUP:
        break;
    }
    return children_equal(a, b);
}
