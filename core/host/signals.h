/* The signals that the host listens to: SIGINT and SIGTERM end it, SIGHUP reloads its
 * configuration, SIGUSR2 restarts it, SIGUSR1 and SIGALRM do nothing. They have a thread of their
 * own, so that a second SIGTERM ends the host even while a hook holds up the main thread. */
#ifndef HOST_SIGNALS_H
#define HOST_SIGNALS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/** The signals that end the host, as they come. Zero: none has. */
struct signal_ends {
    int number; /* the first */
    uint64_t first_ns;
    unsigned count;
};

/** Counts one. The first, once more within 100 ms, is no second one: `timeout` of coreutils sends
 * its signal to its child, then to its own process group.
 * @return Which one it is, from 1; 0: it only repeats the first. */
unsigned signal_ends_count(struct signal_ends *ends, int number, uint64_t now_ns);

/** Handlers, called on the signals' thread. */
struct signal_handlers {
    void (*on_first)(void *data, int number);  /* SIGINT or SIGTERM */
    void (*on_second)(void *data, int number); /* the next; later ones call nothing */
    void (*on_reload)(void *data); /* each SIGHUP, also while the host starts or stops; several that
                                      come at once may be one. NULL: the log says that nothing is
                                      done. */
    void (*on_restart)(void *data); /* each SIGUSR2, the same */
    void *data;
};

struct signals {
    pthread_t thread;
    atomic_bool is_ending;
    struct signal_handlers handlers;
    struct signal_ends ends; /* the thread's own */
};

/** Blocks the signals for this thread and all that it makes from now on, to the end of the
 * process: before the first library is loaded, since a signal ends the process where one thread
 * lets it through, and libraries may begin threads of their own. What comes before signals_start
 * waits. */
void signals_block(void);

/** Begins to listen, after signals_block. @param handlers  Copied.
 * @return 0, or -1 on no memory or threads. */
int signals_start(struct signals *signals, const struct signal_handlers *handlers);

/** Ends that; no call runs any more once it has returned. */
void signals_stop(struct signals *signals);

/** @param number  SIGINT or SIGTERM. */
const char *signals_name(int number);

/** The process ends by itself after @p seconds, with @p exit_code, if it has not until then;
 * whatever hinders it. @thread That which ends it. */
void signals_end_within(unsigned seconds, int exit_code);

#endif
