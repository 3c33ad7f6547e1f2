"""Holds what each client got against what a cluster promises:

- one order: a position has the same message for everybody, and a message one position;
- nothing is lost untold: behind a position comes the next one of its epoch, unless the client was told of a gap;
- nothing twice: no position comes again.

A position is {epoch, offset}, as the host writes it into a message. It judges as messages come, and keeps of each client
and room where it is, of each room what has been at which position."""

FAULTS_MOST = 50


class Track:
    """Where one client is in one room."""

    __slots__ = ("epoch", "offset", "may_skip", "is_coming", "skipped", "received", "gaps")

    def __init__(self):
        self.epoch = None  # it has got nothing yet
        self.offset = 0
        self.may_skip = True  # whoever joins begins anywhere
        self.is_coming = False  # back: it hasn't been told yet whether it has recovered
        self.skipped = None  # meanwhile: the fault, if it has
        self.received = self.gaps = 0


class Judge:
    def __init__(self):
        self.tracks = {}  # of (client, room)
        self.messages = {}  # of (room, epoch, offset): the message's key
        self.places = {}  # of a key: (room, epoch, offset)
        self.tops = {}  # of a room: the latest position that anybody has seen
        self.faults = []
        self.fault_count = self.received = self.gaps = 0

    def _fault(self, text, *values):
        self.fault_count += 1
        if len(self.faults) < FAULTS_MOST:
            self.faults.append(text % values)

    def joins(self, client, room):
        """It starts anew: what was before it joined is not its own."""
        self.tracks[client, room] = Track()

    def leaves(self, client, room):
        return self.tracks.pop((client, room), None)

    def message(self, client, room, epoch, offset, key):
        track = self.tracks.get((client, room))
        if track is None:
            self._fault("client %s got %s of room %s, in which it isn't", client, key, room)
            return
        self.received += 1
        track.received += 1
        self._is_the_same_for_all((room, epoch, offset), key)
        if epoch == track.epoch:
            if offset <= track.offset:
                self._fault("client %s got %s:%d in room %s behind %d: twice, or in disorder", client, epoch, offset,
                            room, track.offset)
            elif offset != track.offset + 1:
                self._skips(track, "client %s got %s:%d in room %s behind %d: lost untold", client, epoch, offset, room,
                            track.offset)
        else:
            self._skips(track, "client %s came from epoch %s to %s in room %s, and was told of no gap", client,
                        track.epoch, epoch, room)
        track.epoch, track.offset, track.may_skip = epoch, offset, False

    def _skips(self, track, text, *values):
        if track.is_coming:
            track.skipped = track.skipped or text % values
        elif not track.may_skip:
            self._fault(text, *values)

    def _is_the_same_for_all(self, place, key):
        was = self.messages.get(place)
        if was is None:
            self.messages[place] = key
            at = self.places.setdefault(key, place)
            if at != place:
                self._fault("message %s is at %s and at %s: twice", key, at, place)
            self.tops[place[0]] = place[1:]
        elif was != key:
            self._fault("at %s one got %s, another %s: two orders", place, was, key)

    def gap(self, client, room):
        """The client was told that it has lost something."""
        track = self.tracks.get((client, room))
        if track is None:
            self._fault("client %s was told of a gap in room %s, in which it isn't", client, room)
            return
        self.gaps += 1
        track.gaps += 1
        track.may_skip = True

    def gap_somewhere(self, client, rooms):
        """It was told of a gap in some of these."""
        for room in rooms:
            self.tracks[client, room].may_skip = True

    def comes_back(self, client, room, track):
        """With where it was; the answer is still to come."""
        self.tracks[client, room] = track
        track.is_coming, track.skipped, track.may_skip = True, None, False

    def recovered(self, client, room, is_recovered):
        """The answer, which may come behind messages. If it isn't recovered it goes on anywhere, once; else as if it had
        never been away."""
        track = self.tracks[client, room]
        track.is_coming = False
        if is_recovered and track.skipped:
            self._fault("%s, and it has recovered", track.skipped)
        elif not is_recovered and not track.skipped:
            track.may_skip = True

    def positions(self):
        """Of (client, room): where it is."""
        return {who: (track.epoch, track.offset) for who, track in self.tracks.items()}

    def verdict(self):
        """Raises AssertionError with what was wrong."""
        if self.fault_count:
            raise AssertionError("%d faults, the first of them:\n%s" % (self.fault_count, "\n".join(self.faults)))
