/* The token that who asks on `listen.admin` has to show: read from its file, and compared. Not
 * about which addresses need one. */
#ifndef HTTP_ADMIN_TOKEN_H
#define HTTP_ADMIN_TOKEN_H

#include "config/fault.h"

#include <stdbool.h>
#include <stddef.h>

/* In bytes, without the end of the line. */
#define ADMIN_TOKEN_LEAST 16
#define ADMIN_TOKEN_MOST 1024

/* Zero is none: then anybody may ask. */
struct admin_token {
    size_t size;
    char text[ADMIN_TOKEN_MOST];
};

/** Reads a token from its file, which nobody but its owner and group may read. An end of the line
 * behind it is left out.
 * @param setting  Its path, a string; NULL: there is none.
 * @param folder   What the path is relative to.
 * @param token    Filled in; none after a fault.
 * @return Whether it can be used. */
bool admin_token_read(struct admin_token *token, const struct value *setting, const char *folder,
                      struct fault_list *faults);

/** Compares in a time that does not tell how much of it is right.
 * @param authorization  What the client says: `Bearer TOKEN`; NULL: nothing.
 * @return Whether it may ask. */
bool admin_token_is_shown(const struct admin_token *token, const char *authorization);

#endif
