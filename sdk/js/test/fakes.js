// A WebSocket and a clock that do what a test says.

export class FakeSocket {
  static made = [];
  static get last() {
    return FakeSocket.made.at(-1);
  }

  constructor(url, protocols) {
    Object.assign(this, { url, protocols, readyState: 0, bufferedAmount: 0, sent: [], closed: undefined });
    FakeSocket.made.push(this);
  }
  send(data) {
    if (this.readyState !== 1) {
      throw new Error("send() on a socket that is not open");
    }
    this.sent.push(data);
  }
  close(code, reason) {
    this.closed ??= { code, reason };
    this.readyState = 2;
  }

  // --- What the other side does
  open() {
    this.readyState = 1;
    this.onopen?.({});
  }
  say(message) {
    this.onmessage?.({ data: typeof message === "object" && !(message instanceof ArrayBuffer) ? JSON.stringify(message) : message });
  }
  end(code = 1006, reason = "") {
    this.readyState = 3;
    this.onerror?.({});
    this.onclose?.({ code, reason });
  }
  refuse(message = "") {
    this.readyState = 3;
    this.onerror?.({ message });
    this.onclose?.({ code: 1006, reason: "" });
  }
  get said() {
    return this.sent.map((text) => JSON.parse(text));
  }
}

// What would be uncaught exceptions, from now on to the end of the test.
export function faults_reported() {
  const faults = [];
  globalThis.queueMicrotask = (run) => {
    try {
      run();
    } catch (error) {
      faults.push(error.message);
    }
  };
  return faults;
}

const real = { queueMicrotask, setTimeout, clearTimeout, now: performance.now, random: Math.random };

// Lets all promises that can be settled be so.
export const settle = () => new Promise((resolve) => setImmediate(resolve));

export class Clock {
  constructor() {
    this.now = 0;
    this.timers = new Map();
    let last = 0;
    globalThis.setTimeout = (run, ms = 0) => {
      this.timers.set(++last, { run, due: this.now + ms });
      return last;
    };
    globalThis.clearTimeout = (id) => this.timers.delete(id);
    Object.defineProperty(performance, "now", { value: () => this.now, configurable: true, writable: true });
    Math.random = () => 0.5;
  }

  async advance(ms) {
    const until = this.now + ms;
    for (;;) {
      await settle();
      const due = Math.min(...[...this.timers.values()].map((timer) => timer.due));
      if (due > until) {
        break;
      }
      this.now = Math.max(this.now, due);
      for (const [id, timer] of this.timers) {
        if (timer.due === due && this.timers.delete(id)) {
          timer.run();
        }
      }
    }
    this.now = until;
    await settle();
  }

  // All timers come late, as after a computer has slept.
  async sleep(ms) {
    this.now += ms;
    await this.advance(0);
  }

  restore() {
    const { setTimeout, clearTimeout, queueMicrotask } = real;
    Object.assign(globalThis, { setTimeout, clearTimeout, queueMicrotask });
    Object.defineProperty(performance, "now", { value: real.now, configurable: true, writable: true });
    Math.random = real.random;
  }
}
