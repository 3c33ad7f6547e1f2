// The chat of the page, in chromium: what people do on it, and what they see.
"use strict";

const assert = require("node:assert");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { after, afterEach, before, describe, it } = require("node:test");
const { Host } = require("../integration/toni_host.js");
const { Browser, connected, hears, join, log, lowContrast, ownName, say } = require("./chromium.js");

const ROOMS = '{ gateway = "rooms"; library = "rooms_gateway.so"; path = "/rooms"; }';
const CHAT = '{ service = "chat"; library = "chat_service.so"; path = "/chat"; }';
const DENIED = [
  '{ service = "nobody"; library = "address_guard.so"; options = { deny = [ "127.0.0.0/8" ]; }; }',
  '{ gateway = "rooms"; library = "rooms_gateway.so"; guards = [ "nobody" ]; refuse = "close"; }',
];
const ECHO = '{ gateway = "echo"; library = "echo_gateway.so"; path = "/echo"; }';

function configuration(websocket, http, ...providers) {
  return `listen = { websocket = "${websocket}"; http = "${http}"; };
workers = 2;
modules = ( { name = "chat"; imports = [ "broadcast" ]; providers = ( ${providers.join(", ")} ); } );
`;
}

const FREE = "127.0.0.1:0";

let browser;
let hosts = []; // of one test, to be stopped after it

// With hooks of its own: node 18 does not hand those of the file down.
function suite(title, body) {
  describe(title, () => {
    before(async () => {
      browser = await Browser.start();
    });
    after(() => browser.stop());
    afterEach(async () => {
      try {
        await browser.closePages();
      } finally {
        await Promise.all(hosts.splice(0).map((host) => host.stop()));
      }
    });
    body();
  });
}

async function startHost(...how) {
  const host = await Host.startWith(configuration(...how));
  hosts.push(host);
  return host;
}

suite("the page", () => {
  let host;
  let url;
  before(async () => {
    host = await Host.startWith(configuration(FREE, FREE, ROOMS, CHAT));
    url = `http://${host.httpAddress}/`;
  });
  after(() => host.stop());

  async function open(options) {
    const page = await browser.open(url, options);
    await connected(page);
    return page;
  }

  async function pair(room) {
    const pages = [await open(), await open()];
    for (const page of pages) {
      await join(page, room);
    }
    return pages;
  }

  it("says who one is", async () => {
    const page = await open();
    assert.strictEqual(await page.title(), "toni: chat");
    await page.getByText(/^You are [0-9a-f]{16}$/).waitFor();
  });

  it("shows one page who joined on another, and both can chat", async () => {
    const first = await open();
    await join(first, "lobby");
    const second = await open();
    await join(second, "lobby");
    const [firstName, secondName] = [await ownName(first), await ownName(second)];
    await log(first, "lobby").getByText(`${secondName} joined`).waitFor();
    assert.strictEqual(await log(second, "lobby").getByText(`${firstName} joined`).count(), 0);

    await say(first, "hello: is [lobby] anybody: there?");
    await hears(second, "lobby", "hello: is [lobby] anybody: there?");
    await hears(first, "lobby", "hello: is [lobby] anybody: there?");
    await say(second, "größe ☃ 🎈 שלום");
    await hears(first, "lobby", "größe ☃ 🎈 שלום");

    const mine = log(first, "lobby").locator(".mine");
    assert.strictEqual(await mine.count(), 1);
    assert.match(await mine.textContent(), new RegExp(`^${firstName} \\(you\\) `));
    const theirs = log(first, "lobby").locator(".message:not(.mine)");
    assert.strictEqual(await theirs.count(), 1);
    assert.match(await theirs.textContent(), new RegExp(`^${secondName} `));
  });

  it("shows markup as text, in messages, names of rooms and names of senders", async () => {
    const markup = [
      "<script>document.title = 'hacked'; alert(1)</script>",
      "<img src=x onerror=\"document.title = 'hacked'; alert(1)\">",
      "<b>bold</b> &amp; &lt;",
      "</div><a href='javascript:alert(1)'>x</a>",
    ];
    const [first, second] = await pair("markup");
    for (const text of markup) {
      await say(first, text);
      await hears(second, "markup", text);
    }
    for (const room of ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>"]) {
      for (const page of [first, second]) {
        await join(page, room);
        await page.getByRole("heading", { name: room, exact: true }).waitFor();
      }
      await say(second, "in there");
      await hears(first, room, "in there");
    }
    const sender = "<img src=x onerror=alert(1)>";
    await fetch(url + "chat/markup", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ sender, message: "<script>alert(2)</script>" }),
    });
    await first.getByRole("button", { name: /^markup/ }).click();
    await hears(first, "markup", "<script>alert(2)</script>");
    await hears(first, "markup", sender);
    for (const page of [first, second]) {
      assert.strictEqual(await page.locator("main script, main img, main b").count(), 0);
      assert.strictEqual(await page.locator("#logs a").count(), 0);
      assert.strictEqual(await page.title(), "toni: chat");
    }
  });

  it("takes names of rooms that look like something else", async () => {
    const names = ["a] b", "a", "two  words", "[x]", "größe 🎈", "[x] joined", "r".repeat(255)];
    const [first, second] = [await open(), await open()];
    for (const name of names) {
      await join(first, name);
      await join(second, name);
    }
    for (const [n, name] of names.entries()) {
      await second.getByRole("button", { name: `Leave ${name}`, exact: true }).waitFor();
      await second.locator("button.choose").nth(n).click();
      await say(second, `said in ${n}`);
      await first.locator("button.choose").nth(n).click();
      await hears(first, name, `said in ${n}`);
    }
  });

  it("refuses names that can't be, and says why", async () => {
    const page = await open();
    const room = page.getByLabel("Name of a room");
    for (const [name, why] of [
      ["", "needs a name"],
      ["   ", "needs a name"],
      ["a:b", "colon"],
      ["r".repeat(256), "256 bytes"],
      ["ö".repeat(128), "256 bytes"],
      ["a\u0085b", "control characters"],
    ]) {
      await room.fill(name);
      await room.press("Enter");
      await page.getByRole("alert").filter({ hasText: why }).waitFor();
      assert.strictEqual(await room.getAttribute("aria-invalid"), "true");
      assert.strictEqual(await page.locator("[role=log]").count(), 0);
    }
    await room.fill("good");
    assert.strictEqual(await room.getAttribute("aria-invalid"), null);
    await room.press("Enter");
    await log(page, "good").getByText("You joined").waitFor();
  });

  it("counts what is said in a room that is not shown", async () => {
    const [first, second] = await pair("one");
    await join(first, "two");
    await say(second, "hello");
    await say(second, "again");
    await first.getByRole("button", { name: "one 2 new", exact: true }).click();
    await hears(first, "one", "again");
    await first.getByRole("button", { name: "one", exact: true }).waitFor();
    assert.ok(await log(first, "one").isVisible());
    assert.strictEqual(await log(first, "two").isVisible(), false);
  });

  it("does not claim to know which room somebody joined", async () => {
    const [first, second] = [await open(), await open()];
    await join(first, "red");
    await join(first, "blue");
    await join(second, "blue");
    await log(first, "blue")
      .getByText(`${await ownName(second)} joined one of your rooms`)
      .waitFor();
  });

  it("leaves a room: nothing more of it is shown", async () => {
    const [first, second] = await pair("exit");
    await join(second, "next");
    await join(first, "next");
    await first.getByRole("button", { name: "Leave exit", exact: true }).click();
    await log(first, "exit").waitFor({ state: "detached" });
    await second.getByRole("button", { name: /^exit/ }).click();
    await say(second, "gone?");
    await hears(second, "exit", "gone?");
    await second.getByRole("button", { name: /^next/ }).click();
    await say(second, "a fence");
    await hears(first, "next", "a fence");
    assert.strictEqual(await first.getByText("gone?").count(), 0);

    await first.getByRole("button", { name: "Leave next", exact: true }).click();
    await first.getByRole("heading", { name: "Welcome" }).waitFor();
    assert.strictEqual(await first.getByLabel(/^Message to /).isVisible(), false);
    await join(first, "exit"); // and comes again
    await second.getByRole("button", { name: /^exit/ }).click();
    await say(first, "back");
    await hears(second, "exit", "back");
  });

  it("keeps a bounded number of lines", async () => {
    const [first, second] = await pair("many");
    await second.evaluate(async () => {
      const { port } = (await (await fetch("/toni.json")).json()).websocket[0];
      const socket = new WebSocket(`ws://${location.hostname}:${port}/rooms`);
      await new Promise((resolve) => (socket.onopen = resolve));
      for (let n = 1; n <= 700; n++) {
        socket.send(`msg:many:line ${n}`);
      }
    });
    await hears(first, "many", "line 700");
    assert.strictEqual(await log(first, "many").locator(":scope > *").count(), 500);
    assert.strictEqual(await first.getByText("line 200", { exact: true }).count(), 0);
    const distance = await log(first, "many").evaluate(
      (element) => element.scrollHeight - element.scrollTop - element.clientHeight
    );
    assert.ok(distance < 40, `the last line is in sight: ${distance}`);
  });

  it("cuts what is too long to be read", async () => {
    const [first, second] = await pair("long");
    await second.evaluate(async () => {
      const { port } = (await (await fetch("/toni.json")).json()).websocket[0];
      const socket = new WebSocket(`ws://${location.hostname}:${port}/rooms`);
      await new Promise((resolve) => (socket.onopen = resolve));
      socket.send("msg:long:" + "y".repeat(1000000));
    });
    const cut = log(first, "long").getByText("… (and 990000 more characters)");
    await cut.waitFor();
    assert.ok((await cut.textContent()).length < 10100);
  });

  it("reads what the gateway says, whatever the rooms are called", async () => {
    const page = await open();
    const id = "0123456789abcdef";
    const cases = [
      ["Connected. Send 'join:<room>' to join a room.", [], { kind: "greeting" }],
      ["Joined room: a b", [], { kind: "joined", room: "a b" }],
      ["Joined room: Joined room: ", [], { kind: "joined", room: "Joined room: " }],
      ["Left room: a: b", [], { kind: "left", room: "a: b" }],
      [`${id} joined`, ["a"], { kind: "arrival", name: id }],
      [`[a] ${id}: b: c`, ["a"], { kind: "spoken", room: "a", name: id, text: "b: c" }],
      [`[a] ${id}: `, ["a"], { kind: "spoken", room: "a", name: id, text: "" }],
      [`[a] ${id}: b\nc\u2028d`, ["a"], { kind: "spoken", room: "a", name: id, text: "b\nc\u2028d" }],
      [`[a] b] ${id}: c`, ["a", "a] b"], { kind: "spoken", room: "a] b", name: id, text: "c" }],
      [`[a] ${id}: b] ${id}: c`, ["a"],
        { kind: "spoken", room: "a", name: id, text: `b] ${id}: c` }],
      [`[a] ${id} joined`, ["a"], { kind: "notice", text: `[a] ${id} joined` }],
      ["[a] ann: hello: you", ["a"], { kind: "spoken", room: "a", name: "ann", text: "hello: you" }],
      ["[a] b] ann: c", ["a", "a] b"], { kind: "spoken", room: "a] b", name: "ann", text: "c" }],
      ["[a] ann: hello", ["b"], { kind: "notice", text: "[a] ann: hello" }],
      [`${id} joined.`, ["a"], { kind: "notice", text: `${id} joined.` }],
      [`${id.toUpperCase()} joined`, ["a"], { kind: "notice", text: `${id.toUpperCase()} joined` }],
      ["", ["a"], { kind: "notice", text: "" }],
    ];
    for (const [text, rooms, wanted] of cases) {
      const found = await page.evaluate(
        async ([text, rooms]) => (await import("/protocol.js")).read(text, rooms),
        [text, rooms]
      );
      assert.deepStrictEqual(found, wanted, text);
    }
  });

  it("waits longer after each failure, never above 30 seconds, and not as others do", async () => {
    const page = await open();
    const delays = await page.evaluate(async () => {
      const { delayAfter } = await import("/connection.js");
      return [...Array(50).keys()].map((n) => [...Array(20)].map(() => delayAfter(n)));
    });
    for (const [n, some] of delays.entries()) {
      const most = Math.min(30000, 500 * 2 ** n);
      assert.ok(some.every((delay) => delay >= most / 2 && delay <= most), String(some));
      assert.ok(new Set(some).size > 1, String(some));
    }
  });

  it("can be used with the keyboard alone", async () => {
    const page = await open();
    const focused = () =>
      page.evaluate(() => {
        const { id, className, ariaLabel, textContent } = document.activeElement;
        return id || ariaLabel || className || textContent;
      });
    const press = async (key, wanted) => {
      await page.keyboard.press(key);
      assert.strictEqual(await focused(), wanted);
    };
    await press("Tab", "nav-chat");
    await page.keyboard.press("Tab"); // the gateway
    await press("Tab", "room");
    await page.keyboard.press("Enter"); // "lobby" is suggested
    await log(page, "lobby").getByText("You joined").waitFor();
    assert.strictEqual(await focused(), "text");
    await page.keyboard.type("by hand");
    await page.keyboard.press("Enter");
    await hears(page, "lobby", "by hand");
    await press("Shift+Tab", "Messages in lobby");
    await press("Shift+Tab", "own-name");
    await page.keyboard.press("Shift+Tab"); // the link to a second tab
    await press("Shift+Tab", "Leave lobby");
    await press("Shift+Tab", "choose");
    const ring = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    assert.strictEqual(ring, "solid");
    await press("Tab", "Leave lobby");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Welcome" }).waitFor();
    assert.strictEqual(await focused(), "room");
  });

  it("gives every control a name, and no two things one id", async () => {
    const page = await open();
    await join(page, "named");
    const found = await page.evaluate(() => {
      const named = (control) =>
        control.getAttribute("aria-label") ||
        (control.labels && [...control.labels].map((label) => label.textContent).join("")) ||
        control.textContent.trim();
      const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
      return {
        nameless: [...document.querySelectorAll("button, input, a, [role=log]")]
          .filter((control) => !named(control))
          .map((control) => control.outerHTML),
        twice: ids.filter((id, n) => ids.indexOf(id) !== n),
        language: document.documentElement.lang,
        pictures: [...document.images].filter((image) => !image.hasAttribute("alt")).length,
      };
    });
    assert.deepStrictEqual(found, { nameless: [], twice: [], language: "en", pictures: 0 });
    for (const [role, name] of [
      ["heading", "toni"],
      ["heading", "Rooms"],
      ["heading", "named"],
      ["textbox", "Name of a room"],
      ["textbox", "Message to named"],
      ["button", "Join"],
      ["button", "Send"],
      ["button", "Leave named"],
      ["log", "Messages in named"],
      ["list", "Your rooms"],
    ]) {
      assert.strictEqual(await page.getByRole(role, { name, exact: true }).count(), 1, name);
    }
  });

  for (const width of [320, 375, 1280]) {
    it(`fits a width of ${width} pixels, whatever is said`, async () => {
      const page = await open({ viewport: { width, height: 640 } });
      const overflow = () => page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok((await overflow()) <= width);
      await join(page, "x".repeat(255));
      await join(page, "wide " + width);
      for (const text of ["w".repeat(3000), "https://example.org/" + "a/".repeat(500), "a\tb"]) {
        await say(page, text);
        await hears(page, "wide " + width, text);
      }
      for (const room of [/^wide/, /^xxx/]) {
        await page.getByRole("button", { name: room }).click();
        assert.ok((await overflow()) <= width, String(await overflow()));
        const wide = await page.evaluate(() =>
          [...document.querySelectorAll("body, main, section, ul, li, h2, label, .log, .choose")]
            .filter((each) => each.checkVisibility() && each.scrollWidth > each.clientWidth)
            .filter((each) => getComputedStyle(each).display !== "inline")
            .map((each) => each.id || each.className || each.tagName)
        );
        assert.deepStrictEqual(wide, []);
      }
      for (const control of await page.getByRole("button").all()) {
        const box = await control.boundingBox();
        assert.ok(box === null || (box.x >= 0 && box.x + box.width <= width), JSON.stringify(box));
      }
    });
  }

  for (const colorScheme of ["light", "dark"]) {
    it(`has enough contrast in the ${colorScheme}`, async () => {
      const [page, other] = [await open({ colorScheme }), await open()];
      for (const each of [page, other]) {
        await join(each, "contrast " + colorScheme);
      }
      await say(page, "mine");
      await say(other, "theirs");
      await hears(page, "contrast " + colorScheme, "theirs");
      await page.getByLabel("Name of a room").fill("a:b");
      await page.getByRole("button", { name: "Join", exact: true }).click();
      assert.deepStrictEqual(await lowContrast(page), []);
    });
  }

  it("moves nothing for who wants no motion", async () => {
    const page = await open({ reducedMotion: "reduce" });
    const names = await page.evaluate(() => {
      document.getElementById("state").dataset.phase = "connecting";
      return getComputedStyle(document.getElementById("state"), "::before").animationName;
    });
    assert.strictEqual(names, "none");
  });

  it("says that it is offline, and is back as soon as the network is", async () => {
    const page = await open({ hostMayGo: true });
    await join(page, "tunnel");
    await page.clock.install(); // nothing comes by waiting
    await page.clock.pauseAt(Date.now() + 1000);
    await page.context().setOffline(true);
    await page.getByRole("status").filter({ hasText: /^Offline; trying again in \d+ s$/ }).waitFor();
    await page.context().setOffline(false);
    await connected(page);
    await log(page, "tunnel").getByText("You are back.").waitFor();
    await say(page, "out again");
    await hears(page, "tunnel", "out again");
  });
});

suite("the page and its host", () => {
  // A restarted host has to have the ports of the one before, as one in production has.
  it("reconnects and rejoins after a restart, and loses nothing that was typed", async () => {
    const old = await startHost(FREE, FREE, ROOMS);
    const url = `http://${old.httpAddress}/`;
    const pages = [];
    for (let n = 0; n < 2; n++) {
      const page = await browser.open(url, { hostMayGo: true });
      await join(page, "first");
      await join(page, "second");
      pages.push(page);
    }
    const nameBefore = await ownName(pages[0]);
    await pages[0].getByLabel(/^Message to /).fill("typed before");
    hosts = [];
    await old.stop();
    for (const page of pages) {
      await page.getByRole("status").filter({ hasText: /^Reconnecting in \d+ s$/ }).waitFor();
      await page.getByRole("button", { name: "second not connected", exact: true }).waitFor();
      assert.ok(await page.getByRole("button", { name: "Send" }).isDisabled());
      await page.getByRole("button", { name: "Try now" }).waitFor();
    }
    await startHost(old.address, old.httpAddress, ROOMS);
    for (const page of pages) {
      await connected(page);
      for (const room of ["first", "second"]) {
        await log(page, room).getByText("You are back.").waitFor({ state: "attached" });
      }
    }
    assert.notStrictEqual(await ownName(pages[0]), nameBefore);
    await pages[0].getByLabel(/^Message to /).press("Enter");
    await hears(pages[1], "second", "typed before");
    await pages[1].getByRole("button", { name: /^first/ }).click();
    await say(pages[1], "in the other room too");
    await pages[0].getByRole("button", { name: "first 1 new", exact: true }).click();
    await hears(pages[0], "first", "in the other room too");
  });

  it("shows why it is not let in", async () => {
    const host = await startHost(FREE, FREE, ...DENIED);
    const page = await browser.open(`http://${host.httpAddress}/`);
    await page.getByRole("alert").filter({ hasText: "The host has ended the connection: 403 " }).waitFor();
    await page.getByRole("status").filter({ hasText: /^Reconnecting in \d+ s$/ }).waitFor();
  });

  it("has a chat as soon as there is a gateway for it", async () => {
    const host = await startHost(FREE, FREE, ECHO);
    const page = await browser.open(`http://${host.httpAddress}/`, { hostMayGo: true });
    await page.getByRole("heading", { name: "echo" }).waitFor();
    assert.strictEqual(await page.getByRole("link", { name: "Chat" }).count(), 0);
    hosts = [];
    await host.stop();
    await startHost(host.address, host.httpAddress, ROOMS, ECHO);
    await page.getByRole("link", { name: "Chat" }).click();
    await connected(page);
    await join(page, "new");
  });

  it("says so where no browser can reach the gateway", async (t) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "toni-browser-"));
    t.after(() => fs.rmSync(folder, { recursive: true }));
    const host = await startHost(`unix:${folder}/ws`, FREE, ROOMS);
    const page = await browser.open(`http://${host.httpAddress}/`);
    await page.getByRole("alert").filter({ hasText: "Unix sockets only" }).waitFor();
  });

  it("shows a join that failed, and stays out of that room", async () => {
    const one = ROOMS.replace("}", "limits = { rooms_per_client = 1; }; }");
    const host = await startHost(FREE, FREE, one);
    const page = await browser.open(`http://${host.httpAddress}/`);
    await join(page, "one");
    await page.getByLabel("Name of a room").fill("too many");
    await page.getByLabel("Name of a room").press("Enter");
    await page.getByRole("alert").filter({ hasText: /^too many: No access to the room/ }).waitFor();
    assert.strictEqual(await log(page, "too many").count(), 0);
    await say(page, "still here");
    await hears(page, "one", "still here");
  });
});
