// permessage-deflate with npm's ws: with and without, its options, and one room for both.
"use strict";

const assert = require("node:assert");
const crypto = require("node:crypto");
const { after, before, describe, it } = require("node:test");
const { Client, Host, listenAddress, within } = require("./toni_host.js");

const MIB = 1 << 20;

const configuration = (workers) => `listen = { websocket = ${listenAddress()}; };
workers = ${workers};
modules = (
  { name = "chat"; imports = [ "broadcast" ];
    providers = (
      { gateway = "rooms"; library = "rooms_gateway.so"; path = "/rooms"; deflate = "on"; },
      { gateway = "plain"; library = "rooms_gateway.so"; path = "/plain"; },
      { gateway = "echo"; library = "echo_gateway.so"; path = "/echo"; deflate = "on"; deflate_above = 0; },
      { gateway = "off"; library = "echo_gateway.so"; path = "/off"; deflate = "off"; }
    ); }
);
`;

// Text that shrinks by half.
const prose = (size) => crypto.randomBytes(size / 2 + 1).toString("hex").slice(0, size);

for (const workers of [1, 4]) {
  describe(`permessage-deflate, workers=${workers}`, () => {
    let host;
    before(async () => {
      host = await Host.startWith(configuration(workers));
    });
    after(() => host.stop());

    it("is agreed on where it is on and offered", async () => {
      for (const [where, options, wanted] of [
        ["/echo", {}, "permessage-deflate"],
        ["/echo", { perMessageDeflate: true }, "permessage-deflate"],
        ["/echo", { perMessageDeflate: { clientMaxWindowBits: 10 } }, "permessage-deflate"],
        ["/echo", { perMessageDeflate: { serverNoContextTakeover: true } }, "permessage-deflate"],
        ["/echo", { perMessageDeflate: { clientNoContextTakeover: true } }, "permessage-deflate"],
        ["/echo", { perMessageDeflate: { serverMaxWindowBits: 15 } }, "permessage-deflate"],
        ["/echo", { perMessageDeflate: { serverMaxWindowBits: 10 } }, "permessage-deflate"],
        ["/echo", { perMessageDeflate: false }, ""],
        ["/off", {}, ""],
      ]) {
        const client = await Client.open(host, where, options);
        assert.strictEqual(client.socket.extensions, wanted);
        for (const size of [0, 1, 125, 126, 1025, 65535, 65536, MIB]) {
          const text = prose(size);
          client.send(text);
          await client.expect(text);
          const bytes = crypto.randomBytes(size);
          client.send(bytes);
          await client.expect(bytes);
        }
        await client.close();
      }
    });

    it("takes compressed fragments", async () => {
      const client = await Client.open(host, "/echo", { perMessageDeflate: { threshold: 0 } });
      const parts = [prose(10), "", prose(5000), prose(100000), "ü☃🎈"];
      parts.forEach((part, n) => {
        client.socket.send(part, { fin: n === parts.length - 1, compress: true });
        if (n < parts.length - 1) {
          client.socket.ping("between");
        }
      });
      await client.expect(parts.join(""));
    });

    it("closes with 1009 what inflates to more than a MiB", async () => {
      for (const size of [MIB + 1, 50 * MIB]) {
        const client = await Client.open(host, "/echo", { perMessageDeflate: { threshold: 0 } });
        client.send("x".repeat(size));
        assert.strictEqual((await within(client.closed, "close")).code, 1009);
        assert.deepStrictEqual(client.messages, []);
      }
    });

    it("brings one room to those with and those without", async () => {
      const members = [];
      for (const [where, perMessageDeflate] of [
        ["/rooms", true],
        ["/rooms", false],
        ["/plain", true],
        ["/rooms", { serverMaxWindowBits: 9 }],
      ]) {
        const client = await Client.open(host, where, { perMessageDeflate });
        await client.read();
        client.send("join:mixed");
        await client.expect("Joined room: mixed");
        members.push(client);
      }
      const sender = await Client.open(host, "/plain", { perMessageDeflate: false });
      const texts = Array.from({ length: 60 }, (_, n) => `${n} ` + prose([10, 2000, 70000][n % 3]));
      texts.forEach((text) => sender.send("msg:mixed:" + text));
      for (const client of members) {
        for (const text of texts) {
          let got;
          do {
            got = await client.read();
          } while (/^\w+ joined$/.test(got));
          assert.ok(got.endsWith(": " + text), "not the text that comes next");
        }
      }
    });
  });
}
