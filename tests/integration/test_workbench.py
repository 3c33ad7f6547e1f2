"""The workbench below /.toni/ of `listen.http`: to whom it tells what runs, and how much; rooms and their members
page by page, of gateways that allow it. What the page makes of it is seen in tests/browser."""

import json
import shutil
import ssl
import tempfile
import unittest
import urllib.parse
import urllib.request

from tls_material import Authority
from toni_host import (
    DEADLINE,
    ECHO,
    ROOMS,
    Client,
    Host,
    HostTestCase,
    configuration,
    exchange,
    gateway,
    main,
    run_toni,
    service,
)

LOBBY = gateway("lobby", "lobby_gateway.so", "/lobby")
LISTED = gateway("listed", "probe_gateway.so", "/listed", list_rooms=True)
OTHER = gateway("other", "probe_gateway.so", "/other")
FILES = ("/.toni/host.json", "/.toni/rooms.json", "/.toni/members.json")


def ask(host, target="/.toni/host.json", *fields, method="GET", version="1.1", name="localhost", before=b""):
    """An answer to a request of its own connection."""
    lines = ["%s %s HTTP/%s" % (method, target, version), "Connection: close", *fields]
    if name:
        lines.append("Host: " + name)
    head = "\r\n".join(lines) + "\r\n\r\n"
    return exchange(host.http_address, before + head.encode())


def told(*arguments, **how):
    answer = ask(*arguments, **how)
    assert answer.status == 200, (answer.status, answer.body)
    return json.loads(answer.body)


def is_told_all(*arguments, **how):
    """Whether one gets the workbench; who doesn't gets what /toni.json tells, and nothing more."""
    host = told(*arguments, **how)
    inner = {key for one in host["gateways"] for key in one} - {"name", "path"}
    assert host["workbench"] == bool(inner), host
    assert set(host) == {"version", "websocket", "gateways", "workbench"}, host
    return host["workbench"]


class TestWhatItTells(HostTestCase):
    gateways = (LOBBY, ECHO, ROOMS, service("nobody", "address_guard.so", None),
                gateway("guarded", "echo_gateway.so", "/guarded", guards=["nobody"]))
    http = "127.0.0.1:0"

    def test_the_gateways(self):
        self.client("/echo", greeted=False).ask("hello")
        host = told(self.host)
        self.assertEqual(host["websocket"], [{"port": int(self.host.address.rsplit(":", 1)[1])}])
        by_name = {one.pop("name"): one for one in host["gateways"]}
        self.assertEqual(list(by_name), ["lobby", "echo", "rooms", "guarded"])
        self.assertEqual(
            by_name["echo"],
            {"path": "/echo", "module": "main", "plugin": {"name": "echo", "version": ""}, "subprotocols": [],
             "clients": 1, "guarded": False, "lists_rooms": False, "events": None},
        )
        self.assertTrue(by_name["guarded"]["guarded"])
        events = by_name["lobby"]["events"]
        self.assertEqual(events["field"], "event")
        shapes = {event["name"]: event["data"] for event in events["handled"]}
        self.assertEqual(list(shapes), ["lobby.create", "lobby.join", "lobby.leave", "lobby.kick", "lobby.start", "token"])
        self.assertIsNone(shapes["lobby.leave"])
        self.assertEqual(
            shapes["lobby.create"],
            [{"name": "max_players", "type": "integer", "required": True, "least": 2, "most": 16},
             {"name": "name", "type": "string", "required": True, "least": 1, "most": 32}],
        )

    def test_methods_and_fields(self):
        whole = ask(self.host)
        self.assertEqual(whole.headers["content-type"], "application/json")
        self.assertEqual(whole.headers["cache-control"], "no-store")
        self.assertEqual(whole.headers["x-content-type-options"], "nosniff")
        self.assertEqual(whole.headers["cross-origin-resource-policy"], "same-origin")
        self.assertNotIn("access-control-allow-origin", whole.headers)
        head = ask(self.host, method="HEAD")
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual(head.headers["content-length"], whole.headers["content-length"])
        for path in FILES:
            for method in ("POST", "PUT", "DELETE"):
                answer = ask(self.host, path, method=method)
                self.assertEqual((answer.status, answer.headers["allow"]), (405, "GET, HEAD"))
            self.assertEqual(ask(self.host, path, method="OPTIONS").status, 204)
        for path in ("/.toni", "/.toni/", "/.toni/host.json/", "/.toni/HOST.json", "/.toni/../.toni/host.json"):
            self.assertEqual(ask(self.host, path).status, 404)

    def test_who_is_on_this_machine(self):
        for name in ("localhost", "127.0.0.1", "localhost:80", "127.0.0.1:9001", "[::1]"):
            self.assertTrue(is_told_all(self.host, name=name), name)

    def test_whom_a_proxy_hands_on(self):
        for field in ("X-Forwarded-For: 127.0.0.1", "Forwarded: for=127.0.0.1", "Via: 1.1 proxy", "X-Real-IP: ::1",
                      "x-forwarded-host: localhost", "X-Forwarded-Proto: http"):
            self.assertFalse(is_told_all(self.host, "/.toni/host.json", field), field)
            answer = ask(self.host, "/.toni/rooms.json?gateway=rooms", field)
            self.assertEqual((answer.status, b"workbench" in answer.body), (403, True))
        # nginx without a line about it: it asks for the upstream's own name, and speaks HTTP/1.0.
        self.assertFalse(is_told_all(self.host, version="1.0", name="127.0.0.1:9001"))
        self.assertFalse(is_told_all(self.host, version="1.0", name=None))

    def test_rooms_are_private_unless_the_gateway_says_otherwise(self):
        for file in FILES[1:]:
            answer = ask(self.host, file + "?gateway=rooms&room=lobby")
            self.assertEqual((answer.status, b"list_rooms" in answer.body), (403, True))
            self.assertEqual(ask(self.host, file + "?gateway=nowhere").status, 404)
            self.assertEqual(ask(self.host, file).status, 404)
            self.assertEqual(ask(self.host, file + "?gateway=nobody").status, 404)  # a service


class TestRooms(HostTestCase):
    gateways = (LISTED, OTHER)
    http = "127.0.0.1:0"

    def pages(self, file, key, **parameters):
        """All entries, and on how many pages."""
        entries, cursor, count = [], "", 0
        while cursor is not None:
            query = urllib.parse.urlencode({**parameters, "cursor": cursor})
            page = told(self.host, "/.toni/%s?%s" % (file, query))
            entries += page[key]
            cursor, count = page["next"], count + 1
            self.assertLess(count, 100)
        return entries, count

    def member(self, path, *rooms):
        client = Client(self.host.address, path)
        self.addCleanup(client.drop)
        client.read()
        for room in rooms:
            self.assertEqual(client.ask("join:" + room), "ok")
        return client.ask("id").split("=", 1)[1]

    def test_pages_of_its_own_alone(self):
        odd = ['<b>"a"</b>&amp;', "größe 🎈", "x‮y", "a\\u0041", "50%+1"]
        many = ["room %d" % number for number in range(120)]
        mine = [self.member("/listed", *odd, *many), self.member("/listed", odd[0])]
        theirs = self.member("/other", odd[0], *["hidden %d" % number for number in range(60)])
        rooms, count = self.pages("rooms.json", "rooms", gateway="listed")
        self.assertEqual(sorted(room["name"] for room in rooms), sorted(odd + many))
        self.assertGreaterEqual(count, 4)  # 185 rooms, of which 50 are looked at for a page
        self.assertEqual({room["name"]: room["members"] for room in rooms}[odd[0]], 2)
        self.assertFalse(any(room["more"] for room in rooms))
        members, _ = self.pages("members.json", "members", gateway="listed", room=odd[0])
        self.assertEqual(sorted(members), sorted(mine))
        self.assertNotIn(theirs, members)
        for room in odd[1:]:
            members, _ = self.pages("members.json", "members", gateway="listed", room=room)
            self.assertEqual(members, mine[:1], room)
        members, _ = self.pages("members.json", "members", gateway="listed", room="hidden 1")
        self.assertEqual(members, [])

    def test_what_is_no_page(self):
        rooms = "/.toni/rooms.json?gateway=listed"
        for cursor in ("x", "-1", "1.0", "18446744073709551616", "9" * 40, "%00", "+1"):
            self.assertEqual(ask(self.host, "%s&cursor=%s" % (rooms, cursor)).status, 400, cursor)
        self.assertEqual(told(self.host, rooms + "&cursor=18446744073709551615")["next"], None)
        for room in ("", "%ff", "x" * 256, "%00", "%01"):
            target = "/.toni/members.json?gateway=listed&room=" + room
            self.assertEqual(ask(self.host, target).status, 400, room)


class TestWhomItIsFor(unittest.TestCase):
    def start(self, gateways=(ECHO, LISTED), **how):
        host = Host(configuration(gateways, **{"http": "127.0.0.1:0", **how}))
        self.addCleanup(host.kill)
        return host.start()

    def test_hosts_with_other_names(self):
        host = self.start(hosts=["chat.example.org"], workbench="local")
        self.assertFalse(is_told_all(host, name="chat.example.org"))
        self.assertTrue(is_told_all(host))
        self.assertEqual(ask(host, name="evil.example").status, 403)
        host.stop()

    def test_a_proxy_on_this_machine_may_hand_on_any_name(self):
        """nginx with `proxy_set_header Host $host`, `proxy_http_version 1.1` and no more: whoever comes by it can
        say `Host: localhost`."""
        host = self.start(hosts=["chat.example.org"])
        for name in ("localhost", "127.0.0.1", host.http_address, "chat.example.org"):
            self.assertFalse(is_told_all(host, name=name), name)
        host.stop()

    def test_a_peer_without_an_address_may_be_anybody(self):
        with tempfile.TemporaryDirectory() as folder:
            host = self.start(http="unix:" + folder + "/http")
            self.assertFalse(is_told_all(host))
            host.stop()

    def test_a_trusted_proxy_is_none_of_us(self):
        host = self.start(trusted_proxies=["127.0.0.0/8"], proxy_header="x-forwarded-for")
        self.assertFalse(is_told_all(host))
        host.stop()
        host = self.start(trusted_proxies=["127.0.0.0/8"], proxy_header="proxy-protocol")
        for client in ("192.0.2.7", "127.0.0.1"):
            before = ("PROXY TCP4 %s 127.0.0.1 4000 80\r\n" % client).encode()
            self.assertFalse(is_told_all(host, before=before))
        self.assertFalse(is_told_all(host, before=b"PROXY UNKNOWN\r\n"))
        host.stop()

    def test_a_reload_says_to_whom(self):
        host = self.start(workbench="anyone")
        self.assertTrue(is_told_all(host, "/.toni/host.json", "Via: 1.1 proxy"))
        rooms = "/.toni/rooms.json?gateway=listed"
        self.assertEqual(told(host, rooms, "Via: 1.1 proxy"), {"rooms": [], "next": None})
        quiet = gateway("listed", "probe_gateway.so", "/listed")
        for gateways, workbench, is_open in (((ECHO, LISTED), "nobody", False), ((ECHO, quiet), "local", True)):
            with open(host.conf, "w", encoding="utf-8") as out:
                out.write(configuration(gateways, http="127.0.0.1:0", workbench=workbench))
            self.assertEqual(run_toni("reload", "-c", host.conf).returncode, 0)
            self.assertEqual(is_told_all(host), is_open)
            self.assertEqual(ask(host, rooms).status, 403)
        host.stop()

    def test_without_the_page_there_is_none(self):
        host = self.start(page=False)
        for path in FILES:
            self.assertEqual(ask(host, path).status, 404)
        host.stop()
        host = self.start((ECHO, service("all", "http_probe_service.so", "/")))
        self.assertIn(b"path=/.toni/host.json", ask(host).body)
        host.stop()

    def test_over_tls(self):
        folder = tempfile.mkdtemp(prefix="toni-test-")
        self.addCleanup(shutil.rmtree, folder, True)
        authority = Authority(folder)
        pair = authority.issue("host", "DNS:localhost,IP:127.0.0.1")
        host = self.start(http={"address": "127.0.0.1:0", "tls": pair})
        context = ssl.create_default_context(cafile=authority.path)
        url = "https://%s/.toni/host.json" % host.http_address
        for fields, is_open in (({}, True), ({"Via": "1.1 proxy"}, False)):
            asked = urllib.request.Request(url, headers=fields)
            with urllib.request.urlopen(asked, context=context, timeout=DEADLINE) as answer:
                self.assertEqual(json.load(answer)["workbench"], is_open)
        host.stop()

    def test_settings_that_are_none(self):
        for conf, words in (
            (configuration((ECHO,), http="127.0.0.1:0", workbench="all"), ("`workbench`", "`local`", "`anyone`")),
            (configuration((ECHO,), http="127.0.0.1:0", workbench=True), ("`workbench`",)),
            (configuration((gateway("echo", "echo_gateway.so", "/echo", list_rooms="yes"),)), ("`list_rooms`",)),
            (configuration((ECHO, gateway("chat", "chat_service.so", "/chat", kind="service", list_rooms=True))),
             ("`list_rooms`", "WebSocket clients")),
        ):
            host = Host(conf).launch()
            self.addCleanup(host.kill)
            self.assertEqual(host.wait_exit(), 2)
            for word in words:
                self.assertIn(word, host.text())


if __name__ == "__main__":
    main()
