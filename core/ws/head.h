/* The head of an HTTP request, as a WebSocket handshake begins with one: a strict reader (RFC 9112)
 * of bytes that may come in any pieces. It keeps no bytes: they lie one behind the other in a
 * buffer of the caller's, and the head remembers where in it things are. So nothing is allocated,
 * and the buffer may grow, move, or be the one that was received into. Knows no WebSocket.
 *
 *     struct head head;
 *     head_init(&head);
 *     for each time that bytes were added to the buffer:
 *         switch (head_read(&head, bytes, size))
 *             HEAD_MORE   wait for more; `bytes` holds them all, from the first on
 *             HEAD_DONE   the head takes head.size bytes; what is behind them are the first frames
 *             HEAD_FAULT  answer head.status; nothing more is read
 *
 * Whatever pieces the bytes come in, the result is the same. What was read is not read again when
 * more comes. A head that has to be kept needs its bytes alone: read again, they give the same.
 *
 * What is decided where RFC 9112 leaves a choice: lines end with CR LF and nothing else. A line
 * that goes on in the next (obs-fold), a space before a colon, a bare CR or LF, a NUL or another
 * control character is 400. Up to HEAD_EMPTY_LINES empty lines in front are skipped. Host must be
 * there once, in HTTP/1.0 at most once, and be a name or an address, with a port or not. A target
 * may hold any visible ASCII but `#`, since browsers send `|`, `^` and `{` as they are; a `%` in
 * its path needs two hexadecimal digits and `%00` is refused, in its query anything goes
 * (`?x=100%`). */
#ifndef WS_HEAD_H
#define WS_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <toni/str.h>

#define HEAD_SIZE_MAX 16384     /* with the empty line at its end; else 431, or 414 */
#define HEAD_FIELDS_MAX 100     /* else 431 */
#define HEAD_PARAMETERS_MAX 240 /* of the query; else 414 */
#define HEAD_EMPTY_LINES 8      /* in front; else 400 */

enum head_progress {
    HEAD_MORE,
    HEAD_DONE,
    HEAD_FAULT,
};

/** A piece of the head: from where in the bytes, and how many. */
struct head_span {
    uint16_t at;
    uint16_t size;
};

struct head_field {
    struct head_span name;
    struct head_span value; /* without the white space around it */
};

/** Read it by the functions below; of the fields, `size`, `status`, `fault` and `has_body` may be
 * read, and `bytes` may be set. */
struct head {
    const char *bytes; /* as last given; set it anew if a whole head has moved */
    uint16_t size;     /* HEAD_DONE: of the whole head */
    uint16_t status;   /* HEAD_FAULT: 400, 405, 414, 431 or 505 */
    const char *fault; /* HEAD_FAULT: a few words for people, static */
    bool has_body;     /* Content-Length above 0, or Transfer-Encoding */
    bool is_old;       /* HTTP/1.0 */
    uint8_t empty_lines;
    uint8_t field_count;
    uint16_t line; /* where the line begins that is being read */
    uint16_t next; /* the first byte that was not looked at */
    struct head_span method;
    struct head_span path; /* as it was sent; empty: it is `/` */
    struct head_span query;
    struct head_span authority; /* of a target in absolute form, else empty */
    struct head_field fields[HEAD_FIELDS_MAX];
};

/** Begins a head. */
void head_init(struct head *head);

/** Reads on.
 * @param bytes  All that has come so far, from the first byte on; may lie elsewhere than last time.
 * @param size   How many; at least as many as last time. Those behind HEAD_SIZE_MAX are not read.
 * @return After HEAD_DONE and HEAD_FAULT it must not be called again. */
enum head_progress head_read(struct head *head, const char *bytes, size_t size);

/* --- Of a whole head. What is returned lies in the bytes, or is static. */

toni_str head_method(const struct head *head);

/** The path as it was sent: begins with `/`, any `%` in it has two digits behind it: see
 * percent_decode. Segments of dots and doubled slashes stay as they are. */
toni_str head_path(const struct head *head);

/** The query as it was sent, without its `?`; empty if there is none. */
toni_str head_query(const struct head *head);

/** The host, with its port or not, that the request is for: of a target in absolute form its
 * authority, else the Host field (RFC 9112, section 3.2.2); empty if HTTP/1.0 came without. */
toni_str head_host(const struct head *head);

/** Finds the fields of a name, one after the other.
 * @param name   Case makes no difference.
 * @param index  0 for the first; moved on.
 * @param value  Set to the value, without white space around it; left alone if there is none.
 * @return Whether there is one (more). */
bool head_next_field(const struct head *head, toni_str name, unsigned *index, toni_str *value);

/** @param index  Below `field_count`. @return The name of that field, as it was sent. */
toni_str head_field_name(const struct head *head, unsigned index);

/** The value of the first field of that name; empty if there is none. */
toni_str head_field(const struct head *head, const char *name);

/** Counts the fields of that name. */
unsigned head_count(const struct head *head, const char *name);

/** Joins the values of all fields of that name by `, `, those of Cookie by `; ` (RFC 9110, section
 * 5.3; RFC 6265, section 5.4).
 * @param to  Filled in, without a NUL; HEAD_SIZE_MAX bytes are always enough.
 * @return How many bytes were written; -1 if there is no such field. */
ssize_t head_join(const struct head *head, toni_str name, char *to);

/** Tells whether a token is in the comma-separated lists of all fields of that name; case makes no
 * difference. */
bool head_has_token(const struct head *head, const char *name, const char *token);

#endif
