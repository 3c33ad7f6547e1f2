/* What a project of `toni new` may be called. */
#ifndef NEW_NAME_H
#define NEW_NAME_H

#include "base/buffer.h"

/** The most bytes that the name of a project has. */
#define PROJECT_NAME_MAX 40

/** Judges a name.
 * @param name   NUL-terminated.
 * @param fault  What is wrong with the name, and what mends it, is appended here.
 * @return 0 if it is a good one; else -1. */
int project_name_check(const char *name, struct buffer *fault);

#endif
