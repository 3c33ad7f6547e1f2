// One WebSocket, for as long as it is wanted: finds it, opens it, and opens it again when it was lost.
// Not about what is said on it.

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 30000;
const ATTEMPT_MS = 10000; // one that takes longer has failed
const STEADY_MS = 5000; // one that lasts so long is no part of a series of failures
const GOING_AWAY = 1001; // closes up to this are no trouble
const LOST = 1006; // RFC 6455, section 7.4.1: there was no close frame
const COMES_BACK = [GOING_AWAY, LOST, 1012, 1013]; // the host ends, or starts anew

// Doubles each time, up to a limit; half of it is chance, so that many pages don't come back at once.
export function delayAfter(failures) {
  const most = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** failures);
  return most / 2 + (Math.random() * most) / 2;
}

export class Connection {
  // find(attempt): {url, protocols}, or {missing: why}; asked before each attempt.
  // handlers.state(phase, detail, said): "connecting"; "connected"; "waiting", until this time of
  // performance.now(), and what the host said, or ""; "missing", why; "closed", the code, the reason,
  // for one that is not tried again. handlers.message(data): what came, text or an ArrayBuffer.
  // isPatient: goes on trying whatever happens; else only where it was open, and the host may be back.
  constructor(find, handlers, isPatient = true) {
    this.find = find;
    this.handlers = handlers;
    this.isPatient = isPatient;
    this.socket = null;
    this.attempts = 0; // all of them: which port is next
    this.failures = 0; // in a row
    this.timer = 0;
    this.wasOpen = false;
    this.end = new AbortController();
    const { signal } = this.end;
    window.addEventListener("online", () => this.retry(), { signal });
    // Else it could take minutes until the loss is noticed.
    window.addEventListener("offline", () => this.socket && this.lose(this.socket), { signal });
    document.addEventListener("visibilitychange", () => !document.hidden && this.retry(), { signal });
    this.open();
  }

  get isOpen() {
    return this.socket !== null && this.socket.readyState === WebSocket.OPEN;
  }

  // Whether it was sent; what is not sent is not kept.
  send(data) {
    if (this.isOpen) {
      this.socket.send(data);
    }
    return this.isOpen;
  }

  // At once, if it waits.
  retry() {
    if (this.timer !== 0) {
      this.open();
    }
  }

  // For good.
  close() {
    const { socket } = this;
    this.isPatient = false;
    this.wasOpen = false;
    clearTimeout(this.timer);
    this.timer = 0;
    this.end.abort();
    if (socket) {
      socket.close(1000);
    } else {
      this.handlers.state("closed", 1000, "");
    }
  }

  async open() {
    clearTimeout(this.timer);
    this.timer = 0;
    this.handlers.state("connecting");
    let found;
    try {
      found = await this.find(this.attempts++);
    } catch {
      this.wait();
      return;
    }
    if (this.end.signal.aborted) {
      return;
    }
    if (found.missing) {
      this.handlers.state("missing", found.missing);
      this.timer = setTimeout(() => this.open(), LONGEST_DELAY_MS);
      return;
    }
    this.openSocket(found);
  }

  openSocket({ url, protocols = [] }) {
    const socket = new WebSocket(url, protocols);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    const late = setTimeout(() => this.lose(socket), ATTEMPT_MS);
    let steady = 0;
    socket.addEventListener("open", () => {
      clearTimeout(late);
      steady = setTimeout(() => (this.failures = 0), STEADY_MS);
      if (this.socket === socket) {
        this.wasOpen = true;
        this.handlers.state("connected", socket.protocol);
      }
    });
    socket.addEventListener("message", (event) => {
      if (this.socket === socket) {
        this.handlers.message(event.data);
      }
    });
    socket.addEventListener("close", ({ code, reason }) => {
      clearTimeout(late);
      clearTimeout(steady);
      this.lose(socket, code, reason);
    });
  }

  // The reason is what the host has said, such as a guard of a gateway with refuse = "close".
  lose(socket, code = LOST, reason = "") {
    if (this.socket !== socket) {
      return; // another one took its place
    }
    this.socket = null;
    socket.close();
    if (this.isPatient || (this.wasOpen && COMES_BACK.includes(code))) {
      this.wait(code > GOING_AWAY ? reason : "", code);
    } else {
      this.end.abort();
      this.handlers.state("closed", code, reason);
    }
  }

  wait(why = "", code = LOST) {
    if (this.end.signal.aborted) {
      return;
    }
    const delay = delayAfter(this.failures++);
    this.timer = setTimeout(() => this.open(), delay);
    this.handlers.state("waiting", performance.now() + delay, why, code);
  }
}
