/* Requests; see request_reading.h. */
#include "net/request_reading.h"

#include "instance/instance.h"
#include "net/connection.h"
#include "net/server_data.h"
#include "tls/peer.h"
#include "ws/field.h"

#include <stdlib.h>

/* Values of a header that came several times, joined; freed when the callback has returned. */
struct header_text {
    struct header_text *next;
    char text[];
};

/* --- Headers by name */

int32_t request_reading_find_header(void *context, toni_str name, toni_str *value)
{
    struct opening *opening = context;
    unsigned index = 0;
    toni_str second;
    if (!head_next_field(&opening->head, name, &index, value))
        return TONI_ERR_NOT_FOUND;
    if (!head_next_field(&opening->head, name, &index, &second))
        return TONI_OK;
    struct header_text *joined = malloc(sizeof *joined + HEAD_SIZE_MAX);
    if (!joined)
        return TONI_ERR_NO_MEMORY;
    ssize_t size = head_join(&opening->head, name, joined->text);
    joined->next = opening->headers;
    opening->headers = joined;
    *value = toni_str_make(joined->text, (size_t)size);
    return TONI_OK;
}

struct guard_notes **request_reading_find_notes(void *context)
{
    return &((struct opening *)context)->notes;
}

void request_reading_open_headers(struct opening *opening, toni_request *request)
{
    static const struct request_source source = {.find_header = request_reading_find_header,
                                                 .notes = request_reading_find_notes};
    request->source = &source;
    request->source_context = opening;
}

static void free_headers(struct opening *opening)
{
    for (struct header_text *header = opening->headers, *next; header; header = next) {
        next = header->next;
        free(header);
    }
    opening->headers = NULL;
}

void request_reading_close_headers(struct opening *opening, toni_request *request)
{
    request->source = NULL;
    request->source_context = NULL;
    free_headers(opening);
}

/* --- Copying */

/* Bytes from the beginning of a buffer are used up as strings are decoded into it. */
static toni_str decode(char **scratch, toni_str text, bool is_query)
{
    char *to = *scratch;
    size_t size = percent_decode(text, is_query, to);
    *scratch += size;
    return toni_str_make(to, size);
}

/* The lane gathers writes there, but not during a handshake. */
static char *scratch_of(const struct connection *connection)
{
    return (char *)connection->served.worker->lane->scratch;
}

toni_str request_reading_path(const struct connection *connection)
{
    char *scratch = scratch_of(connection);
    return decode(&scratch, head_path(&connection->opening->head), false);
}

static size_t read_parameters(char **scratch, toni_str query, toni_str *parameters)
{
    size_t count = 0;
    toni_str parameter;
    while (count < HEAD_PARAMETERS_MAX && query_next(&query, &parameter))
        parameters[count++] = decode(scratch, parameter, true);
    return count;
}

static size_t count_names(const toni_str *const *names)
{
    size_t count = 0;
    while (names && names[count])
        count++;
    return count;
}

/* @return How many of the wanted headers the client sent. */
static size_t read_kept(struct opening *opening, const toni_str *const *names,
                        struct request_field *kept)
{
    size_t count = 0;
    for (size_t i = 0; names && names[i]; i++) {
        kept[count].name = *names[i];
        if (request_reading_find_header(opening, *names[i], &kept[count].value) == TONI_OK)
            count++;
    }
    return count;
}

/* @param names  Of the headers that the gateway keeps. */
static int read_request(struct connection *connection, const toni_str *const *names)
{
    struct opening *opening = connection->opening;
    char *scratch = scratch_of(connection);
    toni_str parameters[HEAD_PARAMETERS_MAX];
    struct request_field *kept = calloc(count_names(names) + 1, sizeof *kept);
    if (!kept)
        return -1;
    toni_certificate *certificate = NULL;
    const struct tls_session *session = stream_session(&connection->stream);
    if (session && tls_session_certificate(session, &certificate)) {
        free(kept);
        return -1;
    }
    struct request_parts parts = {
        .path = decode(&scratch, head_path(&opening->head), false),
        .origin = head_field(&opening->head, "Origin"),
        .user_agent = head_field(&opening->head, "User-Agent"),
        .address = toni_str_of(connection->address),
        .subprotocol = opening->subprotocol,
        .parameters = parameters,
        .kept = kept,
        .is_secure = session != NULL,
        .certificate = certificate,
    };
    parts.parameter_count = read_parameters(&scratch, head_query(&opening->head), parameters);
    parts.kept_count = read_kept(opening, names, kept);
    opening->request =
        request_create(connection->served.worker->server->connections->common.host, &parts);
    free_headers(opening);
    free(certificate);
    free(kept);
    return opening->request ? 0 : -1;
}

int request_reading_make(struct connection *connection)
{
    const struct instance *instance = slot_enter(connection->served.slot);
    int result = read_request(connection, instance ? instance->descriptor->keep_headers : NULL);
    slot_exit(connection->served.slot);
    return result;
}
