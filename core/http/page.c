/* The page; see page.h. It answers as a service would, through toni/http.h. */
#include "http/page.h"

#include "base/buffer.h"
#include "base/hash.h"
#include "base/log.h"
#include "http/exchange.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <toni/error.h>

#define METHODS "GET, HEAD"

#define SCRIPT "text/javascript; charset=utf-8"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* What a file is served as. */
static const struct kind {
    const char *path;
    const char *file; /* in the folder; NULL: the description */
    const char *content_type;
} kinds[] = {
    {"/", "index.html", "text/html; charset=utf-8"},
    {"/style.css", "style.css", "text/css; charset=utf-8"},
    {"/workbench.js", "workbench.js", SCRIPT},
    {"/host.js", "host.js", SCRIPT},
    {"/connection.js", "connection.js", SCRIPT},
    {"/console.js", "console.js", SCRIPT},
    {"/composer.js", "composer.js", SCRIPT},
    {"/messages.js", "messages.js", SCRIPT},
    {"/events.js", "events.js", SCRIPT},
    {"/elsewhere.js", "elsewhere.js", SCRIPT},
    {"/rooms.js", "rooms.js", SCRIPT},
    {"/chat.js", "chat.js", SCRIPT},
    {"/protocol.js", "protocol.js", SCRIPT},
    {"/text.js", "text.js", SCRIPT},
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
