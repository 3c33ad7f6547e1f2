/* Giving up root; see privileges.h. */
#include "host/privileges.h"

#include "base/log.h"
#include "config/config.h"
#include "net/listener.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FIRST_FREE_PORT "/proc/sys/net/ipv4/ip_unprivileged_port_start"
#define FIRST_FREE_PORT_USUAL 1024

/* --- What there is */

static bool is_root(void)
{
    uid_t real = 0, effective = 0, saved = 0;
    (void)getresuid(&real, &effective, &saved);
    return real == 0 || effective == 0 || saved == 0;
}

typedef struct __user_cap_data_struct capabilities[_LINUX_CAPABILITY_U32S_3];

static bool has_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    capabilities held = {{0}};
    if (syscall(SYS_capget, &header, held))
        return true;
    for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        if ((held[i].effective | held[i].permitted | held[i].inheritable) != 0)
            return true;
    }
    return false;
}

/* --- Addresses that need it */

static uint16_t first_free_port(void)
{
    char text[16] = "";
    FILE *file = fopen(FIRST_FREE_PORT, "re");
    const bool is_read = file && fgets(text, sizeof text, file);
    if (file)
        (void)fclose(file);
    return is_read ? (uint16_t)strtoul(text, NULL, 10) : FIRST_FREE_PORT_USUAL;
}

/* The port lies at the same place in sockaddr_in6. Port 0 takes a free one. */
static bool is_privileged(const struct listen_address *address, uint16_t first_free)
{
    const struct sockaddr_in *inet = (const struct sockaddr_in *)&address->address;
    return address->address.ss_family != AF_UNIX && inet->sin_port != 0 &&
           ntohs(inet->sin_port) < first_free;
}

/* One that can't be bound is reported by who needs it, if it is not there from elsewhere: a service
 * manager or the host before this one may have it, and a second host shall name the first one. */
static int bind_privileged(const struct address_list *list, const char *setting,
                           struct inherited *inherited)
{
    const uint16_t first_free = first_free_port();
    for (size_t i = 0; i < list->count; i++) {
        const struct listen_address *address = &list->addresses[i];
        struct inherited_socket bound = {.is_ours = true, .is_bound_only = true};
        if (!is_privileged(address, first_free))
            continue;
        bound.fd = listener_bind(address);
        bound.error = bound.fd < 0 ? errno : 0;
        (void)snprintf(bound.setting, sizeof bound.setting, "%s", setting);
        (void)snprintf(bound.address, sizeof bound.address, "%s", listen_address_text(address));
        if (inherited_add(inherited, &bound)) {
            log_error("out of memory while binding");
            return -1;
        }
    }
    return 0;
}

static int bind_all(const struct config *config, struct inherited *inherited)
{
    return bind_privileged(&config->websocket, "listen.websocket", inherited) ||
                   bind_privileged(&config->http, "listen.http", inherited) ||
                   bind_privileged(&config->admin, "listen.admin", inherited)
               ? -1
               : 0;
}

/* --- Giving up */

static int report(const char *what)
{
    log_error("can't give up root: the host does not go on with it", log_str("call", what),
              log_str("error", strerror(errno)));
    return -1;
}

static int forbid_new(void)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? report("no_new_privs") : 0;
}

/* Nothing that is executed from here on can have one, whatever its file says. */
static void drop_bounding_set(void)
{
    for (unsigned long each = 0; prctl(PR_CAPBSET_READ, each, 0, 0, 0) >= 0; each++)
        (void)prctl(PR_CAPBSET_DROP, each, 0, 0, 0); /* may need one; no_new_privs does the same */
}

static int become(const struct run_as *run_as)
{
    if (setgroups(0, NULL))
        return report("setgroups");
    if (setresgid(run_as->group, run_as->group, run_as->group))
        return report("setresgid");
    return setresuid(run_as->user, run_as->user, run_as->user) ? report("setresuid") : 0;
}

static int drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const capabilities none = {{0}};
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); /* capset does it as well */
    return syscall(SYS_capset, &header, none) ? report("capset") : 0;
}

/* A kernel, a sandbox or a fault of ours may have left something. */
static int check(void)
{
    errno = 0;
    if (is_root() || has_capabilities() || setuid(0) == 0 || setgid(0) == 0)
        return report("looking again");
    return 0;
}

/* @param run_as  NULL: the process is nobody else's already. */
static int give_up(const struct run_as *run_as)
{
    drop_bounding_set();
    if (forbid_new() || (run_as && become(run_as)) || drop_capabilities() || check())
        return -1;
    /* Nothing that root alone may read has been read. So the process is its user's as any other: a
     * crash leaves a core, and /proc/self is its own. */
    (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    return 0;
}

/* --- All of it */

static void add_refusal(const char *config_path, struct fault_list *faults)
{
    fault_add(faults, config_path, 0,
              "the host would run as root, and so would its plugins; add `user = \"toni\";`, whom "
              "it becomes once it has its ports (`useradd --system toni` makes such a user), start "
              "it as another user, or, if that is meant, by `toni run --allow-root`");
}

static enum exit_code print(struct fault_list *faults, FILE *also)
{
    fault_list_sort(faults);
    fault_list_print(faults, stderr);
    if (also)
        fault_list_print(faults, also);
    return EXIT_USAGE;
}

/* Other faults are reported later, together with those of plugins. */
static enum exit_code give_up_root(const struct config *config, bool may_be_root,
                                   struct inherited *inherited, struct fault_list *faults)
{
    const bool has_user = value_get(config->tree, "user") || value_get(config->tree, "group");
    if (!config->run_as.at && (has_user || !may_be_root)) {
        if (!has_user)
            add_refusal(value_file(config->tree), faults);
        return EXIT_USAGE;
    }
    if (!config->run_as.at)
        return forbid_new() ? EXIT_FAULT : EXIT_CLEAN;
    if (inherited && fault_list_empty(faults) && bind_all(config, inherited))
        return EXIT_FAULT;
    return give_up(&config->run_as) ? EXIT_FAULT : EXIT_CLEAN;
}

static enum exit_code give_up_capabilities(const struct config *config, struct inherited *inherited,
                                           const struct fault_list *faults)
{
    if (inherited && fault_list_empty(faults) && bind_all(config, inherited))
        return EXIT_FAULT;
    return give_up(NULL) ? EXIT_FAULT : EXIT_CLEAN;
}

enum exit_code privileges_give_up(const char *config_path, bool may_be_root,
                                  struct inherited *inherited, FILE *also)
{
    struct fault_list faults;
    if (!is_root() && !has_capabilities())
        return forbid_new() ? EXIT_FAULT : EXIT_CLEAN;
    fault_list_init(&faults);
    struct config *config = gateways_conf_read(config_path, &faults);
    enum exit_code code = EXIT_USAGE;
    if (config)
        code = is_root() ? give_up_root(config, may_be_root, inherited, &faults)
                         : give_up_capabilities(config, inherited, &faults);
    if (code == EXIT_USAGE)
        code = print(&faults, also);
    gateways_conf_destroy(config);
    fault_list_finish(&faults);
    return code;
}
