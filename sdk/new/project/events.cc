// @name@: greets each client, and sends what one says to all; with events by name.
#include <toni/events.h>
#include <toni/toni.hpp>

namespace
{

class Gateway : public toni::gateway<Gateway>
{
  public:
    explicit Gateway(toni::context context);

    // ← {"event":"@name@.greeting","data":{"text":"Hello"}}
    void on_connect(client_type client)
    {
        toni::check(
            toni_events_send(events_.get(), client.id(), "@name@.greeting",
                             json_pack("{s:s%}", "text", greeting_.data(), greeting_.size())));
    }

    void on_message(client_type client, toni::message message)
    {
        toni::check(toni_events_dispatch(events_.get(), client.handle(), message.handle()));
    }

    void on_disconnect(client_type client, const toni_disconnect_info & /*info*/)
    {
        toni_events_gone(events_.get(), client.id());
    }

    // → {"event":"@name@.say","id":1,"data":{"text":"hi"}}
    // ← {"event":"@name@.said","data":{"text":"hi"}}, to all
    // ← {"id":1,"data":{"heard":2}}
    int32_t say(const toni_event &event)
    {
        const int32_t heard = toni::check(toni_events_send_to_target(
            events_.get(), toni_to_all(connections_.handle()), "@name@.said",
            json_pack("{s:O}", "text", json_object_get(event.data, "text"))));
        return toni_call_answer(event.call, json_pack("{s:i}", "heard", heard));
    }

  private:
    toni::connections connections_;
    std::string_view greeting_; // of gateways.conf, which outlives this
    std::unique_ptr<toni_events, void (*)(toni_events *)> events_{nullptr, toni_events_destroy};
};

int32_t say(void *self, const toni_event *event)
{
    return Gateway::fence(self, "@name@.say",
                          [&](Gateway &gateway) { return gateway.say(*event); });
}

const toni_event_member say_members[] = {{"text", TONI_EVENT_STRING, 1, 1, 1000, nullptr}, {}};
const toni_event_handler handlers[] = {{"@name@.say", say, nullptr, say_members, 0}, {}};

Gateway::Gateway(toni::context context)
    : gateway(context), connections_(context.connections()),
      greeting_(toni::view(toni_option_str(context.handle(), TONI_LIT("greeting"))))
{
    toni_events_setup setup{};
    toni_events *events;
    setup.handlers = handlers;
    toni::check(toni_events_create(context.handle(), this, &setup, &events));
    events_.reset(events);
}

constexpr toni_event_list events = toni_events_list(handlers); // what `toni describe` shows
constexpr toni_option greeting = TONI_OPTION_STR("greeting", "Hello", "what a client is sent");

constexpr toni_plugin descriptor()
{
    toni_plugin plugin = Gateway::descriptor(TONI_LIT("@name@"), TONI_LIT("/@name@"));
    plugin.needs = TONI_NEEDS(TONI_REQUIRES_CONNECTIONS);
    plugin.options = TONI_OPTIONS(&greeting);
    plugin.events = &events;
    return plugin;
}

} // namespace

TONI_PLUGIN_CXX(descriptor());
