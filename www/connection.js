// One WebSocket to the rooms gateway, for as long as the page is open: finds it, opens it, and opens
// it again when it was lost. Not about what is said on it.

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 30000;
const ATTEMPT_MS = 10000; // one that takes longer has failed
const STEADY_MS = 5000; // one that lasts so long is no part of a series of failures
const GOING_AWAY = 1001; // closes up to this are no trouble
const PATH = "/rooms";

// Doubles each time, up to a limit; half of it is chance, so that many pages don't come back at once.
export function delayAfter(failures) {
  const most = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** failures);
  return most / 2 + (Math.random() * most) / 2;
}

// The page has another port than the gateways, and either may be another one after a restart: so
// the host is asked each time.
async function findGateway(attempt) {
  const answer = await fetch("/toni.json", { signal: AbortSignal.timeout(ATTEMPT_MS) });
  if (!answer.ok) {
    throw new Error(`/toni.json: HTTP ${answer.status}`);
  }
  const host = await answer.json();
  if (!host.gateways.some((gateway) => gateway.path === PATH)) {
    return {
      missing:
        `This host has no gateway at ${PATH}. Add rooms_gateway.so with ` +
        `path = "${PATH}" to its gateways.conf, and start it again.`,
    };
  }
  if (host.websocket.length === 0) {
    return {
      missing:
        "This host takes WebSocket clients on Unix sockets only, where no browser can reach it. " +
        "Add an IP address to listen.websocket in its gateways.conf, and start it again.",
    };
  }
  // Of a page that came by HTTPS a browser opens none without TLS. Where the host has none with it, a
  // proxy speaks TLS for it.
  const isSecure = location.protocol === "https:";
  const fitting = host.websocket.filter(({ tls }) => Boolean(tls) === isSecure);
  const ports = fitting.length > 0 ? fitting : host.websocket;
  const { port, tls } = ports[attempt % ports.length];
  const scheme = isSecure || tls ? "wss:" : "ws:";
  return { url: `${scheme}//${location.hostname}:${port}${PATH}` };
}

export class Connection {
  // handlers.state(phase, detail): "connecting"; "connected"; "waiting", until this time of
  // performance.now(), and what the host said, or ""; "missing", why. handlers.text(text): what came.
  constructor(handlers) {
    this.handlers = handlers;
    this.socket = null;
    this.attempts = 0; // all of them: which port is next
    this.failures = 0; // in a row
    this.timer = 0;
    window.addEventListener("online", () => this.retry());
    // Else it could take minutes until the loss is noticed.
    window.addEventListener("offline", () => this.socket && this.lose(this.socket));
    document.addEventListener("visibilitychange", () => !document.hidden && this.retry());
    this.open();
  }

  get isOpen() {
    return this.socket !== null && this.socket.readyState === WebSocket.OPEN;
  }

  // Whether it was sent; what is not sent is not kept.
  send(text) {
    if (this.isOpen) {
      this.socket.send(text);
    }
    return this.isOpen;
  }

  // At once, if it waits.
  retry() {
    if (this.timer !== 0) {
      this.open();
    }
  }

  async open() {
    clearTimeout(this.timer);
    this.timer = 0;
    this.handlers.state("connecting");
    let found;
    try {
      found = await findGateway(this.attempts++);
    } catch {
      this.wait();
      return;
    }
    if (found.missing) {
      this.handlers.state("missing", found.missing);
      this.timer = setTimeout(() => this.open(), LONGEST_DELAY_MS);
      return;
    }
    this.openSocket(found.url);
  }

  openSocket(url) {
    const socket = new WebSocket(url);
    this.socket = socket;
    const late = setTimeout(() => this.lose(socket), ATTEMPT_MS);
    let steady = 0;
    socket.addEventListener("open", () => {
      clearTimeout(late);
      steady = setTimeout(() => (this.failures = 0), STEADY_MS);
      if (this.socket === socket) {
        this.handlers.state("connected");
      }
    });
    socket.addEventListener("message", (event) => {
      if (this.socket === socket && typeof event.data === "string") {
        this.handlers.text(event.data);
      }
    });
    socket.addEventListener("close", ({ code, reason }) => {
      clearTimeout(late);
      clearTimeout(steady);
      this.lose(socket, code > GOING_AWAY ? reason : "");
    });
  }

  // why: what the host has said, such as a guard of a gateway with refuse = "close".
  lose(socket, why = "") {
    if (this.socket !== socket) {
      return; // another one took its place
    }
    this.socket = null;
    socket.close();
    this.wait(why);
  }

  wait(why = "") {
    const delay = delayAfter(this.failures++);
    this.timer = setTimeout(() => this.open(), delay);
    this.handlers.state("waiting", performance.now() + delay, why);
  }
}
