/* Forwarded addresses; see forwarded.h. The entries are read from the left, since only so is it
 * known where quoted ones end; what is remembered gives the same as a walk from the right. */
#include "ws/forwarded.h"

#include "ws/field.h"

#include <string.h>

/* An address in brackets, with a port. */
#define NODE_MAX 64

bool trusted_proxies_have(const struct trusted_proxies *trusted, const toni_ip *address)
{
    for (size_t i = 0; i < trusted->count; i++) {
        if (toni_cidr_has(&trusted->networks[i], address))
            return true;
    }
    return false;
}

void forwarded_begin(struct forwarded *forwarded, const struct trusted_proxies *trusted)
{
    *forwarded = (struct forwarded){.trusted = trusted, .is_open = true};
}

bool forwarded_end(const struct forwarded *forwarded, toni_ip *address)
{
    if (forwarded->is_known)
        *address = forwarded->address;
    return forwarded->is_known;
}

/* --- An entry */

static bool is_port(toni_str text)
{
    if (text.size < 2 || text.size > 6 || text.data[0] != ':')
        return false;
    for (size_t i = 1; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    }
    return true;
}

/* `[2001:db8::7]`, with `:4711` behind it or not. */
static bool read_bracketed(toni_str text, toni_ip *address)
{
    const char *end = memchr(text.data, ']', text.size);
    if (!end)
        return false;
    const size_t size = (size_t)(end - text.data) + 1;
    const toni_str inside = toni_str_make(text.data + 1, size - 2);
    const toni_str behind = toni_str_make(text.data + size, text.size - size);
    return inside.size > 0 && memchr(inside.data, ':', inside.size) &&
           toni_ip_read(inside, address) == TONI_OK && (behind.size == 0 || is_port(behind));
}

static bool read_node(toni_str text, toni_ip *address)
{
    if (text.size > 0 && text.data[0] == '[')
        return read_bracketed(text, address);
    if (toni_ip_read(text, address) == TONI_OK)
        return true;
    const char *colon = text.size > 0 ? memchr(text.data, ':', text.size) : NULL;
    const size_t size = colon ? (size_t)(colon - text.data) : 0;
    return size > 0 && toni_ip_read(toni_str_make(text.data, size), address) == TONI_OK &&
           is_port(toni_str_make(colon, text.size - size));
}

/* What nginx writes for a proxy that has come to it over a Unix socket: it has no address. */
static bool is_trusted_unix(const struct forwarded *forwarded, toni_str text)
{
    return forwarded->trusted->has_unix && toni_str_equal(text, TONI_LIT("unix:"));
}

static void take_node(struct forwarded *forwarded, toni_str text)
{
    toni_ip address;
    if (is_trusted_unix(forwarded, text))
        return;
    const bool is_address = read_node(text, &address);
    const bool is_trusted = is_address && trusted_proxies_have(forwarded->trusted, &address);
    if (is_trusted && !forwarded->is_open)
        return;
    forwarded->is_open = !is_address;
    forwarded->is_known = is_address;
    if (is_address)
        forwarded->address = address;
}

/* --- X-Forwarded-For */

void forwarded_take_list(struct forwarded *forwarded, toni_str value)
{
    toni_str entry;
    while (list_next(&value, &entry))
        take_node(forwarded, entry);
}

/* --- Forwarded: elements of pairs, `for=192.0.2.7;proto=https, for="[2001:db8::7]:4711"` */

struct pair {
    toni_str name;
    char value[NODE_MAX]; /* what is longer is no address */
    size_t size;          /* of the value, which may be longer than there is room */
};

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

static void put(struct pair *pair, char byte)
{
    if (pair->size < sizeof pair->value)
        pair->value[pair->size] = byte;
    pair->size++;
}

static void skip(toni_str *rest, size_t size)
{
    *rest = toni_str_make(rest->data + size, rest->size - size);
}

static void skip_blanks(toni_str *rest)
{
    while (rest->size > 0 && is_blank(rest->data[0]))
        skip(rest, 1);
}

static bool skip_byte(toni_str *rest, char byte)
{
    const bool is_there = rest->size > 0 && rest->data[0] == byte;
    if (is_there)
        skip(rest, 1);
    return is_there;
}

static toni_str take_token(toni_str *rest)
{
    size_t size = 0;
    while (size < rest->size && token_valid(toni_str_make(rest->data + size, 1)))
        size++;
    const toni_str token = toni_str_make(rest->data, size);
    skip(rest, size);
    return token;
}

/* Behind the first quote. @return Whether there is a second one. */
static bool take_quoted(toni_str *rest, struct pair *pair)
{
    while (rest->size > 0) {
        const char byte = rest->data[0];
        skip(rest, 1);
        if (byte == '"')
            return true;
        if (byte == '\\' && rest->size == 0)
            return false;
        if (byte != '\\') {
            put(pair, byte);
            continue;
        }
        put(pair, rest->data[0]);
        skip(rest, 1);
    }
    return false;
}

static bool may_be_bare(char byte)
{
    return byte == ':' || byte == '[' || byte == ']' || token_valid(toni_str_make(&byte, 1));
}

/* Without quotes only a token may be a value, but many write addresses with `:` and brackets so.
 * @return Whether there is a pair. */
static bool take_pair(toni_str *rest, struct pair *pair)
{
    pair->size = 0;
    pair->name = take_token(rest);
    if (pair->name.size == 0 || !skip_byte(rest, '='))
        return false;
    if (skip_byte(rest, '"'))
        return take_quoted(rest, pair);
    while (rest->size > 0 && may_be_bare(rest->data[0])) {
        put(pair, rest->data[0]);
        skip(rest, 1);
    }
    return pair->size > 0;
}

/* One element, which has something in it. @return 0, or -1. */
static int take_element(struct forwarded *forwarded, toni_str *rest)
{
    struct pair pair;
    unsigned count = 0;
    char node[NODE_MAX];
    size_t size = 0;
    do {
        skip_blanks(rest);
        if (rest->size == 0 || rest->data[0] == ',' || rest->data[0] == ';')
            continue;
        if (!take_pair(rest, &pair))
            return -1;
        skip_blanks(rest);
        if (!field_equal(pair.name, "for"))
            continue;
        if (count++ > 0)
            return -1;
        size = pair.size < sizeof node ? pair.size : 0;
        memcpy(node, pair.value, size);
    } while (skip_byte(rest, ';'));
    take_node(forwarded, toni_str_make(node, size)); /* one without `for` names nobody */
    return 0;
}

int forwarded_take_elements(struct forwarded *forwarded, toni_str value)
{
    while (value.size > 0) {
        skip_blanks(&value);
        if (skip_byte(&value, ','))
            continue;
        if (value.size == 0)
            break;
        if (take_element(forwarded, &value))
            return -1;
        if (value.size > 0 && !skip_byte(&value, ','))
            return -1;
    }
    return 0;
}
