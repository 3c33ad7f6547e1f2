// Events by name, with npm's ws: the lobby.
"use strict";

const assert = require("node:assert");
const { after, before, describe, it } = require("node:test");
const { Client, Host, listenAddress } = require("./toni_host.js");

const CONFIGURATION = `listen = { websocket = ${listenAddress()}; };
modules = (
  { name = "lobby"; imports = [ "broadcast" ]; namespace = "lobby";
    providers = ( { gateway = "lobby"; library = "lobby_gateway.so"; } ); }
);
`;

describe("events", () => {
  let host;
  before(async () => {
    host = await Host.startWith(CONFIGURATION);
  });
  after(() => host.stop());

  it("answers under the id that the client chose", async () => {
    const client = await Client.open(host, "/lobby");
    for (const id of [0, "a", true, null, 1.5, Number.MAX_SAFE_INTEGER]) {
      client.send(JSON.stringify({ event: "lobby.leave", id }));
      await client.expect(
        JSON.stringify({
          id,
          error: { kind: "not_found", message: "there is no such client, header, option, timer or service" },
        })
      );
    }
    assert.strictEqual((await client.close(1000, "")).code, 1000);
  });

  it("tells the others", async () => {
    const [anna, berta] = [await Client.open(host, "/lobby"), await Client.open(host, "/lobby")];
    anna.send('{"event":"lobby.create","id":1,"data":{"name":"go","max_players":2}}');
    while (anna.messages.length < 2) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    const made = JSON.parse(anna.messages[1]);
    assert.strictEqual(made.data.players.length, 1);
    anna.messages.length = 0;
    berta.send('{"event":"lobby.join","data":{"name":"go"}}'); // without an id: no answer
    while (anna.messages.length < 1 || berta.messages.length < 1) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.strictEqual(anna.messages[0], berta.messages[0]);
    assert.strictEqual(JSON.parse(berta.messages[0]).event, "lobby.changed");
    await anna.close(1000, "");
    await berta.close(1000, "");
  });
});
