/* libconfig's settings, copied into a tree of values. Works with 1.5 and 1.7. */
#include "config/file.h"

#include "config/text.h"

#include <libconfig.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What libconfig takes is at most 90 times the text, for `((),(),...)`; the tree of values comes on
 * top, and the scanner's buffers. */
#define MEMORY_LEAST ((size_t)256 * 1024)
#define MEMORY_PER_BYTE ((size_t)128)

struct reader {
    const char *path;
    struct config_text text;
    struct fault_list *faults;
};

char *config_file_folder(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return strdup(".");
    return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* --- Copying. Each function returns 0, or -1 on no memory. */

static int copy_children(const struct reader *reader, const config_setting_t *from,
                         struct value *to);

static int copy_compound(const struct reader *reader, const config_setting_t *from,
                         struct value *to)
{
    return to ? copy_children(reader, from, to) : -1;
}

/* libconfig keeps no text that it had no memory for, and says nothing. */
static int copy_string(const char *string, const char *name, struct value *parent,
                       struct value_place place)
{
    return string && value_add_string(parent, name, place, string) ? 0 : -1;
}

static int copy_setting(const struct reader *reader, const config_setting_t *from,
                        struct value *parent, struct value_place place)
{
    const char *name = config_setting_name(from);

    if (!name && value_type(parent) == VALUE_GROUP)
        return -1;
    switch (config_setting_type(from)) {
    case CONFIG_TYPE_BOOL:
        return value_add_bool(parent, name, place, config_setting_get_bool(from)) ? 0 : -1;
    case CONFIG_TYPE_INT:
        return value_add_int(parent, name, place, config_setting_get_int(from)) ? 0 : -1;
    case CONFIG_TYPE_INT64:
        return value_add_int(parent, name, place, config_setting_get_int64(from)) ? 0 : -1;
    case CONFIG_TYPE_FLOAT:
        return value_add_double(parent, name, place, config_setting_get_float(from)) ? 0 : -1;
    case CONFIG_TYPE_STRING:
        return copy_string(config_setting_get_string(from), name, parent, place);
    case CONFIG_TYPE_GROUP:
        return copy_compound(reader, from, value_add_group(parent, name, place));
    default: /* an array or a list: the difference is libconfig's own */
        return copy_compound(reader, from, value_add_list(parent, name, place));
    }
}

static int copy_children(const struct reader *reader, const config_setting_t *from,
                         struct value *to)
{
    const int count = config_setting_length(from);

    for (int i = 0; i < count; i++) {
        const config_setting_t *child = config_setting_get_elem(from, (unsigned)i);
        const struct value_place place =
            config_text_place(&reader->text, config_setting_source_line(child));
        if (copy_setting(reader, child, to, place) != 0)
            return -1;
    }
    return 0;
}

/* --- Reading */

static void report_malformed(const struct reader *reader, const config_t *config)
{
    const char *text = config_error_text(config);
    const int line = config_error_line(config);
    const struct value_place place =
        config_text_place(&reader->text, line > 0 ? (unsigned)line : 0);

    fault_add(reader->faults, place.file, place.line,
              "malformed: %s; expected settings such as `name = value;`, see here and at the end "
              "of the setting before",
              text ? text : "unknown error");
}

static struct value *copy_root(const struct reader *reader, const config_t *config)
{
    const config_setting_t *from = config_root_setting(config);

    if (config_setting_length(from) == 0) {
        fault_add(reader->faults, reader->path, 0,
                  "holds no settings; expected at least `listen` and `modules`");
        return NULL;
    }
    struct value *root = value_group_create((struct value_place){.file = reader->path, .line = 1});
    if (!root || copy_children(reader, from, root) != 0) {
        fault_add(reader->faults, reader->path, 0, "out of memory while reading it");
        value_destroy(root);
        return NULL;
    }
    return root;
}

/* libconfig does not look whether an allocation has succeeded, and crashes. So what it can need at
 * most is asked for first, and given back to the allocator, out of which it is served. Where memory
 * is short it is refused here; only another thread that takes it in between is not foreseen. */
static bool memory_is_there(size_t text_bytes)
{
    void *volatile memory = malloc(MEMORY_LEAST + text_bytes * MEMORY_PER_BYTE);
    const bool is_there = memory != NULL;

    free(memory);
    return is_there;
}

static struct value *parse(const struct reader *reader)
{
    struct value *root = NULL;
    config_t config;

    if (!memory_is_there(reader->text.text.length)) {
        fault_add(reader->faults, reader->path, 0, "out of memory while reading it");
        return NULL;
    }
    config_init(&config);
    if (config_read_string(&config, reader->text.text.bytes) == CONFIG_TRUE)
        root = copy_root(reader, &config);
    else
        report_malformed(reader, &config);
    config_destroy(&config);
    return root;
}

struct value *config_file_read(const char *path, struct fault_list *faults)
{
    struct reader reader = {.path = path, .faults = faults};
    struct value *root = NULL;
    char *folder = config_file_folder(path);

    if (!folder) {
        fault_add(faults, path, 0, "out of memory while reading it");
        return NULL;
    }
    if (config_text_read(&reader.text, path, folder, faults))
        root = parse(&reader);
    config_text_finish(&reader.text);
    free(folder);
    return root;
}
