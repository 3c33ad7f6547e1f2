/* An HTTP request and its answer: what a service reads and writes (toni/http.h), and how that
 * becomes a response of libmicrohttpd. Not about which service it is, or when. */
#ifndef HTTP_EXCHANGE_H
#define HTTP_EXCHANGE_H

#include "base/buffer.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <toni/http.h>

struct MHD_Connection;
struct http_connection;
struct slot;

struct toni_exchange {
    const toni_host *host; /* first, for ever */
    struct MHD_Connection *mhd;
    struct http_connection *connection; /* of the deadlines */
    struct slot *service;               /* NULL until it is known */
    const char *method;                 /* NULL until the head is whole; never "HEAD" */
    bool is_asterisk;                   /* `OPTIONS *`: about the server as a whole */
    bool path_is_bad;
    bool is_answered; /* the answer is libmicrohttpd's already */
    bool is_last;     /* of its connection, which is closed after the answer */
    char address[INET6_ADDRSTRLEN];
    struct buffer body;
    size_t charged; /* bytes of it that count for all bodies together */

    /* The answer. */
    uint32_t status; /* 0: none yet */
    char *content_type;
    struct buffer content;
    struct http_field *fields;
    size_t field_count;

    toni_str path;
    toni_str subpath;
    char text[]; /* of the path */
};

/** Makes the exchange of a request that has just begun.
 * @param target  As the client wrote it.
 * @return NULL on no memory. */
toni_exchange *http_exchange_create(const toni_host *host, struct MHD_Connection *mhd,
                                    struct http_connection *connection, const char *target);

/** @param exchange  NULL is fine. */
void http_exchange_destroy(toni_exchange *exchange);

/** Takes back what has been answered so far, and answers with a line of text.
 * @param field  NULL, or the name of a header field, with
 * @param value  its value. */
void http_exchange_refuse(toni_exchange *exchange, uint32_t status, const char *text,
                          const char *field, const char *value);

/** Hands the answer to libmicrohttpd. @return 0, or -1: then the connection can only be closed. */
int http_exchange_send(toni_exchange *exchange);

/** Fills in what toni/http.h calls. */
void http_exchange_fill_table(toni_host *table);

#endif
