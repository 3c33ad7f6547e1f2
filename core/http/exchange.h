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
struct http_deadlines;
struct instance;
struct keeping;
struct slot;

/* Of a 503, in seconds. */
#define HTTP_RETRY_AFTER "5"

/** What is answered, but for the header fields. */
struct http_answer {
    uint32_t status; /* 0: none yet */
    char *content_type;
    struct buffer content;
};

struct toni_exchange {
    const toni_host *host; /* first, for ever */
    struct MHD_Connection *mhd;
    struct http_connection *connection; /* of the deadlines */
    struct slot *service;               /* NULL until it is known */
    struct instance *instance;          /* whose `on_request` runs with it; NULL: none does */
    struct keeping *keeping;            /* it is answered later; NULL: it is not */
    bool is_keep_refused;
    struct http_deadlines *deadlines; /* of the connection */
    bool is_head;                     /* though its method is "GET" */
    bool is_stream;                   /* its connection's thread has begun to stream */
    const char *method;               /* NULL until the head is whole; never "HEAD" */
    bool is_old_http;                 /* HTTP/1.0: no browser, but maybe a proxy */
    bool is_asterisk;                 /* `OPTIONS *`: about the server as a whole */
    bool path_is_bad;
    bool is_answered;               /* the answer is libmicrohttpd's already */
    bool is_last;                   /* of its connection, which is closed after the answer */
    char address[INET6_ADDRSTRLEN]; /* the client's, once the head is whole; till then the peer's */
    struct buffer body;
    size_t charged; /* bytes of it that count for all bodies together */

    /* The answer. */
    struct http_answer answer;
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

/** @return Whether an answer of that status has content (RFC 9110, section 15). */
bool http_has_content(uint32_t status);

/** Takes back what has been answered so far, and answers with a line of text.
 * @param field  NULL, or the name of a header field, with
 * @param value  its value. */
void http_exchange_refuse(toni_exchange *exchange, uint32_t status, const char *text,
                          const char *field, const char *value);

/** Makes an answer.
 * @return TONI_OK, and it is to be ended by http_answer_finish(); TONI_ERR_INVALID (status or
 * type), TONI_ERR_NO_MEMORY. */
int32_t http_answer_make(struct http_answer *answer, uint32_t status, toni_str content_type,
                         toni_str body);

void http_answer_finish(struct http_answer *answer);

/** Answers, instead of what was answered before. @param answer  Taken; the one before is in it. */
void http_exchange_put(toni_exchange *exchange, struct http_answer *answer);

/** @return As toni_exchange_add_header. */
int32_t http_exchange_add_field(toni_exchange *exchange, toni_str name, toni_str value);

/** Hands the answer to libmicrohttpd. @return 0, or -1: then the connection can only be closed. */
int http_exchange_send(toni_exchange *exchange);

/** Fills in what toni/http.h calls. */
void http_exchange_fill_table(toni_host *table);

#endif
