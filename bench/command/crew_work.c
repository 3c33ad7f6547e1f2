/* The phases of a thread; see crew.h. */
#include "base/clock.h"
#include "command/crew.h"

#include <sys/prctl.h>

/* Silence after which all have joined, or been greeted; a gateway that is never silent is not
 * waited for much longer. */
#define SETTLE_NS (300 * (uint64_t)NS_PER_MS)
#define SETTLE_MOST_NS (5 * (uint64_t)NS_PER_S)

/* How long what is on its way is waited for at most, while something comes: times the timeout. */
#define DRAIN_TIMEOUTS 12

/* How long the server may take to answer the close frames. */
#define LEAVE_NS ((uint64_t)NS_PER_S)

/* As many messages or connections as go out before something is read. */
#define BURST 64U

/* Goes on reading until all are done with a phase. */
static void finish(struct crew *crew, enum phase phase)
{
    atomic_store(&crew->done, phase);
    while (atomic_load(&crew->shared->phase) == (int)phase)
        crew_pump(crew, 5 * (uint64_t)NS_PER_MS);
}

static void settle(struct crew *crew)
{
    const uint64_t start = clock_now_ns();
    crew->heard_ns = start;
    for (uint64_t now = start; now - crew->heard_ns < SETTLE_NS && now - start < SETTLE_MOST_NS &&
                               !atomic_load(&crew->shared->stops);
         now = clock_now_ns())
        crew_pump(crew, 10 * (uint64_t)NS_PER_MS);
}

static void join(struct crew *crew)
{
    char room[ROOM_NAME_SIZE];
    for (uint32_t i = 0; crew->plan->joins && i < crew->count; i++) {
        struct caller *caller = &crew->callers[i];
        plan_room_name(plan_room(crew->plan, caller->number), room);
        const struct template_values values = {
            .room = room, .client = caller->number, .message = crew->message};
        if (caller->is_open)
            (void)crew_send(crew, caller, &crew->plan->join, &values);
        if (i % BURST == 0)
            crew_pump(crew, 0);
    }
    /* Without either, nobody is counted before his first message. */
    if (crew->plan->joins || crew->plan->matching != MATCHING_MARK)
        settle(crew);
    for (uint32_t i = 0; i < crew->count; i++) {
        if (crew->callers[i].connection.replies)
            crew->callers[i].connection.replies->counts = true;
    }
}

static void begin_measuring(struct crew *crew)
{
    percentiles_clear(&crew->healthy.latencies);
    percentiles_clear(&crew->late);
    crew_note(crew, &crew->from);
}

static void run(struct crew *crew)
{
    const struct plan *plan = crew->plan;
    const struct shared *shared = crew->shared;
    crew->schedule = (struct schedule){
        .start_ns = shared->start_ns,
        .rate = plan->rate * crew->sender_count / plan->publishers,
        .senders = crew->sender_count,
    };
    crew_note(crew, &crew->from);
    for (uint32_t i = 0; i < crew->count; i++)
        crew_watch(crew, &crew->callers[i]);
    for (uint32_t i = 0; i < crew->sender_count; i++) {
        crew_refill(crew, crew->senders[i]);
        if (i % BURST == 0)
            crew_pump(crew, 0);
    }
    bool measures = false;
    for (uint64_t now = clock_now_ns(); now < shared->end_ns && !atomic_load(&shared->stops);
         now = clock_now_ns()) {
        if (!measures && now >= shared->measure_ns) {
            measures = true;
            begin_measuring(crew);
        }
        uint64_t wait_ns = crew_send_due(crew);
        if (wait_ns > shared->end_ns - now)
            wait_ns = shared->end_ns - now;
        crew_pump(crew, wait_ns);
    }
    crew_note(crew, &crew->to);
    crew_count_unsent(crew);
    for (uint32_t i = 0; i < crew->sender_count; i++)
        shared->sent[crew->senders[i]->number] = crew->senders[i]->sent;
}

/* @return How many messages have not come to a caller that should have. */
static uint64_t missing_of(const struct crew *crew, const struct caller *caller)
{
    const struct ledger *ledger = &caller->connection.ledger;
    const struct replies *replies = caller->connection.replies;
    uint64_t missing = 0;
    if (!caller->is_open || caller->is_slow)
        return 0;
    if (replies)
        return (uint64_t)replies->pending.waiting + replies->pending.abandoned;
    for (uint32_t i = 0; i < ledger->publishers; i++) {
        if (i == ledger->own)
            continue;
        missing +=
            crew->shared->sent[plan_publisher(crew->plan, ledger->room, i)] - ledger->next[i];
    }
    return missing;
}

static uint64_t count_missing(const struct crew *crew)
{
    uint64_t missing = 0;
    for (uint32_t i = 0; i < crew->count; i++)
        missing += missing_of(crew, &crew->callers[i]);
    return missing;
}

/* Counting takes its time where there are many: so it is done again when all may have come, or
 * somebody has gone. */
static void drain(struct crew *crew)
{
    const uint64_t start = clock_now_ns(), timeout = crew->plan->timeout_ns;
    for (uint32_t i = 0; i < crew->count; i++)
        crew_watch(crew, &crew->callers[i]);
    uint64_t heard = start, seen = crew->healthy.delivered, counted = seen, open = crew->open;
    crew->missing = count_missing(crew);
    for (uint64_t now = start;
         crew->missing > 0 && now - heard < timeout && now - start < DRAIN_TIMEOUTS * timeout;
         now = clock_now_ns()) {
        crew_pump(crew, 10 * (uint64_t)NS_PER_MS);
        if (crew->healthy.delivered != seen) {
            seen = crew->healthy.delivered;
            heard = clock_now_ns();
        }
        if (seen - counted >= crew->missing || crew->open != open) {
            counted = seen;
            open = crew->open;
            crew->missing = count_missing(crew);
        }
    }
    crew->missing = count_missing(crew);
}

static void leave(struct crew *crew)
{
    static const uint8_t code[] = {1000 >> 8, 1000 & 0xff};
    uint8_t frame[FRAME_HEAD_MAX + sizeof code];
    const size_t size = frame_write(frame, CLOSE, code, sizeof code);
    for (uint32_t i = 0; i < crew->count; i++) {
        struct caller *caller = &crew->callers[i];
        if (caller->is_open && !crew_is_blocked(caller))
            (void)connection_send(&caller->connection, frame, size);
    }
    const uint64_t start = clock_now_ns();
    while (crew->open > 0 && clock_now_ns() - start < LEAVE_NS)
        crew_pump(crew, 10 * (uint64_t)NS_PER_MS);
}

void *crew_work(void *data)
{
    struct crew *crew = data;
    /* Else the kernel wakes it up to 50 us late, for which every message would be. */
    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0);
    crew->heard_ns = crew->ticked_ns = clock_now_ns();
    if (crew->plan->handshakes) {
        crew_visit(crew);
        atomic_store(&crew->done, PHASE_LEAVE);
        return NULL;
    }
    crew_connect(crew);
    finish(crew, PHASE_CONNECT);
    join(crew);
    finish(crew, PHASE_JOIN);
    run(crew);
    finish(crew, PHASE_RUN);
    drain(crew);
    finish(crew, PHASE_DRAIN);
    leave(crew);
    atomic_store(&crew->done, PHASE_LEAVE);
    return NULL;
}
