"""The command line, gateways.conf with every fault, listeners, start and stop."""

import errno
import os
import re
import resource
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
import unittest

from toni_host import (
    AS_ROOT,
    CAN_BECOME_ANOTHER_USER,
    DEADLINE,
    ECHO,
    FIXTURES,
    GREETING,
    PLUGINS,
    PROBE,
    ROOMS,
    SLOWNESS,
    TONI,
    Client,
    Host,
    Refused,
    configuration,
    gateway,
    main,
    open_socket,
    run_toni,
    value_text,
    without_root_rights,
)

NOBODY = 65534


class FolderTestCase(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="toni-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def write(self, text, name="gateways.conf", mode=None):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as out:
            out.write(text if isinstance(text, bytes) else text.encode())
        if mode is not None:
            os.chmod(path, mode)
        return path

    def host(self, conf, **how):
        made = Host(conf, **how).start()
        self.addCleanup(made.kill)
        return made

    def serves(self, address, path="/rooms"):
        client = Client(address, path)
        self.addCleanup(client.sock.close)
        if path == "/rooms":
            client.expect(GREETING)
            client.send("leave:fence")
            client.expect("Left room: fence")
        else:
            self.assertEqual(client.ask("hello"), "hello")
        return client


class TestCommandLine(FolderTestCase):
    def good(self, *arguments, **how):
        done = run_toni(*arguments, **how)
        self.assertEqual((done.returncode, done.stderr), (0, ""), arguments)
        return done.stdout

    def bad(self, *arguments, **how):
        done = run_toni(*arguments, **how)
        self.assertEqual((done.returncode, done.stdout), (2, ""), arguments)
        self.assertNotIn("msg=listening", done.stderr)
        self.assertTrue(done.stderr.endswith("\n"), done.stderr)
        return done.stderr

    def test_version(self):
        self.assertRegex(self.good("version"), r"\Atoni \d+\.\d+(\.\d+)?[^\n]*\n")

    def test_help_for_each(self):
        everything = self.good("--help")
        for command in ("run", "check", "version"):
            self.assertRegex(everything, r"(?m)\b%s\b" % command)
            text = self.good(command, "--help")
            self.assertRegex(text, r"(?i)usage: *toni %s" % command)
        self.assertIn("-c", self.good("run", "--help"))
        self.assertIn("gateways.conf", self.good("run", "--help"))
        self.assertIn("-c", self.good("check", "--help"))

    def test_bad_command_lines(self):
        self.assertIn("frobnicate", self.bad("frobnicate"))
        self.assertIn("--nope", self.bad("run", "--nope"))
        self.assertIn("loud", self.bad("run", "--log-level=loud"))
        self.assertIn("--nope", self.bad("--nope"))
        self.assertIn("extra", self.bad("version", "extra"))
        self.assertIn("extra", self.bad("check", "extra"))
        self.assertIn("'c'", self.bad("run", "-c"))  # as getopt says it
        self.bad()

    def test_check_of_a_good_file_starts_nothing(self):
        conf = self.write(configuration([ROOMS, ECHO]))
        done = run_toni("check", "-c", conf)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("msg=listening", done.stderr)
        self.assertNotIn("msg=ready", done.stderr)

    def test_check_does_not_need_the_port(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            conf = self.write(configuration([ROOMS], listen="127.0.0.1:%d" % taken.getsockname()[1]))
            self.assertEqual(run_toni("check", "-c", conf).returncode, 0)

    def test_gateways_conf_of_the_current_folder_is_the_default(self):
        self.assertIn("gateways.conf", self.bad("check", cwd=self.folder))
        self.assertIn("gateways.conf", self.bad("run", cwd=self.folder))
        self.write(configuration([ROOMS]))
        self.assertEqual(run_toni("check", cwd=self.folder).returncode, 0)


class TestFaults(FolderTestCase):
    """Every fault of a file: exit code 2, one line FILE:LINE: each, the same from run and check."""

    def faults(self, conf, **how):
        """The lines of the faults, from both commands."""
        checked = run_toni("check", "-c", conf, **how)
        self.assertEqual(checked.returncode, 2, checked.stderr)
        ran = run_toni("run", "-c", conf, **how)
        self.assertEqual(ran.returncode, 2, ran.stderr)
        found = [line for line in ran.stderr.splitlines() if line.startswith(conf)]
        self.assertEqual(
            found, [line for line in checked.stderr.splitlines() if line.startswith(conf)]
        )
        for text in (checked.stderr, ran.stderr):
            self.assertNotIn("msg=listening", text)
            self.assertNotIn("msg=ready", text)
            self.assertNotIn("Sanitizer", text)
        return found

    def fault(self, text, line, *words):
        """One fault, on that line (None: any), that says all words (patterns)."""
        conf = self.write(text)
        found = self.faults(conf)
        self.assertEqual(len(found), 1, found)
        self.says(found[0], conf, line, *words)
        return found[0]

    def says(self, found, conf, line, *words):
        number = r"\d+" if line is None else str(line)
        self.assertRegex(found, r"\A%s:%s: \S.{15,}" % (re.escape(conf), number))
        for word in words:
            self.assertRegex(found, "(?i)" + word)

    def conf(self, provider=ROOMS, listen="websocket = \"127.0.0.1:0\";", top="", module=""):
        """A file with one provider on line 6, a top-level line 2 and a module line 4."""
        return "\n".join(
            (
                "listen = { %s };" % listen,
                top,
                'modules = ( { name = "main"; imports = [ "broadcast" ];',
                module,
                "providers = (",
                provider,
                "); } );",
                'plugin_path = [ "%s" ];' % FIXTURES,
                "",
            )
        )

    def test_the_file_of_these_tests_is_good_without_the_fault(self):
        conf = self.write(self.conf())
        done = run_toni("check", "-c", conf)
        self.assertEqual(done.returncode, 0, done.stderr)

    # the file itself

    def test_missing_file(self):
        conf = os.path.join(self.folder, "nowhere.conf")
        for command in ("run", "check"):
            done = run_toni(command, "-c", conf)
            self.assertEqual(done.returncode, 2)
            self.assertIn(conf, done.stderr)
            self.assertRegex(done.stderr, r"(?i)no such file|not found|missing|does not exist")
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)

    def test_unreadable_file(self):
        conf = self.write(configuration([ROOMS]), mode=0)
        for command in ("run", "check"):
            done = run_toni(command, "-c", conf, before_exec=without_root_rights)
            self.assertEqual(done.returncode, 2)
            self.assertIn(conf, done.stderr)
            self.assertRegex(done.stderr, r"(?i)permission|read")
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)

    def test_a_folder_instead_of_a_file(self):
        for command in ("run", "check"):
            done = run_toni(command, "-c", self.folder)
            self.assertEqual(done.returncode, 2)
            self.assertIn(self.folder, done.stderr)
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)

    def test_empty_file(self):
        for text in ("", "\n\n", "# only a comment\n"):
            conf = self.write(text)
            found = self.faults(conf)
            self.assertGreaterEqual(len(found), 1)
            self.assertTrue(any(re.search(r"listen|modules", line) for line in found), found)

    def test_malformed_file(self):
        self.fault(self.conf(top="workers = ;"), 2, "syntax")
        self.fault(self.conf(top="limits = { connections = 5;") , None, "syntax")
        self.fault(self.conf(top="workers = 1; workers = 2;"), 2, "duplicate")
        self.fault("\x00\x01\x02 what", 1, "value 0")
        self.fault("this is not a configuration\n", 1, "syntax")

    # keys and types

    def test_unknown_keys(self):
        self.fault(self.conf(top="lisen = 1;"), 2, "lisen", "unknown")
        self.fault(self.conf(top="limits = { conections = 5; };"), 2, "conections", "unknown")
        self.fault(self.conf(module="import = [];"), 4, "import", "unknown")
        self.fault(
            self.conf('{ gateway = "rooms"; library = "rooms_gateway.so"; pth = "/rooms"; }'),
            6, "pth", "unknown",
        )
        self.fault(
            self.conf(gateway("rooms", "rooms_gateway.so", "/rooms", limits={"conections": 5})),
            6, "conections", "unknown",
        )
        self.fault(
            self.conf(listen='websocket = "127.0.0.1:0"; websockets = 1;'),
            1, "websockets", "unknown",
        )

    def test_wrong_types(self):
        self.fault(self.conf(top='workers = "two";'), 2, "workers", "number|integer", "string|two")
        self.fault(self.conf(top="workers = 1.5;"), 2, "workers", "number|integer")
        self.fault(
            self.conf(top='limits = { connections = "many"; };'),
            2, "connections", "number|integer",
        )
        self.fault(self.conf(top="limits = 5;"), 2, "limits", "group")
        self.fault(self.conf(listen="websocket = 5;"), 1, "websocket", "string")
        self.fault(self.conf(listen='websocket = [ 5 ];'), 1, "websocket", "string")
        self.fault(
            self.conf('{ gateway = 5; library = "rooms_gateway.so"; path = "/rooms"; }'),
            6, "gateway", "string",
        )
        self.fault(
            self.conf('{ gateway = "rooms"; library = 5; path = "/rooms"; }'),
            6, "library", "string",
        )
        self.fault(
            self.conf('{ gateway = "rooms"; library = "rooms_gateway.so"; path = 5; }'),
            6, "path", "string",
        )
        self.fault(
            self.conf('{ gateway = "rooms"; library = "rooms_gateway.so"; path = "/rooms"; options = 5; }'),
            6, "options", "group",
        )
        self.fault("listen = 5;\n" + self.conf().split("\n", 1)[1], 1, "listen", "group")
        self.fault(
            'listen = { websocket = "127.0.0.1:0"; };\nmodules = 5;\n', 2, "modules", "list"
        )
        self.fault(
            self.conf().replace('[ "%s" ]' % FIXTURES, "5"),
            8, "plugin_path", "array|list|string",
        )

    def test_options_that_the_plugin_does_not_take(self):
        chat = ROOMS + ', { service = "chat"; library = "chat_service.so"; options = { %s }; }'
        for text, words in (
            ("max_lenght = 5;", ["unknown setting `max_lenght`", "did you mean `max_length`"]),
            ('max_length = "5";', ["`max_length`", "is the string `5`, expected an integer, 1 to 1000000"]),
            ("max_length = 0;", ["is 0, expected an integer, 1 to 1000000", "longest message, in bytes"]),
            ("max_length = 5; max_length = 6;", ["duplicate"]),
        ):
            with self.subTest(options=text):
                self.fault(self.conf(chat % text), 6, *words)
        self.fault(
            self.conf('{ gateway = "rooms"; library = "rooms_gateway.so"; options = { a = 5; }; }'),
            6, "unknown setting `a` in `options` of gateway `rooms`", "declares no options",
        )

    def test_numbers_out_of_range(self):
        for value in ("-1", "100000"):
            self.fault(self.conf(top="workers = %s;" % value), 2, "workers")
        for key in ("connections", "handshake_ms", "message_bytes", "rooms_per_client",
                    "outbox_messages", "outbox_bytes", "ping_ms", "pong_timeout_ms", "idle_ms",
                    "messages_per_second", "message_burst", "close_ms", "drain_ms",
                    "callback_ms", "hook_ms"):
            with self.subTest(key=key):
                self.fault(self.conf(top="limits = { %s = -5; };" % key), 2, key, "-5")
        self.fault(self.conf(top="limits = { connections = 3000000000L; };"), 2, "connections")
        self.fault(self.conf(top="limits = { pending_bytes = 3000000000; };"), 2, "3000000000L")

    def test_missing_keys(self):
        self.fault(self.conf('{ gateway = "rooms"; path = "/rooms"; }'), 6, "library")
        self.fault(self.conf('{ library = "rooms_gateway.so"; path = "/rooms"; }'), 6, "gateway")

    def test_bad_addresses(self):
        for address in ("127.0.0.1", "127.0.0.1:", "127.0.0.1:port", "127.0.0.1:70000", ":::", "",
                        "[::1:0", "unix:", "1.2.3.4.5:0"):
            with self.subTest(address=address):
                self.fault(self.conf(listen="websocket = %s;" % value_text(address)), 1, re.escape(address))

    # providers

    def test_path_without_a_slash(self):
        self.fault(
            self.conf(gateway("rooms", "rooms_gateway.so", "rooms")),
            6, "path", "rooms", "/",
        )

    def test_two_gateways_on_one_path(self):
        text = self.conf(ROOMS + ",\n" + gateway("echo", "echo_gateway.so", "/rooms"))
        self.fault(text, 7, "/rooms", "echo", r"\brooms\b")

    def test_two_providers_of_one_name(self):
        text = self.conf(ROOMS + ",\n" + gateway("rooms", "echo_gateway.so", "/echo"))
        self.fault(text, 7, "rooms", "twice|duplicate|already")

    def test_missing_import(self):
        text = self.conf().replace('imports = [ "broadcast" ];', "")
        self.fault(text, None, "main", "rooms", r"toni\.connections", "broadcast")

    def test_unknown_import(self):
        text = self.conf().replace('"broadcast"', '"broadcast", "brodcast"')
        self.fault(text, 3, "brodcast")

    # libraries

    def test_missing_library(self):
        self.fault(
            self.conf(gateway("rooms", "nothing_gateway.so", "/rooms")), 6, "nothing_gateway.so",
                   "not found|no such file|missing")

    def library(self, data, *words):
        """A fault of a library with these bytes, found through an absolute plugin_path."""
        self.write(data, "plugins/made_gateway.so", mode=0o755)
        text = self.conf(gateway("made", "made_gateway.so", "/made")).replace(
            '[ "%s" ]' % FIXTURES, '[ "plugins" ]'  # relative to the file
        )
        return self.fault(text, 6, re.escape(os.path.join(self.folder, "plugins/made_gateway.so")), *words)

    def test_library_that_is_not_elf(self):
        self.library("#!/bin/sh\necho no\n", "ELF")
        self.library(b"", "ELF")
        self.library(b"\x7fELF", "ELF")

    def echo_bytes(self):
        with open(os.path.join(PLUGINS, "echo_gateway.so"), "rb") as good:
            return bytearray(good.read())

    def test_library_of_another_architecture(self):
        data = self.echo_bytes()
        other = 0x3E if data[18] == 0xB7 else 0xB7  # e_machine: x86-64 or AArch64
        data[18:20] = other.to_bytes(2, "little")
        self.library(bytes(data), "architecture|machine")

    def test_library_of_another_word_size(self):
        data = self.echo_bytes()
        data[4] = 1  # ELFCLASS32
        self.library(bytes(data), "32|class|architecture")

    def test_library_that_is_cut_off(self):
        self.library(bytes(self.echo_bytes()[:2000]), "ELF|short|truncated|cut|file")

    def test_library_that_may_not_be_read(self):
        self.write(bytes(self.echo_bytes()), "plugins/made_gateway.so", mode=0)
        conf = self.write(
            self.conf(gateway("made", "made_gateway.so", "/made")).replace(FIXTURES, "plugins")
        )
        found = self.faults(conf, before_exec=without_root_rights)
        self.assertEqual(len(found), 1)
        self.says(found[0], conf, 6, "made_gateway.so", "permission")

    def test_libraries_that_the_loader_refuses(self):
        for name, words in (
            ("no_symbol", ["toni_plugin_entry"]),
            ("bad_magic", ["magic"]),
            ("bad_major", [r"ABI|major", r"\d+"]),
            ("newer_minor", [r"ABI|minor", r"\d+"]),
            ("short_size", ["size", r"\d+"]),
            ("no_on_message", ["on_message"]),
        ):
            with self.subTest(library=name):
                self.assertTrue(os.path.exists(os.path.join(FIXTURES, name + ".so")), name)
                self.fault(
                    self.conf(gateway("bad", name + ".so", "/bad")),
                    6,
                    re.escape(os.path.join(FIXTURES, name + ".so")),
                    *words,
                )

    # all at once

    def test_all_faults_are_reported_at_once(self):
        text = self.conf(
            gateway("rooms", "rooms_gateway.so", "rooms") + ",\n"
            + gateway("lost", "nothing_gateway.so", "/lost") + ",\n"
            + gateway("bad", "bad_magic.so", "/bad"),
            top="lisen = 1; workers = \"two\";",
            module="extra = 1;",
        )
        conf = self.write(text)
        found = self.faults(conf)
        lines = sorted(int(line[len(conf) + 1 :].split(":")[0]) for line in found)
        self.assertEqual(lines, [2, 2, 4, 6, 7, 8], found)


class TestListeners(FolderTestCase):
    def test_log_level(self):
        path = os.path.join(self.folder, "quiet.sock")
        conf = self.write(configuration([ROOMS], listen="unix:" + path))
        process = subprocess.Popen([TONI, "run", "--allow-root", "--log-level=warn", "-c", conf],
                                   stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        deadline = time.monotonic() + DEADLINE
        while not os.path.exists(path):
            self.assertLess(time.monotonic(), deadline, "it doesn't listen")
            time.sleep(0.01)
        process.terminate()
        lines = process.communicate(timeout=DEADLINE)[1].splitlines()
        self.assertEqual([line for line in lines if AS_ROOT not in line], [])
        self.assertEqual(process.returncode, 0)

    def test_what_start_up_says(self):
        host = self.host(configuration([ROOMS, ECHO], workers=3))
        (listening,) = host.log(msg="listening")
        self.assertEqual((listening["level"], listening["protocol"]), ("info", "websocket"))
        self.assertRegex(listening["address"], r"\A127\.0\.0\.1:[1-9]\d*\Z")
        self.assertEqual(
            [(l["gateway"], l["path"], l["module"]) for l in host.log(msg="gateway ready")],
            [("rooms", "/rooms", "main"), ("echo", "/echo", "main")],
        )
        (ready,) = host.log(msg="ready")
        self.assertEqual(ready["workers"], "3")
        for line in host.text().splitlines():
            self.assertRegex(line, r"\Atime=\S+ level=(debug|info|warn) ")
        host.stop()

    def test_workers_0_is_one_per_core(self):
        host = self.host(configuration([ROOMS], workers=0))
        self.assertEqual(host.wait_log(msg="ready")["workers"], str(len(os.sched_getaffinity(0))))
        self.serves(host.address)
        host.stop()

    def test_ipv4_ipv6_and_unix_at_once(self):
        path = os.path.join(self.folder, "toni.sock")
        for workers in (1, 4):
            host = self.host(
                configuration([ROOMS, ECHO], workers, listen=["127.0.0.1:0", "[::1]:0", "unix:" + path])
            )
            four, six, unix = host.addresses
            self.assertRegex(four, r"\A127\.0\.0\.1:[1-9]\d*\Z")
            self.assertRegex(six, r"\A\[::1\]:[1-9]\d*\Z")
            self.assertEqual(unix, "unix:" + path)
            clients = [self.serves(address) for address in (four, six, unix)]
            for client in clients:
                client.send("join:shared")
                client.expect("Joined room: shared")
            names = [client.read().split()[0] for client in clients[-1:]]
            clients[-1].send("msg:shared:over every listener")
            for client in clients:
                while client.read() != "[shared] %s: over every listener" % names[0]:
                    pass
            self.serves(unix, "/echo")
            self.serves(six, "/echo")
            host.stop()
            self.assertFalse(os.path.exists(path), "the socket's file is left behind")

    def test_port_in_use_binds_nothing_and_names_the_address(self):
        with socket.socket() as taken, socket.socket() as free:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            busy = "127.0.0.1:%d" % taken.getsockname()[1]
            free.bind(("127.0.0.1", 0))
            first = "127.0.0.1:%d" % free.getsockname()[1]
            free.close()
            path = os.path.join(self.folder, "toni.sock")
            host = Host(configuration([ROOMS], listen=["unix:" + path, first, busy])).launch()
            self.addCleanup(host.kill)
            self.assertIn(host.wait_exit(), (1, 2))
            named = [line for line in host.text().splitlines() if busy in line]
            self.assertEqual(len(named), 1, host.text())
            self.assertRegex(named[0], r"(?i)in use")
            self.assertEqual(host.log(msg="listening"), [])
            self.assertEqual(host.log(msg="ready"), [])
            self.assertFalse(os.path.exists(path), "the socket's file is left behind")
            with self.assertRaises(ConnectionRefusedError):
                open_socket(first)

    def refused(self, conf, **how):
        """The one error of a host that doesn't start."""
        host = Host(conf, folder=self.folder, **how).launch()
        self.addCleanup(host.kill)
        self.assertEqual(host.wait_exit(), 1)
        (line,) = host.log(level="error")
        return line

    def test_a_unix_address_in_a_missing_folder_says_so(self):
        address = "unix:" + os.path.join(self.folder, "missing", "toni.sock")
        line = self.refused(configuration([ROOMS], listen=address))
        self.assertEqual((line["address"], line["error"]), (address, os.strerror(errno.ENOENT)))

    def test_a_file_in_the_place_of_a_unix_socket_is_left_alone(self):
        path = self.write("precious", "toni.sock")
        line = self.refused(configuration([ROOMS], listen="unix:" + path))
        self.assertEqual(line["error"], os.strerror(errno.EADDRINUSE))
        with open(path, encoding="ascii") as file:
            self.assertEqual(file.read(), "precious")

    def test_a_unix_socket_that_a_crash_left_behind_is_replaced(self):
        path = os.path.join(self.folder, "toni.sock")
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(path)
        host = self.host(configuration([ROOMS], listen="unix:" + path))
        self.serves(host.address)
        host.stop()
        self.assertFalse(os.path.exists(path))

    def test_mode_and_group_of_a_unix_socket(self):
        group = 1 if os.geteuid() == 0 else os.getegid()
        path = os.path.join(self.folder, "toni.sock")
        address = {"address": "unix:" + path, "mode": "0642", "group": str(group)}
        for listen, mode in (
            ("unix:%s;mode=0660;group=%d" % (path, group), 0o660),
            ("unix:%s;group=%d;mode=777" % (path, group), 0o777),
            (address, 0o642),
        ):
            with self.subTest(listen=listen):
                host = self.host(configuration([ROOMS], listen=listen))
                self.assertEqual(host.address, "unix:" + path)
                file = os.stat(path)
                self.assertEqual((stat.S_IMODE(file.st_mode), file.st_gid), (mode, group))
                self.serves(host.address)
                host.stop()
                self.assertFalse(os.path.exists(path))

    def test_a_group_that_the_user_is_not_in(self):
        path = os.path.join(self.folder, "toni.sock")
        text = configuration([ROOMS], listen="unix:%s;mode=0660;group=0" % path)

        def become_nobody():  # root may give a file to any group, so the host runs as somebody else
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)

        if os.geteuid() == 0:
            os.chown(self.folder, NOBODY, NOBODY)
        line = self.refused(
            text, before_exec=become_nobody if os.geteuid() == 0 else lambda: None
        )
        self.assertIn("name a group that the host's user is in", line["msg"])
        self.assertFalse(os.path.exists(path))

    def test_a_mode_that_is_none_is_a_fault_with_its_line(self):
        conf = self.write(configuration([ROOMS], listen="unix:/tmp/x;mode=rw"))
        done = run_toni("check", "-c", conf)
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"gateways\.conf:1: `mode` of a Unix socket is `rw`")

    def test_too_few_descriptors_to_start_are_said_and_the_host_ends(self):
        for workers, limits in ((1, (10, 14, 20)), (4, (14, 20, 26, 32))):
            for most in limits:
                with self.subTest(workers=workers, descriptors=most):
                    line = self.refused(
                        configuration([ROOMS], workers),
                        before_exec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE,
                                                               (most, most)),
                    )
                    self.assertIn("files", line["msg"])

    def test_a_second_toni_on_the_same_port_is_refused_and_the_first_goes_on(self):
        first = self.host(configuration([ROOMS]))
        client = self.serves(first.address)
        second = Host(configuration([ROOMS], listen=first.address)).launch()
        self.addCleanup(second.kill)
        self.assertIn(second.wait_exit(), (1, 2))
        self.assertIn(first.address, second.text())
        for _ in range(20):
            self.serves(first.address)
        client.send("leave:fence")
        client.expect("Left room: fence")
        first.stop()

    def test_a_port_is_free_again_at_once(self):
        first = self.host(configuration([ROOMS]))
        address = first.address
        self.serves(address)
        first.stop()
        second = self.host(configuration([ROOMS], listen=address))
        self.assertEqual(second.address, address)
        self.serves(address)
        second.stop()

    def test_plugin_path_is_relative_to_the_file_and_searched_first(self):
        # named as the page's gateway, but it is the echo gateway: found first
        os.makedirs(os.path.join(self.folder, "mine"))
        shutil.copy(
            os.path.join(PLUGINS, "echo_gateway.so"),
            os.path.join(self.folder, "mine", "rooms_gateway.so"),
        )
        host = self.host(configuration([ROOMS], plugin_path=["mine"]), folder=self.folder)
        client = Client(host.address, "/rooms")
        self.addCleanup(client.sock.close)
        self.assertEqual(client.ask("join:x"), "join:x")
        host.stop()

    def test_a_library_overwritten_in_place_does_not_harm_a_running_host(self):
        mine = os.path.join(self.folder, "mine")
        os.makedirs(mine)
        copy = os.path.join(mine, "copied_gateway.so")
        shutil.copy(os.path.join(PLUGINS, "echo_gateway.so"), copy)
        host = self.host(
            configuration([gateway("copied", "copied_gateway.so", "/echo")], plugin_path=[mine]),
            folder=self.folder,
        )
        self.serves(host.address, "/echo")
        with open(copy, "r+b") as out:
            out.write(bytes(os.path.getsize(copy)))
        self.serves(host.address, "/echo")
        host.stop()

    def test_soft_limit_of_open_files_is_raised(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        host = self.host(
            configuration([ROOMS], limits={"connections": 200}),
            before_exec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard)),
        )
        soft = resource.prlimit(host.pid, resource.RLIMIT_NOFILE)[0]
        self.assertGreater(soft, 200)
        clients = [self.serves(host.address) for _ in range(100)]
        self.assertEqual(len(clients), 100)
        host.stop()

    def test_a_hard_limit_below_the_connections_is_said(self):
        host = self.host(
            configuration([ROOMS], limits={"connections": 4300, "http_connections": 700},
                          http="127.0.0.1:0"),
            before_exec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (128, 256)),
        )
        self.assertEqual(resource.prlimit(host.pid, resource.RLIMIT_NOFILE), (256, 256))
        (line,) = host.log(level="warn", open_files="256")
        self.assertGreater(int(line["needed"]), 5000)
        connections = int(line["connections"])
        self.assertIn(connections, range(20, 200))
        self.assertIn(int(line["http_connections"]), range(5, 100))
        clients = [self.serves(host.address) for _ in range(connections)]
        with self.assertRaises(Refused) as refused:
            Client(host.address, "/rooms")
        self.assertEqual(refused.exception.response.status, 503)
        for client in clients:
            client.sock.close()
        host.stop()

    def test_enough_descriptors_are_not_said(self):
        host = self.host(configuration([ROOMS], http="127.0.0.1:0", admin="127.0.0.1:0"))
        self.assertEqual(host.log(level="warn", connections=lambda value: value != ""), [])
        host.stop()

    def test_out_of_descriptors_the_host_goes_on(self):
        host = self.host(
            configuration([ROOMS]),
            before_exec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (80, 80)),
        )
        served = self.serves(host.address)
        waiting = [open_socket(host.address) for _ in range(100)]
        served.send("leave:fence")
        served.expect("Left room: fence")
        for sock in waiting:
            sock.close()

        end = time.monotonic() + DEADLINE
        while True:
            try:
                self.serves(host.address)
                break
            except (AssertionError, OSError):
                self.assertLess(time.monotonic(), end, "no new client is served any more")
        host.expected_errors.append({})
        host.stop()


class TestStop(FolderTestCase):
    def test_sigterm_and_sigint_end_with_0(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            for workers in (1, 4):
                with self.subTest(signal=number.name, workers=workers):
                    host = self.host(configuration([ROOMS, ECHO], workers))
                    client = self.serves(host.address)
                    host.process.send_signal(number)
                    client.expect_close(1001)
                    host.ends_well()

    def test_threads_that_a_library_begins_when_it_is_loaded(self):
        early = gateway("early", "early_thread.so", "/early")
        for _ in range(5):
            host = self.host(configuration([ROOMS, early]))
            client = self.serves(host.address)
            host.process.send_signal(signal.SIGTERM)
            client.expect_close(1001)
            host.ends_well()

    def test_without_clients_it_stops_at_once(self):
        host = self.host(configuration([ROOMS, ECHO, PROBE], workers=4))
        started = time.monotonic()
        host.stop()
        self.assertLess(time.monotonic() - started, 2 * SLOWNESS)

    def test_a_signal_during_start_up(self):
        for wait in (0, 0.005, 0.02):
            host = Host(configuration([ROOMS, ECHO])).launch()
            self.addCleanup(host.kill)
            time.sleep(wait)
            host.process.terminate()
            self.assertIn(host.wait_exit(), (0, -signal.SIGTERM))

    def stalled(self, drain_ms):
        """A host with a client that does not read, and much that it has yet to get."""
        host = self.host(
            configuration(
                [PROBE],
                limits={"drain_ms": drain_ms, "close_ms": 60000, "outbox_bytes": 100000000,
                        "outbox_messages": 100000},
            )
        )
        stuck = Client(host.address, "/probe", receive_buffer=4096)
        self.addCleanup(stuck.sock.close)
        stuck.read()
        self.assertEqual(stuck.ask("join:stuck"), "ok")
        teller = Client(host.address, "/probe")
        self.addCleanup(teller.sock.close)
        teller.read()
        for _ in range(40):
            self.assertEqual(teller.ask("tell:stuck:" + "x" * 500000), "targeted=1")
        return host, stuck

    def stopping(self, host):
        """The first signal is taken: nobody new gets in."""
        end = time.monotonic() + DEADLINE
        while True:
            try:
                open_socket(host.address).close()
            except OSError:
                return
            self.assertLess(time.monotonic(), end, "still accepts after the signal")

    def test_drain_ends_at_its_deadline(self):
        host, _ = self.stalled(drain_ms=700)
        started = time.monotonic()
        host.process.terminate()
        host.ends_well()
        took = time.monotonic() - started
        self.assertGreater(took, 0.6)
        self.assertLess(took, 5 * SLOWNESS)
        (line,) = [l for l in host.log(msg="disconnected") if l["rooms"] == "stuck"]
        self.assertEqual(line["reason"], "drain")

    def test_a_second_signal_ends_at_once(self):
        host, _ = self.stalled(drain_ms=60000)
        host.process.terminate()
        self.stopping(host)
        self.assertIsNone(host.process.poll(), "ended before the second signal")
        started = time.monotonic()
        host.process.send_signal(signal.SIGINT)
        self.assertEqual(host.wait_exit(), 1)
        self.assertLess(time.monotonic() - started, 3 * SLOWNESS)

    def test_a_second_signal_ends_at_once_while_the_main_thread_waits_for_a_callback(self):
        temporary = os.path.join(self.folder, "tmp")
        os.mkdir(temporary)
        host = self.host(
            configuration([PROBE], limits={"drain_ms": 100}),
            before_exec=lambda: os.environ.update(TMPDIR=temporary),
        )
        client = Client(host.address, "/probe")
        self.addCleanup(client.sock.close)
        client.read()
        self.assertEqual(len(os.listdir(temporary)), 1)
        client.send("slow:60000")
        host.process.terminate()
        host.wait_log(msg=lambda text: "drain_ms" in text)
        host.process.send_signal(signal.SIGINT)
        self.assertEqual(host.wait_exit(), 1)
        self.assertTrue(host.log(msg=lambda text: "second signal" in text))
        self.assertEqual(os.listdir(temporary), [], "private copies stay behind")


class TestUser(unittest.TestCase):
    def warnings(self, become=None):
        folder = tempfile.mkdtemp(prefix="toni-test-")
        self.addCleanup(shutil.rmtree, folder, True)
        os.chmod(folder, 0o777)
        host = Host(configuration([ECHO]), folder=folder)
        host.before_exec = become
        self.addCleanup(host.kill)
        host.launch()
        host.wait_log(msg="ready")
        host.stop()
        return len(host.log(msg=AS_ROOT))

    def test_root_is_warned_once_and_nobody_else(self):
        self.assertEqual(self.warnings(), 1 if os.geteuid() == 0 else 0)
        if CAN_BECOME_ANOTHER_USER:
            self.assertEqual(self.warnings(lambda: os.setuid(NOBODY)), 0)


if __name__ == "__main__":
    main(beside=3)
