// The language of the rooms gateway: what may be sent, and what that means which came. Knows
// neither the page nor the socket.
import { visible } from "./text.js";

const ROOM_BYTES = 255;
const JOINED = "Joined room: ";
const LEFT = "Left room: ";
const ARRIVAL = /^([0-9a-f]{16}) joined$/;
const SPOKEN_BY_CLIENT = /^([0-9a-f]{16}): ([^]*)$/;
const SPOKEN = /^([^]*?): ([^]*)$/;

export const GREETING = "Connected. Send 'join:<room>' to join a room.";

// The name as it goes over the wire: a half of a surrogate pair, which is no text, becomes U+FFFD.
export function roomName(text) {
  return new TextDecoder().decode(new TextEncoder().encode(text.trim()));
}

// Why a room can't have this name; an empty string if it can. A colon would be taken by the gateway,
// but not be written to: `msg:ROOM:TEXT` ends the room's name at the first one.
export function roomFault(name) {
  const bytes = new TextEncoder().encode(name).length;
  if (bytes === 0) {
    return "A room needs a name.";
  }
  if (bytes > ROOM_BYTES) {
    return `This name is too long: ${bytes} bytes, and ${ROOM_BYTES} is the most.`;
  }
  if (name.includes(":")) {
    return "A name can't hold a colon: messages would not find the room.";
  }
  if (/[\u0000-\u001f\u007f-\u009f]/.test(name)) {
    return "A name can't hold control characters.";
  }
  return "";
}

// --- Names that people choose. The gateway knows none: who has one begins each message with `<NAME> `,
// which people at a terminal can read and write, too.

const NAME_MOST = 32; // characters
const NAMED = /^<([^<>]{1,32})> ([^]*)$/u;

export function nameFault(name) {
  if ([...name].length > NAME_MOST) {
    return `A name has at most ${NAME_MOST} characters.`;
  }
  if (/[<>]/u.test(name) || visible(name) !== name) {
    return "A name can't hold < or >, nor characters that can't be seen.";
  }
  return "";
}

export function naming(name, text) {
  return name === "" ? text : `<${name}> ${text}`;
}

// The name that a message begins with, or "", and the rest.
export function spokenBy(text) {
  const found = NAMED.exec(text);
  return found && found[1].trim() !== "" && nameFault(found[1]) === ""
    ? { name: found[1], text: found[2] }
    : { name: "", text };
}

// A room's name may hold "] ", so the text alone doesn't tell where it ends; but the room is one of
// those that this client is in. The chat service lets senders have any name.
function readSpoken(text, rooms) {
  const mine = rooms
    .filter((room) => text.startsWith(`[${room}] `))
    .sort((a, b) => b.length - a.length);
  for (const pattern of [SPOKEN_BY_CLIENT, SPOKEN]) {
    for (const room of mine) {
      const found = pattern.exec(text.slice(room.length + "[] ".length));
      if (found) {
        return { kind: "spoken", room, name: found[1], text: found[2] };
      }
    }
  }
  return null;
}

// What came. `rooms`: names of those that this client is in or has asked to join, since others'
// messages may arrive before the answer.
export function read(text, rooms) {
  if (text === GREETING) {
    return { kind: "greeting" };
  }
  if (text.startsWith(JOINED)) {
    return { kind: "joined", room: text.slice(JOINED.length) };
  }
  if (text.startsWith(LEFT)) {
    return { kind: "left", room: text.slice(LEFT.length) };
  }
  const arrival = ARRIVAL.exec(text);
  if (arrival) {
    return { kind: "arrival", name: arrival[1] };
  }
  return readSpoken(text, rooms) || { kind: "notice", text };
}
