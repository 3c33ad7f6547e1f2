/* The page; see page.h. It answers as a service would, through toni/http.h. */
#include "http/page.h"

#include "base/buffer.h"
#include "base/hash.h"
#include "base/log.h"
#include "http/exchange.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <toni/error.h>
#include <toni/plugin.h>

#define METHODS "GET, HEAD"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* What a file is served as. */
static const struct kind {
    const char *path;
    const char *file; /* in the folder; NULL: the description */
    const char *content_type;
} kinds[] = {
    {"/", "index.html", "text/html; charset=utf-8"},
    {"/style.css", "style.css", "text/css; charset=utf-8"},
    {"/chat.js", "chat.js", "text/javascript; charset=utf-8"},
    {"/connection.js", "connection.js", "text/javascript; charset=utf-8"},
    {"/protocol.js", "protocol.js", "text/javascript; charset=utf-8"},
    {"/icon.svg", "icon.svg", "image/svg+xml; charset=utf-8"},
    {"/toni.json", NULL, "application/json"},
};

struct page_file {
    struct buffer content;
    char etag[sizeof "\"0123456789abcdef\""]; /* RFC 9110, section 8.8.3 */
};

struct http_page {
    pthread_mutex_t lock;                 /* guards what is changed: the description */
    struct page_file files[COUNT(kinds)]; /* in the order of `kinds` */
};

/* --- The description */

static bool is_listed(const json_t *ports, uint16_t port)
{
    for (size_t i = 0; i < json_array_size(ports); i++) {
        if (json_integer_value(json_object_get(json_array_get(ports, i), "port")) == port)
            return true;
    }
    return false;
}

/* @return NULL on no memory, as the next one. */
static json_t *port_to_json(const struct listener *listener)
{
    const int port = listener_port(listener);
    return listener->is_tls ? json_pack("{s:i, s:b}", "port", port, "tls", 1)
                            : json_pack("{s:i}", "port", port);
}

static json_t *ports_to_json(const struct listener *listeners, size_t count)
{
    json_t *ports = json_array();
    for (size_t i = 0; i < count; i++) {
        uint16_t port = listener_port(&listeners[i]);
        if (port == 0 || is_listed(ports, port))
            continue;
        if (json_array_append_new(ports, port_to_json(&listeners[i]))) {
            json_decref(ports);
            return NULL;
        }
    }
    return ports;
}

/* JSON has no way to write a path that is not UTF-8, and a browser none to ask for it. */
static json_t *gateway_to_json(const char *name, const char *path)
{
    json_t *text = json_string(path);
    return text ? json_pack("{s:s, s:o}", "name", name, "path", text) : json_null();
}

static json_t *gateways_to_json(struct slots *slots)
{
    json_t *gateways = json_array();
    for (struct slot *slot = slots_first(slots); slot; slot = slot_next(slot)) {
        char *path = NULL;
        struct slot_facts facts;
        if ((slot->kind & TONI_GATEWAY) == 0 || !slot_is_open(slot))
            continue;
        json_t *gateway = slot_read(slot, &path, &facts) ? NULL : gateway_to_json(slot->name, path);
        free(path);
        slot_facts_finish(&facts);
        if (json_is_null(gateway))
            json_decref(gateway);
        else if (json_array_append_new(gateways, gateway)) {
            json_decref(gateways);
            return NULL;
        }
    }
    return gateways;
}

char *http_page_describe(const struct listener *listeners, size_t count, struct slots *slots)
{
    json_t *page = json_pack("{s:s, s:o, s:o}", "version", TONI_VERSION, "websocket",
                             ports_to_json(listeners, count), "gateways", gateways_to_json(slots));
    char *text = page ? json_dumps(page, 0) : NULL;
    json_decref(page);
    return text;
}

/* --- Reading */

static int read_all(FILE *file, struct buffer *content)
{
    char part[4096];
    for (;;) {
        size_t size = fread(part, 1, sizeof part, file);
        if (buffer_append(content, part, size)) {
            errno = ENOMEM;
            return -1;
        }
        if (size < sizeof part)
            return ferror(file) ? -1 : 0;
    }
}

static int read_file(const char *folder, const char *name, struct buffer *content)
{
    char *path;
    if (asprintf(&path, "%s/%s", folder, name) < 0)
        return -1;
    FILE *file = fopen(path, "re");
    int result = file ? read_all(file, content) : -1;
    int error = errno;
    if (file)
        (void)fclose(file); /* it was only read */
    if (result) {
        log_warn("there is no page at `/` of listen.http: a file of it can't be read; install toni "
                 "again, or set `page = false;` in `listen`",
                 log_str("file", path), log_str("error", strerror(error)));
    }
    free(path);
    return result;
}

static int read_description(const char *description, struct buffer *content)
{
    if (description && !buffer_append(content, description, strlen(description)))
        return 0;
    log_warn("there is no page at `/` of listen.http: out of memory");
    return -1;
}

/* The hash needs no secret here: it tells versions of our own files apart. */
static void make_etag(struct page_file *file)
{
    static const struct hash_key key = {{0, 0}};
    (void)snprintf(file->etag, sizeof file->etag, "\"%016" PRIx64 "\"",
                   hash_bytes(&key, file->content.bytes, file->content.length));
}

struct http_page *http_page_create(const char *folder, const char *description)
{
    struct http_page *page = calloc(1, sizeof *page);
    if (!page) {
        log_warn("there is no page at `/` of listen.http: out of memory");
        return NULL;
    }
    pthread_mutex_init(&page->lock, NULL);
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct buffer *content = &page->files[i].content;
        if (kinds[i].file ? read_file(folder, kinds[i].file, content)
                          : read_description(description, content)) {
            http_page_destroy(page);
            return NULL;
        }
        make_etag(&page->files[i]);
    }
    return page;
}

static struct page_file *description_of(struct http_page *page)
{
    size_t i = 0;
    while (kinds[i].file)
        i++;
    return &page->files[i];
}

int http_page_describe_again(struct http_page *page, const char *description)
{
    struct page_file *file = description_of(page);
    struct buffer content;
    buffer_init(&content);
    if (!description || buffer_append(&content, description, strlen(description)))
        return -1;
    pthread_mutex_lock(&page->lock);
    buffer_finish(&file->content);
    file->content = content;
    make_etag(file);
    pthread_mutex_unlock(&page->lock);
    return 0;
}

void http_page_destroy(struct http_page *page)
{
    if (!page)
        return;
    for (size_t i = 0; i < COUNT(kinds); i++)
        buffer_finish(&page->files[i].content);
    pthread_mutex_destroy(&page->lock);
    free(page);
}

/* --- Answering */

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

static toni_str trim(toni_str text)
{
    while (text.size > 0 && is_blank(text.data[0]))
        text = toni_str_make(text.data + 1, text.size - 1);
    while (text.size > 0 && is_blank(text.data[text.size - 1]))
        text.size--;
    return text;
}

/* Tells whether a list of entity tags names this one, by their weak comparison (RFC 9110, section
 * 13.1.2). */
static bool names_etag(toni_str list, const char *etag)
{
    bool more = true;
    while (more) {
        toni_str item = list;
        more = toni_str_split_once(list, ',', &item, &list);
        item = trim(item);
        toni_str_strip_prefix(item, TONI_LIT("W/"), &item);
        if (toni_str_equal(item, toni_str_of(etag)) || toni_str_equal(item, toni_str_of("*")))
            return true;
    }
    return false;
}

/* The WebSocket port is another one than the page's, so `'self'` does not cover it. */
static int32_t add_fields(toni_exchange *exchange, const char *etag)
{
    const struct {
        const char *name, *value;
    } fields[] = {
        {"Cache-Control", "no-cache"}, /* ask each time: the answer is mostly 304 */
        {"ETag", etag},
        {"Content-Security-Policy",
         "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
         "connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; "
         "frame-ancestors 'none'"},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
    };
    int32_t result = TONI_OK;
    for (size_t i = 0; i < COUNT(fields) && result == TONI_OK; i++)
        result = toni_exchange_add_header(exchange, toni_str_of(fields[i].name),
                                          toni_str_of(fields[i].value));
    return result;
}

static int32_t send_file(toni_exchange *exchange, const struct page_file *file, const char *type)
{
    int32_t result = add_fields(exchange, file->etag);
    if (result != TONI_OK)
        return result;
    toni_str known;
    if (toni_exchange_header(exchange, TONI_LIT("If-None-Match"), &known) == TONI_OK &&
        names_etag(known, file->etag))
        return toni_exchange_answer(exchange, 304, TONI_LIT(""), toni_str_make("", 0));
    return toni_exchange_answer(exchange, 200, toni_str_of(type),
                                toni_str_make(file->content.bytes, file->content.length));
}

static void answer_with(toni_exchange *exchange, const struct page_file *file, const char *type)
{
    toni_str method = toni_exchange_method(exchange); /* HEAD comes as GET */
    if (toni_str_equal(method, toni_str_of("OPTIONS")))
        http_exchange_refuse(exchange, 204, "", "Allow", METHODS);
    else if (!toni_str_equal(method, toni_str_of("GET")))
        http_exchange_refuse(exchange, 405, "This can only be read.\n", "Allow", METHODS);
    else if (send_file(exchange, file, type) != TONI_OK)
        http_exchange_refuse(exchange, 500, "Out of memory.\n", NULL, NULL);
}

bool http_page_answer(struct http_page *page, toni_exchange *exchange)
{
    toni_str path = toni_exchange_path(exchange);
    for (size_t i = 0; page && i < COUNT(kinds); i++) {
        if (toni_str_equal(path, toni_str_of(kinds[i].path))) {
            pthread_mutex_lock(&page->lock); /* the answer has a copy */
            answer_with(exchange, &page->files[i], kinds[i].content_type);
            pthread_mutex_unlock(&page->lock);
            return true;
        }
    }
    return false;
}
