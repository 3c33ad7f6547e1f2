/* Gates; see gate.h.
 *
 * A thread that goes in counts itself first, then looks whether the gate is closed; the closer
 * closes it first, then looks at the counts. All of that is sequentially consistent: so either
 * the closer sees the thread, or the thread sees the closed gate. */
#include "base/gate.h"

#include "base/clock.h"

int gate_init(struct gate *gate)
{
    *gate = (struct gate){0};
    if (clock_condition_init(&gate->changed) != 0)
        return -1;
    if (pthread_mutex_init(&gate->lock, NULL) == 0)
        return 0;
    pthread_cond_destroy(&gate->changed);
    return -1;
}

void gate_finish(struct gate *gate)
{
    pthread_mutex_destroy(&gate->lock);
    pthread_cond_destroy(&gate->changed);
}

/* Under the lock, so that no waiter for an empty or an open gate misses the change. */
static void go_out(struct gate *gate)
{
    atomic_fetch_sub(&gate->stripes[counter_stripe()].inside, 1);
    pthread_cond_broadcast(&gate->changed);
}

void gate_enter(struct gate *gate)
{
    atomic_fetch_add(&gate->stripes[counter_stripe()].inside, 1);
    if (!atomic_load(&gate->is_closed))
        return;
    pthread_mutex_lock(&gate->lock);
    while (atomic_load(&gate->is_closed)) {
        go_out(gate);
        while (atomic_load(&gate->is_closed))
            pthread_cond_wait(&gate->changed, &gate->lock);
        atomic_fetch_add(&gate->stripes[counter_stripe()].inside, 1);
    }
    pthread_mutex_unlock(&gate->lock);
}

void gate_join(struct gate *gate)
{
    atomic_fetch_add(&gate->stripes[counter_stripe()].inside, 1);
}

bool gate_is_closed(const struct gate *gate)
{
    return atomic_load(&gate->is_closed);
}

void gate_wait_open(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    while (atomic_load(&gate->is_closed))
        pthread_cond_wait(&gate->changed, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
}

void gate_leave(struct gate *gate)
{
    atomic_fetch_sub(&gate->stripes[counter_stripe()].inside, 1);
    if (!atomic_load(&gate->is_closed))
        return;
    pthread_mutex_lock(&gate->lock);
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

void gate_close(struct gate *gate)
{
    atomic_store(&gate->is_closed, true);
}

/* Re-reads the count after every wake-up; arrivals at a closed gate are counted briefly before
 * they back out. */
bool gate_wait_empty(struct gate *gate, uint64_t until_ns)
{
    bool is_late = false;

    pthread_mutex_lock(&gate->lock);
    bool is_empty = gate_count(gate) == 0;
    while (!is_empty && !is_late) {
        is_late = clock_condition_wait(&gate->changed, &gate->lock, until_ns) != 0;
        is_empty = gate_count(gate) == 0;
    }
    pthread_mutex_unlock(&gate->lock);
    return is_empty;
}

void gate_open(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    atomic_store(&gate->is_closed, false);
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

uint64_t gate_count(const struct gate *gate)
{
    uint64_t inside = 0;

    for (unsigned i = 0; i < COUNTER_STRIPES; i++)
        inside += atomic_load(&gate->stripes[i].inside);
    return inside;
}
