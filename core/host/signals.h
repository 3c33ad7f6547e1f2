/* SIGINT and SIGTERM. They have a thread of their own, so that a second one ends the process even
 * while a plugin's hook holds up the main thread. */
#ifndef HOST_SIGNALS_H
#define HOST_SIGNALS_H

#include <pthread.h>
#include <uv.h>

struct signals {
    uv_loop_t loop;
    uv_poll_t arrival;
    uv_async_t end;
    pthread_t thread;
    int descriptor; /* a signalfd */
    void (*first)(void *data, int number);
    void (*second)(void *data, int number);
    void *data;
    unsigned count; /* that have come; the thread's own */
};

/** Blocks both signals for this thread and all that it makes from now on, to the end of the
 * process: before the first library is loaded, since a signal ends the process where one thread
 * lets it through, and libraries may begin threads of their own. What comes before signals_start
 * waits. */
void signals_block(void);

/** Begins to listen, after signals_block. @p first and @p second are called on the thread;
 * others that follow are not told of.
 * @return 0, or -1 on no memory or descriptors. */
int signals_start(struct signals *signals, void (*first)(void *data, int number),
                  void (*second)(void *data, int number), void *data);

/** Ends that; no call runs any more once it has returned. */
void signals_stop(struct signals *signals);

#endif
