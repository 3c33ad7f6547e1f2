"""Guards that gateways.conf lists: services that offer toni_guard. They are asked in the order of the
lists, the gateway's own last; the first refusal decides; one that waits holds up nobody."""

import asyncio
import json
import time
import unittest
import urllib.parse

import websockets
import websockets.exceptions

from test_guards import LONG, Waits, later
from toni_host import (
    DEADLINE,
    Client,
    Host,
    Response,
    configuration,
    gateway,
    main,
    metrics,
    open_socket,
    request,
    run_toni,
    service,
)

TOKENS = service("tokens", "token_guard.so", None)


def notes(*guards):
    """Its on_connect says which value of `user` was left, and its own guard leaves `by`."""
    return gateway("notes", "notes_gateway.so", "/notes", guards=list(guards))


def echo(*guards, **more):
    return gateway("echo", "echo_gateway.so", "/echo", guards=list(guards), **more)


def url(path, **asked):
    return path + ("?" + urllib.parse.urlencode(asked) if asked else "")


class Listed(Waits, unittest.TestCase):
    workers = 1

    def start(self, *providers, module=None, **limits):
        text = configuration(providers, self.workers, limits, admin="127.0.0.1:0")
        if module:
            text = text.replace('name = "main";', 'name = "main"; guards = [ "%s" ];' % module)
        self.host = Host(text).start()
        self.addCleanup(self.host.kill)
        return self.host

    def refused(self, path):
        """What a client of another's making is answered."""

        async def connect():
            async with websockets.connect("ws://%s%s" % (self.host.address, path)):
                self.fail("it was let in")

        sock = open_socket(self.host.address)
        self.addCleanup(sock.close)
        sock.sendall(request(path))
        response = self.answer_of(sock)
        with self.assertRaises(websockets.exceptions.InvalidHandshake) as refused:
            asyncio.run(connect())
        # InvalidStatusCode before 13, InvalidStatus since
        answer = getattr(refused.exception, "response", refused.exception)
        self.assertEqual(answer.status_code, response.status)
        return response

    def asks(self, path):
        """A socket whose handshake was sent, and is not answered."""
        sock = open_socket(self.host.address)
        self.addCleanup(sock.close)
        sock.sendall(request(path))
        return sock

    def answer_of(self, sock):
        """With the text of a refusal, which ends the connection."""
        raw = bytearray()
        while not (b"\r\n\r\n" in raw and raw.startswith(b"HTTP/1.1 101")):
            part = sock.recv(65536)
            if not part:
                break
            raw += part
        self.assertTrue(raw, "closed without an answer")
        return Response(bytes(raw))

    def reload(self, *providers, **limits):
        with open(self.host.conf, "w", encoding="utf-8") as out:
            out.write(configuration(providers, self.workers, limits, admin="127.0.0.1:0"))
        result = run_toni("reload", "-c", self.host.conf)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return result.stdout


class TestListed(Listed):
    def test_check_shows_them(self):
        conf = self.start(TOKENS, echo("tokens")).conf
        self.assertIn("\n    guards    tokens\n", run_toni("check", "-c", conf).stdout)
        graph = json.loads(run_toni("check", "-f", "json", "-c", conf).stdout)
        instances = graph["instances"]
        self.assertEqual(
            {one["name"]: one["guards"] for one in instances}, {"tokens": [], "echo": ["tokens"]}
        )

    def test_who_is_let_in(self):
        host = self.start(TOKENS, echo("tokens"))

        async def talk():
            async with websockets.connect("ws://%s/echo?token=ann" % host.address) as client:
                await client.send("hello")
                self.assertEqual(await client.recv(), "hello")

        asyncio.run(talk())
        host.stop()

    def test_a_refusal_has_status_and_text(self):
        host = self.start(TOKENS, echo("tokens"))
        answer = self.refused("/echo")
        self.assertEqual((answer.status, answer.body), (401, b"a token, please\n"))
        self.assertEqual(answer.headers["www-authenticate"], "Bearer")
        answer = self.refused("/echo?token=mallory")
        self.assertEqual((answer.status, answer.body), (429, b"not so often, mallory\n"))
        self.assertEqual(metrics(host)['toni_handshakes_refused_total{status="429"}'], 2)
        host.stop()

    def test_a_value_reaches_on_connect(self):
        host = self.start(TOKENS, notes("tokens"))
        client = Client(host.address, url("/notes", token="ann & bob"))
        client.expect("ann & bob|by the guard|")
        client.close()
        host.stop()

    def test_a_decision_that_comes_later(self):
        host = self.start(later(), echo("later"))
        for by in ("guard", "post", "timer", "job", "thread"):
            with self.subTest(by=by):
                client = Client(host.address, url("/echo", by=by))
                self.assertEqual(client.ask("hello"), "hello")
                client.close()
                answer = self.refused(url("/echo", by=by, answer="text"))
                self.assertEqual((answer.status, answer.body), (402, b"later means never\n"))
                self.assertEqual(self.refused(url("/echo", by=by, answer="401")).status, 401)
        host.stop()

    def test_the_order_and_the_first_refusal_decides(self):
        """The module's, the gateway's list, the gateway's own."""
        host = self.start(TOKENS, later(), notes("later"), module="tokens")
        self.assertEqual(self.refused("/notes?by=guard&answer=403").status, 401)  # by `tokens`
        self.assertEqual(self.refused("/notes?by=guard&answer=403&token=ann").status, 403)
        self.assertEqual(self.refused("/notes?by=guard&answer=text&token=mallory").status, 429)
        client = Client(host.address, "/notes?by=job&token=ann&user=bob")
        client.expect("bob|by the guard|")  # its own is asked last
        client.close()
        host.stop()

    def test_several_wait_one_after_the_other(self):
        second = gateway("second", "later_gateway.so", "/second")
        host = self.start(later(), second, echo("later", "second"))
        client = Client(host.address, "/echo?by=job")
        self.assertEqual(client.ask("hello"), "hello")
        client.close()
        self.assertEqual(self.waits("decided"), 2)
        host.stop()

    def test_guard_ms_limits_all_together(self):
        """The second one waits for what the first one left."""
        second = gateway("second", "later_gateway.so", "/second")
        host = self.start(
            later(), second, echo("later", "second", limits={"guard_ms": 1500}), guard_ms=LONG
        )
        control = self.controls()
        began = time.monotonic()
        sock = self.asks("/echo?by=nobody")
        self.wait_for(control, 1)
        time.sleep(1)
        self.assertEqual(control.ask("all ok"), "1 decided")
        answer = self.answer_of(sock)
        took = time.monotonic() - began
        self.assertEqual((answer.status, answer.headers["retry-after"]), (503, "5"))
        self.assertGreater(took, 1.4)
        self.assertLess(took, 2.4)  # it would be 2.5 if each had the limit of its own
        self.assertEqual((self.waits("decided"), self.waits("timeout")), (2, 1))  # and the control's
        host.stop()

    def test_one_that_waits_holds_up_nobody(self):
        host = self.start(later(), echo("later"), guard_ms=LONG)
        control = self.controls()
        socks = [self.asks("/echo?by=nobody") for _ in range(20)]
        self.wait_for(control, 20)
        client = Client(host.address, "/echo?by=job")
        self.assertEqual(client.ask("hello"), "hello")
        self.assertEqual(control.ask("all ok"), "20 decided")
        self.assertEqual({self.answer_of(sock).status for sock in socks}, {101})
        host.stop()

    def test_guards_waiting_bounds_them_all(self):
        host = self.start(later(), echo("later"), guard_ms=LONG, guards_waiting=2)
        control = self.controls()
        socks = [self.asks("/echo?by=nobody"), self.asks("/later?by=nobody")]
        self.wait_for(control, 2)
        self.assertEqual(self.refused("/echo?by=nobody").status, 503)
        self.assertEqual(control.ask("all ok"), "2 decided")
        self.assertEqual({self.answer_of(sock).status for sock in socks}, {101})
        host.stop()

    def test_who_goes_is_forgotten(self):
        host = self.start(later(), echo("later"), guard_ms=LONG)
        control = self.controls()
        self.asks("/echo?by=nobody").close()
        self.wait_for(control, 1, 1)
        self.assertEqual((control.ask("all ok"), self.waits("client_gone")), ("1 decided", 1))
        host.stop()

    def test_a_swap_of_the_guard_answers_503(self):
        host = self.start(later(), echo("later"), guard_ms=LONG)
        control = self.controls()
        stays = Client(host.address, "/echo?by=guard")
        socks = [self.asks("/echo?by=nobody") for _ in range(4)]
        self.wait_for(control, 4)
        self.assertIn(
            "1 swapped", self.reload(later(options={"new": True}), echo("later"), guard_ms=LONG)
        )
        for sock in socks:
            answer = self.answer_of(sock)
            self.assertEqual((answer.status, answer.headers["retry-after"]), (503, "1"))
        self.assertEqual((self.waits("withdrawn"), self.waits("decided")), (4, 2))
        self.assertEqual(stays.ask("still here"), "still here")
        sock = self.asks("/echo?by=nobody")
        self.wait_for(control, 1)  # at the new one
        self.assertEqual(control.ask("all 403"), "1 decided")
        self.assertEqual(self.answer_of(sock).status, 403)
        stays.close()
        host.stop()

    def test_a_removal_of_the_guard_answers_503(self):
        host = self.start(later(), echo("later"), guard_ms=LONG)
        control = self.controls()
        sock = self.asks("/echo?by=nobody")
        self.wait_for(control, 1)
        out = self.reload(echo(), guard_ms=LONG)
        self.assertIn("1 swapped", out)
        self.assertIn("1 removed", out)
        self.assertEqual(self.answer_of(sock).status, 503)
        client = Client(host.address, "/echo?by=guard&answer=403")  # nobody guards it now
        self.assertEqual(client.ask("hello"), "hello")
        client.close()
        host.stop()

    def test_a_removal_of_the_gateway_answers_503(self):
        host = self.start(later(), echo("later"), guard_ms=LONG)
        control = self.controls()
        sock = self.asks("/echo?by=nobody")
        self.wait_for(control, 1)
        self.assertIn("1 removed", self.reload(later(), guard_ms=LONG))
        self.assertEqual(self.answer_of(sock).status, 503)
        self.assertEqual(control.ask("all ok"), "1 decided")  # too late: ignored
        host.stop()

    def test_a_drain_answers_503(self):
        host = self.start(later(), echo("later"), guard_ms=LONG)
        control = self.controls()
        sock = self.asks("/echo?by=nobody")
        self.wait_for(control, 1)
        host.stop()
        self.assertEqual(self.answer_of(sock).status, 503)


    def test_each_guard_has_its_figures(self):
        host = self.start(TOKENS, later(), notes("tokens", "later"), guard_ms=LONG)
        for path in ("/notes?by=guard&token=ann", "/notes?by=job&token=ann"):
            Client(host.address, path).close()
        self.refused("/notes?token=mallory")  # asks twice, as do the next ones
        self.refused("/notes?by=guard&answer=403&token=ann")
        figures = metrics(host)

        def answers(guard):
            return [figures['toni_guard_answers_total{guard="%s",answer="%s"}' % (guard, answer)]
                    for answer in ("let_in", "refused", "timeout", "busy", "withdrawn")]

        self.assertEqual(answers("tokens"), [4, 2, 0, 0, 0])
        self.assertEqual(answers("later"), [2, 2, 0, 0, 0])
        self.assertEqual(answers("notes"), [2, 0, 0, 0, 0])  # its own
        self.assertEqual(figures['toni_guard_seconds_count{guard="tokens"}'], 6)
        status = json.loads(run_toni("status", "-f", "json", "-c", host.conf).stdout)
        guards = {one["name"]: one["guard"] for one in status["instances"]}
        self.assertEqual((guards["tokens"]["let_in"], guards["tokens"]["refused"]), (4, 2))
        self.assertIn("\n         as a guard: 4 let in, 2 refused\n",
                      run_toni("status", "-c", host.conf).stdout)
        host.stop()

    def test_late_and_withdrawn_are_counted(self):
        host = self.start(later(), echo("later", limits={"guard_ms": 200}))
        self.assertEqual(self.refused("/echo?by=nobody").status, 503)
        line = host.wait_log(msg="a guard refuses a handshake", answer="timeout")
        self.assertEqual((line["guard"], line["status"], line["gateway"]), ("later", "503", "echo"))
        self.assertEqual(metrics(host)['toni_guard_answers_total{guard="later",answer="timeout"}'], 2)
        host.stop()

    def test_a_refusal_is_a_line_in_the_log(self):
        host = self.start(TOKENS, echo("tokens"))
        self.refused("/echo?token=mallory&secret=hunter2")
        line = host.wait_log(msg="a guard refuses a handshake")
        expected = {"level": "info", "guard": "tokens", "answer": "refused", "status": "429",
                    "text": "not so often, mallory", "gateway": "echo", "path": "/echo",
                    "address": "127.0.0.1", "subject": ""}
        self.assertEqual({key: line[key] for key in expected}, expected)
        self.assertNotIn("hunter2", host.text())
        for _ in range(50):
            self.refused("/echo")
        self.assertLess(len(host.log(msg="a guard refuses a handshake")), 40)
        host.stop()

    def closed(self, path, **how):
        """Code and reason of the close frame that follows the 101."""
        client = Client(self.host.address, path, **how)
        self.addCleanup(client.sock.close)
        frame = client.read_frame()
        self.assertEqual(frame.opcode, 8)
        return int.from_bytes(frame.payload[:2], "big"), frame.payload[2:].decode()

    def test_refuse_by_close(self):
        host = self.start(TOKENS, later(), echo("tokens", "later", refuse="close"), notes("tokens"))
        self.assertEqual(self.closed("/echo"), (1008, "401 a token, please"))
        self.assertEqual(self.closed("/echo?token=mallory"), (1008, "429 not so often, mallory"))
        for by in ("guard", "job", "thread"):
            self.assertEqual(self.closed("/echo?token=ann&answer=403&by=" + by),
                             (1008, "403 you may not connect here"))
        self.assertEqual(self.refused("/notes").status, 401)  # this one by its answer

        async def connect():
            async with websockets.connect("ws://%s/echo" % host.address) as client:
                with self.assertRaises(websockets.exceptions.ConnectionClosed) as closed:
                    await client.recv()
                received = closed.exception.rcvd
                self.assertEqual((received.code, received.reason), (1008, "401 a token, please"))

        asyncio.run(connect())
        client = Client(host.address, "/echo?token=ann&by=job")
        self.assertEqual(client.ask("hello"), "hello")
        client.close()
        figures = metrics(host)
        self.assertEqual(figures['toni_handshakes_refused_total{status="401"}'], 4)
        self.assertEqual(figures["toni_connections_accepted_total"], 1)
        host.stop()

    def test_what_no_guard_refuses_is_refused_by_its_answer(self):
        host = self.start(TOKENS, later(), echo("tokens", "later", refuse="close"), guards_waiting=1)
        self.assertEqual(self.refused("/nowhere").status, 404)
        control = self.controls()
        sock = self.asks("/echo?token=ann&by=nobody")
        self.wait_for(control, 1)
        self.assertEqual(self.refused("/echo?token=ann&by=nobody").status, 503)
        control.ask("all ok")
        self.assertEqual(self.answer_of(sock).status, 101)
        host.stop()

    def test_a_reload_changes_how(self):
        host = self.start(TOKENS, echo("tokens"))
        self.assertEqual(self.refused("/echo").status, 401)
        self.assertIn("1 with other limits", self.reload(TOKENS, echo("tokens", refuse="close")))
        self.assertEqual(self.closed("/echo")[0], 1008)
        host.stop()


class TestListedWith4Workers(TestListed):
    workers = 4


if __name__ == "__main__":
    main(beside=2)
