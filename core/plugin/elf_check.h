/* Is a file a whole shared object for this machine? Looked at before dlopen, which dies of a SIGBUS
 * on a truncated file and is hard to understand about others. Not about symbols or dependencies. */
#ifndef PLUGIN_ELF_CHECK_H
#define PLUGIN_ELF_CHECK_H

#include <stddef.h>

/** Checks a file's ELF header, and that all which its headers speak of lies inside the file.
 * @param fd       Open for reading a regular file; its position is not used.
 * @param problem  Filled in with what was found, what was expected and what would mend it.
 * @param size     Of @p problem, the NUL included.
 * @return 0 if the file can be given to dlopen, else -1. */
int elf_check(int fd, char *problem, size_t size);

#endif
