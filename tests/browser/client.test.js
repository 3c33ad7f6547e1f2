// @toni/client (sdk/js) in Chromium, through a proxy that is as bad as networks are; and its example, which people see.
"use strict";

const assert = require("node:assert");
const fs = require("node:fs");
const http = require("node:http");
const path = require("node:path");
const { after, afterEach, before, describe, it } = require("node:test");
const { Host, within } = require("../integration/toni_host.js");
const { RoughProxy } = require("../integration/rough_proxy.js");
const { Browser } = require("./chromium.js");

const FOLDER = path.resolve(process.env.TONI_BUILD, "sdk", "js");
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".json": "application/json" };

describe("the client in a browser", () => {
  let host;
  let proxy;
  let files;
  let browser;
  let site;

  before(async () => {
    host = await Host.startWith(`listen = { websocket = "127.0.0.1:0"; };
modules = (
  { name = "lobby"; imports = [ "broadcast" ]; namespace = "lobby"; providers = (
    { gateway = "lobby"; library = "lobby_gateway.so"; } ); },
  { name = "chat"; imports = [ "broadcast" ]; providers = (
    { gateway = "rooms"; library = "rooms_gateway.so"; },
    { gateway = "echo"; library = "echo_gateway.so"; } ); }
);
`);
    proxy = await RoughProxy.start(host.address);
    files = http.createServer((request, response) => {
      const file = path.join(FOLDER, new URL(request.url, "http://x").pathname);
      const has = file.startsWith(FOLDER) && fs.statSync(file, { throwIfNoEntry: false })?.isFile();
      response.writeHead(has ? 200 : 204, has ? { "Content-Type": TYPES[path.extname(file)] } : {});
      response.end(has ? fs.readFileSync(file) : undefined);
    });
    await new Promise((resolve) => files.listen(0, "127.0.0.1", resolve));
    site = `http://127.0.0.1:${files.address().port}`;
    browser = await Browser.start();
  });
  afterEach(async () => {
    await browser.closePages();
    proxy.is_swallowing = proxy.is_refusing = false;
  });
  after(async () => {
    await browser.stop();
    files.closeAllConnections?.();
    files.close();
    await proxy.stop();
    await host.stop();
  });

  const open = (where) => browser.open(site + where, { hostMayGo: true });

  it("two people use the example, and one of them is cut", async () => {
    const [anna, berta] = [await open(`/example/index.html?host=${proxy.address}`), await open(`/example/index.html?host=${host.address}`)];
    for (const page of [anna, berta]) {
      await page.getByRole("status").filter({ hasText: /^connected$/ }).waitFor();
    }
    async function say(page, text) {
      await page.getByLabel("Message", { exact: true }).fill(text);
      await page.getByRole("button", { name: "Send" }).click();
    }
    await say(berta, "here");
    await berta.getByText(/: here$/).waitFor(); // so she is in the room
    await say(anna, "<b>hello</b>");
    await berta.getByText(/^[0-9a-f]{16}: <b>hello<\/b>$/).waitFor();
    proxy.is_refusing = true;
    proxy.cut();
    await anna.getByRole("status").filter({ hasText: /^not connected; again in \d+\.\d s$/ }).waitFor();
    await say(anna, "said while away");
    proxy.is_refusing = false;
    await berta.getByText(/said while away$/).waitFor();
    await anna.getByText(/said while away$/).waitFor(); // it is in the room again
    if (process.env.TONI_SCREENSHOT) {
      await anna.screenshot({ path: process.env.TONI_SCREENSHOT });
    }
  });

  it("calls, errors, and a connection that dies", async () => {
    const page = await open("/package.json");
    const got = page.evaluate(async (url) => {
      const { Connection, Events } = await import("/dist/index.js");
      const connection = new Connection(url, {
        backoff: { first_ms: 100 },
        heartbeat: { every_ms: 200, timeout_ms: 400 },
        connect_ms: 500,
      });
      const ends = (window.ends = []);
      connection.on("state", ({ name, why }) => ends.push(why?.code ?? name));
      const events = new Events(connection);
      const lobby = await events.call("lobby.create", { name: "go", max_players: 2 });
      const error = await events.call("lobby.start").catch((error) => error);
      window.has_begun = true;
      while (!ends.includes("dead")) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      const again = await events.call("lobby.create", { name: "again", max_players: 2 });
      connection.close();
      return { names: [lobby.name, again.name], error: [error.constructor.name === error.name, error.code, error.message], ends };
    }, `ws://${proxy.address}/lobby`);
    await page.waitForFunction(() => window.has_begun);
    proxy.is_swallowing = true;
    await page.waitForFunction(() => window.ends.includes("dead"));
    proxy.is_swallowing = false;
    const { names, error, ends } = await within(got, "what the page does");
    assert.deepStrictEqual(names, ["go", "again"]);
    assert.deepStrictEqual(error, [true, "conflict", "you are alone"]);
    assert.strictEqual(ends[0], "open");
    assert.ok(ends.lastIndexOf("open") > ends.indexOf("dead"), `${ends}`);
  });

  it("keeps the order of text and binary, whatever is cut", async () => {
    const page = await open("/package.json");
    const cutting = setInterval(() => proxy.cut(), 200);
    const got = page.evaluate(async (url) => {
      const { Connection } = await import("/dist/index.min.js");
      const connection = new Connection(url, { backoff: { first_ms: 50 } });
      let socket = 0;
      connection.on("state", ({ name }) => (socket += name === "open"));
      const socket_of = [];
      const came = [];
      connection.on("message", (data) => came.push(typeof data === "string" ? Number(data) : new Uint32Array(data)[0]));
      for (let n = 0; n < 600; n++) {
        const data = n % 2 === 0 ? String(n) : new Uint32Array([n]);
        void connection.send(data).then(() => (socket_of[n] = socket));
        if (n % 3 === 0) {
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
        if (n === 500) {
          window.is_nearly_done = true;
        }
      }
      for (let last; last !== "end"; ) {
        last = await new Promise((resolve) => {
          const off = connection.on("message", () => (off(), resolve(came.at(-1) === 599 ? "end" : "")));
          void connection.send("599");
        });
      }
      connection.close();
      return { came, socket_of };
    }, `ws://${proxy.address}/echo`);
    await page.waitForFunction(() => window.is_nearly_done);
    clearInterval(cutting);
    const { came, socket_of } = await within(got, "all messages");
    const once = came.slice(0, came.indexOf(599) + 1);
    assert.deepStrictEqual(once, [...new Set(once)].sort((a, b) => a - b), "twice, or out of order");
    assert.ok(new Set(socket_of).size > 2, "nothing was cut");
    assert.strictEqual(socket_of.filter((value) => value > 0).length, 600);
  });
});
