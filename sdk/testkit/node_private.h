/* What the files of the fake node share. Internal to the test kit. */
#ifndef TONI_NODE_PRIVATE_H
#define TONI_NODE_PRIVATE_H

#include "toni_fake_node.h"

/* --- node_told.c */

/* What an engine calls to tell something. */
void node_told_fill(struct toni_engine_host *host);
void node_forget_all(toni_fake_node *node);

/* --- node_loop.c */

/* What it calls to watch and to post. */
void node_loop_fill(struct toni_engine_host *host);
void node_loop_init(toni_fake_node *node);
/* Nothing is taken any more, and what waits is not called. */
void node_loop_close(toni_fake_node *node);
void node_loop_finish(toni_fake_node *node);
/* Waits until something that is watched is ready, or was posted, for at most so long; calls that.
 */
void node_turn(toni_fake_node *node, int64_t ms);
void node_check_thread(const toni_fake_node *node, const char *what);
int64_t node_now_ms(void);

#endif
