/* `user` and `group`; see run_as.h. */
#include "config/run_as.h"

#include "config/account.h"

#include <stddef.h>
#include <unistd.h>

/* @return Whether it can be. */
static bool read_group(const struct section *top, const struct value *setting,
                       struct run_as *run_as)
{
    if (!account_find_group(value_string(setting), &run_as->group)) {
        fault_at(top->faults, setting,
                 "`group` is `%s`, which is no group of this machine; expected the name of one, or "
                 "a number",
                 value_string(setting));
        return false;
    }
    if (run_as->group == 0) {
        fault_at(top->faults, setting,
                 "`group` is `%s`, root's, which the host gives up; name another one",
                 value_string(setting));
    }
    return run_as->group != 0;
}

static bool has_own_group(const struct section *top, const struct value *user, bool has_group,
                          const struct run_as *run_as)
{
    if (!has_group) {
        fault_at(top->faults, user,
                 "`user` is `%s`, whom this machine does not know, so it has no group; add `group`",
                 value_string(user));
    } else if (run_as->group == 0) {
        fault_at(top->faults, user,
                 "`user` is `%s`, whose group is root's, which the host gives up; add `group`",
                 value_string(user));
    }
    return has_group && run_as->group != 0;
}

static bool read_user(const struct section *top, const struct value *setting, bool *has_group,
                      struct run_as *run_as)
{
    if (!account_find_user(value_string(setting), &run_as->user, &run_as->group, has_group)) {
        fault_at(top->faults, setting,
                 "`user` is `%s`, who is no user of this machine; expected the name of one, or a "
                 "number: `useradd --system toni` makes one",
                 value_string(setting));
        return false;
    }
    if (run_as->user == 0) {
        fault_at(top->faults, setting,
                 "`user` is `%s`, which is root; name another one, or remove it and start the host "
                 "by `toni run --allow-root`",
                 value_string(setting));
    }
    return run_as->user != 0;
}

void config_run_as_read(const struct section *top, struct run_as *run_as)
{
    const struct value *user = section_get(top, "user", VALUE_STRING);
    const struct value *group = section_get(top, "group", VALUE_STRING);
    bool has_group = false;
    *run_as = (struct run_as){0};
    if (!user) {
        if (group && !value_get(top->group, "user"))
            fault_at(top->faults, group, "`group` is there without `user`; add that");
        return;
    }
    const bool is_user = read_user(top, user, &has_group, run_as);
    const bool is_group = group ? read_group(top, group, run_as)
                                : !is_user || has_own_group(top, user, has_group, run_as);
    /* One of another type is a fault already. */
    if (is_user && is_group && (group || !value_get(top->group, "group")))
        run_as->at = user;
}

void config_run_as_check(const struct run_as *run_as, struct fault_list *faults)
{
    if (!run_as->at || (run_as->user == geteuid() && run_as->group == getegid()))
        return;
    fault_at(
        faults, run_as->at,
        "`user` is `%s` (%u, group %u), and the host runs as %u, group %u: it can't become "
        "somebody else unless it is started as root; stop it and start it so, or remove `user`",
        value_string(run_as->at), run_as->user, run_as->group, geteuid(), getegid());
}
