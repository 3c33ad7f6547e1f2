/* An answer that goes past libmicrohttpd, where that can't answer: before the head is whole, and in
 * the middle of a body. The connection must end with it. */
#ifndef HTTP_CUT_H
#define HTTP_CUT_H

/* Arguments: for a body that finds no room among all of them. */
#define HTTP_NO_ROOM "503 Service Unavailable", "Retry-After: 5\r\n", "Too many bodies at once.\n"

/** Writes an answer straight to the socket, if it takes that at once; if not, the client gets none.
 * No other answer may be under way. @thread The connection's.
 * @param status  Number and reason, such as "413 Content Too Large".
 * @param fields  Further header fields, each with its line end; may be empty.
 * @param text    A line for people. */
void http_cut_answer(int fd, const char *status, const char *fields, const char *text);

#endif
