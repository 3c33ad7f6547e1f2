/* What libuv does without memory. It keeps a table of the descriptors that a loop watches, and
 * aborts the process if there is no memory for a larger one: so the memory is there before it asks.
 *
 * A connection that would need a larger table is then refused, and the host goes on. What stays is
 * said in docs/operations.md: the kernel may have no memory for a descriptor that is watched again.
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <uv.h>

/** Has libuv take its memory by way of this file. Once, before anything else of libuv is called.
 * Without it the other two do no harm, and no good. */
void loop_guard_memory(void);

/** uv_loop_init(), which returns an error where libuv would abort for want of memory. */
int loop_init(uv_loop_t *loop);

/** Makes sure that a descriptor can be watched: to be called before uv_poll_init(), or before a
 * pipe is read. The loop's thread only.
 * @param fd  That libuv can watch, and that the loop does not watch yet.
 * @return 0, or an error of libuv: out of memory, or the kernel watches no more for this user. */
int loop_make_place(uv_loop_t *loop, int fd);

#endif
