// The pages of the examples, each with the gateways.conf that stands beside it; two pages where two see
// each other. TONI_SCREENSHOTS=FOLDER keeps how they look, in the light and in the dark.
"use strict";

const assert = require("node:assert");
const fs = require("node:fs");
const path = require("node:path");
const { after, afterEach, before, describe, it } = require("node:test");
const { Host } = require("../integration/toni_host.js");
const { Browser } = require("./chromium.js");

const EXAMPLES = path.resolve(__dirname, "../../examples");
const BUILD = path.resolve(process.env.TONI_BUILD);
const NASTY = `<img src=x onerror="alert(1)">&amp;`; // must be seen as it is

function startExample(name) {
  const folder = path.join(EXAMPLES, name);
  const text = fs
    .readFileSync(path.join(folder, "gateways.conf"), "utf8")
    .replace(/127\.0\.0\.1:\d+/g, "127.0.0.1:0")
    .replace(/plugin_path = .*;/, `plugin_path = [ "${path.join(BUILD, "examples", name)}" ];`)
    .replace(/file = "(\w+\.html)"/, `file = "${folder}/$1"`);
  return Host.startWith(text);
}

async function keepLook(page, name) {
  const folder = process.env.TONI_SCREENSHOTS;
  for (const colorScheme of folder ? ["dark", "light"] : []) {
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: path.join(folder, `${name}-${colorScheme}.png`) });
  }
}

describe("the page of the example", () => {
  let browser;
  let host;
  before(async () => (browser = await Browser.start()));
  after(() => browser.stop());
  afterEach(async () => {
    try {
      await browser.closePages();
    } finally {
      await host.stop();
    }
  });

  const open = (where) => browser.open(`http://${host.httpAddress}${where}`, { viewport: { width: 800, height: 600 } });

  it("presence counts a user once, and says who came and went", async () => {
    host = await startExample("presence");
    const ann = await open("/presence");
    await ann.getByLabel("I am").fill("ann");
    await ann.getByRole("button", { name: "Come in" }).click();
    await ann.getByText("Connected as ann.").waitFor();
    const nasty = `/presence?user=${encodeURIComponent(NASTY)}`;
    const [bob, again] = [await open(nasty), await open(nasty)];
    await again.getByText(`Connected as ${NASTY}.`).waitFor();
    const users = ann.getByRole("list", { name: "Users" }).getByRole("listitem");
    await users.filter({ hasText: NASTY }).waitFor();
    assert.strictEqual(await users.count(), 2);
    await ann.getByText(`${NASTY} came`, { exact: true }).waitFor();
    await keepLook(ann, "presence");
    await bob.context().close();
    await again.context().close();
    await ann.getByText(`${NASTY} has gone`, { exact: true }).waitFor();
    assert.deepStrictEqual(await users.allTextContents(), ["ann"]);
    assert.strictEqual(await ann.getByText("came").count(), 1);
  });

  it("cursors shows where the other one is, until that has gone", async () => {
    host = await startExample("cursors");
    const [one, two] = [await open("/cursors"), await open("/cursors")];
    await two.getByText("Connected. Open").waitFor();
    const board = await two.locator("#board").boundingBox();
    await two.mouse.move(board.x + board.width / 4, board.y + board.height / 2);
    const cursor = one.locator(".cursor");
    await cursor.waitFor({ state: "attached" });
    const place = () => cursor.evaluate(({ style }) => [style.left, style.top].map((part) => Math.round(parseFloat(part))));
    assert.deepStrictEqual(await place(), [25, 50]);
    await two.mouse.move(board.x + board.width * 0.75, board.y + board.height * 0.25, { steps: 20 });
    await one.waitForFunction(() => Math.round(parseFloat(document.querySelector(".cursor").style.left)) === 75);
    assert.deepStrictEqual(await place(), [75, 25]);
    await one.getByText("with 1 more").waitFor();
    await keepLook(one, "cursors");
    await two.context().close();
    await cursor.waitFor({ state: "detached" });
  });

  it("live_poll shows votes as they come", async () => {
    host = await startExample("live_poll");
    const [asker, voter] = [await open("/poll"), await open("/poll#lunch")];
    await voter.getByText("There is no poll of that name.").waitFor();
    await asker.getByLabel("A poll of your own").fill("lunch");
    await asker.getByLabel("Choices, a line each").fill(`Pizza 1, 2 or 3\n\n${NASTY}\nSoup`);
    await asker.getByRole("button", { name: "Ask" }).click();
    await asker.getByText("0 votes.").waitFor();
    await voter.reload();
    await voter.getByRole("button", { name: NASTY }).click();
    await asker.getByRole("button", { name: "Pizza 1, 2 or 3" }).click();
    for (const page of [asker, voter]) {
      await page.getByText("2 votes.").waitFor();
      const choices = page.getByRole("group", { name: "Choices" }).getByRole("button");
      assert.deepStrictEqual(await choices.allTextContents(), ["Pizza 1, 2 or 31", `${NASTY}1`, "Soup0"]);
    }
    await keepLook(asker, "live_poll");
    await asker.getByRole("button", { name: "End the poll" }).click();
    await voter.getByText("2 votes, and over.").waitFor();
  });

  it("log_tail shows lines, and those alone that are asked for", async () => {
    host = await startExample("log_tail");
    const page = await open("/tail");
    await page.getByText("Connected: waiting for lines.").waitFor();
    const append = (text) => fs.appendFileSync(path.join(host.folder, "example.log"), text);
    append(`first\n${NASTY}\n`);
    await page.getByRole("log").getByText(NASTY, { exact: true }).waitFor();
    await page.getByLabel("Only lines with").fill("second");
    append("a second\nanother\n");
    await page.getByText("Connected: 4 lines.").waitFor();
    const shown = page.getByRole("log").locator("div:visible");
    assert.deepStrictEqual(await shown.allTextContents(), ["a second"]);
    await page.getByLabel("Only lines with").fill("");
    assert.strictEqual(await shown.count(), 4);
    await keepLook(page, "log_tail");
  });

  it("sse shows what is said on the other page", async () => {
    host = await startExample("sse");
    const [one, two] = [await open("/news"), await open("/news")];
    await one.getByText("Reading.").waitFor();
    await two.getByText("Reading.").waitFor();
    for (const text of [NASTY, "and that"]) {
      await two.getByLabel("Text").fill(text);
      await two.getByRole("button", { name: "Send" }).click();
      await one.getByRole("log").getByText(text, { exact: true }).waitFor();
    }
    assert.deepStrictEqual(await one.getByRole("log").locator("p").allTextContents(), ["and that", NASTY]);
    await keepLook(one, "sse");
  });
});
