"""Who may ask: a page of somebody else, whose server's name was made to point to this machine, reads
nothing and opens no WebSocket."""

import json
import os
import tempfile
import unittest

from toni_host import (
    CHAT,
    ECHO,
    ROOMS,
    Client,
    Host,
    HostTestCase,
    Refused,
    configuration,
    exchange,
    gateway,
    main,
    run_toni,
)

EVIL = "evil.example"
OWN = gateway("own", "echo_gateway.so", "/own", origins=["https://own.example"])
SHUT = gateway("shut", "echo_gateway.so", "/shut", origins=[])
OPEN = gateway("open", "echo_gateway.so", "/open", origins=["*"])


def ask(address, path, host, method="GET", body=b"", version="1.1"):
    """An answer, or None."""
    head = "%s %s HTTP/%s\r\n" % (method, path, version)
    if host is not None:
        head += "Host: %s\r\n" % host
    head += "Connection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return exchange(address, (head % len(body)).encode() + body)


def status(*arguments, **named):
    return ask(*arguments, **named).status


class AccessTestCase(HostTestCase):
    gateways = (ROOMS, ECHO, CHAT, OWN, SHUT, OPEN)
    http = "127.0.0.1:0"
    admin = "127.0.0.1:0"
    top = {}

    @classmethod
    def setUpClass(cls):
        unittest.TestCase.setUpClass()
        cls.host = Host(
            configuration(cls.gateways, http=cls.http, admin=cls.admin, listen=cls.listen, **cls.top)
        ).start()

    def offered(self, path, origin):
        """The answer to one that offers a subprotocol."""
        headers = [("Origin", origin), ("Sec-WebSocket-Protocol", "chat")]
        try:
            client = Client(self.host.address, path, headers=headers)
        except Refused as refused:
            return refused.response
        client.sock.close()
        return client.response

    def handshake(self, path, origin=None, host="localhost"):
        """Its status."""
        headers = [("Origin", origin)] if origin is not None else []
        try:
            client = Client(self.host.address, path, headers=headers, host=host)
        except Refused as refused:
            return refused.response.status
        client.sock.close()
        return 101


class TestHosts(AccessTestCase):
    def test_who_is_asked_for_a_foreign_host_answers_nothing(self):
        post = json.dumps({"sender": "x", "message": "y"}).encode()
        for host in (EVIL, EVIL + ":9001", "127.0.0.1.evil.example", "127.0.0.2.", "[::2]", "a b", ""):
            with self.subTest(host=host):
                for path in ("/", "/toni.json", "/chat/a", "/nowhere"):
                    self.assertEqual(status(self.host.http_address, path, host), 403)
                self.assertEqual(status(self.host.http_address, "/chat/a", host, "POST", post), 403)
                self.assertEqual(status(self.host.admin_address, "/metrics", host), 403)
                for path in ("/healthz", "/readyz"):
                    self.assertEqual(status(self.host.admin_address, path, host), 200)

    def test_names_of_this_machine_and_the_address_itself_are_answered(self):
        port = self.host.http_address.rsplit(":", 1)[1]
        for host in ("localhost", "LocalHost:1", "127.0.0.1:" + port, "127.8.9.1", "[::1]:9001"):
            with self.subTest(host=host):
                self.assertEqual(status(self.host.http_address, "/toni.json", host), 200)
                self.assertEqual(status(self.host.admin_address, "/metrics", host), 200)

    def test_a_client_without_host_is_no_browser(self):
        address = self.host.http_address
        self.assertEqual(status(address, "/toni.json", None, version="1.0"), 200)
        self.assertEqual(status(address, "/toni.json", EVIL, version="1.0"), 403)


class TestOrigins(AccessTestCase):
    def test_a_page_of_somebody_else_opens_no_websocket(self):
        for origin, host in (
            ("https://evil.example", "localhost"),
            ("https://evil.example", EVIL),  # DNS rebinding
            ("https://evil.example:9000", EVIL + ":9000"),
            ("null", "localhost"),
            ("http://127.0.0.1", "localhost"),
            ("https://localhost.evil.example", "localhost"),
            ("https://" + "a" * 600, "localhost"),
            ("http://localhost, http://localhost", "localhost"),
        ):
            with self.subTest(origin=origin, host=host):
                for path in ("/rooms", "/echo", "/own", "/shut"):
                    self.assertEqual(self.handshake(path, origin, host), 403)

    def test_a_page_of_this_host_does_whatever_its_port(self):
        for origin, host in (
            ("http://localhost:9001", "localhost:9000"),
            ("http://127.0.0.1:9001", "127.0.0.1:9000"),
            ("http://[::1]:9001", "[::1]:9000"),
            ("HTTP://LOCALHOST", "localhost"),
        ):
            with self.subTest(origin=origin):
                for path in ("/rooms", "/own", "/shut", "/open"):
                    self.assertEqual(self.handshake(path, origin, host), 101)

    def test_of_extensions_and_of_nobody(self):
        """Listed or not: their ids are no names of hosts."""
        chromes = "chrome-extension://abcdefghijklmnopabcdefghijklmnop"
        firefoxes = "moz-extension://0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
        for origin in (chromes, firefoxes, "null", "app://localhost", "file://localhost"):
            self.assertEqual(self.handshake("/echo", origin), 403, origin)
            self.assertEqual(self.handshake("/open", origin), 101, origin)

    def test_who_is_refused_is_told_no_subprotocol(self):
        for path, status in (("/echo", 403), ("/open", 101)):
            answer = self.offered(path, "https://" + EVIL)
            self.assertEqual(answer.status, status)
            self.assertNotIn("sec-websocket-protocol", answer.headers)

    def test_without_origin_host_is_not_judged(self):
        for host in (EVIL, "localhost", "toni_upstream"):
            self.assertEqual(self.handshake("/echo", None, host), 101)

    def test_a_gateway_has_its_own_list(self):
        self.assertEqual(self.handshake("/own", "https://own.example"), 101)
        self.assertEqual(self.handshake("/own", "https://own.example:8443"), 403)
        self.assertEqual(self.handshake("/echo", "https://own.example"), 403)
        self.assertEqual(self.handshake("/open", "https://evil.example", EVIL), 101)
        self.assertEqual(self.handshake("/open", "null"), 101)


class TestLog(AccessTestCase):
    """It says what to add, and is not filled."""

    def test_of_hosts(self):
        for number in range(100):
            ask(self.host.http_address, "/", "%s%d" % (EVIL, number))
        line = self.host.wait_log(host=EVIL + "0", address="127.0.0.1")
        self.assertIn("`hosts`", line["msg"])
        self.assertLess(len(self.host.log(msg=line["msg"])), 40)

    def test_of_origins(self):
        for number in range(100):
            self.handshake("/echo", "https://%s%d" % (EVIL, number))
        line = self.host.wait_log(origin="https://%s0" % EVIL, gateway="echo", address="127.0.0.1")
        self.assertIn("`origins`", line["msg"])
        self.assertLess(len(self.host.log(msg=line["msg"])), 40)


class TestReload(AccessTestCase):
    def reload(self, **top):
        with open(self.host.conf, "w", encoding="utf-8") as out:
            out.write(configuration(self.gateways, http=self.http, admin=self.admin, **top))
        done = run_toni("reload", "-c", self.host.conf)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_hosts_and_origins_take_effect(self):
        address = self.host.http_address
        client = self.client("/echo")
        self.assertEqual(status(address, "/toni.json", "chat.example"), 403)
        self.assertEqual(self.handshake("/echo", "https://chat.example", "chat.example"), 403)
        self.reload(hosts=["chat.example"], origins=["https://www.example"])
        self.assertEqual(status(address, "/toni.json", "chat.example"), 200)
        self.assertEqual(status(self.host.admin_address, "/metrics", "chat.example"), 200)
        self.assertEqual(self.handshake("/echo", "https://chat.example", "chat.example:9000"), 101)
        self.assertEqual(self.handshake("/echo", "https://www.example"), 101)
        self.assertEqual(self.handshake("/own", "https://www.example"), 403)
        self.reload()
        self.assertEqual(status(address, "/toni.json", "chat.example"), 403)
        self.assertEqual(self.handshake("/echo", "https://www.example"), 403)
        self.assertEqual(client.ask("still here"), "still here")


class TestUnixSocket(unittest.TestCase):
    """What stands before it hands Host on: loopback names and `hosts` are ours."""

    def test_hosts_must_be_listed(self):
        with tempfile.TemporaryDirectory(prefix="toni-test-") as folder:
            paths = ["unix:" + os.path.join(folder, name) for name in ("ws", "http", "admin")]
            host = Host(
                configuration(
                    (ECHO, CHAT), listen=paths[0], http=paths[1], admin=paths[2],
                    hosts=["chat.example"],
                )
            ).start()
            try:
                for name, expected in (("localhost", 200), ("chat.example", 200), (EVIL, 403)):
                    self.assertEqual(status(paths[1], "/toni.json", name), expected)
                    self.assertEqual(status(paths[2], "/metrics", name), expected)
                for origin, name, expected in (
                    ("https://chat.example", "chat.example", 101),
                    ("https://evil.example", EVIL, 403),
                ):
                    try:
                        Client(paths[0], "/echo", headers=[("Origin", origin)], host=name).close()
                        seen = 101
                    except Refused as refused:
                        seen = refused.response.status
                    self.assertEqual(seen, expected)
            finally:
                host.stop()
                host.kill()


if __name__ == "__main__":
    main()
