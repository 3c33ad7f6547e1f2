/* Who may connect to a Unix socket: the mode and the group of its file, as gateways.conf says them,
 * `;mode=0660;group=www-data` behind the path or beside it in a group. Not about sockets. */
#ifndef CONFIG_SOCKET_FILE_H
#define CONFIG_SOCKET_FILE_H

#include "config/fault.h"

#include <stdbool.h>
#include <sys/types.h>

/* Zero is a file as the process makes it. */
struct socket_file {
    bool has_mode, has_group;
    mode_t mode;
    gid_t group;
};

/** Reads a mode of three or four octal digits, or the name or number of a group of this machine.
 * @param key     `mode` or `group`; anything else is a fault.
 * @param at      Where it stands.
 * @param faults  Gets what is wrong.
 * @return Whether it was read. */
bool socket_file_read(struct socket_file *file, const char *key, const char *text,
                      const struct value *at, struct fault_list *faults);

/** Reads what stands behind a path: `mode=0660;group=www-data`.
 * @param rest  Is changed. */
bool socket_file_read_all(struct socket_file *file, char *rest, const struct value *at,
                          struct fault_list *faults);

#endif
