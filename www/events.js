// The events that a gateway takes by name (toni/events.h): how their `data` looks, an example of it,
// and which answer belongs to which call. Knows neither the connection nor the host.
import { element, show } from "./text.js";

const ANSWER_MOST = 262144; // characters of a message that is looked into
const CALLS_KEPT = 200; // whose answers may still come

function bounds({ type, least, most }) {
  if (least === undefined) {
    return "";
  }
  const unit = { string: " bytes", array: " elements" }[type] || "";
  return least === most ? ` ${least}${unit}` : ` ${least} to ${most}${unit}`;
}

// A member in a line: `name  string, 1 to 32 bytes`.
function makeMember(member) {
  const item = element("li", "");
  item.append(
    show(element("code", "member"), member.name),
    element("span", "type", `${typeWord(member)}${bounds(member)}`)
  );
  if (!member.required) {
    item.append(element("span", "optional", "optional"));
  }
  const members = member.members || (member.items && member.items.members);
  if (members) {
    item.append(makeShape(members));
  }
  return item;
}

function typeWord(member) {
  return member.items ? `array of ${member.items.type}` : member.type;
}

export function makeShape(members) {
  const list = element("ul", "shape");
  list.append(...members.map(makeMember));
  return list;
}

// --- An example

function exampleOf(member, depth) {
  const least = member.least ?? 0;
  switch (member.type) {
    case "string":
      return "x".repeat(Math.min(Math.max(least, 0), 64));
    case "integer":
    case "number":
      return least > 0 || member.most < 0 ? least : 0;
    case "boolean":
      return false;
    case "array": {
      const one = member.items && depth < 4 ? exampleOf(member.items, depth + 1) : null;
      return Array(Math.min(Math.max(least, 0), 8)).fill(one);
    }
    case "object":
      return exampleData(member.members || [], depth + 1);
    default:
      return null;
  }
}

// With all that is required.
export function exampleData(members, depth = 0) {
  const required = members.filter((member) => member.required);
  return Object.fromEntries(required.map((member) => [member.name, exampleOf(member, depth)]));
}

// --- Messages

// `id` as people type it: a number, or a text.
function idText(id) {
  return /^-?(0|[1-9]\d{0,14})$/u.test(id) ? id : JSON.stringify(id);
}

// The data goes out as it was written, since a number may be larger than JavaScript's.
export function eventText(field, name, id, data) {
  const parts = [`${JSON.stringify(field)}:${JSON.stringify(name)}`];
  if (id !== "") {
    parts.push(`"id":${idText(id)}`);
  }
  if (data.trim() !== "") {
    parts.push(`"data":${data.trim()}`);
  }
  return `{${parts.join(",")}}`;
}

export class Calls {
  constructor(field) {
    this.field = field;
    this.waiting = new Map(); // by id, as JSON
  }

  begin(name, id) {
    if (id === "") {
      return;
    }
    this.waiting.delete(idText(id));
    this.waiting.set(idText(id), { name, at: performance.now() });
    if (this.waiting.size > CALLS_KEPT) {
      this.waiting.delete(this.waiting.keys().next().value);
    }
  }

  // What a message is: {kind, about, tone}; nothing of its own if it is no event.
  read(text) {
    if (text.length > ANSWER_MOST || text[0] !== "{") {
      return {};
    }
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      return {};
    }
    if (typeof message[this.field] === "string") {
      return { kind: "event", about: message[this.field] };
    }
    return "id" in message ? this.readAnswer(message) : {};
  }

  readAnswer(message) {
    const id = JSON.stringify(message.id);
    const call = this.waiting.get(id);
    const kind = message.error ? "error" : "answer";
    const tone = message.error ? "odd" : "good";
    if (!call) {
      return { kind, tone, about: `to ${id}` };
    }
    if (message.error || message.complete) {
      this.waiting.delete(id); // data alone may be a part of more
    }
    const ms = performance.now() - call.at;
    return { kind, tone, about: `to ${id} ${call.name}, after ${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms` };
  }
}
