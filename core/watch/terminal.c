/* The terminal; see terminal.h. Nobody who reads slowly, or not at all, holds the watch up: signals
 * and the host's log would wait with it. So what isn't taken within a moment is dropped, which is
 * said when it is taken again. */
#include "watch/terminal.h"

#include "base/buffer.h"
#include "base/visible.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long stderr has to take something. A terminal whose reader sleeps takes it later. */
#define ROOM_MS 500

static bool has_colours;
static size_t dropped; /* bytes, since something was taken last */

static const char *const colours[] = {
    [TONE_PLAIN] = "",
    [TONE_GOOD] = "\x1B[32m",
    [TONE_WARNING] = "\x1B[33m",
    [TONE_BAD] = "\x1B[31m",
};

#define BOLD "\x1B[1m"
#define NORMAL "\x1B[m"

void terminal_look(void)
{
    const char *no_colour = getenv("NO_COLOR"), *kind = getenv("TERM");
    has_colours = isatty(STDERR_FILENO) && (!no_colour || no_colour[0] == '\0') && kind &&
                  strcmp(kind, "dumb") != 0;
}

bool terminal_has_colours(void)
{
    return has_colours;
}

/* A pipe that has room for PIPE_BUF bytes takes as many without waiting. */
static bool has_room(void)
{
    struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};
    return poll(&room, 1, dropped > 0 ? 0 : ROOM_MS) > 0;
}

static void write_out(const char *bytes, size_t length)
{
    while (length > 0) {
        const size_t most = length < PIPE_BUF ? length : PIPE_BUF;
        const ssize_t written = has_room() ? write(STDERR_FILENO, bytes, most) : 0;
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0) {
            dropped += length;
            return;
        }
        bytes += written;
        length -= (size_t)written;
    }
}

static void tell_of_dropped(void)
{
    char text[96];
    if (dropped == 0 || !has_room())
        return;
    const int length = snprintf(
        text, sizeof text, "\nwatch: %zu bytes are not shown: nobody has read them\n", dropped);
    dropped = 0;
    write_out(text, (size_t)length);
}

/* Out of memory, it is shown no more than half. */
static void show(enum terminal_tone tone, const char *prefix, const char *text, size_t length,
                 bool keeps_colours)
{
    struct buffer shown;
    const bool is_toned = has_colours && tone != TONE_PLAIN;
    const bool ends_line = length > 0 && text[length - 1] == '\n';

    buffer_init(&shown);
    if (has_colours && prefix[0] != '\0')
        (void)buffer_append(&shown, BOLD, strlen(BOLD));
    if (is_toned)
        (void)buffer_append(&shown, colours[tone], strlen(colours[tone]));
    (void)buffer_append(&shown, prefix, strlen(prefix));
    (void)visible_append(&shown, text, ends_line ? length - 1 : length, keeps_colours);
    if (is_toned || (has_colours && prefix[0] != '\0'))
        (void)buffer_append(&shown, NORMAL, strlen(NORMAL));
    if (ends_line)
        (void)buffer_append(&shown, "\n", 1);
    tell_of_dropped();
    write_out(shown.bytes, shown.length);
    buffer_finish(&shown);
}

void terminal_say(enum terminal_tone tone, const char *format, ...)
{
    va_list arguments;
    char *text = NULL;

    va_start(arguments, format);
    const int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    for (int i = 0; i < length; i++) { /* one line, whatever a file is called */
        if (text[i] == '\n')
            text[i] = ' ';
    }
    struct buffer line;
    buffer_init(&line);
    if (buffer_append(&line, text, (size_t)length) == 0 && buffer_append(&line, "\n", 1) == 0)
        show(tone, "watch: ", line.bytes, line.length, false);
    buffer_finish(&line);
    free(text);
}

void terminal_pass(enum terminal_tone tone, const char *text, size_t length, bool keeps_colours)
{
    show(tone, "", text, length, keeps_colours);
}
