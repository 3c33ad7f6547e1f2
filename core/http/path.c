/* Paths; see path.h. */
#include "http/path.h"

#include <string.h>
#include <strings.h>

static int digit_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

/* The absolute form is for proxies, but every server has to take it. */
static const char *skip_authority(const char *target)
{
    static const char scheme[] = "http://";
    if (strncasecmp(target, scheme, sizeof scheme - 1) != 0)
        return target;
    const char *authority = target + sizeof scheme - 1;
    size_t length = strcspn(authority, "/?");
    return authority[length] == '/' ? authority + length : "/";
}

const char *http_target_problem(const char *target)
{
    const char *query = strchr(target, '?');
    size_t parameters = query ? 1 : 0;
    if (strlen(target) > HTTP_TARGET_BYTES)
        return "The request target is too long.\n";
    while (query && (query = strchr(query + 1, '&')))
        parameters++;
    return parameters > HTTP_PARAMETERS ? "The request target has too many parameters.\n" : NULL;
}

ssize_t http_path_decode(const char *target, char *path)
{
    const char *from = skip_authority(target);
    char *to = path;
    if (*from != '/')
        return -1;
    for (; *from != '\0' && *from != '?'; from++) {
        if (*from != '%') {
            *to++ = *from;
            continue;
        }
        int high = digit_value(from[1]);
        int low = high < 0 ? -1 : digit_value(from[2]);
        if (low < 0)
            return -1;
        *to++ = (char)(high * 16 + low);
        from += 2;
    }
    return to - path;
}

bool http_path_below(toni_str path, toni_str base, toni_str *rest)
{
    if (base.size > 0 && base.data[base.size - 1] == '/')
        base.size--;
    if (path.size < base.size || (base.size > 0 && memcmp(path.data, base.data, base.size) != 0))
        return false;
    if (path.size > base.size && path.data[base.size] != '/')
        return false;
    *rest = toni_str_make(path.data + base.size, path.size - base.size);
    return true;
}
