// The rooms page (first table of the contract), every row and every text, with npm's ws.
"use strict";

const assert = require("node:assert");
const { after, before, describe, it } = require("node:test");
const { Client, Host, chat } = require("./toni_host.js");

for (const workers of [1, 4]) {
  describe(`rooms page, workers=${workers}`, () => {
    let host;
    before(async () => {
      host = await Host.start(workers);
    });
    after(() => host.stop());

    it("greets who connects", async () => {
      const client = await Client.open(host, "/rooms");
      await client.expect("Connected. Send 'join:<room>' to join a room.");
      await client.fence();
      assert.strictEqual(client.socket.extensions, "");
      await client.close();
    });

    it("answers a join and tells the room, the joiner included", async () => {
      const [first, second] = [await chat(host), await chat(host)];
      first.send("join:lobby");
      await first.expect("Joined room: lobby");
      const [, firstId] = /^(\S+) joined$/.exec(await first.read());
      const secondId = await second.join("lobby");
      await first.expect(`${secondId} joined`);
      assert.notStrictEqual(firstId, secondId);
      await first.fence();
      await second.fence();
    });

    it("sends a message to the room, the sender included, colons and all", async () => {
      const [first, second] = [await chat(host), await chat(host)];
      const firstId = await first.join("talk");
      const secondId = await second.join("talk");
      await first.expect(`${secondId} joined`);
      for (const text of ["hello", "a:b::c:", "", "größe ☃ 🎈", "x".repeat(70000)]) {
        first.send(`msg:talk:${text}`);
        await first.expect(`[talk] ${firstId}: ${text}`);
        await second.expect(`[talk] ${firstId}: ${text}`);
      }
      await first.fence();
      await second.fence();
    });

    it("lets who is no member speak, and hear nothing", async () => {
      const [member, outsider] = [await chat(host), await chat(host)];
      await member.join("club");
      const id = await outsider.join("outside");
      outsider.send("msg:club:hi");
      await member.expect(`[club] ${id}: hi`);
      await outsider.fence();
    });

    it("answers a leave; nothing more of the room arrives", async () => {
      const [stays, goes] = [await chat(host), await chat(host)];
      const staysId = await stays.join("exit");
      await stays.expect(`${await goes.join("exit")} joined`);
      goes.send("leave:exit");
      await goes.expect("Left room: exit");
      stays.send("msg:exit:alone");
      await stays.expect(`[exit] ${staysId}: alone`);
      await goes.fence();
    });

    it("does nothing on other text, a message without a second colon, binary", async () => {
      const [member, client] = [await chat(host), await chat(host)];
      await member.join("quiet");
      client.send("", "hello", "msg:", "msg:quiet", "JOIN:quiet", "join", " join:quiet");
      client.send(Buffer.from("join:quiet"), Buffer.from("msg:quiet:x"), Buffer.alloc(0));
      await client.fence();
      await member.fence();
    });

    it("refuses bad room names with one line that says why", async () => {
      const client = await chat(host);
      for (const room of ["", "r".repeat(256), "a\u0001b", "a\nb", "\u007f"]) {
        client.send("join:" + room);
        const answer = await client.read();
        assert.doesNotMatch(answer, /^Joined room/);
        assert.match(answer, /^[^\u0000-\u001f\u007f]{10,300}$/u);
        await client.fence();
      }
      await client.join("r".repeat(255));
    });

    it("leaves the rooms at a disconnect, without a word", async () => {
      const [stays, goes] = [await chat(host), await chat(host)];
      const staysId = await stays.join("parting");
      await stays.expect(`${await goes.join("parting")} joined`);
      assert.deepStrictEqual(await goes.close(1000, "bye"), { code: 1000, reason: "bye" });
      stays.send("msg:parting:alone");
      await stays.expect(`[parting] ${staysId}: alone`);
      await stays.fence();
    });

    it("answers in the order of the questions", async () => {
      const client = await chat(host);
      const id = await client.join("order");
      for (let n = 0; n < 100; n++) {
        client.send(`msg:order:${n}`, `join:order-${n}`, `leave:order-${n}`);
      }
      for (let n = 0; n < 100; n++) {
        await client.expect(
          `[order] ${id}: ${n}`,
          `Joined room: order-${n}`,
          `${id} joined`,
          `Left room: order-${n}`
        );
      }
    });
  });
}
