/* A connection on its way to being one: TCP, TLS, the request for an upgrade and its answer,
 * without ever blocking. Who waits for its socket, and for how long, is its owner's. */
#ifndef CLIENT_OPENING_H
#define CLIENT_OPENING_H

#include "client/answer.h"
#include "client/connection.h"

/* Of an answer, with what comes along behind its head. */
#define OPENING_HEAD_SIZE 4096U

struct opening {
    struct connection *connection;
    const struct target *target;
    const char *request;
    size_t request_size;
    bool is_dialed, is_asked;
    size_t head_size; /* with what came behind it */
    size_t head_end;
    char head[OPENING_HEAD_SIZE];
    char why[ANSWER_WHY_SIZE]; /* it has failed */
};

enum opening_result { OPENING_FAILED = -1, OPENING_GOES_ON, OPENING_DONE };

/** Begins.
 * @param opening     With target, request and request_size, for as long as it is opening.
 * @param connection  Gets a stream; nothing else of it is changed.
 * @param number      Decides which address it comes from.
 * @return OPENING_GOES_ON, or OPENING_FAILED. */
enum opening_result opening_begin(struct opening *opening, struct connection *connection,
                                  uint32_t number);

/** @return EPOLLIN or EPOLLOUT: what it waits for. */
uint32_t opening_events(const struct opening *opening);

/** Goes on, once that has come. OPENING_FAILED closes the connection. */
enum opening_result opening_go_on(struct opening *opening);

/** What has come behind the head of the answer, once that is there. @param size  Set to how many
 * bytes. */
const char *opening_rest(const struct opening *opening, size_t *size);

#endif
