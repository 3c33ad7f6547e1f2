/** @file
 * The base of a gateway's class, for C++17: makes the descriptor, and ends exceptions at the
 * border. Part of toni.hpp.
 */
#ifndef TONI_GATEWAY_HPP
#define TONI_GATEWAY_HPP

#include <toni/instance.hpp>

namespace toni
{

/** The base of a gateway's class.
 * @tparam T     The class.
 * @tparam Data  What it keeps with each client; void: nothing. */
template <class T, class Data = void> class gateway : public instance<T>
{
  public:
    using client_type = client<Data>;
    using instance<T>::instance;

    /* --- The callbacks, of which the class has those that it wants: see plugin.h. `void
     * on_message(client_type, message)` is the one that it must have. */

    int32_t guard(request /*request*/)
    {
        return TONI_OK;
    }
    void on_connect(client_type /*client*/)
    {
    }
    void on_disconnect(client_type /*client*/, const toni_disconnect_info & /*info*/)
    {
    }
    void on_adopt(client_type /*client*/)
    {
    }
    void on_drained(client_type /*client*/)
    {
    }
    /** @return 0 to keep the client, or a close code. Without it a refusal costs the client
     * nothing. */
    int32_t on_error(client_type /*client*/, uint32_t /*where*/, int32_t /*error*/)
    {
        return 0;
    }

    /** @return The descriptor, for TONI_PLUGIN_CXX; a constexpr function may set more of it:
     * `needs`, `flags`, `subprotocols`. */
    static constexpr toni_plugin descriptor(toni_str name, toni_str path)
    {
        toni_plugin plugin = instance<T>::describe_(TONI_GATEWAY, name, path);
        plugin.on_message = on_message_;
        if constexpr (!std::is_void_v<Data>)
            plugin.client_free = client_free_;
#define TONI_TAKE(member)                                                                          \
    if constexpr (!std::is_same_v<decltype(&T::member), decltype(&gateway::member)>)               \
    plugin.member = member##_
        TONI_TAKE(guard);
        TONI_TAKE(on_connect);
        TONI_TAKE(on_disconnect);
        TONI_TAKE(on_adopt);
        TONI_TAKE(on_drained);
        TONI_TAKE(on_error);
#undef TONI_TAKE
        return plugin;
    }

  protected:
    ~gateway() = default;

  private:
    using instance<T>::answer_;
    using instance<T>::call_;

    static void client_free_(void * /*self*/, void *data)
    {
        if constexpr (!std::is_void_v<Data>)
            delete static_cast<Data *>(data);
    }
    static int32_t guard_(void *self, const toni_request *handle)
    {
        return call_(self, "guard", [&](T &t) { return t.guard(toni::request(handle)); });
    }
    static int32_t on_connect_(void *self, toni_client *handle)
    {
        return answer_(self, "on_connect", [&](T &t) { t.on_connect(client_type(handle)); });
    }
    static int32_t on_message_(void *self, toni_client *handle, const toni_message *came)
    {
        return answer_(self, "on_message",
                       [&](T &t) { t.on_message(client_type(handle), message(came)); });
    }
    static void on_disconnect_(void *self, toni_client *handle, const toni_disconnect_info *info)
    {
        (void)call_(self, "on_disconnect",
                    [&](T &t) { t.on_disconnect(client_type(handle), *info); });
    }
    static int32_t on_adopt_(void *self, toni_client *handle)
    {
        return call_(self, "on_adopt", [&](T &t) { t.on_adopt(client_type(handle)); });
    }
    static int32_t on_drained_(void *self, toni_client *handle)
    {
        return answer_(self, "on_drained", [&](T &t) { t.on_drained(client_type(handle)); });
    }
    static int32_t on_error_(void *self, toni_client *handle, uint32_t where, int32_t code)
    {
        const int32_t result = call_(
            self, "on_error", [&](T &t) { return t.on_error(client_type(handle), where, code); });
        return result < 0 ? 1011 : result;
    }
};

} // namespace toni

#endif
