// @toni/client (sdk/js) in Node, with npm's ws, against the real host; mostly through a proxy that is as bad as networks
// are. Under sanitizers the first suite alone: what the rest asks for is the client's.
"use strict";

const assert = require("node:assert");
const { execFileSync } = require("node:child_process");
const crypto = require("node:crypto");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { after, afterEach, before, describe, it } = require("node:test");
const { pathToFileURL } = require("node:url");
const WebSocket = require("ws");
const { DEADLINE_MS, Host, sanitizer, within } = require("./toni_host.js");
const { RoughProxy, pause } = require("./rough_proxy.js");

const build = path.resolve(process.env.TONI_BUILD);
const CLIENT = path.join(build, "sdk", "js", "dist", "index.min.js"); // what is measured is what is tested
const ANSWERING = path.join(build, "tests", "fixtures", "answering_gateway.so");

function configuration(more = "") {
  return `listen = { websocket = "127.0.0.1:0"; };
${more}
modules = (
  { name = "lobby"; imports = [ "broadcast" ]; namespace = "lobby"; providers = (
    { gateway = "lobby"; library = "lobby_gateway.so"; },
    { gateway = "answering"; library = "${ANSWERING}"; } ); },
  { name = "chat"; imports = [ "broadcast" ]; providers = (
    { gateway = "rooms"; library = "rooms_gateway.so"; },
    { gateway = "echo"; library = "echo_gateway.so"; } ); }
);
`;
}

let toni; // the package
let host;
let proxy;
let opened = []; // connections of one test

before(async () => {
  toni = await import(pathToFileURL(CLIENT));
});

function connect(where, options = {}, address = proxy.address) {
  const connection = new toni.Connection(`ws://${address}${where}`, {
    WebSocket,
    backoff: { first_ms: 100, most_ms: 500 },
    ...options,
  });
  opened.push(connection);
  return connection;
}

afterEach(() => {
  opened.splice(0).forEach((connection) => connection.close());
  Object.assign(proxy ?? {}, { delay_ms: 0, bytes_per_second: Infinity, is_swallowing: false, is_refusing: false });
});

function state_of(connection, name) {
  return within(
    new Promise((resolve) => {
      const look = () => {
        if (connection.state.name === name) {
          off();
          resolve(connection.state);
        }
      };
      const off = connection.on("state", look);
      setImmediate(look);
    }),
    `state ${name}`
  );
}

async function until(is_so, what) {
  const end = performance.now() + DEADLINE_MS;
  while (!is_so()) {
    assert.ok(performance.now() < end, `in vain: ${what}`);
    await pause(10);
  }
}

async function error_of(promise) {
  return promise.then(
    (value) => assert.fail(`it was fulfilled: ${JSON.stringify(value)}`),
    (error) => error
  );
}

describe("the client", () => {
  before(async () => {
    host = await Host.startWith(configuration());
    proxy = await RoughProxy.start(host.address);
    proxy.delay_ms = 20;
  });
  after(async () => {
    await proxy.stop();
    await host.stop();
  });

  it("plays in a lobby", async () => {
    proxy.delay_ms = 20;
    const [anna, berta] = [1, 2].map(() => new toni.Events(connect("/lobby")));
    const changes = [];
    anna.on("lobby.changed", (lobby) => changes.push(lobby.players.length));
    const lobby = await anna.call("lobby.create", { name: "go", max_players: 2 });
    assert.deepStrictEqual([lobby.name, lobby.players.length], ["go", 1]);
    const rooms = new toni.Rooms(toni.event_rooms(berta, { join: "lobby.join", leave: "lobby.leave" }));
    await rooms.join("go");
    await until(() => changes.length === 2, "lobby.changed");
    assert.deepStrictEqual(changes, [1, 2]);
    const full = await error_of(new toni.Events(connect("/lobby")).call("lobby.join", { name: "go" }));
    assert.deepStrictEqual([full.code, full.message], ["conflict", "the lobby is full"]);
    const wrong = await error_of(anna.call("lobby.create", { name: "" }));
    assert.strictEqual(wrong.code, "unprocessable");
    assert.deepStrictEqual(wrong.details.map(({ path }) => path).sort(), ["/max_players", "/name"]);
    await rooms.leave("go");
    await until(() => changes.length === 3, "lobby.changed");
  });

  it("has streamed answers, cancels, and answers what it is asked", async () => {
    const events = new toni.Events(connect("/answering"));
    const got = [];
    for await (const part of events.stream("count", { to: 500 })) {
      got.push(part);
    }
    assert.deepStrictEqual(got, Array.from({ length: 500 }, (_, i) => i + 1));
    const aborting = new AbortController();
    const cancelled = new Promise((resolve) => events.on("cancelled", resolve));
    const held = error_of(events.call("hold", undefined, { signal: aborting.signal }));
    await events.call("echo"); // so that `hold` is there before it
    aborting.abort();
    assert.strictEqual((await held).name, "AbortError");
    await within(cancelled, "cancelled");
    events.handle("question", async ({ n }) => ({ n: n + 1 }));
    assert.deepStrictEqual(await events.call("ask", { n: 1 }), { n: 2 });
    events.handle("question", () => {
      throw new toni.CallError("forbidden", "no");
    });
    assert.strictEqual((await error_of(events.call("ask", {}))).kind, "conflict");
    assert.strictEqual((await error_of(events.call("no.such.event"))).kind, "not_found");
  });

  it("sends text and binary as they are", async () => {
    const connection = connect("/echo");
    const got = [];
    connection.on("message", (data) => got.push(typeof data === "string" ? data : [...new Uint8Array(data)]));
    await Promise.all([connection.send("käse"), connection.send(new Uint8Array([0, 255])), connection.send("")]);
    await until(() => got.length === 3, "three echoes");
    assert.deepStrictEqual(got, ["käse", [0, 255], ""]);
  });
});

describe("a network that is bad", { skip: sanitizer !== "" && "what follows is about the client" }, () => {
  before(async () => {
    host = await Host.startWith(configuration());
    proxy = await RoughProxy.start(host.address);
  });
  after(async () => {
    await proxy.stop();
    await host.stop();
  });

  // Each message that was handed to a socket is noted with that socket's number. What comes must be in order and once;
  // of one socket's messages no more than the last may be missing; of the last socket's none.
  it("loses nothing but what a cut connection had, and keeps the order", async () => {
    const listener = connect("/rooms", {}, host.address);
    const listening = new toni.TextRooms(listener);
    const heard = [];
    listening.on("message", ({ text }) => heard.push(Number(text)));
    await listening.join("r");
    const sender = connect("/rooms");
    const speaking = new toni.TextRooms(sender);
    const rooms = new toni.Rooms(speaking);
    void rooms.join("r");
    let socket = 0;
    sender.on("state", ({ name }) => (socket += name === "open"));
    const socket_of = [];
    const cutting = setInterval(() => proxy.cut(), 250);
    const COUNT = 1500;
    for (let n = 0; n < COUNT; n++) {
      void speaking.say("r", String(n)).then(() => (socket_of[n] = socket));
      if (n % 5 === 0) {
        await pause(5);
      }
    }
    clearInterval(cutting);
    await until(() => sender.queued.messages === 0 && heard.at(-1) === COUNT - 1, "the last message");
    await until(() => rooms.state("r") === "joined", "the room, again");
    assert.ok(socket > 2, `only ${socket} connections`); // or nothing was cut
    assert.strictEqual(socket_of.filter((value) => value > 0).length, COUNT);
    assert.deepStrictEqual(heard, [...new Set(heard)].sort((a, b) => a - b), "twice, or out of order");
    const has_come = new Set(heard);
    for (let n = 0; n + 1 < COUNT; n++) {
      if (!has_come.has(n) && has_come.has(n + 1)) {
        assert.notStrictEqual(socket_of[n], socket_of[n + 1], `${n} is lost, though its connection brought ${n + 1}`);
      }
    }
  });

  it("each call has one end, and only what says so is done twice", async () => {
    const connection = connect("/answering");
    const events = new toni.Events(connection);
    const cutting = setInterval(() => proxy.cut(), 200);
    proxy.delay_ms = 5;
    const ends = { answered: 0, unknown: 0 };
    const plain = [];
    const repeated = [];
    for (let n = 0; n < 300; n++) {
      plain.push(
        events.call("echo", n).then(
          (value) => {
            assert.strictEqual(value, n);
            ends.answered++;
          },
          (error) => {
            assert.strictEqual(error.code, "unknown");
            ends.unknown++;
          }
        )
      );
      repeated.push(events.call("echo", 1000 + n, { idempotent: true }));
      await pause(4);
    }
    clearInterval(cutting);
    await within(Promise.all(plain), "an end of each call");
    assert.deepStrictEqual(await within(Promise.all(repeated), "all answers"), Array.from({ length: 300 }, (_, n) => 1000 + n));
    assert.strictEqual(ends.answered + ends.unknown, 300);
    assert.ok(ends.unknown > 0 && ends.answered > 0, JSON.stringify(ends));
  });

  it("finds out that a connection is dead", async () => {
    const connection = connect("/answering", { heartbeat: { every_ms: 200, timeout_ms: 300 }, connect_ms: 500 });
    const events = new toni.Events(connection);
    await events.call("echo");
    proxy.is_swallowing = true;
    const { why } = await state_of(connection, "waiting");
    assert.strictEqual(why.code, "dead");
    const call = events.call("echo", "after all");
    await until(() => connection.state.why?.code === "handshake", "an attempt that is not answered");
    proxy.is_swallowing = false;
    assert.strictEqual(await within(call, "the answer"), "after all");
  });

  it("a thin line keeps the order, and all that goes over it", async () => {
    proxy.bytes_per_second = 1000000;
    const connection = connect("/echo");
    const got = [];
    connection.on("message", (data) => got.push(data));
    const messages = Array.from({ length: 60 }, (_, n) => `${n} ${"x".repeat(10000)}`);
    messages.forEach((message) => connection.send(message));
    assert.ok(connection.queued.messages > 0);
    await until(() => got.length === messages.length, "all echoes");
    assert.deepStrictEqual(got, messages);
  });

  it("nobody lets it in, then somebody does", async () => {
    proxy.is_refusing = true;
    const connection = connect("/answering");
    const call = new toni.Events(connection).call("echo", 1);
    const { why } = await state_of(connection, "waiting");
    assert.strictEqual(why.code, "handshake");
    proxy.is_refusing = false;
    assert.strictEqual(await call, 1);
  });

  it("a host that drains, and another in its place: rooms are joined again", async () => {
    const first = await Host.startWith(configuration());
    const own = await RoughProxy.start(first.address);
    const connection = connect("/rooms", {}, own.address);
    const words = new toni.TextRooms(connection);
    const rooms = new toni.Rooms(words);
    await rooms.join("r");
    const away = state_of(connection, "waiting");
    const stopped = first.stop();
    const { why } = await away;
    assert.deepStrictEqual([why.code, why.close_code, why.reason], ["lost", 1001, "going away"]);
    assert.strictEqual(rooms.state("r"), "away");
    const said = words.say("r", "hello again");
    const heard = new Promise((resolve) => words.on("message", resolve));
    await stopped;
    own.target = host.address;
    await within(said, "a new connection");
    assert.strictEqual((await within(heard, "its own message")).text, "hello again"); // so it was joined before
    connection.close();
    await own.stop();
  });

  it("1,000 clients are cut, and come back spread", async () => {
    const COUNT = 1000;
    const herd = Array.from({ length: COUNT }, () => connect("/echo", { backoff: undefined }));
    await within(Promise.all(herd.map((connection) => connection.opened())), "1,000 connections");
    const wait_ms = [];
    for (const connection of herd) {
      connection.on("state", ({ name, retry_ms }) => name === "waiting" && wait_ms.push(retry_ms));
    }
    const before = proxy.came_at.length;
    const cut_at = performance.now();
    proxy.cut();
    await until(() => wait_ms.length >= COUNT, "all are cut");
    await within(Promise.all(herd.map((connection) => connection.opened())), "all are back");
    const back_ms = performance.now() - cut_at;
    const peak = (times) => {
      const buckets = Array(50).fill(0);
      times.forEach((ms) => buckets[Math.min(49, Math.floor(ms / 100))]++);
      return Math.max(...buckets);
    };
    const came = proxy.came_at.slice(before).map((at) => at - cut_at);
    console.log(`all back after ${back_ms.toFixed(0)} ms; the most in 100 ms: ${peak(wait_ms)} of what they chose, ${peak(came)} came`);
    assert.strictEqual(wait_ms.length, COUNT); // nobody was turned away and came twice
    // What they chose, not when a loaded machine let them: 3 times the mean of 5 s.
    assert.ok(Math.max(...wait_ms) < 5000);
    assert.ok(peak(wait_ms) <= (3 * COUNT) / 50, `${peak(wait_ms)}`);
  });
});

describe("tokens", { skip: sanitizer !== "" && "what follows is about the client" }, () => {
  const SECRET = "0123456789abcdef0123456789abcdef";
  let folder;

  function token(lasts_s, sub = "ann") {
    const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const now = Date.now() / 1000;
    const signed = encode({ alg: "HS256" }) + "." + encode({ sub, iat: Math.floor(now), exp: Math.ceil(now + lasts_s) });
    return signed + "." + crypto.createHmac("sha256", SECRET).update(signed).digest("base64url");
  }

  before(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "toni-test-"));
    fs.writeFileSync(path.join(folder, "secret"), SECRET, { mode: 0o600 });
    const guard = `{ service = "tokens"; library = "jwt_guard.so"; options = { secrets = [ "${folder}/secret" ]; leeway = "0s"; }; }`;
    const gateway = (name, more) =>
      `{ gateway = "${name}"; library = "${ANSWERING}"; path = "/${name}"; guards = [ "tokens" ]; ${more} }`;
    host = await Host.startWith(`listen = { websocket = "127.0.0.1:0"; };
modules = ( { name = "m"; imports = [ "broadcast" ]; providers = (
  ${guard}, ${gateway("http", "")}, ${gateway("closing", 'refuse = "close";')} ); } );
`);
  });
  after(async () => {
    await host.stop();
    fs.rmSync(folder, { recursive: true });
  });

  it("without one it is over at once, by HTTP and by a close", async () => {
    for (const [where, code] of [["/http", 1006], ["/closing", 1008]]) {
      const connection = connect(where, {}, host.address);
      const { why } = await state_of(connection, "closed");
      assert.deepStrictEqual([why.code, why.close_code], ["refused", code]);
      assert.match(why.message, /401/);
    }
  });

  it("goes beside the subprotocol that the guard speaks, also if that is named", async () => {
    const connection = connect("/http", { token: () => token(60), protocols: ["bearer"] }, host.address);
    assert.strictEqual(await new toni.Events(connection).call("echo", 1), 1);
  });

  it("one that has ended is exchanged, once", async () => {
    for (const where of ["/http", "/closing"]) {
      const tokens = [token(-10), token(60)];
      const connection = connect(where, { token: () => tokens.shift() }, host.address);
      // Where the refusal is a close, what waited was handed to the connection before it came.
      assert.strictEqual(await new toni.Events(connection).call("echo", 1, { idempotent: true }), 1);
      const bad = connect(where, { token: () => "none" }, host.address);
      assert.strictEqual((await state_of(bad, "closed")).why.code, "refused");
    }
  });

  it("another is handed over while connected; without it the connection comes back with one", async () => {
    let given = 0;
    const events = new toni.Events(connect("/http", { token: () => ({ token: token(++given === 1 ? 3 : 60), expires_in: 1 }) }, host.address));
    const ends = [];
    events.connection.on("state", ({ name }) => ends.push(name));
    await events.connection.opened();
    await until(() => given >= 2, "a second token");
    const { expires } = await events.refresh();
    assert.ok(expires > Date.now() / 1000 + 30);
    await pause(100);
    assert.deepStrictEqual(ends, ["open"]);
    const forgetful = connect("/http", { token: () => token(1) }, host.address);
    await forgetful.opened();
    const { why } = await state_of(forgetful, "waiting");
    assert.deepStrictEqual([why.close_code, why.reason], [4001, "token expired"]);
    await state_of(forgetful, "open");
  });

  it("who is revoked does not come back", async () => {
    const connection = connect("/http", { token: () => token(60, "eve") }, host.address);
    await connection.opened();
    const closed = state_of(connection, "closed");
    execFileSync(path.join(build, "bin", "toni"), ["revoke", "eve", "-c", path.join(host.folder, "gateways.conf")]);
    const { why } = await closed;
    assert.deepStrictEqual([why.code, why.close_code, why.reason], ["refused", 4001, "revoked"]);
  });
});
