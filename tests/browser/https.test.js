// The page over HTTPS, in chromium: it finds the port that speaks TLS, and people chat over wss.
"use strict";

const assert = require("node:assert");
const { execFileSync } = require("node:child_process");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { after, before, describe, it } = require("node:test");
const { Host } = require("../integration/toni_host.js");
const { Browser, connected, hears, join, say } = require("./chromium.js");

describe("the page over HTTPS", () => {
  let folder;
  let host;
  let browser;
  before(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "toni-test-"));
    const [key, certificate] = ["host.key", "host.pem"].map((name) => path.join(folder, name));
    execFileSync("openssl", [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"],
      ...["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
    ], { stdio: "ignore" });
    fs.chmodSync(key, 0o600);
    const tls = `{ address = "127.0.0.1:0"; tls = { certificate = "${certificate}"; key = "${key}"; }; }`;
    host = await Host.startWith(`listen = { websocket = ( "127.0.0.1:0", ${tls} ); http = ${tls}; };
modules = ( { name = "chat"; imports = [ "broadcast" ]; providers = (
    { gateway = "rooms"; library = "rooms_gateway.so"; path = "/rooms"; } ); } );
`);
    browser = await Browser.start();
  });
  after(async () => {
    await browser.closePages();
    await browser.stop();
    await host.stop();
    fs.rmSync(folder, { recursive: true });
  });

  it("two people chat", async () => {
    const pages = [];
    for (let i = 0; i < 2; i++) {
      const page = await browser.open(`https://${host.httpAddress}/`, { ignoreHTTPSErrors: true });
      await connected(page);
      await join(page, "lobby");
      pages.push(page);
    }
    const { websocket } = await pages[0].evaluate(async () => (await fetch("/toni.json")).json());
    assert.deepStrictEqual(websocket.map(({ tls }) => Boolean(tls)), [false, true]);
    await say(pages[0], "hello over TLS");
    await hears(pages[1], "lobby", "hello over TLS");
  });
});
