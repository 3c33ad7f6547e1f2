/* Loops without memory; see loop.h. */
#include "net/loop.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A loop's own descriptors are among the first that a process opens. */
#define FIRST_TABLE_BYTES 16384

/* What this thread's libuv is given where it asks for a larger block, and again if it then asks for
 * more of the same. */
static _Thread_local struct {
    void *bytes;
    size_t size;
    bool is_given;
} reserve;

/* The old block's size is not libuv's to tell, but the allocator's. */
static void *move_to_reserve(void *old)
{
    if (old) {
        const size_t size = malloc_usable_size(old);
        memcpy(reserve.bytes, old, size < reserve.size ? size : reserve.size);
        free(old);
    }
    reserve.is_given = true;
    return reserve.bytes;
}

static void *grow(void *old, size_t size)
{
    if (size > reserve.size || (reserve.is_given && old != reserve.bytes))
        return realloc(old, size);
    return reserve.is_given ? old : move_to_reserve(old);
}

void loop_guard_memory(void)
{
    (void)uv_replace_allocator(malloc, grow, calloc, free);
}

static int keep_reserve(size_t size)
{
    reserve.bytes = malloc(size);
    reserve.size = reserve.bytes ? size : 0;
    reserve.is_given = false;
    return reserve.bytes ? 0 : UV_ENOMEM;
}

static void drop_reserve(void)
{
    if (!reserve.is_given)
        free(reserve.bytes);
    reserve.bytes = NULL;
    reserve.size = 0;
}

int loop_init(uv_loop_t *loop)
{
    int error = keep_reserve(FIRST_TABLE_BYTES);
    if (!error)
        error = uv_loop_init(loop);
    drop_reserve();
    return error;
}

static void on_ignored(uv_poll_t *poll, int status, int events)
{
    (void)poll, (void)status, (void)events;
}

static void on_closed(uv_handle_t *probe)
{
    free(probe);
}

/* The table grows when a descriptor is watched, and never shrinks: so this one is, for a moment. */
static int watch_for_a_moment(uv_loop_t *loop, uv_poll_t *probe, int fd)
{
    const int error = uv_poll_init(loop, probe, fd);
    if (error) {
        free(probe);
        return error;
    }
    (void)uv_poll_start(probe, UV_READABLE, on_ignored);
    uv_close((uv_handle_t *)probe, on_closed);
    return 0;
}

int loop_make_place(uv_loop_t *loop, int fd)
{
    if ((unsigned)fd < loop->nwatchers)
        return 0;
    /* libuv makes it the next power of two of what it needs: that, and two entries of its own. */
    const size_t entries = 2 * ((size_t)fd + 4);
    uv_poll_t *probe = malloc(sizeof *probe);
    int error = UV_ENOMEM;
    if (!probe || keep_reserve(entries * sizeof loop->watchers[0]))
        free(probe);
    else
        error = watch_for_a_moment(loop, probe, fd);
    drop_reserve();
    return error;
}
