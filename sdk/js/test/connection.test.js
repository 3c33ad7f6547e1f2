// The connection: states, back-off, the queue, tokens, what is dead, what a page tells.
import assert from "node:assert";
import { getEventListeners } from "node:events";
import { afterEach, beforeEach, describe, it } from "node:test";
import { Connection, ConnectionError, QueueFullError } from "@toni/client";
import { Clock, FakeSocket, faults_reported, settle } from "./fakes.js";

const URL = "ws://127.0.0.1:9000/rooms";
let clock;

beforeEach(() => {
  FakeSocket.made = [];
  clock = new Clock();
});
afterEach(() => clock.restore());

function connect(options = {}) {
  const connection = new Connection(URL, { WebSocket: FakeSocket, ...options });
  connection.heard = [connection.state.name];
  connection.on("state", (state) => connection.heard.push(state.name));
  return connection;
}

function open(options) {
  const connection = connect(options);
  FakeSocket.last.open();
  return connection;
}

// Of a promise that is to be rejected.
async function error_of(promise) {
  return promise.then(
    () => assert.fail("it was fulfilled"),
    (error) => error
  );
}

describe("states", () => {
  it("goes through all of them", async () => {
    const connection = open();
    await connection.opened();
    FakeSocket.last.end(1001, "going away");
    const { state } = connection;
    assert.strictEqual(state.name, "waiting");
    assert.strictEqual(state.retry_ms, 2000); // half of 4 s, as chance is here
    assert.strictEqual(state.why.code, "lost");
    assert.strictEqual(state.why.close_code, 1001);
    assert.match(state.why.message, /1001 going away/);
    await clock.advance(1999);
    assert.strictEqual(FakeSocket.made.length, 1);
    await clock.advance(1);
    FakeSocket.last.open();
    connection.close();
    assert.deepStrictEqual(connection.heard, ["connecting", "open", "waiting", "connecting", "open", "closed"]);
    assert.strictEqual(connection.state.why.code, "closed");
    assert.deepStrictEqual(FakeSocket.last.closed, { code: 1000, reason: "" });
    await clock.advance(1e6);
    assert.strictEqual(FakeSocket.made.length, 2);
    assert.strictEqual(clock.timers.size, 0);
  });

  it("tells each listener all states in order, also if one of them changes it", () => {
    const connection = connect();
    const seen = [];
    connection.on("state", ({ name }) => name === "waiting" && connection.connect());
    connection.on("state", ({ name }) => seen.push(name));
    FakeSocket.last.open();
    FakeSocket.last.end();
    assert.deepStrictEqual(seen, ["open", "waiting", "connecting"]);
  });

  it("may be closed by a listener, whatever the state", async () => {
    for (const [name, doing] of [["open", (s) => s.open()], ["waiting", (s) => s.end()], ["connecting", (s) => s.end()]]) {
      const connection = connect();
      connection.on("state", (state) => state.name === name && connection.close());
      doing(FakeSocket.last);
      await clock.advance(1e6);
      assert.strictEqual(connection.state.name, "closed");
      assert.strictEqual(clock.timers.size, 0);
    }
  });

  it("an attempt that takes too long has failed", async () => {
    const connection = connect({ connect_ms: 700 });
    await clock.advance(700);
    assert.strictEqual(connection.state.why.code, "handshake");
    assert.ok(FakeSocket.last.closed);
  });

  it("can be opened again, and waits no longer when asked", async () => {
    const connection = open();
    connection.close(4000, "bye");
    assert.deepStrictEqual(FakeSocket.last.closed, { code: 4000, reason: "bye" });
    connection.connect();
    FakeSocket.last.open();
    FakeSocket.last.end();
    connection.connect();
    assert.strictEqual(connection.state.name, "connecting");
    assert.strictEqual(FakeSocket.made.length, 3);
  });

  it("`opened` hears of the end, and of its signal", async () => {
    const connection = connect();
    const aborted = new AbortController();
    const waits = error_of(connection.opened({ signal: aborted.signal }));
    aborted.abort(new Error("enough"));
    assert.strictEqual((await waits).message, "enough");
    const closed = error_of(connection.opened());
    connection.close();
    assert.strictEqual((await closed).code, "closed");
  });

  it("a signal closes it", () => {
    const aborting = new AbortController();
    const connection = open({ signal: aborting.signal });
    aborting.abort();
    assert.strictEqual(connection.state.name, "closed");
    assert.strictEqual(connect({ signal: aborting.signal }).state.name, "closed");
    assert.strictEqual(FakeSocket.made.length, 1);
  });

  it("a signal that outlives it does not keep it, and closes it if it is opened again", () => {
    const aborting = new AbortController();
    const heard = () => getEventListeners(aborting.signal, "abort").length;
    const connection = open({ signal: aborting.signal });
    assert.strictEqual(heard(), 1);
    connection.close();
    assert.strictEqual(heard(), 0);
    connection.connect();
    assert.strictEqual(heard(), 1);
    aborting.abort();
    assert.strictEqual(connection.state.name, "closed");
    assert.strictEqual(heard(), 0);
  });

  it("says what is wrong with an address, and where there is no WebSocket", () => {
    assert.throws(() => new Connection("http://x/"), { code: "invalid", message: /ws:\/\// });
    const had = globalThis.WebSocket;
    delete globalThis.WebSocket;
    assert.throws(() => new Connection(URL), { code: "invalid", message: /npm's `ws`/ });
    globalThis.WebSocket = had;
    class Broken {
      constructor() {
        throw new SyntaxError("a subprotocol is no token");
      }
    }
    const connection = connect({ WebSocket: Broken });
    assert.strictEqual(connection.state.why.code, "refused");
  });
});

describe("back-off", () => {
  it("doubles, has an upper bound, and begins anew after a steady connection", async () => {
    const connection = connect();
    const waits = [];
    for (let i = 0; i < 7; i++) {
      FakeSocket.last.end();
      waits.push(connection.state.retry_ms);
      await clock.advance(connection.state.retry_ms);
    }
    assert.deepStrictEqual(waits, [2000, 4000, 8000, 16000, 30000, 30000, 30000]);
    FakeSocket.last.open(); // which is not enough: it ends at once
    FakeSocket.last.end();
    assert.strictEqual(connection.state.retry_ms, 30000);
    await clock.advance(30000);
    FakeSocket.last.open();
    await clock.advance(5000);
    FakeSocket.last.end();
    assert.strictEqual(connection.state.retry_ms, 2000);
  });

  it("gives up after as many attempts as it may make", async () => {
    const connection = connect({ most_failures: 2 });
    for (let i = 0; i < 3; i++) {
      assert.strictEqual(connection.state.name, "connecting");
      FakeSocket.last.end();
      await clock.advance(connection.state.retry_ms ?? 0);
    }
    assert.strictEqual(connection.state.why.code, "gave_up");
    assert.ok(connection.state.why instanceof ConnectionError);
  });

  it("spreads a herd: 1,000 are back within 5 s, and no 100 ms have 3 times the mean", async () => {
    let seed = 1; // of a plain generator, so that the test is the same each time
    Math.random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
    for (const code of [1001, 1006]) {
      FakeSocket.made = [];
      const herd = Array.from({ length: 1000 }, () => open());
      await clock.advance(5000);
      const cut_at = clock.now;
      const back_at = [];
      const cut = FakeSocket.made.slice();
      for (const connection of herd) {
        connection.on("state", ({ name }) => name === "connecting" && back_at.push(clock.now - cut_at));
      }
      cut.forEach((socket) => socket.end(code));
      await clock.advance(5000);
      assert.strictEqual(back_at.length, 1000);
      const buckets = Array(50).fill(0);
      back_at.forEach((ms) => buckets[Math.floor(ms / 100)]++);
      assert.ok(Math.max(...buckets) <= 3 * (1000 / 50), `${buckets}`); // the mean of all 5 s, the strictest
      herd.forEach((connection) => connection.close());
    }
  });
});

describe("what says no", () => {
  for (const [code, reason, is_final] of [
    [1000, "", true],
    [1008, "slow consumer", true],
    [1008, "401 a token is needed", true],
    [4001, "revoked", true],
    [4001, "token expired", true],
    [4321, "kicked", true],
    [1001, "going away", false],
    [1005, "", false],
    [1006, "", false],
    [1009, "message too big", false],
    [1011, "the gateway failed", false],
    [1012, "", false],
    [1013, "too many", false],
  ]) {
    it(`${code} ${reason}: ${is_final ? "the end" : "tried again"}`, () => {
      const connection = open();
      FakeSocket.last.end(code, reason);
      assert.strictEqual(connection.state.name, is_final ? "closed" : "waiting");
      assert.strictEqual(connection.state.why.code, is_final ? "refused" : "lost");
      assert.strictEqual(connection.state.why.close_code, code);
      assert.strictEqual(connection.state.why.reason, reason);
    });
  }

  it("by HTTP, where the WebSocket tells it", () => {
    for (const [said, name] of [
      ["Unexpected server response: 401", "closed"],
      ["Unexpected server response: 403", "closed"],
      ["Unexpected server response: 503", "waiting"],
      ["connect ECONNREFUSED 127.0.0.1:4010", "waiting"],
      ["", "waiting"],
    ]) {
      const connection = connect();
      FakeSocket.last.refuse(said);
      assert.strictEqual(connection.state.name, name, said);
      connection.close();
    }
  });

  it("another rule can be given", () => {
    const connection = open({ is_final: (code, reason) => code === 1001 && reason === "idle" });
    FakeSocket.last.end(4000);
    assert.strictEqual(connection.state.name, "waiting");
    connection.connect();
    FakeSocket.last.open();
    FakeSocket.last.end(1001, "idle");
    assert.strictEqual(connection.state.name, "closed");
  });
});

describe("tokens", () => {
  it("are asked for before each attempt, and offered as a subprotocol", async () => {
    let count = 0;
    const connection = connect({ protocols: ["chat"], token: async () => `t${++count}` });
    await settle();
    assert.deepStrictEqual(FakeSocket.last.protocols, ["chat", "bearer", "bearer.t1"]);
    FakeSocket.last.open();
    FakeSocket.last.end(4001, "token expired");
    assert.strictEqual(connection.state.name, "waiting");
    await clock.advance(4000);
    assert.deepStrictEqual(FakeSocket.last.protocols, ["chat", "bearer", "bearer.t2"]);
  });

  it("`bearer` is offered once, whoever says it: a WebSocket refuses one that stands twice", async () => {
    connect({ protocols: ["bearer", "chat"], token: () => "t" });
    await settle();
    assert.deepStrictEqual(FakeSocket.last.protocols, ["bearer", "chat", "bearer.t"]);
  });

  it("a second one that is refused is the end", async () => {
    const connection = connect({ token: () => "t" });
    await settle();
    FakeSocket.last.open();
    FakeSocket.last.end(1008, "401 the token is refused");
    assert.strictEqual(connection.state.name, "waiting");
    await clock.advance(4000);
    FakeSocket.last.refuse("Unexpected server response: 401");
    assert.strictEqual(connection.state.name, "closed");
  });

  it("revoked is revoked", async () => {
    const connection = connect({ token: () => "t" });
    await settle();
    FakeSocket.last.open();
    FakeSocket.last.end(4001, "revoked");
    assert.strictEqual(connection.state.name, "closed");
  });

  it("that can't be had are asked for again; one that never comes is waited for no longer than an attempt", async () => {
    const answers = [() => Promise.reject(new Error("HTTP 500")), () => new Promise(() => {}), () => undefined, () => "t"];
    const connection = connect({ token: () => answers.shift()() });
    await settle();
    assert.strictEqual(connection.state.why.code, "token");
    assert.match(connection.state.why.message, /HTTP 500/);
    await clock.advance(2000 + 10000);
    assert.strictEqual(connection.state.why.code, "handshake");
    await clock.advance(4000);
    assert.strictEqual(connection.state.why.code, "token");
    await clock.advance(8000);
    assert.deepStrictEqual(FakeSocket.last.protocols, ["bearer", "bearer.t"]);
  });

  it("one that comes after the close opens nothing", async () => {
    const connection = connect({ token: async () => "t" });
    connection.close();
    await settle();
    assert.strictEqual(FakeSocket.made.length, 0);
  });
});

describe("sending", () => {
  it("keeps what can't be sent yet, in order, text and binary", async () => {
    const connection = connect();
    const bytes = new Uint8Array([1, 2, 3]);
    const sent = [connection.send("a"), connection.send(bytes), connection.send("b"), connection.send(bytes.buffer)];
    bytes[0] = 9; // too late to matter
    assert.deepStrictEqual(connection.queued, { messages: 4, bytes: 8 });
    FakeSocket.last.open();
    await Promise.all(sent);
    assert.deepStrictEqual(FakeSocket.last.sent.map((data) => (data.length === 3 ? [...data] : data)), ["a", [1, 2, 3], "b", [1, 2, 3]]);
    assert.deepStrictEqual(connection.queued, { messages: 0, bytes: 0 });
  });

  it("never sends twice what a socket has had", async () => {
    const connection = open();
    await connection.send("once");
    FakeSocket.last.end();
    const later = connection.send("later");
    await clock.advance(2000);
    FakeSocket.last.open();
    await later;
    assert.deepStrictEqual(FakeSocket.made.map(({ sent }) => sent), [["once"], ["later"]]);
  });

  it("gives nothing to a socket that is closing, which would drop it", async () => {
    const connection = open();
    FakeSocket.last.readyState = 2;
    const sent = connection.send("a");
    FakeSocket.last.end(1001);
    await clock.advance(2000);
    FakeSocket.last.open();
    await sent;
    assert.deepStrictEqual(FakeSocket.last.sent, ["a"]);
  });

  it("hands over no more than a socket soon sends", async () => {
    const connection = open();
    const socket = FakeSocket.last;
    socket.bufferedAmount = 65536;
    void connection.send("a");
    void connection.send("b");
    assert.deepStrictEqual(socket.sent, []);
    socket.bufferedAmount = 65535;
    await clock.advance(20);
    assert.deepStrictEqual(socket.sent, ["a", "b"]);
  });

  it("is full at a number and at a size, and says so", async () => {
    const connection = connect({ queue: { messages: 3, bytes: 10 } });
    for (const text of ["ä", "b", "c"]) {
      void connection.send(text);
    }
    assert.deepStrictEqual(connection.queued, { messages: 3, bytes: 4 });
    const full = await error_of(connection.send("d"));
    assert.ok(full instanceof QueueFullError);
    assert.strictEqual(full.code, "queue_full");
    assert.match(full.message, /3 messages wait/);
    const small = connect({ queue: { messages: 3, bytes: 10 } });
    void small.send("12345678");
    assert.match((await error_of(small.send("123"))).message, /8 of 10 bytes wait/);
    void small.send("12");
    const large = open({ queue: { bytes: 10 } });
    await large.send("what does not have to wait may be larger");
  });

  it("takes back what waits, if a signal says so", async () => {
    const connection = connect();
    const aborting = new AbortController();
    const taken = error_of(connection.send("a", { signal: aborting.signal }));
    const stays = connection.send("b");
    aborting.abort(new Error("changed my mind"));
    assert.strictEqual((await taken).message, "changed my mind");
    assert.strictEqual((await error_of(connection.send("c", { signal: aborting.signal }))).message, "changed my mind");
    FakeSocket.last.open();
    await stays;
    assert.deepStrictEqual(FakeSocket.last.sent, ["b"]);
  });

  it("tells of what never will be sent", async () => {
    const connection = connect();
    const waits = error_of(connection.send("a"));
    FakeSocket.last.refuse("Unexpected server response: 403");
    assert.strictEqual((await waits).code, "refused");
    assert.strictEqual((await error_of(connection.send("b"))).code, "refused");
  });

  it("who closes need not hear of what it drops", async () => {
    const connection = connect();
    void connection.send("a"); // else this were an unhandled rejection, which fails the test
    connection.close();
    await settle();
    assert.deepStrictEqual(connection.queued, { messages: 0, bytes: 0 });
  });

  it("what listeners of `open` send goes first", async () => {
    const connection = connect();
    void connection.send("waited");
    connection.on("state", ({ name }) => {
      if (name === "open") {
        void connection.send("first");
        FakeSocket.last.bufferedAmount = 65536;
        void connection.send("second");
      }
    });
    FakeSocket.last.open();
    assert.deepStrictEqual(FakeSocket.last.sent, ["first"]);
    FakeSocket.last.bufferedAmount = 0;
    await clock.advance(20);
    assert.deepStrictEqual(FakeSocket.last.sent, ["first", "second", "waited"]);
  });

  it("hands on what comes, and a listener's fault stops no other", async () => {
    const connection = open();
    const got = [];
    const faults = faults_reported();
    connection.on("message", () => {
      throw new Error("my own fault");
    });
    const off = connection.on("message", (data) => got.push(data));
    const bytes = new ArrayBuffer(2);
    FakeSocket.last.say("text");
    FakeSocket.last.say(bytes);
    off();
    FakeSocket.last.say("unheard");
    assert.deepStrictEqual(faults, ["my own fault", "my own fault", "my own fault"]);
    assert.deepStrictEqual(got, ["text", bytes]);
  });
});

describe("the heartbeat", () => {
  const heartbeat = { every_ms: 1000, timeout_ms: 500 };

  function pinging(options = { heartbeat }) {
    const connection = connect(options);
    connection.ping = () => "ping";
    FakeSocket.last.open();
    return connection;
  }

  it("asks when nothing comes, and is content with anything", async () => {
    const connection = pinging();
    const socket = FakeSocket.last;
    await clock.advance(900);
    socket.say("something");
    await clock.advance(999);
    assert.deepStrictEqual(socket.sent, []);
    await clock.advance(1);
    assert.deepStrictEqual(socket.sent, ["ping"]);
    await clock.advance(499);
    socket.say("anything");
    await clock.advance(1400);
    assert.deepStrictEqual(socket.sent, ["ping", "ping"]);
    assert.strictEqual(connection.state.name, "open");
  });

  it("finds a connection that is dead", async () => {
    const connection = pinging();
    await clock.advance(1500);
    assert.strictEqual(connection.state.why.code, "dead");
    assert.ok(FakeSocket.last.closed);
    await clock.advance(2000);
    assert.strictEqual(FakeSocket.made.length, 2);
  });

  it("is not misled by a socket that says later what it has sent, as browsers' do", async () => {
    const connection = pinging();
    const socket = FakeSocket.last;
    socket.send = () => (socket.bufferedAmount = 30);
    await clock.advance(1000);
    socket.bufferedAmount = 0;
    await clock.advance(500);
    assert.strictEqual(connection.state.why.code, "dead");
  });

  it("asks again after a sleep, and while its question is on its way", async () => {
    const connection = pinging();
    const socket = FakeSocket.last;
    socket.bufferedAmount = 100;
    await clock.advance(1000);
    socket.bufferedAmount = 50;
    await clock.advance(500);
    assert.strictEqual(socket.sent.length, 2);
    await clock.sleep(3600000);
    assert.strictEqual(connection.state.name, "open");
    assert.strictEqual(socket.sent.length, 3);
    await clock.advance(500);
    assert.strictEqual(connection.state.why.code, "dead");
  });

  it("can be off, and is where nothing is known that would be answered", async () => {
    pinging({ heartbeat: false });
    open();
    await clock.advance(1e6);
    assert.deepStrictEqual(FakeSocket.made.flatMap(({ sent }) => sent), []);
  });
});

describe("what a page tells", () => {
  let outside;
  beforeEach(() => {
    outside = new EventTarget();
    globalThis.addEventListener = outside.addEventListener.bind(outside);
    globalThis.document = Object.assign(new EventTarget(), { hidden: false });
  });
  afterEach(() => {
    delete globalThis.addEventListener;
    delete globalThis.document;
  });

  it("the network is back, or somebody looks: it waits no longer", () => {
    const connection = open();
    FakeSocket.last.end();
    document.hidden = true;
    document.dispatchEvent(new Event("visibilitychange"));
    assert.strictEqual(connection.state.name, "waiting");
    document.hidden = false;
    document.dispatchEvent(new Event("visibilitychange"));
    assert.strictEqual(connection.state.name, "connecting");
    FakeSocket.last.end();
    outside.dispatchEvent(new Event("online"));
    assert.strictEqual(connection.state.name, "connecting");
    assert.strictEqual(FakeSocket.made.length, 3);
  });

  it("the network is gone, or somebody looks: is the connection alive?", async () => {
    for (const event of ["offline", "online"]) {
      const connection = connect();
      connection.ping = () => "ping";
      FakeSocket.last.open();
      outside.dispatchEvent(new Event(event));
      assert.deepStrictEqual(FakeSocket.last.sent, ["ping"]);
      await clock.advance(10000);
      assert.strictEqual(connection.state.why.code, "dead");
      connection.close();
    }
  });

  it("who is closed does not listen any more", () => {
    const connection = open();
    connection.close();
    outside.dispatchEvent(new Event("online"));
    assert.strictEqual(FakeSocket.made.length, 1);
  });
});
