/** @file
 * toni for C++17: a gateway or a service is a class. Header only, on top of toni.h; nothing to
 * link.
 *
 *     struct Visitor { unsigned messages = 0; };
 *
 *     class Tally : public toni::gateway<Tally, Visitor>
 *     {
 *     public:
 *         using gateway::gateway; // the constructor that takes a toni::context
 *         void on_connect(client_type client) { client.emplace(); }
 *         void on_message(client_type client, toni::message)
 *         {
 *             client.send(std::to_string(++client.data()->messages));
 *         }
 *     };
 *
 *     TONI_PLUGIN_CXX(Tally::descriptor(TONI_LIT("tally"), TONI_LIT("/tally")));
 *
 * A service's class has toni::service as its base, and `void on_request(toni::exchange)`.
 *
 * The callbacks are those members of toni::gateway that the class has of its own, public ones.
 * Hooks and callbacks run as in plugin.h: one at a time, unless the descriptor says
 * TONI_CONCURRENT.
 *
 * An exception ends at the border: it is logged with its what() and counted
 * (`plugin_exceptions_total` in /metrics), and costs what an error costs: in on_message the client
 * is closed with 1011, in on_connect it is refused, in a hook the host does not start, in
 * export_state and import_state the swap is given up. The functions below throw nothing but
 * std::bad_alloc; they return what the host's functions return, which toni::check turns into an
 * exception.
 */
#ifndef TONI_HPP
#define TONI_HPP

#include <toni/gateway.hpp>
#include <toni/handles.hpp>
#include <toni/service.hpp>
#include <toni/toni.h>

#endif
