"""`listen.admin` over TLS: what an address of the network needs, and a client's certificate in the token's place."""

import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import unittest

from tls_material import Authority
from toni_generations import Generations
from toni_host import DEADLINE, ECHO, configuration, main, run_toni

TOKEN = "0123456789abcdef"
GET = "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n"


class AdminTlsTestCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.material = tempfile.mkdtemp(prefix="toni-test-")
        cls.addClassCleanup(shutil.rmtree, cls.material, True)
        cls.authority = Authority(cls.material)
        cls.pair = cls.authority.issue("host", "DNS:localhost,IP:127.0.0.1")
        cls.ann = cls.authority.issue("ann", "email:ann@example.org")
        cls.stranger = Authority(cls.material + "/other", "Other CA").issue("stranger")
        cls.token = os.path.join(cls.material, "token")
        with open(cls.token, "w", encoding="ascii", opener=lambda path, flags: os.open(path, flags, 0o600)) as out:
            out.write(TOKEN + "\n")

    def text(self, address="0.0.0.0:0", token=True, clients=None):
        tls = dict(self.pair)
        if clients:
            tls.update(client_certificates=clients, client_authorities=self.authority.path)
        return configuration([ECHO], admin={"address": address, "tls": tls}, admin_token=self.token if token else None)

    def start(self, **how):
        host = Generations(self.text(**how))
        self.addCleanup(host.kill)
        host.launch()
        host.wait_log(msg="ready")
        self.port = int(host.admin_address.rsplit(":", 1)[1])
        return host

    def ask(self, path="/metrics", token=None, pair=None):
        """The status, or None if there is no handshake."""
        context = self.authority.context(pair=pair)
        shown = "Authorization: Bearer %s\r\n" % token if token else ""
        with socket.create_connection(("127.0.0.1", self.port), DEADLINE) as sock:
            try:
                with context.wrap_socket(sock, server_hostname="localhost") as tls:
                    tls.sendall((GET % (path, shown)).encode())
                    data = b""
                    while part := tls.recv(65536):
                        data += part
            except (ssl.SSLError, ConnectionResetError):
                return None
        return int(data.split(b" ", 2)[1]) if data else None


class TestAdminTls(AdminTlsTestCase):
    def test_with_a_token(self):
        host = self.start()
        self.assertEqual(host.log(msg="listening", protocol="admin")[0]["tls"], "on")
        self.assertEqual(self.ask(token=TOKEN), 200)
        for path in "/healthz", "/readyz", "/metrics", "/":
            self.assertEqual(self.ask(path), 401)
            self.assertEqual(self.ask(path, token=TOKEN + "x"), 401)
            self.assertEqual(self.ask(path, token=TOKEN, pair=self.ann), 404 if path == "/" else 200)
        done = subprocess.run(
            ["curl", "-sS", "--cacert", self.authority.path, "--oauth2-bearer", TOKEN, "https://localhost:%d/readyz" % self.port],
            capture_output=True, text=True, timeout=DEADLINE, check=False)
        self.assertEqual((done.stdout, done.stderr), ("ready\n", ""))
        host.stop()

    def test_a_certificate_that_is_required(self):
        host = self.start(token=False, clients="required")
        self.assertEqual(self.ask(pair=self.ann), 200)
        self.assertIsNone(self.ask())
        self.assertIsNone(self.ask(pair=self.stranger))
        self.assertIsNone(self.ask(token=TOKEN))
        host.stop()

    def test_a_certificate_or_a_token(self):
        host = self.start(clients="optional")
        self.assertEqual(self.ask(pair=self.ann), 200)
        self.assertEqual(self.ask(token=TOKEN), 200)
        self.assertEqual(self.ask(), 401)
        self.assertIsNone(self.ask(pair=self.stranger, token=TOKEN))
        done = subprocess.run(
            ["curl", "-sS", "--cacert", self.authority.path, "--cert", self.ann["certificate"], "--key", self.ann["key"],
             "https://localhost:%d/healthz" % self.port], capture_output=True, text=True, timeout=DEADLINE, check=False)
        self.assertEqual((done.stdout, done.stderr), ("ok\n", ""))
        host.stop()

    def test_a_reload_and_a_restart(self):
        host = self.start()
        self.authority.issue("host", "DNS:localhost,IP:127.0.0.1")
        host.answer_of(host.ask("reload"), 0)
        self.assertEqual(self.ask(token=TOKEN), 200)
        host.restart()
        self.assertEqual(self.ask(token=TOKEN), 200)
        self.assertEqual(self.ask(), 401)
        host.stop()

    def test_plain_http_is_told(self):
        host = self.start()
        with socket.create_connection(("127.0.0.1", self.port), DEADLINE) as sock:
            sock.sendall((GET % ("/metrics", "")).encode())
            data = b""
            while part := sock.recv(4096):
                data += part
        self.assertTrue(data.startswith(b"HTTP/1.1 400 "), data)
        host.stop()

    def test_silent_ones_keep_nobody_out(self):
        host = self.start()
        silent = [socket.create_connection(("127.0.0.1", self.port), DEADLINE) for _ in range(50)]
        self.assertEqual(self.ask(token=TOKEN), 200)
        for sock in silent:
            sock.close()
        host.stop()


class TestAdminFaults(AdminTlsTestCase):
    def fault(self, text):
        conf = os.path.join(self.material, "gateways.conf")
        with open(conf, "w", encoding="utf-8") as out:
            out.write(text)
        checked = run_toni("check", "-c", conf)
        self.assertEqual(checked.returncode, 2)
        return checked.stderr

    def test_what_an_address_of_the_network_needs(self):
        for clients in None, "optional":
            said = self.fault(self.text(token=False, clients=clients))
            self.assertIn("`admin` of `listen` is `0.0.0.0:0`, which others than this machine can reach: they have to", said)
            self.assertIn("admin_token", said)
            self.assertIn("client_certificates", said)
        said = self.fault(configuration([ECHO], admin="0.0.0.0:0", admin_token=self.token))
        self.assertIn("that needs TLS", said)

    def test_loopback_needs_nothing(self):
        host = self.start(address="127.0.0.1:0", token=False)
        self.assertEqual(self.ask(), 200)
        host.stop()


if __name__ == "__main__":
    main()
