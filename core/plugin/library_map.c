/* dlopen and dlsym, and the faults when they fail. */
#include "plugin/library_map.h"

#include "plugin/call.h"
#include "plugin/descriptor.h"

#include <dlfcn.h>
#include <string.h>
#include <sys/statvfs.h>

/* dlerror() without the name of the copy at its front, which nobody has heard of. */
static const char *dlopen_problem(const char *copy)
{
    const char *problem = dlerror();
    const size_t length = strlen(copy);

    if (!problem)
        return "unknown error";
    if (strncmp(problem, copy, length) == 0 && strncmp(problem + length, ": ", 2) == 0)
        return problem + length + 2;
    return problem;
}

static const char *remedy_for_dlopen(const char *copy)
{
    struct statvfs status;

    if (statvfs(copy, &status) == 0 && (status.f_flag & ST_NOEXEC) != 0)
        return "the temporary folder is mounted noexec: let TMPDIR name another";
    return "`ldd -r` on it shows what it lacks; a library beside it is found by a RUNPATH of "
           "$ORIGIN";
}

void *library_map(const char *copy, const char *path, const struct value *at,
                  struct fault_list *faults)
{
    PLUGIN_CALL(call) = {.callback = "load", .library = path};

    plugin_call_begin(&call); /* constructors run */
    void *handle = dlopen(copy, RTLD_NOW | RTLD_LOCAL);
    plugin_call_end(&call);
    if (!handle)
        fault_at(faults, at, "library `%s` can't be loaded: %s; %s", path, dlopen_problem(copy),
                 remedy_for_dlopen(copy));
    return handle;
}

bool library_describe(void *handle, const char *path, const struct value *at,
                      toni_plugin *descriptor, struct fault_list *faults)
{
    toni_plugin_entry_fn entry;
    void *symbol = dlsym(handle, TONI_PLUGIN_ENTRY);

    if (!symbol) {
        fault_at(faults, at,
                 "library `%s` has no symbol `%s`, which every toni plugin exports; "
                 "make it with TONI_PLUGIN",
                 path, TONI_PLUGIN_ENTRY);
        return false;
    }
    memcpy(&entry, &symbol, sizeof entry); /* C has no cast from data to function pointers */
    PLUGIN_CALL(call) = {.callback = TONI_PLUGIN_ENTRY, .library = path};
    plugin_call_begin(&call);
    const toni_plugin *found = entry();
    plugin_call_end(&call);
    return descriptor_check(found, path, at, descriptor, faults);
}

void library_unmap(void *handle)
{
    dlclose(handle);
}

bool library_is_mapped(const char *name)
{
    void *handle = dlopen(name, RTLD_LAZY | RTLD_NOLOAD);

    const bool is_mapped = handle != NULL;
    if (handle)
        dlclose(handle);
    return is_mapped;
}
