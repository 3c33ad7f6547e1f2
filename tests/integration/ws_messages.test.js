// Messages of every shape, handshakes and closes, with npm's ws.
"use strict";

const assert = require("node:assert");
const crypto = require("node:crypto");
const { after, before, describe, it } = require("node:test");
const { Client, Host, chat, within } = require("./toni_host.js");

const MIB = 1 << 20;

for (const workers of [1, 4]) {
  describe(`messages, workers=${workers}`, () => {
    let host;
    before(async () => {
      host = await Host.start(workers);
    });
    after(() => host.stop());

    it("gives text and binary back as they came", async () => {
      const client = await Client.open(host, "/echo");
      const messages = ["hello", Buffer.from("hello"), "", Buffer.alloc(0), "größe ☃ 🎈", "\0"];
      for (const size of [1, 125, 126, 127, 1024, 1025, 4096, 65535, 65536, 65537, MIB]) {
        messages.push(crypto.randomBytes(size), "t".repeat(size));
      }
      for (const message of messages) {
        client.send(message);
        await client.expect(message);
      }
      client.send(...messages);
      await client.expect(...messages);
      assert.strictEqual((await client.close(4000, "done")).code, 4000);
    });

    it("closes with 1009 at one byte more than a MiB", async () => {
      for (const message of ["x".repeat(MIB + 1), Buffer.alloc(MIB + 1)]) {
        const client = await Client.open(host, "/echo");
        client.send(message);
        assert.strictEqual((await within(client.closed, "close")).code, 1009);
        assert.deepStrictEqual(client.messages, []);
      }
    });

    it("puts fragments together", async () => {
      const client = await Client.open(host, "/echo");
      const snowman = Buffer.from("☃");
      client.socket.send("frag", { fin: false });
      client.socket.ping("between");
      client.socket.send("", { fin: false });
      client.socket.send(snowman.subarray(0, 1), { fin: false });
      client.socket.send(snowman.subarray(1), { fin: true });
      await client.expect("frag☃");
    });

    it("answers pings with their payload", async () => {
      const client = await Client.open(host, "/echo");
      for (const payload of ["", "p", "x".repeat(125)]) {
        const pong = new Promise((resolve) => client.socket.once("pong", resolve));
        client.socket.ping(payload);
        assert.strictEqual((await within(pong, "pong")).toString(), payload);
      }
    });

    it("gives back the code of the client's close, at the server's end without a word", async () => {
      for (const code of [1000, 1001, 3000, 4999]) {
        const client = await chat(host);
        assert.deepStrictEqual(await client.close(code, "why"), { code, reason: "why" });
      }
    });

    it("goes on when a client terminates", async () => {
      for (let n = 0; n < 20; n++) {
        const client = await chat(host);
        client.send("join:gone", "msg:gone:x".repeat(100));
        client.socket.terminate();
      }
      const client = await chat(host);
      await client.fence();
    });

    it("refuses other paths with 404", async () => {
      await assert.rejects(Client.open(host, "/nowhere"), /HTTP 404/);
      await assert.rejects(Client.open(host, "/"), /HTTP 404/);
    });

    it("refuses another version with 426", async () => {
      await assert.rejects(Client.open(host, "/rooms", { protocolVersion: 8 }), /HTTP 426/);
    });

    it("says goodbye to all with 1001 at SIGTERM", async () => {
      const own = await Host.start(workers);
      const clients = [];
      for (let n = 0; n < 10; n++) {
        clients.push(await chat(own));
      }
      const ends = clients.map((client) => within(client.closed, "close"));
      await own.stop();
      for (const end of await Promise.all(ends)) {
        assert.strictEqual(end.code, 1001);
      }
    });
  });
}
