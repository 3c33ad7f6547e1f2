"""That the judge sees what is wrong: else a test of a cluster could not fail."""

import unittest

from judge import Judge


class TestJudge(unittest.TestCase):
    def setUp(self):
        self.judge = Judge()
        for client in ("a", "b"):
            self.judge.joins(client, "r")

    def gets(self, client, *places, epoch="e"):
        for offset in places:
            self.judge.message(client, "r", epoch, offset, "%s-%d" % (epoch, offset))

    def is_right(self):
        self.judge.verdict()

    def is_wrong(self, pattern):
        self.assertRaisesRegex(AssertionError, pattern, self.judge.verdict)

    def test_the_same_for_all_from_anywhere_on_is_right(self):
        self.gets("a", 1, 2, 3)
        self.gets("b", 2, 3)
        self.is_right()

    def test_a_hole_is_a_loss(self):
        self.gets("a", 1, 3)
        self.is_wrong("lost untold")

    def test_a_hole_that_was_told_is_none(self):
        self.gets("a", 1)
        self.judge.gap("a", "r")
        self.gets("a", 3, 4)
        self.is_right()

    def test_a_gap_excuses_one_hole(self):
        self.gets("a", 1)
        self.judge.gap("a", "r")
        self.gets("a", 3, 5)
        self.is_wrong("lost untold")

    def test_a_position_that_comes_again_is_wrong(self):
        self.gets("a", 1, 2, 2)
        self.is_wrong("twice")

    def test_a_gap_excuses_nothing_that_comes_again(self):
        self.gets("a", 1, 2)
        self.judge.gap("a", "r")
        self.gets("a", 2)
        self.is_wrong("twice")

    def test_another_message_at_a_position_is_another_order(self):
        self.gets("a", 1)
        self.judge.message("b", "r", "e", 1, "another")
        self.is_wrong("two orders")

    def test_a_message_at_two_positions_is_there_twice(self):
        self.gets("a", 1)
        self.judge.message("a", "r", "e", 2, "e-1")
        self.is_wrong("twice")

    def test_an_epoch_that_ends_untold_is_a_loss(self):
        self.gets("a", 1)
        self.gets("a", 2, epoch="f")
        self.is_wrong("no gap")

    def test_an_epoch_may_end_if_it_is_told(self):
        self.gets("a", 1)
        self.judge.gap("a", "r")
        self.gets("a", 7, epoch="f")
        self.is_right()

    def test_whoever_comes_back_recovered_has_missed_nothing(self):
        self.gets("a", 1)
        self.judge.comes_back("a", "r", self.judge.leaves("a", "r"))
        self.judge.recovered("a", "r", True)
        self.gets("a", 3)
        self.is_wrong("lost untold")

    def test_what_comes_before_the_answer_counts(self):
        self.gets("a", 1)
        self.judge.comes_back("a", "r", self.judge.leaves("a", "r"))
        self.gets("a", 3)
        self.judge.recovered("a", "r", True)
        self.is_wrong("lost untold")

    def test_an_answer_excuses_what_came_before_it(self):
        self.gets("a", 1)
        self.judge.comes_back("a", "r", self.judge.leaves("a", "r"))
        self.gets("a", 3)
        self.judge.recovered("a", "r", False)
        self.is_right()
        self.gets("a", 5)
        self.is_wrong("lost untold")

    def test_whoever_comes_back_otherwise_was_told(self):
        self.gets("a", 1)
        self.judge.comes_back("a", "r", self.judge.leaves("a", "r"))
        self.judge.recovered("a", "r", False)
        self.gets("a", 3)
        self.is_right()

    def test_nothing_comes_of_a_room_that_one_isn_t_in(self):
        self.judge.leaves("a", "r")
        self.gets("a", 1)
        self.is_wrong("isn't")


if __name__ == "__main__":
    unittest.main(verbosity=2)
