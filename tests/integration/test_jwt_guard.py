"""The guard of JSON Web Tokens that comes along: who is let in and who is not, and why; where a token
may be; keys that change while the host runs; and that no token stands in the log."""

import asyncio
import json
import os
import shutil
import tempfile
import time
import unittest

import websockets

import jwt_tokens
from test_listed_guards import url
from toni_generations import Generations
from toni_host import (
    DEADLINE,
    Client,
    Host,
    Refused,
    configuration,
    gateway,
    main,
    metrics,
    next_second,
    run_toni,
    scaled,
    service,
    with_workers,
)

SECRET = jwt_tokens.Secret(b"0123456789abcdef0123456789abcdef")
LATE = 4000000000


def claims(**more):
    return {"sub": "ann", "exp": LATE, **more}


def bearer(token):
    return [("Authorization", "Bearer " + token)]


def offers(*names):
    return [("Sec-WebSocket-Protocol", ", ".join(names))]


class Guarded(unittest.TestCase):
    """A host with the guard, and gateways that tell who a client is (/id), the query (/notes)."""

    workers = 1

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="toni-test-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.pairs = {
            algorithm: jwt_tokens.Pair(cls.folder, algorithm, algorithm) for algorithm in jwt_tokens.KINDS
        }
        cls.secret = cls.write("secret", SECRET.secret.decode() + "\n", 0o640)
        cls.host = None

    @classmethod
    def write(cls, name, text, mode=0o644):
        """In the place of what is there, all at once."""
        path = os.path.join(cls.folder, name)
        with open(path + ".new", "w", encoding="utf-8") as out:
            out.write(text)
        os.chmod(path + ".new", mode)
        os.rename(path + ".new", path)
        return path

    @classmethod
    def text(cls, state="", **options):
        providers = [
            service("tokens", "jwt_guard.so", None, options=options),
            gateway("id", "identity_gateway.so", "/id", guards=["tokens"]),
            gateway("notes", "notes_gateway.so", "/notes", guards=["tokens"]),
            gateway("rooms", "rooms_gateway.so", "/rooms", guards=["tokens"]),
            gateway(
                "ruled", "rooms_gateway.so", "/ruled", guards=["tokens"], rooms={"join": ["claim:rooms"]}
            ),
        ]
        return configuration(providers, cls.workers, admin="127.0.0.1:0", state=state)

    def start(self, **options):
        self.host = Host(self.text(**options))
        self.host.options = (*Host.options, "--log-level=debug")  # for keeps_quiet
        self.addCleanup(self.host.kill)
        return self.host.start()

    def client(self, path="/id", headers=()):
        client = Client(self.host.address, path, headers)
        self.addCleanup(client.drop)
        return client

    def let_in(self, token, subject="ann"):
        self.assertEqual(self.client(headers=bearer(token)).read().split()[0], subject)

    def refused(self, path="/id", headers=()):
        with self.assertRaises(Refused) as refused:
            self.client(path, headers)
        return refused.exception.response

    def refused_with(self, token, text, status=401, error="invalid_token"):
        answer = self.refused(headers=bearer(token))
        self.assertEqual((answer.status, answer.body.decode()), (status, text + "\n"))
        self.assertEqual(
            answer.headers["www-authenticate"], 'Bearer error="%s", error_description="%s"' % (error, text)
        )

    def revoke(self, subject):
        result = run_toni("revoke", subject, "-c", self.host.conf)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def keeps_quiet(self, *tokens):
        """Nothing of a token is in the log."""
        log = self.host.text()
        for token in tokens:
            for part in token.split("."):
                if len(part) > 8:
                    self.assertNotIn(part, log)


@with_workers(1, 4)
class JwtGuard(Guarded):
    def test_all_algorithms_by_files_of_each_kind(self):
        pems = [pair.public for pair in self.pairs.values()]
        sets = self.write(
            "jwks.json",
            json.dumps({"keys": [pair.jwk(kid=name) for name, pair in self.pairs.items()]}),
        )
        for options in ({"keys": pems, "secrets": [self.secret]}, {"jwks": [sets], "secrets": [self.secret]}):
            host = self.start(**options)
            for name, key in [*self.pairs.items(), ("HS256", SECRET)]:
                with self.subTest(name, by=[*options]):
                    self.let_in(jwt_tokens.make(key, claims()))
                    self.let_in(jwt_tokens.make(key, claims(sub="b" * 256), kid=name), "b" * 256)
            self.assertEqual(metrics(host)['jwt_tokens_accepted_total{instance="tokens"}'], 8)
            self.assertEqual(metrics(host)['jwt_keys{instance="tokens"}'], 4)
            host.stop()

    def test_what_is_refused_and_why(self):
        pair, other = self.pairs["RS256"], self.pairs["ES256"]
        host = self.start(
            keys=[pair.public], audience=["here", "there"], issuer="https://a.example", leeway="0s"
        )
        now = int(time.time())
        good = claims(aud=["x", "here"], iss="https://a.example", iat=now - 5)
        make = jwt_tokens.make
        with open(pair.public, "rb") as file:
            public = jwt_tokens.Secret(file.read())
        expired, early = "the token has expired", "the token is not valid yet"
        odd, bad = "the token's claims are not accepted", "the token is malformed"
        signature = "the token's signature is not valid"
        algorithm = "the token is signed by an algorithm that is not accepted"
        audience = "the token is for another audience"
        whole = make(pair, good)
        self.let_in(whole)
        twice = json.dumps(good)[:-1] + ', "sub": "bob"}'
        rows = [
            (make(pair, {**good, "exp": now - 1}), expired),
            (make(pair, {**good, "nbf": now + 100}), early),
            (make(pair, {**good, "iat": now + 100}), early),
            (make(pair, {**good, "exp": "%d" % LATE}), odd),
            (make(pair, {**good, "exp": 1e300}), odd),
            (make(pair, {key: good[key] for key in good if key != "exp"}), odd),
            (make(pair, {key: good[key] for key in good if key != "sub"}), odd),
            (make(pair, {**good, "sub": "a\nb"}), odd),
            (make(pair, {**good, "aud": "elsewhere"}), audience),
            (make(pair, {key: good[key] for key in good if key != "aud"}), audience),
            (make(pair, {**good, "iss": "https://b.example"}), "the token is from another issuer"),
            (make(jwt_tokens.Pair(self.folder, "stranger", "RS256"), good), signature),
            (make(other, good), algorithm),
            (make(public, good), algorithm),
            (make(public, good, {"alg": "RS256"}), signature),
            (make(pair, good, {"alg": "none"}), algorithm),
            (make(pair, good, {"alg": "none"}).rpartition(".")[0] + ".", algorithm),
            (make(pair, good, {"alg": "RS256", "crit": ["b64"], "b64": False}), bad),
            (make(pair, good, '{"alg": "RS256", "alg": "RS256"}'), bad),
            (make(pair, twice), bad),
            (make(pair, "[]"), bad),
            (whole[:-6], signature),
            (whole.rpartition(".")[0], bad),
            (whole + "=", bad),
            ("A" * 10000, "the token is too long"),
        ]
        for token, text in rows:
            with self.subTest(text, token=token[:40]):
                self.refused_with(token, text)
        self.let_in(make(pair, good, kid="../../../../etc/passwd"))  # it is a name like another
        self.assertEqual(self.refused(headers=bearer("A" * 100000)).status, 431)
        answer = self.refused()
        self.assertEqual((answer.status, answer.body), (401, b"a token is needed\n"))
        self.assertEqual(answer.headers["www-authenticate"], "Bearer")
        figures = metrics(host)
        for name, count in (("expired", 1), ("algorithm", 4), ("missing", 1), ("accepted", 2)):
            self.assertEqual(figures['jwt_tokens_%s_total{instance="tokens"}' % name], count, name)
        line = host.wait_log(msg=expired, instance="tokens")
        self.assertEqual((line["subject"], line["path"], line["address"]), ("ann", "/id", "127.0.0.1"))
        self.keeps_quiet(*(token for token, _ in rows), whole)
        host.stop()

    def test_lines_of_the_log_are_bounded(self):
        host = self.start(secrets=[self.secret])
        for _ in range(200):
            self.refused()
        began, ended = (host.log(msg="a token is needed")[i]["time"] for i in (0, -1))
        seconds = int(ended[17:19]) - int(began[17:19])
        self.assertLessEqual(len(host.log(msg="a token is needed")), 5 * (seconds % 60 + 1))
        self.assertEqual(metrics(host)['jwt_tokens_missing_total{instance="tokens"}'], 200)
        host.stop()

    def test_where_a_token_may_be(self):
        host = self.start(secrets=[self.secret], cookie="session", parameter="token")
        token, other = (jwt_tokens.make(SECRET, claims(sub=name)) for name in ("ann", "bob"))
        for path, headers in (
            ("/id", bearer(token)),
            ("/id", [("authorization", "bearer  " + token)]),
            ("/id", [("Cookie", "a=b; session=%s; c=d" % token)]),
            ("/id", offers("v1", "bearer." + token)),
            (url("/id", token=token), ()),
            (url("/id", token=token), bearer(token)),  # twice the same
        ):
            with self.subTest(path=path[:20], headers=headers and headers[0][0]):
                self.client(path, headers).expect("ann 0 %d" % (LATE + 30))
        for path, headers in (
            (url("/id", token=token), bearer(other)),
            ("/id", bearer(token) + [("Cookie", "session=" + other)]),
            ("/id", bearer(token) + offers("v1", "bearer." + other)),
            ("/id?token=%s&token=%s" % (token, token), ()),
        ):
            answer = self.refused(path, headers)
            self.assertEqual((answer.status, answer.body), (400, b"the request has more than one token\n"))
            self.assertIn("invalid_request", answer.headers["www-authenticate"])
        self.assertEqual(self.refused("/id", [("Cookie", "other=" + token)]).status, 401)
        self.assertEqual(self.refused(url("/id", jwt=token)).status, 401)
        self.keeps_quiet(token, other)
        host.stop()

    def test_a_cookie_and_a_parameter_are_not_looked_at_unasked(self):
        host = self.start(secrets=[self.secret])
        token = jwt_tokens.make(SECRET, claims())
        self.assertEqual(self.refused(url("/id", token=token)).status, 401)
        self.assertEqual(self.refused("/id", [("Cookie", "token=" + token)]).status, 401)
        host.stop()

    def test_the_query_is_kept_without_the_token(self):
        host = self.start(secrets=[self.secret], parameter="token")
        token = jwt_tokens.make(SECRET, claims())
        for asked in ({"token": token, "x": "1"}, {"x": "1", "token": token}):
            for protocols in ((), offers("v2", "v1")):
                client = self.client(url("/notes", **asked), protocols)
                client.read()
                self.assertEqual(client.ask("query"), "x=1")
        client = self.client(url("/notes", token=token, by="job", protocol="v2"), offers("v1", "v2"))
        client.read()
        self.assertEqual(client.ask("query"), "by=job&protocol=v2")
        host.stop()

    def test_the_subprotocol_that_is_agreed_on(self):
        """A browser fails unless one of those that it offers is; the token never is."""
        host = self.start(secrets=[self.secret])
        token = jwt_tokens.make(SECRET, claims())
        offer = "bearer." + token

        async def agreed(path, *protocols):
            address = "ws://%s%s" % (host.address, path)
            async with websockets.connect(address, subprotocols=protocols) as client:
                return client.subprotocol

        for path, protocols, expected in (
            ("/notes", ("v1", offer), "v1"),  # the gateway speaks it
            ("/notes", (offer, "bearer", "v1"), "v1"),
            ("/rooms", ("bearer", offer), "bearer"),  # the gateway speaks none
            ("/rooms", (offer,), None),
            ("/rooms", ("chat", offer), None),
        ):
            with self.subTest(path=path, protocols=[name[:8] for name in protocols]):
                self.assertEqual(asyncio.run(agreed(path, *protocols)), expected)
        self.keeps_quiet(token)
        host.stop()
        host = self.start(secrets=[self.secret], subprotocol="chat")
        self.assertEqual(asyncio.run(agreed("/rooms", "chat", offer)), "chat")
        host.stop()

    def test_claims_are_read_by_gateways(self):
        host = self.start(secrets=[self.secret], claims=["name", "rooms", "age", "admin", "org", "none"])
        token = jwt_tokens.make(
            SECRET,
            claims(
                name="Ann É", rooms=["news-*", "staff"], age=7, admin=True, org={"id": 1}, none=None, other="x"
            ),
        )
        client = self.client(headers=bearer(token))
        client.read()
        for asked, value in (
            ("name 0", "Ann É"),
            ("name 1", "TONI_ERR_NOT_FOUND"),
            ("rooms 0", "news-*"),
            ("rooms 1", "staff"),
            ("rooms 2", "TONI_ERR_NOT_FOUND"),
            ("age 0", "7"),
            ("admin 0", "true"),
            ("org 0", '{"id":1}'),
            ("none 0", "TONI_ERR_NOT_FOUND"),
            ("other 0", "TONI_ERR_NOT_FOUND"),
        ):
            self.assertEqual(client.ask("claim " + asked), value)
        too_many = jwt_tokens.make(SECRET, claims(rooms=["r"] * 65))
        self.refused_with(too_many, "the token's claims are not accepted")
        host.stop()

    def test_claims_say_which_rooms_a_client_may_join(self):
        host = self.start(secrets=[self.secret], claims=["rooms"])
        for rooms, joined, barred in ((["news-*", "staff"], "news-1", "stafF"), ("a", "a", "b"), ([], None, "a")):
            client = self.client("/ruled", bearer(jwt_tokens.make(SECRET, claims(rooms=rooms))))
            client.read()
            self.assertIn("No access to the room", client.ask("join:" + barred))
            if joined:
                self.assertEqual(client.ask("join:" + joined), "Joined room: " + joined)
            client.drop()
        host.stop()

    def test_the_end_of_a_token_ends_its_connection(self):
        host = self.start(secrets=[self.secret], leeway="0s")
        soon = int(time.time()) + scaled(2, 5)
        client = self.client(headers=bearer(jwt_tokens.make(SECRET, claims(exp=soon))))
        client.read()
        client.expect_close(4001, "token expired")
        self.assertGreaterEqual(time.time(), soon)
        host.stop()

    def test_a_token_is_refreshed(self):
        host = self.start(secrets=[self.secret], leeway="0s", claims=["role"])
        make = jwt_tokens.make
        soon = int(time.time()) + scaled(3, 6)
        client = self.client(headers=bearer(make(SECRET, claims(exp=soon, role="guest"))))
        client.expect("ann 0 %d" % soon)
        for bad in ("x", make(SECRET, claims(exp=1)), make(self.pairs["RS256"], claims())):
            self.assertEqual(client.ask("refresh " + bad), "TONI_ERR_UNAUTHORIZED")
        self.assertEqual(client.ask("refresh " + make(SECRET, claims(sub="bob"))), "TONI_ERR_FORBIDDEN")
        self.assertEqual(client.ask("refresh " + make(SECRET, claims(role="host"))), "TONI_OK")
        self.assertEqual(client.ask("who"), "ann 0 %d" % LATE)
        self.assertEqual(client.ask("claim role"), "host")
        while time.time() < soon + 1:
            self.assertEqual(client.ask("who"), "ann 0 %d" % LATE)
            time.sleep(0.1)
        host.stop()

    def test_a_revoked_subject(self):
        host = self.start(secrets=[self.secret])
        now = int(time.time())
        old, nameless, bob = (
            jwt_tokens.make(SECRET, one) for one in (claims(iat=now - 9), claims(), claims(sub="bob"))
        )
        client = self.client(headers=bearer(old))
        client.read()
        self.revoke("ann")
        client.expect_close(4001, "revoked")
        for token in (old, nameless):  # who does not say when it was issued may have done so before
            self.assertEqual(self.refused(headers=bearer(token)).status, 401)
        self.let_in(bob, "bob")
        next_second()
        self.let_in(jwt_tokens.make(SECRET, claims(iat=int(time.time()))))
        self.fast_clock_outlives_no_revocation()
        host.stop()

    def fast_clock_outlives_no_revocation(self):
        """Of an issuer whose clock is ahead: a token that was in use is refused though its `iat` is younger; another
        of the same issuer, from behind the revocation, is let in."""
        ahead = jwt_tokens.make(SECRET, claims(iat=int(time.time()) + 20))
        client = self.client(headers=bearer(ahead))
        client.read()
        self.revoke("ann")
        client.expect_close(4001, "revoked")
        next_second()
        next_second()
        self.assertEqual(self.refused(headers=bearer(ahead)).status, 401)
        self.let_in(jwt_tokens.make(SECRET, claims(iat=int(time.time()) + 20)))


class FastClocks(Guarded):
    """A token from before a revocation, of an issuer whose clock is ahead, is refused by whatever comes after the guard
    that has noticed, until its `exp`; the next one is let in."""

    LEAD_S = 25

    def setUp(self):
        self.state = tempfile.mkdtemp(prefix="toni-test-")
        self.addCleanup(shutil.rmtree, self.state)
        host = self.host = Generations(self.text(self.state, secrets=[self.secret]))
        self.addCleanup(host.kill)
        host.start()
        self.token = self.issue()
        self.client(headers=bearer(self.token)).read()
        self.revoke("ann")

    def issue(self):
        return jwt_tokens.make(SECRET, claims(iat=int(time.time()) + self.LEAD_S))

    def outlives_nothing(self):
        next_second()
        next_second()
        self.assertEqual(self.refused(headers=bearer(self.token)).status, 401)
        self.let_in(self.issue())

    def test_another_version_of_the_guard(self):
        self.host.configure(self.text(self.state, secrets=[self.secret], leeway="29s"))
        self.assertIn("1 swapped", self.host.answer_of(self.host.ask("reload"), 0))
        self.outlives_nothing()
        self.host.stop()

    def test_a_successor(self):
        self.host.restart()
        self.outlives_nothing()
        self.host.stop()

    def test_a_host_that_starts_later(self):
        self.host.stop()
        self.host = Host(self.text(self.state, secrets=[self.secret])).start()
        self.addCleanup(self.host.kill)
        self.outlives_nothing()
        self.host.stop()

    def test_another_host_with_the_folder(self):
        first, self.host = self.host, Host(self.text(self.state, secrets=[self.secret])).start()
        self.addCleanup(self.host.kill)
        self.outlives_nothing()
        self.host.stop()
        first.stop()


class Keys(Guarded):
    """Keys that change, and those that can't be used."""

    def settles(self, condition, what):
        end = time.monotonic() + DEADLINE
        while not condition():
            self.assertLess(time.monotonic(), end, what)
            time.sleep(0.05)

    def is_let_in(self, token):
        try:
            self.let_in(token)
        except Refused:
            return False
        return True

    def test_keys_rotate_without_a_reload(self):
        old, new = (jwt_tokens.Pair(self.folder, name, "ES256") for name in ("old", "new"))
        path = self.write("rotating.json", json.dumps({"keys": [old.jwk(kid="old")]}))
        host = self.start(jwks=[path], key_check="1s")
        by_old, by_new = (jwt_tokens.make(key, claims()) for key in (old, new))
        stays = self.client(headers=bearer(by_old))
        self.assertFalse(self.is_let_in(by_new))
        self.write("rotating.json", json.dumps({"keys": [old.jwk(kid="old"), new.jwk(kid="new")]}))
        self.settles(lambda: self.is_let_in(by_new), "the new key is not read")
        self.assertTrue(self.is_let_in(by_old))

        host.expect_error(msg=lambda text: text.startswith("the keys have changed"))
        self.write("rotating.json", '{"keys": [')
        line = host.wait_log(level="error", instance="tokens")
        self.assertIn("those from before stay", line["msg"])
        self.assertIn("rotating.json", line["msg"])
        self.assertTrue(self.is_let_in(by_old) and self.is_let_in(by_new))

        self.write("rotating.json", json.dumps({"keys": [new.jwk(kid="new")]}))
        self.settles(lambda: not self.is_let_in(by_old), "the old key is still taken")
        self.assertTrue(self.is_let_in(by_new))
        stays.expect("ann 0 %d" % (LATE + 30))
        self.assertEqual(stays.ask("who"), "ann 0 %d" % (LATE + 30))
        figures = metrics(host)
        self.assertGreaterEqual(figures['jwt_key_reloads_total{instance="tokens"}'], 2)
        self.assertEqual(figures['jwt_key_reloads_failed_total{instance="tokens"}'], 1)
        host.stop()

    def test_a_reload_with_other_files(self):
        host = self.start(secrets=[self.secret])
        token = jwt_tokens.make(self.pairs["EdDSA"], claims())
        stays = self.client(headers=bearer(jwt_tokens.make(SECRET, claims())))
        self.assertFalse(self.is_let_in(token))
        missing = os.path.join(self.folder, "missing.pem")
        for keys, code in (([missing], 1), ([self.pairs["EdDSA"].public], 0)):
            with open(host.conf, "w", encoding="utf-8") as out:
                out.write(self.text(keys=keys))
            if code:
                host.expect_error()
            result = run_toni("reload", "-c", host.conf)
            self.assertEqual(result.returncode, code, result.stdout + result.stderr)
            if code:
                self.assertIn("key file `%s`: it can't be read" % missing, result.stdout + result.stderr)
        self.assertTrue(self.is_let_in(token))
        stays.expect("ann 0 %d" % (LATE + 30))
        self.assertEqual(stays.ask("who"), "ann 0 %d" % (LATE + 30))
        host.stop()

    def test_what_can_not_be_used_is_a_fault_at_the_start(self):
        pair = self.pairs["RS256"]
        small = os.path.join(self.folder, "small.pem")
        jwt_tokens.openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024", "-out", small)
        for options, fault in (
            ({}, "there are no keys"),
            ({"keys": [self.folder]}, "it is no file"),
            ({"keys": [pair.private]}, "it holds a private key"),
            ({"keys": [self.secret]}, "no public key in PEM"),
            ({"secrets": [pair.public]}, "everybody may read"),
            ({"secrets": [self.write("open", "x" * 32, 0o644)]}, "everybody may read"),
            ({"secrets": [self.write("short", "x" * 31, 0o600)]}, "31 bytes; expected at least 32"),
            ({"jwks": [self.write("empty.json", '{"keys": []}')]}, "holds no key"),
            ({"keys": [pair.public] * 65}, "more than 64 key files"),
        ):
            with self.subTest(fault):
                host = Host(self.text(**options))
                host.launch()
                host.expect_error()
                self.assertNotEqual(host.wait_exit(), 0)
                self.assertIn(fault, host.text())


if __name__ == "__main__":
    main(beside=4)
