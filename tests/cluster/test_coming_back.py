"""As test_nodes.py, and whoever comes back elsewhere has recovered: the history has all that he has missed."""

import unittest

import test_nodes


class TestComingBack(test_nodes.TestNodeKilled):
    def come_back_well(self, count):
        self.assertEqual((self.load.recovered, self.load.unrecovered), (count, 0))


if __name__ == "__main__":
    unittest.main(verbosity=2)
