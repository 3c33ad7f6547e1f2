/* The folders beside the program; see program_folder.h. */
#include "host/program_folder.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *program_folder(const char *relative)
{
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(program, '/');
    if (slash)
        *slash = '\0';
    char *folder;
    if (asprintf(&folder, "%s/%s", slash ? program : ".", relative) < 0)
        return NULL;
    char *real = realpath(folder, NULL);
    if (!real)
        return folder;
    free(folder);
    return real;
}
