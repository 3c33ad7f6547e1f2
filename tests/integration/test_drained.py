"""on_drained: a gateway sends as much as an outbox takes, and goes on when it is told to."""

import asyncio

import websockets

from toni_host import DEADLINE, Client, HostTestCase, both, gateway, main, scaled

SIZE, MOST = 1000, 64
COUNT = scaled(20000, 4000)


@both
class TestDrained(HostTestCase):
    gateways = (
        gateway("streaming", "streaming_gateway.so", "/streaming", limits={"outbox_messages": MOST}),
    )

    def check(self, client, ask):
        client.send(ask % COUNT)
        for number in range(COUNT):
            self.assertTrue(client.read().startswith("%d:x" % number), "each once and in order")
        return int(client.ask("drained").split("=")[1])

    def slow_client(self):
        client = Client(self.host.address, "/streaming", receive_buffer=8192)
        self.addCleanup(client.sock.close)
        return client

    def test_a_callback_streams_to_who_reads(self):
        self.check(self.client("/streaming"), "stream %d")

    def test_a_callback_streams_to_who_has_a_small_window(self):
        """Once for each crossing: from above a half to below a quarter at least 16 messages go."""
        drained = self.check(self.slow_client(), "stream %d")
        self.assertGreater(drained, 0)
        self.assertLessEqual(drained, COUNT // (MOST // 4))

    def test_a_task_begins_a_stream(self):
        """It runs on another thread: what it is refused may have been flushed before it asks again."""
        for _ in range(20):
            client = self.client("/streaming")
            client.send("post %d" % (20 * MOST))
            for number in range(20 * MOST):
                self.assertTrue(client.read().startswith("%d:x" % number))
            client.close()

    def test_who_is_never_sent_much_is_never_told(self):
        client = self.client("/streaming")
        for _ in range(5):
            client.send("stream %d" % (MOST // 8))
            for _ in range(MOST // 8):
                client.read()
        self.assertEqual(client.ask("drained"), "drained=0")

    def test_a_client_that_goes_in_the_middle_of_a_stream(self):
        for _ in range(10):
            client = self.slow_client()
            client.send("stream %d" % COUNT)
            client.read()
            client.reset()
        self.test_a_callback_streams_to_who_reads()

    def test_many_at_once(self):
        """With clients that others wrote."""

        async def stream():
            async with websockets.connect("ws://%s/streaming" % self.host.address, max_queue=4) as client:
                await client.send("stream %d" % (COUNT // 10))
                for number in range(COUNT // 10):
                    text = await asyncio.wait_for(client.recv(), DEADLINE)
                    assert text.startswith("%d:x" % number), text[:20]

        async def stream_all():
            await asyncio.gather(*(stream() for _ in range(10)))

        asyncio.run(stream_all())


if __name__ == "__main__":
    main()
