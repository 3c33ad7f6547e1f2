/* `control`; see control.h. */
#include "config/control.h"

#include "config/file.h"
#include "config/named_file.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_NAME ".toni.sock"

int config_control_read(const struct section *top, const char *folder,
                        struct config_control *control)
{
    const struct value *setting = section_get(top, "control", VALUE_STRING);

    *control = (struct config_control){.is_default = setting == NULL};
    if (setting && value_string(setting)[0] == '\0')
        return 0;
    control->path = named_file_path(folder, setting ? value_string(setting) : DEFAULT_NAME);
    if (!control->path)
        return -1;
    const size_t length = strlen(control->path);
    if (control->is_default || length <= CONTROL_PATH_LONGEST)
        return 0;
    fault_at(top->faults, setting,
             "`control` is a path of %zu bytes, `%s`, expected at most %zu; shorten it", length,
             control->path, CONTROL_PATH_LONGEST);
    free(control->path);
    *control =
        (struct config_control){.is_default = true, .path = named_file_path(folder, DEFAULT_NAME)};
    return control->path ? 0 : -1;
}

int config_control_find(const char *config_path, struct config_control *control)
{
    struct fault_list faults;
    struct value *tree = NULL;
    int result = -1;

    *control = (struct config_control){0};
    fault_list_init(&faults);
    char *folder = config_file_folder(config_path);
    if (!folder)
        goto done;
    tree = config_file_read(config_path, &faults);
    if (tree) {
        const struct section top = {.group = tree, .title = "the file", .faults = &faults};
        result = config_control_read(&top, folder, control);
    } else {
        control->is_default = true;
        control->path = named_file_path(folder, DEFAULT_NAME);
        result = control->path ? 0 : -1;
    }
done:
    value_destroy(tree);
    free(folder);
    fault_list_finish(&faults);
    return result;
}

void config_control_finish(struct config_control *control)
{
    free(control->path);
    *control = (struct config_control){0};
}
