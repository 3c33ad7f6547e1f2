/** @file
 * The base of a service's class, for C++17, and what it answers: requests at once, later, and by
 * streams. See http.h for what holds of each. Part of toni.hpp.
 */
#ifndef TONI_SERVICE_HPP
#define TONI_SERVICE_HPP

#include <toni/instance.hpp>

namespace toni
{

/** The request of the running on_request, and its answer; borrowed. */
class exchange
{
  public:
    explicit exchange(toni_exchange *handle) : handle_(handle)
    {
    }
    [[nodiscard]] toni_exchange *handle() const
    {
        return handle_;
    }
    [[nodiscard]] std::string_view method() const
    {
        return view(toni_exchange_method(handle_));
    }
    [[nodiscard]] std::string_view path() const
    {
        return view(toni_exchange_path(handle_));
    }
    /** @return What follows the service's own path: empty, or begins with `/`. */
    [[nodiscard]] std::string_view subpath() const
    {
        return view(toni_exchange_subpath(handle_));
    }
    [[nodiscard]] std::string_view body() const
    {
        return view(toni_exchange_body(handle_));
    }
    [[nodiscard]] std::string_view address() const
    {
        return view(toni_exchange_address(handle_));
    }
    [[nodiscard]] bool is_secure() const
    {
        return toni_exchange_is_secure(handle_) != 0;
    }

    /** @return A query parameter, if there is one of that name. */
    [[nodiscard]] std::optional<std::string_view> parameter(std::string_view name) const
    {
        toni_str value;
        if (toni_exchange_parameter(handle_, str(name), &value) != TONI_OK)
            return std::nullopt;
        return view(value);
    }
    /** @return A header field of the request, if there is one of that name. */
    [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const
    {
        toni_str value;
        if (toni_exchange_header(handle_, str(name), &value) != TONI_OK)
            return std::nullopt;
        return view(value);
    }

    /** @return As toni_exchange_add_header. */
    int32_t add_header(std::string_view name, std::string_view value) const
    {
        return toni_exchange_add_header(handle_, str(name), str(value));
    }
    /** @return As toni_exchange_answer. */
    int32_t answer(uint32_t status, std::string_view content_type, std::string_view body) const
    {
        return toni_exchange_answer(handle_, status, str(content_type), str(body));
    }

  private:
    toni_exchange *handle_;
};

/** An exchange that is answered later, by value: may be copied, and used on any thread. After its
 * answer, or when nobody waits any more, its functions return TONI_ERR_NOT_FOUND. */
class kept
{
  public:
    kept(toni_context *context, toni_exchange_id id) : context_(context), id_(id)
    {
    }
    [[nodiscard]] toni_exchange_id id() const
    {
        return id_;
    }
    /** @return Whether somebody still waits, so that long work can stop early. */
    [[nodiscard]] bool is_waiting() const
    {
        return toni_exchange_is_kept(context_, id_) != 0;
    }
    /** @return As toni_exchange_add_header_kept. */
    int32_t add_header(std::string_view name, std::string_view value) const
    {
        return toni_exchange_add_header_kept(context_, id_, str(name), str(value));
    }
    /** @return As toni_exchange_answer_kept. */
    int32_t answer(uint32_t status, std::string_view content_type, std::string_view body) const
    {
        return toni_exchange_answer_kept(context_, id_, status, str(content_type), str(body));
    }

  private:
    toni_context *context_;
    toni_exchange_id id_;
};

/** An answer that goes on, by value: may be copied, and used on any thread. */
class stream
{
  public:
    stream(toni_context *context, toni_exchange_id id) : context_(context), id_(id)
    {
    }
    [[nodiscard]] toni_exchange_id id() const
    {
        return id_;
    }
    /** @return As toni_exchange_write: all of it is taken, or nothing. */
    int32_t write(std::string_view bytes) const
    {
        return toni_exchange_write(context_, id_, str(bytes));
    }
    /** Writes a Server-Sent Event. @return As toni_exchange_write_event. */
    int32_t write_event(std::string_view event, std::string_view data) const
    {
        return toni_exchange_write_event(context_, id_, str(event), str(data));
    }
    /** @return As toni_exchange_end. */
    int32_t end() const
    {
        return toni_exchange_end(context_, id_);
    }

  private:
    toni_context *context_;
    toni_exchange_id id_;
};

/** The base of a service's class that answers HTTP requests.
 * @tparam T  The class. */
template <class T> class service : public instance<T>
{
  public:
    using instance<T>::instance;

    /* --- `void on_request(toni::exchange)`, public, is what the class must have. What it throws
     * is answered 500, a toni::error of keep() too, but where the host itself says 503. */

    /** @return The descriptor, for TONI_PLUGIN_CXX; a constexpr function may set more of it:
     * `provides`, `needs`, `flags`. */
    static constexpr toni_plugin descriptor(toni_str name, toni_str path)
    {
        toni_plugin plugin = instance<T>::describe_(TONI_SERVICE, name, path);
        plugin.on_request = on_request_;
        return plugin;
    }

  protected:
    ~service() = default;

    /** Keeps the exchange of the running on_request for an answer later.
     * @param limit_ms  How long it may wait; 0: as long as the host allows.
     * @throw error  As toni_exchange_keep. */
    [[nodiscard]] kept keep(exchange exchange, uint64_t limit_ms = 0)
    {
        toni_exchange_id id;
        check(toni_exchange_keep(exchange.handle(), limit_ms, &id));
        return kept(this->context().handle(), id);
    }

    /** What a stream is told: TONI_STREAM_DRAINED or, as its last, TONI_STREAM_ENDED. */
    using stream_fn = std::function<void(stream, uint32_t)>;

    /** Answers a kept exchange by a stream.
     * @param notify  A task of the instance; it ends after it was told TONI_STREAM_ENDED. Empty:
     * nothing is told.
     * @throw error  As toni_exchange_begin. */
    stream begin(const kept &exchange, uint32_t status, std::string_view content_type,
                 stream_fn notify = stream_fn())
    {
        auto data = std::make_unique<stream_fn>(std::move(notify));
        check(toni_exchange_begin(this->context().handle(), exchange.id(), status,
                                  str(content_type), notify_, data.get(), release_));
        data.release(); // the host's now
        return stream(this->context().handle(), exchange.id());
    }

  private:
    static int32_t on_request_(void *self, toni_exchange *handle)
    {
        return instance<T>::answer_(self, "on_request",
                                    [&](T &t) { t.on_request(exchange(handle)); });
    }
    static void notify_(void *self, void *data, toni_exchange_id id, uint32_t what)
    {
        const auto *run = static_cast<const stream_fn *>(data);
        if (*run)
            (void)instance<T>::call_(self, "a stream", [&](T &t) {
                (*run)(stream(static_cast<service &>(t).context().handle(), id), what);
            });
    }
    static void release_(void *data)
    {
        delete static_cast<stream_fn *>(data);
    }
};

} // namespace toni

#endif
