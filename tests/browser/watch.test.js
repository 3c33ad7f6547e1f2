// A page that is open while its gateway is changed under `toni run --watch`: its WebSocket stays, and what it is
// answered is new. Nothing else happens to it.
"use strict";

const assert = require("node:assert");
const { spawn } = require("node:child_process");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { it } = require("node:test");
const { DEADLINE_MS } = require("../integration/toni_host.js");
const { Browser } = require("./chromium.js");

const BUILD = path.resolve(process.env.TONI_BUILD);
const INCLUDE = path.resolve(__dirname, "../../include");
const COMPILE =
  `cc -shared -fPIC -fvisibility=hidden -I '${INCLUDE}' -o game.so.new game.c && mv game.so.new game.so`;
const CONF = `listen = { websocket = "127.0.0.1:0"; http = "127.0.0.1:0"; };
watch = { build = "${COMPILE}"; };
plugin_path = [ "." ];
modules = ( { name = "main"; providers = ( { gateway = "game"; library = "game.so"; } ); } );
`;

const source = (answer) => `#include <toni/toni.h>
static int32_t create(toni_context *context, void **self)
{
    (void)context, (void)self;
    return TONI_OK;
}
static int32_t on_message(void *self, toni_client *client, const toni_message *message)
{
    (void)self, (void)message;
    toni_client_sendf(client, "${answer}");
    return TONI_OK;
}
TONI_PLUGIN(.kind = TONI_GATEWAY, .name = TONI_LIT("game"), .path = TONI_LIT("/game"), .create = create,
            .on_message = on_message, );
`;

it("a page that is open sees nothing but the new behaviour", async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "toni-test-"));
  const save = (name, text) => fs.writeFileSync(path.join(folder, name), text);
  save("gateways.conf", CONF);
  save("game.c", source("v1"));
  const watch = spawn(path.join(BUILD, "bin/toni"), ["run", "--allow-root", "--watch"], {
    cwd: folder,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = new Promise((resolve) => watch.once("close", resolve));
  let said = "";
  watch.stderr.setEncoding("utf8").on("data", (text) => (said += text));
  const says = async (pattern) => {
    for (const end = Date.now() + DEADLINE_MS; ; ) {
      const found = pattern.exec(said);
      if (found) {
        return found;
      }
      assert.ok(Date.now() < end, `not said: ${pattern}\n${said}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const browser = await Browser.start();
  try {
    const address = (await says(/protocol=websocket address=(\S+)/))[1];
    const page = await browser.open(`http://${(await says(/protocol=http address=(\S+)/))[1]}/`);
    const ask = () =>
      page.evaluate(
        (url) =>
          new Promise((resolve) => {
            window.game ??= new WebSocket(url);
            window.game.onmessage = (event) => resolve(event.data);
            window.game.onclose = () => resolve("closed");
            const send = () => window.game.send("hello");
            window.game.readyState === WebSocket.OPEN ? send() : (window.game.onopen = send);
          }),
        `ws://${address}/game`
      );
    await says(/ msg="ready" /);
    assert.strictEqual(await ask(), "v1");
    for (const version of ["v2", "v3"]) {
      said = "";
      save("game.c", source(version));
      await says(/watch: saved to served: \d+ ms/);
      assert.strictEqual(await ask(), version);
    }
    await browser.closePages(); // without an error on them
  } finally {
    await browser.stop();
    watch.kill("SIGINT");
    const code = await ended;
    fs.rmSync(folder, { recursive: true, force: true });
    assert.strictEqual(code, 0, said);
  }
});
