"""A proxy for TCP between hosts and a Redis: it can cut all connections and refuse new ones, hold all bytes as a network does
that has lost its way, and delay them; by jitter.py each for another time."""

import socket
import threading
import time

import jitter
from redis_servers import free_port

OPEN, CUT, BLACK_HOLE = "open", "cut", "black hole"


class Proxy:
    def __init__(self, target):
        self.target = ("127.0.0.1", target)
        self.port = free_port()
        self.mode, self.delay_s = OPEN, 0.0
        self.slow_subscriptions_s = 0.0  # bytes to the server, where some of them are SUBSCRIBE
        self.changed = threading.Condition()
        self.sockets = set()
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self):
        return "127.0.0.1:%d" % self.port

    def set(self, mode, delay_s=0.0):
        """What becomes of bytes from now on, and of connections."""
        with self.changed:
            self.mode, self.delay_s = mode, delay_s
            if mode == CUT:
                self._end_all()
            self.changed.notify_all()

    def close(self):
        with self.changed:
            self.mode = CUT
            self._end_all()
            self.changed.notify_all()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _end_all(self):
        for sock in self.sockets:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:  # it has ended
                pass

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:  # closed
                return
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near):
        far = None
        with near:
            try:
                with self.changed:
                    self.changed.wait_for(lambda: self.mode != BLACK_HOLE)
                    if self.mode == CUT:
                        return
                far = socket.create_connection(self.target)
                with far:
                    with self.changed:
                        self.sockets |= {near, far}
                    back = threading.Thread(target=self._pump, args=(far, near), daemon=True)
                    back.start()
                    self._pump(near, far)
                    back.join()
            except OSError:  # nobody is there: the host sees its connection end
                pass
            finally:
                with self.changed:
                    self.sockets -= {near, far}

    def _pump(self, source, sink):
        delays = jitter.delays()
        try:
            while part := source.recv(262144):
                with self.changed:
                    self.changed.wait_for(lambda: self.mode != BLACK_HOLE)
                if delay_s := self.delay_s + next(delays):
                    time.sleep(delay_s)
                if self.slow_subscriptions_s and b"SUBSCRIBE" in part:
                    time.sleep(self.slow_subscriptions_s)
                sink.sendall(part)
        except OSError:
            pass
        for sock in (source, sink):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
