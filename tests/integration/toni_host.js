// Starts and stops `toni` for the tests that are written for node.
"use strict";

const assert = require("node:assert");
const { execFileSync, spawn } = require("node:child_process");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const WebSocket = require("ws");

const build = process.env.TONI_BUILD;
if (!build) {
  throw new Error("TONI_BUILD is not set: name the build folder, such as build/dev");
}

const sanitizer = process.env.TONI_SANITIZER || "";
const slowness = { asan: 3, tsan: 5 }[sanitizer] || 1;
const DEADLINE_MS = 15000 * slowness;
const GREETING = "Connected. Send 'join:<room>' to join a room.";

function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("in vain: " + what)), DEADLINE_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// TONI_TLS=1: the same suites over TLS, with an authority of their own.
let material;

function ownMaterial() {
  if (!material) {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "toni-tls-"));
    process.once("exit", () => fs.rmSync(folder, { recursive: true, force: true }));
    material = { certificate: path.join(folder, "own.pem"), key: path.join(folder, "own.key") };
    execFileSync(
      "openssl",
      [
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "7",
        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
        "-keyout", material.key, "-out", material.certificate,
      ],
      { stdio: "ignore" }
    );
    fs.chmodSync(material.key, 0o600);
  }
  return material;
}

function listenAddress() {
  if (!process.env.TONI_TLS) {
    return '"127.0.0.1:0"';
  }
  const { certificate, key } = ownMaterial();
  return `{ address = "127.0.0.1:0"; tls = { certificate = "${certificate}"; key = "${key}"; }; }`;
}

function configuration(workers, limits = "") {
  return `listen = { websocket = ${listenAddress()}; };
workers = ${workers};
${limits}
modules = (
  { name = "chat"; imports = [ "broadcast" ];
    providers = (
      { gateway = "rooms"; library = "rooms_gateway.so"; path = "/rooms"; },
      { gateway = "echo"; library = "echo_gateway.so"; path = "/echo"; }
    ); }
);
`;
}

class Host {
  static start(workers, limits) {
    return Host.startWith(configuration(workers, limits));
  }

  // With a gateways.conf of the test's own.
  static async startWith(text) {
    const host = new Host();
    host.folder = fs.mkdtempSync(path.join(os.tmpdir(), "toni-test-"));
    const conf = path.join(host.folder, "gateways.conf");
    fs.writeFileSync(conf, text);
    host.process = spawn(path.resolve(build, "bin", "toni"), ["run", "--allow-root", "-c", conf], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    process.once("exit", () => host.process.kill("SIGKILL"));
    host.log = "";
    host.exited = new Promise((resolve) => host.process.once("close", resolve));
    await within(
      new Promise((resolve, reject) => {
        host.process.stderr.setEncoding("utf8");
        host.process.stderr.on("data", (text) => {
          host.log += text;
          if (/ msg="ready" /.test(host.log)) {
            resolve();
          }
        });
        host.exited.then(() => reject(new Error("toni ended:\n" + host.log)));
      }),
      "start"
    );
    host.address = / msg="listening" protocol=websocket address=(\S+)/.exec(host.log)[1];
    host.httpAddress = (/ msg="listening" protocol=http address=(\S+)/.exec(host.log) || [])[1];
    return host;
  }

  // Exit code 0 and a log of log lines without errors are demanded.
  async stop() {
    this.process.kill("SIGTERM");
    try {
      assert.strictEqual(await within(this.exited, "stop"), 0, this.log);
    } finally {
      this.process.kill("SIGKILL");
      fs.rmSync(this.folder, { recursive: true, force: true });
    }
    for (const line of this.log.split("\n").filter(Boolean)) {
      assert.match(line, /^time=\S+ level=(debug|info|warn) msg=/);
    }
  }
}

// A client of the library, whose messages can be waited for one by one.
class Client {
  static open(host, where, options = {}) {
    const client = new Client();
    client.messages = [];
    client.waiting = [];
    client.socket = process.env.TONI_TLS
      ? new WebSocket(`wss://${host.address}${where}`, {
          ca: fs.readFileSync(ownMaterial().certificate),
          ...options,
        })
      : new WebSocket(`ws://${host.address}${where}`, options);
    client.socket.on("message", (data, isBinary) => {
      client.messages.push(isBinary ? data : data.toString("utf8"));
      client.wake();
    });
    client.closed = new Promise((resolve) => {
      client.socket.once("close", (code, reason) => {
        client.end = { code, reason: reason.toString("utf8") };
        client.wake();
        resolve(client.end);
      });
    });
    return within(
      new Promise((resolve, reject) => {
        client.socket.once("open", () => resolve(client));
        client.socket.once("error", reject);
        client.socket.once("unexpected-response", (_, response) => {
          reject(new Error("HTTP " + response.statusCode));
        });
      }),
      "handshake"
    );
  }

  wake() {
    const waiting = this.waiting;
    this.waiting = [];
    waiting.forEach((resolve) => resolve());
  }

  // Waits until so many messages have come.
  async arrived(count) {
    while (this.messages.length < count) {
      assert.ok(!this.end, `closed with ${JSON.stringify(this.end)}`);
      await within(
        new Promise((resolve) => this.waiting.push(resolve)),
        `${count} messages; ${this.messages.length} came, the last ${this.messages.at(-1)}`
      );
    }
  }

  async read() {
    await this.arrived(1);
    return this.messages.shift();
  }

  async expect(...wanted) {
    for (const message of wanted) {
      assert.deepStrictEqual(await this.read(), message);
    }
  }

  send(...messages) {
    messages.forEach((message) => this.socket.send(message));
  }

  async join(room) {
    this.send("join:" + room);
    await this.expect("Joined room: " + room);
    const [, name] = /^(\S+) joined$/.exec(await this.read());
    return name;
  }

  async fence() {
    this.send("leave:fence");
    await this.expect("Left room: fence");
  }

  async close(code = 1000, reason = "") {
    this.socket.close(code, reason);
    return within(this.closed, "close");
  }
}

async function chat(host) {
  const client = await Client.open(host, "/rooms");
  await client.expect(GREETING);
  return client;
}

module.exports = { Client, DEADLINE_MS, Host, GREETING, chat, listenAddress, sanitizer, within };
