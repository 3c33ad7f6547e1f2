"""Who clients are, and until when: what a guard has said stays with the client; a connection ends when
its token does, unless another token came before; by the wall clock."""

import fcntl
import os
import re
import resource
import shutil
import signal
import tempfile
import time
import unittest
import urllib.parse

from toni_generations import Generations
from toni_host import (
    DEADLINE,
    GREETING,
    Client,
    Host,
    Refused,
    configuration,
    gateway,
    main,
    metrics,
    next_second,
    open_socket,
    request,
    run_toni,
    scaled,
    service,
    with_workers,
)

LATE = 4000000000


def guard(**options):
    return service("tokens", "identity_guard.so", None, options=options or None)


def identity(*guards, **more):
    return gateway("id", "identity_gateway.so", "/id", guards=list(guards or ["tokens"]), **more)


def token(subject="ann", issued=0, expires=0, *claims):
    return ",".join([subject, str(issued), str(expires)] + list(claims))


def url(text, path="/id", **more):
    return path + "?" + urllib.parse.urlencode({"token": text, **more})


class Tokens(unittest.TestCase):
    workers = 1

    def start(self, *providers, before_exec=None, **limits):
        self.host = Host(self.text(*providers, **limits)).start()
        self.addCleanup(self.host.kill)
        return self.host

    def text(self, *providers, **limits):
        return configuration(providers, self.workers, limits, admin="127.0.0.1:0")

    def reload(self, *providers, **limits):
        with open(self.host.conf, "w") as file:
            file.write(self.text(*providers, **limits))
        result = run_toni("reload", "--config", self.host.conf)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return result.stdout

    def client(self, text, path="/id", **more):
        client = Client(self.host.address, url(text, path, **more))
        self.addCleanup(client.drop)
        return client

    def status(self, text, path="/id", **more):
        """What a handshake that is refused is answered."""
        with self.assertRaises(Refused) as refused:
            Client(self.host.address, url(text, path, **more))
        return refused.exception.response.status


@with_workers(1, 4)
class Identity(Tokens):
    def test_what_the_guard_said_is_read_in_all_callbacks(self):
        self.start(guard(), identity())
        client = self.client(token("ann", 7, LATE, "rooms=a", "role=", "rooms=b"))
        client.expect("ann 7 %d" % LATE)
        for index, value in enumerate(["a", "b", "TONI_ERR_NOT_FOUND"]):
            self.assertEqual(client.ask("claim rooms %d" % index), value)
        self.assertEqual(client.ask("claim role"), "")
        self.assertEqual(client.ask("claim else"), "TONI_ERR_NOT_FOUND")
        self.assertEqual(client.ask("who"), "ann 7 %d" % LATE)
        client.close()
        self.host.stop()

    def test_a_gateway_without_such_a_guard_knows_nobody(self):
        self.start(service("others", "token_guard.so", None), identity("others"))
        client = self.client("ann")
        client.expect("TONI_ERR_NOT_FOUND")
        self.assertEqual(client.ask("claim rooms"), "TONI_ERR_NOT_FOUND")
        self.assertEqual(client.ask("refresh " + token()), "TONI_ERR_NOT_FOUND")
        client.close()
        self.host.stop()

    def test_a_token_that_is_over_or_none_is_refused(self):
        self.start(guard(), identity())
        self.assertEqual(self.status(token("ann", 0, int(time.time()) - 1)), 401)
        self.assertEqual(self.status(token("", 0, 0)), 403)
        self.host.stop()

    def test_a_token_that_ends_while_guards_wait_is_refused(self):
        slow = service("slow", "identity_guard.so", None, options={"later": "3s"})
        self.start(slow, identity("slow"))
        ends = int(time.time()) + 2
        self.assertEqual(self.status(token("ann", 0, ends)), 401)
        self.assertGreaterEqual(time.time(), ends)
        self.host.stop()

    def test_it_stays_over_swaps_of_gateway_and_guard(self):
        self.start(guard(), identity())
        client = self.client(token("ann", 7, LATE, "rooms=a"))
        client.expect("ann 7 %d" % LATE)
        self.assertIn("2 swapped", self.reload(guard(later="1ms"), identity(options={"mark": "2"})))
        self.assertEqual(client.ask("who"), "ann 7 %d" % LATE)
        self.assertEqual(client.ask("claim rooms"), "a")
        self.assertEqual(client.ask("refresh " + token("ann", 8, LATE, "rooms=b")), "TONI_OK")
        self.assertEqual(client.ask("claim rooms"), "b")
        client.close()
        self.host.stop()

    def test_another_token_takes_the_place_of_the_one_before(self):
        self.start(guard(), identity())
        client = self.client(token("ann", 7, LATE, "rooms=a"))
        client.expect("ann 7 %d" % LATE)
        for wrong, error in [
            (token("bob", 8, LATE), "TONI_ERR_FORBIDDEN"),
            (token("ann", 8, int(time.time()) - 1), "TONI_ERR_UNAUTHORIZED"),
            (token("", 8, LATE), "TONI_ERR_INVALID"),
            ("nobody's", "TONI_ERR_FAILED"),
        ]:
            self.assertEqual(client.ask("refresh " + wrong), error)
            self.assertEqual(client.ask("claim rooms"), "a")
        self.assertEqual(client.ask("refresh " + token("ann", 8, 0, "other=x")), "TONI_OK")
        self.assertEqual(client.ask("who"), "ann 8 0")
        self.assertEqual(client.ask("claim rooms"), "TONI_ERR_NOT_FOUND")
        self.assertEqual(client.ask("claim other"), "x")
        client.close()
        self.host.stop()

    def test_a_guard_that_is_asked_no_more_takes_no_tokens(self):
        self.start(guard(), identity())
        client = self.client(token())
        client.expect("ann 0 0")
        self.reload(guard(), gateway("id", "identity_gateway.so", "/id"))
        self.assertEqual(client.ask("refresh " + token()), "TONI_ERR_NOT_FOUND")
        self.reload(gateway("id", "identity_gateway.so", "/id"))
        self.assertEqual(client.ask("refresh " + token()), "TONI_ERR_NOT_FOUND")
        self.reload(guard(), identity())
        self.assertEqual(client.ask("refresh " + token("ann", 9)), "TONI_OK")
        client.close()
        self.host.stop()


@with_workers(1, 4)
class Ends(Tokens):
    SOON = scaled(2, 4)  # seconds that a short token lasts

    def ended(self):
        return metrics(self.host)['toni_connections_closed_total{reason="token"}']

    def await_ended(self, count):
        """A connection is counted once it is over, which its client may see before."""
        deadline = time.monotonic() + DEADLINE
        while self.ended() != count:
            self.assertLess(time.monotonic(), deadline, "%s have ended" % self.ended())
            time.sleep(0.05)

    def ends_at(self, client, ends, reason="token expired"):
        client.expect_close(4001, reason)
        self.assertGreaterEqual(time.time(), ends)

    def test_a_connection_ends_when_its_token_does(self):
        self.start(guard(), identity(), ping_ms=0)
        stays = self.client(token("bob", 0, LATE))
        stays.expect("bob 0 %d" % LATE)
        ends = int(time.time()) + self.SOON
        clients = [self.client(token("ann", 0, ends)) for _ in range(8)]
        for client in clients:
            client.expect("ann 0 %d" % ends)
        for client in clients:
            self.ends_at(client, ends)
        self.assertEqual(stays.ask("who"), "bob 0 %d" % LATE)
        self.await_ended(8)
        stays.close()
        self.host.stop()

    def test_it_ends_over_a_swap(self):
        self.start(guard(), identity())
        ends = int(time.time()) + self.SOON
        client = self.client(token("ann", 0, ends))
        client.expect("ann 0 %d" % ends)
        self.reload(guard(later="1ms"), identity(options={"mark": "2"}))
        self.ends_at(client, ends)
        self.host.stop()

    def test_it_ends_while_the_client_reads_nothing(self):
        self.start(guard(), identity())
        ends = int(time.time()) + self.SOON
        client = self.client(token("ann", 0, ends))
        for _ in range(10000):
            client.send("who")
        self.ends_at_last(client, ends)

    def ends_at_last(self, client, ends):
        time.sleep(max(0.0, ends - time.time()))
        self.assertTrue(client.read().startswith("ann"))
        self.await_ended(1)
        self.host.stop()

    def test_a_refresh_moves_the_end_on(self):
        self.start(guard(), identity())
        ends = int(time.time()) + self.SOON
        client = self.client(token("ann", 0, ends))
        client.expect("ann 0 %d" % ends)
        later = ends + self.SOON
        self.assertEqual(client.ask("refresh " + token("ann", 1, later)), "TONI_OK")
        self.ends_at(client, later)
        self.host.stop()

    def test_a_refresh_may_end_it_earlier_or_never(self):
        self.start(guard(), identity(), ping_ms=0)
        client, other = self.client(token("ann", 0, LATE)), self.client(token("ann", 0, LATE))
        for each in client, other:
            each.expect("ann 0 %d" % LATE)
        ends = int(time.time()) + self.SOON
        self.assertEqual(other.ask("refresh " + token("ann", 1, ends)), "TONI_OK")
        self.assertEqual(other.ask("refresh " + token("ann", 1, 0)), "TONI_OK")
        self.assertEqual(client.ask("refresh " + token("ann", 1, ends)), "TONI_OK")
        self.ends_at(client, ends)
        self.assertEqual(other.ask("who"), "ann 1 0")
        other.close()
        self.host.stop()


@with_workers(1, 4)
class Revoked(Tokens):
    def revoke(self, subject):
        result = run_toni("revoke", subject, "--config", self.host.conf)
        return result.returncode, result.stdout + result.stderr

    def closed(self, *clients):
        for client in clients:
            client.expect_close(4001, "revoked")

    def test_its_connections_end_at_once_and_older_tokens_are_refused(self):
        self.start(guard(), identity())
        anns = [self.client(token("ann", 7, LATE)) for _ in range(8)]
        bob = self.client(token("bob", 7, LATE))
        for client in anns + [bob]:
            client.read()
        before = int(time.time())
        self.assertEqual(bob.ask("revoke ann"), "8")
        self.closed(*anns)
        for issued in 0, 7, before:
            self.assertEqual(self.status(token("ann", issued, LATE)), 401)
        next_second()
        issued = int(time.time())
        young = self.client(token("ann", issued, LATE))
        young.expect("ann %d %d" % (issued, LATE))
        self.assertEqual(young.ask("refresh " + token("ann", 8, LATE)), "TONI_ERR_UNAUTHORIZED")
        self.assertEqual(bob.ask("revoke nobody-has-this"), "0")
        self.assertEqual(bob.ask("revoke " + "x" * 257), "-1")
        self.assertEqual(bob.ask("who"), "bob 7 %d" % LATE)
        self.assertEqual(metrics(self.host)["toni_revocations"], 2)
        for client in young, bob:
            client.close()
        self.host.stop()

    def test_a_gateway_may_revoke_the_client_that_asks_for_it(self):
        self.start(guard(), identity())
        client = self.client(token())
        client.expect("ann 0 0")
        client.send("revoke ann")
        self.closed(client)
        self.host.stop()

    def test_who_is_in_a_handshake_is_refused(self):
        slow = service("slow", "identity_guard.so", None, options={"later": "2s"})
        self.start(slow, identity("slow"))
        bob = self.client(token("bob"), wait="no")
        bob.expect("bob 0 0")
        sock = open_socket(self.host.address)
        self.addCleanup(sock.close)
        sock.sendall(request(url(token())))
        while metrics(self.host)["toni_guards_waiting"] != 1:
            time.sleep(0.01)
        self.assertEqual(bob.ask("revoke ann"), "0")
        self.assertTrue(sock.recv(65536).startswith(b"HTTP/1.1 401"))
        bob.close()
        self.host.stop()

    def test_the_command_line_revokes(self):
        self.start(guard(), identity())
        ann = self.client(token("ann of the north"))
        ann.expect("ann of the north 0 0")
        self.assertEqual(self.revoke("ann of the north"), (0, "revoked: 1 clients closed\n"))
        self.closed(ann)
        self.assertEqual(self.status(token("ann of the north")), 401)
        self.assertEqual(self.revoke("x" * 257)[0], 2)
        self.assertEqual(self.revoke("x" * 2000)[0], 2)
        self.assertEqual(self.revoke("")[0], 2)
        self.host.wait_log(msg="a subject is revoked", subject="ann of the north")
        self.host.wait_log(
            msg="a handshake is refused, though its guard lets it in",
            reason="the token is revoked",
            subject="ann of the north",
            path="/id",
        )
        figures = metrics(self.host)
        answers = [
            figures['toni_guard_answers_total{guard="tokens",answer="%s"}' % answer]
            for answer in ("let_in", "revoked", "refused")
        ]
        self.assertEqual(answers, [1, 1, 0])
        ends = [
            figures['toni_connections_closed_total{reason="%s"}' % reason]
            for reason in ("revoked", "plugin", "token")
        ]
        self.assertEqual(ends, [1, 0, 0])
        self.host.stop()

    def test_the_table_is_bounded(self):
        self.start(guard(), identity(), revocations=2)
        for subject in "a", "b", "c":
            self.assertEqual(self.revoke(subject)[0], 0)
        self.host.wait_log(level="warn", limit="2")
        self.client(token("a")).expect("a 0 0")
        for subject in "b", "c":
            self.assertEqual(self.status(token(subject)), 401)
        self.host.stop()

    def test_an_entry_ends(self):
        self.start(guard(), identity(), revocation_s=scaled(2, 4))
        self.assertEqual(self.revoke("ann")[0], 0)
        self.assertEqual(self.status(token()), 401)
        time.sleep(scaled(2, 4) + 1.1)
        self.client(token()).expect("ann 0 0")
        self.host.stop()


@with_workers(1, 4)
class Kept(Tokens):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.file = os.path.join(self.folder, "toni-revocations")

    def text(self, *providers, **limits):
        return configuration(
            providers, self.workers, limits, admin="127.0.0.1:0", state=self.folder
        )

    def revoke(self, subject):
        result = run_toni("revoke", subject, "--config", self.host.conf)
        self.assertEqual(result.returncode, 0, result.stderr)

    def kept(self, subject):
        deadline = time.monotonic() + DEADLINE
        while subject not in self.content():
            self.assertLess(time.monotonic(), deadline, "`%s` is not in the file" % subject)
            time.sleep(0.01)

    def content(self):
        try:
            with open(self.file) as file:
                return file.read()
        except OSError:
            return ""

    def test_a_stop_and_a_start_forget_nobody(self):
        self.start(guard(), identity())
        self.revoke("ann")
        self.host.stop()
        self.start(guard(), identity())
        self.assertEqual(self.status(token()), 401)
        self.client(token("bob")).expect("bob 0 0")
        self.host.stop()

    def test_a_host_that_was_killed_has_kept_it(self):
        self.start(guard(), identity())
        self.revoke("ann")
        self.kept("/ann\n")
        self.assertEqual(os.stat(self.file).st_mode & 0o777, 0o600)
        self.host.kill()
        self.start(guard(), identity())
        self.assertEqual(self.status(token()), 401)
        self.host.stop()

    def test_what_another_host_writes_closes_clients_here(self):
        """As the successor of a host that drains, or the other way round."""
        self.start(guard(), identity())
        first, bob = self.host, self.client(token("bob", 7))
        anns = [self.client(token("ann", issued)) for issued in (7, int(time.time()) + 1000)]
        for client in bob, *anns:
            client.read()
        self.start(guard(), identity())
        self.revoke("ann")
        for client in anns:  # also who has a token of the future: it was there before
            client.expect_close(4001, "revoked")
        self.assertEqual(bob.ask("who"), "bob 7 0")
        self.host.stop()
        self.host = first
        self.revoke("bob")
        self.kept("/bob\n")
        self.kept("/ann\n")
        bob.expect_close(4001, "revoked")
        first.stop()

    def test_a_restart_keeps_it(self):
        self.start(guard(), identity())
        self.revoke("ann")
        result = run_toni("restart", "--config", self.host.conf)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.status(token()), 401)
        self.host.wait_log(msg="restart: the successor is ready, this host drains")
        self.assertEqual(self.status(token()), 401)
        os.kill(int(result.stdout.split()[-1]), signal.SIGTERM)
        self.host.wait_exit()

    def test_a_folder_that_fails_is_tried_again(self):
        self.start(guard(), identity())
        shutil.rmtree(self.folder)
        self.revoke("ann")
        self.host.expect_error(path=self.file)
        self.host.wait_log(level="error", path=self.file)
        self.assertEqual(self.status(token()), 401)
        os.mkdir(self.folder)
        self.kept("/ann\n")
        self.host.wait_log(msg="revoked subjects are kept again")
        self.host.stop()

    def test_a_file_that_somebody_removes_is_written_again(self):
        self.start(guard(), identity())
        self.revoke("ann")
        self.kept("/ann\n")
        os.unlink(self.file)
        self.kept("/ann\n")
        self.host.stop()

    def test_a_file_that_cannot_grow_is_logged_and_the_host_goes_on(self):
        self.start(guard(), identity())
        pid = self.host.process.pid
        before = resource.prlimit(pid, resource.RLIMIT_FSIZE, (4, resource.RLIM_INFINITY))
        self.revoke("ann")
        self.host.expect_error(at="writing", error="File too large")
        self.host.wait_log(level="error", at="writing", error="File too large")
        self.assertEqual(self.status(token()), 401)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
        self.kept("/ann\n")
        self.host.stop()

    def test_what_lies_in_place_of_the_file_holds_nobody_up(self):
        """Nor is what a link points to read, or written to."""
        victim = os.path.join(self.folder, "victim")
        with open(victim, "w") as file:
            file.write("toni revocations 1\n4000000000 /bob\n")

        def too_large(path):
            with open(path, "w") as file:
                file.truncate(1 << 40)

        link = "that is a symbolic link: put a file there, or nothing"
        for make, error in [
            (os.mkfifo, "that is no regular file: remove it"),
            (os.mkdir, "that is no regular file: remove it"),
            (lambda path: os.symlink(victim, path), link),
            (lambda path: os.symlink("/dev/zero", path), link),
            (too_large, "the file is larger than any host writes: remove it"),
        ]:
            with self.subTest(error):
                make(self.file)
                self.start(guard(), identity())
                self.host.expect_error(at="reading", error=error)
                self.host.wait_log(level="error", at="reading", error=error)
                self.revoke("ann")
                self.assertEqual(self.status(token()), 401)
                self.client(token("bob")).expect("bob 0 0")
                (os.rmdir if os.path.isdir(self.file) else os.unlink)(self.file)
                self.kept("/ann\n")
                self.host.wait_log(msg="revoked subjects are kept again")
                self.host.stop()
                os.unlink(self.file)
        with open(victim) as file:
            self.assertEqual(file.read(), "toni revocations 1\n4000000000 /bob\n")

    def test_what_lies_in_place_of_the_next_file_is_not_written_to(self):
        victim = os.path.join(self.folder, "victim")
        for make in os.mkfifo, lambda path: os.symlink(victim, path):
            make(self.file + ".next")
            self.start(guard(), identity())
            self.revoke("ann")
            self.kept("/ann\n")
            self.host.stop()
            self.assertFalse(os.path.exists(victim))
            os.unlink(self.file)

    def test_a_lock_that_another_process_holds_ends_nothing(self):
        with open(self.file + ".lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.start(guard(), identity())
            self.revoke("ann")
            error = "another process holds the lock: end that one"
            self.host.expect_error(at="locking", error=error)
            self.host.wait_log(level="error", at="locking", error=error)
            self.assertEqual(self.status(token()), 401)
        self.kept("/ann\n")
        self.host.stop()

    def test_a_file_of_another_version_or_cut_short_is_told(self):
        for text in "", "toni revocations 2\n1 /ann\n", "\0" * 5000:
            with open(self.file, "w") as file:
                file.write(text)
            self.start(guard(), identity())
            self.host.expect_error(path=self.file)
            self.host.wait_log(level="error", path=self.file)
            self.client(token()).expect("ann 0 0")
            self.revoke("bob")
            self.kept("/bob\n")
            self.host.stop()

    def test_a_damaged_file_is_read_in_part(self):
        with open(self.file, "w") as file:
            lines = "nonsense\n", "%d /%s\n" % (time.time(), "x" * 100000), "%d /ann\n" % time.time()
            file.write("toni revocations 1\n" + "".join(lines) + "%d /cut" % time.time())
        self.start(guard(), identity())
        self.host.expect_error(bad_lines="3")
        self.host.wait_log(level="error", bad_lines="3")
        self.assertEqual(self.status(token()), 401)
        self.host.stop()


@with_workers(1, 4)
class HandedOver(Tokens):
    """A restart without a folder for it: the two hosts tell each other."""

    def start(self, *providers, **limits):
        self.host = Generations(self.text(*providers, **limits)).start()
        self.addCleanup(self.host.kill)
        return self.host

    def revoke(self, subject, closed=0):
        result = run_toni("revoke", subject, "--config", self.host.conf)
        self.assertEqual(result.stdout, "revoked: %d clients closed\n" % closed, result.stderr)

    def refused_soon(self, text):
        """A host tells the other within a tenth of a second."""
        deadline = time.monotonic() + DEADLINE
        while True:
            try:
                Client(self.host.address, url(text)).drop()
            except Refused as refused:
                self.assertEqual(refused.response.status, 401)
                return
            self.assertLess(time.monotonic(), deadline, "it is let in")
            time.sleep(0.01)

    def test_a_restart_forgets_nobody(self):
        self.start(guard(), identity())
        for number in range(0, 1500, 300):
            self.revoke("%0200d" % number)
        self.revoke("ann")
        for _ in range(3):
            self.host.restart()
            for subject in "ann", "%0200d" % 0, "%0200d" % 1200:
                self.assertEqual(self.status(token(subject)), 401)
            self.client(token("bob")).expect("bob 0 0")
        self.host.stop()

    def test_what_is_revoked_while_the_successor_starts_is_known_to_it(self):
        self.start(guard(), identity())
        self.revoke("before")
        until = os.path.join(self.host.folder, "go on")
        options = {"hook": "start", "until": until}
        waiting = gateway("waiting", "waiting_gateway.so", "/waiting", options=options)
        self.host.configure(self.text(guard(), identity(), waiting))
        asked = self.host.ask("restart")
        self.host.wait_log(msg="waiting")
        self.revoke("meanwhile")
        with open(until, "w"):
            pass
        self.host.answer_of(asked, 0)
        for subject in "before", "meanwhile":
            self.refused_soon(token(subject))
        self.host.stop()

    def test_while_both_have_clients_either_closes_whom_the_other_revokes(self):
        self.start(guard(), identity(), drain_ms=60000)
        first = self.host.process.pid
        olds = [self.client(token("old", 7, LATE)) for _ in range(20)]
        asks = [self.client(token("asks", 7, LATE)) for _ in range(20)]
        for client in olds + asks:
            client.read()
        self.host.restart()
        new = self.client(token("new", 7, LATE))
        new.expect("new 7 %d" % LATE)
        # Clients of the host that drains are told to go one after the other; the last ones are there.
        self.revoke("old")
        olds[-1].expect_close(4001, "revoked")
        asks[-1].send("revoke new")
        new.expect_close(4001, "revoked")
        self.refused_soon(token("new", 7, LATE))
        self.host.restart()
        self.assertEqual(self.status(token("new", 7, LATE)), 401)
        for client in olds + asks:
            client.drop()
        self.host.wait_gone(first)
        self.host.stop()

    def test_a_successor_that_fails_leaves_it_as_it_was(self):
        self.start(guard(), identity())
        self.revoke("ann")
        good = self.text(guard(), identity())
        self.host.configure(self.text(guard(), gateway("none", "no_such.so", "/none")))
        self.host.restart(code=2)
        self.assertEqual(self.status(token()), 401)
        self.host.configure(good)
        self.host.restart()
        self.assertEqual(self.status(token()), 401)


@with_workers(1, 4)
class Rules(Tokens):
    FORBIDDEN = "No access to the room: the client may not do this"
    SILENCED = "No access to the room: the client may not publish in this room"

    def rooms(self, **rules):
        more = {"rooms": rules} if rules else {}
        return gateway("rooms", "rooms_gateway.so", "/rooms", guards=["tokens"], **more)

    def greeted(self, text):
        client = self.client(text, "/rooms")
        client.expect(GREETING)
        return client

    def joins(self, client, room):
        answer = client.ask("join:" + room)
        if answer != self.FORBIDDEN:
            self.assertEqual(answer, "Joined room: " + room)
            self.assertTrue(client.read().endswith(" joined"))
        return answer != self.FORBIDDEN

    def test_a_claim_that_nobody_has_is_named_once(self):
        said = "a rule for rooms refuses, and no client has had the claim yet"
        self.start(guard(), self.rooms(join=["claim:rooms", "claim:romms"]))
        ann = self.greeted(token("ann", 0, 0, "rooms=vip"))
        for room in "vip", "other", "more":
            self.assertEqual(self.joins(ann, room), room == "vip")
        ann.close()
        self.host.stop()
        told = [line["claim"] for line in self.host.log() if line["msg"].startswith(said)]
        self.assertEqual(told, ["romms"])

    def test_join_says_which_rooms(self):
        self.start(guard(), self.rooms(join=["public-*", "claim:rooms"]))
        ann = self.greeted(token("ann", 0, 0, "rooms=vip", "rooms=game-*"))
        bob = self.greeted(token("bob"))
        for room, of_ann, of_bob in [
            ("public-1", True, True),
            ("private", False, False),
            ("vip", True, False),
            ("game-7", True, False),
        ]:
            self.assertEqual((self.joins(ann, room), self.joins(bob, room)), (of_ann, of_bob), room)
            if of_ann and of_bob:
                self.assertTrue(ann.read().endswith(" joined"))
        for client in ann, bob:
            client.close()
        self.host.stop()

    def test_publish_says_who_is_heard(self):
        self.start(guard(), self.rooms(publish="member"))
        ann, bob = self.greeted(token("ann")), self.greeted(token("bob"))
        self.joins(ann, "r")
        self.assertEqual(bob.ask("msg:r:x"), self.SILENCED)
        self.assertTrue(ann.ask("msg:r:x").endswith(": x"))
        for publish, heard in [("nobody", False), (["r"], True), (["s*"], False), ("anyone", True)]:
            self.assertIn("1 with other limits", self.reload(guard(), self.rooms(publish=publish)))
            for client in ann, bob:
                client.send("msg:r:%s" % publish)
                if heard:
                    self.assertTrue(ann.read().endswith(": %s" % publish))
                else:
                    client.expect(self.SILENCED)
        for client in ann, bob:
            client.close()
        self.host.stop()

    def test_a_reload_swaps_the_rules_for_those_who_are_connected(self):
        self.start(guard(), self.rooms())
        ann = self.greeted(token("ann"))
        self.assertTrue(self.joins(ann, "before"))
        self.reload(guard(), self.rooms(join=["a*"]))
        self.assertFalse(self.joins(ann, "room"))
        self.assertTrue(self.joins(ann, "abc"))
        self.assertTrue(ann.ask("msg:before:still").endswith(": still"))  # who is in stays
        self.reload(guard(), self.rooms())
        self.assertTrue(self.joins(ann, "room"))
        ann.close()
        self.host.stop()

    def test_faults_have_file_and_line(self):
        for rules, words in [
            ({"join": "a"}, "`join`"),
            ({"join": ["a*b"]}, "has a `*` that is not at its end"),
            ({"join": ["claim:"]}, "names no claim"),
            ({"join": [""]}, "is no name of a room"),
            ({"join": [7]}, "`join`"),
            ({"publish": "somebody"}, "is `somebody`, expected"),
            ({"publish": 7}, "`publish`"),
            ({"publish": ["a", "*b"]}, "has a `*`"),
            ({"publsh": "member"}, "`publsh`"),
        ]:
            folder = tempfile.mkdtemp()
            self.addCleanup(shutil.rmtree, folder)
            path = os.path.join(folder, "gateways.conf")
            with open(path, "w") as file:
                file.write(self.text(guard(), self.rooms(**rules)))
            result = run_toni("check", "--config", path)
            self.assertEqual(result.returncode, 2, rules)
            self.assertRegex(result.stderr, r"gateways\.conf:\d+: .*" + re.escape(words), rules)


if __name__ == "__main__":
    main(beside=4)
