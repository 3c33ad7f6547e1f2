// @name@: greets whoever asks over HTTP.
#include <toni/toni.hpp>

namespace
{

class Service : public toni::service<Service>
{
  public:
    explicit Service(toni::context context)
        : service(context),
          greeting_(toni::view(toni_option_str(context.handle(), TONI_LIT("greeting"))))
    {
    }

    // GET /@name@?name=Anna
    void on_request(toni::exchange exchange)
    {
        constexpr std::string_view type = "text/plain; charset=utf-8";
        const auto name = exchange.parameter("name");
        if (!name)
            toni::check(exchange.answer(400, type, "say your ?name=\n"));
        else
            toni::check(exchange.answer(200, type, greeting_ + ", " + std::string(*name) + "!\n"));
    }

  private:
    std::string greeting_;
};

constexpr toni_option greeting =
    TONI_OPTION_STR("greeting", "Hello", "what stands before the name");

constexpr toni_plugin descriptor()
{
    toni_plugin plugin = Service::descriptor(TONI_LIT("@name@"), TONI_LIT("/@name@"));
    plugin.options = TONI_OPTIONS(&greeting);
    return plugin;
}

} // namespace

TONI_PLUGIN_CXX(descriptor());
