/* What a run found, as one line of JSON. */
#ifndef MEASURE_REPORT_H
#define MEASURE_REPORT_H

#include "measure/run.h"

/** Prints the report. @return 0 if everything came as it should, 3 if not, 1 if it could not be
 * printed. */
int report_print(const struct run *run, const struct crowd *crowd);

#endif
