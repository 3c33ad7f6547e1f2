/* Progress; see progress.h. */
#include "command/progress.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define SHOW_NS (250 * (uint64_t)NS_PER_MS)
#define BAR 20

void progress_init(struct progress *progress)
{
    *progress = (struct progress){.is_shown = isatty(STDERR_FILENO)};
}

/* All threads together. */
struct sums {
    uint64_t opened, open, sent, delivered, wrong;
};

static uint64_t look(const atomic_uint_fast64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static struct sums add_up(const struct crew *crews)
{
    struct sums sums = {0};
    for (uint32_t i = 0; i < crews->plan->threads; i++) {
        const struct glance *glance = &crews[i].glance;
        sums.opened += look(&glance->opened);
        sums.open += look(&glance->open);
        sums.sent += look(&glance->sent);
        sums.delivered += look(&glance->delivered);
        sums.wrong += look(&glance->wrong);
    }
    return sums;
}

static void show_bar(double share)
{
    (void)fputc('[', stderr);
    for (int i = 0; i < BAR; i++)
        (void)fputc(i < (int)(share * BAR) ? '#' : '.', stderr);
    (void)fputs("] ", stderr);
}

static void show_run(const struct progress *progress, const struct shared *shared,
                     const struct sums *sums, uint64_t now)
{
    const double whole = (double)(shared->end_ns - shared->start_ns) / 1e9;
    const double passed = now > shared->start_ns ? (double)(now - shared->start_ns) / 1e9 : 0;
    const double since = (double)(now - progress->shown_ns) / 1e9;
    show_bar(passed < whole ? passed / whole : 1);
    (void)fprintf(stderr, "%.0f of %.0f s", passed < whole ? passed : whole, whole);
    if (shared->plan->handshakes)
        (void)fprintf(stderr, "  %" PRIu64 " handshakes", sums->opened);
    else {
        (void)fprintf(stderr, "  %" PRIu64 " open  %.0f sent/s  %.0f received/s", sums->open,
                      (double)(sums->sent - progress->sent) / since,
                      (double)(sums->delivered - progress->delivered) / since);
    }
}

void progress_show(struct progress *progress, const struct crew *crews)
{
    const struct shared *shared = crews->shared;
    const uint64_t now = clock_now_ns();
    if (!progress->is_shown || now - progress->shown_ns < SHOW_NS)
        return;
    const struct sums sums = add_up(crews);
    (void)fputs("\r\033[K", stderr);
    switch (atomic_load(&shared->phase)) {
    case PHASE_CONNECT:
        show_bar((double)sums.opened / shared->plan->connections);
        (void)fprintf(stderr, "%" PRIu64 " of %" PRIu32 " connected", sums.opened,
                      shared->plan->connections);
        break;
    case PHASE_JOIN:
        (void)fputs("joining", stderr);
        break;
    case PHASE_RUN:
        show_run(progress, shared, &sums, now);
        break;
    default:
        (void)fputs("waiting for what is on its way", stderr);
    }
    if (sums.wrong > 0)
        (void)fprintf(stderr, "  %" PRIu64 " wrong", sums.wrong);
    (void)fflush(stderr);
    progress->shown_ns = now;
    progress->sent = sums.sent;
    progress->delivered = sums.delivered;
}

void progress_finish(const struct progress *progress)
{
    if (progress->is_shown)
        (void)fputs("\r\033[K", stderr);
}
