/* The opening handshake; see handshake.h. */
#include "ws/handshake.h"

#include "ws/field.h"

#include <nettle/base64.h>
#include <nettle/sha1.h>
#include <stdio.h>
#include <string.h>

#define KEY_SIZE 24 /* 16 bytes in base64 */

#define ACCEPT_SIZE ((size_t)BASE64_ENCODE_RAW_LENGTH(SHA1_DIGEST_SIZE))

/* --- Judging */

/* Section 4.1: base64 of 16 bytes, so the last of the 22 characters has two bits alone. */
static bool key_valid(toni_str key)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < KEY_SIZE - 2; i++) {
        if (key.size != KEY_SIZE || !memchr(alphabet, key.data[i], sizeof alphabet - 1))
            return false;
    }
    return strchr("AQgw", key.data[KEY_SIZE - 3]) && memcmp(key.data + KEY_SIZE - 2, "==", 2) == 0;
}

/* Each element of each line is a token. A header that names none is as good as none. */
static bool subprotocols_valid(const struct head *head)
{
    toni_str line, offer;
    unsigned index = 0;
    while (head_next_field(head, toni_str_of("Sec-WebSocket-Protocol"), &index, &line)) {
        while (list_next(&line, &offer)) {
            if (!token_valid(offer))
                return false;
        }
    }
    return true;
}

static bool read_terms(const struct head *head, struct deflate_terms *terms)
{
    toni_str line;
    unsigned index = 0;
    while (head_next_field(head, toni_str_of("Sec-WebSocket-Extensions"), &index, &line)) {
        if (!deflate_terms_read(terms, line))
            return false;
    }
    return true;
}

/* @return What is wrong; NULL if nothing is. */
static const char *find_fault(const struct head *head, struct deflate_terms *terms)
{
    if (head->is_old)
        return "HTTP/1.1 is needed";
    if (head->has_body)
        return "it announces a body";
    if (!head_has_token(head, "Connection", "upgrade"))
        return "Connection without `upgrade`";
    if (head_count(head, "Sec-WebSocket-Key") != 1 ||
        !key_valid(head_field(head, "Sec-WebSocket-Key")))
        return "not one Sec-WebSocket-Key of 16 bytes in base64";
    if (!subprotocols_valid(head))
        return "Sec-WebSocket-Protocol is not a list of tokens";
    if (!read_terms(head, terms))
        return "Sec-WebSocket-Extensions is malformed";
    return NULL;
}

enum refusal handshake_check(const struct head *head, struct deflate_terms *terms, const char **why)
{
    *terms = (struct deflate_terms){.agreed = false};
    *why = NULL;
    if (!toni_str_equal(head_method(head), toni_str_of("GET")))
        return REFUSAL_METHOD;
    if (!head_has_token(head, "Upgrade", "websocket"))
        return REFUSAL_NO_UPGRADE;
    if (head_count(head, "Sec-WebSocket-Version") != 1 ||
        !field_equal(head_field(head, "Sec-WebSocket-Version"), "13"))
        return REFUSAL_VERSION;
    *why = find_fault(head, terms);
    return *why ? REFUSAL_BAD_REQUEST : REFUSAL_NONE;
}

enum refusal handshake_fault(const struct head *head)
{
    switch (head->status) {
    case 405:
        return REFUSAL_METHOD;
    case 414:
        return REFUSAL_TARGET_SIZE;
    case 431:
        return REFUSAL_HEAD_SIZE;
    case 505:
        return REFUSAL_HTTP_VERSION;
    default:
        return REFUSAL_BAD_REQUEST;
    }
}

toni_str handshake_choose(const struct head *head, const toni_str *const *known)
{
    toni_str line, offer;
    unsigned index = 0;
    while (head_next_field(head, toni_str_of("Sec-WebSocket-Protocol"), &index, &line)) {
        while (list_next(&line, &offer)) {
            for (size_t i = 0; known && known[i]; i++) {
                if (toni_str_equal(*known[i], offer))
                    return offer;
            }
        }
    }
    return toni_str_make("", 0);
}

toni_str handshake_choose_shortest(const struct head *head)
{
    toni_str line, offer, shortest = toni_str_make("", 0);
    unsigned index = 0;
    while (head_next_field(head, toni_str_of("Sec-WebSocket-Protocol"), &index, &line)) {
        while (list_next(&line, &offer)) {
            if (shortest.size == 0 || offer.size < shortest.size)
                shortest = offer;
        }
    }
    return shortest;
}

/* --- Answering */

/* @return Behind what was written. */
static char *put(char *to, toni_str text)
{
    if (text.size > 0)
        memcpy(to, text.data, text.size);
    return to + text.size;
}

/* Section 4.2.2, step 5.4. @param text  ACCEPT_SIZE bytes. */
static void write_accept(char *text, toni_str key)
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    struct sha1_ctx sha1;
    uint8_t digest[SHA1_DIGEST_SIZE];
    sha1_init(&sha1);
    sha1_update(&sha1, key.size, (const uint8_t *)key.data);
    sha1_update(&sha1, sizeof guid - 1, (const uint8_t *)guid);
    sha1_digest(&sha1, sizeof digest, digest);
    base64_encode_raw(text, sizeof digest, digest);
}

size_t handshake_accept(char *to, const struct head *head, toni_str subprotocol,
                        const struct deflate_terms *terms)
{
    static const toni_str upgrade = TONI_LIT_INIT("HTTP/1.1 101 Switching Protocols\r\n"
                                                  "Upgrade: websocket\r\n"
                                                  "Connection: Upgrade\r\n"
                                                  "Sec-WebSocket-Accept: ");
    static const toni_str protocol = TONI_LIT_INIT("\r\nSec-WebSocket-Protocol: ");
    static const toni_str deflate =
        TONI_LIT_INIT("\r\nSec-WebSocket-Extensions: " DEFLATE_EXTENSION);
    static const toni_str end = TONI_LIT_INIT("\r\n\r\n");
    char *at = put(to, upgrade);
    write_accept(at, head_field(head, "Sec-WebSocket-Key"));
    at += ACCEPT_SIZE;
    if (subprotocol.size > 0)
        at = put(put(at, protocol), subprotocol);
    if (terms && terms->agreed) {
        at = put(at, deflate);
        at += deflate_terms_write(terms, at);
    }
    return (size_t)(put(at, end) - to);
}

struct answer {
    unsigned status;
    const char *phrase;
    const char *fields; /* each with its line end */
    const char *text;   /* for people */
};

static const struct answer answers[] = {
#define ANSWER(name, status, phrase, fields, text) [name] = {status, phrase, fields, text},
    REFUSALS(ANSWER)
#undef ANSWER
};

unsigned refusal_status(enum refusal refusal)
{
    return answers[refusal].status;
}

const char *refusal_text(enum refusal refusal)
{
    return answers[refusal].text;
}

/* RFC 9110, section 6.6.1. */
static void format_date(char *text, size_t size, time_t now)
{
    struct tm parts;
    gmtime_r(&now, &parts);
    (void)strftime(text, size, "%a, %d %b %Y %H:%M:%S GMT", &parts);
}

static size_t write_refusal(char *to, const struct answer *answer, bool is_head, time_t now)
{
    char date[64];
    format_date(date, sizeof date, now);
    return (size_t)snprintf(to, HANDSHAKE_ANSWER_SIZE,
                            "HTTP/1.1 %u %s\r\nDate: %s\r\n"
                            "Content-Type: text/plain; charset=utf-8\r\n"
                            "Content-Length: %zu\r\n%sConnection: close\r\n\r\n%s%s",
                            answer->status, answer->phrase, date, strlen(answer->text) + 1,
                            answer->fields, is_head ? "" : answer->text, is_head ? "" : "\n");
}

size_t handshake_refuse(char *to, enum refusal refusal, const char *why, bool is_head, time_t now)
{
    struct answer answer = answers[refusal];
    char text[256];
    (void)snprintf(text, sizeof text - 1, "%s%s%s", answer.text, why ? ": " : "", why ? why : "");
    answer.text = text;
    return write_refusal(to, &answer, is_head, now);
}

/* --- As a guard wants it */

const char *handshake_status_phrase(unsigned status)
{
    switch (status) {
#define PHRASE(status, phrase)                                                                     \
    case status:                                                                                   \
        return phrase;
        GUARD_STATUSES(PHRASE)
#undef PHRASE
    default:
        return NULL;
    }
}

size_t handshake_refuse_as(char *to, unsigned status, const char *text, bool has_challenge,
                           bool is_head, time_t now)
{
    const char *fields =
        status == 401 && !has_challenge ? answers[REFUSAL_UNAUTHORIZED].fields : "";
    const struct answer answer = {status, handshake_status_phrase(status), fields, text};
    return write_refusal(to, &answer, is_head, now);
}
