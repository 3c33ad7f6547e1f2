/* Files with certificates and keys: found, read and their faults said. Not about what they hold. */
#ifndef TLS_MATERIAL_H
#define TLS_MATERIAL_H

#include "config/fault.h"

#include <stdbool.h>
#include <stddef.h>

/* More than this is no certificate. */
#define MATERIAL_MAX 1048576

/* A path that begins so names a credential of the systemd unit. */
#define MATERIAL_CREDENTIAL "credential:"

/** Reads a file.
 * @param setting    A string: its path, relative to @p folder, or `credential:NAME`.
 * @param is_secret  Nobody but its owner and group may read it.
 * @param size       Set to its length. A NUL stands behind it.
 * @return To be given to material_free(); NULL after a fault. */
char *material_read(const struct value *setting, const char *folder, bool is_secret, size_t *size,
                    struct fault_list *faults);

/** Wipes and frees it. @param bytes  NULL is fine. */
void material_free(char *bytes, size_t size);

#endif
