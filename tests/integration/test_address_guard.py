"""address_guard: which addresses may connect, also behind a trusted proxy, and what it costs."""

import unittest

from toni_host import (
    ECHO, Client, Host, Refused, configuration, gateway, main, run_toni, service,
)


class TestAddressGuard(unittest.TestCase):
    def start(self, listen="127.0.0.1:0", **options):
        guard = service("addresses", "address_guard.so", None, options=options)
        guarded = gateway("guarded", "echo_gateway.so", "/guarded", guards=["addresses"])
        self.host = Host(configuration(
            (guard, guarded, ECHO), listen=listen, trusted_proxies=["127.0.0.9/32"],
            proxy_header="x-forwarded-for"))
        self.addCleanup(self.host.kill)

    def may(self, source=None, forwarded=None, path="/guarded"):
        headers = [("X-Forwarded-For", forwarded)] if forwarded else []
        try:
            Client(self.host.address, path, headers=headers, source=source).close()
        except Refused as refused:
            self.assertEqual(refused.response.status, 403)
            self.assertEqual(refused.response.body, b"this address may not connect\n")
            return False
        return True

    def test_allow(self):
        self.start(allow=["127.0.0.2/31", "127.0.0.7"])
        self.host.start()
        allowed = [last for last in range(1, 9) if self.may("127.0.0.%d" % last)]
        self.assertEqual(allowed, [2, 3, 7])
        self.assertTrue(self.may("127.0.0.1", path="/echo"))
        self.host.stop()

    def test_deny(self):
        self.start(deny=["127.0.0.2/31"])
        self.host.start()
        denied = [last for last in range(1, 9) if not self.may("127.0.0.%d" % last)]
        self.assertEqual(denied, [2, 3])
        self.host.stop()

    def test_deny_comes_before_allow(self):
        self.start(allow=["127.0.0.0/29"], deny=["127.0.0.2/31"])
        self.host.start()
        allowed = [last for last in range(1, 10) if self.may("127.0.0.%d" % last)]
        self.assertEqual(allowed, [1, 4, 5, 6, 7])
        self.host.stop()

    def test_without_options_it_lets_in_everybody(self):
        self.start()
        self.host.start()
        self.assertTrue(self.may())
        self.host.stop()

    def test_behind_a_proxy_it_is_the_clients(self):
        self.start(deny=["203.0.113.0/24", "2001:db8::/32"])
        self.host.start()
        self.assertFalse(self.may("127.0.0.9", "203.0.113.7"))
        self.assertFalse(self.may("127.0.0.9", "2001:db8::7"))
        self.assertTrue(self.may("127.0.0.9", "203.0.112.7"))
        self.assertTrue(self.may("127.0.0.9", "203.0.113.7, 198.51.100.1"))  # the left one is forged
        self.assertTrue(self.may("127.0.0.1", "203.0.113.7"))  # by somebody else
        self.host.stop()

    def test_a_unix_socket(self):
        for options, expected in (({"allow": ["unix"]}, True), ({"deny": ["unix"]}, False),
                                  ({"allow": ["127.0.0.0/8"]}, False), ({"deny": ["::/0"]}, True)):
            self.start(**options)
            with open(self.host.conf, encoding="utf-8") as conf:
                text = conf.read()
            with open(self.host.conf, "w", encoding="utf-8") as conf:
                conf.write(text.replace("127.0.0.1:0", "unix:%s/socket" % self.host.folder))
            self.host.start()
            self.assertEqual(self.may(), expected, options)
            self.host.stop()

    def test_bad_lists(self):
        for options, said in (
            ({"allow": ["127.0.0.1/8"]}, "bits behind the prefix"),
            ({"deny": ["127.0.0.0/33"]}, "0 to 32 bits"),
            ({"deny": ["localhost"]}, "expected a network"),
            ({"deny": [""]}, "expected a network"),
            ({"allow": ["10.%d.%d.0/24" % (i // 256, i % 256) for i in range(1001)]}, "at most 1000"),
        ):
            self.start(**options)
            self.host.expect_error(msg=lambda text: True)
            self.host.launch()
            self.assertNotEqual(self.host.wait_exit(), 0)
            self.assertIn(said, self.host.text())

    def test_a_reload_changes_the_lists(self):
        self.start(deny=["127.0.0.2"])
        self.host.start()
        self.assertFalse(self.may("127.0.0.2"))
        with open(self.host.conf, encoding="utf-8") as conf:
            text = conf.read()
        with open(self.host.conf, "w", encoding="utf-8") as conf:
            conf.write(text.replace('"127.0.0.2"', '"127.0.0.3"'))
        self.assertEqual(run_toni("reload", "-c", self.host.conf).returncode, 0)
        self.assertTrue(self.may("127.0.0.2"))
        self.assertFalse(self.may("127.0.0.3"))
        self.host.stop()


if __name__ == "__main__":
    main()
