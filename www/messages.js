// What went both ways on a connection, line by line, with times. However much comes, the page stays
// usable: lines are made once a frame, so many at most, and so many are kept.
import { copyOf, count, element, hexDump, show, sizeOf, timeOf } from "./text.js";

const LINES_KEPT = 500;
const LINES_A_FRAME = 50; // of more that come within one the last are shown
const TEXT_SHOWN = 4000; // characters
const BYTES_SHOWN = 256;
const QUIET_LINES = 10; // more at once are not read aloud
const AT_END_PX = 40;

const WAYS = { in: ["↓", "received"], out: ["↑", "sent"], note: ["·", "note"] };

function bytesOfText(text) {
  return new TextEncoder().encode(text).length;
}

// What is kept of a message until it is shown: a large one is cut at once.
export function shortened(data) {
  if (typeof data === "string") {
    if (data.length <= TEXT_SHOWN) {
      return { text: data };
    }
    return {
      text: copyOf(data.slice(0, TEXT_SHOWN)),
      size: bytesOfText(data),
      more: `${count(data.length - TEXT_SHOWN)} more characters`,
    };
  }
  const bytes = new Uint8Array(data);
  const rest = bytes.length - BYTES_SHOWN;
  return {
    bytes: bytes.slice(0, BYTES_SHOWN),
    size: bytes.length,
    more: rest > 0 ? `${count(rest)} more bytes` : "",
  };
}

export class Messages {
  constructor(name) {
    this.waiting = []; // lines that are to be made in the next frame
    this.skipped = 0;
    this.frame = 0;
    this.counts = { in: 0, out: 0 };
    this.element = element("div", "messages");
    this.log = element("div", "lines");
    this.log.setAttribute("role", "log");
    this.log.setAttribute("aria-label", `Messages of ${name}`);
    this.log.tabIndex = 0; // so that the keyboard can scroll it
    this.element.append(this.makeBar(), this.log);
  }

  makeBar() {
    const bar = element("div", "bar");
    this.totals = element("p", "totals");
    this.wanted = element("input", "");
    this.wanted.type = "search";
    this.wanted.placeholder = "Filter";
    this.wanted.setAttribute("aria-label", "Show only messages that contain");
    this.wanted.addEventListener("input", () => this.filter());
    this.pause = element("button", "small", "Pause");
    this.pause.type = "button";
    this.pause.setAttribute("aria-pressed", "false");
    this.pause.addEventListener("click", () => this.setPaused(!this.isPaused));
    const clear = element("button", "small", "Clear");
    clear.type = "button";
    clear.addEventListener("click", () => this.clear());
    bar.append(this.totals, this.wanted, this.pause, clear);
    this.showTotals();
    return bar;
  }

  get isPaused() {
    return this.pause.getAttribute("aria-pressed") === "true";
  }

  setPaused(isPaused) {
    this.pause.setAttribute("aria-pressed", String(isPaused));
    this.schedule();
  }

  clear() {
    this.waiting.length = 0;
    this.skipped = 0;
    this.counts = { in: 0, out: 0 };
    this.log.replaceChildren();
    this.showTotals();
  }

  // way: "in", "out" or "note". content: as of shortened(), or {text}. kind: a word; about: what it
  // belongs to, such as the event; tone: "good" or "odd".
  add(way, content, { kind = "", about = "", tone = "" } = {}) {
    if (way !== "note") {
      this.counts[way]++;
    }
    this.waiting.push({ at: Date.now(), way, content, kind, about, tone });
    if (this.waiting.length > LINES_KEPT) {
      this.skipped += this.waiting.length - LINES_KEPT;
      this.waiting.splice(0, this.waiting.length - LINES_KEPT);
    }
    this.schedule();
  }

  schedule() {
    if (this.frame === 0) {
      this.frame = requestAnimationFrame(() => {
        this.frame = 0;
        this.flush();
      });
    }
  }

  flush() {
    this.showTotals();
    if (this.isPaused || this.waiting.length === 0) {
      return;
    }
    const excess = Math.max(0, this.waiting.length - LINES_A_FRAME);
    const lines = this.waiting.splice(0).slice(excess).map((line) => this.makeLine(line));
    this.skipped += excess;
    const { log } = this;
    const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < AT_END_PX;
    log.setAttribute("aria-live", lines.length > QUIET_LINES ? "off" : "polite");
    this.noteSkipped();
    log.append(...lines);
    while (log.childElementCount > LINES_KEPT) {
      log.firstElementChild.remove();
    }
    if (isAtEnd) {
      log.scrollTop = log.scrollHeight;
    }
  }

  // One line for all that were left out one after the other.
  noteSkipped() {
    if (this.skipped === 0) {
      return;
    }
    const text = `${count(this.skipped)} messages came too fast to be shown`;
    this.log.append(
      this.makeLine({ at: Date.now(), way: "note", content: { text }, kind: "", about: "", tone: "" })
    );
    this.skipped = 0;
  }

  showTotals() {
    const held = this.isPausedWith();
    this.totals.textContent = `${count(this.counts.out)} sent · ${count(this.counts.in)} received${held}`;
  }

  isPausedWith() {
    const held = this.waiting.length;
    return this.pause && this.isPaused && held > 0 ? ` · ${count(held)} held back` : "";
  }

  makeLine({ at, way, content, kind, about, tone }) {
    const line = element("div", `line ${way} ${tone}`.trim());
    const time = element("time", "", timeOf(at));
    time.dateTime = new Date(at).toISOString();
    const sign = element("span", "way", WAYS[way][0]);
    sign.setAttribute("role", "img");
    sign.setAttribute("aria-label", WAYS[way][1]);
    const body = element("div", "body");
    if (kind !== "" || about !== "") {
      const head = element("p", "about");
      head.append(element("span", "kind", kind), " ", show(element("bdi", ""), about));
      body.append(head);
    }
    body.append(makeContent(content));
    line.append(time, sign, body);
    if (way !== "note") {
      line.append(element("span", "size", sizeOf(content.size ?? bytesOfText(content.text))));
    }
    this.judge(line);
    return line;
  }

  filter() {
    for (const line of this.log.children) {
      this.judge(line);
    }
    this.log.scrollTop = this.log.scrollHeight;
  }

  judge(line) {
    const wanted = this.wanted.value.toLowerCase();
    line.hidden = wanted !== "" && !line.textContent.toLowerCase().includes(wanted);
  }
}

function makeContent({ text, bytes, more }) {
  const made = element("div", bytes ? "content bytes" : "content");
  made.dir = "auto";
  if (bytes) {
    made.dir = "ltr";
    made.textContent = bytes.length > 0 ? hexDump(bytes) : "(empty)";
  } else if (text === "") {
    made.textContent = "(empty)";
    made.classList.add("none");
  } else {
    show(made, text);
  }
  if (more) {
    made.append(element("span", "more", `… and ${more}`));
  }
  return made;
}
