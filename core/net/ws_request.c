/* Requests; see ws_request.h. */
#include "net/ws_request.h"

#include "instance/instance.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* How many query parameters are read; lws closes silently on more than about 90. */
#define PARAMETERS_MAX 128

/* A header that a callback asked for; the list is freed when the callback has returned. */
struct header_text {
    struct header_text *next;
    char text[];
};

size_t ws_request_token(struct lws *wsi, enum lws_token_indexes token, char *text, size_t size)
{
    int length = lws_hdr_copy(wsi, text, (int)size, token);
    if (length < 0)
        length = 0;
    text[length] = '\0';
    return (size_t)length;
}

toni_str ws_request_path(struct lws *wsi, int *method)
{
    char *path = NULL;
    int length = 0;
    *method = lws_http_get_uri_and_method(wsi, &path, &length);
    return *method < 0 ? toni_str_make("", 0) : toni_str_make(path, (size_t)length);
}

/* --- Headers by name */

/* lws has no function from a name to a token; the names of header tokens are lower case and end in
 * a colon. */
static int find_token(toni_str name)
{
    for (int token = 0; token < WSI_TOKEN_COUNT; token++) {
        const char *text = (const char *)lws_token_to_string((enum lws_token_indexes)token);
        if (text && strlen(text) == name.size + 1 && text[name.size] == ':' &&
            strncasecmp(text, name.data, name.size) == 0)
            return token;
    }
    return -1;
}

static struct header_text *copy_known(struct lws *wsi, enum lws_token_indexes token, int *length)
{
    int size = lws_hdr_total_length(wsi, token);
    /* Repeated headers are joined; what joins them is not in the total. */
    struct header_text *header = size > 0 ? malloc(sizeof *header + (size_t)size * 2 + 16) : NULL;
    if (header)
        *length = lws_hdr_copy(wsi, header->text, size * 2 + 16, token);
    return header;
}

static struct header_text *copy_custom(struct lws *wsi, toni_str name, int *length)
{
    char key[256];
    if (name.size == 0 || name.size + 1 > sizeof key)
        return NULL;
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        key[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    key[name.size] = ':';
    int size = lws_hdr_custom_length(wsi, key, (int)name.size + 1);
    struct header_text *header = size >= 0 ? malloc(sizeof *header + (size_t)size + 1) : NULL;
    if (header)
        *length = lws_hdr_custom_copy(wsi, header->text, size + 1, key, (int)name.size + 1);
    return header;
}

static int32_t find_header(void *context, toni_str name, toni_str *value)
{
    struct ws_connection *connection = context;
    int token = find_token(name);
    int length = -1;
    struct header_text *header =
        token >= 0 ? copy_known(connection->wsi, (enum lws_token_indexes)token, &length)
                   : copy_custom(connection->wsi, name, &length);
    if (!header)
        return TONI_ERR_NOT_FOUND;
    header->next = connection->headers;
    connection->headers = header;
    if (length < 0)
        return TONI_ERR_NOT_FOUND;
    header->text[length] = '\0';
    *value = toni_str_make(header->text, (size_t)length);
    return TONI_OK;
}

static void free_headers(struct ws_connection *connection)
{
    for (struct header_text *header = connection->headers, *next; header; header = next) {
        next = header->next;
        free(header);
    }
    connection->headers = NULL;
}

void ws_request_open_headers(struct ws_connection *connection)
{
    connection->request->find_header = find_header;
    connection->request->find_context = connection;
}

void ws_request_close_headers(struct ws_connection *connection, toni_request *request)
{
    request->find_header = NULL;
    request->find_context = NULL;
    free_headers(connection);
}

/* --- Copying */

/* Bytes from the beginning of a buffer are used up as strings are read into it. */
struct scratch {
    char *text;
    size_t size;
};

static toni_str read_token(struct scratch *scratch, struct lws *wsi, enum lws_token_indexes token)
{
    size_t length = ws_request_token(wsi, token, scratch->text, scratch->size);
    toni_str result = toni_str_make(scratch->text, length);
    scratch->text += length + 1;
    scratch->size -= length + 1;
    return result;
}

static size_t read_parameters(struct scratch *scratch, struct lws *wsi, toni_str *parameters)
{
    size_t count = 0;
    while (count < PARAMETERS_MAX) {
        int length = lws_hdr_copy_fragment(wsi, scratch->text, (int)scratch->size,
                                           WSI_TOKEN_HTTP_URI_ARGS, (int)count);
        if (length < 0)
            break;
        parameters[count++] = toni_str_make(scratch->text, (size_t)length);
        scratch->text += length + 1;
        scratch->size -= (size_t)length + 1;
    }
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
static size_t read_kept(struct ws_connection *connection, const toni_str *const *names,
                        struct request_field *kept)
{
    size_t count = 0;
    for (size_t i = 0; names && names[i]; i++) {
        kept[count].name = *names[i];
        if (find_header(connection, *names[i], &kept[count].value) == TONI_OK)
            count++;
    }
    return count;
}

/* @param names  Of the headers that the gateway keeps. */
static int read_request(struct ws_connection *connection, toni_str subprotocol,
                        const toni_str *const *names)
{
    struct lws *wsi = connection->wsi;
    /* The lane gathers writes here, but not during a handshake. */
    struct scratch scratch = {(char *)connection->worker->lane->scratch, FRAME_MAX};
    toni_str parameters[PARAMETERS_MAX];
    int method;
    struct request_field *kept = calloc(count_names(names) + 1, sizeof *kept);
    if (!kept)
        return -1;
    struct request_parts parts = {
        .path = ws_request_path(wsi, &method),
        .address = toni_str_of(connection->address),
        .subprotocol = subprotocol,
        .parameters = parameters,
        .kept = kept,
    };
    parts.origin = read_token(&scratch, wsi, WSI_TOKEN_ORIGIN);
    parts.user_agent = read_token(&scratch, wsi, WSI_TOKEN_HTTP_USER_AGENT);
    parts.parameter_count = read_parameters(&scratch, wsi, parameters);
    parts.kept_count = read_kept(connection, names, kept);
    connection->request = request_create(connection->worker->server->connections->host, &parts);
    free_headers(connection);
    free(kept);
    return connection->request ? 0 : -1;
}

int ws_request_read(struct ws_connection *connection, toni_str subprotocol)
{
    const struct instance *instance = slot_enter(connection->gateway);
    int result =
        read_request(connection, subprotocol, instance ? instance->descriptor->keep_headers : NULL);
    slot_exit(connection->gateway);
    return result;
}
