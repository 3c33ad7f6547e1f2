/* URLs; see url.h. */
#include "client/url.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char no_memory[] = "there is no memory for it";

/* What stands in a request may neither end its line nor be two words. */
static bool is_plain(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text <= ' ' || *text == 0x7f)
            return false;
    }
    return true;
}

/* @param path  Where the path begins; "" if there is none. */
static const char *take_path(struct url *url, const char *path)
{
    if (*path == '?')
        return "a path must go before the `?`, such as `/?`";
    url->path = strdup(*path ? path : "/");
    return url->path ? NULL : no_memory;
}

/* unix:/run/toni.sock:/echo, as nginx writes it. */
static const char *parse_socket(struct url *url, const char *text)
{
    const char *colon = strstr(text, ":/");
    const size_t size = colon ? (size_t)(colon - text) : strlen(text);
    if (size == 0)
        return "expected `unix:/SOCKET:/PATH`";
    url->socket = strndup(text, size);
    return url->socket ? take_path(url, colon ? colon + 1 : "") : no_memory;
}

static const char *take_port(struct url *url, const char *text, size_t size)
{
    if (size == 0)
        url->port = strdup(url->tls ? "443" : "80");
    else if (*text == ':' && size > 1)
        url->port = strndup(text + 1, size - 1);
    else
        return "expected `HOST:PORT`";
    return url->port ? NULL : no_memory;
}

/* HOST[:PORT] or [ADDRESS][:PORT]. */
static const char *parse_authority(struct url *url, const char *text, size_t size)
{
    const char *from = text, *end = memchr(text, ':', size);
    if (size > 0 && *text == '[') {
        from = text + 1;
        end = memchr(text, ']', size);
        if (!end)
            return "the `]` behind the address is missing";
    } else if (!end) {
        end = text + size;
    }
    if (end == from)
        return "there is no host in it";
    if (memchr(text, '@', size))
        return "a user's name in it would not be sent: give --token or --header";
    url->host = strndup(from, (size_t)(end - from));
    if (!url->host)
        return no_memory;
    const char *rest = *end == ']' ? end + 1 : end;
    return take_port(url, rest, size - (size_t)(rest - text));
}

const char *url_parse(struct url *url, const char *text)
{
    *url = (struct url){0};
    if (!is_plain(text))
        return "it has a space or a control character";
    if (strchr(text, '#'))
        return "a WebSocket's URL has no `#`";
    if (strncasecmp(text, "unix:", 5) == 0)
        return parse_socket(url, text + 5);
    if (strncasecmp(text, "ws://", 5) == 0)
        text += 5;
    else if (strncasecmp(text, "wss://", 6) == 0)
        text += 6, url->tls = true;
    else
        return "it begins with none of ws://, wss:// and unix:/";
    const size_t size = strcspn(text, "/?");
    const char *wrong = parse_authority(url, text, size);
    return wrong ? wrong : take_path(url, text + size);
}

void url_finish(struct url *url)
{
    free(url->host);
    free(url->port);
    free(url->socket);
    free(url->path);
    *url = (struct url){0};
}
