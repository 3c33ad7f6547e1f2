// The page as a workbench, in chromium: what runs, a console for each gateway, events, rooms, and what
// strangers sent.
"use strict";

const assert = require("node:assert");
const fs = require("node:fs");
const path = require("node:path");
const { after, afterEach, before, describe, it } = require("node:test");
const { Client, Host } = require("../integration/toni_host.js");
const { Browser, connected, hears, join, log, lowContrast, say } = require("./chromium.js");

const FIXTURES = path.resolve(process.env.TONI_BUILD, "tests", "fixtures");
const FREE = "127.0.0.1:0";

function provider(name, more = "", library = `${name}_gateway.so`) {
  return `{ gateway = "${name}"; library = "${library}"; path = "/${name}"; ${more} }`;
}

function configuration({ websocket = FREE, http = FREE, listen = "" }, ...providers) {
  return `listen = { websocket = "${websocket}"; http = "${http}"; ${listen} };
workers = 1;
plugin_path = [ "${FIXTURES}" ];
limits = { message_bytes = 33554432; outbox_bytes = 134217728; outbox_messages = 1000000;
  pending_bytes_per_room = 67108864; };
modules = ( { name = "main"; imports = [ "broadcast" ]; providers = ( ${providers.join(", ")} ); } );
`;
}

// --- What people do in a console, and see

function view(page) {
  return page.locator(".gateway:not([hidden])");
}

function pill(page) {
  return view(page).getByRole("status").first();
}

function textField(page) {
  return view(page).locator(".composer textarea").first();
}

async function connect(page) {
  await page.getByRole("button", { name: "Connect", exact: true }).click();
  await pill(page).filter({ hasText: /^Connected$/ }).waitFor();
}

function lines(page, name) {
  return page.getByRole("log", { name: `Messages of ${name}` }).locator(".line");
}

async function sendText(page, text) {
  await textField(page).fill(text);
  await page.getByRole("button", { name: "Send", exact: true }).click();
}

// Elements that people see, in the colour of errors or as an alert.
function alarms(page) {
  return page.evaluate(() => {
    const probe = document.createElement("p");
    probe.className = "fault";
    document.body.append(probe);
    const red = getComputedStyle(probe).color;
    probe.remove();
    const isSeen = (one) => one.checkVisibility() && one.textContent.trim() !== "";
    return [...document.querySelectorAll("body *")]
      .filter((one) => isSeen(one) && (getComputedStyle(one).color === red || one.role === "alert"))
      .map((one) => one.outerHTML.slice(0, 200));
  });
}

describe("the workbench", () => {
  let browser;
  let host;
  let hosts = []; // of one test
  let url;
  before(async () => {
    browser = await Browser.start();
    host = await Host.startWith(
      configuration({}, provider("rooms", "list_rooms = true;"), provider("echo"), provider("lobby"), provider("probe"))
    );
    url = `http://${host.httpAddress}/`;
  });
  after(async () => {
    await browser.stop();
    await host.stop();
  });
  afterEach(async () => {
    try {
      await browser.closePages();
    } finally {
      await Promise.all(hosts.splice(0).map((one) => one.stop()));
    }
  });

  async function start(...how) {
    const made = await Host.startWith(configuration(...how));
    hosts.push(made);
    return made;
  }

  it("shows what runs by the gateways.conf that is shipped", async () => {
    const shipped = fs
      .readFileSync(path.join(__dirname, "..", "..", "gateways.conf"), "utf8")
      .replace(/127\.0\.0\.1:\d+/g, FREE);
    const made = await Host.startWith(shipped);
    hosts.push(made);
    const page = await browser.open(`http://${made.httpAddress}/`);
    await connected(page);
    const names = await page.locator("#gateways .name").allTextContents();
    assert.deepStrictEqual(names, ["rooms", "echo", "announce"]);
    await join(page, "lobby");
    await page.getByRole("link", { name: /^rooms/ }).click();
    await page.locator(".room").filter({ hasText: "lobby" }).waitFor(); // its rooms may be listed by this file
    assert.deepStrictEqual(await alarms(page), []);
  });

  it("has nothing red where somebody's own gateway runs, and no rooms", async () => {
    const made = await start({}, provider("mine", "", "echo_gateway.so"));
    const page = await browser.open(`http://${made.httpAddress}/`);
    await page.getByRole("heading", { name: "mine" }).waitFor();
    assert.deepStrictEqual(await alarms(page), []);
    await connect(page);
    await sendText(page, "hello");
    await lines(page, "mine").filter({ hasText: "hello" }).nth(1).waitFor();
    assert.deepStrictEqual(await alarms(page), []);
    assert.strictEqual(await page.getByRole("link", { name: "Chat" }).count(), 0);
    assert.strictEqual(await page.title(), "toni: mine");
  });

  it("counts this page's own connection at once, not when it next asks what runs", async () => {
    const page = await browser.open(`${url}#/gateway/echo`);
    await page.route("**/host.js", async (route) => {
      const answer = await route.fetch();
      const body = (await answer.text()).replace(/(EVERY_MS =) \d+/, "$1 3600000");
      await route.fulfill({ response: answer, body });
    });
    await page.reload();
    const facts = view(page).getByText(/plugin echo/);
    await facts.filter({ hasText: "0 clients" }).waitFor();
    await connect(page);
    await facts.filter({ hasText: "1 client" }).waitFor();
    await page.getByRole("button", { name: "Disconnect" }).click();
    await facts.filter({ hasText: "0 clients" }).waitFor();
  });

  it("tells a stranger where the gateways are, and no more", async () => {
    const made = await start({ listen: 'workbench = "nobody";' }, provider("lobby"));
    const page = await browser.open(`http://${made.httpAddress}/`);
    await page.getByText("rooms are not shown here").waitFor();
    assert.strictEqual(await page.getByText("lobby.create").count(), 0);
    await connect(page);
    assert.deepStrictEqual(await alarms(page), []);
  });

  it("talks both ways, with times; filters, pauses and clears", async () => {
    const page = await browser.open(url + "#/gateway/echo");
    await connect(page);
    await sendText(page, "one");
    await sendText(page, "two\nlines");
    const all = lines(page, "echo");
    await all.filter({ hasText: "two" }).nth(1).waitFor();
    const shown = await all.allTextContents();
    for (const line of shown) {
      assert.match(line, /^\d\d:\d\d:\d\d\.\d{3}/);
    }
    assert.deepStrictEqual(shown.map((line) => line.slice(12)), [
      "·connected", "↑one3 B", "↓one3 B", "↑two\nlines9 B", "↓two\nlines9 B",
    ]);
    await page.getByLabel("Show only messages that contain").fill("TWO");
    await page.waitForFunction(() => document.querySelectorAll(".line:not([hidden])").length === 2);
    await page.getByLabel("Show only messages that contain").fill("");
    await page.getByRole("button", { name: "Pause" }).click();
    await sendText(page, "three");
    await page.getByText("2 held back").waitFor();
    assert.strictEqual(await all.filter({ hasText: "three" }).count(), 0);
    await page.getByRole("button", { name: "Pause" }).click();
    await all.filter({ hasText: "three" }).nth(1).waitFor();
    await page.getByRole("button", { name: "Clear" }).click();
    assert.strictEqual(await all.count(), 0);
    // Another view leaves the connection alone.
    await page.getByRole("link", { name: /^lobby/ }).click();
    await page.getByRole("heading", { name: "lobby" }).waitFor();
    await page.getByRole("link", { name: /^echo/ }).click();
    await sendText(page, "still there");
    await all.filter({ hasText: "still there" }).nth(1).waitFor();
    await page.getByRole("button", { name: "Disconnect" }).click();
    await all.filter({ hasText: "closed: 1000, a normal end" }).waitFor();
    assert.ok(await page.getByRole("button", { name: "Send", exact: true }).isDisabled());
  });

  it("sends bytes, as hexadecimal digits and from a file", async () => {
    const page = await browser.open(url + "#/gateway/echo");
    await connect(page);
    await page.getByRole("radio", { name: "Binary" }).check();
    const hex = page.getByLabel("Bytes in hexadecimal");
    const send = page.getByRole("button", { name: "Send", exact: true });
    await hex.fill("00 f");
    await send.click();
    await page.getByRole("alert").filter({ hasText: "two hexadecimal digits" }).waitFor();
    await hex.fill("00 ff 41 <");
    await send.click();
    assert.strictEqual(await lines(page, "echo").count(), 1); // that it is connected
    await hex.fill("0x00, ff 41");
    await send.click();
    const came = lines(page, "echo").filter({ hasText: "↓" });
    await came.filter({ hasText: /binary.*0000 {2}00 ff 41 .*··A3 B$/s }).waitFor();
    await page.getByLabel("A file to send").setInputFiles({
      name: "noise", mimeType: "application/octet-stream", buffer: Buffer.alloc(100000, 7),
    });
    await page.getByText("noise, 98 KiB").waitFor();
    await send.click();
    await came.filter({ hasText: /and 99,744 more bytes98 KiB$/ }).waitFor();
  });

  it("calls an event of the lobby, and shows its answer with it", async () => {
    const page = await browser.open(url + "#/gateway/lobby");
    await connect(page);
    const panel = page.locator(".panel");
    await panel.getByText("integer 2 to 16").waitFor();
    await panel.getByRole("button", { name: "lobby.create" }).click();
    const data = page.getByLabel("data", { exact: true });
    assert.deepStrictEqual(JSON.parse(await data.inputValue()), { max_players: 2, name: "x" });
    await data.fill('{"max_players": 12, "name": "red"}');
    await data.press("Control+Enter");
    const all = lines(page, "lobby");
    await all.filter({ hasText: /^[^]*↓answer to 1 lobby\.create, after [\d.]+ ms\{/ }).filter({ hasText: '"name":"red"' }).waitFor();
    await all.filter({ hasText: "↓event lobby.changed" }).waitFor();
    // The next one has another id, and fails; both are told.
    await page.getByRole("button", { name: "Send", exact: true }).click();
    await all.filter({ hasText: "↓error to 2 lobby.create" }).filter({ hasText: "conflict" }).waitFor();
    await data.fill("{");
    await page.getByRole("button", { name: "Send", exact: true }).click();
    await page.getByRole("alert").filter({ hasText: "data is no JSON" }).waitFor();
  });

  for (const colorScheme of ["light", "dark"]) {
    it(`has enough contrast in the ${colorScheme}`, async () => {
      const page = await browser.open(url + "#/gateway/lobby", { colorScheme });
      await page.getByText("From a terminal").click();
      await connect(page);
      await page.getByLabel("Event", { exact: true }).last().fill("token");
      await page.getByRole("button", { name: "Send", exact: true }).click();
      await lines(page, "lobby").filter({ hasText: "error to 1 token" }).waitFor();
      await page.getByRole("radio", { name: "Text" }).check();
      await sendText(page, "odd\u202e");
      await lines(page, "lobby").filter({ hasText: "error to null" }).waitFor();
      assert.deepStrictEqual(await lowContrast(page), []);
    });
  }

  it("lists rooms and who is in them, where the gateway allows it", async () => {
    const talker = await Client.open(host, "/rooms");
    await talker.read();
    const name = await talker.join("<b>bold</b> & ‮odd");
    const page = await browser.open(url + "#/gateway/rooms");
    const room = page.locator(".room").filter({ hasText: "<b>bold</b> & \\u202eodd" });
    await room.locator("summary").click();
    await room.getByText(name, { exact: true }).waitFor();
    for (let n = 0; n < 60; n++) {
      await talker.join(`room ${n}`);
    }
    await page.getByRole("button", { name: "Refresh the rooms" }).click();
    await page.getByRole("button", { name: "More rooms" }).click();
    await page.waitForFunction(() => document.querySelectorAll(".room").length === 61);
    await page.getByRole("link", { name: /^echo/ }).click();
    assert.ok(!(await page.locator(".room").first().isVisible()));
    await talker.close();
  });

  it("shows what strangers send as text, whatever it is", async () => {
    const page = await browser.open(url + "#/gateway/echo");
    await connect(page);
    const odd = [
      "<img src=x onerror=\"document.title='hacked'\">",
      '{"a": "</script><script>alert(1)</script>"}',
      "left‮right",
      "zero\u0000 bell\u0007 esc\u001b[31m",
    ];
    const shown = [odd[0], odd[1], "left\\u202eright", "zero\\u0000 bell\\u0007 esc\\u001b[31m"];
    for (const [n, text] of odd.entries()) {
      await page.evaluate((value) => {
        document.querySelector(".composer textarea").value = value;
        document.querySelector(".composer").requestSubmit();
      }, text);
      await lines(page, "echo").filter({ hasText: shown[n] }).nth(1).waitFor();
    }
    assert.strictEqual(await page.title(), "toni: echo");
    assert.strictEqual(await page.locator(".lines img, .lines script").count(), 0);
    assert.strictEqual(await page.locator(".lines .escape").count(), 8);
  });

  it("bears a flood, and a message of 16 MiB", async () => {
    const page = await browser.open(url + "#/gateway/rooms");
    await connect(page);
    await sendText(page, "join:flood");
    await lines(page, "rooms").filter({ hasText: "Joined room: flood" }).waitFor();
    const talker = await Client.open(host, "/rooms");
    await talker.read();
    await talker.join("flood");
    const many = 8000;
    for (let n = 0; n < many; n++) {
      talker.send(`msg:flood:number ${n}`);
    }
    await lines(page, "rooms").filter({ hasText: `number ${many - 1}` }).waitFor();
    assert.ok((await lines(page, "rooms").count()) <= 500);
    await page.getByText(/messages came too fast to be shown/).first().waitFor({ state: "attached" });
    await view(page).locator(".totals").filter({ hasText: /· 8,00\d received/ }).waitFor();

    talker.send("msg:flood:" + "x".repeat(16 * 1024 * 1024));
    const large = lines(page, "rooms").filter({ hasText: /more characters16 MiB$/ });
    await large.waitFor();
    assert.ok((await large.textContent()).length < 5000);
    await talker.close();
  });

  it("comes back when the host does, and says when it can't", async () => {
    const old = await start({}, provider("mine", "", "echo_gateway.so"));
    const page = await browser.open(`http://${old.httpAddress}/`, { hostMayGo: true });
    await connect(page);
    hosts = [];
    await old.stop();
    await pill(page).filter({ hasText: /^Connecting again in \d+ s$/ }).waitFor();
    await page.getByText("The host does not answer").waitFor();
    const again = { websocket: old.address, http: old.httpAddress };
    await start(again, provider("mine", "", "echo_gateway.so"), provider("more", "", "echo_gateway.so"));
    await pill(page).filter({ hasText: /^Connected$/ }).waitFor();
    await page.getByRole("link", { name: /^more/ }).waitFor();
    await sendText(page, "back");
    await lines(page, "mine").filter({ hasText: "back" }).nth(1).waitFor();
    // One that refuses is not asked again and again.
    await page.getByRole("button", { name: "Disconnect" }).click();
    await page.getByLabel("Address").fill(`ws://${old.address}/nowhere`);
    await page.getByRole("button", { name: "Connect", exact: true }).click();
    await lines(page, "mine").filter({ hasText: "the handshake failed" }).waitFor();
    await pill(page).filter({ hasText: /^Not connected$/ }).waitFor();
    await page.getByLabel("Address").fill("http://x");
    await page.getByRole("button", { name: "Connect", exact: true }).click();
    await page.getByRole("alert").filter({ hasText: "ws:// or wss://" }).waitFor();
  });

  it("writes down what a browser can't do, for a shell", async () => {
    const page = await browser.open(url + "#/gateway/echo");
    await page.getByLabel("Query").fill("room=a b&c='d'");
    await page.getByLabel("Subprotocols").fill("v2, v1");
    await page.getByText("From a terminal").click();
    await page.getByLabel(/^Header fields/).fill("Authorization: Bearer it's\nno field");
    const curl = await page.locator(".command code").first().textContent();
    assert.ok(curl.includes("-H 'Sec-WebSocket-Protocol: v2, v1'"), curl);
    assert.ok(curl.includes("-H 'Authorization: Bearer it'\\''s'"), curl);
    assert.ok(!curl.includes("no field"), curl);
    assert.ok(curl.endsWith(` 'http://${host.address}/echo?room=a%20b&c=%27d%27'`), curl);
    assert.ok(await page.getByText(`python3 -m websockets 'ws://${host.address}/echo?room=`).isVisible());
  });

  it("takes a name in the chat, that the others see", async () => {
    const pages = [];
    for (let n = 0; n < 2; n++) {
      const page = await browser.open(url);
      await connected(page);
      await join(page, "names");
      pages.push(page);
    }
    const [first, second] = pages;
    const own = first.getByLabel("Your name");
    await own.fill("<b>");
    await first.getByRole("alert").filter({ hasText: "can't hold <" }).waitFor();
    await own.fill("Ann ☃");
    await say(first, "hello <b>there</b>");
    await hears(second, "names", "hello <b>there</b>");
    const by = log(second, "names").locator(".message .by");
    assert.match(await by.textContent(), /^Ann ☃ [0-9a-f]{16} /);
    await first.reload();
    await connected(first);
    assert.strictEqual(await own.inputValue(), "Ann ☃");
    await say(second, "<x> y> z");
    await log(second, "names").locator(".mine .by").filter({ hasText: /^x [0-9a-f]{16} \(you\)/ }).waitFor();
  });

  it("can be used by the keyboard alone, on a narrow screen, in the dark", async () => {
    const page = await browser.open(url + "#/gateway/lobby", {
      viewport: { width: 380, height: 800 }, colorScheme: "dark",
    });
    await page.getByRole("heading", { name: "lobby" }).waitFor();
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    const nameless = await page.evaluate(() =>
      [...document.querySelectorAll("button, input, textarea, a")]
        .filter((one) => one.checkVisibility())
        .filter((one) => !(one.ariaLabel || one.textContent.trim() || (one.labels && one.labels.length > 0)))
        .map((one) => one.outerHTML)
    );
    assert.deepStrictEqual(nameless, []);
    await page.getByRole("button", { name: "Connect", exact: true }).press("Enter");
    await pill(page).filter({ hasText: /^Connected$/ }).waitFor();
    await page.getByRole("radio", { name: "Event" }).press("ArrowLeft");
    assert.ok(await page.getByLabel("Bytes in hexadecimal").isVisible());
    await page.getByRole("radio", { name: "Binary" }).press("ArrowLeft");
    await textField(page).fill("hello");
    await page.keyboard.press("Enter");
    await lines(page, "lobby").filter({ hasText: "bad_request" }).waitFor();
  });
});
