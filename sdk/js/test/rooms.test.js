// Rooms: joined again after a loss; the language of the rooms gateway, and that of gateways with events.
import assert from "node:assert";
import { afterEach, beforeEach, describe, it } from "node:test";
import { Connection, event_rooms, Events, Rooms, TextRooms } from "@toni/client";
import { Clock, FakeSocket, settle } from "./fakes.js";

let clock;
let connection;

beforeEach(() => {
  FakeSocket.made = [];
  clock = new Clock();
  connection = new Connection("ws://127.0.0.1:9000/rooms", { WebSocket: FakeSocket });
});
afterEach(() => clock.restore());

async function error_of(promise) {
  return promise.then(
    () => assert.fail("it was fulfilled"),
    (error) => error
  );
}

async function lose() {
  FakeSocket.last.end();
  await clock.advance(4000);
  FakeSocket.last.open();
}

function watched(words) {
  const rooms = new Rooms(words);
  rooms.changes = [];
  rooms.on("change", ({ room, state, why }) => rooms.changes.push(why ? `${room} ${state}: ${why.message}` : `${room} ${state}`));
  return rooms;
}

describe("rooms by events", () => {
  it("are joined when there is a connection, and after each loss before all that waits", async () => {
    const events = new Events(connection);
    const rooms = watched(event_rooms(events, { join: "lobby.join", leave: "lobby.leave" }));
    void events.send("hello");
    const joined = rooms.join("go");
    assert.strictEqual(rooms.join("go"), joined);
    FakeSocket.last.open();
    assert.deepStrictEqual(FakeSocket.last.said.map(({ event }) => event), ["lobby.join", "hello"]);
    assert.deepStrictEqual(FakeSocket.last.said[0].data, { name: "go" });
    FakeSocket.last.say({ id: 1, data: {} });
    await joined;
    FakeSocket.last.end(1001);
    assert.strictEqual(rooms.state("go"), "away");
    void events.send("again");
    await clock.advance(4000);
    FakeSocket.last.open();
    assert.deepStrictEqual(FakeSocket.last.said.map(({ event }) => event), ["lobby.join", "again"]);
    FakeSocket.last.say({ id: 2, error: { kind: "not_found", message: "there is no such lobby" } });
    await settle();
    assert.deepStrictEqual(rooms.changes, ["go joining", "go joined", "go away", "go joining", "go left: there is no such lobby"]);
    assert.deepStrictEqual(rooms.names, []);
  });

  it("a refusal is told, a loss while joining is not one", async () => {
    const events = new Events(connection);
    const rooms = watched(event_rooms(events, { join: "j", leave: "l", data: (room) => room }));
    FakeSocket.last.open();
    const refused = error_of(rooms.join("a"));
    const joined = rooms.join("b");
    FakeSocket.last.say({ id: 1, error: { kind: "forbidden", message: "no" } });
    assert.strictEqual((await refused).kind, "forbidden");
    await lose();
    assert.deepStrictEqual(FakeSocket.last.said.map(({ event, data }) => [event, data]), [["j", "b"]]);
    FakeSocket.last.say({ id: 3, complete: true });
    await joined;
    assert.strictEqual(rooms.state("b"), "joined");
  });

  it("who leaves is not joined again, connected or not", async () => {
    const events = new Events(connection);
    const rooms = watched(event_rooms(events, { join: "j", leave: "l" }));
    void rooms.join("a");
    await rooms.leave("a");
    FakeSocket.last.open();
    assert.deepStrictEqual(FakeSocket.last.sent, []);
    void rooms.join("b");
    FakeSocket.last.say({ id: 1, complete: true });
    await settle();
    const left = rooms.leave("b");
    await lose(); // before the answer: that has done it
    await left;
    assert.deepStrictEqual(FakeSocket.last.sent, []);
    assert.strictEqual(rooms.state("b"), "left");
    await rooms.leave("never");
  });

  it("are joined 16 at a time, each answer makes room for one more", async () => {
    const rooms = watched(event_rooms(new Events(connection), { join: "j", leave: "l", data: (room) => room }));
    const names = Array.from({ length: 40 }, (_, n) => `r${n}`);
    const all = error_of(Promise.all(names.map((room) => rooms.join(room))));
    FakeSocket.last.open();
    assert.deepStrictEqual(FakeSocket.last.said.map(({ data }) => data), names.slice(0, 16));
    await rooms.leave("r16"); // which nobody was asked for
    await lose();
    const wanted = names.filter((room) => room !== "r16");
    for (let n = 0; n < wanted.length; n++) {
      assert.strictEqual(FakeSocket.last.sent.length, Math.min(16 + n, wanted.length));
      FakeSocket.last.say({ id: FakeSocket.last.said[n].id, complete: true });
      await settle();
    }
    assert.strictEqual((await all).code, "left");
    assert.deepStrictEqual(FakeSocket.last.said.map(({ data }) => data), wanted);
    assert.ok(wanted.every((room) => rooms.state(room) === "joined"));
  });

  it("a join that waits for the socket is not sent into the next connection", async () => {
    const rooms = watched(event_rooms(new Events(connection), { join: "j", leave: "l", data: (room) => room }));
    FakeSocket.last.open();
    FakeSocket.last.bufferedAmount = 1e6;
    void rooms.join("a");
    await lose();
    assert.deepStrictEqual(FakeSocket.last.said.map(({ event, data }) => [event, data]), [["j", "a"]]);
  });

  it("when the connection is closed, who waits is told, and who was in comes back with it", async () => {
    const events = new Events(connection);
    const rooms = watched(event_rooms(events, { join: "j", leave: "l" }));
    FakeSocket.last.open();
    void rooms.join("a");
    FakeSocket.last.say({ id: 1, complete: true });
    await settle();
    const waits = error_of(rooms.join("b"));
    FakeSocket.last.end(4001, "revoked");
    assert.strictEqual((await waits).code, "refused");
    assert.strictEqual((await error_of(rooms.join("c"))).code, "refused");
    connection.connect();
    FakeSocket.last.open();
    assert.deepStrictEqual(FakeSocket.last.said.map(({ data }) => data.name), ["a"]);
  });
});

describe("the rooms gateway", () => {
  const GREETING = "Connected. Send 'join:<room>' to join a room.";

  function speaking() {
    const words = new TextRooms(connection);
    words.got = [];
    for (const name of ["message", "arrival", "notice"]) {
      words.on(name, (what) => words.got.push(what));
    }
    FakeSocket.last.open();
    return words;
  }

  it("joins, hears, says and leaves", async () => {
    const words = speaking();
    const joined = words.join("a");
    FakeSocket.last.say(GREETING);
    FakeSocket.last.say("[a] 0123456789abcdef: before the answer");
    FakeSocket.last.say("Joined room: a");
    await joined;
    FakeSocket.last.say("0123456789abcdef joined");
    await words.say("a", "x:y");
    FakeSocket.last.say("[a] ann: two\nlines: and more");
    FakeSocket.last.say("[b] ann: not mine");
    const left = words.leave("a");
    FakeSocket.last.say("Left room: a");
    await left;
    assert.deepStrictEqual(FakeSocket.last.sent, ["join:a", "msg:a:x:y", "leave:a"]);
    assert.deepStrictEqual(words.got, [
      { room: "a", from: "0123456789abcdef", text: "before the answer" },
      { name: "0123456789abcdef" },
      { room: "a", from: "ann", text: "two\nlines: and more" },
      "[b] ann: not mine",
    ]);
  });

  it("finds the room whose name holds the other's end", async () => {
    const words = speaking();
    void words.join("a");
    void words.join("a] b");
    FakeSocket.last.say("[a] b] ann: hi");
    assert.deepStrictEqual(words.got, [{ room: "a] b", from: "ann", text: "hi" }]);
  });

  it("a refusal is of the oldest question; answers find theirs", async () => {
    const words = speaking();
    const refused = error_of(words.join("secret"));
    const joined = words.join("open");
    FakeSocket.last.say("Joined room: open");
    FakeSocket.last.say("No access to the room: forbidden");
    assert.strictEqual((await refused).code, "refused");
    await joined;
  });

  it("names that it would not find again are refused here", async () => {
    const words = speaking();
    for (const room of ["", "a:b", "a\nb", "ä".repeat(128)]) {
      assert.strictEqual((await error_of(words.join(room))).code, "invalid");
      assert.strictEqual((await error_of(words.say(room, "x"))).code, "invalid");
    }
  });

  it("no answer is a time-out, a loss unknown", async () => {
    const words = speaking();
    const late = error_of(words.join("a"));
    await clock.advance(10000);
    assert.strictEqual((await late).code, "timeout");
    const lost = error_of(words.leave("a"));
    FakeSocket.last.end();
    assert.strictEqual((await lost).code, "unknown");
  });

  it("joins again, and asks for signs of life with what harms nobody", async () => {
    const words = speaking();
    const rooms = watched(words);
    void rooms.join("a");
    FakeSocket.last.say("Joined room: a");
    await settle();
    await lose();
    assert.deepStrictEqual(FakeSocket.last.sent, ["join:a"]);
    FakeSocket.last.say("Joined room: a");
    await clock.advance(25000);
    assert.deepStrictEqual(FakeSocket.last.sent, ["join:a", "leave:toni.client.ping"]);
    FakeSocket.last.say("Left room: toni.client.ping");
    assert.deepStrictEqual(words.got, []);
    assert.deepStrictEqual(rooms.changes, ["a joining", "a joined", "a away", "a joining", "a joined"]);
  });
});
