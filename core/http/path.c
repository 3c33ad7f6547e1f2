/* Paths; see path.h. */
#include "http/path.h"

#include "ws/field.h"

#include <string.h>
#include <strings.h>

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
    const toni_str text = toni_str_make(from, strcspn(from, "?"));
    return *from == '/' && percent_valid(text) ? (ssize_t)percent_decode(text, false, path) : -1;
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
