/* Framing; see http_framing.h. */
#include "net/http_framing.h"

#include "wiring/name.h"

#include <microhttpd.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* What the header fields say. */
struct head {
    unsigned hosts;
    unsigned lengths;
    unsigned codings;
    bool is_chunked;
    bool is_illegal; /* a name or a value */
};

static bool is_named(toni_str name, const char *wanted)
{
    return strlen(wanted) == name.size && strncasecmp(name.data, wanted, name.size) == 0;
}

/* libmicrohttpd 0.9.75 appends a folded line (RFC 9112, section 5.2) to the name of its field. */
static bool is_folded(toni_str name, const char *wanted)
{
    const size_t size = strlen(wanted);
    return name.size > size && strncasecmp(name.data, wanted, size) == 0;
}

/* RFC 9110, section 5.5: what others may take for the end of a line, or of a text. */
static bool value_is_illegal(toni_str value)
{
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] == '\r' || value.data[i] == '\n' || value.data[i] == '\0')
            return true;
    }
    return false;
}

static enum MHD_Result take_field(void *data, enum MHD_ValueKind kind, const char *name_data,
                                  size_t name_size, const char *value_data, size_t value_size)
{
    (void)kind;
    struct head *head = data;
    const toni_str name = toni_str_make(name_data, name_size);
    const toni_str value = toni_str_make(value_data, value_data ? value_size : 0);
    head->is_illegal |= !token_valid(name) || value_is_illegal(value);
    head->is_illegal |= is_folded(name, "Content-Length") || is_folded(name, "Transfer-Encoding");
    head->hosts += is_named(name, "Host");
    head->lengths += is_named(name, "Content-Length");
    if (is_named(name, "Transfer-Encoding")) {
        head->codings++;
        head->is_chunked = is_named(value, "chunked");
    }
    return MHD_YES;
}

const char *http_framing_problem(struct MHD_Connection *mhd, const char *version, uint32_t *status)
{
    const bool is_old = strcmp(version, "HTTP/1.0") == 0;
    struct head head = {0};
    MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, take_field, &head);
    *status = 400;
    if (head.is_illegal)
        return "A header field has a name or a value that is not legal.\n";
    if (head.hosts > 1 || (head.hosts == 0 && !is_old))
        return "Expected one header field Host.\n";
    if (head.lengths > 1 || head.codings > 1 || (head.lengths > 0 && head.codings > 0))
        return "Expected one Content-Length or one Transfer-Encoding.\n";
    if (head.codings > 0 && is_old)
        return "HTTP/1.0 has no Transfer-Encoding.\n";
    *status = 501;
    if (head.codings > 0 && !head.is_chunked)
        return "The only Transfer-Encoding known here is chunked.\n";
    return NULL;
}
