/* The head of a request; see head.h. */
#include "ws/head.h"

#include "ws/field.h"
#include "ws/web_name.h"

#include <string.h>
#include <strings.h>

static toni_str text_of(const struct head *head, struct head_span span)
{
    return toni_str_make(head->bytes + span.at, span.size);
}

/* @param text  Lies in the bytes. */
static struct head_span span_of(const struct head *head, toni_str text)
{
    return (struct head_span){(uint16_t)(text.data - head->bytes), (uint16_t)text.size};
}

static bool fail(struct head *head, uint16_t status, const char *fault)
{
    head->status = status;
    head->fault = fault;
    return false;
}

/* --- The request line (RFC 9112, section 3) */

static bool read_version(struct head *head, toni_str text)
{
    static const char protocol[] = "HTTP/";
    const size_t size = sizeof protocol - 1;
    if (text.size != size + 3 || memcmp(text.data, protocol, size) != 0 || text.data[size] < '0' ||
        text.data[size] > '9' || text.data[size + 1] != '.' || text.data[size + 2] < '0' ||
        text.data[size + 2] > '9')
        return fail(head, 400, "a request line that is not `METHOD TARGET HTTP/1.1`");
    if (text.data[size] != '1')
        return fail(head, 505, "another version of HTTP");
    head->is_old = text.data[size + 2] == '0';
    return true;
}

/* Takes `http://name:port` off a target. @return Whether that is well-formed, or not there. */
static bool take_authority(struct head *head, toni_str *target)
{
    static const char *const schemes[] = {"http://", "https://", "ws://", "wss://"};
    toni_str name;
    size_t begin = 0, end;
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0] && begin == 0; i++) {
        const size_t size = strlen(schemes[i]);
        if (target->size > size && strncasecmp(target->data, schemes[i], size) == 0)
            begin = size;
    }
    for (end = begin; begin > 0 && end < target->size && !strchr("/?", target->data[end]);)
        end++;
    const toni_str authority = toni_str_make(target->data + begin, end - begin);
    head->authority = span_of(head, authority);
    *target = toni_str_make(target->data + end, target->size - end);
    return begin == 0 || web_name_of_host(authority, &name);
}

static bool read_query(struct head *head, toni_str query)
{
    toni_str parameter;
    unsigned count = 0;
    head->query = span_of(head, query);
    while (query_next(&query, &parameter))
        count++;
    return count <= HEAD_PARAMETERS_MAX || fail(head, 414, "too many parameters in the query");
}

static bool has_nul(toni_str path)
{
    return path.size > 0 && memmem(path.data, path.size, "%00", 3);
}

static bool read_target(struct head *head, toni_str target)
{
    toni_str path, query = {"", 0};
    for (size_t i = 0; i < target.size; i++) {
        if (target.data[i] <= ' ' || target.data[i] > '~' || target.data[i] == '#')
            return fail(head, 400, "a byte in the target that a target doesn't have");
    }
    if (field_equal(text_of(head, head->method), "CONNECT") ||
        toni_str_equal(target, toni_str_of("*")))
        return fail(head, 405, "a target that isn't a path");
    if (!take_authority(head, &target))
        return fail(head, 400, "a target whose host is not a name or an address");
    path = target;
    if (!toni_str_split_once(target, '?', &path, &query))
        query = toni_str_make(target.data + target.size, 0);
    head->path = span_of(head, path);
    if (path.size > 0 ? path.data[0] != '/' : head->authority.size == 0)
        return fail(head, 400, "a target that isn't a path");
    if (!percent_valid(path) || has_nul(path))
        return fail(head, 400, "a `%` in the path without two digits, or with two zeros");
    return read_query(head, query);
}

static bool read_request_line(struct head *head, toni_str line)
{
    toni_str method, target, version;
    if (!toni_str_split_once(line, ' ', &method, &target) || !token_valid(method) ||
        !toni_str_split_once(target, ' ', &target, &version) || target.size == 0)
        return fail(head, 400, "a request line that is not `METHOD TARGET HTTP/1.1`");
    head->method = span_of(head, method);
    return read_version(head, version) && read_target(head, target);
}

/* --- Header fields (RFC 9112, section 5) */

static bool read_field(struct head *head, toni_str line)
{
    toni_str name, value;
    if (line.data[0] == ' ' || line.data[0] == '\t')
        return fail(head, 400, "a header field that goes on in the next line");
    if (!toni_str_split_once(line, ':', &name, &value))
        return fail(head, 400, "a header field without a colon");
    if (!token_valid(name))
        return fail(head, 400, "a header field whose name is not a token");
    if (head->field_count == HEAD_FIELDS_MAX)
        return fail(head, 431, "too many header fields");
    head->fields[head->field_count++] =
        (struct head_field){span_of(head, name), span_of(head, field_trim(value))};
    return true;
}

/* Where the body ends must not be a matter of opinion, though none is read here: a proxy in front
 * may have another (RFC 9112, section 6.3). */
static bool judge_body(struct head *head)
{
    const unsigned lengths = head_count(head, "Content-Length");
    const unsigned codings = head_count(head, "Transfer-Encoding");
    const toni_str length = head_field(head, "Content-Length");
    if (lengths > 1 || (codings > 0 && (lengths > 0 || head->is_old)))
        return fail(head, 400, "a body whose length isn't clear");
    head->has_body = codings > 0;
    for (size_t i = 0; i < length.size; i++) {
        if (length.data[i] < '0' || length.data[i] > '9')
            return fail(head, 400, "a Content-Length that isn't a number");
        head->has_body |= length.data[i] != '0';
    }
    return lengths == 0 || length.size > 0 ||
           fail(head, 400, "a Content-Length that isn't a number");
}

/* Section 3.2. */
static bool judge_host(struct head *head)
{
    toni_str name;
    const unsigned hosts = head_count(head, "Host");
    if (hosts > 1 || (hosts == 0 && !head->is_old))
        return fail(head, 400, "not one header field Host");
    return hosts == 0 || web_name_of_host(head_field(head, "Host"), &name) ||
           fail(head, 400, "a Host that is not a name or an address");
}

/* --- Lines */

/* @param line  Without its end. */
static bool read_line(struct head *head, toni_str line)
{
    if (head->method.size == 0) {
        if (line.size > 0)
            return read_request_line(head, line);
        return ++head->empty_lines <= HEAD_EMPTY_LINES || fail(head, 400, "empty lines");
    }
    if (line.size > 0)
        return read_field(head, line);
    head->size = head->next;
    return judge_host(head) && judge_body(head);
}

/* At a byte that isn't text; if it is CR, another follows. */
static bool end_line(struct head *head)
{
    const toni_str line = toni_str_make(head->bytes + head->line, head->next - head->line);
    const char *end = head->bytes + head->next;
    if (end[0] != '\r')
        return fail(head, 400,
                    end[0] == '\n' ? "a line that ends without CR" : "a control character");
    if (end[1] != '\n')
        return fail(head, 400, "a CR without LF");
    head->next += 2;
    head->line = head->next;
    return read_line(head, line);
}

/* @return Where the first byte is, from @p at on, that no line holds; @p end if there is none. */
static size_t skip_text(const char *bytes, size_t at, size_t end)
{
    for (; at < end; at++) {
        const unsigned char byte = (unsigned char)bytes[at];
        if ((byte < ' ' && byte != '\t') || byte == 0x7f)
            break;
    }
    return at;
}

void head_init(struct head *head)
{
    memset(head, 0, offsetof(struct head, fields));
}

enum head_progress head_read(struct head *head, const char *bytes, size_t size)
{
    const size_t end = size < HEAD_SIZE_MAX ? size : HEAD_SIZE_MAX;
    head->bytes = bytes;
    while (head->size == 0) {
        head->next = (uint16_t)skip_text(bytes, head->next, end);
        if (head->next == end || (bytes[head->next] == '\r' && head->next + 1u == end))
            break; /* in the latter case it is not known yet whether LF follows */
        if (!end_line(head))
            return HEAD_FAULT;
    }
    if (head->size > 0)
        return HEAD_DONE;
    if (end < HEAD_SIZE_MAX)
        return HEAD_MORE;
    if (head->method.size == 0)
        fail(head, 414, "the target is too long");
    else
        fail(head, 431, "the head is too long");
    return HEAD_FAULT;
}

/* --- Of a whole head */

toni_str head_method(const struct head *head)
{
    return text_of(head, head->method);
}

toni_str head_path(const struct head *head)
{
    return head->path.size > 0 ? text_of(head, head->path) : toni_str_of("/");
}

toni_str head_query(const struct head *head)
{
    return text_of(head, head->query);
}

toni_str head_host(const struct head *head)
{
    return head->authority.size > 0 ? text_of(head, head->authority) : head_field(head, "Host");
}

toni_str head_field_name(const struct head *head, unsigned index)
{
    return text_of(head, head->fields[index].name);
}

bool head_next_field(const struct head *head, toni_str name, unsigned *index, toni_str *value)
{
    while (*index < head->field_count) {
        const struct head_field *field = &head->fields[(*index)++];
        if (name.size > 0 && field->name.size == name.size &&
            strncasecmp(head->bytes + field->name.at, name.data, name.size) == 0) {
            *value = text_of(head, field->value);
            return true;
        }
    }
    return false;
}

toni_str head_field(const struct head *head, const char *name)
{
    toni_str value = {"", 0};
    unsigned index = 0;
    head_next_field(head, toni_str_of(name), &index, &value);
    return value;
}

unsigned head_count(const struct head *head, const char *name)
{
    toni_str value;
    unsigned index = 0, count = 0;
    while (head_next_field(head, toni_str_of(name), &index, &value))
        count++;
    return count;
}

ssize_t head_join(const struct head *head, toni_str name, char *to)
{
    const char *between = field_equal(name, "Cookie") ? "; " : ", ";
    toni_str value;
    unsigned index = 0;
    ssize_t size = -1;
    while (head_next_field(head, name, &index, &value)) {
        if (size >= 0)
            memcpy(to + size, between, 2);
        size = size < 0 ? 0 : size + 2;
        memcpy(to + size, value.data, value.size);
        size += (ssize_t)value.size;
    }
    return size;
}

bool head_has_token(const struct head *head, const char *name, const char *token)
{
    toni_str value, element;
    unsigned index = 0;
    while (head_next_field(head, toni_str_of(name), &index, &value)) {
        while (list_next(&value, &element)) {
            if (field_equal(element, token))
                return true;
        }
    }
    return false;
}
