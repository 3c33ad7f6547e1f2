/* What a plugin says of itself, for `toni describe`: from the process that tries libraries, so that
 * nothing of it is mapped here. */
#ifndef HOST_DESCRIBE_H
#define HOST_DESCRIBE_H

#include "plugin/plugin.h"

#include <stdio.h>

/** Prints it for people. @return 0, or -1 if it could not be written. */
int describe_print_text(const struct plugin *plugin, FILE *out);

/** Prints it for programs: one JSON object (RFC 8259), documented where it is made.
 * @return 0, or -1 if it could not be written or there was no memory. */
int describe_print_json(const struct plugin *plugin, FILE *out);

#endif
