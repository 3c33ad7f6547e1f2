/* Life-cycle hooks on a thread of their own, so that the host can name one that hangs, and go on
 * without it. Not about which hooks there are and who gets them; graph.h calls them.
 *
 * One hook at a time. The thread is the same for all, until one is abandoned. */
#ifndef PLUGIN_HOOKS_H
#define PLUGIN_HOOKS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hook_call;

/* What becomes of a hook that takes longer than its limit. Only ever rises. */
enum patience {
    PATIENCE_WAITS,    /* it is waited for: the host starts */
    PATIENCE_GIVES_UP, /* it is abandoned: a reload is given up */
    PATIENCE_ENDS,     /* it is abandoned: the host ends */
};

struct hooks {
    pthread_mutex_t lock; /* a leaf: guards all below */
    pthread_cond_t changed;
    struct hook_call *asked; /* that the thread has to take; NULL: nothing to do */
    bool has_thread;
    bool ending;
    enum patience patience;
    pthread_t thread;
    size_t abandoned; /* calls that were, and still run */
    bool is_orphan;   /* the last of them frees this */
};

/** @return The calls that can be made, to be destroyed by hooks_destroy(); NULL on no memory. */
struct hooks *hooks_create(void);

/** Ends the thread. An abandoned call goes on; the last of them frees the hooks when it ends.
 * @param hooks  NULL is fine. */
void hooks_destroy(struct hooks *hooks);

/** Runs a hook on the hooks' thread and waits for its end. One that takes longer than its limit is
 * named in the log; from hooks_hurry() on it is abandoned then.
 * @param instance  Whose hook it is, for the log.
 * @param hook      Its name, for the log.
 * @param limit_ms  Milliseconds.
 * @param call      Gets @p data. An abandoned call goes on using both.
 * @return 0; -1 if it was abandoned: it still runs, and may end at any time, or never. Without
 * a thread to be had it runs on the caller's, whatever time it takes. */
int hooks_run(struct hooks *hooks, const char *instance, const char *hook, uint64_t limit_ms,
              void (*call)(void *data), void *data);

/** No hook is waited for beyond its limit any more.
 * @param patience  Why: PATIENCE_GIVES_UP or PATIENCE_ENDS. @thread Any. */
void hooks_hurry(struct hooks *hooks, enum patience patience);

#endif
