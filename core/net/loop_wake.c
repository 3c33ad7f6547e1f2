/* See loop_wake.h. */
#include "net/loop_wake.h"

#include "net/loop.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* The order matters. Were `is_sent` taken back before the descriptor is emptied, the wake of who
 * sends in between would be taken along, and nobody after him would write. Were `woken` called
 * before it is taken back, it might miss what was done meanwhile. Whoever finds `is_sent` set comes
 * before the exchange here in its order of changes, so `woken` sees what he has done. */
static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct loop_wake *wake = (struct loop_wake *)poll;
    eventfd_t count;
    (void)status, (void)events; /* an eventfd does not break */
    (void)eventfd_read(wake->fd, &count);
    if (atomic_exchange_explicit(&wake->is_sent, false, memory_order_acq_rel))
        wake->woken(wake->data);
}

static int watch(uv_loop_t *loop, struct loop_wake *wake)
{
    int error = loop_make_place(loop, wake->fd);
    if (!error)
        error = uv_poll_init(loop, &wake->poll, wake->fd);
    if (!error)
        (void)uv_poll_start(&wake->poll, UV_READABLE, on_ready); /* there is a place for it */
    return error;
}

int loop_wake_init(uv_loop_t *loop, struct loop_wake *wake, void (*woken)(void *data), void *data)
{
    *wake = (struct loop_wake){.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (wake->fd < 0)
        return uv_translate_sys_error(errno);
    wake->woken = woken;
    wake->data = data;
    const int error = watch(loop, wake);
    if (error)
        close(wake->fd);
    return error;
}

void loop_wake_send(struct loop_wake *wake)
{
    if (!atomic_exchange_explicit(&wake->is_sent, true, memory_order_acq_rel))
        (void)eventfd_write(wake->fd, 1); /* it is far from full */
}

void loop_wake_close(struct loop_wake *wake)
{
    uv_close((uv_handle_t *)&wake->poll, NULL);
}

void loop_wake_finish(struct loop_wake *wake)
{
    close(wake->fd);
}
