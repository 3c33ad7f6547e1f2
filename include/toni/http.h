/** @file
 * HTTP requests to a service (RFC 9110), as its `on_request` reads and answers them.
 *
 * What is read is borrowed, and valid until `on_request` returns. What is written is copied. An
 * exchange must not be used after that, nor by another thread. It can be kept, and answered later
 * by its id: see toni_exchange_keep.
 *
 * A service gets the requests for its path and for all below it; dots in a path are not resolved.
 * The host has seen to it that the body is whole and not too large (`http_body_bytes`) and that the
 * client took no longer than `http_request_ms` to send it; as long again it has for reading the
 * answer. How long `on_request` takes is the service's affair, but other requests wait for it: all
 * of the same instance, unless its descriptor says TONI_CONCURRENT, and some of others.
 *
 * The host answers by itself: 400 (the path is badly encoded, or the head says in two ways where
 * the request ends), 404 (no service), 405 (a method other than GET, HEAD, POST, PUT, PATCH, DELETE
 * and OPTIONS), 408 (too slow), 413 (the body), 431 and its kin (the head), 500 (`on_request`
 * failed, or neither answered nor kept the exchange), 501 (a `Transfer-Encoding` other than
 * chunked), 503 (it is shutting down). A service says 405 of the methods that it doesn't have, with
 * a header field `Allow`; it needn't know OPTIONS: if it says 405 of that too, the host makes 204
 * of it and keeps its `Allow`.
 */
#ifndef TONI_HTTP_H
#define TONI_HTTP_H

#include <toni/error.h>
#include <toni/host.h>

#include <stdlib.h>

/* Parts of a request, for toni_host.exchange_part. */
#define TONI_EXCHANGE_METHOD                                                                       \
    1u                        /**< such as "POST"; HEAD comes as GET, and its body is left out     \
                               */
#define TONI_EXCHANGE_PATH 2u /**< percent-decoded, without the query */
#define TONI_EXCHANGE_SUBPATH                                                                      \
    3u /**< what of it follows the service's own path: empty, or begins with `/` */
#define TONI_EXCHANGE_BODY 4u    /**< any bytes; empty if there is none */
#define TONI_EXCHANGE_ADDRESS 5u /**< the client's IP address; empty on a Unix socket */

/** @return The method (RFC 9110, section 9). @since ABI 1.0 */
static inline toni_str toni_exchange_method(const toni_exchange *exchange)
{
    return toni_host_of(exchange)->exchange_part(exchange, TONI_EXCHANGE_METHOD);
}

/** @return The path, percent-decoded, without the query. @since ABI 1.0 */
static inline toni_str toni_exchange_path(const toni_exchange *exchange)
{
    return toni_host_of(exchange)->exchange_part(exchange, TONI_EXCHANGE_PATH);
}

/** @return What follows the service's own path: empty, or begins with `/`. @since ABI 1.0 */
static inline toni_str toni_exchange_subpath(const toni_exchange *exchange)
{
    return toni_host_of(exchange)->exchange_part(exchange, TONI_EXCHANGE_SUBPATH);
}

/** @return The body; empty if there is none. @since ABI 1.0 */
static inline toni_str toni_exchange_body(const toni_exchange *exchange)
{
    return toni_host_of(exchange)->exchange_part(exchange, TONI_EXCHANGE_BODY);
}

/** @return The client's IP address, without a port; empty on a Unix socket. @since ABI 1.0 */
static inline toni_str toni_exchange_address(const toni_exchange *exchange)
{
    return toni_host_of(exchange)->exchange_part(exchange, TONI_EXCHANGE_ADDRESS);
}

/** Tells whether the request came over TLS that ends in the host. What a proxy that ends it says of
 * that (`X-Forwarded-Proto`) is a header field like others. The client's certificate:
 * toni_exchange_certificate.
 * @return 1, or 0. @since ABI 1.0 */
static inline int32_t toni_exchange_is_secure(const toni_exchange *exchange)
{
    return toni_host_of(exchange)->exchange_is_secure(exchange);
}

/** Looks up a query parameter.
 * @param value  Set to its percent-decoded value; left alone on an error.
 * @return TONI_OK, or TONI_ERR_NOT_FOUND. @since ABI 1.0 */
static inline int32_t toni_exchange_parameter(const toni_exchange *exchange, toni_str name,
                                              toni_str *value)
{
    return toni_host_of(exchange)->exchange_parameter(exchange, name, value);
}

/** Looks up a header field of the request.
 * @param name   Without the colon; case makes no difference.
 * @param value  Set to its value; left alone on an error.
 * @return TONI_OK, or TONI_ERR_NOT_FOUND. @since ABI 1.0 */
static inline int32_t toni_exchange_header(const toni_exchange *exchange, toni_str name,
                                           toni_str *value)
{
    return toni_host_of(exchange)->exchange_header(exchange, name, value);
}

/** Adds a header field to the answer, before or after toni_exchange_answer.
 * @param value  Copied; not empty.
 * @return TONI_OK; TONI_ERR_INVALID (not a legal name or value, or one of those that the host sets:
 * Connection, Content-Length, Content-Type, Date, Trailer, Transfer-Encoding, Upgrade),
 * TONI_ERR_NO_MEMORY. @since ABI 1.0 */
static inline int32_t toni_exchange_add_header(toni_exchange *exchange, toni_str name,
                                               toni_str value)
{
    return toni_host_of(exchange)->exchange_add_header(exchange, name, value);
}

/** Answers the request. A second answer replaces the first; it goes out when `on_request` has
 * returned.
 * @param status        200 to 599.
 * @param content_type  Such as "application/json"; empty if there is no body.
 * @param body          Copied.
 * @return TONI_OK; TONI_ERR_INVALID (status or type), TONI_ERR_NO_MEMORY. @since ABI 1.0 */
static inline int32_t toni_exchange_answer(toni_exchange *exchange, uint32_t status,
                                           toni_str content_type, toni_str body)
{
    return toni_host_of(exchange)->exchange_answer(exchange, status, content_type, body);
}

/* --- Answers later. An exchange that `on_request` has kept is answered by its id, once, on any
 * thread: by a task, a job, a thread of the plugin's own, or when a receipt comes.
 *
 *     static int32_t on_request(void *self, toni_exchange *exchange)
 *     {
 *         struct service *service = self;
 *         struct question *question = calloc(1, sizeof *question);
 *         if (!question)
 *             return TONI_ERR_NO_MEMORY;
 *         question->service = service;
 *         int32_t result = toni_exchange_keep(exchange, 5000, &question->id);
 *         if (result == TONI_OK)
 *             result = toni_work(service->context, look_up, answer, question, free);
 *         else
 *             free(question);
 *         return result;
 *     }
 *
 *     static void answer(void *self, void *data, int32_t result) // when look_up() has ended
 *     {
 *         struct service *service = self;
 *         struct question *question = data;
 *         (void)toni_exchange_answer_kept(service->context, question->id, 200,
 *                                         TONI_LIT("text/plain"),
 *                                         toni_str_of(question->found));
 *     }
 *
 * The host answers by itself what is not answered in time (504), what is left when the instance has
 * ended (503), and what is left when `drain_ms` is over (503); and it forgets a client that has
 * gone or says that it sends nothing more. After that, as after an answer, nothing waits under the
 * id any more: whatever is done with it gives TONI_ERR_NOT_FOUND. So a plugin has nothing to
 * release, and one that forgets an exchange leaks nothing. */

/** Keeps the exchange of the running `on_request`, which then returns TONI_OK: the answer comes
 * later. If it returns an error, that is answered with 500, as ever, and the exchange is not kept.
 * @param exchange  Neither answered nor kept yet. Once it is kept it can be read until `on_request`
 * returns, and be answered only by its id. Header fields that were added stay.
 * @param limit_ms  How long it may wait, in milliseconds; 0, or more than `http_kept_ms` of
 * gateways.conf: as long as that says.
 * @param id        Set to the exchange's id; left alone on an error.
 * @return TONI_OK; TONI_ERR_INVALID (answered or kept already); TONI_ERR_LIMIT (`http_kept` of
 * gateways.conf), TONI_ERR_CLOSING (the host ends), TONI_ERR_NO_MEMORY: of these three 503 is
 * answered if the service doesn't answer otherwise, whatever `on_request` returns.
 * @thread That of `on_request`. @since ABI 1.0 */
static inline int32_t toni_exchange_keep(toni_exchange *exchange, uint64_t limit_ms,
                                         toni_exchange_id *id)
{
    return toni_host_of(exchange)->exchange_keep(exchange, limit_ms, id);
}

/** Answers an exchange that was kept; also while its `on_request` still runs.
 * @param context       Of the instance that has kept it.
 * @param status        200 to 599.
 * @param content_type  As toni_exchange_answer.
 * @param body          Copied.
 * @return TONI_OK, and it will go out; TONI_ERR_NOT_FOUND: it does not wait any more: it was
 * answered, its time is over, or its client has gone; TONI_ERR_INVALID (status or type; it
 * streams), TONI_ERR_NO_MEMORY: it still waits.
 * @thread Any. @since ABI 1.0 */
static inline int32_t toni_exchange_answer_kept(toni_context *context, toni_exchange_id id,
                                                uint32_t status, toni_str content_type,
                                                toni_str body)
{
    return toni_host_of(context)->kept_answer(context, id, status, content_type, body);
}

/** Adds a header field to the answer of an exchange that was kept, before that is given or begun.
 * @return As toni_exchange_add_header; TONI_ERR_INVALID also for a stream that has begun;
 * TONI_ERR_NOT_FOUND: it does not wait any more.
 * @thread Any. @since ABI 1.0 */
static inline int32_t toni_exchange_add_header_kept(toni_context *context, toni_exchange_id id,
                                                    toni_str name, toni_str value)
{
    return toni_host_of(context)->kept_add_header(context, id, name, value);
}

/** Tells whether an exchange still waits for its answer, or streams it, so that long work can stop
 * early. A client that has gone is noticed within a quarter of a second.
 * @return 1, or 0, which it stays. @thread Any. @since ABI 1.0 */
static inline int32_t toni_exchange_is_kept(toni_context *context, toni_exchange_id id)
{
    return toni_host_of(context)->kept_is_waiting(context, id);
}

/* --- Streams: answers that go on, such as Server-Sent Events. The head of the answer goes out at
 * once, and then whatever is written; `http_request_ms` is over with the head, and a stream may
 * last as long as the service likes. Up to `http_stream_bytes` of gateways.conf wait for a client
 * that reads slowly. It loses its connection if it has taken nothing for `stalled_ms`.
 *
 *     static void on_stream(void *self, void *data, toni_exchange_id stream, uint32_t what)
 *     {
 *         struct feed *feed = data;
 *         if (what == TONI_STREAM_ENDED)
 *             feed_forget(self, feed); // `release` frees it
 *         else
 *             feed_go_on(self, feed, stream);
 *     }
 *
 *     int32_t result = toni_exchange_keep(exchange, 0, &id);
 *     if (result == TONI_OK)
 *         result = toni_exchange_begin(context, id, 200, TONI_LIT("text/event-stream"), on_stream,
 *                                      feed, free);
 *
 * A stream ends by toni_exchange_end; the host ends it when its client has gone, when the instance
 * is swapped or removed, and as soon as the host stops or is restarted. What the service has not
 * ended is cut off: what was written goes out, and then the connection ends without the end of the
 * answer, so that nobody takes a part for the whole. (An EventSource connects again.) */

/** Answers an exchange that was kept by a stream; also while its `on_request` still runs.
 * @param context       Of the instance that has kept it.
 * @param status        One whose answer has content: 200 to 599, but for 204, 205 and 304.
 * @param content_type  As toni_exchange_answer.
 * @param notify        Called as a task of the instance: TONI_STREAM_DRAINED each time that the
 * stream was above half of `http_stream_bytes`, or a write was refused, and is below a quarter;
 * TONI_STREAM_ENDED once, as its last, whoever ended it. NULL: nothing is told.
 * @param data          Handed to @p notify and @p release; may be NULL.
 * @param release       Called once when all that is over, also if the instance ends before; may be
 * NULL.
 * @return TONI_OK. TONI_ERR_INVALID (status or type; it streams already), TONI_ERR_NOT_FOUND (it
 * does not wait any more), TONI_ERR_NO_MEMORY before that: nothing has changed. TONI_ERR_LIMIT
 * (`http_streams` of gateways.conf), TONI_ERR_CLOSING (the host or the instance ends): it is
 * answered 503. After an error neither @p notify nor @p release is called.
 * @thread Any. @since ABI 1.0 */
static inline int32_t toni_exchange_begin(toni_context *context, toni_exchange_id id,
                                          uint32_t status, toni_str content_type,
                                          toni_stream_fn notify, void *data,
                                          toni_release_fn release)
{
    return toni_host_of(context)->exchange_begin(context, id, status, content_type, notify, data,
                                                 release);
}

/** Writes to a stream: all of it or nothing.
 * @param bytes  Copied.
 * @return TONI_OK; TONI_ERR_FULL (too much waits already: TONI_STREAM_DRAINED tells when to go on),
 * TONI_ERR_TOO_BIG (more than `http_stream_bytes` at once), TONI_ERR_NOT_FOUND (it has ended),
 * TONI_ERR_INVALID (it has not begun), TONI_ERR_NO_MEMORY.
 * @thread Any. @since ABI 1.0 */
static inline int32_t toni_exchange_write(toni_context *context, toni_exchange_id stream,
                                          toni_str bytes)
{
    return toni_host_of(context)->exchange_write(context, stream, bytes);
}

/** Ends a stream: what was written goes out, then the end of the answer.
 * @return TONI_OK; TONI_ERR_NOT_FOUND (it has ended), TONI_ERR_INVALID (it has not begun).
 * @thread Any. @since ABI 1.0 */
static inline int32_t toni_exchange_end(toni_context *context, toni_exchange_id stream)
{
    return toni_host_of(context)->exchange_end(context, stream);
}

/** Puts together a Server-Sent Event. Internal to toni_exchange_write_event.
 * @param into  Room for all: NULL only counts. @return Its size. */
static inline size_t toni_event_put(char *into, toni_str event, toni_str data)
{
    size_t size = 0;
    const char *const heads[] = {"event: ", "data: "};
    for (size_t part = event.size > 0 ? 0 : 1; part < 2; part++) {
        const toni_str text = part == 0 ? event : data;
        for (size_t at = 0, begins = 1; at <= text.size; at++) {
            const int byte = at < text.size ? text.data[at] : '\n';
            const int before = at > 0 ? text.data[at - 1] : ' ';
            const size_t head = strlen(heads[part]);
            if (at < text.size && byte == '\n' && before == '\r')
                continue; /* one end of a line, of two bytes */
            if (begins && into)
                memcpy(into + size, heads[part], head);
            size += begins ? head : 0;
            begins = byte == '\n' || byte == '\r';
            if (into)
                into[size] = (char)(begins ? '\n' : byte);
            size++;
        }
    }
    if (into)
        into[size] = '\n';
    return size + 1;
}

/** Writes a Server-Sent Event (WHATWG HTML, section 9.2) to a stream whose type is
 * "text/event-stream".
 * @param event  Its name; empty: "message". Without ends of lines.
 * @param data   UTF-8; may have several lines.
 * @return As toni_exchange_write; TONI_ERR_INVALID also for a name with an end of a line.
 * @thread Any. @since ABI 1.0 */
static inline int32_t toni_exchange_write_event(toni_context *context, toni_exchange_id stream,
                                                toni_str event, toni_str data)
{
    if (event.size > 0 &&
        (memchr(event.data, '\n', event.size) || memchr(event.data, '\r', event.size)))
        return TONI_ERR_INVALID;
    const size_t size = toni_event_put(NULL, event, data);
    char *text = (char *)malloc(size);
    if (!text)
        return TONI_ERR_NO_MEMORY;
    (void)toni_event_put(text, event, data);
    const int32_t result = toni_exchange_write(context, stream, toni_str_make(text, size));
    free(text);
    return result;
}

#endif
