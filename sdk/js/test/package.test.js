// What is packed: all that package.json promises, nothing else, and small enough.
import assert from "node:assert";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { it } from "node:test";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("..", import.meta.url));
const MOST_BYTES = 7168;

const read = (name) => fs.readFileSync(FOLDER + name);
const { dependencies, exports, sideEffects, types } = JSON.parse(read("package.json"));

it(`the minified bundle is at most ${MOST_BYTES} bytes, gzipped`, () => {
  const size = (name) => execFileSync("gzip", ["-9"], { input: read(name) }).length;
  console.log(`gzip -9: index.min.js ${size("dist/index.min.js")} bytes, index.js ${size("dist/index.js")}`);
  assert.ok(size("dist/index.min.js") <= MOST_BYTES, `${size("dist/index.min.js")} bytes`);
});

it("needs nothing, and has no side effects", () => {
  assert.strictEqual(dependencies, undefined);
  assert.strictEqual(sideEffects, false);
  for (const name of ["dist/index.js", "dist/index.min.js"]) {
    assert.doesNotMatch(String(read(name)), /^\s*import\b|\bimport\(/m);
  }
});

it("both bundles have the same names, and each export has its types", async () => {
  const [plain, minified] = [await import("@toni/client"), await import("@toni/client/min")];
  assert.deepStrictEqual(Object.keys(plain), Object.keys(minified));
  assert.strictEqual(new minified.ToniError("x", "y").name, "ToniError"); // for people, minified or not
  for (const target of [exports["."], exports["./min"], { types, default: exports["./package.json"] }]) {
    assert.strictEqual(Object.keys(target)[0], "types"); // or TypeScript does not see it
    Object.values(target).forEach((file) => read(file));
  }
});

it("npm pack takes the bundles, the types, the example and the README", () => {
  const [{ files }] = JSON.parse(execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], { cwd: FOLDER, stdio: ["ignore", "pipe", "ignore"] }));
  const names = files.map(({ path }) => path);
  for (const name of ["README.md", "package.json", "dist/index.js", "dist/index.min.js", "dist/index.d.ts", "example/index.html"]) {
    assert.ok(names.includes(name), `${name} is not packed`);
  }
  const others = names.filter((name) => !/^(dist\/\w+(\.d\.ts|(\.min)?\.js)|README\.md|package\.json|example\/index\.html)$/.test(name));
  assert.deepStrictEqual(others, []);
});

it("the example is one that fits on a screen or two", () => {
  assert.ok(String(read("example/index.html")).split("\n").length - 1 <= 60);
});
