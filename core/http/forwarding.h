/* Whose request it is that a trusted proxy hands on: read from its head, see ws/forwarded.h. */
#ifndef HTTP_FORWARDING_H
#define HTTP_FORWARDING_H

#include <stdbool.h>

struct access;
struct toni_exchange;

/** The head is whole: gives the exchange its client's address, if a trusted proxy has sent it.
 * @return Whether it could; if not, the exchange is answered. */
bool http_forwarding_read(struct access *access, struct toni_exchange *exchange);

#endif
