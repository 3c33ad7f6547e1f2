/* Proxies; see proxies.h. */
#include "config/proxies.h"

#include <stdlib.h>
#include <string.h>

#define UNIX_PEERS "unix"

static const char *const ways[] = {"",
#define WAY_WORD(name, word) word,
                                   PROXY_WAYS(WAY_WORD)
#undef WAY_WORD
};

#define WAYS_TEXT "\"x-forwarded-for\", \"forwarded\" or \"proxy-protocol\""

/* --- trusted_proxies */

static void refuse(const struct value *item, int fault, struct fault_list *faults)
{
    const char *text = value_string(item);
    switch (fault) {
    case TONI_CIDR_HOST_BITS:
        fault_at(faults, item,
                 "`trusted_proxies` of `listen` holds `%s`, whose address has bits behind the "
                 "prefix; write the network's own address, or more bits: \"/32\" is one IPv4 "
                 "address, \"/128\" one IPv6 address",
                 text);
        break;
    case TONI_CIDR_NO_PREFIX:
        fault_at(faults, item,
                 "`trusted_proxies` of `listen` holds `%s`, expected behind its slash 0 to 32 bits "
                 "of an IPv4 address, or 0 to 128 of an IPv6 address",
                 text);
        break;
    default:
        fault_at(faults, item,
                 "`trusted_proxies` of `listen` holds `%s`, expected networks such as "
                 "\"10.0.0.0/8\" or \"::1/128\", or \"" UNIX_PEERS
                 "\" for whoever connects to a Unix socket; names are not looked up",
                 text);
        break;
    }
}

static void add(struct trusted_proxies *trusted, const struct value *item,
                struct fault_list *faults)
{
    const char *text = value_string(item);
    if (strcmp(text, UNIX_PEERS) == 0) {
        trusted->has_unix = true;
        return;
    }
    toni_cidr *network = &trusted->networks[trusted->count];
    const int fault = toni_cidr_judge(toni_str_of(text), network);
    if (fault) {
        refuse(item, fault, faults);
        return;
    }
    if (network->bits == 0) {
        fault_warn_at(faults, item,
                      "`trusted_proxies` of `listen` holds `%s`: whoever connects may say which "
                      "address it has; list the networks of the proxies alone",
                      text);
    }
    trusted->count++;
}

static int read_trusted(const struct section *listen, struct trusted_proxies *trusted)
{
    const struct value *list = section_get(listen, "trusted_proxies", VALUE_LIST);
    if (!list)
        return 0;
    if (value_count(list) > PROXIES_MOST) {
        fault_at(listen->faults, list,
                 "`trusted_proxies` of `listen` holds %zu networks, expected at most %d; join "
                 "neighbours to larger ones",
                 value_count(list), PROXIES_MOST);
        return 0;
    }
    trusted->networks = calloc(value_count(list) + 1, sizeof *trusted->networks);
    if (!trusted->networks)
        return -1;
    for (const struct value *item = value_first(list); item; item = value_next(item)) {
        if (list_item(item, "`trusted_proxies` of `listen`", VALUE_STRING, listen->faults))
            add(trusted, item, listen->faults);
    }
    return 0;
}

/* --- proxy_header */

/* There is no default: a proxy that is set up for another way hands on what its clients have
 * written for this one. */
static void read_way(const struct section *listen, struct config_proxies *proxies)
{
    const struct value *list = value_get(listen->group, "trusted_proxies");
    const struct value *setting = section_get_word(listen, "proxy_header", WAYS_TEXT);
    if (!setting) {
        if (list && !value_get(listen->group, "proxy_header")) {
            fault_at(listen->faults, list,
                     "`listen` has `trusted_proxies`, but no `proxy_header`, which says how they "
                     "tell whose connection it is: add one of " WAYS_TEXT
                     ", as the proxies are set up");
        }
        return;
    }
    for (enum proxy_way way = PROXY_BY_LIST; way <= PROXY_BY_PROTOCOL; way++) {
        if (strcmp(value_string(setting), ways[way]) == 0)
            proxies->way = way;
    }
    if (proxies->way == PROXY_NONE) {
        fault_at(listen->faults, setting, "`proxy_header` of `listen` is `%s`, expected " WAYS_TEXT,
                 value_string(setting));
    } else if (!list) {
        fault_at(listen->faults, setting,
                 "`listen` has a `proxy_header`, but no `trusted_proxies`: nobody's is read; add "
                 "the networks of the proxies, such as [ \"10.0.0.0/8\" ]");
    }
}

int config_proxies_read(const struct section *listen, struct config_proxies *proxies)
{
    if (read_trusted(listen, &proxies->trusted))
        return -1;
    read_way(listen, proxies);
    return 0;
}

void config_proxies_finish(struct config_proxies *proxies)
{
    free(proxies->trusted.networks);
    *proxies = (struct config_proxies){0};
}
