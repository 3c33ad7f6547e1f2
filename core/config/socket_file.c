/* Files of Unix sockets; see socket_file.h. */
#include "config/socket_file.h"

#include "config/account.h"

#include <stdlib.h>
#include <string.h>

static bool read_mode(const char *text, mode_t *mode)
{
    const size_t length = strlen(text);
    if (length < 3 || length > 4 || strspn(text, "01234567") != length)
        return false;
    *mode = (mode_t)strtoul(text, NULL, 8);
    return *mode <= 0777;
}

static bool refuse_second(const char *key, const struct value *at, struct fault_list *faults)
{
    fault_at(faults, at, "`%s` of a Unix socket is set twice; remove one of them", key);
    return false;
}

bool socket_file_read(struct socket_file *file, const char *key, const char *text,
                      const struct value *at, struct fault_list *faults)
{
    const bool is_mode = strcmp(key, "mode") == 0;
    if (!is_mode && strcmp(key, "group") != 0) {
        fault_at(faults, at,
                 "`%s` is nothing that a Unix socket has, expected `mode` or `group`, as in "
                 "`unix:/path;mode=0660;group=www-data`",
                 key);
        return false;
    }
    if (is_mode ? file->has_mode : file->has_group)
        return refuse_second(key, at, faults);
    if (is_mode) {
        file->has_mode = read_mode(text, &file->mode);
        if (!file->has_mode) {
            fault_at(faults, at,
                     "`mode` of a Unix socket is `%s`, expected three or four octal digits, such "
                     "as 0660",
                     text);
        }
        return file->has_mode;
    }
    file->has_group = account_find_group(text, &file->group);
    if (!file->has_group) {
        fault_at(faults, at,
                 "`group` of a Unix socket is `%s`, which is no group of this machine; expected "
                 "the name of one, or a number",
                 text);
    }
    return file->has_group;
}

bool socket_file_read_all(struct socket_file *file, char *rest, const struct value *at,
                          struct fault_list *faults)
{
    bool is_good = true;
    for (char *part = strsep(&rest, ";"); part; part = strsep(&rest, ";")) {
        char *key = strsep(&part, "=");
        is_good &= socket_file_read(file, key, part ? part : "", at, faults);
    }
    return is_good;
}
