"""The page for people: what `/` of `listen.http` answers, and what the log says of it. What a
browser makes of it is seen in tests/browser."""

import http.client
import json
import os
import shutil
import tempfile
import unittest

from toni_host import (
    BUILD,
    CHAT,
    DEADLINE,
    ECHO,
    PLUGINS,
    ROOMS,
    TONI,
    Host,
    HostTestCase,
    configuration,
    exchange,
    gateway,
    main,
    service,
)

WWW = os.path.join(BUILD, "share", "toni", "www")
FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/style.css": ("style.css", "text/css; charset=utf-8"),
    **{
        "/%s.js" % name: (name + ".js", "text/javascript; charset=utf-8")
        for name in (
            "workbench", "host", "connection", "console", "composer", "messages", "events", "elsewhere",
            "rooms", "chat", "protocol", "text",
        )
    },
    "/icon.svg": ("icon.svg", "image/svg+xml; charset=utf-8"),
}
PATHS = [*FILES, "/toni.json"]
OPEN = "open the page in a browser"


def request(address, method, path, headers=(), connection=None):
    """An answer, with its `content` read."""
    name, port = address.rsplit(":", 1)
    made = connection or http.client.HTTPConnection(name.strip("[]"), int(port), timeout=DEADLINE)
    try:
        made.request(method, path, headers=dict(headers))
        answer = made.getresponse()
        answer.content = answer.read()
        return answer
    finally:
        if not connection:
            made.close()


class TestPage(HostTestCase):
    gateways = (ROOMS, ECHO, CHAT)
    http = "127.0.0.1:0"

    def ask(self, method, path, headers=(), connection=None):
        return request(self.host.http_address, method, path, headers, connection)

    def test_its_files_come_as_they_are_installed(self):
        for path, (name, content_type) in FILES.items():
            answer = self.ask("GET", path)
            self.assertEqual(answer.status, 200, path)
            self.assertEqual(answer.headers["Content-Type"], content_type)
            with open(os.path.join(WWW, name), "rb") as file:
                self.assertEqual(answer.content, file.read())
        self.assertEqual(sorted(os.listdir(WWW)), sorted(name for name, _ in FILES.values()))

    def test_every_answer_carries_what_guards_it(self):
        for path in PATHS:
            answer = self.ask("GET", path)
            policy = answer.headers["Content-Security-Policy"].split("; ")
            self.assertIn("default-src 'none'", policy)
            self.assertIn("script-src 'self'", policy)
            self.assertIn("style-src 'self'", policy)
            self.assertIn("connect-src 'self' ws: wss:", policy)
            self.assertNotIn("unsafe", answer.headers["Content-Security-Policy"])
            self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
            self.assertEqual(answer.headers["Referrer-Policy"], "no-referrer")
            self.assertEqual(answer.headers["Cache-Control"], "no-cache")

    def test_304_for_who_has_it_already(self):
        tags = set()
        for path in PATHS:
            tag = self.ask("GET", path).headers["ETag"]
            tags.add(tag)
            for known in (tag, "W/" + tag, '"other", %s' % tag, "*"):
                answer = self.ask("GET", path, {"If-None-Match": known})
                self.assertEqual((answer.status, answer.content), (304, b""), known)
                self.assertEqual(answer.headers["ETag"], tag)
            self.assertEqual(self.ask("HEAD", path, {"If-None-Match": tag}).status, 304)
            self.assertEqual(self.ask("GET", path, {"If-None-Match": '"other"'}).status, 200)
        self.assertEqual(len(tags), len(PATHS))

    def test_a_connection_serves_all_of_it(self):
        name, port = self.host.http_address.rsplit(":", 1)
        connection = http.client.HTTPConnection(name, int(port), timeout=DEADLINE)
        self.addCleanup(connection.close)
        for path in PATHS * 2:
            self.assertEqual(self.ask("GET", path, connection=connection).status, 200)
            self.assertIsNotNone(connection.sock)

    def test_head_has_no_content(self):
        for path in PATHS:
            answer, whole = self.ask("HEAD", path), self.ask("GET", path)
            self.assertEqual((answer.status, answer.content), (200, b""))
            for field in ("Content-Length", "Content-Type", "ETag"):
                self.assertEqual(answer.headers[field], whole.headers[field])

    def test_405_says_what_is_allowed(self):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            for path in PATHS:
                answer = self.ask(method, path)
                self.assertEqual(answer.status, 405)
                self.assertEqual(answer.headers["Allow"], "GET, HEAD")
        answer = self.ask("OPTIONS", "/")
        self.assertEqual((answer.status, answer.headers["Allow"]), (204, "GET, HEAD"))

    def test_a_body_is_not_waited_for(self):
        head = b"%s / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n"
        for method, status in ((b"GET", 200), (b"POST", 405)):
            answer = exchange(self.host.http_address, head % method)
            self.assertEqual(answer.status, status)

    def test_404_for_everything_else(self):
        for path in ("/index.html", "/style.css/", "/www/chat.js", "//", "/CHAT.JS", "/%00",
                     "/../chat.js", "/x/../chat.js", "/./chat.js", "/..%2f..%2fbin/toni",
                     "/../../../../../../../etc/passwd", "/favicon.ico"):
            answer = exchange(
                self.host.http_address,
                b"GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % path.encode(),
            )
            self.assertEqual(answer.status, 404, path)

    def test_query_and_percent_encoding_make_no_difference(self):
        whole = self.ask("GET", "/chat.js").content
        for path in ("/chat.js?a=b", "/%63hat%2ejs", "/chat.js?"):
            self.assertEqual(self.ask("GET", path).content, whole)

    def test_toni_json_tells_the_real_ports_and_the_gateways(self):
        answer = self.ask("GET", "/toni.json")
        self.assertEqual(answer.headers["Content-Type"], "application/json")
        told = json.loads(answer.content)
        port = int(self.host.address.rsplit(":", 1)[1])
        self.assertEqual(told.pop("websocket"), [{"port": port}])
        self.assertEqual(
            told.pop("gateways"),
            [{"name": "rooms", "path": "/rooms"}, {"name": "echo", "path": "/echo"}],
        )
        self.assertRegex(told.pop("version"), r"\A\d+\.\d+\.\d+\Z")
        self.assertEqual(told, {})

    def test_services_have_their_paths_as_ever(self):
        self.assertEqual(self.ask("GET", "/chat/room").status, 405)

    def test_the_log_says_where_it_is(self):
        line = self.host.wait_log(msg=OPEN)
        self.assertEqual(line["url"], "http://%s/" % self.host.http_address)
        self.assertEqual(request(line["url"][len("http://") : -1], "GET", "/").status, 200)


class TestWhereItIs(unittest.TestCase):
    def start(self, conf, program=TONI):
        host = Host(conf)
        host.program = program
        self.addCleanup(host.kill)
        return host.start()

    def url(self, **how):
        """What the log says; the log's end, so that nothing can follow. None: it says nothing."""
        host = self.start(configuration((ROOMS,), **how))
        host.stop()
        found = host.log(msg=OPEN)
        return (found[0]["url"], host.http_address.rsplit(":", 1)[1]) if found else None

    def test_a_wildcard_is_named_by_this_machine(self):
        url, port = self.url(http="0.0.0.0:0")
        self.assertEqual(url, "http://127.0.0.1:%s/" % port)

    def test_the_first_that_a_browser_can_reach(self):
        with tempfile.TemporaryDirectory() as folder:
            url, _ = self.url(http=["unix:" + folder + "/http", "127.0.0.1:0"])
            self.assertRegex(url, r"\Ahttp://127\.0\.0\.1:\d+/\Z")
            self.assertIsNone(self.url(http="unix:" + folder + "/http"))

    def test_ipv6(self):
        if not os.path.exists("/proc/net/if_inet6"):
            self.skipTest("no IPv6 here")
        for listen in ("[::1]:0", "[::]:0"):
            url, port = self.url(http=listen)
            self.assertEqual(url, "http://[::1]:%s/" % port)

    def test_nothing_is_said_without_a_page(self):
        self.assertIsNone(self.url())
        self.assertIsNone(self.url(http="127.0.0.1:0", page=False))

    def test_off_means_404(self):
        host = self.start(configuration((ROOMS,), http="127.0.0.1:0", page=False))
        for path in PATHS:
            self.assertEqual(request(host.http_address, "GET", path).status, 404)
        host.stop()

    def test_several_ports_and_unix_sockets(self):
        with tempfile.TemporaryDirectory() as folder:
            listen = ["127.0.0.1:0", "unix:" + folder + "/ws", "127.0.0.1:0"]
            host = self.start(configuration((ROOMS,), listen=listen, http="127.0.0.1:0"))
            told = json.loads(request(host.http_address, "GET", "/toni.json").content)
            ports = [a.rsplit(":", 1)[1] for a in host.addresses if not a.startswith("unix:")]
            self.assertEqual([p["port"] for p in told["websocket"]], [int(p) for p in ports])
            self.assertEqual(len(ports), 2)
            host.stop()

    def test_unix_sockets_alone_are_no_port(self):
        with tempfile.TemporaryDirectory() as folder:
            listen = "unix:" + folder + "/ws"
            host = self.start(configuration((ROOMS,), listen=listen, http="127.0.0.1:0"))
            told = json.loads(request(host.http_address, "GET", "/toni.json").content)
            self.assertEqual(told["websocket"], [])
            host.stop()

    def test_a_service_that_has_a_path_wins(self):
        probe = "http_probe_service.so"
        everything = configuration((ROOMS, service("all", probe, "/")), http="127.0.0.1:0")
        host = self.start(everything)
        for path in PATHS:
            self.assertIn(b"path=" + path.encode(), request(host.http_address, "GET", path).content)
        host.stop()
        self.assertEqual(host.log(msg=OPEN), [])

        host = self.start(
            configuration((ROOMS, service("script", probe, "/chat.js")), http="127.0.0.1:0")
        )
        self.assertIn(b"path=/chat.js", request(host.http_address, "GET", "/chat.js").content)
        self.assertIn(b"<!doctype html>", request(host.http_address, "GET", "/").content)
        host.stop()
        self.assertEqual(len(host.log(msg=OPEN)), 1)

    def test_where_guards_are_asked_nobody_is_sent_there(self):
        tokens = service("tokens", "token_guard.so", None)
        rooms = gateway("rooms", "rooms_gateway.so", "/rooms", guards=["tokens"])
        host = self.start(configuration((tokens, rooms), http="127.0.0.1:0"))
        line = host.wait_log(url="http://%s/" % host.http_address)
        self.assertIn("brings no token", line["msg"])
        host.stop()
        self.assertEqual(host.log(msg=OPEN), [])

    def test_files_that_are_missing_are_no_reason_to_stop(self):
        with tempfile.TemporaryDirectory() as prefix:
            os.mkdir(prefix + "/bin")
            shutil.copy(TONI, prefix + "/bin/toni")
            conf = configuration((ROOMS,), http="127.0.0.1:0", plugin_path=[PLUGINS])
            for missing in ("index.html", "protocol.js"):
                if missing != "index.html":
                    shutil.copytree(WWW, prefix + "/share/toni/www")
                    os.remove(prefix + "/share/toni/www/" + missing)
                host = self.start(conf, prefix + "/bin/toni")
                line = host.wait_log(level="warn")
                self.assertIn("page = false", line["msg"])
                self.assertTrue(line["file"].endswith("share/toni/www/" + missing), line["file"])
                for path in PATHS:
                    self.assertEqual(request(host.http_address, "GET", path).status, 404)
                host.stop()
                self.assertEqual(host.log(msg=OPEN), [])

    def test_the_setting_is_true_or_false(self):
        conf = configuration((ROOMS,), http="127.0.0.1:0", page="no")
        host = Host(conf).launch()
        self.addCleanup(host.kill)
        self.assertEqual(host.wait_exit(), 2)
        self.assertIn("`page` of `listen`", host.text())


if __name__ == "__main__":
    main()
