"""An engine that fails or hangs while it is exchanged: the one before goes on; or the host says what holds it up, and
refuses broadcasts. Over the engine of test_cluster_host, which has what an engine can do to its host else."""

import sys

from test_admin import ask
from test_cluster_host import ClusterTestCase, cluster_conf
from toni_host import SLOWNESS, main, run_toni

LIMITS = {"hook_ms": 500 * SLOWNESS, "swap_ms": 500 * SLOWNESS, "callback_ms": 1000}
HELD = "a function of the cluster's engine has not returned"


class TestExchange(ClusterTestCase):
    def begin(self, **options):
        """A host, and a member of a room who hears himself."""
        self.host = self.start("left", options=options, limits=LIMITS, cluster={"ready": True})
        self.member = self.client(self.host, "tea")
        self.hears("before")

    def hears(self, text):
        self.member.send("msg:tea:" + text)
        self.assertEqual(self.member.read(), "[tea] %s: %s" % (self.member.name, text))

    def is_refused(self, words, **options):
        """A reload to another, which must fail for that reason."""
        self.host.configure(cluster_conf(self.server, "left", options=options, limits=LIMITS, cluster={"ready": True}))
        self.host.expect_error(msg="reload refused")
        result = run_toni("reload", "-c", self.host.conf)
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        self.assertIn(words, result.stderr)

    def test_one_that_fails_to_be_made(self):
        self.begin()
        self.is_refused("it is told to fail", misbehaves="create")
        self.hears("after")
        self.member.drop()
        self.host.stop()

    def test_one_that_hangs_while_it_is_made(self):
        self.begin()
        self.is_refused("create of the new version did not return", misbehaves="hang in create")
        self.hears("after")
        self.member.drop()
        self.host.process.terminate()
        self.assertEqual(self.host.wait_exit(), 1)  # what hangs is left behind

    def test_one_that_hangs_while_it_is_let_go_of(self):
        self.begin(misbehaves="hang in detach")
        self.is_refused("did not quiesce within swap_ms")
        held = self.host.wait_log(msg=lambda text: text.startswith(HELD))
        self.assertEqual((held["instance"], held["callback"]), ("tie", "detach"))
        self.member.send("msg:tea:to nobody")
        self.assertIn("too much is waiting", self.member.read())
        self.assertEqual(ask(self.host.admin_address, "/readyz").status, 503)
        self.host.expect_error(msg=lambda text: "does not return" in text)
        self.member.drop()
        self.host.process.terminate()
        self.assertEqual(self.host.wait_exit(), 1)


if __name__ == "__main__":
    sys.exit(main())
