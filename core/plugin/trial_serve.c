/* The process that tries libraries; see trial.h. */
#include "plugin/trial.h"

#include "base/buffer.h"
#include "base/process_end.h"
#include "plugin/descriptor_bytes.h"
#include "plugin/library_map.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static void say(enum trial_word word, uint32_t number, const char *bytes, size_t size)
{
    const struct trial_head head = {.word = word, .number = number, .size = (uint32_t)size};
    struct buffer text;

    buffer_init(&text);
    if (size > TRIAL_SIZE_MAX || buffer_append(&text, &head, sizeof head) ||
        buffer_append(&text, bytes, size))
        process_end(1); /* without its last word the host knows */
    for (size_t sent = 0; sent < text.length;) {
        const ssize_t more = send(TRIAL_FD, text.bytes + sent, text.length - sent, MSG_NOSIGNAL);
        if (more < 0 && errno == EINTR)
            continue;
        if (more < 0)
            process_end(1); /* the host is gone, or a constructor has closed the socket */
        sent += (size_t)more;
    }
    buffer_finish(&text);
}

static void say_faults(uint32_t number, const struct fault_list *faults)
{
    struct buffer text;

    buffer_init(&text);
    for (size_t i = 0; i < faults->count; i++)
        (void)buffer_appendf(&text, "%s%s", i > 0 ? "\n" : "", faults->faults[i].text);
    say(TRIAL_BAD, number, text.bytes, text.length);
    buffer_finish(&text);
}

/* Nothing is unmapped again: threads may run in it. */
static void try_one(uint32_t number, const char *copy, const char *path, const struct value *at)
{
    struct fault_list faults;
    struct buffer bytes;
    toni_plugin descriptor;

    fault_list_init(&faults);
    buffer_init(&bytes);
    say(TRIAL_BEGINS, number, NULL, 0);
    void *handle = library_map(copy, path, at, &faults);
    if (handle && library_describe(handle, path, at, &descriptor, &faults) &&
        !descriptor_write(&descriptor, &bytes))
        say(TRIAL_GOOD, number, bytes.bytes, bytes.length);
    else
        say_faults(number, &faults);
    buffer_finish(&bytes);
    fault_list_finish(&faults);
}

static int read_all(struct buffer *text)
{
    for (;;) {
        if (buffer_reserve(text, 65536))
            return -1;
        const ssize_t got = read(TRIAL_FD, text->bytes + text->length, 65536);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            return buffer_append(text, "", 1); /* ends the last string, whatever came */
        text->length += (size_t)got;
    }
}

/* A crash of this process is a fault of the library, which the host names: no core is needed. */
static void prepare(void)
{
    const struct rlimit none = {0};

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)setrlimit(RLIMIT_CORE, &none);
}

/* What comes is, for each library, its copy and its path, with a NUL behind each. */
void trial_serve(void)
{
    struct buffer text;
    struct value *place = value_group_create((struct value_place){.file = ""});

    prepare();
    buffer_init(&text);
    if (!place || read_all(&text)) {
        (void)fputs("toni: this is for the host's own use\n", stderr);
        process_end(2);
    }
    uint32_t number = 0;
    for (const char *copy = text.bytes; copy < text.bytes + text.length - 1; number++) {
        const char *path = copy + strlen(copy) + 1;
        if (path >= text.bytes + text.length)
            break;
        try_one(number, copy, path, place);
        copy = path + strlen(path) + 1;
    }
    say(TRIAL_END, number, NULL, 0);
    process_end(0);
}
