/* Handshakes: connections that are opened and closed again, some at a time, and nothing else. */
#ifndef LOAD_CHURN_H
#define LOAD_CHURN_H

#include "run.h"

/** Opens @p count connections, options' window of them at a time. Each waits for the answer, sends
 * a close frame, and waits for the server's and for the end of TCP. What is delivered of @p window
 * are those that went all that way, the latencies the time until the answer came; one that went
 * another way counts as lost.
 * @return 0, or -1 if no connection could be made. */
int churn(struct crowd *crowd, struct window *window, uint32_t count);

#endif
