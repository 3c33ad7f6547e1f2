/* Lists of hosts and origins; see access.h. */
#include "config/access.h"

#include "ws/web_name.h"

#include <stdlib.h>
#include <string.h>

/* @return Whether it is one of those, or `*`. */
typedef bool entry_check(const char *text);

static bool is_host(const char *text)
{
    toni_str host;
    const toni_str all = toni_str_of(text);
    if (!web_name_of_host(all, &host))
        return false;
    return host.size == all.size || (text[0] == '[' && host.size + 2 == all.size);
}

static bool is_origin(const char *text)
{
    toni_str host;
    return strcmp(text, "null") == 0 || web_name_of_origin(toni_str_of(text), &host);
}

static int read_list(const struct section *section, const char *key, entry_check *is_entry,
                     const char *expected, struct access_list *list)
{
    const struct value *setting = section_get(section, key, VALUE_LIST);
    if (!setting)
        return 0;

    char title[32];
    (void)snprintf(title, sizeof title, "`%s`", key);
    list->names = calloc(value_count(setting) + 1, sizeof *list->names);
    if (!list->names)
        return -1;
    for (const struct value *item = value_first(setting); item; item = value_next(item)) {
        if (!list_item(item, title, VALUE_STRING, section->faults))
            continue;
        const char *text = value_string(item);
        const char *extension = web_name_extension_problem(toni_str_of(text));
        if (extension) {
            fault_at(section->faults, item, "`%s` of %s holds `%s`, expected behind its scheme %s",
                     key, section->title, text, extension);
        } else if (strcmp(text, ACCESS_ANY) == 0 || is_entry(text)) {
            list->names[list->count++] = text;
        } else {
            fault_at(section->faults, item, "`%s` of %s holds `%s`, expected %s", key,
                     section->title, text, expected);
        }
    }
    return 0;
}

int config_hosts_read(const struct section *section, struct access_list *list)
{
    return read_list(section, "hosts", is_host,
                     "a name or an address without scheme, port and path, such as "
                     "\"chat.example.org\", or \"*\" for any",
                     list);
}

int config_origins_read(const struct section *section, struct access_list *list)
{
    return read_list(section, "origins", is_origin,
                     "an origin as browsers send it, such as \"https://www.example.org\", without "
                     "a path, or \"*\" for any",
                     list);
}

void access_list_finish(struct access_list *list)
{
    free(list->names);
    *list = (struct access_list){0};
}
