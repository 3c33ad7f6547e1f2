// The rooms gateway's language on uWebSockets, a room being a topic; `enter:R` joins without
// telling the others. Usage: uws_rooms PORT [CERTIFICATE KEY], the latter two for TLS
#include "App.h"

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace
{

struct Client {
    std::string id;
};

bool strip_prefix(std::string_view &text, std::string_view prefix)
{
    if (text.substr(0, prefix.size()) != prefix)
        return false;
    text.remove_prefix(prefix.size());
    return true;
}

std::string next_id()
{
    static unsigned long long last = 0;
    char id[17];
    (void)std::snprintf(id, sizeof id, "%016llx", ++last);
    return id;
}

// Over TLS or not; ends only if it can't listen.
template <bool TLS> int serve(int port, const uWS::SocketContextOptions &options)
{
    using Socket = uWS::WebSocket<TLS, true, Client>;
    uWS::TemplatedApp<TLS> app(options);
    std::string out; // kept, so that a message costs no allocation

    const auto publish = [&app, &out](Socket *socket, std::string_view rest) {
        const size_t colon = rest.find(':');
        if (colon == std::string_view::npos)
            return;
        const std::string_view room = rest.substr(0, colon);
        out.assign("[").append(room).append("] ").append(socket->getUserData()->id);
        out.append(": ").append(rest.substr(colon + 1));
        app.publish(room, out, uWS::OpCode::TEXT);
    };
    const auto join = [&app, &out](Socket *socket, std::string_view room) {
        socket->subscribe(room);
        socket->send(out.assign("Joined room: ").append(room), uWS::OpCode::TEXT);
        out.assign(socket->getUserData()->id).append(" joined");
        app.publish(room, out, uWS::OpCode::TEXT);
    };

    typename uWS::TemplatedApp<TLS>::template WebSocketBehavior<Client> rooms;
    rooms.maxPayloadLength = 4U << 20;
    rooms.maxBackpressure = 0; // unbounded
    rooms.idleTimeout = 0;
    rooms.open = [](Socket *socket) {
        socket->getUserData()->id = next_id();
        socket->send("Connected. Send 'join:<room>' to join a room.", uWS::OpCode::TEXT);
    };
    rooms.message = [&](Socket *socket, std::string_view text, uWS::OpCode code) {
        if (code != uWS::OpCode::TEXT)
            return;
        if (strip_prefix(text, "join:"))
            join(socket, text);
        else if (strip_prefix(text, "enter:"))
            socket->subscribe(text);
        else if (strip_prefix(text, "msg:"))
            publish(socket, text);
    };

    bool listens = false;
    app.template ws<Client>("/rooms", std::move(rooms));
    app.listen("127.0.0.1", port,
               [&listens](const us_listen_socket_t *socket) { listens = socket != nullptr; });
    if (!listens)
        return EXIT_FAILURE;
    app.run();
    return EXIT_SUCCESS;
}

} // namespace

int main(int argc, char **argv)
{
    uWS::SocketContextOptions options;
    if (argc == 2)
        return serve<false>(std::atoi(argv[1]), options);
    if (argc != 4)
        return EXIT_FAILURE;
    options.cert_file_name = argv[2];
    options.key_file_name = argv[3];
    return serve<true>(std::atoi(argv[1]), options);
}
