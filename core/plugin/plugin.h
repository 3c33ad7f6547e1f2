/* A plugin: one library that was loaded, and its descriptor. Shared by all instances of it. How it
 * comes about is in loader.h. */
#ifndef PLUGIN_PLUGIN_H
#define PLUGIN_PLUGIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <toni/plugin.h>

struct plugin_library;

enum plugin_state {
    PLUGIN_COPIED,    /* a private copy is there, its file is good; what it is, is not known */
    PLUGIN_DESCRIBED, /* another process has mapped it, and sent its descriptor */
    PLUGIN_MAPPED,    /* here: its functions can be called */
    PLUGIN_REFUSED,   /* a fault says why */
};

/** Its references are counted atomically: an instance takes one on the hooks' thread, which may be
 * abandoned in a hook. The descriptor is read by all threads, once it is mapped. */
struct plugin {
    enum plugin_state state;
    toni_plugin descriptor; /* a copy, checked; zero in what the plugin is too old to have */
    const char *path;       /* of the original library, for messages */
    atomic_uint references;
    struct plugin_library *library; /* the loader's */
};

/** @return @p plugin, with one more reference. */
struct plugin *plugin_ref(struct plugin *plugin);

/** Gives a reference back. With the last one the plugin is freed. What was mapped stays so until
 * the host ends, but for TONI_UNLOADABLE: threads, timers and thread-local destructors that a
 * plugin has left behind, or its constructors have begun, would crash the host.
 * @param plugin  NULL is fine. */
void plugin_unref(struct plugin *plugin);

#endif
