/** @file
 * What the host hands out, as values of C++17: thin, and borrowed as the handles in them are; what
 * is owned ends by itself. Part of toni.hpp.
 */
#ifndef TONI_HANDLES_HPP
#define TONI_HANDLES_HPP

#include <toni/toni.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace toni
{

/** @return The same bytes; borrowed, as @p text is. */
inline std::string_view view(toni_str text)
{
    return std::string_view(text.data != nullptr ? text.data : "", text.size);
}

/** @return The same bytes; borrowed, as @p text is. */
inline toni_str str(std::string_view text)
{
    return toni_str_make(text.data(), text.size());
}

/** @return The text of a position, for a client: toni_position_text. */
inline std::string position_text(toni_position position)
{
    char text[TONI_POSITION_TEXT + 1];
    toni_position_text(position, text);
    return std::string(text, TONI_POSITION_TEXT);
}

/** @return What a client has sent as its position; nothing, if it is the text of none. */
inline std::optional<toni_position> parse_position(std::string_view text)
{
    toni_position position;
    if (toni_position_parse(str(text), &position) != TONI_OK)
        return std::nullopt;
    return position;
}

/** An error of one of the host's functions, as an exception. Thrown in on_connect it says why the
 * client is refused: see plugin.h for the codes that it gets. */
class error : public std::runtime_error
{
  public:
    explicit error(int32_t code) : std::runtime_error(toni_strerror(code)), code_(code)
    {
    }
    /** @return One of TONI_ERR_…. */
    [[nodiscard]] int32_t code() const
    {
        return code_;
    }

  private:
    int32_t code_;
};

/** @return @p result, a count or TONI_OK. @throw error  It is below 0. */
inline int32_t check(int32_t result)
{
    if (result < 0)
        throw error(result);
    return result;
}

/** What the client asked for; see request.h for how long it is there. */
class request
{
  public:
    explicit request(const toni_request *handle) : handle_(handle)
    {
    }
    [[nodiscard]] const toni_request *handle() const
    {
        return handle_;
    }
    [[nodiscard]] std::string_view path() const
    {
        return view(toni_request_path(handle_));
    }
    [[nodiscard]] std::string_view origin() const
    {
        return view(toni_request_origin(handle_));
    }
    [[nodiscard]] std::string_view address() const
    {
        return view(toni_request_address(handle_));
    }
    [[nodiscard]] bool is_secure() const
    {
        return toni_request_is_secure(handle_) != 0;
    }

    /** @return A query parameter, if there is one of that name. */
    [[nodiscard]] std::optional<std::string_view> parameter(std::string_view name) const
    {
        toni_str value;
        if (toni_request_parameter(handle_, str(name), &value) != TONI_OK)
            return std::nullopt;
        return view(value);
    }

    /** @return A header field, if there is one of that name and it was kept. */
    [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const
    {
        toni_str value;
        if (toni_request_header(handle_, str(name), &value) != TONI_OK)
            return std::nullopt;
        return view(value);
    }

  private:
    const toni_request *handle_;
};

/** A message that has come; borrowed for the length of the callback. */
class message
{
  public:
    explicit message(const toni_message *handle) : handle_(handle)
    {
    }
    [[nodiscard]] const toni_message *handle() const
    {
        return handle_;
    }
    [[nodiscard]] bool is_text() const
    {
        return handle_->kind == TONI_TEXT;
    }
    [[nodiscard]] std::string_view body() const
    {
        return view(handle_->body);
    }

  private:
    const toni_message *handle_;
};

/** The client of the running callback, without data; see client. */
class basic_client
{
  public:
    explicit basic_client(toni_client *handle) : handle_(handle)
    {
    }
    [[nodiscard]] toni_client *handle() const
    {
        return handle_;
    }
    [[nodiscard]] toni_client_id id() const
    {
        return toni_client_id_of(handle_);
    }
    [[nodiscard]] std::string_view name() const
    {
        return toni_client_name(handle_);
    }
    [[nodiscard]] toni::request request() const
    {
        return toni::request(toni_client_request(handle_));
    }

    /** Sends a text. @return As toni_send_to_client. */
    int32_t send(std::string_view text) const
    {
        return toni_client_send_text(handle_, str(text));
    }
    /** Sends a message as it came, text or binary. @return As toni_send_to_client. */
    int32_t send(const message &message) const
    {
        return toni_client_send(handle_, message.handle());
    }
    /** Sends bytes. @return As toni_send_to_client. */
    int32_t send_binary(std::string_view bytes) const
    {
        const toni_message binary = toni_binary(str(bytes));
        return toni_client_send(handle_, &binary);
    }
    /** @return As toni_close_client. */
    int32_t close(uint16_t code, std::string_view reason) const
    {
        return toni_client_close(handle_, code, str(reason));
    }

  private:
    toni_client *handle_;
};

/** The client of the running callback. @tparam Data  What the gateway keeps with each. */
template <class Data> class client : public basic_client
{
  public:
    using basic_client::basic_client;

    /** @return What emplace has made; NULL: nothing yet. */
    [[nodiscard]] Data *data() const
    {
        return static_cast<Data *>(toni_client_data(handle()));
    }

    /** Makes what is kept with the client, in place of what was. It ends after on_disconnect. */
    template <class... Args> Data &emplace(Args &&...args) const
    {
        auto made = std::make_unique<Data>(std::forward<Args>(args)...);
        std::unique_ptr<Data> former(data());
        toni_client_set_data(handle(), made.get());
        return *made.release();
    }
};

template <> class client<void> : public basic_client
{
  public:
    using basic_client::basic_client;
};

/** A target of one message: see the target builder of connections.h. Ends without a message if none
 * is sent. */
class target
{
  public:
    explicit target(toni_target *handle) : handle_(handle)
    {
    }
    target(target &&other) noexcept : handle_(std::exchange(other.handle_, nullptr))
    {
    }
    target(const target &) = delete;
    target &operator=(const target &) = delete;
    target &operator=(target &&) = delete;
    ~target()
    {
        toni_target_destroy(handle_);
    }

    target &&to_room(std::string_view room) &&
    {
        toni_target_to_room(handle_, str(room));
        return std::move(*this);
    }
    target &&to_client(toni_client_id client) &&
    {
        toni_target_to_client(handle_, client);
        return std::move(*this);
    }
    target &&except(toni_client_id client) &&
    {
        toni_target_except(handle_, client);
        return std::move(*this);
    }
    /** Sends a text. @return As toni_target_send. */
    int32_t send(std::string_view text) &&
    {
        return toni_target_send_text(std::exchange(handle_, nullptr), str(text));
    }

  private:
    toni_target *handle_;
};

/** Clients and rooms: connections.h. Functions return as those there. */
class connections
{
  public:
    explicit connections(toni_connections *handle) : handle_(handle)
    {
    }
    [[nodiscard]] toni_connections *handle() const
    {
        return handle_;
    }

    int32_t join(toni_client_id client, std::string_view room) const
    {
        return toni_join_room(handle_, client, str(room));
    }
    int32_t leave(toni_client_id client, std::string_view room) const
    {
        return toni_leave_room(handle_, client, str(room));
    }
    int32_t broadcast(std::string_view room, std::string_view text) const
    {
        return toni_broadcast_to_room_text(handle_, str(room), str(text));
    }
    /** Broadcasts a text with the room's position in it: toni_message_with_position.
     * @param position_at  Where in @p text the TONI_POSITION_TEXT bytes begin; from 1. */
    int32_t broadcast(std::string_view room, std::string_view text, size_t position_at) const
    {
        const toni_message message = toni_message_with_position(toni_text(str(text)), position_at);
        return toni_broadcast_to_room(handle_, str(room), &message);
    }
    int32_t send(toni_client_id client, std::string_view text) const
    {
        return toni_send_to_client_text(handle_, client, str(text));
    }
    int32_t close(toni_client_id client, uint16_t code, std::string_view reason) const
    {
        return toni_close_client(handle_, client, code, str(reason));
    }
    /** @return Where a room is; nothing, if it is not there or keeps no messages.
     * @throw error  As toni_room_position, but TONI_ERR_NOT_FOUND. */
    [[nodiscard]] std::optional<toni_position> position(std::string_view room) const
    {
        toni_position position;
        const int32_t result = toni_room_position(handle_, str(room), &position);
        if (result != TONI_ERR_NOT_FOUND)
            check(result);
        if (result != TONI_OK || position.epoch == 0)
            return std::nullopt;
        return position;
    }
    [[nodiscard]] uint64_t room_count() const
    {
        return toni_room_count(handle_);
    }

    /** `to_room("a").to_room("b").except(client.id()).send("hello")` */
    [[nodiscard]] target to_room(std::string_view room) const
    {
        return target(toni_to_room(handle_, str(room)));
    }
    [[nodiscard]] target to_all() const
    {
        return target(toni_to_all(handle_));
    }

    /** @return Who is in a room. @throw error  As toni_get_room_members. */
    [[nodiscard]] std::vector<toni_client_id> members(std::string_view room) const
    {
        toni_client_ids *ids;
        check(toni_get_room_members(handle_, str(room), &ids));
        const std::unique_ptr<toni_client_ids, void (*)(toni_client_ids *)> owner(
            ids, toni_client_ids_destroy);
        return std::vector<toni_client_id>(ids->ids, ids->ids + ids->count);
    }

    /** @return The rooms of a client. @throw error  As toni_get_client_rooms. */
    [[nodiscard]] std::vector<std::string> rooms(toni_client_id client) const
    {
        toni_room_names *names;
        check(toni_get_client_rooms(handle_, client, &names));
        const std::unique_ptr<toni_room_names, void (*)(toni_room_names *)> owner(
            names, toni_room_names_destroy);
        std::vector<std::string> rooms;
        for (size_t i = 0; i < names->count; i++)
            rooms.emplace_back(view(names->names[i]));
        return rooms;
    }

  private:
    toni_connections *handle_;
};

/** What the host gives to the instance: context.h. */
class context
{
  public:
    explicit context(toni_context *handle) : handle_(handle)
    {
    }
    [[nodiscard]] toni_context *handle() const
    {
        return handle_;
    }
    [[nodiscard]] std::string_view name() const
    {
        return view(toni_context_name(handle_));
    }

    /** The descriptor's `needs` has TONI_REQUIRES_CONNECTIONS. */
    [[nodiscard]] toni::connections connections() const
    {
        return toni::connections(toni_context_connections(handle_));
    }
    /** @param level  TONI_LOG_DEBUG to TONI_LOG_ERROR. */
    void log(uint32_t level, std::string_view text) const
    {
        toni_host_of(handle_)->context_log(handle_, level, str(text), nullptr, 0);
    }

  private:
    toni_context *handle_;
};

/** A timer, which is cancelled with this; toni::gateway makes it. */
class timer
{
  public:
    timer() = default;
    timer(toni_context *context, int64_t id) : context_(context), id_(id)
    {
    }
    timer(timer &&other) noexcept : context_(other.context_), id_(std::exchange(other.id_, 0))
    {
    }
    timer(const timer &) = delete;
    timer &operator=(const timer &) = delete;
    timer &operator=(timer &&other) noexcept
    {
        cancel();
        context_ = other.context_;
        id_ = std::exchange(other.id_, 0);
        return *this;
    }
    ~timer()
    {
        cancel();
    }

    void cancel()
    {
        if (id_ > 0)
            (void)toni_cancel_timer(context_, id_);
        id_ = 0;
    }
    /** Lets it go on without this. */
    void detach()
    {
        id_ = 0;
    }

  private:
    toni_context *context_ = nullptr;
    int64_t id_ = 0;
};

} // namespace toni

#endif
