// A thousand clients of npm's ws: every client reads every message.
"use strict";

const assert = require("node:assert");
const { after, before, describe, it } = require("node:test");
const { Client, Host, GREETING, chat, sanitizer } = require("./toni_host.js");

const ROOMS = sanitizer ? 20 : 100;
const SIZE = 10;
const EACH = 10;

async function crowd(host, count) {
  const clients = [];
  while (clients.length < count) {
    const batch = Array.from({ length: Math.min(50, count - clients.length) }, () =>
      Client.open(host, "/rooms")
    );
    clients.push(...(await Promise.all(batch)));
  }
  await Promise.all(clients.map((client) => client.expect(GREETING)));
  return clients;
}

// All join at once. Each sees its own announcement and every later one of its room, in one order.
async function joinAll(host, clients, roomOf) {
  const rooms = new Map();
  await Promise.all(
    clients.map(async (client, n) => {
      client.id = await client.join("own" + n);
      client.send("leave:own" + n);
      await client.expect("Left room: own" + n);
    })
  );
  clients.forEach((client, n) => {
    client.room = roomOf(n);
    client.send("join:" + client.room);
    rooms.set(client.room, [...(rooms.get(client.room) || []), client]);
  });
  await Promise.all(clients.map((client) => client.arrived(2)));
  const herald = await chat(host);
  const heraldId = await herald.join("herald");
  rooms.forEach((_, room) => herald.send(`msg:${room}:start`));
  await Promise.all(
    clients.map(async (client) => {
      const start = `[${client.room}] ${heraldId}: start`;
      while (client.messages.at(-1) !== start) {
        await client.arrived(client.messages.length + 1);
      }
    })
  );
  rooms.forEach((members, room) => {
    // What others announce may come between a join and its answer; its own comes behind.
    const answer = `Joined room: ${room}`;
    const seen = members.map((client) =>
      client.messages.slice(0, -1).filter((text) => text !== answer)
    );
    const longest = seen.reduce((a, b) => (b.length > a.length ? b : a));
    assert.strictEqual(new Set(longest).size, members.length);
    assert.strictEqual(longest.length, members.length);
    members.forEach((client, n) => {
      assert.strictEqual(client.messages.filter((text) => text === answer).length, 1);
      assert.deepStrictEqual(seen[n], longest.slice(-seen[n].length));
      client.messages = [];
    });
  });
  return rooms;
}

// Some members publish at once; everyone reads everything, once, in one order.
async function publish(rooms, publishersOf) {
  for (let n = 0; n < EACH; n++) {
    rooms.forEach((members, room) => {
      publishersOf(members).forEach((client) => client.send(`msg:${room}:${n}`));
    });
  }
  for (const [room, members] of rooms) {
    const publishers = publishersOf(members);
    await Promise.all(members.map((client) => client.arrived(publishers.length * EACH)));
    members.forEach((client) => client.send("leave:fence"));
    const total = publishers.length * EACH;
    await Promise.all(members.map((client) => client.arrived(total + 1)));
    const order = members[0].messages.slice(0, total);
    members.forEach((client) => {
      assert.strictEqual(client.messages.pop(), "Left room: fence");
      assert.deepStrictEqual(client.messages, order);
    });
    publishers.forEach(({ id }) => {
      const start = `[${room}] ${id}: `;
      assert.deepStrictEqual(
        order.filter((text) => text.startsWith(start)),
        Array.from({ length: EACH }, (_, n) => start + n)
      );
    });
  }
}

for (const workers of [1, 4]) {
  describe(`delivery, workers=${workers}`, () => {
    let host;
    before(async () => {
      host = await Host.start(workers);
    });
    after(() => host.stop());

    it("reaches a thousand clients in one room", async () => {
      const clients = await crowd(host, ROOMS * SIZE);
      const rooms = await joinAll(host, clients, () => "big");
      await publish(rooms, (members) => members.slice(0, 10));
      clients.forEach((client) => client.socket.terminate());
    });

    it("reaches the ten clients of each of a hundred rooms", async () => {
      const clients = await crowd(host, ROOMS * SIZE);
      const rooms = await joinAll(host, clients, (n) => `r${n % ROOMS}`);
      await publish(rooms, (members) => members);
      clients.forEach((client) => client.socket.terminate());
    });
  });
}
