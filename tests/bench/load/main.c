/* The load generator of scripts/bench: see options.c for what it does, run.c for how a run goes. */
#include "report.h"

#include <stdlib.h>

int main(int argc, char **argv)
{
    static struct crowd crowd; /* it holds histograms: too large for the stack */
    struct options options;
    struct run run;
    options_read(&options, argc, argv);
    int result = EXIT_FAILURE;
    if (crowd_init(&crowd, &options) == 0 && run_load(&run, &crowd) == 0)
        result = report_print(&run, &crowd);
    crowd_finish(&crowd);
    return result;
}
