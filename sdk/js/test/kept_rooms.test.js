// Rooms that keep their messages: what came while this client was away, comes once and in order, or it is told.
import assert from "node:assert";
import { afterEach, beforeEach, describe, it } from "node:test";
import { Connection, Events, KeptRooms, Rooms } from "@toni/client";
import { Clock, FakeSocket, settle } from "./fakes.js";

let clock;
let connection;
let events;
let kept;
let rooms;
let heard; // all that the application hears, in order

const at = (offset, epoch = 1) => `${epoch.toString(16).padStart(16, "0")}:${offset.toString(16).padStart(16, "0")}`;
const NOWHERE = at(0, 0);

function begin(options) {
  kept = new KeptRooms(events, options);
  rooms = new Rooms(kept);
  kept.on("recovery", ({ room, ...more }) => heard.push({ room, ...more }));
  kept.on("gap", ({ room, count }) => heard.push(`gap ${room} ${count}`));
  FakeSocket.last.open();
}

beforeEach(() => {
  FakeSocket.made = [];
  clock = new Clock();
  connection = new Connection("ws://127.0.0.1:9000/lobby", { WebSocket: FakeSocket });
  events = new Events(connection);
  heard = [];
  events.on("news", (data) => heard.push(data));
});
afterEach(() => clock.restore());

const asked = () => FakeSocket.last.said.map(({ event, data }) => ({ event, ...data }));
const news = (data, position, room = "a") => FakeSocket.last.say({ event: "news", room, at: position, data });

async function answer(data, index = -1) {
  FakeSocket.last.say({ id: FakeSocket.last.said.at(index).id, data });
  await settle();
}

async function lose() {
  FakeSocket.last.end();
  await clock.advance(4000);
  FakeSocket.last.open();
}

async function join(first = at(4), options = {}) {
  begin(options);
  void rooms.join("a");
  await answer({ recovered: false, messages: 0, at: first });
}

describe("kept rooms", () => {
  it("are joined again with the last position, and what was missed comes behind the word of it", async () => {
    await join();
    news("five", at(5));
    await lose();
    assert.deepStrictEqual(asked(), [{ event: "room.join", room: "a", since: at(5) }]);
    news("six", at(6));
    news("seven", at(7));
    assert.deepStrictEqual(heard, ["five"]);
    await answer({ recovered: true, messages: 2, at: at(7) });
    news("eight", at(8));
    assert.deepStrictEqual(heard, ["five", { room: "a", recovered: true, messages: 2 }, "six", "seven", "eight"]);
    assert.deepStrictEqual([rooms.state("a"), kept.position("a")], ["joined", at(8)]);
  });

  it("without a message the position of the join's answer counts", async () => {
    await join(at(4));
    await lose();
    assert.strictEqual(asked()[0].since, at(4));
    await answer({ recovered: false, why: "trimmed", messages: 0, at: at(90) });
    assert.deepStrictEqual(heard, [{ room: "a", recovered: false, messages: 0, why: "trimmed" }]);
    await lose();
    assert.strictEqual(asked()[0].since, at(90));
  });

  it("a room that keeps nothing is never recovered, whatever is said", async () => {
    for (const nothing of [null, NOWHERE, "rubbish", 7]) {
      heard = [];
      await join(nothing);
      await lose();
      assert.deepStrictEqual(asked(), [{ event: "room.join", room: "a" }]);
      await answer({ recovered: true, messages: 0 });
      assert.deepStrictEqual(heard, [{ room: "a", recovered: false, messages: 0, why: "no_history" }]);
      await rooms.leave("a").catch(() => {}, await answer({}));
      connection.close();
      connection = new Connection("ws://127.0.0.1:9000/lobby", { WebSocket: FakeSocket });
      events = new Events(connection);
    }
  });

  // The trap: what is new comes, the word that something is missing does not, and the next join would begin behind the hole.
  it("a loss before the answer forgets what came: only the answer tells what it was", async () => {
    await join();
    news("five", at(5));
    await lose();
    news("twenty", at(20));
    await lose();
    assert.strictEqual(asked()[0].since, at(5));
    assert.deepStrictEqual(heard, ["five"]);
    for (let n = 6; n <= 20; n++) {
      news(n, at(n));
    }
    await answer({ recovered: true, messages: 15, at: at(20) });
    const missed = Array.from({ length: 15 }, (_, n) => n + 6);
    assert.deepStrictEqual(heard, ["five", { room: "a", recovered: true, messages: 15 }, ...missed]);
  });

  it("an answer and the loss in one turn: it is as if there had been none", async () => {
    await join();
    await lose();
    news("five", at(5));
    FakeSocket.last.say({ id: FakeSocket.last.said[0].id, data: { recovered: true, messages: 1, at: at(5) } });
    await lose();
    assert.strictEqual(asked()[0].since, at(4));
    assert.deepStrictEqual(heard, []);
  });

  it("what is new may come before the answer, and what was there comes once", async () => {
    await join();
    await lose();
    news("five", at(5));
    news("six, new", at(6)); // the answer tells of the room as it was
    await answer({ recovered: true, messages: 1, at: at(5) });
    news("six, new", at(6));
    news("seven", at(7));
    assert.deepStrictEqual(heard, [{ room: "a", recovered: true, messages: 1 }, "five", "six, new", "seven"]);
    await lose();
    assert.strictEqual(asked()[0].since, at(7));
  });

  it("of another epoch is no message that was there", async () => {
    await join(at(50));
    await lose();
    news("new", at(2, 9));
    await answer({ recovered: false, why: "epoch", messages: 0, at: at(1, 9) });
    assert.deepStrictEqual(heard, [{ room: "a", recovered: false, messages: 0, why: "epoch" }, "new"]);
    news("and", at(1, 3)); // the server of the cluster is another one now
    assert.deepStrictEqual([heard.at(-1), kept.position("a")], ["and", at(1, 3)]);
  });

  it("who was never there gets the last, once, and asks for them again if it never came in", async () => {
    begin({ last: (room) => room.length });
    void rooms.join("a");
    assert.deepStrictEqual(asked(), [{ event: "room.join", room: "a", last: 1 }]);
    news("one", at(1));
    await lose();
    assert.deepStrictEqual(asked(), [{ event: "room.join", room: "a", last: 1 }]);
    news("one", at(1));
    await answer({ recovered: false, messages: 1, at: at(1) });
    assert.deepStrictEqual(heard, ["one"]);
    await lose();
    assert.deepStrictEqual(asked(), [{ event: "room.join", room: "a", since: at(1) }]);
  });

  it("gaps are told where they are, also behind what is held back", async () => {
    await join();
    const gap = (data) => FakeSocket.last.say({ event: "room.gap", data });
    news("five", at(5));
    gap({ room: "a", count: 3 });
    news("nine", at(9));
    gap({ room: null, count: null });
    await lose();
    news("ten", at(10));
    gap({ room: "a", count: null });
    await answer({ recovered: true, messages: 1, at: at(10) });
    const told = { room: "a", recovered: true, messages: 1 };
    assert.deepStrictEqual(heard, ["five", "gap a 3", "nine", "gap null null", told, "ten", "gap a null"]);
  });

  it("the gap event may have another name", async () => {
    await join(at(4), { gap: "lost" });
    FakeSocket.last.say({ event: "lost", data: { room: "a", count: 1 } });
    assert.deepStrictEqual(heard, ["gap a 1"]);
  });

  it("who leaves hears no more, and comes as one who was never there", async () => {
    await join(at(4), { last: 2 });
    const left = rooms.leave("a");
    news("five", at(5));
    void rooms.join("a");
    await settle();
    assert.strictEqual(asked().at(-1).event, "room.leave"); // first its answer: till then messages are of the former stay
    await answer(null);
    await left;
    assert.deepStrictEqual(asked().at(-1), { event: "room.join", room: "a", last: 2 });
    news("four", at(4));
    news("five", at(5));
    await answer({ recovered: false, messages: 2, at: at(5) });
    assert.deepStrictEqual(heard, ["four", "five"]);
  });

  it("nor has who left while it was away a position", async () => {
    await join();
    FakeSocket.last.end();
    await rooms.leave("a");
    void rooms.join("a");
    await clock.advance(4000);
    FakeSocket.last.open();
    assert.deepStrictEqual(asked(), [{ event: "room.join", room: "a", last: 0 }]);
  });

  it("a loss while it leaves, and it has come again: it joins once", async () => {
    await join();
    void rooms.leave("a");
    void rooms.join("a");
    await lose();
    assert.deepStrictEqual(asked(), [{ event: "room.join", room: "a", last: 0 }]);
  });

  it("who is not let in again is told, and its messages are not held back for ever", async () => {
    await join();
    await lose();
    const changes = [];
    rooms.on("change", ({ state, why }) => changes.push(`${state} ${why?.code}`));
    news("five", at(5));
    await clock.advance(30000);
    assert.deepStrictEqual(changes, ["left timeout"]);
    news("six", at(6));
    assert.deepStrictEqual([heard, kept.position("a")], [["six"], undefined]);
  });

  it("rooms are apart, and what is of none goes through", async () => {
    await join();
    news("of b", at(1), "b");
    FakeSocket.last.say({ event: "news", data: "of none" });
    const from = [];
    events.on("news", (_, origin) => from.push(origin));
    news("five", at(5));
    await lose();
    FakeSocket.last.say({ event: "news", data: "at once" });
    assert.deepStrictEqual(heard, ["of b", "of none", "five", "at once"]);
    assert.deepStrictEqual(from, [{ room: "a", at: at(5) }, { room: undefined, at: undefined }]);
  });

  it("32 rooms and more come back within what a gateway takes of unanswered calls", async () => {
    begin();
    const names = Array.from({ length: 50 }, (_, n) => `r${n}`);
    names.forEach((room) => void rooms.join(room));
    for (const round of [0, 1]) {
      for (let n = 0; n < names.length; n++) {
        assert.ok(FakeSocket.last.sent.length - n <= 16);
        const { id, data } = FakeSocket.last.said[n];
        assert.strictEqual(data.since, round ? at(n + 1) : undefined);
        FakeSocket.last.say({ id, data: { recovered: round === 1, messages: 0, at: at(n + 1) } });
        await settle();
      }
      assert.ok(names.every((room) => rooms.state(room) === "joined"));
      await lose();
    }
    assert.strictEqual(heard.length, 50);
  });
});
