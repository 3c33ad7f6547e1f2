/* See group_sizes.h. */
#include "config/group_sizes.h"

#include <stddef.h>

const char *group_sizes_note(struct group_sizes *sizes, char c)
{
    if (c == '{') {
        if (sizes->depth == CONFIG_GROUPS_DEEP_MAX)
            return "groups are more than 100 deep in each other";
        sizes->settings[++sizes->depth] = 0;
    } else if (c == '}') {
        sizes->depth -= sizes->depth > 0 ? 1 : 0;
    } else if ((c == '=' || c == ':') && ++sizes->settings[sizes->depth] > CONFIG_SETTINGS_MAX) {
        return "a group has more than 5000 settings";
    }
    return NULL;
}
