// What runs on the host: asks it now and then, and tells who wants to know. Not about connections.

const EVERY_MS = 5000;
const SOON_MS = 200;
const ATTEMPT_MS = 10000; // one that takes longer has failed

// All that the page asks its host for lies beside the page, wherever a proxy puts that.
export async function ask(file, parameters = {}) {
  const url = new URL(`.toni/${file}`, document.baseURI);
  url.search = new URLSearchParams(parameters).toString();
  const answer = await fetch(url, { signal: AbortSignal.timeout(ATTEMPT_MS) });
  if (!answer.ok) {
    throw new Error((await answer.text()).trim() || `HTTP ${answer.status}`);
  }
  return answer.json();
}

// Where a gateway is. The page has another port than the gateways, and either may be another one
// after a restart. attempt: which of several ports.
export function addressOf(host, path, attempt = 0) {
  // Of a page that came by HTTPS a browser opens none without TLS. Where the host has none with it, a
  // proxy speaks TLS for it.
  const isSecure = location.protocol === "https:";
  const fitting = host.websocket.filter(({ tls }) => Boolean(tls) === isSecure);
  const ports = fitting.length > 0 ? fitting : host.websocket;
  if (ports.length === 0) {
    return null; // Unix sockets alone
  }
  const { port, tls } = ports[attempt % ports.length];
  const scheme = isSecure || tls ? "wss:" : "ws:";
  const escaped = path.split("/").map(encodeURIComponent).join("/");
  return `${scheme}//${location.hostname}:${port}${escaped}`;
}

// Whether a gateway speaks the language of the chat. Strangers are not told whose plugin it is.
export function isRooms(gateway) {
  return gateway.plugin ? gateway.plugin.name === "rooms" : gateway.path === "/rooms";
}

export class HostWatch {
  // changed(host): what runs; known: whether it answers.
  constructor(changed, answers) {
    this.changed = changed;
    this.answers = answers;
    this.host = null;
    this.timer = 0;
    document.addEventListener("visibilitychange", () => !document.hidden && this.look());
    window.addEventListener("online", () => this.look());
    this.look();
  }

  async look() {
    clearTimeout(this.timer);
    this.timer = 0;
    try {
      this.take(await ask("host.json"));
    } catch {
      this.answers(false);
    }
    clearTimeout(this.timer);
    if (!document.hidden) {
      this.timer = setTimeout(() => this.look(), EVERY_MS);
    }
  }

  // What it has told is not so any more, such as by a connection of this page.
  lookSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.look(), SOON_MS);
  }

  // Also what a connection that looks for its gateway has been told.
  take(host) {
    this.host = host;
    this.answers(true);
    this.changed(host);
  }
}
