/* Page: answers GET on its path with one file, such as the page of a gateway. The file is read for
 * each request, so a browser's reload shows what was changed. Nothing changes after `create`:
 * concurrent. */
#include <toni/toni.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MOST = 1024 * 1024 };

struct page {
    const char *path;
    toni_str type;
};

struct content {
    char *bytes;
    size_t size;
};

/* @return NULL, or what is wrong. */
static const char *read_all(int file, struct content *content)
{
    struct stat status;
    ssize_t size = 1;
    if (fstat(file, &status) == 0 && !S_ISREG(status.st_mode))
        return "it is no regular file";
    content->bytes = malloc(FILE_MOST + 1);
    if (!content->bytes)
        return strerror(errno);
    while (size > 0 && content->size <= FILE_MOST) {
        size = read(file, content->bytes + content->size, FILE_MOST + 1 - content->size);
        content->size += size > 0 ? (size_t)size : 0;
    }
    if (size < 0)
        return strerror(errno);
    return content->size > FILE_MOST ? "it has more than 1 MiB" : NULL;
}

/* @param content  Filled in; the caller frees its bytes, whatever is returned.
 * @return NULL, or what is wrong. */
static const char *read_page(const char *path, struct content *content)
{
    *content = (struct content){0};
    const int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* a FIFO is not waited for */
    if (file < 0)
        return strerror(errno);
    const char *problem = read_all(file, content);
    close(file);
    return problem;
}

static int32_t create(toni_context *context, void **self)
{
    struct content content;
    struct page *page = malloc(sizeof *page);
    if (!page)
        return TONI_ERR_NO_MEMORY;
    page->path = toni_option_path(context, TONI_LIT("file")).data;
    page->type = toni_option_str(context, TONI_LIT("type"));
    const char *problem = read_page(page->path, &content);
    int32_t result = TONI_OK;
    if (problem)
        result = toni_fail(context, TONI_ERR_INVALID, "%s can't be read as a page: %s", page->path,
                           problem);
    free(content.bytes);
    if (result != TONI_OK)
        free(page);
    else
        *self = page;
    return result;
}

static void destroy(void *self)
{
    free(self);
}

static int32_t refuse(toni_exchange *exchange, uint32_t status, toni_str why)
{
    return toni_exchange_answer(exchange, status, TONI_LIT("text/plain; charset=utf-8"), why);
}

/* No other page may show it in a frame. What else it may do, it says itself (<meta>). */
static int32_t add_fields(toni_exchange *exchange)
{
    int32_t result =
        toni_exchange_add_header(exchange, TONI_LIT("Cache-Control"), TONI_LIT("no-cache"));
    if (result == TONI_OK)
        result = toni_exchange_add_header(exchange, TONI_LIT("X-Content-Type-Options"),
                                          TONI_LIT("nosniff"));
    if (result == TONI_OK)
        result = toni_exchange_add_header(exchange, TONI_LIT("Content-Security-Policy"),
                                          TONI_LIT("frame-ancestors 'none'"));
    return result;
}

static int32_t on_request(void *self, toni_exchange *exchange)
{
    const struct page *page = self;
    struct content content;
    if (toni_exchange_subpath(exchange).size > 0)
        return refuse(exchange, 404, TONI_LIT("There is one page here, and nothing below it.\n"));
    if (!toni_str_equal(toni_exchange_method(exchange), TONI_LIT("GET"))) {
        (void)toni_exchange_add_header(exchange, TONI_LIT("Allow"), TONI_LIT("GET, HEAD"));
        return refuse(exchange, 405, TONI_LIT("This can only be read.\n"));
    }
    if (read_page(page->path, &content)) { /* why is not for strangers; a reload tells */
        free(content.bytes);
        return refuse(exchange, 503, TONI_LIT("The page's file can't be read any more.\n"));
    }
    int32_t result = add_fields(exchange);
    if (result == TONI_OK)
        result = toni_exchange_answer(exchange, 200, page->type,
                                      toni_str_make(content.bytes, content.size));
    free(content.bytes);
    return result;
}

TONI_PLUGIN(.kind = TONI_SERVICE, .name = TONI_LIT("page"), .path = TONI_LIT("/page"),
            .flags = TONI_CONCURRENT,
            .options = TONI_OPTIONS(TONI_OPTION_PATH_REQUIRED("file", "the page, at most 1 MiB"),
                                    TONI_OPTION_STR("type", "text/html; charset=utf-8",
                                                    "what it is served as")),
            .create = create, .destroy = destroy, .on_request = on_request);
