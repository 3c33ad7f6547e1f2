// @name@: greets each client, and sends what one says to all.
#include <toni/toni.hpp>

namespace
{

class Gateway : public toni::gateway<Gateway>
{
  public:
    explicit Gateway(toni::context context)
        : gateway(context), connections_(context.connections()),
          greeting_(toni::view(toni_option_str(context.handle(), TONI_LIT("greeting"))))
    {
    }

    void on_connect(client_type client)
    {
        toni::check(client.send(greeting_));
    }

    void on_message(client_type /*client*/, toni::message message)
    {
        if (message.is_text())
            toni::check(connections_.to_all().send(message.body()));
    }

  private:
    toni::connections connections_;
    std::string_view greeting_; // of gateways.conf, which outlives this
};

constexpr toni_option greeting = TONI_OPTION_STR("greeting", "Hello", "what a client is sent");

constexpr toni_plugin descriptor()
{
    toni_plugin plugin = Gateway::descriptor(TONI_LIT("@name@"), TONI_LIT("/@name@"));
    plugin.needs = TONI_NEEDS(TONI_REQUIRES_CONNECTIONS);
    plugin.options = TONI_OPTIONS(&greeting);
    return plugin;
}

} // namespace

TONI_PLUGIN_CXX(descriptor());
