// A TCP proxy that is as bad as networks are: it cuts, delays, throttles, swallows all that comes, and lets nobody in.
"use strict";

const net = require("node:net");

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

class RoughProxy {
  // target: HOST:PORT; may be changed for those who come later.
  static async start(target) {
    const proxy = new RoughProxy();
    Object.assign(proxy, { target, delay_ms: 0, bytes_per_second: Infinity, is_swallowing: false, is_refusing: false });
    proxy.sockets = new Set();
    proxy.came_at = []; // when each came
    proxy.server = net.createServer({ allowHalfOpen: true }, (socket) => proxy.serve(socket));
    await new Promise((resolve) => proxy.server.listen(0, "127.0.0.1", 4096, resolve));
    proxy.address = `127.0.0.1:${proxy.server.address().port}`;
    return proxy;
  }

  serve(client) {
    this.came_at.push(performance.now());
    client.on("error", () => {});
    if (this.is_refusing) {
      client.destroy();
      return;
    }
    const [host, port] = this.target.split(":");
    const server = net.connect({ host, port: Number(port), allowHalfOpen: true });
    server.on("error", () => {});
    for (const [socket, other] of [[client, server], [server, client]]) {
      socket.setNoDelay(true);
      this.sockets.add(socket);
      socket.once("close", () => {
        this.sockets.delete(socket);
        other.destroy();
      });
      this.pump(socket, other).catch(() => other.destroy());
    }
  }

  // One way, in order.
  async pump(from, to) {
    for await (const chunk of from) {
      if (this.is_swallowing) {
        continue;
      }
      if (this.delay_ms > 0) {
        await pause(this.delay_ms * Math.random() * 2);
      }
      const size = Math.min(chunk.length, Math.max(1, this.bytes_per_second / 50));
      for (let at = 0; at < chunk.length; at += size) {
        if (!to.write(chunk.subarray(at, at + size))) {
          await new Promise((resolve) => to.once("drain", resolve).once("close", resolve));
        }
        if (size < chunk.length) {
          await pause(20);
        }
      }
    }
    to.end();
  }

  // Of all connections, without a word.
  cut() {
    for (const socket of this.sockets) {
      socket.resetAndDestroy ? socket.resetAndDestroy() : socket.destroy();
    }
  }

  async stop() {
    this.cut();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

module.exports = { RoughProxy, pause };
