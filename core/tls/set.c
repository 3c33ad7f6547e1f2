/* See set.h. */
#include "tls/set.h"

#include <stdlib.h>

bool tls_set_load(struct tls_set *set, const struct address_list *addresses, const char *folder,
                  struct fault_list *faults)
{
    bool is_good = true;
    *set = (struct tls_set){0};
    if (addresses->count == 0)
        return true;
    set->contexts = calloc(addresses->count, sizeof(struct tls_context *));
    if (!set->contexts) {
        fault_at(faults, addresses->addresses[0].at, "addresses can't be read: out of memory");
        return false;
    }
    for (; set->count < addresses->count; set->count++) {
        const struct value *group = addresses->addresses[set->count].tls;
        if (!group)
            continue;
        set->contexts[set->count] = tls_context_create(group, folder, faults);
        is_good = is_good && set->contexts[set->count];
    }
    return is_good;
}

void tls_set_finish(struct tls_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        tls_context_unref(set->contexts[i]);
    free(set->contexts);
    *set = (struct tls_set){0};
}
