/* Who may ask; see access.h. */
#include "net/access.h"

#include "net/peer.h"
#include "ws/web_name.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct access {
    pthread_mutex_t lock; /* a leaf, held for a few instructions. Guards the pointer */
    struct config *config;
};

struct access *access_create(struct config *config)
{
    struct access *access = calloc(1, sizeof *access);
    if (!access || pthread_mutex_init(&access->lock, NULL)) {
        free(access);
        return NULL;
    }
    access->config = gateways_conf_ref(config);
    return access;
}

void access_change(struct access *access, struct config *config)
{
    pthread_mutex_lock(&access->lock);
    struct config *before = access->config;
    access->config = gateways_conf_ref(config);
    pthread_mutex_unlock(&access->lock);
    gateways_conf_destroy(before);
}

void access_destroy(struct access *access)
{
    if (!access)
        return;
    gateways_conf_destroy(access->config);
    pthread_mutex_destroy(&access->lock);
    free(access);
}

/* @return The rules of the moment, to be given back. */
static struct config *take_rules(struct access *access)
{
    pthread_mutex_lock(&access->lock);
    struct config *config = gateways_conf_ref(access->config);
    pthread_mutex_unlock(&access->lock);
    return config;
}

static bool is_listed(const struct access_list *hosts, toni_str host)
{
    for (size_t i = 0; i < hosts->count; i++) {
        toni_str listed;
        if (strcmp(hosts->names[i], ACCESS_ANY) == 0)
            return true;
        if (web_name_of_host(toni_str_of(hosts->names[i]), &listed) && web_name_equal(listed, host))
            return true;
    }
    return false;
}

static bool is_ours(const struct config *config, toni_str text, const struct sockaddr *local,
                    toni_str *host)
{
    return web_name_of_host(text, host) &&
           (web_name_is_loopback(*host) || web_name_is_address(*host, local) ||
            is_listed(&config->hosts, *host));
}

bool access_knows_host(struct access *access, toni_str host, const struct sockaddr *local)
{
    toni_str name;
    struct config *config = take_rules(access);
    const bool is_known = is_ours(config, host, local, &name);
    gateways_conf_destroy(config);
    return is_known;
}

/* A gateway's own list takes the place of the host's. */
static const struct access_list *origins_of(const struct config *config, const char *gateway)
{
    for (size_t m = 0; m < config->module_count; m++) {
        const struct config_module *module = &config->modules[m];
        for (size_t p = 0; p < module->provider_count; p++) {
            const struct config_provider *provider = &module->providers[p];
            if (provider->origins.names && strcmp(provider->name, gateway) == 0)
                return &provider->origins;
        }
    }
    return &config->origins;
}

static bool is_allowed(const struct access_list *origins, toni_str origin)
{
    for (size_t i = 0; i < origins->count; i++) {
        const char *listed = origins->names[i];
        if (strcmp(listed, ACCESS_ANY) == 0 ||
            (strlen(listed) == origin.size && strncasecmp(listed, origin.data, origin.size) == 0))
            return true;
    }
    return false;
}

bool access_allows_origin(struct access *access, const char *gateway, toni_str origin,
                          toni_str host, const struct sockaddr *local)
{
    toni_str name, page;
    struct config *config = take_rules(access);
    const bool is_fine = is_allowed(origins_of(config, gateway), origin) ||
                         (web_name_is_page(origin) && web_name_of_origin(origin, &page) &&
                          is_ours(config, host, local, &name) && web_name_equal(page, name));
    gateways_conf_destroy(config);
    return is_fine;
}

/* --- Proxies */

/* Of 127.0.0.0/8, or ::1. */
static bool is_loopback(const toni_ip *address)
{
    static const uint8_t one[16] = {[15] = 1};
    return address->is_ipv6 ? memcmp(address->bytes, one, sizeof one) == 0
                            : address->bytes[0] == 127;
}

/* On this machine, and by itself: a proxy there is trusted, adds a field, or asks for another host.
 */
static bool is_local(const struct config *config, const struct workbench_asker *asker)
{
    toni_ip address;
    toni_str name;
    return !asker->is_forwarded && toni_ip_read(asker->address, &address) == TONI_OK &&
           is_loopback(&address) && !trusted_proxies_have(&config->proxies.trusted, &address) &&
           web_name_of_host(asker->host, &name) && web_name_is_loopback(name);
}

bool access_allows_workbench(struct access *access, const struct workbench_asker *asker)
{
    struct config *config = take_rules(access);
    const bool is_allowed = config->workbench == WORKBENCH_ANYONE ||
                            (config->workbench == WORKBENCH_LOCAL && is_local(config, asker));
    gateways_conf_destroy(config);
    return is_allowed;
}

enum proxy_way access_proxy_way(struct access *access, const struct sockaddr_storage *peer)
{
    toni_ip address;
    struct config *config = take_rules(access);
    const struct config_proxies *proxies = &config->proxies;
    const bool is_trusted = peer_ip(peer, &address)
                                ? trusted_proxies_have(&proxies->trusted, &address)
                                : proxies->trusted.has_unix;
    const enum proxy_way way = is_trusted ? proxies->way : PROXY_NONE;
    gateways_conf_destroy(config);
    return way;
}

const char *proxy_field_name(enum proxy_way way)
{
    return way == PROXY_BY_FIELD ? "Forwarded" : "X-Forwarded-For";
}

void access_begin_forwarded(struct access *access, enum proxy_way way,
                            struct forwarded_reading *reading)
{
    *reading = (struct forwarded_reading){.config = take_rules(access), .way = way};
    forwarded_begin(&reading->forwarded, &reading->config->proxies.trusted);
}

void access_take_forwarded(struct forwarded_reading *reading, toni_str value)
{
    if (reading->is_bad)
        return;
    if (reading->way == PROXY_BY_FIELD)
        reading->is_bad = forwarded_take_elements(&reading->forwarded, value) != 0;
    else
        forwarded_take_list(&reading->forwarded, value);
}

int access_end_forwarded(struct forwarded_reading *reading, toni_ip *client)
{
    gateways_conf_destroy(reading->config);
    return reading->is_bad ? -1 : forwarded_end(&reading->forwarded, client);
}
