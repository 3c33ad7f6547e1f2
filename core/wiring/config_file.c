/* libconfig's settings, copied into a tree of values. Works with 1.5 and 1.7. */
#include "wiring/config_file.h"

#include <errno.h>
#include <libconfig.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct reader {
    const char *path;
    char *folder;
    struct fault_list *faults;
};

char *config_file_folder(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL)
        return strdup(".");
    return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* The file as a person would open it: libconfig has no name for the file itself, and 1.5 leaves out
 * the folder that it found an included one in.
 * @return To be given to free(); NULL on no memory. */
static char *file_name(const struct reader *reader, const char *found)
{
    char *name;
    const size_t length = strlen(reader->folder);

    if (found == NULL)
        return strdup(reader->path);
    const bool has_folder = strncmp(found, reader->folder, length) == 0 && found[length] == '/';
    if (found[0] == '/' || has_folder || strcmp(reader->folder, ".") == 0)
        return strdup(found);
    return asprintf(&name, "%s/%s", reader->folder, found) >= 0 ? name : NULL;
}

/* --- Copying. Each function returns 0, or -1 on no memory. */

static int copy_children(const struct reader *reader, const config_setting_t *from,
                         struct value *to);

static int copy_compound(const struct reader *reader, const config_setting_t *from,
                         struct value *to)
{
    return to != NULL ? copy_children(reader, from, to) : -1;
}

static int copy_setting(const struct reader *reader, const config_setting_t *from,
                        struct value *parent, struct value_place place)
{
    const char *name = config_setting_name(from);

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
        return value_add_string(parent, name, place, config_setting_get_string(from)) ? 0 : -1;
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
        char *file = file_name(reader, config_setting_source_file(child));
        if (file == NULL)
            return -1;
        const struct value_place place = {.file = file, .line = config_setting_source_line(child)};
        const int result = copy_setting(reader, child, to, place);
        free(file);
        if (result != 0)
            return -1;
    }
    return 0;
}

/* --- Reading */

static const char *remedy_for_open(int error)
{
    switch (error) {
    case ENOENT:
        return "expected a configuration; name the file with -c";
    case EACCES:
        return "make it readable for the user that runs toni";
    default:
        return "name a file that can be read with -c";
    }
}

/* A folder can be opened and not read, which libconfig's scanner answers by ending the process. */
static FILE *open_file(const struct reader *reader)
{
    struct stat status;
    FILE *file = fopen(reader->path, "re");

    if (file != NULL && fstat(fileno(file), &status) == 0 && S_ISDIR(status.st_mode)) {
        (void)fclose(file);
        file = NULL;
        errno = EISDIR;
    }
    if (file == NULL)
        fault_add(reader->faults, reader->path, 0, "can't be opened: %s; %s", strerror(errno),
                  remedy_for_open(errno));
    return file;
}

static void report_malformed(const struct reader *reader, const config_t *config)
{
    char *file = file_name(reader, config_error_file(config));
    const char *text = config_error_text(config);
    const int line = config_error_line(config);

    fault_add(reader->faults, file != NULL ? file : reader->path, line > 0 ? (unsigned)line : 0,
              "malformed: %s; expected settings such as `name = value;`, see here and at the end "
              "of the setting before",
              text != NULL ? text : "unknown error");
    free(file);
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
    if (root == NULL || copy_children(reader, from, root) != 0) {
        fault_add(reader->faults, reader->path, 0, "out of memory while reading it");
        value_destroy(root);
        return NULL;
    }
    return root;
}

struct value *config_file_read(const char *path, struct fault_list *faults)
{
    struct reader reader = {.path = path, .faults = faults};
    struct value *root = NULL;
    config_t config;

    FILE *file = open_file(&reader);
    if (file == NULL)
        return NULL;
    config_init(&config);
    reader.folder = config_file_folder(path);
    if (reader.folder == NULL) {
        fault_add(faults, path, 0, "out of memory while reading it");
        goto done;
    }
    config_set_include_dir(&config, reader.folder);
    if (config_read(&config, file) == CONFIG_TRUE)
        root = copy_root(&reader, &config);
    else
        report_malformed(&reader, &config);
done:
    config_destroy(&config);
    free(reader.folder);
    (void)fclose(file);
    return root;
}
