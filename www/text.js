// Texts of strangers as they are shown: as text, never as markup, with what can't be seen, or turns
// other text around, written as an escape. And bytes, sizes, times and words of a shell.

// Control characters, line and paragraph separators, and what changes the direction of text (UAX #9)
// or takes no room at all. The joiners stay: they are a part of words and of pictures.
const UNSEEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/gu;

function escapeOf(character) {
  return "\\u" + character.codePointAt(0).toString(16).padStart(4, "0");
}

// The text with escapes, for attributes and titles.
export function visible(text) {
  return text.toWellFormed ? text.toWellFormed().replace(UNSEEN, escapeOf) : text.replace(UNSEEN, escapeOf);
}

export function element(tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

// Fills an element with a stranger's text. What is escaped looks different from what was written so.
export function show(target, text) {
  const parts = [];
  let from = 0;
  for (const found of text.matchAll(UNSEEN)) {
    parts.push(text.slice(from, found.index), element("span", "escape", escapeOf(found[0])));
    from = found.index + found[0].length;
  }
  target.replaceChildren(...parts, text.slice(from));
  return target;
}

// A stranger's text, whose direction must not disturb its neighbours.
export function stranger(tag, className, text) {
  const made = show(element(tag, className), text);
  made.dir = "auto";
  return made;
}

// A part that does not keep the whole in memory, as a slice does in today's engines.
export function copyOf(text) {
  return new TextDecoder().decode(new TextEncoder().encode(text));
}

export function button(className, text, onClick) {
  const made = element("button", className, text);
  made.type = "button";
  made.addEventListener("click", onClick);
  return made;
}

let fields = 0;

// A label and what it is for, in one element.
export function labelled(text, control, className = "field") {
  const made = element("div", className);
  const label = element("label", "", text);
  control.id = control.id || `field-${++fields}`;
  label.htmlFor = control.id;
  made.append(label, control);
  return made;
}

export function timeOf(ms) {
  const at = new Date(ms);
  const two = (number) => String(number).padStart(2, "0");
  const day = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return `${day}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

export function sizeOf(bytes) {
  if (bytes < 1024) {
    return `${bytes} B`;
  }
  const [unit, divisor] = bytes < 1024 * 1024 ? ["KiB", 1024] : ["MiB", 1024 * 1024];
  const size = bytes / divisor;
  return `${size < 10 ? size.toFixed(1) : Math.round(size)} ${unit}`;
}

export function count(number) {
  return number.toLocaleString("en");
}

// --- Bytes

// The bytes that hexadecimal digits stand for, whatever is between them; null: they are none.
export function bytesOf(text) {
  const digits = text.replace(/0x|[\s,:_-]/giu, "");
  if (digits.length % 2 !== 0 || /[^0-9a-f]/iu.test(digits)) {
    return null;
  }
  return Uint8Array.from(digits.match(/../gu) || [], (pair) => parseInt(pair, 16));
}

// Lines of 16 bytes: where, what, and as characters.
export function hexDump(bytes) {
  const lines = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = [...bytes.subarray(at, at + 16)];
    const hex = row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const shown = row.map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : "·"));
    lines.push(`${at.toString(16).padStart(4, "0")}  ${hex.padEnd(47)}  ${shown.join("")}`);
  }
  return lines.join("\n");
}

// --- A word of a shell

export function shellWord(text) {
  if (/^[\w@%+=:,./-]+$/u.test(text) && !/[^\x20-\x7e]/u.test(text)) {
    return text;
  }
  if (visible(text) === text && !/[\n\t]/u.test(text)) {
    return `'${text.replaceAll("'", "'\\''")}'`;
  }
  const escaped = text.replace(/[\\']/gu, "\\$&").replaceAll("\n", "\\n").replaceAll("\t", "\\t");
  return `$'${escaped.replace(UNSEEN, escapeOf)}'`;
}
