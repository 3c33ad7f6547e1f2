/* Framing; see framing.h. */
#include "http/framing.h"

#include "ws/field.h"

#include <microhttpd.h>
#include <string.h>
#include <strings.h>

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

void http_framing_take(struct http_framing *framing, toni_str name, toni_str value)
{
    framing->is_illegal |= !token_valid(name) || value_is_illegal(value);
    framing->is_illegal |=
        is_folded(name, "Content-Length") || is_folded(name, "Transfer-Encoding");
    framing->hosts += field_equal(name, "Host");
    framing->lengths += field_equal(name, "Content-Length");
    if (field_equal(name, "Transfer-Encoding")) {
        framing->codings++;
        framing->is_chunked = field_equal(value, "chunked");
    }
}

const char *http_framing_judge(const struct http_framing *framing, bool is_old, uint32_t *status)
{
    *status = 400;
    if (framing->is_illegal)
        return "A header field has a name or a value that is not legal.\n";
    if (framing->hosts > 1 || (framing->hosts == 0 && !is_old))
        return "Expected one header field Host.\n";
    if (framing->lengths > 1 || framing->codings > 1 ||
        (framing->lengths > 0 && framing->codings > 0))
        return "Expected one Content-Length or one Transfer-Encoding.\n";
    if (framing->codings > 0 && is_old)
        return "HTTP/1.0 has no Transfer-Encoding.\n";
    *status = 501;
    if (framing->codings > 0 && !framing->is_chunked)
        return "The only Transfer-Encoding known here is chunked.\n";
    return NULL;
}

static enum MHD_Result take_field(void *data, enum MHD_ValueKind kind, const char *name,
                                  size_t name_size, const char *value, size_t value_size)
{
    (void)kind;
    http_framing_take(data, toni_str_make(name, name_size),
                      toni_str_make(value, value ? value_size : 0));
    return MHD_YES;
}

const char *http_framing_problem(struct MHD_Connection *mhd, const char *version, uint32_t *status)
{
    struct http_framing framing = {0};
    MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, take_field, &framing);
    return http_framing_judge(&framing, strcmp(version, "HTTP/1.0") == 0, status);
}
