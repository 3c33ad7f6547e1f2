/* `toni bench`; see bench_command.h. */
#include "host/bench_command.h"

#include "host/program_folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum exit_code bench_command(int count, char **arguments)
{
    (void)count;                       /* the arguments end with NULL */
    static char name[] = "toni bench"; /* what it calls itself in its messages */
    char *generator = program_folder(TONI_BENCH_FROM_BIN);
    arguments[0] = name;
    if (generator)
        (void)execv(generator, arguments);
    (void)fprintf(stderr, "toni bench: the generator %s can't be executed: %s\n",
                  generator ? generator : TONI_BENCH_FROM_BIN, strerror(errno));
    free(generator);
    return EXIT_FAULT;
}
