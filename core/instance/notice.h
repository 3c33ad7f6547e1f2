/* Notices: what an instance is told as often as something happens, such as that a stream takes
 * bytes again. A notice is a task of the instance that waits, so that telling needs no memory;
 * several news that come before it runs are told together. Its last news is that what it tells of
 * is over; then it is released. */
#ifndef INSTANCE_NOTICE_H
#define INSTANCE_NOTICE_H

#include "instance/tasks.h"

#include <toni/http.h>

/** Makes a notice of a stream.
 * @param exchange  That it tells of.
 * @param notify    NULL: nothing is told, and @p release is called at the end all the same.
 * @return Its number, above 0; or an error of toni_post. */
int64_t notice_create(struct instance *instance, toni_exchange_id exchange, toni_stream_fn notify,
                      void *data, toni_release_fn release);

/** As if it had never been made.
 * @return Whether that was possible; if not, its instance has ended meanwhile, and has released it.
 */
bool notice_take_back(struct tasks *tasks, int64_t number);

/** Tells its instance, soon. @param news  TONI_STREAM_…. @thread Any. The lock of the tasks is all
 * that is taken. */
void notice_post(struct tasks *tasks, int64_t number, uint32_t news);

/* --- For tasks.c */

/** Under the lock of the tasks: the notice is about to be told. */
void notice_begin(struct tasks *tasks, struct task *task);

/** Calls the plugin. */
void notice_tell(const struct task *task);

#endif
