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

bool tls_sets_load(struct tls_sets *sets, const struct config *config, struct fault_list *faults)
{
    *sets = (struct tls_sets){0};
    /* Each, so that all faults are reported at once. */
    const bool websocket =
        tls_set_load(&sets->websocket, &config->websocket, config->folder, faults);
    const bool http = tls_set_load(&sets->http, &config->http, config->folder, faults);
    const bool admin = tls_set_load(&sets->admin, &config->admin, config->folder, faults);
    return websocket && http && admin;
}

static size_t differ(const struct tls_set *before, const struct tls_set *now)
{
    size_t count = 0;
    for (size_t i = 0; i < before->count && i < now->count; i++) {
        const struct tls_context *one = before->contexts[i], *other = now->contexts[i];
        count += one && other && !tls_context_shows_the_same(one, other);
    }
    return count;
}

size_t tls_sets_differ(const struct tls_sets *before, const struct tls_sets *now)
{
    return differ(&before->websocket, &now->websocket) + differ(&before->http, &now->http) +
           differ(&before->admin, &now->admin);
}

void tls_sets_finish(struct tls_sets *sets)
{
    tls_set_finish(&sets->websocket);
    tls_set_finish(&sets->http);
    tls_set_finish(&sets->admin);
}
