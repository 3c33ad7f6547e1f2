"""What a guard leaves beside its decision: values for on_connect, header fields of the answer, and
the subprotocol; at once and through a ticket."""

import urllib.parse

from toni_host import ECHO, Client, HostTestCase, Refused, both, gateway, main

NOTES = gateway("notes", "notes_gateway.so", None)


@both
class TestNotes(HostTestCase):
    gateways = (ECHO, NOTES)

    def client_of(self, offers=(), **asked):
        headers = [("Sec-WebSocket-Protocol", ", ".join(offers))] if offers else []
        client = Client(self.host.address, "/notes?" + urllib.parse.urlencode(asked), headers)
        self.addCleanup(client.sock.close)
        return client

    def refused(self, **asked):
        with self.assertRaises(Refused) as refused:
            self.client_of(**asked)
        return refused.exception.response

    def test_values_reach_on_connect_and_no_further(self):
        for by in ("guard", "job"):
            with self.subTest(by=by):
                client = self.client_of(by=by, user="ann & bob")
                client.expect("ann & bob|by the guard|")
                self.assertEqual(client.ask("x"), "gone")
                self.client_of(by=by).expect("nobody|by the guard|")
        self.host.wait_log(msg="beside a ticket: TONI_ERR_INVALID")
        self.host.wait_log(msg="in on_connect: TONI_ERR_INVALID")

    def test_header_fields_of_the_answer(self):
        for by in ("guard", "job"):
            with self.subTest(by=by):
                client = self.client_of(by=by, header="Set-Cookie", **{"is": "session=1; Secure"})
                self.assertEqual(client.response.headers["set-cookie"], "session=1; Secure")
                self.assertEqual(client.response.headers["upgrade"], "websocket")
                client.expect("nobody|by the guard|")
                self.assertEqual(client.ask("x"), "gone")
                answer = self.refused(by=by, answer="no", header="X-Why", **{"is": "no token"})
                self.assertEqual((answer.status, answer.headers["x-why"]), (401, "no token"))

    def test_the_subprotocol(self):
        for by in ("guard", "job"):
            with self.subTest(by=by):
                for offers, protocol, agreed in (
                    (("v1", "v2"), {}, "v1"),
                    (("v1", "v2"), {"protocol": "v2"}, "v2"),
                    (("v2",), {"protocol": "v2"}, "v2"),
                    (("v1",), {"protocol": ""}, ""),
                    ((), {"protocol": ""}, ""),
                ):
                    client = self.client_of(offers, by=by, **protocol)
                    client.expect("nobody|by the guard|" + agreed)
                    self.assertEqual(
                        client.response.headers.get("sec-websocket-protocol", ""), agreed
                    )
                self.assertEqual(self.refused(by=by, offers=("v1",), protocol="v3").status, 403)
                self.assertEqual(self.refused(by=by, protocol="v1").status, 403)

    def test_a_parameter_that_is_taken_out(self):
        """Also where the request is made anew, since the guard has chosen another subprotocol."""
        for by in ("guard", "job"):
            for offers, protocol in (((), {}), (("v1", "v2"), {"protocol": "v2"})):
                with self.subTest(by=by, **protocol):
                    asked = dict(protocol, by=by, drop="user", user="secret")
                    client = self.client_of(offers, **asked)
                    client.expect("secret|by the guard|" + protocol.get("protocol", ""))
                    asked.pop("user")
                    self.assertEqual(client.ask("query"), "&".join("%s=%s" % pair for pair in asked.items()))

    def test_a_challenge_takes_the_place_of_the_hosts(self):
        for by in ("guard", "job"):
            answer = self.refused(
                by=by, answer="text", header="WWW-Authenticate", **{"is": 'Bearer realm="a"'}
            )
            # of two the second one would be here
            self.assertEqual((answer.status, answer.headers["www-authenticate"]), (401, 'Bearer realm="a"'))

    def test_all_that_is_refused(self):
        self.client_of(table="yes")
        for call, result in (
            ("name", "TONI_ERR_INVALID"),
            ("no name", "TONI_ERR_INVALID"),
            ("large", "TONI_ERR_TOO_BIG"),
            ("missing", "TONI_ERR_NOT_FOUND"),
            ("split", "TONI_ERR_INVALID"),
            ("field", "TONI_ERR_INVALID"),
            ("empty", "TONI_ERR_INVALID"),
            ("own", "TONI_ERR_INVALID"),
            ("upgrade", "TONI_ERR_INVALID"),
            ("long", "TONI_ERR_INVALID"),  # it holds NULs; the unit test has one without
            ("protocol", "TONI_ERR_INVALID"),
            ("many", "TONI_ERR_LIMIT"),
            ("no reason", "TONI_ERR_INVALID"),
            ("status", "TONI_ERR_INVALID"),
            ("control", "TONI_ERR_INVALID"),
        ):
            with self.subTest(call=call):
                self.host.wait_log(msg="%s: %s" % (call, result), instance="notes")


if __name__ == "__main__":
    main()
