"""The examples, each with the gateways.conf that stands beside it, and clients that others wrote: python3-websockets, and
curl for Server-Sent Events. What the pages make of them is seen in tests/browser."""

import asyncio
import json
import logging
import os
import re
import shutil
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request

import websockets

from toni_host import BUILD, DEADLINE, Client, Host, main, metrics, open_socket, run_toni, scaled

logging.getLogger("asyncio").setLevel(logging.ERROR)  # what took long says nothing on a busy machine
EXAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples")


def start_example(name, *replaced):
    """A host with the configuration of an example: free ports, and a copy of its plugin in the host's folder, beside the
    page. replaced: pairs of what else is to be another in it."""
    with open(os.path.join(EXAMPLES, name, "gateways.conf"), encoding="utf-8") as file:
        text = file.read()
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:0", text)
    text = re.sub(r"plugin_path = .*;", 'plugin_path = [ "." ];', text)
    for old, new in ('http = "127.0.0.1:0";', 'http = "127.0.0.1:0"; admin = "127.0.0.1:0";'), *replaced:
        assert old in text, old
        text = text.replace(old, new)
    host = Host("workers = 2;\n" + text)
    for file in os.listdir(os.path.join(EXAMPLES, name)):
        if file.endswith(".html"):
            shutil.copy(os.path.join(EXAMPLES, name, file), host.folder)
    copy_plugins(host, name)
    return host.start()


def copy_plugins(host, name, more=b""):
    """more: so that a reload finds another file."""
    built = os.path.join(BUILD, "examples", name)
    for file in os.listdir(built) if os.path.isdir(built) else ():
        if file.endswith(".so"):
            path = os.path.join(host.folder, file)
            shutil.copy(os.path.join(built, file), path + ".new")
            with open(path + ".new", "ab") as out:
                out.write(more)
            os.rename(path + ".new", path)


class ExampleTestCase(unittest.IsolatedAsyncioTestCase):
    name = None

    def start(self, *replaced):
        self.host = start_example(self.name, *replaced)
        self.addCleanup(self.host.kill)

    def reload(self):
        copy_plugins(self.host, self.name, b"another build")
        result = run_toni("reload", "-c", self.host.conf)
        self.assertIn("with its state", result.stdout, result.stderr)

    async def stop(self):
        """Meanwhile the clients answer its close frames."""
        await asyncio.to_thread(self.host.stop)

    async def come(self, path):
        client = await websockets.connect("ws://%s%s" % (self.host.address, path))
        self.addAsyncCleanup(client.close)
        return client

    async def read(self, client):
        return await asyncio.wait_for(client.recv(), DEADLINE)

    def url(self, path):
        return "http://%s%s" % (self.host.http_address, path)

    def check_page(self, path, file):
        with urllib.request.urlopen(self.url(path), timeout=DEADLINE) as answer:
            self.assertEqual(answer.headers["Content-Type"], "text/html; charset=utf-8")
            with open(os.path.join(EXAMPLES, self.name, file), "rb") as page:
                self.assertEqual(answer.read(), page.read())
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(self.url(path + "/below"), timeout=DEADLINE)
        self.assertEqual(refused.exception.code, 404)
        refused.exception.close()


class TestPresence(ExampleTestCase):
    name = "presence"

    async def event(self, client):
        message = json.loads(await self.read(client))
        return message["event"], message["data"]

    async def test_a_user_with_two_connections_over_a_swap(self):
        self.start()
        self.check_page("/presence", "presence.html")
        bob = await self.come("/presence?user=bob")
        self.assertEqual(await self.event(bob), ("presence.list", {"bob": 1}))
        ann = [await self.come("/presence?user=%61nn") for _ in range(2)]
        for count, client in enumerate(ann):
            self.assertEqual(await self.event(client), ("presence.list", {"bob": 1, "ann": count + 1}))
        self.assertEqual(await self.event(bob), ("presence.joined", "ann"))
        await ann[0].close()
        self.reload()
        carl = await self.come("/presence?user=carl")
        self.assertEqual(await self.event(carl), ("presence.list", {"bob": 1, "ann": 1, "carl": 1}))
        self.assertEqual(await self.event(bob), ("presence.joined", "carl"))
        await ann[1].close()
        self.assertEqual(await self.event(bob), ("presence.left", "ann"))
        nobody = await self.come("/presence")
        await asyncio.wait_for(nobody.wait_closed(), DEADLINE)
        self.assertEqual(nobody.close_code, 1008)
        await self.stop()


class TestCursors(ExampleTestCase):
    name = "cursors"
    BATCH = 100

    def come_plainly(self, **how):
        client = Client(self.host.address, "/cursors", **how)
        self.addCleanup(client.drop)
        self.assertEqual(json.loads(client.read())["event"], "cursor.all")
        return client

    @staticmethod
    def move(client, number):
        data = {"x": number // 1000, "y": number % 1000}
        client.send(json.dumps({"event": "cursor.move", "data": data}))

    def read_until(self, client, number, count):
        """Reads until count cursors are there. @return Numbers of positions by cursor, as they came."""
        got = {}
        while sum(numbers[-1] == number for numbers in got.values()) < count:
            message = json.loads(client.read())
            self.assertEqual(message["event"], "cursor.moved")
            place = message["data"]
            got.setdefault(place["id"], []).append(place["x"] * 1000 + place["y"])
        return got

    def waiting(self):
        return sum(v for k, v in metrics(self.host).items() if k.startswith("toni_outbox_messages"))

    def move_on(self, movers, quick, number):
        """Both move, so that all who read are where they are."""
        for mover in movers:
            for at in range(number - self.BATCH, number):
                self.move(mover, at + 1)
        self.read_until(quick, number, len(movers))
        for mover in movers:
            self.read_until(mover, number, len(movers) - 1)

    def test_a_reader_that_stops_gets_the_newest_of_each(self):
        self.start(("messages_per_second = 100;", ""))
        self.check_page("/cursors", "cursors.html")
        movers = [self.come_plainly(), self.come_plainly()]
        quick, slow = self.come_plainly(), self.come_plainly(receive_buffer=8192)
        number = 0
        while self.waiting() == 0:  # until the slow one's socket takes no more
            self.assertLess(number, 400_000)
            for _ in range(20):
                number += self.BATCH
                self.move_on(movers, quick, number)
        for _ in range(scaled(20, 5)):
            number += self.BATCH
            self.move_on(movers, quick, number)
        # Of each cursor one; and the one of which a part was on its way when the socket took no more.
        self.assertIn(self.waiting(), (2, 3))
        got = self.read_until(slow, number, 2)
        for numbers in got.values():
            self.assertEqual(numbers, sorted(set(numbers)))
            self.assertLess(len(numbers), number)
        self.assertEqual(self.waiting(), 0)
        self.host.stop()


class TestLivePoll(ExampleTestCase):
    name = "live_poll"
    STANDS = re.compile(r"^([^:]+): (.+ \d+ \| .+ \d+)( \(over\))?$", re.DOTALL)  # as the page has it

    async def stand(self, client):
        name, choices, over = self.STANDS.match(await self.read(client)).groups()
        return name, [choice.rpartition(" ")[::2] for choice in choices.split(" | ")], bool(over)

    async def test_a_poll_as_the_page_reads_it(self):
        self.start()
        self.check_page("/poll", "live_poll.html")
        asker, voter = await self.come("/poll"), await self.come("/poll")
        await asker.send("ask:lunch:Pizza 1, or none (over)|Soup")
        pizza = "Pizza 1, or none (over)"
        self.assertEqual(await self.stand(asker), ("lunch", [(pizza, "0"), ("Soup", "0")], False))
        for words in "follow:lunch", "vote:lunch:1":
            await voter.send(words)
        await self.stand(voter)
        for client in asker, voter:
            self.assertEqual(await self.stand(client), ("lunch", [(pizza, "1"), ("Soup", "0")], False))
        await asker.send("end:lunch")
        self.assertEqual(await self.stand(voter), ("lunch", [(pizza, "1"), ("Soup", "0")], True))
        await self.stop()


class TestLogTail(ExampleTestCase):
    name = "log_tail"

    def path(self, name="example.log"):
        return os.path.join(self.host.folder, name)

    def append(self, text):
        with open(self.path(), "ab") as file:
            file.write(text)

    def append_numbers(self, first, behind):
        """Lines, some of which come in two parts."""
        for number in range(first, behind):
            line = b"line %d\n" % number
            at = number % len(line)
            self.append(line[:at])
            self.append(line[at:])

    async def expect_numbers(self, client, numbers):
        for number in numbers:
            self.assertEqual(await self.read(client), b"line %d" % number)

    async def test_lines_over_rotation_truncation_and_swaps(self):
        self.start()
        self.check_page("/tail", "log_tail.html")
        client = await self.come("/tail")
        self.append(b"the file was not there\n")
        self.assertEqual(await self.read(client), b"the file was not there")
        for turn in range(6):
            first = turn * 200
            self.append_numbers(first, first + 100)
            if turn % 2:
                self.reload_while_lines_come()
            self.append_numbers(first + 100, first + 150)
            os.rename(self.path(), self.path("example.log.1"))
            self.append_numbers(first + 150, first + 200)
            await self.expect_numbers(client, range(first, first + 200))
        os.truncate(self.path(), 0)
        self.append(b"x\xff\n")
        self.assertEqual(await self.read(client), b"x\xff")
        os.truncate(self.path(), 0)
        self.append(b"y\n")
        self.assertEqual(await self.read(client), b"y")
        await self.stop()

    async def test_what_is_no_file_is_not_followed(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "log")
            os.symlink("/dev/zero", path)
            self.start(('file = "example.log"', 'file = "%s"' % path))
            client = await self.come("/tail")
            os.rename(path, path + ".1")
            with open(path, "wb") as file:
                file.write(b"a file at last\n")
            self.assertEqual(await self.read(client), b"a file at last")
            await self.stop()

    def reload_while_lines_come(self):
        copy_plugins(self.host, self.name, os.urandom(8))
        self.assertIn("with its state", run_toni("reload", "-c", self.host.conf).stdout)

    async def test_a_busy_room_loses_nothing(self):
        self.start(("modules = (", "limits = { pending_bytes_per_room = 3000; };\nmodules = ("))
        client = await self.come("/tail")
        self.append(b"")
        count = 700
        self.append(b"".join(b"line %d\n" % number for number in range(count)))
        await self.expect_numbers(client, range(count))
        refused = [v for k, v in metrics(self.host).items() if k.startswith("toni_messages_refused") and "busy" in k]
        self.assertGreater(sum(refused), 0)
        await self.stop()

    def test_who_reads_slowly_is_told_how_many_were_left_out(self):
        self.start(("outbox_messages = 2000;", "outbox_messages = 50;"))
        slow = Client(self.host.address, "/tail", receive_buffer=8192)
        self.addCleanup(slow.drop)
        count = 10_000
        for first in range(0, count, 1000):
            self.append(b"".join(b"%d " % n + b"x" * 1000 + b"\n" for n in range(first, first + 1000)))
        numbers = []
        self.host_has_sent(count)
        while True:
            message = slow.read()
            if isinstance(message, str):
                break
            numbers.append(int(message.split()[0]))
        self.assertEqual(message, "%d lines left out so far" % (count - len(numbers)))
        self.assertEqual(numbers, sorted(set(numbers)))
        self.assertEqual(numbers[-50:], list(range(count - 50, count)))
        slow.close()
        self.host.stop()

    def host_has_sent(self, count):
        """All lines are broadcast, and judged by the policy."""
        end = time.monotonic() + DEADLINE
        while True:
            found = metrics(self.host)

            def total(name):
                return sum(v for k, v in found.items() if k.partition("{")[0] == name)

            done = total("toni_messages_sent_total") + total("toni_messages_dropped_total") + total("toni_outbox_messages")
            if total("toni_messages_targeted_total") == count == done:
                return
            self.assertLess(time.monotonic(), end, found)
            time.sleep(0.05)


class TestSse(ExampleTestCase):
    name = "sse"

    def curl(self, *more):
        curl = subprocess.Popen(["curl", "-sSN", *more, self.url("/feed")], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(curl.wait)
        self.addCleanup(curl.kill)
        self.addCleanup(curl.stdout.close)
        self.assertEqual(curl.stdout.readline(), b"retry: 2000\n")
        self.assertEqual(curl.stdout.readline(), b"\n")
        return curl

    def event(self, curl):
        """(id, data) of the next event; a comment, which keeps the connection alive, is none."""
        lines = [b":\n"]
        while lines[0] == b":\n":
            lines = [curl.stdout.readline(), curl.stdout.readline()]
        lines.append(curl.stdout.readline())
        self.assertRegex(lines[0], rb"^id: \d+\n$")
        self.assertEqual((lines[1][:6], lines[2]), (b"data: ", b"\n"))
        return int(lines[0][4:]), lines[1][6:-1].decode()

    async def test_what_is_said_comes_as_events_and_again_over_a_swap(self):
        self.start()
        self.check_page("/news", "sse.html")
        ann, bob = await self.come("/feed"), await self.come("/feed")
        curl = self.curl()
        await ann.send("hello: <b>\u00e4</b>")
        self.assertEqual(await self.read(bob), "hello: <b>\u00e4</b>")
        first, text = self.event(curl)
        self.assertEqual(text, "hello: <b>\u00e4</b>")
        await ann.send("two\nlines")
        self.assertEqual([await self.read(ann) for _ in range(2)][1], "A line of up to 1,024 bytes, please.")
        self.reload()
        self.assertEqual(curl.stdout.read(), b"")  # the swap has ended it
        await bob.send("meanwhile")
        again = self.curl("-H", "Last-Event-ID: %d" % first)
        self.assertEqual(self.event(again), (first + 1, "meanwhile"))
        await bob.send("and on")
        self.assertEqual(self.event(again), (first + 2, "and on"))
        await self.stop()

    async def test_a_slow_reader_is_bounded_and_comes_to_the_newest(self):
        self.start(("messages_per_second = 20;", ""))
        ann, curl = await self.come("/feed"), self.curl()
        slow = open_socket(self.host.http_address, receive_buffer=8192)
        self.addCleanup(slow.close)
        slow.sendall(b"GET /feed HTTP/1.0\r\nHost: localhost\r\n\r\n")
        got = slow.recv(1)
        count = 4480
        for first in range(0, count, 16):
            for number in range(first, first + 16):
                await ann.send(("%d " % number).ljust(1000, "x"))
            for number in range(first, first + 16):
                await self.read(ann)
                self.assertTrue(self.event(curl)[1].startswith("%d " % number))
        newest = b"data: %d " % (count - 1)
        while newest not in got[-2000:]:
            part = slow.recv(65536)
            self.assertTrue(part, got[-200:])
            got += part
        numbers = [int(n) for n in re.findall(rb"data: (\d+) ", got)]
        self.assertEqual(numbers, sorted(set(numbers)))
        self.assertLess(len(numbers), count)
        await self.stop()


if __name__ == "__main__":
    main(beside=3)
