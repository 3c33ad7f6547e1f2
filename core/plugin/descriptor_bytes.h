/* What a plugin says of itself as bytes, and back: from the process that has mapped it to one that
 * has not (trial.h). Not about whether it is right; descriptor.h is. */
#ifndef PLUGIN_DESCRIPTOR_BYTES_H
#define PLUGIN_DESCRIPTOR_BYTES_H

#include "base/buffer.h"

#include <stdbool.h>
#include <toni/plugin.h>

/** Writes all of a descriptor but where its functions are: of these, which there are.
 * @param descriptor  Checked by descriptor_check().
 * @param bytes       Appended to.
 * @return 0, or -1 on no memory. */
int descriptor_write(const toni_plugin *descriptor, struct buffer *bytes);

/** Reads what descriptor_write() wrote, whatever is in the bytes. The functions of what comes out
 * are not the plugin's: calling one ends the process.
 * @param bytes       Borrowed as long as @p descriptor is used: its strings lie there.
 * @param size        Of the bytes.
 * @param descriptor  Filled in.
 * @return What else the descriptor needs, to be given to free() after it; NULL if the bytes are no
 *         descriptor, or on no memory. */
void *descriptor_read(const char *bytes, size_t size, toni_plugin *descriptor);

#endif
