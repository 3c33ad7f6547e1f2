/* Streams; see streaming.h. */
#include "http/streaming.h"

#include "base/clock.h"
#include "http/deadlines.h"
#include "http/exchange.h"
#include "http/keeping.h"
#include "instance/instance.h"
#include "instance/notice.h"

#include <linux/sockios.h>
#include <microhttpd.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <toni/error.h>

/* For clients of HTTP/1.0 alone: of others the connection's own memory is filled. */
#define BLOCK_BYTES 4096

/* An empty buffer keeps no more than that: most streams write little, and seldom. */
#define KEPT_BYTES 4096

static struct streaming *stream_of(struct kept *kept)
{
    return &((struct keeping *)kept)->stream;
}

static size_t waiting(const struct streaming *stream)
{
    return stream->bytes.length - stream->fetched;
}

void streaming_finish(struct streaming *stream)
{
    buffer_finish(&stream->bytes);
}

/* --- The connection's thread fetches */

static void forget_fetched(struct streaming *stream)
{
    if (waiting(stream) == 0 && stream->bytes.capacity > KEPT_BYTES) {
        buffer_finish(&stream->bytes);
        stream->fetched = 0;
    } else if (stream->fetched >= waiting(stream)) {
        stream->bytes.length = waiting(stream);
        if (stream->bytes.length > 0)
            memmove(stream->bytes.bytes, stream->bytes.bytes + stream->fetched,
                    stream->bytes.length);
        stream->fetched = 0;
    }
}

static size_t fetch(struct streaming *stream, char *into, size_t most)
{
    const size_t size = waiting(stream) < most ? waiting(stream) : most;
    memcpy(into, stream->bytes.bytes + stream->fetched, size);
    stream->fetched += size;
    stream->total += size;
    forget_fetched(stream);
    if (stream->is_full && waiting(stream) <= stream->most / 4) {
        stream->is_full = false;
        notice_post(stream->tasks, stream->notice, TONI_STREAM_DRAINED);
    }
    return size;
}

/* Under the lock. What its service has not ended is cut off, lest a part be taken for the whole. */
static ssize_t fetch_or_sleep(struct kept *kept, char *into, size_t most)
{
    if (waiting(stream_of(kept)) > 0)
        return (ssize_t)fetch(stream_of(kept), into, most);
    if (kept->outcome != KEPT_WAITS)
        return kept->outcome == KEPT_ENDED ? MHD_CONTENT_READER_END_OF_STREAM
                                           : MHD_CONTENT_READER_END_WITH_ERROR;
    kept_sleep(kept, keeping_sleep);
    return 0;
}

static ssize_t on_fetch(void *data, uint64_t position, char *into, size_t most)
{
    (void)position;
    const toni_exchange *exchange = data;
    if (!exchange->keeping) /* the answer to HEAD */
        return MHD_CONTENT_READER_END_OF_STREAM;
    struct kept *kept = &exchange->keeping->kept;
    kept_hold(kept);
    const ssize_t size = fetch_or_sleep(kept, into, most);
    kept_unlock(kept);
    return size;
}

struct MHD_Response *streaming_response(toni_exchange *exchange)
{
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, on_fetch, exchange,
                                             NULL);
}

/* --- Whoever sweeps or decides */

/* What the client has not read yet of what was sent says more than what was fetched: that goes in
 * large pieces, which a slow client takes its time for. */
static bool is_stalled(struct kept *kept, uint64_t now_ms)
{
    struct streaming *stream = stream_of(kept);
    const toni_exchange *exchange = keeping_exchange(kept);
    int unread = 0;
    (void)ioctl(exchange->connection->fd, SIOCOUTQ, &unread);
    const bool has_moved = kept->is_asleep || !exchange->is_stream ||
                           stream->total != stream->seen_total || unread != stream->seen_unread;
    if (has_moved)
        stream->moved_ms = now_ms;
    stream->seen_total = stream->total;
    stream->seen_unread = unread;
    return now_ms - stream->moved_ms >= stream->stalled_ms;
}

/* The rest of what was written has to be read in the time of any answer. */
static void over(struct kept *kept)
{
    const toni_exchange *exchange = keeping_exchange(kept);
    notice_post(stream_of(kept)->tasks, stream_of(kept)->notice, TONI_STREAM_ENDED);
    if (kept->outcome == KEPT_GONE || kept->outcome == KEPT_STALLED) {
        http_secure_cut(exchange->connection->secure);
        shutdown(exchange->connection->fd, SHUT_RDWR);
    } else if (exchange->is_stream) {
        http_deadlines_enter(exchange->deadlines, exchange->connection, HTTP_SENDING);
    }
}

/* --- What plugins call */

/* Under the lock. */
static int32_t begin(struct kept *kept, int64_t notice, struct http_answer *answer)
{
    const struct instance *instance = kept->instance;
    const struct limits *limits = slot_limits(instance->setup.slot); /* any thread may come here */
    if (kept->is_stream)
        return TONI_ERR_INVALID;
    kept->is_stalled = is_stalled;
    kept->over = over;
    *stream_of(kept) = (struct streaming){
        .tasks = instance->tasks.tasks,
        .notice = notice,
        .most = limits->http_stream_bytes,
        .stalled_ms = limits->stalled_ms,
        .moved_ms = clock_now_ms(),
    };
    const int32_t result = notice < 0 ? (int32_t)notice : kept_stream(kept);
    if (result == TONI_OK)
        http_exchange_put(keeping_exchange(kept), answer);
    else
        kept_decide(kept, KEPT_REFUSED);
    return result;
}

static int32_t begin_found(toni_context *context, toni_exchange_id id, int64_t notice,
                           struct http_answer *answer)
{
    struct kept *kept = keeping_lock(context, id);
    if (!kept)
        return TONI_ERR_NOT_FOUND;
    const int32_t result = begin(kept, notice, answer);
    kept_unlock(kept);
    return result;
}

/* NOLINTNEXTLINE(readability-function-size): as many parameters as toni_exchange_begin has */
static int32_t exchange_begin(toni_context *context, toni_exchange_id id, uint32_t status,
                              toni_str content_type, toni_stream_fn notify, void *data,
                              toni_release_fn release)
{
    struct instance *instance = instance_of(context);
    struct http_answer answer;
    if (!http_has_content(status))
        return TONI_ERR_INVALID;
    int32_t result = http_answer_make(&answer, status, content_type, toni_str_make("", 0));
    if (result != TONI_OK)
        return result;
    const int64_t notice = notice_create(instance, id, notify, data, release);
    result = begin_found(context, id, notice, &answer);
    http_answer_finish(&answer);
    /* If its instance has ended meanwhile, `release` has been called, as for a stream that began.
     */
    if (result != TONI_OK && notice > 0 && !notice_take_back(instance->tasks.tasks, notice))
        return TONI_OK;
    return result;
}

/* Under the lock. */
static int32_t append(struct kept *kept, toni_str bytes)
{
    struct streaming *stream = stream_of(kept);
    if (!kept->is_stream)
        return TONI_ERR_INVALID;
    if (bytes.size > stream->most)
        return TONI_ERR_TOO_BIG;
    if (bytes.size > stream->most - waiting(stream)) {
        stream->is_full = true;
        return TONI_ERR_FULL;
    }
    if (buffer_append(&stream->bytes, bytes.data, bytes.size))
        return TONI_ERR_NO_MEMORY;
    stream->is_full |= waiting(stream) > stream->most / 2;
    if (bytes.size > 0)
        kept_wake(kept);
    return TONI_OK;
}

static int32_t exchange_write(toni_context *context, toni_exchange_id id, toni_str bytes)
{
    struct kept *kept = keeping_lock(context, id);
    if (!kept)
        return TONI_ERR_NOT_FOUND;
    const int32_t result = append(kept, bytes);
    kept_unlock(kept);
    return result;
}

static int32_t exchange_end(toni_context *context, toni_exchange_id id)
{
    struct kept *kept = keeping_lock(context, id);
    if (!kept)
        return TONI_ERR_NOT_FOUND;
    const bool is_stream = kept->is_stream;
    if (is_stream)
        kept_decide(kept, KEPT_ENDED);
    kept_unlock(kept);
    return is_stream ? TONI_OK : TONI_ERR_INVALID;
}

void streaming_fill_table(toni_host *table)
{
    table->exchange_begin = exchange_begin;
    table->exchange_write = exchange_write;
    table->exchange_end = exchange_end;
}
