/* Time and work of the instance: nothing runs but when the test says so. */
#include "toni_testkit_private.h"

#include <inttypes.h>
#include <sys/stat.h>

static int32_t add_task(toni_fake_host *host, const toni_fake_task *wanted, uint64_t delay_ms)
{
    if (host->closing)
        return TONI_ERR_CLOSING;
    for (size_t i = 0; i < TONI_FAKE_MAX_TASKS; i++) {
        toni_fake_task *task = &host->tasks[i];
        if (task->id != 0)
            continue;
        *task = *wanted;
        task->id = ++host->last_task;
        task->due_ms = host->now_ms + delay_ms;
        return TONI_OK;
    }
    ck_abort_msg("more tasks than the fake host takes: TONI_FAKE_MAX_TASKS");
    return TONI_ERR_LIMIT;
}

void fake_add_task(toni_fake_host *host, toni_run_fn run, void *data, toni_release_fn release)
{
    const toni_fake_task task = {.run = run, .data = data, .release = release};
    if (add_task(host, &task, 0) != TONI_OK)
        release(data);
}

static int64_t add_timer(toni_fake_host *host, const char *call, const toni_fake_task *timer,
                         uint64_t delay_ms)
{
    int32_t result = fake_result_of(host, call);
    fake_record(host, "%s %" PRIu64 "\n", call, delay_ms);
    if (!timer->run || delay_ms > TONI_TASK_MOST_MS)
        return TONI_ERR_INVALID;
    if (result >= 0)
        result = add_task(host, timer, delay_ms);
    return result < 0 ? result : host->last_task;
}

static int64_t context_after(toni_context *context, uint64_t delay_ms, toni_run_fn run, void *data,
                             toni_release_fn release)
{
    toni_fake_task timer = {.is_timer = 1, .run = run, .data = data, .release = release};
    return add_timer(host_of_context(context), "after", &timer, delay_ms);
}

static int64_t context_every(toni_context *context, uint64_t period_ms, toni_run_fn run, void *data,
                             toni_release_fn release)
{
    toni_fake_task timer = {
        .is_timer = 1, .run = run, .data = data, .release = release, .period_ms = period_ms};
    if (period_ms == 0)
        timer.run = NULL; /* refused as that is */
    return add_timer(host_of_context(context), "every", &timer, period_ms);
}

static int32_t context_post(toni_context *context, toni_run_fn run, void *data,
                            toni_release_fn release)
{
    toni_fake_host *host = host_of_context(context);
    toni_fake_task task = {.run = run, .data = data, .release = release};
    int32_t result = fake_result_of(host, "post");
    fake_record(host, "post\n");
    if (!run)
        return TONI_ERR_INVALID;
    return result < 0 ? result : add_task(host, &task, 0);
}

static int32_t context_work(toni_context *context, toni_job_fn job, toni_done_fn done, void *data,
                            toni_release_fn release)
{
    toni_fake_host *host = host_of_context(context);
    toni_fake_task task = {.job = job, .done = done, .data = data, .release = release};
    int32_t result = fake_result_of(host, "work");
    fake_record(host, "work\n");
    if (!job)
        return TONI_ERR_INVALID;
    return result < 0 ? result : add_task(host, &task, 0);
}

static int32_t target_send_with_receipt(toni_target *target, const toni_message *message,
                                        toni_context *context, toni_receipt_fn notify, void *data,
                                        toni_release_fn release)
{
    toni_fake_host *host = host_of_target(target);
    (void)host_of_context(context);
    if (!notify || host->closing)
        host->target_error = notify ? TONI_ERR_CLOSING : TONI_ERR_INVALID;
    const int32_t result =
        fake_send_to_target(host, "target_send_with_receipt", message, fake_is_taken(host));
    toni_fake_task task = {.notify = notify, .data = data, .release = release};
    if (result >= 0)
        task.receipt = fake_receipt(host, (uint32_t)result);
    const int32_t added = result < 0 ? result : add_task(host, &task, 0);
    return added < 0 ? added : result;
}

static int compare_ids(const void *a, const void *b)
{
    const toni_client_id first = *(const toni_client_id *)a;
    const toni_client_id second = *(const toni_client_id *)b;
    return (first > second) - (first < second);
}

/* The page of the members that was asked for: those above `after`, in ascending order. */
static void list_members(const toni_client_ids *members, const toni_cluster_request *request,
                         toni_fake_task *task)
{
    toni_client_id *page = calloc(members->count + 1, sizeof *page);
    size_t count = 0;
    ck_assert_ptr_nonnull(page);
    for (size_t i = 0; i < members->count; i++)
        if (members->ids[i] > request->after)
            page[count++] = members->ids[i];
    qsort(page, count, sizeof *page, compare_ids);
    task->members = page;
    task->answer.count = members->count;
    task->answer.members = page;
    task->answer.member_count = count < request->limit ? count : request->limit;
}

static int32_t ask_room(toni_connections *connections, const toni_cluster_request *request,
                        toni_fake_task *task)
{
    toni_client_ids *members;
    const int32_t result = toni_get_room_members(connections, request->text, &members);
    if (result != TONI_OK)
        return result;
    list_members(members, request, task);
    toni_client_ids_destroy(members);
    return TONI_OK;
}

/* All are here, and there is no other host. */
static int32_t carry_out(toni_connections *connections, const toni_cluster_request *request,
                         toni_fake_task *task)
{
    switch (request->kind) {
    case TONI_CLUSTER_SEND:
        return toni_send_to_client(connections, request->client, request->message);
    case TONI_CLUSTER_CLOSE:
        return toni_close_client(connections, request->client, (uint16_t)request->code,
                                 request->text);
    case TONI_CLUSTER_JOIN:
        return toni_join_room(connections, request->client, request->text);
    case TONI_CLUSTER_LEAVE:
        return toni_leave_room(connections, request->client, request->text);
    case TONI_CLUSTER_ROOM:
        return ask_room(connections, request, task);
    default:
        return TONI_OK;
    }
}

static int32_t cluster_ask(toni_connections *connections, const toni_cluster_request *request,
                           toni_context *context, toni_cluster_fn notify, void *data,
                           toni_release_fn release)
{
    toni_fake_host *host = host_of_context(context);
    toni_fake_task task = {.on_answer = notify, .data = data, .release = release};
    const int32_t result = fake_result_of(host, "cluster_ask");
    if (!notify)
        return TONI_ERR_INVALID;
    if (result < 0)
        return result;
    task.answer.struct_size = sizeof task.answer;
    task.answer.status = carry_out(connections, request, &task);
    const int32_t added = add_task(host, &task, 0);
    if (added != TONI_OK)
        free(task.members);
    return added;
}

/* Its place is free before `release` is called, which may look at the host. */
static void end_task(toni_fake_task *task)
{
    toni_fake_task ended = *task;
    *task = (toni_fake_task){0};
    free(ended.members);
    if (ended.release)
        ended.release(ended.data);
}

/* Is released by the next toni_fake_host_advance: no function of the table calls back. */
static int32_t context_cancel_timer(toni_context *context, int64_t timer)
{
    toni_fake_host *host = host_of_context(context);
    fake_record(host, "cancel_timer %" PRId64 "\n", timer);
    for (size_t i = 0; i < TONI_FAKE_MAX_TASKS; i++) {
        toni_fake_task *task = &host->tasks[i];
        if (task->id == 0 || task->id != timer || !task->is_timer)
            continue;
        task->is_timer = 0;
        task->run = NULL;
        task->period_ms = 0;
        task->due_ms = 0;
        return TONI_OK;
    }
    return TONI_ERR_NOT_FOUND;
}

/* As a host finds out by asking the kernel. */
static int is_watchable(int32_t fd)
{
    struct stat status;
    return fd >= 0 && fstat(fd, &status) == 0 && !S_ISREG(status.st_mode) &&
           !S_ISDIR(status.st_mode);
}

static size_t count_watches(const toni_fake_host *host)
{
    size_t count = 0;
    for (size_t i = 0; i < TONI_FAKE_MAX_TASKS; i++)
        count += host->tasks[i].id != 0 && host->tasks[i].watch;
    return count;
}

static int64_t context_watch(toni_context *context, int32_t fd, uint32_t events, toni_watch_fn run,
                             void *data, toni_release_fn release)
{
    toni_fake_host *host = host_of_context(context);
    const toni_fake_task task = {
        .watch = run, .fd = fd, .events = events, .data = data, .release = release};
    int32_t result = fake_result_of(host, "watch");
    fake_record(host, "watch %" PRId32 " %" PRIu32 "\n", fd, events);
    if (!run || !is_watchable(fd) || events == 0 ||
        (events & ~(TONI_READABLE | TONI_WRITABLE)) != 0)
        return TONI_ERR_INVALID;
    if (count_watches(host) >= TONI_WATCHES_MOST)
        return TONI_ERR_LIMIT;
    if (result >= 0)
        result = add_task(host, &task, 0);
    return result < 0 ? result : host->last_task;
}

static toni_fake_task *find_watch(toni_fake_host *host, int64_t watch)
{
    for (size_t i = 0; i < TONI_FAKE_MAX_TASKS; i++) {
        toni_fake_task *task = &host->tasks[i];
        if (task->id != 0 && task->id == watch && task->watch)
            return task;
    }
    return NULL;
}

/* Is released by the next toni_fake_host_advance, as a timer. */
static int32_t context_unwatch(toni_context *context, int64_t watch)
{
    toni_fake_host *host = host_of_context(context);
    toni_fake_task *task = find_watch(host, watch);
    fake_record(host, "unwatch %" PRId64 "\n", watch);
    if (!task)
        return TONI_ERR_NOT_FOUND;
    task->watch = NULL;
    return TONI_OK;
}

void toni_fake_host_fire(toni_fake_host *host, int64_t watch, uint32_t events)
{
    const toni_fake_task *task = find_watch(host, watch);
    ck_assert_msg(task != NULL, "there is no watch %" PRId64, watch);
    ck_assert_msg((task->events & events) != 0, "the plugin did not ask for that");
    task->watch(host->self, task->data, task->events & events);
}

/* The first task that is due by then, or waits as a job. */
static toni_fake_task *first_task(toni_fake_host *host, int is_job, uint64_t until_ms)
{
    toni_fake_task *first = NULL;
    for (size_t i = 0; i < TONI_FAKE_MAX_TASKS; i++) {
        toni_fake_task *task = &host->tasks[i];
        if (task->id == 0 || task->watch || (task->job != NULL) != is_job ||
            task->due_ms > until_ms)
            continue;
        if (!first || task->due_ms < first->due_ms ||
            (task->due_ms == first->due_ms && task->id < first->id))
            first = task;
    }
    return first;
}

static void run_task(toni_fake_host *host, toni_fake_task *task)
{
    toni_fake_task now = *task;
    if (!now.period_ms)
        task->is_timer = 0; /* one that has begun can't be cancelled */
    if (now.run)
        now.run(host->self, now.data);
    else if (now.notify)
        now.notify(host->self, now.data, &now.receipt);
    else if (now.on_answer)
        now.on_answer(host->self, now.data, &now.answer);
    else if (now.done)
        now.done(host->self, now.data, now.result);
    if (task->period_ms) /* it was not cancelled meanwhile */
        task->due_ms += task->period_ms;
    else
        end_task(task);
}

void fake_cancel_tasks(toni_fake_host *host)
{
    host->closing = 1;
    for (size_t i = 0; i < TONI_FAKE_MAX_TASKS; i++) {
        if (host->tasks[i].id != 0)
            end_task(&host->tasks[i]);
    }
}

void toni_fake_host_advance(toni_fake_host *host, uint64_t ms)
{
    const uint64_t until = host->now_ms + ms;
    unsigned most = 1000000;
    for (toni_fake_task *task = first_task(host, 0, until); task && !host->closing;
         task = first_task(host, 0, until)) {
        ck_assert_msg(most-- > 0, "there is no end of tasks that are due");
        if (task->due_ms > host->now_ms)
            host->now_ms = task->due_ms;
        run_task(host, task);
    }
    host->now_ms = until;
}

void toni_fake_host_run_work(toni_fake_host *host)
{
    const int64_t last = host->last_task;
    for (toni_fake_task *task = first_task(host, 1, UINT64_MAX);
         task && task->id <= last && !host->closing; task = first_task(host, 1, UINT64_MAX)) {
        const toni_job_fn job = task->job;
        task->result = job(task->data);
        task->job = NULL;
        task->due_ms = host->now_ms;
    }
    toni_fake_host_advance(host, 0);
}

size_t toni_fake_host_task_count(const toni_fake_host *host)
{
    size_t count = 0;
    for (size_t i = 0; i < TONI_FAKE_MAX_TASKS; i++)
        count += host->tasks[i].id != 0;
    return count;
}

void fake_tasks_fill(toni_host *table)
{
    table->context_after = context_after;
    table->context_every = context_every;
    table->context_cancel_timer = context_cancel_timer;
    table->context_post = context_post;
    table->context_work = context_work;
    table->context_watch = context_watch;
    table->context_unwatch = context_unwatch;
    table->target_send_with_receipt = target_send_with_receipt;
    table->cluster_ask = cluster_ask;
}
