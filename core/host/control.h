/* The control socket: a Unix socket on which the user that runs the host, and root, ask something
 * of it. Knows nothing of what the commands do.
 *
 * One connection is one request: a line, the command and what it is given after a space. The answer
 * is a line of two numbers, exit code and size, then a text of that many bytes, then the end; so
 * that an answer which was cut off shows.
 *
 * All on the host's main thread: control_create, control_open, control_claim; then control_close,
 * and control_destroy once the loop has turned. */
#ifndef HOST_CONTROL_H
#define HOST_CONTROL_H

#include "config/control.h"
#include "host/run.h"

#include <stddef.h>
#include <sys/types.h>
#include <uv.h>

/** The longest request, its line end included. */
#define CONTROL_REQUEST_MAX 1024

/* At once. One more takes the place of the one whose line has not come for longest; if all have
 * come, it waits in the queue. */
#define CONTROL_REQUESTS_MAX 16

struct control;
struct control_request;

/** Does what a command says, and answers: here, or any time until control_close.
 * @param request    To be answered once, by control_answer.
 * @param arguments  What follows the command's name: UTF-8 without control characters, maybe
 *                   empty; borrowed for the call. */
typedef void control_handler(void *data, struct control_request *request, const char *arguments);

struct control_command {
    const char *name;
    control_handler *handle;
    void *data;
};

/** Makes it; listens nowhere.
 * @param commands  Borrowed, and outliving the result; ends with one without a name.
 * @return NULL on no memory, which is logged. */
struct control *control_create(const struct control_command *commands, uv_loop_t *loop);

/** Listens, under a temporary name beside the path. If that is the default and of no use, the log
 * says so, and the host does without.
 * @param where  Borrowed for the call.
 * @return 0, or -1, which is logged; control_close must follow in both cases. */
int control_open(struct control *control, const struct config_control *where);

/** Puts the socket in its place, where clients find it.
 * @param predecessor  A process that may have that place now: it is taken over, in one step, so
 * that at each moment one of both answers. 0: none.
 * @return 0, or -1, which is logged: another host has it, or it is of no use. */
int control_claim(struct control *control, pid_t predecessor);

/** Answers a request. Who has gone away meanwhile doesn't hear it.
 * @param text  Ends with a newline, unless it is empty; borrowed for the call. */
void control_answer(struct control_request *request, enum exit_code code, const char *text);

/** Removes the file, if it is still this host's, and answers all who wait that there will be
 * nothing more: their requests must not be used any more. A second call does nothing.
 * @param control  NULL is fine. */
void control_close(struct control *control);

/** After control_close, and once the loop has turned. @param control  NULL is fine. */
void control_destroy(struct control *control);

#endif
