// Starts Debian's chromium for the tests, and opens the host's page in it. Each page has a session of
// its own, as two people would have. What a page writes to its console as an error fails the test.
"use strict";

const assert = require("node:assert");
const { chromium } = require("playwright-core");
const { DEADLINE_MS } = require("../integration/toni_host.js");

const ARGUMENTS = [
  "--no-sandbox", // tests run as root too
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

// What a browser itself says of a host that is not there.
const HOST_IS_GONE = /net::ERR_|WebSocket connection to .* failed/;

class Browser {
  static async start() {
    const made = new Browser();
    made.browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ARGUMENTS });
    made.sessions = [];
    return made;
  }

  // options.hostMayGo: that a host is not there is no error then. The rest is playwright's.
  async open(url, { hostMayGo = false, ...options } = {}) {
    const context = await this.browser.newContext(options);
    this.sessions.push(context);
    context.setDefaultTimeout(DEADLINE_MS);
    const page = await context.newPage();
    page.errors = [];
    page.on("pageerror", (error) => page.errors.push(String(error)));
    page.on("dialog", (dialog) => {
      page.errors.push("a dialog: " + dialog.message());
      dialog.dismiss();
    });
    page.on("console", (message) => {
      const isExpected = hostMayGo && HOST_IS_GONE.test(message.text());
      if (["error", "warning"].includes(message.type()) && !isExpected) {
        page.errors.push(message.text());
      }
    });
    await page.goto(url);
    return page;
  }

  // To be called after each test: closes all pages, and fails if one had errors.
  async closePages() {
    const errors = this.sessions.flatMap((context) =>
      context.pages().flatMap((page) => page.errors || [])
    );
    for (const context of this.sessions.splice(0)) {
      await context.close();
    }
    assert.deepStrictEqual(errors, []);
  }

  async stop() {
    await this.browser.close();
  }
}

// --- What a person does on the page, and sees

async function connected(page) {
  await page.getByRole("status").filter({ hasText: /^Connected$/ }).waitFor();
}

// Waits until the room has been joined, and who joined is known.
async function join(page, room) {
  await page.getByLabel("Name of a room").fill(room);
  await page.getByRole("button", { name: "Join", exact: true }).click();
  await log(page, room).getByText("You joined").waitFor();
}

// That of a room which is not shown is hidden, but there.
function log(page, room) {
  const name = `Messages in ${room}`;
  return page.getByRole("log", { name, exact: true, includeHidden: true });
}

async function say(page, text) {
  await page.getByLabel(/^Message to /).fill(text);
  await page.getByLabel(/^Message to /).press("Enter");
}

// Waits for a message, which nobody else's words around it make one.
async function hears(page, room, text) {
  await log(page, room).getByText(text, { exact: true }).last().waitFor();
}

async function ownName(page) {
  return page.locator("#name").textContent();
}

// Texts that are shown with a contrast below 4.5 to 1 to what is behind them (WCAG 2.2, section 1.4.3).
function lowContrast(page) {
  return page.evaluate(() => {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 1;
    const pixel = canvas.getContext("2d", { willReadFrequently: true });
    const light = (colors) => {
      for (const color of colors) {
        pixel.fillStyle = color;
        pixel.fillRect(0, 0, 1, 1);
      }
      const [r, g, b] = [...pixel.getImageData(0, 0, 1, 1).data].map((c) =>
        c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4
      );
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (one) =>
      one ? [...behind(one.parentElement), getComputedStyle(one).backgroundColor] : [];
    return [...document.querySelectorAll("body *")]
      .filter((one) => one.checkVisibility())
      .filter((one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
      .map((one) => {
        const pair = [light(behind(one)), light([getComputedStyle(one).color])];
        const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
        return { text: one.textContent, ratio };
      })
      .filter(({ ratio }) => ratio < 4.5);
  });
}

module.exports = { Browser, connected, hears, join, log, lowContrast, ownName, say };
