// Rooms that keep their messages (KeptRooms of @toni/client) in Node, with npm's ws, against the real host, through a proxy
// that cuts: each message comes once and in order, or it is told that some are missing.
"use strict";

const assert = require("node:assert");
const path = require("node:path");
const { after, afterEach, before, it } = require("node:test");
const { pathToFileURL } = require("node:url");
const WebSocket = require("ws");
const { DEADLINE_MS, Host } = require("./toni_host.js");
const { RoughProxy, pause } = require("./rough_proxy.js");

const build = path.resolve(process.env.TONI_BUILD);
const CLIENT = path.join(build, "sdk", "js", "dist", "index.min.js"); // what is measured is what is tested
const CONFIGURATION = `listen = { websocket = "127.0.0.1:0"; };
namespaces = ( { name = ""; history = ( { rooms = "short"; messages = 5; seconds = 60; },
                                        { rooms = "long-*"; messages = 5000; seconds = 60; } ); } );
modules = ( { name = "m"; imports = [ "broadcast" ]; providers = (
  { gateway = "answering"; library = "${path.join(build, "tests", "fixtures", "answering_gateway.so")}"; } ); } );
`;

let toni; // the package
let host;
let proxy;
let opened = []; // connections of one test

before(async () => {
  toni = await import(pathToFileURL(CLIENT));
  host = await Host.startWith(CONFIGURATION);
  proxy = await RoughProxy.start(host.address);
});
after(async () => {
  await proxy.stop();
  await host.stop();
});
afterEach(() => opened.splice(0).forEach((connection) => connection.close()));

function reader(address, options) {
  const connection = new toni.Connection(`ws://${address}/answering`, { WebSocket, backoff: { first_ms: 100, most_ms: 300 } });
  opened.push(connection);
  const events = new toni.Events(connection);
  const kept = new toni.KeptRooms(events, options);
  const heard = {}; // by room: numbers of messages, and what was told
  const of = (room) => (heard[room] ??= []);
  events.on("told", (data, { room }) => of(room).push(data));
  kept.on("recovery", ({ room, ...how }) => of(room).push(how));
  return { connection, events, heard, kept, rooms: new toni.Rooms(kept) };
}

async function until(is_so, what) {
  const end = performance.now() + DEADLINE_MS;
  while (!is_so()) {
    assert.ok(performance.now() < end, `in vain: ${what}`);
    await pause(10);
  }
}

const is_number = (entry) => typeof entry === "number";

// What was heard of a room is in order and once, and where something is missing it was told there that it is not recovered.
// Returns how many are missing.
function check(heard) {
  let [last, may_miss, missing] = [-1, false, 0];
  for (const entry of heard) {
    if (!is_number(entry)) {
      may_miss ||= !entry.recovered;
      continue;
    }
    assert.ok(entry > last, `${entry} behind ${last}`);
    assert.ok(entry === last + 1 || may_miss, `between ${last} and ${entry} something is missing, and was not told`);
    missing += entry - last - 1;
    [last, may_miss] = [entry, false];
  }
  return missing;
}

it("each message comes once, in order, over connections that are cut; or it is told", async () => {
  const ROOMS = ["short", ...Array.from({ length: 19 }, (_, n) => `long-${n}`)]; // more than are joined at a time
  const writer = reader(host.address);
  const { connection, heard, rooms } = reader(proxy.address);
  for (const room of ROOMS.slice(4)) {
    await writer.events.call("tell", { room, data: "long ago" }); // a room that keeps nothing ends with its last member
  }
  proxy.delay_ms = 3; // so that a cut finds answers and messages on their way
  await Promise.all(ROOMS.map((room) => rooms.join(room)));
  let [opens, is_done] = [0, false];
  connection.on("state", ({ name }) => (opens += name === "open"));
  const cutting = (async () => {
    while (!is_done) {
      await pause(Math.random() * 150);
      proxy.cut();
    }
  })();
  let count = 0;
  for (; count < 300 || opens < 10; count++) {
    await Promise.all(ROOMS.slice(0, 4).map((room) => writer.events.call("tell", { room, data: count })));
    await pause(3);
  }
  is_done = true;
  await cutting;
  const busy = ROOMS.slice(0, 4);
  await until(() => busy.slice(1).every((room) => heard[room]?.findLast(is_number) === count - 1), "the last message");
  await until(() => ROOMS.every((room) => rooms.state(room) === "joined"), "all rooms");
  await writer.events.call("tell", { room: "short", data: count });
  await until(() => heard.short.findLast(is_number) === count, "the last message");
  const missing = check(heard.short);
  const recoveries = (room) => heard[room].filter((entry) => !is_number(entry));
  console.log(`${opens} connections; short: ${missing} of ${count} missing, ${recoveries("short").length} times joined again`);
  assert.ok(missing > 0, "nothing was too old"); // or nothing had to be told
  for (const room of busy.slice(1)) {
    assert.strictEqual(check(heard[room]), 0, room);
    assert.ok(recoveries(room).every(({ recovered }) => recovered));
    assert.ok(recoveries(room).some(({ messages }) => messages > 0), "nothing was missed");
  }
  for (const room of ROOMS.slice(4)) {
    assert.ok(recoveries(room).every(({ recovered, messages }) => recovered && messages === 0), room); // without a message that came
  }
});

it("a newcomer gets the last ones; who is where another host is now is told so", async () => {
  proxy.delay_ms = 0;
  const first = await Host.startWith(CONFIGURATION);
  const own = await RoughProxy.start(first.address);
  const { connection, events, heard, kept, rooms } = reader(own.address, { last: 3 });
  for (let n = 0; n < 10; n++) {
    await events.call("tell", { room: "long-x", data: n });
  }
  await rooms.join("long-x");
  assert.deepStrictEqual(heard["long-x"], [7, 8, 9]);
  const at = kept.position("long-x");
  own.target = host.address;
  await first.stop();
  await until(() => heard["long-x"].length > 3, "the word of it");
  assert.deepStrictEqual(heard["long-x"][3], { recovered: false, messages: 0, why: "epoch" });
  await events.call("tell", { room: "long-x", data: "new" });
  await until(() => heard["long-x"].length > 4, "what is new");
  assert.strictEqual(heard["long-x"][4], "new");
  assert.notStrictEqual(kept.position("long-x").slice(0, 16), at.slice(0, 16));
  connection.close();
  await own.stop();
});
