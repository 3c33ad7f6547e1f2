/* Files that the options name. */
#ifndef REDIS_ENGINE_FILE_H
#define REDIS_ENGINE_FILE_H

#include <stdbool.h>

/** Opens a regular file: others would keep the host waiting, or never end.
 * @param is_secret  One that everybody may read or write is refused.
 * @param why        Set if it can't be opened.
 * @return A descriptor, for the caller to close, or -1. */
int file_open(const char *path, bool is_secret, const char **why);

/** @return NULL, or why file_open() would refuse it. */
const char *file_fault(const char *path, bool is_secret);

#endif
