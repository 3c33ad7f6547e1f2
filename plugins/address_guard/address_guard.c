/* A guard that looks at the client's address alone, as the host knows it: behind a trusted proxy
 * that is the client's own. `deny` comes before `allow`; an empty `allow` lets in everybody else. A
 * client without an address has come over a Unix socket, and is `unix` in these lists. */
#include <toni/cidr.h>
#include <toni/toni.h>

#include <stdlib.h>

/* Of one list. Each is looked at for each handshake: 1,000 in each took 4 us in all, one 0.7 us. */
#define NETWORKS_MOST 1000

struct networks {
    toni_cidr *networks;
    size_t count;
    bool has_unix;
};

struct guard {
    toni_context *context;
    struct networks allow, deny;
};

/* --- The lists */

static bool have(const struct networks *networks, const toni_ip *address)
{
    if (!address)
        return networks->has_unix;
    for (size_t i = 0; i < networks->count; i++) {
        if (toni_cidr_has(&networks->networks[i], address))
            return true;
    }
    return false;
}

static const char *problem_of(int fault)
{
    switch (fault) {
    case TONI_CIDR_HOST_BITS:
        return "its address has bits behind the prefix; write the network's own address, or more "
               "bits";
    case TONI_CIDR_NO_PREFIX:
        return "expected behind its slash 0 to 32 bits of an IPv4 address, or 0 to 128 of an IPv6 "
               "address";
    default:
        return "expected a network such as \"10.0.0.0/8\" or \"2001:db8::/32\", an address, or "
               "\"unix\"";
    }
}

static int32_t add(struct guard *guard, toni_str name, toni_str text, struct networks *networks)
{
    if (toni_str_equal(text, TONI_LIT("unix"))) {
        networks->has_unix = true;
        return TONI_OK;
    }
    const int fault = toni_cidr_judge(text, &networks->networks[networks->count]);
    if (fault) {
        toni_log(guard->context, TONI_LOG_ERROR, "option `%.*s` holds `%.*s`: %s",
                 TONI_STR_ARG(name), TONI_STR_ARG(text), problem_of(fault));
        return TONI_ERR_INVALID;
    }
    networks->count++;
    return TONI_OK;
}

static int32_t read_list(struct guard *guard, toni_str name, struct networks *networks)
{
    const size_t count = toni_option_list_count(guard->context, name);
    if (count > NETWORKS_MOST) {
        toni_log(guard->context, TONI_LOG_ERROR,
                 "option `%.*s` holds %zu networks, expected at most %d; join neighbours to larger "
                 "ones",
                 TONI_STR_ARG(name), count, NETWORKS_MOST);
        return TONI_ERR_INVALID;
    }
    networks->networks = calloc(count + 1, sizeof *networks->networks);
    int32_t result = networks->networks ? TONI_OK : TONI_ERR_NO_MEMORY;
    for (size_t i = 0; i < count && result == TONI_OK; i++) {
        const toni_str text = toni_option_item(guard->context, name, TONI_TYPE_STR, i).text;
        result = add(guard, name, text, networks);
    }
    return result;
}

/* --- The guard */

static int32_t check(void *self, const toni_request *request)
{
    const struct guard *guard = self;
    const toni_str text = toni_request_address(request);
    toni_ip address;
    const bool has_address = toni_ip_read(text, &address) == TONI_OK;
    const toni_ip *known = has_address ? &address : NULL;
    const bool is_open = guard->allow.count == 0 && !guard->allow.has_unix;
    if (!have(&guard->deny, known) && (is_open || have(&guard->allow, known)))
        return TONI_OK;
    return toni_guard_refuse(request, 403, TONI_LIT("this address may not connect"));
}

static const struct toni_guard_table table = {.struct_size = sizeof table, .check = check};

static void destroy(void *self)
{
    struct guard *guard = self;
    free(guard->allow.networks);
    free(guard->deny.networks);
    free(guard);
}

static int32_t create(toni_context *context, void **self)
{
    struct guard *guard = calloc(1, sizeof *guard);
    if (!guard)
        return TONI_ERR_NO_MEMORY;
    guard->context = context;
    int32_t result = read_list(guard, TONI_LIT("allow"), &guard->allow);
    if (result == TONI_OK)
        result = read_list(guard, TONI_LIT("deny"), &guard->deny);
    if (result != TONI_OK) {
        destroy(guard);
        return result;
    }
    *self = guard;
    return TONI_OK;
}

TONI_PLUGIN(.kind = TONI_SERVICE, .name = TONI_LIT("address"), .flags = TONI_CONCURRENT,
            .provides = TONI_OFFERS(toni_guard, &table),
            .options = TONI_OPTIONS(
                TONI_OPTION_LIST("allow", TONI_TYPE_STR,
                                 "networks that may connect; empty: all that are not denied"),
                TONI_OPTION_LIST("deny", TONI_TYPE_STR, "networks that may not")),
            .create = create, .destroy = destroy);
