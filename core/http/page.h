/* The first page for people: what a browser gets at `/` of listen.http, unless a service answers
 * there. A few files, read into memory at the start, and /toni.json, which tells them where this
 * host's gateways are. Not a file server: it never opens a path that a client names. */
#ifndef HTTP_PAGE_H
#define HTTP_PAGE_H

#include "instance/slot.h"
#include "net/listener.h"

#include <stdbool.h>
#include <stddef.h>
#include <toni/http.h>

/** Read by all threads; what is changed has a lock, a leaf. */
struct http_page;

/** Writes what /toni.json holds: `{"version": "0.1.0", "websocket": [{"port": 9000}],
 * "gateways": [{"name": "rooms", "path": "/rooms"}]}`. The ports are those that are really bound,
 * each once; Unix sockets are left out, as no browser can reach them.
 * @param listeners  Bound, for WebSocket.
 * @return Allocated; NULL on no memory. */
char *http_page_describe(const struct listener *listeners, size_t count, struct slots *slots);

/** Reads the files.
 * @param folder       Where they are.
 * @param description  JSON; copied. NULL counts as no memory.
 * @return NULL if there is no page; the log says why. */
struct http_page *http_page_create(const char *folder, const char *description);

/** Changes the description. @param description  As for http_page_create().
 * @return 0, or -1 on no memory; then it is as it was. @thread Any. */
int http_page_describe_again(struct http_page *page, const char *description);

/** @param page  NULL is fine. */
void http_page_destroy(struct http_page *page);

/** Answers a request, if its path is one of the page's.
 * @param page  NULL: there is no page.
 * @return Whether it is answered. */
bool http_page_answer(struct http_page *page, toni_exchange *exchange);

#endif
