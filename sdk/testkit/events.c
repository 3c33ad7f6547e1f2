/* Events by name (toni/events.h) of a client under test: a call and its answer. */
#include "toni_testkit_private.h"

#include <stdio.h>
#include <string.h>

/* Takes the line that begins with @p start out of what the client has got.
 * @return What follows in it; NULL: there is none. */
static const char *take_line(toni_fake_client *client, const char *start)
{
    static char taken[sizeof client->got];
    const size_t size = strlen(start);
    char *line = client->got;
    while (*line && strncmp(line, start, size) != 0) {
        line = strchr(line, '\n');
        ck_assert_ptr_nonnull(line);
        line++;
    }
    if (!*line)
        return NULL;
    const char *end = strchr(line, '\n');
    ck_assert_ptr_nonnull(end);
    (void)snprintf(taken, sizeof taken, "{%.*s", (int)(end - line) - (int)size, line + size);
    memmove(line, end + 1, strlen(end + 1) + 1);
    return taken;
}

const char *toni_fake_client_answer(toni_fake_client *client)
{
    char start[64];
    (void)snprintf(start, sizeof start, "text:{\"id\":%u,", client->last_call);
    return take_line(client, start);
}

const char *toni_fake_client_call(toni_fake_client *client, const char *event, const char *data)
{
    char text[16384];
    const int length = snprintf(text, sizeof text, "{\"event\":\"%s\",\"id\":%u%s%s}", event,
                                ++client->last_call, data ? ",\"data\":" : "", data ? data : "");
    ck_assert_msg(length > 0 && (size_t)length < sizeof text, "the call is too long");
    ck_assert_int_ge(toni_fake_client_send_text(client, text), TONI_OK);
    return toni_fake_client_answer(client);
}
