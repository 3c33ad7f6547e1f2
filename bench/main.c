/* The load generator: `toni bench` runs it, and so do scripts/bench and scripts/soak, with the word
 * `measure`. */
#include "command/bench.h"
#include "measure/measure.h"

#include <string.h>

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "measure") == 0)
        return measure(argc - 1, argv + 1);
    return bench(argc, argv);
}
