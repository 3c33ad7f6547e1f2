// Tokens as pages bring them: a script can set no header field of a WebSocket's handshake, but it can
// offer subprotocols; and the browser sends cookies.
"use strict";

const assert = require("node:assert");
const crypto = require("node:crypto");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { after, before, describe, it } = require("node:test");
const { Host } = require("../integration/toni_host.js");
const { Browser } = require("./chromium.js");

const SECRET = "0123456789abcdef0123456789abcdef";

function token(exp) {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = encode({ alg: "HS256", typ: "JWT" }) + "." + encode({ sub: "ann", exp });
  return signed + "." + crypto.createHmac("sha256", SECRET).update(signed).digest("base64url");
}

const GOOD = token(4000000000);

describe("a page with a token", () => {
  let folder;
  let host;
  let browser;
  let page;
  before(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "toni-test-"));
    const secret = path.join(folder, "secret");
    fs.writeFileSync(secret, SECRET, { mode: 0o600 });
    host = await Host.startWith(`listen = { websocket = "127.0.0.1:0"; http = "127.0.0.1:0"; };
modules = ( { name = "chat"; imports = [ "broadcast" ]; guards = [ "tokens" ]; providers = (
    { service = "tokens"; library = "jwt_guard.so";
      options = { secrets = [ "${secret}" ]; cookie = "session"; }; },
    { gateway = "echo"; library = "echo_gateway.so"; path = "/echo"; },
    { gateway = "closing"; library = "echo_gateway.so"; path = "/closing"; refuse = "close"; } ); } );
`);
    browser = await Browser.start();
    // What a browser writes to its console of a handshake that is refused is what is tested here.
    page = await browser.open(`http://${host.httpAddress}/`, { hostMayGo: true });
  });
  after(async () => {
    await browser.closePages();
    await browser.stop();
    await host.stop();
    fs.rmSync(folder, { recursive: true });
  });

  // What a script gets: an echo and the subprotocol, or the code that it is closed with.
  function connect(...protocols) {
    return connect_to("/echo", ...protocols);
  }

  function connect_to(where, ...protocols) {
    return page.evaluate(
      ([url, names]) =>
        new Promise((resolve) => {
          const socket = new WebSocket(url, names);
          socket.onopen = () => socket.send("hello");
          socket.onmessage = (event) => {
            resolve([event.data, socket.protocol]);
            socket.close();
          };
          socket.onclose = (event) => resolve(event.reason ? `${event.code} ${event.reason}` : event.code);
        }),
      [`ws://${host.address}${where}`, protocols]
    );
  }

  it("is let in by the subprotocol", async () => {
    assert.deepStrictEqual(await connect("bearer", "bearer." + GOOD), ["hello", "bearer"]);
  });

  it("is not let in without one, or with one that has expired", async () => {
    assert.strictEqual(await connect(), 1006);
    assert.strictEqual(await connect("bearer", "bearer." + token(1)), 1006);
  });

  // A browser takes no handshake for one that agrees on none of the subprotocols that a page offers.
  it("is told why, if the gateway refuses by closing", async () => {
    assert.match(String(await connect_to("/closing")), /^1008 401 /);
    assert.match(String(await connect_to("/closing", "bearer", "bearer.none")), /^1008 401 /);
    assert.match(String(await connect_to("/closing", "bearer." + token(1), "chat")), /^1008 401 /);
    assert.deepStrictEqual(await connect_to("/closing", "bearer", "bearer." + GOOD), ["hello", "bearer"]);
  });

  it("is let in by its cookie", async () => {
    await page.evaluate((value) => (document.cookie = "session=" + value), GOOD);
    assert.deepStrictEqual(await connect(), ["hello", ""]);
  });
});
