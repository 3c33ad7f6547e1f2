"""Certificates that are swapped while clients are connected: by `toni reload`, all or nothing, and by `toni restart`,
which takes the keys of tickets along. And what `toni check` says of those that can't be used."""

import os
import shutil
import ssl
import subprocess
import threading
import time
import unittest

from tls_material import Authority, openssl
from toni_generations import Generations
from toni_host import (
    DEADLINE,
    ECHO,
    Client,
    Host,
    both,
    configuration,
    main,
    metrics,
    run_toni,
    scaled,
)


class MaterialTestCase(unittest.TestCase):
    """A host with one address, whose certificate is in tls/host.pem."""

    workers = 1
    make = Host

    def setUp(self):
        self.host = self.make("")
        self.addCleanup(self.host.kill)
        self.ca = Authority(os.path.join(self.host.folder, "tls"))
        self.pair = self.issue()
        self.configure()

    def issue(self, name="host", names="DNS:localhost", **how):
        self.ca.issue(name, names, **how)
        return {"certificate": "tls/%s.pem" % name, "key": "tls/%s.key" % name}

    def configure(self, **tls):
        listen = {"address": "127.0.0.1:0", "tls": dict(self.pair, **tls)}
        with open(self.host.conf, "w", encoding="utf-8") as out:
            out.write(configuration((ECHO,), self.workers, None, [listen], admin="127.0.0.1:0"))

    def client(self, **how):
        client = Client(self.host.address, "/echo", tls=how.pop("tls", None) or self.ca.context(), **how)
        self.addCleanup(client.sock.close)
        return client

    def echoes(self, *clients):
        for client in clients:
            client.send("hello")
            client.expect("hello")

    def serial(self):
        """Of the certificate that a new client gets."""
        client = self.client()
        self.echoes(client)
        return client.sock.getpeercert()["serialNumber"]

    def reload(self, code=0):
        done = run_toni("reload", "-c", self.host.conf)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout if code == 0 else done.stderr

    def path(self, name):
        return os.path.join(self.ca.folder, name)

    def write(self, name, text, mode=0o600):
        with open(self.path(name), "w", encoding="utf-8") as out:
            out.write(text)
        os.chmod(self.path(name), mode)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as text:
            return text.read()


@both
class Reloads(MaterialTestCase):
    def test_new_files_are_shown_to_new_clients_and_nobody_is_closed(self):
        self.host.start()
        old = [self.client() for _ in range(10)]
        first = self.serial()
        self.assertNotIn("certificates", self.reload())
        self.issue()  # gateways.conf stays as it is
        self.assertIn("other certificates on 1 addresses, for who connects from now on\n", self.reload())
        self.host.wait_log(msg="other certificates are shown from now on", addresses="1")
        second = self.serial()
        self.assertNotEqual(first, second)
        self.echoes(*old)
        self.pair = self.issue("other")
        self.configure(minimum="1.3")
        self.reload()
        self.assertNotIn(self.serial(), (first, second))
        with self.assertRaises(ssl.SSLError):
            self.client(tls=self.ca.context(version=ssl.TLSVersion.TLSv1_2))
        self.echoes(*old)

    def spoil(self):
        """(what is wrong with the files now, what the fault says), one after the other. Before each all is good."""
        yield lambda: self.issue(expired=True), "certificate 1 in `tls/host.pem` has expired at "
        yield lambda: shutil.copy(self.ca.key, self.path("host.key")), "is not that of the certificate"
        yield lambda: os.chmod(self.path("host.key"), 0o644), "which everybody on this machine may use (mode 0644)"
        yield lambda: os.remove(self.path("host.pem")), "No such file or directory"
        yield lambda: (os.remove(self.path("host.pem")), os.mkdir(self.path("host.pem"))), "which is a folder"
        yield lambda: self.write("host.pem", self.read("host.pem")[:300]), "is damaged or truncated"
        yield lambda: self.write("host.pem", self.read("host.pem")[:-300]), "is damaged or truncated"
        yield lambda: self.write("host.pem", ""), "which is empty"
        yield lambda: self.write("host.key", "no key\n"), "holds no private key"
        yield (
            lambda: self.write("host.pem", self.read("host.pem").split("-----END")[0] + self.stranger()),
            "`tls/host.pem`",
        )
        yield lambda: self.append_stranger(), "the chain in `tls/host.pem` is broken"

    def stranger(self):
        other = Authority(os.path.join(self.host.folder, "stranger"), "Another CA")
        with open(other.path, encoding="ascii") as text:
            return text.read()

    def append_stranger(self):
        own = self.read("host.pem").split("-----END CERTIFICATE-----\n")[0] + "-----END CERTIFICATE-----\n"
        self.write("host.pem", own + self.stranger())

    def test_bad_files_change_nothing(self):
        self.host.expect_error(msg="reload refused")
        self.host.start()
        old = [self.client() for _ in range(3)]
        shown = self.serial()
        good = os.path.join(self.host.folder, "good")
        shutil.copytree(self.ca.folder, good)
        for spoil, said in self.spoil():
            with self.subTest(said=said):
                spoil()
                faults = self.reload(2)
                self.assertIn(said, faults)
                self.assertRegex(faults, r"gateways\.conf:\d+: ")
                self.assertEqual(self.serial(), shown)
                self.echoes(*old)
                checked = run_toni("check", "-c", self.host.conf)
                self.assertEqual(checked.returncode, 2)
                self.assertIn(said, checked.stderr)
            shutil.rmtree(self.ca.folder)
            shutil.copytree(good, self.ca.folder)
        self.reload()
        self.echoes(*old)

    def test_nothing_else_is_changed_beside_a_bad_certificate(self):
        self.host.expect_error(msg="reload refused")
        self.host.start()
        shown = self.serial()
        good = self.issue("good")
        self.pair = {"certificates": [good, self.issue("bad", "DNS:bad.example", expired=True)]}
        self.configure()
        self.assertIn("tls/bad.pem", self.reload(2))
        self.assertEqual(self.serial(), shown)

    def test_plain_and_tls_are_changed_by_a_restart_alone(self):
        self.host.expect_error(msg="reload refused")
        self.host.start()
        with open(self.host.conf, "w", encoding="utf-8") as out:
            out.write(configuration((ECHO,), self.workers, None, ["127.0.0.1:0"], admin="127.0.0.1:0"))
        self.assertIn("toni restart", self.reload(2))

    def test_reloads_under_load_close_and_refuse_nobody(self):
        """Clients talk and others connect while certificates are swapped again and again."""
        self.host.start()
        talking = [self.client() for _ in range(scaled(20, 5))]
        context, failed, connected, stop = self.ca.context(), [], [0], threading.Event()

        def connect():
            while not stop.is_set():
                try:
                    client = Client(self.host.address, "/echo", tls=context)
                    client.send("x")
                    client.expect("x")
                    client.sock.close()
                    connected[0] += 1
                except Exception as fault:  # whatever it is, it is one too many
                    failed.append(repr(fault))
                    return

        threads = [threading.Thread(target=connect) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(scaled(25, 6)):
                self.issue()
                self.reload()
                self.echoes(*talking)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual(failed, [])
        self.assertGreater(connected[0], 10)
        self.echoes(*talking)


class Ends(MaterialTestCase):
    """That certificates end is said in time."""

    def warned(self, **wanted):
        return self.host.log(msg="a certificate expires soon: replace its file, then `toni reload`", **wanted)

    def test_a_certificate_that_ends_soon_is_named(self):
        self.pair = self.issue(days=6)
        self.configure()
        self.host.start()
        line = self.host.wait_log(msg="a certificate expires soon: replace its file, then `toni reload`")
        self.assertEqual((line["level"], line["name"]), ("warn", "localhost"))
        self.assertIn(int(line["hours_left"]), (143, 144))
        self.reload()  # it is the same one: it is not named again
        self.issue(days=5)
        self.reload()
        end = time.monotonic() + DEADLINE
        while len(self.warned()) < 2:
            self.assertLess(time.monotonic(), end, "the new one is not named")
            time.sleep(0.01)
        self.assertEqual([(int(line["hours_left"]) + 1) // 24 for line in self.warned()], [6, 5])
        self.issue(days=40)
        self.reload()
        self.assertEqual(len(self.warned()), 2)
        left = metrics(self.host)[
            'toni_tls_certificate_expiry_seconds{address="%s",name="localhost"}' % self.host.address
        ]
        self.assertTrue(39 * 86400 < left <= 40 * 86400, left)

    def respond(self, days):
        """An OCSP response that the CA has signed: the certificate is good, for so many days."""
        serial = openssl("x509", "-in", self.path("host.pem"), "-noout", "-serial").strip().split("=")[1]
        self.write("index.txt", "V\t350101000000Z\t\t%s\tunknown\t/CN=host\n" % serial)
        openssl(
            "ocsp", "-index", self.path("index.txt"), "-CA", self.ca.path, "-rsigner", self.ca.path, "-rkey", self.ca.key,
            "-issuer", self.ca.path, "-cert", self.path("host.pem"), "-respout", self.path("host.ocsp"),
            "-ndays", str(days),
        )  # fmt: skip

    def test_an_ocsp_response_is_shown(self):
        self.respond(2)
        self.configure(ocsp="tls/host.ocsp")
        self.host.expect_error(msg="reload refused")
        self.host.start()
        said = openssl(
            "s_client", "-connect", self.host.address, "-CAfile", self.ca.path, "-status", stdin=subprocess.DEVNULL
        )
        self.assertIn("OCSP Response Status: successful", said)
        self.assertIn("Cert Status: good", said)
        self.issue()  # the response is not this one's
        self.assertIn("it is of another certificate", self.reload(2))
        self.respond(2)
        self.reload()

    def test_credentials_of_the_unit_are_read(self):
        os.environ["CREDENTIALS_DIRECTORY"] = self.ca.folder
        try:
            self.pair = {"certificate": "credential:host.pem", "key": "credential:host.key"}
            self.configure()
            self.host.start()
            self.echoes(self.client())
        finally:
            del os.environ["CREDENTIALS_DIRECTORY"]
        checked = run_toni("check", "-c", self.host.conf)
        self.assertEqual(checked.returncode, 2)
        self.assertIn("LoadCredential=host.key:/path", checked.stderr)


@both
class Restarts(MaterialTestCase):
    make = Generations

    def test_sessions_are_resumed_after_a_restart(self):
        self.host.start()
        kept = {}
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = self.ca.context(version=version)
            client = self.client(tls=context)
            self.echoes(client)
            kept[context] = client.sock.session
        for _ in range(2):
            self.issue()
            self.host.restart()
            for context, session in kept.items():
                client = self.client(tls=context, session=session)
                self.echoes(client)
                self.assertTrue(client.sock.session_reused)

    def test_a_restart_tells_those_who_are_connected(self):
        self.host.start()
        client = self.client()
        self.echoes(client)
        self.host.restart()
        client.expect_close(1001)

    def test_a_stop_tells_those_who_are_connected(self):
        self.host.start()
        client = self.client()
        self.echoes(client)
        self.host.process.terminate()
        client.expect_close(1001)
        self.host.ends_well()


if __name__ == "__main__":
    main()
