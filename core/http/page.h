/* The page for people: what a browser gets at `/` of listen.http, unless a service answers
 * there. A few files, read into memory at the start, and /toni.json, which tells anybody where this
 * host's gateways are. Not a file server: it never opens a path that a client names. What it asks
 * for as a workbench is workbench.h's. */
#ifndef HTTP_PAGE_H
#define HTTP_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <toni/http.h>

/** Read by all threads; what is changed has a lock, a leaf. */
struct http_page;

/** Reads the files.
 * @param folder       Where they are.
 * @param description  What /toni.json holds, see host_json.h; copied. NULL counts as no memory.
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
