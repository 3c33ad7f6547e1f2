"""What a scanner of TLS, such as testssl or sslscan, would find on each of the three listeners: which versions, ciphers and
groups are spoken, by trying them all; compression, renegotiation, tickets, early data, and the chain."""

import functools
import os
import re
import struct
import subprocess

from test_tls_strangers import extension, message, records, u16
from tls_material import RSA, Authority
from toni_host import DEADLINE, ECHO, Host, OneHostTestCase, configuration, main, open_plain_socket

SSL3, TLS10, TLS11, TLS12, TLS13 = 0x0300, 0x0301, 0x0302, 0x0303, 0x0304
ALERT, HANDSHAKE, SERVER_HELLO = 21, 22, 2
HANDSHAKE_FAILURE, PROTOCOL_VERSION, INAPPROPRIATE_FALLBACK = 40, 70, 86

NAME, GROUPS, SIGNATURES, HEARTBEAT, ALPN, MASTER_SECRET, TICKET, VERSIONS, SHARE, NEXT, RENEGOTIATION = (
    0, 10, 13, 15, 16, 23, 35, 43, 51, 13172, 0xFF01,
)  # fmt: skip

FALLBACK, SECURE_RENEGOTIATION = 0x5600, 0x00FF  # no ciphers: signals in their list
OLD_SUITES = [*range(0x0001, 0x00FF), *range(0xC001, 0xC100), *range(0xCC13, 0xCC16), *range(0xCCA8, 0xCCAF)]
NEW_SUITES = [*range(0x1301, 0x1308), 0x00C6, 0x00C7]
# x25519, x448, the curves of NIST and Brainpool, older ones, finite fields, and what is safe from quantum computers
ALL_GROUPS = [*range(1, 42), *range(256, 261), 0x0200, 0x0201, 0x0202, 0x11EB, 0x11EC, 0x11ED, 0x6399]
X25519, P256, P384, X25519MLKEM768 = 29, 23, 24, 0x11EC
SHA1_ALONE = [0x0201, 0x0203]
USUAL_SIGNATURES = [0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0807, *SHA1_ALONE]


def listed(numbers):
    return u16(2 * len(numbers)) + b"".join(u16(number) for number in numbers)


def hello(version, suites, groups=(X25519, P256, P384), signatures=USUAL_SIGNATURES, share=True, more=b"",
          name="localhost", compressions=b"\0"):
    """A ClientHello. share: a key for x25519; without one a host asks for that which it likes best."""
    asked = name.encode()
    extensions = extension(NAME, u16(len(asked) + 3) + b"\0" + u16(len(asked)) + asked)
    extensions += extension(GROUPS, listed(groups)) + extension(SIGNATURES, listed(signatures)) + more
    if version == TLS13:
        key = u16(X25519) + u16(32) + b"\x09" + bytes(31) if share else b""
        extensions += extension(VERSIONS, b"\x02" + u16(TLS13)) + extension(SHARE, u16(len(key)) + key)
    body = u16(min(version, TLS12)) + b"\x05" * 32 + b"\0" + listed(suites)
    body += bytes([len(compressions)]) + compressions + u16(len(extensions)) + extensions
    return records(message(1, body))


class Answer:
    """The first record that comes back: an alert, or a ServerHello."""

    def __init__(self, kind, data):
        self.alert = data[1] if kind == ALERT else None
        self.suite = self.compression = None
        self.extensions = {}
        if kind == HANDSHAKE and data[0] == SERVER_HELLO:
            at = 4 + 2 + 32
            at += 1 + data[at]
            self.suite, self.compression, size = struct.unpack_from(">HBH", data, at)
            at += 5
            end = at + size
            while at < end:
                number, size = struct.unpack_from(">HH", data, at)
                self.extensions[number] = data[at + 4 : at + 4 + size]
                at += 4 + size


def answer(address, *what, **how):
    with open_plain_socket(address) as sock:
        sock.sendall(hello(*what, **how))
        data = b""
        while len(data) < 5 or len(data) < 5 + struct.unpack(">H", data[3:5])[0]:
            part = sock.recv(65536)
            if not part:
                raise AssertionError("the connection ended without an answer: %r" % data)
            data += part
    return Answer(data[0], data[5:])


def accepted(candidates, ask):
    """All that are chosen, each offered without those before."""
    left, found = list(candidates), []
    while True:
        chosen = ask(left)
        if chosen is None:
            return found
        if chosen not in left:
            raise AssertionError("%#x was not offered" % chosen)
        left.remove(chosen)
        found.append(chosen)


def on_each_listener(test):
    @functools.wraps(test)
    def run(self):
        for name, address in self.addresses.items():
            with self.subTest(name):
                test(self, address)

    return run


class Scan(OneHostTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.host = Host("")
        cls.ca = Authority(os.path.join(cls.host.folder, "tls"))
        pairs = [cls.ca.issue("curve", "DNS:localhost"), cls.ca.issue("rsa", "DNS:rsa.example", kind=RSA)]
        secure = {"address": "127.0.0.1:0", "tls": {"certificates": pairs}}
        with open(cls.host.conf, "w", encoding="utf-8") as out:
            out.write(configuration([ECHO], 1, None, secure, http=secure, admin=["127.0.0.1:0", secure]))
        cls.host.start()
        admin = cls.host.log(msg="listening", protocol="admin")[1]["address"]
        cls.addresses = {"websocket": cls.host.address, "http": cls.host.http_address, "admin": admin}

    def s_client(self, address, *arguments, give=""):
        return subprocess.run(
            ["openssl", "s_client", "-connect", address, "-CAfile", self.ca.path, "-servername", "localhost", *arguments],
            input=give, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            timeout=DEADLINE, check=False,
        ).stdout  # fmt: skip

    @on_each_listener
    def test_versions(self, address):
        for version in (SSL3, TLS10, TLS11):
            refused = answer(address, version, OLD_SUITES).alert
            self.assertIn(refused, (PROTOCOL_VERSION, HANDSHAKE_FAILURE if version == SSL3 else None), hex(version))
        self.assertIsNone(answer(address, TLS12, OLD_SUITES).alert)
        self.assertEqual(answer(address, TLS13, NEW_SUITES).extensions[VERSIONS], u16(TLS13))

    @on_each_listener
    def test_ciphers_of_tls_1_2(self, address):
        """Those of Mozilla's intermediate configuration with ECDHE: each authenticates, and has forward secrecy."""
        for name, expected in (("localhost", {0xC02B, 0xC02C, 0xCCA9}), ("rsa.example", {0xC02F, 0xC030, 0xCCA8})):
            found = accepted(OLD_SUITES, lambda left: answer(address, TLS12, left, name=name).suite)
            self.assertEqual(set(found), expected, [hex(suite) for suite in found])
            self.assertEqual(answer(address, TLS12, [0x002F, 0x009C, 0x009E, 0xC013], name=name).alert, HANDSHAKE_FAILURE)

    @on_each_listener
    def test_ciphers_of_tls_1_3(self, address):
        found = accepted(NEW_SUITES, lambda left: answer(address, TLS13, left).suite)
        self.assertEqual(set(found), {0x1301, 0x1302, 0x1303}, [hex(suite) for suite in found])

    @on_each_listener
    def test_the_host_chooses_among_suites_but_for_chacha20(self, address):
        """AES with 128 bits, whatever the client would rather have; ChaCha20 if it asks for that first."""
        for version, aes128, aes256, chacha in ((TLS13, 0x1301, 0x1302, 0x1303), (TLS12, 0xC02B, 0xC02C, 0xCCA9)):
            for offered, expected in (
                ([aes256, aes128, chacha], aes128),
                ([aes256, chacha, aes128], aes128),
                ([chacha, aes256, aes128], chacha),
                ([aes256, chacha], aes256),
            ):
                self.assertEqual(answer(address, version, offered).suite, expected, [hex(suite) for suite in offered])

    @on_each_listener
    def test_groups(self, address):
        """No large curve, no finite field; one that is safe from quantum computers where OpenSSL has it."""

        def ask(address, left):
            asked = answer(address, TLS13, NEW_SUITES, groups=left, share=False).extensions.get(SHARE)
            return struct.unpack(">H", asked)[0] if asked else None

        found = accepted(ALL_GROUPS, lambda left: ask(address, left))
        self.assertIn(set(found), ({X25519, P256, P384}, {X25519MLKEM768, X25519, P256, P384}))

    @on_each_listener
    def test_no_signature_by_sha_1(self, address):
        refused = answer(address, TLS12, OLD_SUITES, signatures=SHA1_ALONE)
        self.assertEqual(refused.alert, HANDSHAKE_FAILURE)

    @on_each_listener
    def test_a_fallback_is_noticed(self, address):
        """A client whom somebody in between made try an older version: RFC 7507."""
        self.assertEqual(answer(address, TLS12, [*OLD_SUITES, FALLBACK]).alert, INAPPROPRIATE_FALLBACK)

    @on_each_listener
    def test_what_is_answered_of_extensions(self, address):
        offered = b"".join(extension(number, b"") for number in (MASTER_SECRET, TICKET, NEXT)) + extension(HEARTBEAT, b"\1")
        offered += extension(ALPN, u16(12) + b"\x02h2\x08http/1.1")
        said = answer(address, TLS12, [*OLD_SUITES, SECURE_RENEGOTIATION], more=offered, compressions=b"\x01\0")
        self.assertEqual(said.compression, 0)
        self.assertEqual(said.extensions[RENEGOTIATION], b"\0")
        self.assertEqual(said.extensions[ALPN], u16(9) + b"\x08http/1.1")
        self.assertIn(MASTER_SECRET, said.extensions)
        self.assertIn(TICKET, said.extensions)
        self.assertNotIn(HEARTBEAT, said.extensions)
        self.assertNotIn(NEXT, said.extensions)

    @on_each_listener
    def test_a_client_may_not_renegotiate(self, address):
        said = self.s_client(address, "-tls1_2", give="R\n")
        self.assertRegex(said, "no renegotiation|no_renegotiation")
        self.assertIn("Secure Renegotiation IS supported", said)
        self.assertIn("Compression: NONE", said)
        self.assertIn("Extended master secret: yes", said)

    @on_each_listener
    def test_the_chain_is_whole(self, address):
        said = self.s_client(address, "-showcerts", "-verify_hostname", "localhost", "-verify_return_error")
        self.assertEqual(said.count("BEGIN CERTIFICATE"), 2)
        self.assertIn("Verify return code: 0 (ok)", said)
        self.assertRegex(said, "Peer signing digest: SHA256")

    @on_each_listener
    def test_tickets_are_good_for_hours_and_for_no_early_data(self, address):
        """What a client sends before the handshake is over could be sent again by others: there is no such data."""
        path = os.path.join(self.host.folder, "session%s.pem" % address.rsplit(":", 1)[1])
        early = os.path.join(self.host.folder, "early")
        with open(early, "w", encoding="ascii") as out:
            out.write("GET /early HTTP/1.1\r\n\r\n")
        give = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        self.s_client(address, "-tls1_3", "-sess_out", path, "-ign_eof", give=give)
        session = subprocess.run(
            ["openssl", "sess_id", "-in", path, "-noout", "-text"], stdout=subprocess.PIPE, text=True, check=True
        ).stdout
        self.assertIn("Max Early Data: 0", session)
        hours = int(re.search(r"Timeout +: (\d+)", session).group(1)) / 3600
        self.assertTrue(0 < hours <= 24, hours)
        again = self.s_client(address, "-tls1_3", "-sess_in", path, "-early_data", early, "-ign_eof", give=give)
        self.assertIn("Reused, TLSv1.3", again)
        self.assertNotIn("Early data was accepted", again)
        self.assertEqual(again.count("HTTP/1.1 "), 1, again)


if __name__ == "__main__":
    main()
