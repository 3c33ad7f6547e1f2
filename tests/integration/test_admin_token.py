"""Who may ask on `listen.admin`: the token in a file, what that may be, and addresses of the network."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import unittest
import urllib.request

from toni_generations import Generations
from toni_host import CAN_BECOME_ANOTHER_USER, DEADLINE, ECHO, configuration, exchange, main, request, run_toni

TOKEN = "0123456789abcdef"
REFUSED = "a request on listen.admin was refused: it does not show the token of listen.admin_token"
CHALLENGE = 'Bearer realm="toni"'


class TokenTestCase(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="toni-test-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.token = os.path.join(self.folder, "token")

    def write(self, text, mode=0o600):
        with open(self.token, "w", encoding="utf-8", newline="") as out:
            out.write(text)
        os.chmod(self.token, mode)

    def text(self, admin="127.0.0.1:0", admin_token="token", **top):
        return configuration([ECHO], admin=admin, admin_token=admin_token, **top)

    def start(self, text=None):
        host = Generations(text or self.text(), folder=self.folder)
        self.addCleanup(host.kill)
        host.launch()
        host.wait_log(msg="ready")
        self.address = host.admin_address
        return host

    def ask(self, shown=None, path="/metrics"):
        head = request(path, without=("Upgrade", "Connection"), headers=[] if shown is None else [("Authorization", shown)])
        return exchange(self.address, head)


class TestAsking(TokenTestCase):
    def test_only_who_shows_it_is_answered(self):
        self.write(TOKEN)
        host = self.start()
        for path in "/healthz", "/readyz", "/metrics", "/", "/nothing":
            for shown in (None, "", "Bearer", "Bearer ", "Bearer " + TOKEN[:-1], "Bearer " + TOKEN + "0", "Bearer x" + TOKEN[1:],
                          TOKEN, "Basic " + TOKEN, "Bearer" + TOKEN, "Bearer " + TOKEN.upper(), "Bearer %s %s" % (TOKEN, TOKEN)):
                answer = self.ask(shown, path)
                self.assertEqual((answer.status, answer.headers["www-authenticate"]), (401, CHALLENGE), (path, shown))
                self.assertNotIn(TOKEN.encode(), answer.body)
        for shown in "Bearer " + TOKEN, "bearer " + TOKEN, "Bearer   " + TOKEN:
            self.assertEqual(self.ask(shown).status, 200)
            self.assertEqual(self.ask(shown, "/healthz").status, 200)
            self.assertEqual(self.ask(shown, "/nothing").status, 404)
        self.assertTrue(host.log(msg=REFUSED, address="127.0.0.1"))
        self.assertNotIn(TOKEN, host.text())
        host.stop()

    def test_clients_of_others(self):
        self.write(TOKEN + "\n")
        host = self.start()
        url = "http://%s/healthz" % self.address
        done = subprocess.run(["curl", "-sS", "--oauth2-bearer", TOKEN, url], capture_output=True, text=True, timeout=DEADLINE, check=True)
        self.assertEqual(done.stdout, "ok\n")
        wanted = urllib.request.Request(url, headers={"Authorization": "Bearer " + TOKEN})
        with urllib.request.urlopen(wanted, timeout=DEADLINE) as answer:
            self.assertEqual(answer.read(), b"ok\n")
        host.stop()

    def test_on_a_unix_socket_too(self):
        self.write(TOKEN)
        host = self.start(self.text(admin="unix:%s/admin.sock" % self.folder))
        self.assertEqual(self.ask().status, 401)
        self.assertEqual(self.ask("Bearer " + TOKEN).status, 200)
        host.stop()

    def test_ends_of_lines_are_none_of_it(self):
        for end in "", "\n", "\r\n":
            self.write(TOKEN + end)
            host = self.start()
            self.assertEqual(self.ask("Bearer " + TOKEN).status, 200)
            host.stop()


class TestChanges(TokenTestCase):
    def test_a_reload_reads_it_again(self):
        self.write(TOKEN)
        host = self.start()
        self.write("another" + TOKEN)
        self.assertEqual(self.ask("Bearer " + TOKEN).status, 200)
        host.answer_of(host.ask("reload"), 0)
        self.assertEqual(self.ask("Bearer " + TOKEN).status, 401)
        self.assertEqual(self.ask("Bearer another" + TOKEN).status, 200)
        host.configure(self.text(admin_token=None))
        host.answer_of(host.ask("reload"), 0)
        self.assertEqual(self.ask().status, 200)
        host.stop()

    def test_a_bad_one_leaves_the_old(self):
        self.write(TOKEN)
        host = self.start()
        self.write("short")
        said = host.answer_of(host.ask("reload"), 2)
        self.assertIn("which holds 5 bytes", said)
        self.assertNotIn("short", said)
        self.assertEqual(self.ask("Bearer " + TOKEN).status, 200)
        host.expect_error(msg="reload refused")
        host.stop()

    def test_a_restart_has_the_new_one(self):
        self.write(TOKEN)
        host = self.start()
        self.write("another" + TOKEN)
        host.restart()
        self.assertEqual(self.ask("Bearer another" + TOKEN).status, 200)
        self.assertEqual(self.ask("Bearer " + TOKEN).status, 401)
        host.stop()


class TestFaults(TokenTestCase):
    def faults(self, text=None):
        conf = os.path.join(self.folder, "gateways.conf")
        with open(conf, "w", encoding="utf-8") as out:
            out.write(text or self.text())
        checked, ran = [run_toni(command, "-c", conf) for command in ("check", "run")]
        self.assertEqual((checked.returncode, ran.returncode), (2, 2))
        self.assertTrue(ran.stderr.endswith(checked.stderr))  # root may have been given up before
        self.assertIn(conf + ":1: ", ran.stderr)
        return ran.stderr

    def test_files_that_hold_none(self):
        for text, wanted in (
            ("", "which holds 0 bytes, expected 16 to 1024"),
            ("\n", "which holds 0 bytes"),
            (TOKEN[:-1], "which holds 15 bytes"),
            (TOKEN[:-1] + "\n", "which holds 15 bytes"),
            ("x" * 1025, "which holds at least 1025 bytes"),
            ("x" * 100000, "expected 16 to 1024"),
            (TOKEN + " x", "whose byte 17 can't stand in a header field"),
            (TOKEN + "\n\n", "whose byte 17"),
            (TOKEN + "\nx", "whose byte 17"),
            ("\t" + TOKEN, "whose byte 1 "),
            (TOKEN + "\u00e9", "whose byte 17"),
            (TOKEN + "\0", "whose byte 17"),
        ):
            self.write(text)
            said = self.faults()
            self.assertIn("`admin_token` is `%s`" % self.token, said)
            self.assertIn(wanted, said)
            self.assertNotIn(TOKEN, said)

    def test_files_that_are_none(self):
        for mode in 0o644, 0o604, 0o602, 0o777:
            self.write(TOKEN, mode)
            self.assertIn("which everybody on this machine may use (mode %04o)" % mode, self.faults())
        self.write(TOKEN, 0o640)
        host = self.start()
        host.stop()
        self.assertIn("No such file", self.faults(self.text(admin_token="nothing")))
        self.assertIn("is no regular file", self.faults(self.text(admin_token=".")))
        os.mkfifo(self.folder + "/fifo", 0o600)
        self.assertIn("is no regular file", self.faults(self.text(admin_token="fifo")))

    @unittest.skipUnless(CAN_BECOME_ANOTHER_USER, "not root, or nobody else can reach the build")
    def test_one_that_root_alone_may_read(self):
        self.write(TOKEN)
        os.chmod(self.folder, 0o755)
        said = self.faults(self.text(user="nobody"))
        nobody = pwd.getpwnam("nobody")
        self.assertIn("which can't be read: Permission denied; the host reads it as user %d, group %d: `chgrp` it"
                      % (nobody.pw_uid, nobody.pw_gid), said)
        os.chown(self.token, 0, pwd.getpwnam("nobody").pw_gid)
        os.chmod(self.token, 0o640)
        conf = os.path.join(self.folder, "gateways.conf")
        self.assertEqual(run_toni("check", "-c", conf).returncode, 0)

    def test_a_token_for_nobody(self):
        self.write(TOKEN)
        self.assertIn("is there without `admin`", self.faults(self.text(admin=None)))
        self.assertIn("`admin_token`", self.faults(self.text().replace('"token"', "7")))

    def test_addresses_of_the_network(self):
        self.write(TOKEN)
        for address in "0.0.0.0:0", "[::]:0", "192.0.2.1:9002":
            said = self.faults(self.text(admin=address))
            self.assertIn("`%s`, which others than this machine can reach: that needs TLS" % address, said)


if __name__ == "__main__":
    main()
