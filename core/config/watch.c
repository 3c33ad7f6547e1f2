/* `watch`; see watch.h. */
#include "config/watch.h"

#include "config/named_file.h"

#include <stdlib.h>
#include <string.h>

static const char *const watch_keys[] = {"build", "paths"};

static const char *read_build(const struct section *section)
{
    const struct value *setting = section_get(section, "build", VALUE_STRING);
    if (!setting)
        return NULL;
    const char *command = value_string(setting);
    if (command[strspn(command, " \t\r\n")] != '\0')
        return command;
    fault_at(section->faults, setting,
             "`build` of `watch` is empty, expected a command, such as \"cmake --build build\"; "
             "leave it out, and a build folder of CMake's is looked for");
    return NULL;
}

/* @return 0, or -1 on no memory. */
static int add_path(struct config_watch *watch, const char *folder, const struct value *item,
                    struct fault_list *faults)
{
    if (value_string(item)[0] == '\0') {
        fault_at(faults, item,
                 "`paths` of `watch` holds an empty string, expected a file or a folder; `.` is "
                 "that of this file");
        return 0;
    }
    char *path = named_file_path(folder, value_string(item));
    if (!path)
        return -1;
    watch->paths[watch->path_count++] = path;
    return 0;
}

static int read_paths(const struct section *section, const char *folder, struct config_watch *watch)
{
    const struct value *list = section_get(section, "paths", VALUE_LIST);
    if (!list)
        return 0;
    if (value_count(list) == 0 || value_count(list) > CONFIG_WATCH_PATHS_MAX) {
        fault_at(section->faults, list,
                 "`paths` of `watch` has %zu entries, expected 1 to %d files or folders, such as "
                 "[ \"src\", \"include\" ]; what is in a folder belongs to it",
                 value_count(list), CONFIG_WATCH_PATHS_MAX);
        return 0;
    }
    watch->paths = calloc(value_count(list), sizeof *watch->paths);
    if (!watch->paths)
        return -1;
    for (const struct value *item = value_first(list); item; item = value_next(item)) {
        if (list_item(item, "`paths` of `watch`", VALUE_STRING, section->faults) &&
            add_path(watch, folder, item, section->faults))
            return -1;
    }
    return 0;
}

int config_watch_read(const struct section *top, const char *folder, struct config_watch *watch)
{
    const struct value *group = section_get(top, "watch", VALUE_GROUP);

    *watch = (struct config_watch){0};
    if (!group)
        return 0;
    const struct section section = {.group = group, .title = "`watch`", .faults = top->faults};
    section_check_keys(&section, watch_keys, sizeof watch_keys / sizeof watch_keys[0]);
    watch->build = read_build(&section);
    return read_paths(&section, folder, watch);
}

void config_watch_finish(struct config_watch *watch)
{
    for (size_t i = 0; i < watch->path_count; i++)
        free(watch->paths[i]);
    free(watch->paths);
    *watch = (struct config_watch){0};
}
