/* A plugin: one library that was loaded, and its descriptor. Shared by all instances of it. How it
 * comes about is in plugin_loader.h. */
#ifndef WIRING_PLUGIN_H
#define WIRING_PLUGIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <toni/plugin.h>

struct plugin_library;

/** Its references are counted atomically: an instance takes one on the hooks' thread, which may be
 * left behind in a hook. The descriptor is read by all threads. */
struct plugin {
    toni_plugin descriptor; /* a copy, checked; zero in what the plugin is too old to have */
    const char *path;       /* of the original library, for messages */
    atomic_bool was_used;   /* `create` has been called */
    atomic_uint references;
    struct plugin_library *library; /* the loader's */
};

/** @return @p plugin, with one more reference. */
struct plugin *plugin_ref(struct plugin *plugin);

/** Gives a reference back. With the last one the plugin is freed, and its library unloaded unless
 * something of it may still run: threads, timers and thread-local destructors that a plugin left
 * behind would crash the host. So once `create` was called it stays, but for TONI_UNLOADABLE.
 * @param plugin  NULL is fine. */
void plugin_unref(struct plugin *plugin);

#endif
