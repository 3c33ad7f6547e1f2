/* `toni-bench measure`; see measure.h. options.c has what it does, run.c how a run goes. */
#include "measure/measure.h"

#include "measure/report.h"

#include <stdlib.h>

int measure(int argc, char **argv)
{
    static struct crowd crowd; /* it holds percentiles: too large for the stack */
    struct options options;
    struct run run;
    options_read(&options, argc, argv);
    int result = EXIT_FAILURE;
    if (crowd_init(&crowd, &options) == 0 && run_load(&run, &crowd) == 0)
        result = report_print(&run, &crowd);
    crowd_finish(&crowd);
    return result;
}
