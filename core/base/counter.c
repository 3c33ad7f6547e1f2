/* Which thread counts in which stripe; see counter.h. */
#include "base/counter.h"

#include <pthread.h>
#include <stdbool.h>

_Thread_local unsigned counter_own_stripe;

/* A leaf: nothing is locked under it, and a thread takes it once when it comes and once when it
 * ends. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned threads[COUNTER_STRIPES]; /* that live, by stripe */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t at_end;
static bool has_key;

static void give_back(void *stripe)
{
    pthread_mutex_lock(&lock);
    --*(unsigned *)stripe;
    pthread_mutex_unlock(&lock);
}

static void make_key(void)
{
    has_key = pthread_key_create(&at_end, give_back) == 0;
}

unsigned counter_take_stripe(void)
{
    unsigned fewest = 0;

    (void)pthread_once(&once, make_key);
    pthread_mutex_lock(&lock);
    for (unsigned i = 1; i < COUNTER_STRIPES; i++) {
        if (threads[i] < threads[fewest])
            fewest = i;
    }
    threads[fewest]++;
    pthread_mutex_unlock(&lock);
    /* Without a key, or memory for its value, the stripe merely counts as taken for ever. */
    if (has_key)
        (void)pthread_setspecific(at_end, &threads[fewest]);
    counter_own_stripe = fewest + 1;
    return fewest;
}
