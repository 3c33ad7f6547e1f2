// Events by name: answers that come once, twice, late, never, or make no sense; streams; the server's requests.
import assert from "node:assert";
import { afterEach, beforeEach, describe, it } from "node:test";
import { CallError, Connection, Events, TimeoutError, UnknownOutcomeError } from "@toni/client";
import { Clock, FakeSocket, faults_reported, settle } from "./fakes.js";

let clock;
let connection;
let events;
let unread;

beforeEach(() => {
  FakeSocket.made = [];
  clock = new Clock();
  unread = [];
  connection = new Connection("ws://127.0.0.1:9000/lobby", { WebSocket: FakeSocket, heartbeat: false });
  events = new Events(connection, { on_unread: (why) => unread.push(why) });
});
afterEach(() => clock.restore());

async function error_of(promise) {
  return promise.then(
    () => assert.fail("it was fulfilled"),
    (error) => error
  );
}

async function lose(code = 1006, reason = "") {
  FakeSocket.last.end(code, reason);
  await clock.advance(4000);
  FakeSocket.last.open();
}

describe("calls", () => {
  it("are answered under their id, in whatever order", async () => {
    FakeSocket.last.open();
    const [first, second, third] = [events.call("a", { x: 1 }), events.call("b"), events.call("c")];
    assert.deepStrictEqual(FakeSocket.last.said, [
      { event: "a", id: 1, data: { x: 1 } },
      { event: "b", id: 2 },
      { event: "c", id: 3 },
    ]);
    FakeSocket.last.say({ id: 2, data: "two" });
    FakeSocket.last.say({ id: 3, complete: true });
    FakeSocket.last.say({ id: 1, data: null });
    assert.deepStrictEqual(await Promise.all([first, second, third]), [null, "two", undefined]);
    assert.strictEqual(clock.timers.size, 1); // the connection's own
  });

  it("fail with what the gateway says", async () => {
    FakeSocket.last.open();
    const call = error_of(events.call("a"));
    FakeSocket.last.say({ id: 1, error: { kind: "unprocessable", message: "no", details: [{ path: "/x", message: "is missing" }] } });
    const error = await call;
    assert.ok(error instanceof CallError);
    assert.deepStrictEqual(
      [error.code, error.kind, error.message, error.details[0].path, error.name],
      ["unprocessable", "unprocessable", "no", "/x", "CallError"]
    );
    const no_text = { toString: 1, valueOf: 1 }; // neither String() nor a template takes it
    for (const strange of ["x", null, 7, { kind: 1, details: "?" }, { kind: no_text }, { message: no_text }]) {
      const failed = error_of(events.call("a"));
      FakeSocket.last.say({ id: FakeSocket.last.said.at(-1).id, error: strange });
      assert.ok((await failed) instanceof CallError);
    }
  });

  it("answered twice, late, or under an id that nobody knows: told as unread, and nothing else", async () => {
    FakeSocket.last.open();
    const call = events.call("a", undefined, { timeout_ms: 100 });
    FakeSocket.last.say({ id: 1, data: 1 });
    FakeSocket.last.say({ id: 1, data: 2 });
    assert.strictEqual(await call, 1);
    const late = error_of(events.call("a", undefined, { timeout_ms: 100 }));
    await clock.advance(100);
    FakeSocket.last.say({ id: 2, data: 1 });
    FakeSocket.last.say({ id: "2", data: 1 });
    FakeSocket.last.say({ id: null, error: { kind: "bad_request", message: "malformed JSON" } });
    assert.ok((await late) instanceof TimeoutError);
    assert.deepStrictEqual(unread, [
      "no call of this id waits for an answer",
      "no call of this id waits for an answer",
      "no call of this id waits for an answer",
      "the gateway could not read what it was sent",
    ]);
  });

  it("messages that are no events harm nobody", async () => {
    FakeSocket.last.open();
    const call = events.call("a");
    for (const text of ["", "{", "null", "7", '"x"', "[]", "{}", '{"id":1}', '{"id":1,"complete":false}', '{"event":7}', '{"event":null,"id":9}']) {
      FakeSocket.last.say(text);
    }
    FakeSocket.last.say(new ArrayBuffer(3));
    assert.strictEqual(unread.length, 11);
    FakeSocket.last.say('{"id":1,"data":{"__proto__":{"x":1}}}');
    assert.deepStrictEqual(Object.keys(await call), ["__proto__"]);
    assert.strictEqual({}.x, undefined);
  });

  it("that are never answered time out, and are cancelled", async () => {
    FakeSocket.last.open();
    const call = error_of(events.call("slow"));
    await clock.advance(29999);
    assert.strictEqual(FakeSocket.last.sent.length, 1);
    await clock.advance(1);
    const error = await call;
    assert.strictEqual(error.code, "timeout");
    assert.strictEqual(error.is_sent, true);
    assert.match(error.message, /`slow` was not answered within 30000 ms/);
    assert.deepStrictEqual(FakeSocket.last.said[1], { event: "cancel", id: 1 });
  });

  it("that could not be sent in time are never sent", async () => {
    const call = error_of(events.call("a", undefined, { timeout_ms: 1000 }));
    await clock.advance(1000);
    const error = await call;
    assert.strictEqual(error.is_sent, false);
    assert.match(error.message, /was not sent within 1000 ms/);
    FakeSocket.last.open();
    assert.deepStrictEqual(FakeSocket.last.sent, []);
  });

  it("wait for the connection, and are sent once", async () => {
    const call = events.call("a");
    FakeSocket.last.end();
    await clock.advance(2000);
    FakeSocket.last.open();
    FakeSocket.last.say({ id: 1, data: "done" });
    assert.strictEqual(await call, "done");
    assert.deepStrictEqual(FakeSocket.made.map(({ sent }) => sent.length), [0, 1]);
  });

  it("that were sent and not answered are unknown, and not sent again", async () => {
    FakeSocket.last.open();
    const sent = error_of(events.call("pay"));
    FakeSocket.last.end(1001, "going away");
    const waits = events.call("look");
    const error = await sent;
    assert.ok(error instanceof UnknownOutcomeError);
    assert.strictEqual(error.code, "unknown");
    assert.match(error.message, /before `pay` was answered/);
    await clock.advance(4000);
    FakeSocket.last.open();
    FakeSocket.last.say({ id: 1, data: "of another connection" });
    FakeSocket.last.say({ id: 2, data: "seen" });
    assert.strictEqual(await waits, "seen");
    assert.deepStrictEqual(FakeSocket.last.said.map(({ event }) => event), ["look"]);
  });

  it("that may be done twice are sent again, in their order and before others", async () => {
    FakeSocket.last.open();
    const calls = ["a", "b"].map((name) => events.call(name, undefined, { idempotent: true }));
    FakeSocket.last.end();
    void events.send("c");
    await clock.advance(4000);
    FakeSocket.last.open();
    assert.deepStrictEqual(FakeSocket.last.said.map(({ event, id }) => [event, id]), [["a", 1], ["b", 2], ["c", undefined]]);
    FakeSocket.last.say({ id: 2, data: 2 });
    FakeSocket.last.say({ id: 1, data: 1 });
    assert.deepStrictEqual(await Promise.all(calls), [1, 2]);
  });

  it("but not if they may be what has ended the connection", async () => {
    FakeSocket.last.open();
    const call = error_of(events.call("huge", undefined, { idempotent: true }));
    await lose(1009, "message too big");
    assert.strictEqual((await call).code, "unknown");
    assert.deepStrictEqual(FakeSocket.last.sent, []);
  });

  it("end when the connection is closed for good: those that were sent are unknown", async () => {
    FakeSocket.last.open();
    const sent = error_of(events.call("a", undefined, { idempotent: true }));
    FakeSocket.last.readyState = 2;
    const waits = error_of(events.call("b"));
    FakeSocket.last.end(4001, "revoked");
    assert.strictEqual((await sent).code, "unknown");
    assert.strictEqual((await waits).close_code, 4001);
    assert.strictEqual((await error_of(events.call("c"))).code, "refused");
    assert.strictEqual(clock.timers.size, 0);
  });

  it("are taken back by a signal: before they are sent, and after", async () => {
    const aborting = new AbortController();
    const options = { signal: aborting.signal };
    const early = error_of(events.call("early", undefined, options));
    aborting.abort(new Error("enough"));
    assert.strictEqual((await early).message, "enough");
    FakeSocket.last.open();
    assert.deepStrictEqual(FakeSocket.last.sent, []);
    assert.strictEqual((await error_of(events.call("too late", undefined, options))).message, "enough");
    const other = new AbortController();
    const sent = error_of(events.call("sent", undefined, { signal: other.signal }));
    other.abort();
    assert.strictEqual((await sent).name, "AbortError");
    assert.deepStrictEqual(FakeSocket.last.said.map(({ event, id }) => [event, id]), [["sent", 2], ["cancel", 2]]);
  });

  it("what a host can't read is not sent", async () => {
    FakeSocket.last.open();
    assert.strictEqual((await error_of(events.call("a", "\ud800"))).code, "invalid");
    const cycle = {};
    cycle.cycle = cycle;
    assert.ok((await error_of(events.call("a", cycle))) instanceof TypeError);
    void events.call("a", "\\ud800 \u{1f600}");
    assert.strictEqual(FakeSocket.last.said[0].data, "\\ud800 \u{1f600}");
  });

  it("a field of another name", () => {
    const other = new Events(connection, { field: "type" });
    const got = [];
    other.on("said", (data) => got.push(data));
    FakeSocket.last.open();
    void other.send("say", 1);
    FakeSocket.last.say({ type: "said", data: 2 });
    assert.deepStrictEqual([FakeSocket.last.said, got], [[{ type: "say", data: 1 }], [2]]);
  });
});

describe("streams", () => {
  async function all(parts) {
    const got = [];
    for await (const part of parts) {
      got.push(part);
    }
    return got;
  }

  it("give part after part, then end", async () => {
    FakeSocket.last.open();
    const tail = all(events.stream("tail", { lines: 2 }, { timeout_ms: 1000 }));
    for (const data of ["one", "two"]) {
      await clock.advance(900); // the time begins anew with each
      FakeSocket.last.say({ id: 1, data });
    }
    FakeSocket.last.say({ id: 1, complete: true });
    assert.deepStrictEqual(await tail, ["one", "two"]);
    assert.deepStrictEqual(FakeSocket.last.said, [{ event: "tail", id: 1, data: { lines: 2 } }]);
  });

  it("are cancelled by who leaves the loop", async () => {
    FakeSocket.last.open();
    const parts = events.stream("tail");
    FakeSocket.last.say({ id: 1, data: "one" });
    FakeSocket.last.say({ id: 1, data: "two" });
    for await (const part of parts) {
      assert.strictEqual(part, "one");
      break;
    }
    assert.deepStrictEqual(FakeSocket.last.said[1], { event: "cancel", id: 1 });
    assert.deepStrictEqual(await parts.next(), { value: undefined, done: true });
  });

  it("fail after what has come", async () => {
    FakeSocket.last.open();
    const parts = events.stream("tail");
    FakeSocket.last.say({ id: 1, data: "one" });
    FakeSocket.last.say({ id: 1, error: { kind: "not_found", message: "the file is gone" } });
    assert.strictEqual((await parts.next()).value, "one");
    assert.strictEqual((await error_of(parts.next())).kind, "not_found");
    assert.strictEqual((await parts.next()).done, true);
  });

  it("of who is too slow fail, and tell so", async () => {
    FakeSocket.last.open();
    const parts = events.stream("tail", undefined, { most_parts: 2 });
    for (const data of [1, 2, 3, 4]) {
      FakeSocket.last.say({ id: 1, data });
    }
    assert.deepStrictEqual([(await parts.next()).value, (await parts.next()).value], [1, 2]);
    assert.strictEqual((await error_of(parts.next())).code, "overflow");
    assert.deepStrictEqual(FakeSocket.last.said[1], { event: "cancel", id: 1 });
  });

  it("that were cut are unknown, however idempotent; but none that has not begun", async () => {
    FakeSocket.last.open();
    const begun = all(events.stream("a", undefined, { idempotent: true }));
    const fresh = all(events.stream("b", undefined, { idempotent: true }));
    FakeSocket.last.say({ id: 1, data: "one" });
    const failed = error_of(begun);
    await lose();
    assert.strictEqual((await failed).code, "unknown");
    assert.deepStrictEqual(FakeSocket.last.said.map(({ event }) => event), ["b"]);
    FakeSocket.last.say({ id: 2, complete: true });
    assert.deepStrictEqual(await fresh, []);
  });

  it("time out between parts, and hear their signal", async () => {
    FakeSocket.last.open();
    const late = error_of(all(events.stream("a", undefined, { timeout_ms: 100 })));
    await clock.advance(100);
    assert.strictEqual((await late).code, "timeout");
    const aborting = new AbortController();
    const aborted = error_of(all(events.stream("b", undefined, { signal: aborting.signal })));
    aborting.abort();
    assert.strictEqual((await aborted).name, "AbortError");
  });

  it("can be asked for several parts at once", async () => {
    FakeSocket.last.open();
    const parts = events.stream("a");
    const asked = [parts.next(), parts.next(), parts.next()];
    FakeSocket.last.say({ id: 1, data: 1 });
    FakeSocket.last.say({ id: 1, data: 2 });
    FakeSocket.last.say({ id: 1, complete: true });
    assert.deepStrictEqual((await Promise.all(asked)).map(({ value }) => value), [1, 2, undefined]);
  });
});

describe("from the server", () => {
  it("events reach their listeners", () => {
    const got = [];
    const off = events.on("chat.said", (data) => got.push(data));
    FakeSocket.last.open();
    FakeSocket.last.say({ event: "chat.said", data: { text: "hi" } });
    FakeSocket.last.say({ event: "chat.other" });
    off();
    FakeSocket.last.say({ event: "chat.said", data: 2 });
    assert.deepStrictEqual(got, [{ text: "hi" }]);
  });

  it("requests are answered by their handler", async () => {
    FakeSocket.last.open();
    const faults = faults_reported();
    events.handle("double", async (n) => 2 * n);
    events.handle("nothing", () => {});
    events.handle("no", () => {
      throw new CallError("forbidden", "not you");
    });
    events.handle("broken", () => {
      throw new Error("secret");
    });
    events.handle("odd", () => 1n);
    for (const [index, event] of ["double", "nothing", "no", "broken", "odd", "unknown"].entries()) {
      FakeSocket.last.say({ event, id: index, data: 21 });
      await settle();
    }
    assert.deepStrictEqual(FakeSocket.last.said, [
      { id: 0, data: 42 },
      { id: 1, data: null },
      { id: 2, error: { kind: "forbidden", message: "not you" } },
      { id: 3, error: { kind: "internal", message: "the client's handler has failed" } },
      { id: 4, error: { kind: "internal", message: "the client's handler has failed" } },
      { id: 5, error: { kind: "unimplemented", message: "this client has no handler of `unknown`" } },
    ]);
    assert.strictEqual(faults[0], "secret");
    assert.strictEqual(faults.length, 2);
  });

  it("an answer goes to the connection that has asked, or nowhere", async () => {
    let answer;
    events.handle("slow", () => new Promise((resolve) => (answer = resolve)));
    FakeSocket.last.open();
    FakeSocket.last.say({ event: "slow", id: 1 });
    await settle();
    await lose();
    answer("too late");
    await settle();
    assert.deepStrictEqual(FakeSocket.last.sent, []);
  });
});

describe("tokens", () => {
  it("are handed over anew before they end", async () => {
    connection.close();
    let count = 0;
    const token = () => ({ token: `t${++count}`, expires_in: 100 });
    const own = new Connection("ws://127.0.0.1:9000/lobby", { WebSocket: FakeSocket, heartbeat: false, token });
    new Events(own);
    await settle();
    FakeSocket.last.open();
    await clock.advance(79999);
    assert.deepStrictEqual(FakeSocket.last.sent, []);
    for (const id of [1, 2]) {
      await clock.advance(id === 1 ? 1 : 80000);
      assert.deepStrictEqual(FakeSocket.last.said.at(-1), { event: "token", id, data: { token: `t${id + 1}` } });
      FakeSocket.last.say({ id, data: { expires: 1796040000 } });
    }
    own.close();
    assert.strictEqual(clock.timers.size, 0);
  });

  it("that are refused leave the connection to its end", async () => {
    connection.close();
    const own = new Connection("ws://127.0.0.1:9000/lobby", { WebSocket: FakeSocket, token: () => ({ token: "t", expires_in: 1 }) });
    const refreshing = new Events(own);
    await settle();
    FakeSocket.last.open();
    await clock.advance(800);
    FakeSocket.last.say({ id: 1, error: { kind: "unauthorized", message: "the token is refused" } });
    await settle();
    assert.strictEqual(own.state.name, "open");
    const asked = error_of(refreshing.refresh());
    await settle();
    FakeSocket.last.say({ id: 2, error: { kind: "unauthorized", message: "the token is refused" } });
    assert.strictEqual((await asked).kind, "unauthorized");
    own.close();
  });
});
