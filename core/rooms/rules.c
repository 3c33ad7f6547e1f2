/* Rules; see rules.h. */
#include "rooms/rules.h"

#include "base/utf8.h"

/* Most names are, and every broadcast looks at one. */
static bool is_printable_ascii(toni_str name)
{
    unsigned outside = 0;
    for (size_t i = 0; i < name.size; i++) {
        const unsigned above = (unsigned)(uint8_t)name.data[i] - 0x20u;
        outside |= above > 0x7eu - 0x20u;
    }
    return !outside;
}

bool room_name_valid(toni_str name)
{
    if (name.size < 1 || name.size > ROOM_NAME_MAX)
        return false;
    return is_printable_ascii(name) ||
           (utf8_valid(name.data, name.size) && !utf8_has_control(name.data, name.size));
}

/* RFC 6455, section 7.4; 1004 to 1006 and 1015 never go on the wire. */
bool close_valid(uint16_t code, toni_str reason)
{
    bool defined = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
    return (defined || (code >= 3000 && code <= 4999)) && reason.size <= FRAME_REASON_MAX &&
           utf8_valid(reason.data, reason.size);
}

int32_t message_check(const toni_message *message, uint64_t limit)
{
    if (message->struct_size < TONI_MESSAGE_SIZE_1_0 ||
        (message->kind != TONI_TEXT && message->kind != TONI_BINARY))
        return TONI_ERR_INVALID;
    /* The size alone first: that of the frames could wrap around. */
    if (message->body.size > limit || frame_message_size(message->body.size) > limit)
        return TONI_ERR_TOO_BIG;
    const size_t at = message_position_at(message);
    if (at > 0 &&
        (message->body.size < TONI_POSITION_TEXT || at > message->body.size - TONI_POSITION_TEXT))
        return TONI_ERR_INVALID;
    if (message->kind == TONI_TEXT && !utf8_valid(message->body.data, message->body.size))
        return TONI_ERR_INVALID;
    return TONI_OK;
}

int32_t broadcast_check(toni_connections *connections, const toni_message *message)
{
    const struct limits *limits = &connections->limits;
    const uint64_t most = limits->pending_bytes_per_room < limits->pending_bytes
                              ? limits->pending_bytes_per_room
                              : limits->pending_bytes;
    const int32_t result = message_check(message, most);
    if (result == TONI_ERR_TOO_BIG)
        counter_add_shared(&connections->refused_too_big, 1);
    return result;
}
