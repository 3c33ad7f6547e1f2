/* How a thread opens its connections; see crew.h. */
#include "base/clock.h"
#include "client/visits.h"
#include "command/crew.h"

#include <sys/epoll.h>

/* --- One connection */

static struct entry *free_entry(const struct crew *crew)
{
    for (uint32_t i = 0; i < OPENINGS_MAX; i++) {
        if (!crew->entries[i].is_used)
            return &crew->entries[i];
    }
    return NULL;
}

static void release(struct crew *crew, struct caller *caller)
{
    caller->entry->is_used = false;
    caller->entry = NULL;
    crew->opening--;
}

static void refuse(struct crew *crew, struct caller *caller, const char *why)
{
    connection_close(&caller->connection);
    reasons_add(&crew->refused, why, 1);
    release(crew, caller);
}

static bool write_path(const struct crew *crew, uint32_t number, char path[PATH_SIZE])
{
    char room[ROOM_NAME_SIZE];
    plan_room_name(plan_room(crew->plan, number), room);
    const struct template_values values = {
        .room = room, .client = number, .message = crew->message};
    if (template_bound(&crew->plan->path, &values) >= PATH_SIZE)
        return false;
    path[template_write((uint8_t *)path, &crew->plan->path, &values)] = '\0';
    return true;
}

static bool write_request(const struct crew *crew, uint32_t number, struct entry *entry)
{
    char path[PATH_SIZE];
    entry->opening.target = &crew->plan->target;
    entry->opening.request = entry->request;
    entry->opening.request_size = write_path(crew, number, path)
                                      ? target_request(&crew->plan->target, path, entry->request)
                                      : 0;
    return entry->opening.request_size > 0;
}

static void watch_opening(struct crew *crew, struct caller *caller, int operation)
{
    caller->events = opening_events(&caller->entry->opening);
    struct epoll_event event = {.events = caller->events, .data.ptr = caller};
    (void)epoll_ctl(crew->epoll, operation, caller->connection.stream.fd, &event);
}

/* @param due_ns  0: now. */
static void begin(struct crew *crew, struct entry *entry, uint64_t due_ns)
{
    struct caller *caller = &crew->callers[crew->begun++];
    entry->is_used = true;
    entry->begun_ns = clock_now_ns();
    entry->due_ns = due_ns ? due_ns : entry->begun_ns;
    caller->entry = entry;
    crew->opening++;
    if (!write_request(crew, caller->number, entry))
        refuse(crew, caller, "the request is too long");
    else if (opening_begin(&entry->opening, &caller->connection, caller->number))
        refuse(crew, caller, entry->opening.why);
    else
        watch_opening(crew, caller, EPOLL_CTL_ADD);
}

/* What came along behind the answer is the first that is received. */
static void enter(struct crew *crew, struct caller *caller)
{
    size_t size;
    struct connection *connection = &caller->connection;
    const struct entry *entry = caller->entry;
    percentiles_add(&crew->handshakes, clock_now_ns() - entry->due_ns);
    const uint8_t *rest = (const uint8_t *)opening_rest(&entry->opening, &size);
    const int result = size > 0 ? connection_take(connection, rest, size) : 0;
    release(crew, caller);
    caller->is_open = true;
    crew->opened++;
    crew->open++;
    if (caller->publishes)
        atomic_fetch_add_explicit(&crew->glance.publishing, 1, memory_order_relaxed);
    crew_watch(crew, caller);
    if (result || (stream_has_more(&connection->stream) && connection_receive(connection)))
        crew_ended(crew, caller);
}

void crew_go_on_opening(struct crew *crew, struct caller *caller)
{
    struct opening *opening = &caller->entry->opening;
    enum opening_result result;
    do
        result = opening_go_on(opening);
    while (result == OPENING_GOES_ON && stream_has_more(&caller->connection.stream));
    if (result == OPENING_DONE)
        enter(crew, caller);
    else if (result == OPENING_FAILED)
        refuse(crew, caller, opening->why);
    else if (opening_events(opening) != caller->events)
        watch_opening(crew, caller, EPOLL_CTL_MOD);
}

/* --- All of them */

static void expire(struct crew *crew, uint64_t now)
{
    for (uint32_t i = 0; crew->opening > 0 && i < crew->begun; i++) {
        struct caller *caller = &crew->callers[i];
        if (caller->entry && now - caller->entry->begun_ns > crew->plan->timeout_ns)
            refuse(crew, caller, "the handshake timed out");
    }
}

/* @return How long until the next one is due. */
static uint64_t begin_due(struct crew *crew, const struct schedule *schedule)
{
    while (crew->begun < crew->count) {
        const uint64_t due = schedule->rate > 0 ? schedule_due(schedule, crew->begun) : 0;
        const uint64_t now = clock_now_ns();
        if (due > now)
            return due - now;
        struct entry *entry = free_entry(crew);
        if (!entry)
            break;
        begin(crew, entry, due);
    }
    return NS_PER_S;
}

void crew_connect(struct crew *crew)
{
    const struct plan *plan = crew->plan;
    const struct schedule schedule = {
        .start_ns = clock_now_ns(), .rate = plan->connect_rate / plan->threads, .senders = 1};
    uint64_t looked_ns = schedule.start_ns;
    while ((crew->begun < crew->count || crew->opening > 0) && !atomic_load(&crew->shared->stops)) {
        crew_pump(crew, begin_due(crew, &schedule));
        const uint64_t now = clock_now_ns();
        if (now - looked_ns < NS_PER_S / 10)
            continue;
        looked_ns = now;
        expire(crew, now);
    }
    crew->connected_ns = clock_now_ns() - schedule.start_ns;
    for (uint32_t i = 0; i < crew->begun; i++) {
        if (crew->callers[i].entry)
            refuse(crew, &crew->callers[i], "stopped while it was opening");
    }
}

/* --- Handshakes, and nothing else */

static void on_refused(void *data, const char *why)
{
    struct crew *crew = data;
    reasons_add(&crew->refused, why, 1);
}

static void on_told(void *data, uint64_t done)
{
    struct crew *crew = data;
    atomic_store_explicit(&crew->glance.opened, done, memory_order_relaxed);
    atomic_store_explicit(&crew->glance.wrong, reasons_total(&crew->refused), memory_order_relaxed);
}

void crew_visit(struct crew *crew)
{
    const struct plan *plan = crew->plan;
    char path[PATH_SIZE];
    struct visits visits = {
        .target = &plan->target,
        .path = path,
        .window = crew->count,
        .rate = plan->connect_rate / plan->threads,
        .end_ns = crew->shared->end_ns,
        .patience_ns = plan->timeout_ns,
        .stops = &crew->shared->stops,
        .failed = on_refused,
        .told = on_told,
        .data = crew,
        .answers = &crew->handshakes,
    };
    if (!write_path(crew, crew->number, path))
        return;
    crew_note(crew, &crew->from);
    (void)visits_run(&visits);
    crew_note(crew, &crew->to);
    crew->opened = visits.done;
}
