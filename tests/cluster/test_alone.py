"""Rooms that go on alone while their server is away (`local_only`): when that is over each member is told of a gap, where it
is: of how many messages it got that nobody else has, and of how many others got that it has not."""

import time

from hosts import BACK_S, ClusterTestCase
from load import PATH
from proxy import CUT, OPEN
from toni_host import Client, main


UP = 2  # in the figures
LINGERS_S = 1.5  # a room without members is dropped after a second


class Member:
    """A client in one room. What it was told, in order: keys of messages; numbers of what was lost between them."""

    def __init__(self, case, host, room):
        self.client, self.room = Client(host.address, PATH), room
        case.addCleanup(self.client.sock.close)
        self.told, self.answers, self.at = [], [], None
        self.ask("join " + room, "joined " + room)

    def read(self):
        words = self.client.read().split(" ")
        if words[0] == "m":
            self.at = words[1]
            self.told.append(words[3])
        elif words[0] != "gap":
            self.answers.append(" ".join(words))
        elif self.told and isinstance(self.told[-1], int):
            self.told[-1] += int(words[1])
        else:
            self.told.append(int(words[1]))

    def ask(self, text, answer):
        self.client.send(text)
        while answer not in self.answers:
            self.read()
        self.answers.remove(answer)

    def read_to(self, key):
        while key not in self.told:
            self.read()

    def lost(self):
        """How many it has been told by now that it lacks. What is said in a room comes in its own time: the answer to a word
        of its own comes behind what it has been sent."""
        self.ask("leave fence", "left fence")
        return sum(told for told in self.told if isinstance(told, int))

    def say(self, key, *others):
        """Returns once it, and these, have got that."""
        self.ask("say %s %s" % (self.room, key), "+" + key)
        for member in (self, *others):
            member.read_to(key)


class Alone(ClusterTestCase):
    nodes = 2
    proxied = (0, 1)

    def node(self, index, **conf):
        return super().node(index, namespace={"local_only": True}, **conf)

    def setUp(self):
        super().setUp()
        left, right = self.hosts
        self.here, self.beside, self.there = Member(self, left, "tea"), Member(self, left, "tea"), Member(self, right, "tea")
        self.silent, self.far = Member(self, left, "mate"), Member(self, right, "mate")
        # Whoever has heard himself is heard on his host: from then on each gets what the others say.
        self.there.say("one")
        self.here.say("two", self.beside, self.there)
        self.far.say("a")
        self.silent.say("b", self.far)
        self.members = (self.here, self.beside, self.there, self.silent, self.far)
        for member in self.members:
            member.told.clear()

    def cut(self, *indexes):
        for index in indexes:
            self.proxies[index].set(CUT)
        for index in indexes:
            self.eventually(lambda: not self.is_up(self.hosts[index]), "the host knows that it is alone")

    def heal(self, *indexes):
        for index in indexes:
            self.proxies[index].set(OPEN)
        for index in indexes:
            host = self.hosts[index]
            self.wait_up(host, BACK_S)
            # What is said before it has caught up may be among what it has missed.
            self.eventually(lambda: self.figure(host, "toni_cluster_server_state") == UP, "the host has caught up")

    def are_told(self, count, *members):
        """What is said from now on has its place behind that."""
        for member in members:
            self.eventually(lambda: member.lost() >= count, "a member is told that it lacks %d" % count)

    def told(self):
        return [member.told for member in (self.here, self.beside, self.there)]

    def end(self):
        """Nobody lacks anything where nobody said anything meanwhile."""
        self.silent.say("c", self.far)
        self.assertEqual((self.silent.told, self.far.told), (["c"], ["c"]))
        for member in self.members:
            member.client.drop()
        self.end_well()


class TestWithHistory(Alone):
    def test_one_host_was_alone(self):
        self.cut(0)
        self.here.say("alone-1", self.beside)
        self.here.say("alone-2", self.beside)
        self.there.say("meanwhile")
        self.heal(0)
        self.are_told(2, self.here, self.beside, self.there)
        self.there.say("after", self.here, self.beside)
        alone = ["alone-1", "alone-2", 2, "meanwhile", "after"]
        self.assertEqual(self.told(), [alone, alone, ["meanwhile", 2, "after"]])
        self.end()

    def test_whoever_was_alone_has_left(self):
        """Their host has no room any more when its server is back: the others are told all the same."""
        self.cut(0)
        self.here.say("alone", self.beside)
        for member in (self.here, self.beside):
            member.ask("leave tea", "left tea")
        time.sleep(LINGERS_S)
        self.heal(0)
        self.are_told(1, self.there)
        self.there.say("after")
        self.assertEqual(self.there.told, [1, "after"])
        self.end()

    def test_both_hosts_were_alone(self):
        self.cut(0, 1)
        self.here.say("left-1", self.beside)
        self.here.say("left-2", self.beside)
        self.there.say("right")
        self.heal(0, 1)
        self.are_told(3, self.here, self.beside, self.there)
        self.there.say("after", self.here, self.beside)
        left = ["left-1", "left-2", 3, "after"]
        self.assertEqual(self.told(), [left, left, ["right", 3, "after"]])
        self.end()

    def test_who_comes_back_is_not_told_that_it_has_all(self):
        """Its host has forgotten the room: it gets nothing of what was said before it came back."""
        self.cut(0)
        self.here.say("alone", self.beside)
        at = self.there.at
        self.there.ask("leave tea", "left tea")
        self.eventually(lambda: "tea" not in self.subscribers(), "the room has ended on the host of who has left")
        self.come_back(at)

    def test_who_comes_back_to_others_is_not_told_that_it_has_all(self):
        stayed = Member(self, self.hosts[1], "tea")
        self.cut(0)
        self.here.say("alone", self.beside)
        at = self.there.at
        self.there.ask("leave tea", "left tea")
        self.come_back(at, stayed)
        self.assertEqual(stayed.told, [1, "after", "then"])

    def come_back(self, at, *others):
        """others: on the same host. What they have got is not on its way to it any more."""
        self.heal(0)
        self.here.say("after", self.beside, *others)
        self.there.told.clear()
        self.there.ask("back tea " + at, "back tea 0 0")
        self.here.say("then", self.beside, self.there, *others)
        self.assertEqual(self.there.told, ["then"])
        self.there.ask("leave tea", "left tea")
        self.there.ask("back tea " + self.here.at, "back tea 1 0")  # nothing was lost since
        self.end()


class TestWithoutHistory(Alone):
    history = None

    def test_one_host_was_alone(self):
        self.cut(0)
        self.here.say("alone", self.beside)
        self.there.say("meanwhile")
        self.heal(0)
        self.are_told(1, self.there)
        self.there.say("after", self.here, self.beside)
        here, beside, there = self.told()
        self.assertEqual(there, ["meanwhile", 1, "after"])
        self.assertEqual(here, beside)
        self.assertEqual((here[0], here[2:]), ("alone", ["after"]))
        self.assertIn(here[1], (2, 3))  # what says so to others has a number in the room, and may be missed here, too
        self.end()


class TestBound(Alone):
    """Notices wait for their server: so many, and of more rooms than that what was said alone counts as lost."""

    MOST, MORE = 1024, 50

    def node(self, index, **conf):
        return super().node(index, limits={"rooms_per_client": 2 * self.MOST}, **conf)

    def test_more_rooms_than_are_kept_in_mind(self):
        self.cut(0)
        left, _ = self.hosts
        # What was said before has an answer, or has none and counts as lost, too.
        self.eventually(lambda: self.figure(left, "toni_cluster_pending_bytes") == 0, "nothing waits for its server")
        before = self.figure(left, "toni_cluster_lost_total")
        for number in range(self.MOST + self.MORE):
            self.here.room = "room-%d" % number
            self.here.ask("join " + self.here.room, "joined " + self.here.room)
            self.here.say("x-%d" % number)
            self.here.ask("leave " + self.here.room, "left " + self.here.room)
        self.eventually(lambda: self.figure(left, "toni_cluster_lost_total") >= before + self.MORE, "what is lost is counted")
        self.assertEqual(self.figure(left, "toni_cluster_lost_total"), before + self.MORE, self.warnings())
        self.heal(0)
        self.end()


if __name__ == "__main__":
    main()
