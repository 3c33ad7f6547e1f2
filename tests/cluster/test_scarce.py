"""A host may open few files: it begins if its engine can have what it needs, and clients then take nothing of that; or it says
that it can't."""

import resource

import hosts  # noqa: F401 (where the tests of a single host are)
from redis_server import Redis
from test_cluster_host import AWAY, UP
from toni_host import ECHO, Client, Host, PatientTestCase, configuration, main, open_socket, service

# Some refuse, and some begin, with one worker.
NONE, ENOUGH = 20, 160


class TestDescriptors(PatientTestCase):
    def setUp(self):
        self.redis = Redis().start()
        self.addCleanup(self.redis.kill)

    def begins(self, most, name="127.0.0.1"):
        """A host that may open so many; None: it has refused, and has said what mends that."""
        engine = service("redis", "redis_engine.so", None, options={"servers": ["%s:%d" % (name, self.redis.port)]})
        host = Host(
            configuration([ECHO, engine], cluster={"engine": "redis", "node": "few"}),
            before_exec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most)),
        ).launch()
        self.addCleanup(host.kill)
        self.eventually(lambda: host.ended or host.log(msg="ready"), "it has begun, or not")
        if not host.ended:
            host.wait_log(msg=UP)
            return host
        self.assertEqual(host.wait_exit(), 1)
        (line,) = host.log(level="error")
        self.assertIn("too few files may be open", line["msg"])
        self.assertIn("ulimit -Hn", line["msg"])
        self.assertEqual(line["open_files"], str(most))
        self.assertGreater(int(line["needed"]), most)
        return None

    def fewest(self, name):
        """That a host begins with."""
        none, enough = NONE, ENOUGH
        while enough - none > 1:
            middle = (none + enough) // 2
            host = self.begins(middle, name)
            if host:
                host.stop()
                enough = middle
            else:
                none = middle
        return enough

    def take_all(self, host, most):
        """Clients that were let in, and sockets that have asked for it."""
        (line,) = host.log(level="warn", open_files=str(most))
        clients = [Client(host.address, "/echo") for _ in range(int(line["connections"]))]
        crowd = [open_socket(host.address) for _ in range(ENOUGH)]
        for one in [client.sock for client in clients] + crowd:
            self.addCleanup(one.close)
        return clients

    def test_clients_leave_the_engine_what_it_needs(self):
        for name in "127.0.0.1", "localhost":
            fewest = self.fewest(name)
            for most in fewest, fewest + 1, fewest + 2, fewest + 5, fewest + 20:
                with self.subTest(name, most=most):
                    host = self.begins(most, name)
                    clients = self.take_all(host, most)
                    self.redis.kill()
                    host.wait_log(msg=AWAY)
                    self.redis.start()
                    host.wait_lines(2, msg=UP)
                    for client in clients:
                        self.assertEqual(client.ask("still"), "still")
                        client.close()
                    host.stop()


if __name__ == "__main__":
    main()
