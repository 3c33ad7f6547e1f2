/** @file
 * What a plugin and the host agree on before anything else: the version of the binary contract, and
 * its rules.
 *
 * A plugin is one shared object. It exports one symbol, `toni_plugin_entry` (see plugin.h), links
 * nothing of the host, and includes nothing but `toni/`. The host reaches the plugin through the
 * descriptor that this symbol returns; the plugin reaches the host through the function table of
 * host.h. Each side can be newer than the other, so both are made to grow:
 *
 * - The first members of `toni_plugin` (magic, ABI major, ABI minor needed, size, kind) never
 * change, in any version.
 * - A host accepts its own major, any minor up to its own, and any size that has what is mandatory
 * (TONI_PLUGIN_SIZE_LEAST).
 * - Numbers are frozen when a release is tagged. Until the first one is, all but the prefix may
 * change.
 * - Tables and structs grow at their end only. Whoever made one says how large it is, in
 * `struct_size` (`size` in `toni_plugin`); whoever reads one reads no further than that.
 * - What has no such member either never grows, as plain values that lie in arrays (`toni_str`,
 * `toni_log_field`, ids), or is made by the host alone, begins as a handle does, and grows with the
 * host's minor (`toni_client_ids`, `toni_room_names`).
 * - Handles are opaque, but for their first member: a pointer to the host's table. It never moves.
 * - Integers have fixed widths. `size_t` is used for lengths in memory only, beside the pointer it
 * belongs to, and has that pointer's width. No enum, bool or bit-field crosses, and no function of
 * the table takes varargs.
 * - Strings are pointer and length (`toni_str`), lists that a plugin declares are arrays of
 * pointers that end with NULL, so that what they point to can grow.
 * - Whatever a minor version adds is optional: a mandatory callback is never added.
 */
#ifndef TONI_ABI_H
#define TONI_ABI_H

#include <stddef.h>
#include <stdint.h>

/** The four bytes "toni", read as a little-endian number: the first member of every descriptor. */
#define TONI_ABI_MAGIC 0x696e6f74u

/** A plugin and a host with different majors do not fit. */
#define TONI_ABI_MAJOR 1

/** The newest minor that these headers know. */
#define TONI_ABI_MINOR 0

/** The lowest minor of the host that this plugin needs; define it before including toni/ to use
 * what a later minor brought. It, and not the version of the headers, is what the descriptor says:
 * headers that are newer than a host still make plugins for it. What a later minor brings is
 * declared only where this number asks for it. */
#ifndef TONI_ABI_NEEDED
#define TONI_ABI_NEEDED 0
#endif

#if TONI_ABI_NEEDED > TONI_ABI_MINOR
#error                                                                                             \
    "TONI_ABI_NEEDED is above what these headers know (TONI_ABI_MINOR): install newer toni headers"
#endif

/** @def TONI_PRINTF
 * A function whose parameter @p text is a format of printf; its arguments begin with parameter @p
 * first. */
/** @def TONI_EXPORT
 * A symbol that the shared object shows, whatever is hidden by default. */
#if defined(__GNUC__)
#define TONI_PRINTF(text, first) __attribute__((__format__(__printf__, text, first)))
#define TONI_EXPORT __attribute__((visibility("default")))
#else
#define TONI_PRINTF(text, first)
#define TONI_EXPORT
#endif

#ifdef __cplusplus
#define TONI_BEGIN_DECLS extern "C" {
#define TONI_END_DECLS }
#else
#define TONI_BEGIN_DECLS
#define TONI_END_DECLS
#endif

#endif
