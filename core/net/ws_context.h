/* A worker's libwebsockets context: makes it, feeds it sockets, and hands its callbacks on. What
 * they mean is in ws_handshake.c and ws_connection.c. */
#ifndef NET_WS_CONTEXT_H
#define NET_WS_CONTEXT_H

struct worker;
struct place;

/* One recv takes no more than this. */
#define WS_RECEIVE_MAX 704

struct ws_context;

/** @return A context on the worker's loop, without a listener; NULL on an error. */
struct ws_context *ws_context_create(struct worker *worker);

/** Closes all connections; the loop must turn until it has nothing left to wait for. The worker's
 * thread only. */
void ws_context_close(struct ws_context *context);

/** Frees the context, after ws_context_close and the end of the loop. @param context  NULL is fine.
 */
void ws_context_destroy(struct ws_context *context);

/** Takes over an accepted socket. The worker's thread only.
 * @param fd     The context's from now on, whatever is returned.
 * @param place  Its place of the server's, allocated; the connection's from now on, likewise.
 * @return 0, or -1. */
int ws_context_adopt(struct ws_context *context, int fd, const char *address, struct place *place);

/** @return The version of libwebsockets that runs. @thread Any. */
const char *ws_context_library_version(void);

/** What has to be done at the end of each loop turn. The worker's thread only. */
void ws_context_service(struct ws_context *context);

#endif
