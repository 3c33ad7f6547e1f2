"""Clients' certificates on `listen.websocket` and `listen.http`: asked for, demanded, and what guards, gateways and
services see of them; and that who comes without TLS is known by that."""

import http.client
import os
import socket
import ssl
import time

from tls_material import Authority, fingerprint
from toni_host import (
    DEADLINE, Client, Host, OneHostTestCase, Refused, Response, both, configuration, gateway, main, metrics,
    open_plain_socket, request, scaled, service,
)

CERTIFICATE = gateway("certificate", "certificate_gateway.so", "/certificate")
BY_HTTP = service("certificate_http", "certificate_service.so", "/certificate")
PROXY, CLIENT = "127.0.0.2", "203.0.113.7"


@both
class Certificates(OneHostTestCase):
    workers = 1

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.host = Host("")
        folder = os.path.join(cls.host.folder, "tls")
        cls.ca = Authority(folder)
        cls.stranger = Authority(os.path.join(cls.host.folder, "stranger"), "Another CA")
        own = dict(cls.ca.issue("localhost", "DNS:localhost"), client_authorities=cls.ca.path)

        def address(clients):
            return {"address": "127.0.0.1:0", "tls": dict(own, client_certificates=clients)}

        listen = [address("optional"), address("required"), "127.0.0.1:0"]
        with open(cls.host.conf, "w", encoding="utf-8") as out:
            out.write(configuration(
                (CERTIFICATE, BY_HTTP), cls.workers, None, listen, http=listen, admin="127.0.0.1:0",
                trusted_proxies=[PROXY], proxy_header="proxy-protocol"))
        cls.host.start()
        cls.optional, cls.required, cls.plain = cls.host.addresses
        cls.http_optional, cls.http_required, cls.http_plain = (
            line["address"] for line in cls.host.log(msg="listening", protocol="http"))
        cls.alice = cls.ca.issue(
            "alice", "DNS:alice.example,email:alice@example.org,URI:urn:alice,IP:192.0.2.1", subject="/O=Example/CN=Alice Ä"
        )
        cls.mallory = cls.stranger.issue("mallory", "DNS:alice.example", subject="/O=Example/CN=Alice")

    def client(self, address, pair=None, path="/certificate", **how):
        client = Client(address, path, tls=self.ca.context(pair, how.pop("version", None)), **how)
        self.addCleanup(client.sock.close)
        return client

    def sees_alice(self, client):
        self.is_alice(client.read())

    def is_alice(self, text):
        subject, digest, *names = text.split("|")
        self.assertEqual(digest, fingerprint(self.alice["certificate"]))
        self.assertEqual(subject, "CN=Alice Ä,O=Example")
        self.assertEqual(names, ["DNS:alice.example", "email:alice@example.org", "URI:urn:alice", "IP:192.0.2.1"])

    def test_who_shows_one_is_known_by_it(self):
        for address in (self.optional, self.required):
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                client = self.client(address, self.alice, version=version)
                self.sees_alice(client)
                client.send("again")
                self.sees_alice(client)

    def ask(self, connection):
        connection.request("GET", "/certificate")
        answer = connection.getresponse()
        self.assertEqual(answer.status, 200)
        return answer.read().decode()

    def https(self, address, pair=None, version=None):
        connection = http.client.HTTPSConnection(
            "localhost", int(address.rsplit(":", 1)[1]), timeout=DEADLINE, context=self.ca.context(pair, version))
        self.addCleanup(connection.close)
        return connection

    def test_a_service_knows_it_of_each_request(self):
        for address in (self.http_optional, self.http_required):
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                connection = self.https(address, self.alice, version)
                for _ in range(3):
                    self.is_alice(self.ask(connection))
        self.assertEqual(self.ask(self.https(self.http_optional)), "none")

    def test_a_service_gets_none_that_is_not_good(self):
        for address in (self.http_optional, self.http_required):
            with self.assertRaises((ssl.SSLError, ConnectionError)):
                self.ask(self.https(address, self.mallory))
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            self.ask(self.https(self.http_required))

    def test_who_comes_without_tls_is_known_by_that(self):
        client = Client(self.plain, "/certificate")
        self.addCleanup(client.sock.close)
        client.expect("plain")
        name, port = self.http_plain.rsplit(":", 1)
        connection = http.client.HTTPConnection(name, int(port), timeout=DEADLINE)
        self.addCleanup(connection.close)
        self.assertEqual(self.ask(connection), "plain")

    def behind(self, address, text):
        """What comes back for a request of alice's, whose TLS goes through a proxy."""
        sock = open_plain_socket(address, source=PROXY)
        self.addCleanup(sock.close)
        sock.sendall(("PROXY TCP4 %s %s 4711 443\r\n" % (CLIENT, CLIENT)).encode(), socket.MSG_MORE)
        sock = self.ca.context(self.alice).wrap_socket(sock, server_hostname="localhost")
        self.addCleanup(sock.close)
        sock.sendall(text)
        return sock

    def test_it_is_known_behind_a_proxy_that_hands_the_bytes_on(self):
        for address in (self.optional, self.required):
            sock = self.behind(address, request("/certificate"))
            raw = b""
            while b"IP:192.0.2.1" not in raw:
                part = sock.recv(4096)
                self.assertTrue(part, raw)
                raw += part
            self.assertIn(fingerprint(self.alice["certificate"]).encode(), raw)
        for address in (self.http_optional, self.http_required):
            sock = self.behind(address, b"GET /certificate HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            raw = b""
            while part := sock.recv(4096):
                raw += part
            self.is_alice(Response(raw).body.decode())

    def test_a_guard_may_ask_for_one(self):
        self.sees_alice(self.client(self.optional, self.alice, "/certificate?needed=yes"))
        with self.assertRaises(Refused) as refused:
            self.client(self.optional, None, "/certificate?needed=yes")
        self.assertEqual(refused.exception.response.status, 401)

    def test_who_shows_none_is_served_where_it_is_optional(self):
        self.client(self.optional).expect("none")

    def refused(self, address, pair):
        def counted():
            return metrics(self.host)['toni_tls_handshakes_failed_total{reason="certificate"}']

        before = counted()
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            self.client(address, pair)
        end = time.monotonic() + DEADLINE
        while counted() != before + 1:
            self.assertLess(time.monotonic(), end, "it was not counted")
            time.sleep(0.01)

    def test_who_shows_none_is_refused_where_it_is_required(self):
        self.refused(self.required, None)

    def test_one_of_another_authority_is_refused(self):
        self.refused(self.required, self.mallory)
        self.refused(self.optional, self.mallory)

    def test_one_that_has_expired_is_refused(self):
        old = self.ca.issue("old", expired=True)
        self.refused(self.required, old)
        self.refused(self.optional, old)

    def test_a_resumed_session_knows_it_still(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = self.ca.context(self.alice, version)
            first = Client(self.required, "/certificate", tls=context)
            self.addCleanup(first.sock.close)
            self.sees_alice(first)
            again = Client(self.required, "/certificate", tls=context, session=first.sock.session)
            self.addCleanup(again.sock.close)
            self.assertTrue(again.sock.session_reused)
            self.sees_alice(again)

    def test_a_session_is_not_resumed_once_it_has_ended(self):
        """A ticket lasts for hours, and each that is used brings another."""
        pair = self.ca.issue("brief")
        self.ca.shorten(pair, scaled(5, 12))
        held = []
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = self.ca.context(pair, version)
            for address in (self.optional, self.required):
                client = Client(address, "/certificate", tls=context)
                self.addCleanup(client.sock.close)
                client.read()
                held.append((address, context, client.sock.session))
        end = time.monotonic() + DEADLINE
        while self.is_taken(*held[0][:2]):
            self.assertLess(time.monotonic(), end, "it has not ended")
            time.sleep(0.1)
        for address, context, session in held:
            self.assertFalse(self.is_taken(address, context, session), "who has a ticket is let in still")

    def is_taken(self, address, context, session=None):
        try:
            client = Client(address, "/certificate", tls=context, session=session)
        except (ssl.SSLError, ConnectionError, Refused):
            return False
        client.sock.close()
        return True

    def test_a_session_without_one_is_not_resumed_where_it_is_required(self):
        context = self.ca.context()
        first = Client(self.optional, "/certificate", tls=context)
        self.addCleanup(first.sock.close)
        first.expect("none")
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            Client(self.required, "/certificate", tls=context, session=first.sock.session)


if __name__ == "__main__":
    main(beside=4)
