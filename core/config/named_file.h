/* A file that a setting names: where it is, and what is in it. */
#ifndef CONFIG_NAMED_FILE_H
#define CONFIG_NAMED_FILE_H

#include "config/fault.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

/** The path of a file: @p name, if that is absolute, or below @p folder.
 * @return To be given to free(); NULL on no memory. */
char *named_file_path(const char *folder, const char *name);

/** Opens it to be read; a pipe holds up nobody. @return A descriptor, or -1 with errno set. */
int named_file_open(const char *path);

/** Looks whether nobody but its owner and group may use it.
 * @param what  Which setting it is: "`admin_token`".
 * @return Whether it is so; if not, there is a fault. */
bool named_file_is_private(const struct stat *status, const char *what, const char *path,
                           const struct value *setting, struct fault_list *faults);

/** Reads to its end, or as many bytes as there is space for.
 * @return How many, or -1 with errno set. */
ssize_t named_file_read(int fd, char *bytes, size_t most);

#endif
