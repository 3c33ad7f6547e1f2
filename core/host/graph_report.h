/* Prints a checked graph, for `toni check`: modules, then instances in the order in which they
 * start, and who gets what from whom. */
#ifndef HOST_GRAPH_REPORT_H
#define HOST_GRAPH_REPORT_H

#include "graph/graph.h"

#include <stdio.h>

/** For people. @return 0, or -1 if it could not be written. */
int graph_print_text(const struct graph *graph, FILE *out);

/** For programs: one JSON object (RFC 8259), documented where it is made.
 * @return 0, or -1 if it could not be written or there was no memory. */
int graph_print_json(const struct graph *graph, FILE *out);

#endif
