/* Health and figures on `listen.admin`: GET /healthz, /readyz and /metrics, for who watches over
 * the host. It answers from before the first instance is made until after the last is destroyed: on
 * a thread of its own for each address, and one more that accepts for all of them. So nobody who is
 * slow there holds up anything else, and nothing else holds up an answer.
 *
 * All functions on the host's main thread. */
#ifndef HTTP_ADMIN_H
#define HTTP_ADMIN_H

#include "config/config.h"
#include "http/metrics.h"
#include "net/listener.h"

/** Connections of each address at once. Who watches over the host asks every few seconds, and each
 * answer ends its connection. */
#define HTTP_ADMIN_CONNECTIONS 16

struct access;
struct admin_token;
struct http_admin;
struct http_listener;
struct tls_figures;
struct tls_set;

/** Has new clients get other certificates. @param tls  Of the same addresses. */
void http_admin_change_tls(struct http_admin *admin, const struct tls_set *tls);

/** Has another token be asked for. @thread Any. */
void http_admin_change_token(struct http_admin *admin, const struct admin_token *token);

/** Binds all addresses, or none, and answers: not ready, and of metrics those of the process. On
 * sockets that another host still accepts from, it does not answer yet: that host is ready.
 * @param addresses  May be none: then there is nothing that answers.
 * @param tls        What each of them speaks.
 * @param inherited  Sockets that came from outside.
 * @param access     Borrowed: whose requests are for us.
 * @param token      Copied: what has to be shown.
 * @return NULL on an error, which is logged. */
struct http_admin *http_admin_create(const struct address_list *addresses,
                                     const struct tls_set *tls, struct inherited *inherited,
                                     struct access *access, const struct admin_token *token);

/** Answers on the sockets that http_admin_create did not. @return 0, or -1, which is logged. */
int http_admin_start(struct http_admin *admin);

/** @return Its listener of this number, or NULL if there are fewer. */
struct listener *http_admin_listener(struct http_admin *admin, size_t number);

/** @return The same, as what speaks HTTP on it. @thread Any. */
const struct http_listener *http_admin_http_listener(const struct http_admin *admin, size_t number);

/** @return What its TLS has counted. @thread Any. */
const struct tls_figures *http_admin_tls_figures(const struct http_admin *admin);

/** The host is ready: /readyz says so, and /metrics tells all.
 * @param sources  What they lead to stays as it is until http_admin_withdraw. */
void http_admin_ready(struct http_admin *admin, const struct metrics_sources *sources);

/** Leaves the listening sockets to a successor that has them too. */
void http_admin_leave(struct http_admin *admin);

/** The host stops: /readyz says so. @param admin  NULL is fine. */
void http_admin_drain(struct http_admin *admin);

/** Lets go of the sources; goes on answering as before http_admin_ready.
 * @param admin  NULL is fine. */
void http_admin_withdraw(struct http_admin *admin);

/** Closes all connections, and joins the threads. After http_admin_withdraw.
 * @param admin  NULL is fine. */
void http_admin_destroy(struct http_admin *admin);

#endif
