/* The opening handshake; see ws_handshake.h. */
#include "net/ws_handshake.h"

#include "base/log_limit.h"
#include "instance/instance.h"
#include "net/access.h"
#include "net/ws_gateway.h"
#include "net/ws_request.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* lws's number for GET. */
#define METHOD_GET 0

/* Longer than any header that is looked at here may be. */
#define HEADER_SIZE 256

/* And than an Origin and a Host may be: a name has up to 255 bytes. */
#define ORIGIN_SIZE 512

/* lws closes silently on a longer list of subprotocols. */
#define OFFER_MAX 127

/* And on a longer list of extensions. */
#define EXTENSIONS_MAX 254

/* --- Answers */

struct answer {
    unsigned status;
    const char *reason;
    const char *headers; /* each with its line end */
    const char *body;    /* for people */
};

static const struct answer answer_bad_request = {400, "Bad Request", "",
                                                 "not a valid WebSocket handshake"};
static const struct answer answer_unauthorized = {
    401, "Unauthorized", "WWW-Authenticate: Bearer\r\n", "say who you are"};
static const struct answer answer_forbidden = {403, "Forbidden", "", "you may not connect here"};
static const struct answer answer_origin = {403, "Forbidden", "",
                                            "pages of this origin may not connect here"};
static const struct answer answer_not_found = {404, "Not Found", "", "no gateway on this path"};
static const struct answer answer_not_allowed = {405, "Method Not Allowed", "Allow: GET\r\n",
                                                 "only GET opens a WebSocket"};
static const struct answer answer_not_upgrade = {426, "Upgrade Required", "Upgrade: websocket\r\n",
                                                 "connect with a WebSocket client"};
static const struct answer answer_bad_version = {
    426, "Upgrade Required", "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
    "only WebSocket version 13 is spoken here"};
static const struct answer answer_no_memory = {500, "Internal Server Error", "", "out of memory"};
static const struct answer answer_full = {503, "Service Unavailable", "Retry-After: 10\r\n",
                                          "too many connections"};
static const struct answer answer_draining = {503, "Service Unavailable", "Retry-After: 5\r\n",
                                              "the host is stopping"};

/* RFC 9110, section 6.6.1. */
static void format_date(char *text, size_t size)
{
    time_t now = time(NULL);
    struct tm parts;
    gmtime_r(&now, &parts);
    (void)strftime(text, size, "%a, %d %b %Y %H:%M:%S GMT", &parts);
}

static void count_refusal(struct ws_connection *connection, unsigned status)
{
    static const unsigned statuses[] = {
#define STATUS(status) status,
        REFUSAL_STATUSES(STATUS)
#undef STATUS
    };
    for (unsigned i = 0; i < REFUSAL_STATUS_COUNT; i++) {
        if (statuses[i] == status)
            counter_add(&connection->worker->figures.refused[i], 1);
    }
}

/* Answers with HTTP, and ends the connection. @return What the callback shall return. */
static int refuse(struct ws_connection *connection, const struct answer *answer)
{
    unsigned char buffer[LWS_PRE + 1024];
    char date[64];
    int method;
    ws_request_path(connection->wsi, &method);
    bool is_head = lws_hdr_total_length(connection->wsi, WSI_TOKEN_HEAD_URI) > 0;
    format_date(date, sizeof date);
    int length =
        snprintf((char *)buffer + LWS_PRE, sizeof buffer - LWS_PRE,
                 "HTTP/1.1 %u %s\r\nDate: %s\r\nContent-Type: text/plain; charset=utf-8\r\n"
                 "Content-Length: %zu\r\n%sConnection: close\r\n\r\n%s%s",
                 answer->status, answer->reason, date, strlen(answer->body) + 1, answer->headers,
                 is_head ? "" : answer->body, is_head ? "" : "\n");
    count_refusal(connection, answer->status);
    connection->state = WS_DEAD;
    lws_write(connection->wsi, buffer + LWS_PRE, (size_t)length, LWS_WRITE_HTTP);
    return -1;
}

/* --- Checks */

/* Whether a comma-separated list has a token (RFC 9110, section 5.6.1); case makes no difference.
 */
static bool list_has(const char *list, const char *token)
{
    size_t length = strlen(token);
    while (*list) {
        list += strspn(list, ", \t");
        size_t item = strcspn(list, ", \t");
        if (item == length && strncasecmp(list, token, length) == 0)
            return true;
        list += item;
    }
    return false;
}

/* Base64 of 16 bytes (RFC 6455, section 4.1). */
static bool key_valid(const char *key)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    return strlen(key) == 24 && strspn(key, alphabet) == 22 && strcmp(key + 22, "==") == 0;
}

static const struct answer *check_request(const struct ws_connection *connection)
{
    struct lws *wsi = connection->wsi;
    char text[HEADER_SIZE];
    int method;
    toni_str path = ws_request_path(wsi, &method);
    if (path.size == 0 || path.data[0] != '/')
        return &answer_bad_request;
    if (!slots_find_gateway(connection->worker->server->slots, path))
        return &answer_not_found;
    if (method != METHOD_GET)
        return &answer_not_allowed;
    ws_request_token(wsi, WSI_TOKEN_HTTP, text, sizeof text);
    if (strcmp(text, "HTTP/1.1") != 0)
        return &answer_bad_request;
    ws_request_token(wsi, WSI_TOKEN_CONNECTION, text, sizeof text);
    if (!list_has(text, "upgrade") || lws_hdr_total_length(wsi, WSI_TOKEN_HOST) <= 0)
        return &answer_bad_request;
    ws_request_token(wsi, WSI_TOKEN_VERSION, text, sizeof text);
    if (strcmp(text, "13") != 0)
        return &answer_bad_version;
    ws_request_token(wsi, WSI_TOKEN_KEY, text, sizeof text);
    if (!key_valid(text) || lws_hdr_copy(wsi, text, EXTENSIONS_MAX + 1, WSI_TOKEN_EXTENSIONS) < 0)
        return &answer_bad_request;
    return NULL;
}

/* A browser says where the page comes from; any other client may leave it out. */
static const struct answer *check_origin(const struct ws_connection *connection)
{
    struct lws *wsi = connection->wsi;
    const char *gateway = connection->gateway->name;
    char origin[ORIGIN_SIZE], host[ORIGIN_SIZE];
    struct sockaddr_storage local = {.ss_family = AF_UNSPEC};
    socklen_t size = sizeof local;
    if (lws_hdr_total_length(wsi, WSI_TOKEN_ORIGIN) <= 0)
        return NULL;
    ws_request_token(wsi, WSI_TOKEN_ORIGIN, origin, sizeof origin); /* empty, if it is longer */
    ws_request_token(wsi, WSI_TOKEN_HOST, host, sizeof host);
    (void)getsockname(connection->fd, (struct sockaddr *)&local, &size); /* if not, no address */
    if (access_allows_origin(connection->worker->server->access, gateway, toni_str_of(origin),
                             toni_str_of(host), (const struct sockaddr *)&local))
        return NULL;
    log_limited(LOG_LEVEL_WARN,
                "a handshake is refused: it comes from a page of another host; if that page may "
                "connect, add its Origin to `origins` in gateways.conf, or, if Host is a name of "
                "this host, that to `hosts`, without its port",
                log_str("gateway", gateway), log_brief("origin", origin, strlen(origin)),
                log_brief("host", host, strlen(host)));
    return &answer_origin;
}

/* Asks the gateway's guard. */
static const struct answer *check_guard(struct ws_connection *connection)
{
    ws_request_open_headers(connection);
    int32_t result = ws_gateway_guard(connection);
    ws_request_close_headers(connection, connection->request);
    if (result == TONI_OK)
        return NULL;
    return result == TONI_ERR_UNAUTHORIZED ? &answer_unauthorized : &answer_forbidden;
}

static const struct answer *decide(struct ws_connection *connection, toni_str subprotocol)
{
    struct server *server = connection->worker->server;
    if (atomic_load(&server->refusing))
        return &answer_draining;
    const struct answer *answer = check_request(connection);
    if (answer)
        return answer;
    int method;
    toni_str path = ws_request_path(connection->wsi, &method);
    connection->gateway = slots_find_gateway(server->slots, path);
    if (!connection->gateway)
        return &answer_not_found;
    answer = check_origin(connection);
    if (answer)
        return answer;
    connection->limits = slot_limits(connection->gateway);
    if (!admission_enter(&server->admission, &connection->gateway->connections,
                         connection->limits->connections, connection->address))
        return &answer_full;
    connection->admitted = true;
    if (ws_request_read(connection, subprotocol))
        return &answer_no_memory;
    return check_guard(connection);
}

static void decide_extension(struct ws_connection *connection, struct ws_extension *extension)
{
    char offers[HEADER_SIZE];
    if (!connection->limits->deflate)
        return;
    ws_request_token(connection->wsi, WSI_TOKEN_EXTENSIONS, offers, sizeof offers);
    if (!deflate_terms_read(&extension->terms, toni_str_of(offers)))
        extension->terms = (struct deflate_terms){.agreed = false};
    extension->offers = extension->terms.offers;
}

int ws_handshake_decide(struct ws_connection *connection, struct ws_subprotocol *subprotocol,
                        struct ws_extension *extension)
{
    if (subprotocol->hidden)
        subprotocol->name[0] = '\0'; /* so that lws sends no header */
    const struct answer *answer = decide(connection, toni_str_of(subprotocol->name));
    *extension = (struct ws_extension){.offers = 0};
    if (answer)
        return refuse(connection, answer);
    decide_extension(connection, extension);
    return 0;
}

int ws_handshake_answer_plain(struct ws_connection *connection)
{
    int method;
    toni_str path = ws_request_path(connection->wsi, &method);
    if (atomic_load(&connection->worker->server->refusing))
        return refuse(connection, &answer_draining);
    if (path.size == 0 || path.data[0] != '/')
        return refuse(connection, &answer_bad_request);
    if (!slots_find_gateway(connection->worker->server->slots, path))
        return refuse(connection, &answer_not_found);
    return refuse(connection, method == METHOD_GET ? &answer_not_upgrade : &answer_not_allowed);
}

int ws_handshake_answer_unknown(struct ws_connection *connection)
{
    return refuse(connection, &answer_not_allowed);
}

/* --- Extensions */

/* lws asks for each offer, and takes offence if there is another behind the one that was accepted:
 * so whichever it was, it is told the last. */
int ws_handshake_confirm_extension(struct ws_extension *extension)
{
    bool is_last = extension->offers > 0 && --extension->offers == 0;
    return extension->terms.agreed && is_last ? 0 : -1;
}

/* Nothing else may follow the name: lws writes no terms, since its extension has no options. */
void ws_handshake_add_terms(struct ws_connection *connection, const struct ws_extension *extension,
                            char **p)
{
    static const char written[] = "Sec-WebSocket-Extensions: " DEFLATE_EXTENSION "\r\n";
    if (!extension->terms.agreed || extension->offers > 0 ||
        memcmp(*p - (sizeof written - 1), written, sizeof written - 1) != 0)
        return;
    *p -= 2; /* the line's end: it goes on */
    *p += deflate_terms_write(&extension->terms, *p);
    *(*p)++ = '\r';
    *(*p)++ = '\n';
    connection->inflates = true;
    connection->request->deflates = deflate_terms_allow_sending(&extension->terms);
}

/* --- Subprotocols (RFC 6455, section 1.9) */

/* lws closes silently on an offer that it doesn't understand. */
static bool offer_valid(const char *offer)
{
    static const char token[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    bool any = false;
    while (*offer) {
        offer += strspn(offer, ", \t");
        size_t length = strspn(offer, token);
        if (length >= SUBPROTOCOL_SIZE - 1 || (offer[length] && !strchr(", \t", offer[length])))
            return false;
        any = any || length > 0;
        offer += length;
    }
    return any;
}

static bool is_known(const toni_str *const *known, toni_str offered)
{
    for (size_t i = 0; known && known[i]; i++) {
        if (toni_str_equal(*known[i], offered))
            return true;
    }
    return false;
}

/* The first that the client offers and the gateway knows; else the first, hidden, to keep lws
 * content. */
static void choose(const toni_plugin *descriptor, const char *offer,
                   struct ws_subprotocol *subprotocol)
{
    const toni_str *const *known = descriptor ? descriptor->subprotocols : NULL;
    toni_str chosen = {"", 0};
    subprotocol->hidden = true;
    for (offer += strspn(offer, ", \t"); *offer && subprotocol->hidden;
         offer += strspn(offer, ", \t")) {
        toni_str offered = toni_str_make(offer, strcspn(offer, ", \t"));
        subprotocol->hidden = !is_known(known, offered);
        if (!subprotocol->hidden || chosen.size == 0)
            chosen = offered;
        offer += offered.size;
    }
    (void)snprintf(subprotocol->name, sizeof subprotocol->name, "%.*s", TONI_STR_ARG(chosen));
}

int ws_handshake_confirm(struct ws_connection *connection, const char *upgrade,
                         struct ws_subprotocol *subprotocol)
{
    char offer[HEADER_SIZE];
    int method;
    subprotocol->name[0] = '\0';
    subprotocol->hidden = false;
    /* Whatever else lws knows, such as HTTP/2 without TLS, it would upgrade to without asking
     * further; and it closes silently without a Connection header. */
    if (strcasecmp(upgrade, "websocket") != 0 ||
        lws_hdr_total_length(connection->wsi, WSI_TOKEN_CONNECTION) <= 0)
        return refuse(connection, &answer_bad_request);
    int length = lws_hdr_copy(connection->wsi, offer, OFFER_MAX, WSI_TOKEN_PROTOCOL);
    if (length < 0 || (length > 0 && !offer_valid(offer)))
        return refuse(connection, &answer_bad_request);
    if (length == 0)
        return 0;
    struct slot *gateway = slots_find_gateway(connection->worker->server->slots,
                                              ws_request_path(connection->wsi, &method));
    if (!gateway) {
        choose(NULL, offer, subprotocol);
        return 0;
    }
    const struct instance *instance = slot_enter(gateway);
    choose(instance ? instance->descriptor : NULL, offer, subprotocol);
    slot_exit(gateway);
    return 0;
}
