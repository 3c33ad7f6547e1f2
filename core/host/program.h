/* How this process was started: what it takes to start the same again. */
#ifndef HOST_PROGRAM_H
#define HOST_PROGRAM_H

#include <stddef.h>

struct program {
    char *path;         /* absolute; what lies there now may be another version */
    char **arguments;   /* ends with NULL, as does */
    char **environment; /* as it was, whatever plugins change in it */
    char *text;         /* of the arguments */
};

/** Remembers. Before other threads begin, and after what must not be seen again was removed from
 * the environment.
 * @return 0, or -1 on no memory or no /proc; program_finish must follow in both cases. */
int program_init(struct program *program);

/** Frees. */
void program_finish(struct program *program);

#endif
