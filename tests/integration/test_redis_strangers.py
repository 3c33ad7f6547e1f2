"""A host whose Redis is none, or speaks for somebody else: what it says reaches people as text, whatever is in it."""

import json
import socket
import threading
import unittest

from redis_servers import wait_for
from toni_host import Host, configuration, gateway, main, run_toni, service


class FakeRedis:
    """Answers the first command of each connection with an error; or not at all, while `is_silent`."""

    def __init__(self, error):
        self.error = b"-" + error + b"\r\n"
        self.is_silent = False
        self.held = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:  # closed
                return
            if self.is_silent:
                self.held.append(sock)
                continue
            with sock:
                if sock.recv(4096):
                    sock.sendall(self.error)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for sock in self.held:
            sock.close()


class TestWhatAServerSays(unittest.TestCase):
    def serve(self, words):
        redis = FakeRedis(words)
        self.addCleanup(redis.close)
        conf = configuration(
            [gateway("rooms", "rooms_gateway.so", "/rooms"),
             service("redis", "redis_engine.so", None, options={"servers": [redis.address]})],
            cluster={"engine": "redis", "node": "left"})  # fmt: skip
        host = Host(conf).start()
        self.addCleanup(host.kill)
        host.wait_log(msg="a server of the cluster is away", reason="the connection ended, or could not be made")
        return redis, host

    def test_it_steers_no_terminal(self):
        words = "ERR \x1b[2J \x9b31m \x7f caf\u00e9 "  # \x9b is ESC [ in one character
        _, host = self.serve(words.encode() + b"end")
        shown = "ERR ?[2J ?31m ? caf\u00e9 end"
        status = json.loads(run_toni("status", "-c", host.conf, "--format=json").stdout)
        self.assertIn(shown, status["cluster"]["servers"][0]["engine_says"])
        self.assertIn(shown, run_toni("status", "-c", host.conf).stdout)
        host.stop()

    def test_it_is_no_reason_of_a_later_end(self):
        """A server that says nothing more is not away for what it had said before."""
        redis, host = self.serve(b"ERR of the first time")
        self.assertIn("of the first time", host.wait_log(msg="a server of the cluster is away")["engine_says"])
        redis.is_silent = True
        late = host.wait_log(msg="a server of the cluster is away", reason="a request had no answer in time")
        self.assertEqual(late["engine_says"], "")
        wait_for("status of what is so now",  # which follows the log
                 lambda: "of the first time" not in run_toni("status", "-c", host.conf).stdout)
        host.stop()


if __name__ == "__main__":
    main()
