"""Members of a room that take what they get in sips while others fill it: byte for byte what they
get are whole frames, pings and pongs between them, compressed or not."""

import random
import re
import threading
import time

from toni_host import (
    CLOSE, CONTINUATION, PING, PONG, PROBE, Client, HostTestCase, both, gateway, inflated, main,
    scaled,
)

COUNT = scaled(400, 150)
SIZES = (0, 1, 117, 122, 300, 2000, 65520, 65526, 65531, 70000, 131056, 131062, 200000)
FULL = 65532  # the payload of each fragment but a message's last
POLICIES = ("drop_oldest", "drop_newest", "latest")


def room_of(policy, deflate):
    return gateway(
        policy + "_" + deflate, "probe_gateway.so", "/%s/%s" % (policy, deflate),
        deflate=deflate, deflate_above=100,
        limits={
            "outbox_policy": policy, "outbox_messages": 40, "outbox_bytes": 1500000,
            "ping_ms": 15, "pong_timeout_ms": 600000,
        },
    )


def make_texts():
    dice = random.Random(5)
    noise = "%x" % dice.getrandbits(4 * max(SIZES))
    for number in range(COUNT):
        size = dice.choice(SIZES) + dice.randrange(3)
        body = noise if dice.randrange(2) else "shrinks "[number % 8 :] * (size + 1)
        yield "%d:%s" % (number, body[:size])


TEXTS = list(make_texts())


class Sipper(Client):
    """Reads a little at a time, and pings now and then."""

    def __init__(self, address, path, number):
        self.dice = random.Random(number)
        self.last = -1
        self.pinged = self.ponged = 0
        self.fault = None
        super().__init__(
            address, path, receive_buffer=(2048, 4096, 30000)[number % 3],
            deflate="permessage-deflate",
        )

    def _fill(self, end=None):
        self.sock.settimeout(self.deadline)
        if self.dice.random() < 0.02:
            time.sleep(self.dice.choice((0, 0.001, 0.05)))
        part = self.sock.recv(self.dice.choice((1, 2, 10, 1000, 5000, 65536)))
        self.buffer += part
        return bool(part)

    def take_message(self, frames):
        data = b"".join(f.payload for f in frames)
        if frames[0].compressed:
            self.compressed += 1
            data = inflated(data)
        text = data.decode()
        if not re.match(r"\d+:", text):
            return text
        number = int(text.partition(":")[0])
        assert number > self.last, "%d after %d" % (number, self.last)
        assert text == TEXTS[number], "not what was sent: %d" % number
        self.last = number
        return text

    def read_until(self, end):
        """Reads messages until one is `end`."""
        frames = []
        while True:
            got = self.read_frame()
            if got.opcode == PING:
                continue
            if got.opcode == PONG:
                assert int(got.payload) >= self.ponged, "pongs out of order"
                self.ponged = int(got.payload) + 1
                continue
            assert got.opcode != CLOSE, "closed: %r" % got.payload
            frames.append(got)
            assert (got.opcode == CONTINUATION) == (len(frames) > 1), "opcode %d" % got.opcode
            if self.dice.random() < 0.3:
                self.send_frame(PING, b"%d" % self.pinged)
                self.pinged += 1
            if not got.fin:
                assert len(got.payload) == FULL, "a fragment of %d bytes" % len(got.payload)
                continue
            text = self.take_message(frames)
            frames = []
            if text == end:
                return

    def read_last_pong(self):
        """Those of pings before may never come, as newer ones take their place; the last one does."""
        self.send_frame(PING, b"%d" % self.pinged)
        while self.ponged <= self.pinged:
            got = self.read_frame()
            assert got.opcode != CLOSE, "closed: %r" % got.payload
            if got.opcode == PONG:
                assert int(got.payload) >= self.ponged, "pongs out of order"
                self.ponged = int(got.payload) + 1

    def run(self, end):
        try:
            self.read_until(end)
            self.read_last_pong()
        except BaseException as fault:  # told by the test's own thread
            self.fault = fault


@both
class TestSips(HostTestCase):
    gateways = (PROBE, *(room_of(policy, how) for policy in POLICIES for how in ("on", "off")))

    def test_what_they_get_is_whole_and_in_order(self):
        sippers = []
        for number, one in enumerate((p, how) for p in POLICIES for how in ("on", "off")):
            sippers.append(Sipper(self.host.address, "/%s/%s" % one, number))
            self.addCleanup(sippers[-1].sock.close)
            sippers[-1].read()
            self.assertEqual(sippers[-1].ask("join:sips"), "ok")
        teller = self.client("/probe")
        threads = [threading.Thread(target=s.run, args=("the end",)) for s in sippers]
        for thread in threads:
            thread.start()
        for text in TEXTS:
            self.assertEqual(teller.ask("tell:sips:" + text), "targeted=%d" % len(sippers))
        # A policy may drop the end, too: then it is told again.
        while any(thread.is_alive() for thread in threads):
            teller.ask("tell:sips:the end")
            time.sleep(0.05)
        for sipper in sippers:
            if sipper.fault:
                raise sipper.fault
            self.assertGreater(sipper.last, 0)
            self.assertEqual(sipper.ponged, sipper.pinged + 1)
            self.assertEqual(sipper.compressed > 0, sipper.deflates)


if __name__ == "__main__":
    main()
