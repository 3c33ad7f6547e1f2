"""The rooms page (first table of the contract), every row and every text, with a client library
that others wrote: python3-websockets."""

import asyncio
import re
import unittest

import websockets

from toni_host import (
    DEADLINE,
    ECHO,
    GREETING,
    PROBE,
    ROOMS,
    Host,
    HostTestCase,
    both,
    configuration,
    main,
    websocket_uri,
)

LONGEST = "r" * 255


class Chat:
    """A client of the rooms gateway; what comes is compared word for word."""

    def __init__(self, socket):
        self.socket = socket

    async def read(self):
        return await asyncio.wait_for(self.socket.recv(), DEADLINE)

    async def expect(self, *texts):
        for text in texts:
            got = await self.read()
            assert got == text, "expected %r, got %r" % (text, got)

    async def send(self, message):
        await self.socket.send(message)

    async def join(self, room):
        """Joins; the client's id."""
        await self.send("join:" + room)
        await self.expect("Joined room: " + room)
        name, _, rest = (await self.read()).partition(" ")
        assert rest == "joined", rest
        return name

    async def fence(self):
        """Nothing came before the answer to this."""
        await self.send("leave:fence")
        await self.expect("Left room: fence")


class RoomsTestCase(HostTestCase, unittest.IsolatedAsyncioTestCase):
    gateways = (ROOMS, ECHO, PROBE)

    async def open(self, path="/rooms"):
        uri, how = websocket_uri(self.host.address, path)
        socket = await websockets.connect(
            uri,
            **how,
            open_timeout=DEADLINE,
            ping_interval=None,
        )
        self.addAsyncCleanup(socket.close)
        return Chat(socket)

    async def chat(self):
        client = await self.open()
        await client.expect(GREETING)
        return client

    async def members(self, room):
        """Who is in the room, seen by another gateway of the same host."""
        probe = await self.open("/probe")
        await probe.read()
        await probe.send("members:" + room)
        answer = await probe.read()
        await probe.socket.close()
        self.assertTrue(answer.startswith("members="), answer)
        return [name for name in answer[len("members="):].split(",") if name]

    async def members_become(self, room, wanted):
        end = asyncio.get_running_loop().time() + DEADLINE
        while True:
            found = await self.members(room)
            if found == sorted(wanted):
                return
            self.assertLess(asyncio.get_running_loop().time(), end, "still %s" % found)


@both
class TestRoomsPage(RoomsTestCase):
    async def test_greets_who_connects(self):
        client = await self.open()
        await client.expect("Connected. Send 'join:<room>' to join a room.")
        await client.fence()

    async def test_join_answers_and_tells_the_room_the_joiner_included(self):
        first, second = await self.chat(), await self.chat()
        await first.send("join:lobby")
        await first.expect("Joined room: lobby")
        first_id, _, rest = (await first.read()).partition(" ")
        self.assertEqual(rest, "joined")
        self.assertRegex(first_id, r"^[!-~]+$")
        second_id = await second.join("lobby")
        await first.expect(second_id + " joined")
        self.assertNotEqual(first_id, second_id)
        await first.fence()
        await second.fence()

    async def test_id_is_the_same_in_every_room(self):
        client = await self.chat()
        self.assertEqual(await client.join("one"), await client.join("two"))

    async def test_message_goes_to_the_room_the_sender_included(self):
        first, second = await self.chat(), await self.chat()
        first_id = await first.join("talk")
        second_id = await second.join("talk")
        await first.expect(second_id + " joined")
        await first.send("msg:talk:hello there")
        await first.expect("[talk] %s: hello there" % first_id)
        await second.expect("[talk] %s: hello there" % first_id)
        await second.send("msg:talk:hello back")
        await first.expect("[talk] %s: hello back" % second_id)
        await second.expect("[talk] %s: hello back" % second_id)
        await first.fence()
        await second.fence()

    async def test_text_of_a_message_may_hold_colons(self):
        client = await self.chat()
        name = await client.join("colons")
        for text in ("a:b", ":", "::x::", "http://[::1]:9000/?q=a:b", " leading: and trailing: "):
            await client.send("msg:colons:" + text)
            await client.expect("[colons] %s: %s" % (name, text))
        await client.fence()

    async def test_text_of_a_message_may_be_empty(self):
        client = await self.chat()
        name = await client.join("empty")
        await client.send("msg:empty:")
        await client.expect("[empty] %s: " % name)
        await client.fence()

    async def test_text_of_a_message_may_be_any_unicode(self):
        client = await self.chat()
        name = await client.join("unicode")
        for text in ("größe ☃ 🎈 \u0000 \r\n\t", "%s %n %d", '"quoted" \\ back', "\u202e", "x" * 70000):
            await client.send("msg:unicode:" + text)
            await client.expect("[unicode] %s: %s" % (name, text))

    async def test_a_sender_who_is_no_member_reaches_the_room_but_not_itself(self):
        member, outsider = await self.chat(), await self.chat()
        await member.join("club")
        outsider_id = await outsider.join("outside")
        await outsider.send("msg:club:let me in")
        await member.expect("[club] %s: let me in" % outsider_id)
        await outsider.fence()
        await member.fence()

    async def test_a_message_to_a_room_without_members_goes_nowhere(self):
        client = await self.chat()
        await client.send("msg:nobody:hello")
        await client.fence()

    async def test_rooms_are_apart(self):
        red, blue = await self.chat(), await self.chat()
        red_id, blue_id = await red.join("red"), await blue.join("blue")
        await red.send("msg:red:1")
        await blue.send("msg:blue:2")
        await red.expect("[red] %s: 1" % red_id)
        await blue.expect("[blue] %s: 2" % blue_id)
        await red.fence()
        await blue.fence()

    async def test_a_client_may_be_in_several_rooms(self):
        client, other = await self.chat(), await self.chat()
        await client.join("several-a")
        await client.join("several-b")
        other_id = await other.join("several-c")
        await other.send("msg:several-b:b")
        await other.send("msg:several-a:a")
        await client.expect("[several-b] %s: b" % other_id, "[several-a] %s: a" % other_id)
        await client.fence()

    async def test_leave_answers_and_stops(self):
        stays, goes = await self.chat(), await self.chat()
        stays_id = await stays.join("exit")
        goes_id = await goes.join("exit")
        await stays.expect(goes_id + " joined")
        await goes.send("leave:exit")
        await goes.expect("Left room: exit")
        for number in range(20):
            await stays.send("msg:exit:%d" % number)
            await stays.expect("[exit] %s: %d" % (stays_id, number))
        await goes.fence()
        await stays.fence()

    async def test_after_the_answer_to_a_leave_nothing_more_of_the_room_arrives(self):
        noisy, goes = await self.chat(), await self.chat()
        noisy_id = await noisy.join("noise")
        goes_id = await goes.join("noise")
        await noisy.expect(goes_id + " joined")
        for number in range(400):
            await noisy.send("msg:noise:%d" % number)
            if number == 150:
                await goes.send("leave:noise")
        seen = []
        while True:
            text = await goes.read()
            if text == "Left room: noise":
                break
            seen.append(text)
        self.assertEqual(seen, ["[noise] %s: %d" % (noisy_id, n) for n in range(len(seen))])
        await noisy.expect(*["[noise] %s: %d" % (noisy_id, n) for n in range(400)])
        await goes.fence()

    async def test_leaving_a_room_that_one_is_not_in_is_answered_too(self):
        client = await self.chat()
        await client.send("leave:never-joined")
        await client.expect("Left room: never-joined")
        await client.fence()

    async def test_joining_twice_changes_nothing(self):
        client = await self.chat()
        name = await client.join("twice")
        self.assertEqual(await client.join("twice"), name)
        self.assertEqual(await self.members("twice"), [name])
        await client.send("msg:twice:once")
        await client.expect("[twice] %s: once" % name)
        await client.fence()
        await client.send("leave:twice")
        await client.expect("Left room: twice")
        self.assertEqual(await self.members("twice"), [])

    async def test_joining_again_after_leaving(self):
        client = await self.chat()
        name = await client.join("again")
        await client.send("leave:again")
        await client.expect("Left room: again")
        self.assertEqual(await client.join("again"), name)
        await client.send("msg:again:here")
        await client.expect("[again] %s: here" % name)

    async def test_other_text_gets_nothing(self):
        member, client = await self.chat(), await self.chat()
        await member.join("quiet")
        for text in ("", " ", "hello", "join", "leave", "msg", "msg:", "msg:quiet", "JOIN:quiet",
                     " join:quiet", "Join:quiet", "joined:quiet", "message:quiet:x", "\x00",
                     "join\uff1aquiet"):
            await client.send(text)
        await client.fence()
        await member.fence()

    async def test_binary_gets_nothing(self):
        member, client = await self.chat(), await self.chat()
        member_id = await member.join("binary")
        for data in (b"join:binary", b"msg:binary:x", b"leave:binary", b"", b"\xff\x00", b"x" * 70000):
            await client.send(data)
            await member.send(data)
        await client.fence()
        await member.fence()
        self.assertEqual(await self.members("binary"), [member_id])

    async def test_bad_room_names_are_refused_with_a_line_that_says_why(self):
        client = await self.chat()
        for room in ("", LONGEST + "r", "ü" * 128, "a\x01b", "a\nb", "tab\tbed", "\x00", "del\x7f",
                     "c1\u0085", "x" * 5000):
            with self.subTest(room=room[:20]):
                await client.send("join:" + room)
                answer = await client.read()
                self.assertIsInstance(answer, str)
                self.assertFalse(answer.startswith("Joined room"), answer)
                self.assertRegex(answer, r"\A[^\x00-\x1f\x7f]{10,300}\Z")
                self.assertRegex(answer, r"(?i)room|name")
                await client.fence()

    async def test_good_room_names_of_all_kinds(self):
        client = await self.chat()
        for room in (LONGEST, "é" * 127, "größe ☃ 🎈", " ", "a b", "a/b?c#d", "0", "%s%n", "<room>",
                     '"', "\\", "\u00a0"):
            with self.subTest(room=room[:20]):
                name = await client.join(room)
                await client.send("msg:%s:hi" % room)
                await client.expect("[%s] %s: hi" % (room, name))
                await client.send("leave:" + room)
                await client.expect("Left room: " + room)
                await client.fence()

    async def test_room_names_differ_by_case_and_form(self):
        client = await self.chat()
        name = await client.join("Case")
        await client.send("msg:case:lower")
        await client.send("msg:Case:same")
        await client.expect("[Case] %s: same" % name)

    async def test_a_join_takes_all_behind_the_first_colon_as_the_room(self):
        client, other = await self.chat(), await self.chat()
        await client.join("a:b")
        other_id = await other.join("a")
        await other.send("msg:a:b")
        await other.expect("[a] %s: b" % other_id)
        await client.fence()
        await client.send("leave:a:b")
        await client.expect("Left room: a:b")

    async def test_a_disconnect_leaves_the_rooms_without_a_word(self):
        stays, goes = await self.chat(), await self.chat()
        stays_id = await stays.join("parting")
        goes_id = await goes.join("parting")
        await stays.expect(goes_id + " joined")
        await goes.join("parting-alone")
        self.assertEqual(await self.members("parting"), sorted([stays_id, goes_id]))
        await goes.socket.close()
        self.assertEqual(goes.socket.close_code, 1000)
        await self.members_become("parting", [stays_id])
        await self.members_become("parting-alone", [])
        await stays.send("msg:parting:alone")
        await stays.expect("[parting] %s: alone" % stays_id)
        await stays.fence()

    async def test_a_client_reads_its_own_writes_in_order(self):
        client = await self.chat()
        name = await client.join("order")
        for number in range(50):
            await client.send("msg:order:%d" % number)
            await client.send("join:order-%d" % number)
            await client.send("leave:order-%d" % number)
        for number in range(50):
            await client.expect(
                "[order] %s: %d" % (name, number),
                "Joined room: order-%d" % number,
                name + " joined",
                "Left room: order-%d" % number,
            )

    async def test_close_codes_as_the_library_sees_them(self):
        client = await self.chat()
        await client.socket.close(4321, "see you")
        self.assertEqual(client.socket.close_code, 4321)
        client = await self.chat()
        with self.assertRaises(websockets.exceptions.ConnectionClosed):
            await client.send("x" * (1 << 20) + "x")
            await client.read()
        self.assertEqual(client.socket.close_code, 1009)

    async def test_ping_of_the_library_is_answered(self):
        client = await self.chat()
        for payload in (b"", b"x", b"p" * 125):
            await asyncio.wait_for(await client.socket.ping(payload), DEADLINE)


class TestIds(unittest.TestCase):
    def ids(self, count):
        case = HostTestCase()
        case.host = Host(configuration([ROOMS], workers=1)).start()
        try:
            found = []
            for _ in range(count):
                client = case.client()
                found.append(case.join(client, "ids"))
                client.close()
            return found
        finally:
            case.doCleanups()
            case.host.stop()

    def test_ids_are_unique_also_after_a_restart_and_do_not_count(self):
        first, second = self.ids(12), self.ids(12)
        self.assertEqual(len(set(first + second)), 24, (first, second))
        for run in (first, second):
            numbers = [int(re.sub(r"[^0-9a-z]", "", name.lower()) or "0", 36) for name in run]
            steps = {b - a for a, b in zip(numbers, numbers[1:])}
            self.assertGreater(len(steps), 6, "ids that count on: %s" % run)


if __name__ == "__main__":
    main()
