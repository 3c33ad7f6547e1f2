"""A host whose Redis is none, or speaks for somebody else: what it says reaches people as text, whatever is in it."""

import json
import socket
import threading
import unittest

from toni_host import Host, configuration, gateway, main, run_toni, service


class FakeRedis:
    """Answers the first command of each connection with an error."""

    def __init__(self, error):
        self.error = b"-" + error + b"\r\n"
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:  # closed
                return
            with sock:
                if sock.recv(4096):
                    sock.sendall(self.error)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class TestWhatAServerSays(unittest.TestCase):
    def test_it_steers_no_terminal(self):
        words = "ERR \x1b[2J \x9b31m \x7f caf\u00e9 "  # \x9b is ESC [ in one character
        redis = FakeRedis(words.encode() + b"end")
        self.addCleanup(redis.close)
        conf = configuration(
            [gateway("rooms", "rooms_gateway.so", "/rooms"),
             service("redis", "redis_engine.so", None, options={"servers": [redis.address]})],
            cluster={"engine": "redis", "node": "left"})  # fmt: skip
        host = Host(conf).start()
        self.addCleanup(host.kill)
        host.wait_log(msg="a server of the cluster is away", reason="the connection ended, or could not be made")
        shown = "ERR ?[2J ?31m ? caf\u00e9 end"
        status = json.loads(run_toni("status", "-c", host.conf, "--format=json").stdout)
        self.assertIn(shown, status["cluster"]["servers"][0]["engine_says"])
        self.assertIn(shown, run_toni("status", "-c", host.conf).stdout)
        host.stop()


if __name__ == "__main__":
    main()
