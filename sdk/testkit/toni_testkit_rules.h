/* What a host refuses, as the fake host does: names of rooms, texts, header fields, close codes,
 * sizes. Internal to the test kit, which is built without the host's own code; the host's tests
 * compare the two, row by row (tests/unit/test_testkit_rules.c). */
#ifndef TONI_TESTKIT_RULES_H
#define TONI_TESTKIT_RULES_H

#include <toni/toni.h>

/** A host's defaults: `outbox_bytes`, and `pending_bytes_per_room`. */
#define TONI_FAKE_SEND_MAX ((uint64_t)4 << 20)
#define TONI_FAKE_BROADCAST_MAX ((uint64_t)16 << 20)

/** The same: `http_stream_bytes`. */
#define TONI_FAKE_STREAM_MAX 65536

/** @return How many bytes the well-formed character has that @p text begins with; 0: it begins with
 * none (RFC 3629, section 4). */
static inline size_t toni_fake_character(const unsigned char *text, size_t size)
{
    if (text[0] < 0x80)
        return 1;
    size_t length = text[0] < 0xC2   ? 0
                    : text[0] < 0xE0 ? 2
                    : text[0] < 0xF0 ? 3
                    : text[0] < 0xF5 ? 4
                                     : 0;
    if (length == 0 || length > size)
        return 0;
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    }
    /* No overlong form, no surrogate, nothing above U+10FFFF. */
    if ((text[0] == 0xE0 && text[1] < 0xA0) || (text[0] == 0xED && text[1] > 0x9F) ||
        (text[0] == 0xF0 && text[1] < 0x90) || (text[0] == 0xF4 && text[1] > 0x8F))
        return 0;
    return length;
}

/** @return Whether a host takes it as UTF-8. */
static inline int toni_fake_is_utf8(toni_str text)
{
    for (size_t at = 0; at < text.size;) {
        size_t length = toni_fake_character((const unsigned char *)text.data + at, text.size - at);
        if (length == 0)
            return 0;
        at += length;
    }
    return 1;
}

/** @return Whether there is a control character in a text: below U+0020, or U+007F to U+009F. */
static inline int toni_fake_has_control(toni_str text)
{
    for (size_t i = 0; i < text.size; i++) {
        const unsigned char byte = (unsigned char)text.data[i];
        const unsigned char next = i + 1 < text.size ? (unsigned char)text.data[i + 1] : 0xFF;
        if (byte < 0x20 || byte == 0x7F || (byte == 0xC2 && next < 0xA0)) /* U+0080 to U+009F */
            return 1;
    }
    return 0;
}

/** @return Whether a host takes it as the name of a room. */
static inline int toni_fake_is_room(toni_str name)
{
    return name.size >= 1 && name.size <= 255 && toni_fake_is_utf8(name) &&
           !toni_fake_has_control(name);
}

/** @return Whether a room is what a text says: its name, or the beginning of it with a `*` behind.
 */
static inline int toni_fake_pattern_fits(toni_str text, toni_str room)
{
    if (text.size == 0 || text.data[text.size - 1] != '*')
        return toni_str_equal(text, room);
    return room.size >= text.size - 1 && toni_str_equal(toni_str_make(room.data, text.size - 1),
                                                        toni_str_make(text.data, text.size - 1));
}

/** @return Whether a host takes it as a pattern of `rooms`. */
static inline int toni_fake_is_pattern(toni_str text)
{
    toni_str claim;
    if (toni_str_strip_prefix(text, TONI_LIT("claim:"), &claim))
        return toni_fake_is_room(claim);
    for (size_t i = 0; i + 1 < text.size; i++) {
        if (text.data[i] == '*')
            return 0;
    }
    if (text.size > 0 && text.data[text.size - 1] == '*')
        return text.size == 1 || toni_fake_is_room(toni_str_make(text.data, text.size - 1));
    return toni_fake_is_room(text);
}

/** @return Whether a host takes it as the value of a header field. */
static inline int toni_fake_is_field_value(toni_str value)
{
    if (!value.data || value.size == 0 || value.data[0] == ' ' || value.data[value.size - 1] == ' ')
        return 0;
    for (size_t i = 0; i < value.size; i++) {
        if ((unsigned char)value.data[i] < ' ' || value.data[i] == 0x7F)
            return 0;
    }
    return 1;
}

/** @return Whether a host closes a client with that. */
static inline int toni_fake_is_close(uint16_t code, toni_str reason)
{
    const int is_defined = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
    return (is_defined || (code >= 3000 && code <= 4999)) && reason.size <= 123 &&
           toni_fake_is_utf8(reason);
}

/** @return What a message of this size takes on the wire: fragments of 64 KiB, heads included. */
static inline uint64_t toni_fake_wire_size(uint64_t size)
{
    const uint64_t fragment = 65536 - 4;
    const uint64_t full = size / fragment, rest = size % fragment;
    if (full > 0 && rest == 0)
        return full * 65536;
    return full * 65536 + (rest < 126 ? 2 : 4) + rest;
}

/** @return Where in its body a message wants its position; 0: nowhere. */
static inline size_t toni_fake_position_at(const toni_message *message)
{
    return message->struct_size >= offsetof(toni_message, position_at) + sizeof message->position_at
               ? message->position_at
               : 0;
}

/** @param most  TONI_FAKE_SEND_MAX or TONI_FAKE_BROADCAST_MAX.
 * @return TONI_OK, or why a host refuses the message. */
static inline int32_t toni_fake_message_check(const toni_message *message, uint64_t most)
{
    if (message->struct_size < TONI_MESSAGE_SIZE_1_0 ||
        (message->kind != TONI_TEXT && message->kind != TONI_BINARY))
        return TONI_ERR_INVALID;
    if (message->body.size > most || toni_fake_wire_size(message->body.size) > most)
        return TONI_ERR_TOO_BIG;
    const size_t at = toni_fake_position_at(message);
    if (at > 0 &&
        (message->body.size < TONI_POSITION_TEXT || at > message->body.size - TONI_POSITION_TEXT))
        return TONI_ERR_INVALID;
    return message->kind == TONI_TEXT && !toni_fake_is_utf8(message->body) ? TONI_ERR_INVALID
                                                                           : TONI_OK;
}

/** @return Whether @p name ends with @p suffix. */
static inline int toni_fake_ends_with(toni_str name, toni_str suffix)
{
    return name.size >= suffix.size &&
           toni_str_equal(toni_str_make(name.data + (name.size - suffix.size), suffix.size),
                          suffix);
}

/** @return Whether a host takes it as the name of a figure of that type. */
static inline int toni_fake_is_figure(uint32_t type, toni_str name)
{
    toni_str rest;
    if (name.size < 1 || name.size > 128)
        return 0;
    for (size_t i = 0; i < name.size; i++) {
        const char c = name.data[i];
        const int is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!is_letter && (i == 0 || c < '0' || c > '9'))
            return 0;
    }
    return !toni_str_strip_prefix(name, TONI_LIT("toni_"), &rest) &&
           !toni_str_strip_prefix(name, TONI_LIT("process_"), &rest) &&
           toni_fake_ends_with(name, TONI_LIT("_total")) == (type == TONI_COUNTER) &&
           !toni_fake_ends_with(name, TONI_LIT("_bucket")) &&
           !toni_fake_ends_with(name, TONI_LIT("_sum")) &&
           !toni_fake_ends_with(name, TONI_LIT("_count")) &&
           !toni_fake_ends_with(name, TONI_LIT("_info"));
}

#endif
