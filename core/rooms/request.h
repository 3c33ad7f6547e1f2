/* The request that opened a connection: what of it outlives the handshake, packed into one
 * allocation, since most connections are idle ones. Knows no HTTP; core/net fills it in. */
#ifndef ROOMS_REQUEST_H
#define ROOMS_REQUEST_H

#include <toni/host.h>

#include <stdbool.h>
#include <stddef.h>

struct request_field {
    toni_str name;
    toni_str value;
};

struct guard_notes;

/** What can be asked about a request while its handshake lasts. */
struct request_source {
    /** Looks up a header that was not kept.
     * @param value  Set to a string that lives until the callback returns.
     * @return TONI_OK, TONI_ERR_NOT_FOUND or TONI_ERR_NO_MEMORY. */
    int32_t (*find_header)(void *context, toni_str name, toni_str *value);

    /** Takes a ticket for the guard that runs, see toni_guard_wait. NULL: none does. */
    toni_guard_ticket *(*wait)(void *context);

    /** Where the notes are, that its guard leaves; see guard_notes.h. NULL, as what it returns:
     * there are none, and none are taken. */
    struct guard_notes **(*notes)(void *context);
    bool takes_notes;
    bool takes_identity; /* among them who the client is; may be all that is taken */
};

struct toni_request {
    const toni_host *host;               /* first, for ever: see toni/abi.h */
    const struct request_source *source; /* NULL but in guards and `on_connect` */
    void *source_context;
    toni_str path;
    toni_str query;
    toni_str origin;
    toni_str user_agent;
    toni_str address;
    toni_str subprotocol;
    bool deflates;  /* permessage-deflate was agreed on: the client takes compressed messages */
    bool is_secure; /* it came over TLS */
    uint32_t parameter_count;
    uint32_t kept_count;
    toni_str *parameters;          /* `name=value`, parts of `query` */
    struct request_field *kept;    /* the headers that the gateway wants to keep */
    toni_certificate *certificate; /* that the client has shown; NULL: none */
};

/** What a request is made from; all borrowed for the call. */
struct request_parts {
    toni_str path;
    toni_str origin;
    toni_str user_agent;
    toni_str address;
    toni_str subprotocol;
    const toni_str *parameters; /* `name=value`, percent-decoded */
    size_t parameter_count;
    const struct request_field *kept;
    size_t kept_count;
    bool is_secure;
    const toni_certificate *certificate; /* NULL: none */
};

/** @return A copy of the parts, each string with a NUL behind it; NULL on no memory. */
toni_request *request_create(const toni_host *host, const struct request_parts *parts);

/** @param request  NULL is fine. */
void request_destroy(toni_request *request);

/** Takes out all query parameters of a name, and overwrites them. What was read of the query before
 * is not valid any more.
 * @return How many there were. */
uint32_t request_drop_parameter(toni_request *request, toni_str name);

/** See toni_request_path and its kin. @return The empty string for a part that doesn't exist. */
toni_str request_part(const toni_request *request, uint32_t part);

/** Fills in a certificate for a plugin, as much of it as that knows.
 * @param from  NULL: there is none. @param to  Its struct_size says how much, and then is what was
 * filled in.
 * @return TONI_OK, or TONI_ERR_NOT_FOUND. */
int32_t certificate_show(const toni_certificate *from, toni_certificate *to);

/** Fills in what toni/request.h calls. */
void request_fill_table(toni_host *table);

/** Copies a string, with a NUL behind it, to where @p to points, and moves that on. */
toni_str str_copy(char **to, toni_str from);

#endif
