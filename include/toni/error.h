/** @file
 * Error codes: one list makes the constants, their names and their texts.
 *
 * 0 is success, errors are negative. The values are part of the ABI: they are never renumbered or
 * reused. A function that returns one has changed nothing.
 */
#ifndef TONI_ERROR_H
#define TONI_ERROR_H

#include <toni/abi.h>

/** The list: X(name, value, text), each name without its `TONI_`. */
#define TONI_ERRORS(X)                                                                             \
    X(OK, 0, "success")                                                                            \
    X(ERR_INVALID, -1, "an argument is not valid")                                                 \
    X(ERR_NOT_FOUND, -2, "there is no such client, header, option, timer or service")              \
    X(ERR_NO_MEMORY, -3, "out of memory")                                                          \
    X(ERR_TOO_BIG, -4, "larger than the limit")                                                    \
    X(ERR_LIMIT, -5, "a limit is reached")                                                         \
    X(ERR_CLOSING, -6, "the client or the instance is being closed")                               \
    X(ERR_FULL, -7, "the client's outbox is full")                                                 \
    X(ERR_BUSY, -8, "too much is waiting to be delivered, or the cluster's engine is away")        \
    X(ERR_TYPE, -9, "the option has another type")                                                 \
    X(ERR_UNAUTHORIZED, -10, "the client has not said who it is")                                  \
    X(ERR_FORBIDDEN, -11, "the client may not do this")                                            \
    X(ERR_FAILED, -12, "the operation failed")                                                     \
    X(ERR_TIMEOUT, -13, "it took longer than its limit")                                           \
    X(ERR_MAY_NOT_PUBLISH, -14, "the client may not publish in this room")

/** The constants: TONI_OK and TONI_ERR_…. They are handed about as int32_t. */
enum toni_error {
#define TONI_ERROR_ENUM(name, value, text) TONI_##name = (value),
    TONI_ERRORS(TONI_ERROR_ENUM)
#undef TONI_ERROR_ENUM
};

/** Whether an error says that a call of the host's was refused: for its arguments, since whom or
 * what it is about is not there, closing or full, or since the client may not do that. It is the
 * call that failed then: what a gateway's callback that hands such an error on costs its client is
 * nothing; see `on_error` in plugin.h.
 * @param error  What a function returned.
 * @return 1 for TONI_ERR_INVALID, TONI_ERR_NOT_FOUND, TONI_ERR_TOO_BIG, TONI_ERR_LIMIT,
 * TONI_ERR_CLOSING, TONI_ERR_FULL, TONI_ERR_BUSY, TONI_ERR_TYPE, TONI_ERR_UNAUTHORIZED,
 * TONI_ERR_FORBIDDEN and TONI_ERR_MAY_NOT_PUBLISH; 0 for all others.
 * @thread Any. @since ABI 1.0 */
static inline int toni_error_is_refusal(int32_t error)
{
    switch (error) {
    case TONI_ERR_INVALID:
    case TONI_ERR_NOT_FOUND:
    case TONI_ERR_TOO_BIG:
    case TONI_ERR_LIMIT:
    case TONI_ERR_CLOSING:
    case TONI_ERR_FULL:
    case TONI_ERR_BUSY:
    case TONI_ERR_TYPE:
    case TONI_ERR_UNAUTHORIZED:
    case TONI_ERR_FORBIDDEN:
    case TONI_ERR_MAY_NOT_PUBLISH:
        return 1;
    default:
        return 0;
    }
}

/** The name of an error code as it is written in C, such as "TONI_ERR_CLOSING".
 * @param error  What a function returned; every value above 0 (a count) is a success.
 * @return A literal; "TONI_ERR_UNKNOWN" for a code that these headers don't know.
 * @thread Any. @since ABI 1.0 */
static inline const char *toni_error_name(int32_t error)
{
    switch (error > 0 ? 0 : error) {
#define TONI_ERROR_NAME(name, value, text)                                                         \
    case value:                                                                                    \
        return "TONI_" #name;
        TONI_ERRORS(TONI_ERROR_NAME)
#undef TONI_ERROR_NAME
    default:
        return "TONI_ERR_UNKNOWN";
    }
}

/** What an error code means, in a few words without a full stop.
 * @param error  What a function returned; every value above 0 (a count) is a success.
 * @return A literal; "unknown error" for a code that these headers don't know.
 * @thread Any. @since ABI 1.0 */
static inline const char *toni_strerror(int32_t error)
{
    switch (error > 0 ? 0 : error) {
#define TONI_ERROR_TEXT(name, value, text)                                                         \
    case value:                                                                                    \
        return text;
        TONI_ERRORS(TONI_ERROR_TEXT)
#undef TONI_ERROR_TEXT
    default:
        return "unknown error";
    }
}

#endif
