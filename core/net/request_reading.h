/* Reads from the head of a handshake what plugins are told of the request. Every header can be read
 * until the connection is open; what is wanted later is copied. */
#ifndef NET_REQUEST_READING_H
#define NET_REQUEST_READING_H

#include "net/opening_state.h"

struct connection;

/** @return The path, percent-decoded and without the query, in the worker's scratch buffer. */
toni_str request_reading_path(const struct connection *connection);

/** Makes the request: copies what outlives the handshake, and the headers that the gateway keeps.
 * @return 0, or -1 on no memory. */
int request_reading_make(struct connection *connection);

/** Lets every header be read by name, for the length of one callback. */
void request_reading_open_headers(struct opening *opening, toni_request *request);

/** Finds a header by name, meanwhile: see struct request_source.
 * @param context  The opening. */
int32_t request_reading_find_header(void *context, toni_str name, toni_str *value);

/** Finds what the guard has left: see struct request_source.
 * @param context  The opening. */
struct guard_notes **request_reading_find_notes(void *context);

/** Ends that, and frees what was read. */
void request_reading_close_headers(struct opening *opening, toni_request *request);

#endif
