// The same connection from a terminal: for header fields, which a page can't set, and for what the
// host answers to a handshake, which a browser keeps to itself.
import { button, element, labelled, shellWord } from "./text.js";

const KEY = "dGhlIHNhbXBsZSBub25jZQ=="; // the example key of RFC 6455

// `Name: value` of each line; what has no colon is none.
function fieldsOf(text) {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => /^[^\s:]+:/u.test(line));
}

// As a browser writes it, with what has to be percent-encoded.
function hrefOf(url) {
  return URL.canParse(url) ? new URL(url).href : url;
}

function curlLine(url, protocols, fields) {
  const all = [
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Key: ${KEY}`,
    ...(protocols.length > 0 ? [`Sec-WebSocket-Protocol: ${protocols.join(", ")}`] : []),
    ...fields,
  ];
  const headers = all.map((field) => `-H ${shellWord(field)}`).join(" ");
  return `curl -i -N --http1.1 ${headers} ${shellWord(hrefOf(url).replace(/^ws/u, "http"))}`;
}

function makeLine(title, about) {
  const made = element("div", "command");
  const code = element("code", "");
  code.tabIndex = 0; // so that the keyboard can scroll it
  code.setAttribute("aria-label", title);
  const copied = element("span", "unseen");
  copied.setAttribute("role", "status");
  const copy = button("small", "Copy", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      copied.textContent = "Copied";
      copy.textContent = "Copied";
      setTimeout(() => (copy.textContent = "Copy"), 1500);
    } catch {
      getSelection().selectAllChildren(code); // a page that came by HTTP may have no clipboard
    }
  });
  copy.setAttribute("aria-label", `Copy: ${title}`);
  const head = element("p", "");
  head.append(element("strong", "", title), ` ${about}`);
  const row = element("div", "row");
  row.append(code, copy, copied);
  made.append(head, row);
  return { made, code };
}

export class Elsewhere {
  // where(): the address that would be connected to, and its subprotocols.
  constructor(where) {
    this.where = where;
    this.element = element("details", "elsewhere");
    this.fields = element("textarea", "");
    this.fields.rows = 2;
    this.fields.spellcheck = false;
    this.fields.placeholder = "Authorization: Bearer TOKEN";
    this.curl = makeLine("curl", "shows how the host answers the handshake; header fields go along.");
    this.python = makeLine(
      "python3 -m websockets",
      "talks; it takes no header fields and no subprotocols. Debian’s python3-websockets has it."
    );
    this.element.append(
      element("summary", "", "From a terminal, with header fields"),
      labelled("Header fields that a browser can’t set, one on each line", this.fields),
      this.curl.made,
      this.python.made
    );
    this.fields.addEventListener("input", () => this.update());
    this.element.addEventListener("toggle", () => this.update());
  }

  update() {
    const { url, protocols } = this.where();
    this.curl.code.textContent = curlLine(url, protocols, fieldsOf(this.fields.value));
    this.python.code.textContent = `python3 -m websockets ${shellWord(hrefOf(url))}`;
  }
}
