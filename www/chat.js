// The chat: rooms, what was said in them, and the state of the connection. All that comes from
// others is put into the page as text, never as markup.
import { Connection } from "./connection.js";
import { naming, nameFault, read, roomFault, roomName, spokenBy } from "./protocol.js";
import { button, copyOf, element, stranger as anyStranger, visible } from "./text.js";

const LINES_KEPT = 500; // of each room
const TEXT_SHOWN = 10000; // characters of one message: a host takes a million, and many of them
const TITLE = "toni: chat";
const NAME_KEY = "toni.chat.name";

const $ = (id) => document.getElementById(id);

const rooms = new Map(); // by name
const asked = []; // names of rooms whose answer is still to come, in the order of the questions
const ownArrivals = []; // rooms that say next that this client joined
let current = null; // the room that is shown
let myName = ""; // as others see this client; another one after each reconnect
let probe = ""; // a room of nobody else's, while it is being asked for our name
let connection = null;
let chosenName = ""; // that this client's messages begin with
let unseen = 0; // messages that came while the page was in the background

// A stranger's text, of which a large one is not shown whole.
function stranger(tag, className, text) {
  const rest = text.length - TEXT_SHOWN;
  return anyStranger(
    tag,
    className,
    rest > 0 ? `${copyOf(text.slice(0, TEXT_SHOWN))}… (and ${rest} more characters)` : text
  );
}

// --- The lines of a room

function addLine(room, line) {
  const { log } = room;
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  log.append(line);
  while (log.childElementCount > LINES_KEPT) {
    log.firstElementChild.remove();
  }
  if (atEnd) {
    log.scrollTop = log.scrollHeight;
  }
}

function addEvent(room, ...parts) {
  const line = element("p", "event");
  line.append(...parts);
  addLine(room, line);
}

function timeNow() {
  const now = new Date();
  const made = element("time", "");
  made.dateTime = now.toISOString();
  made.textContent = now.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return made;
}

function addMessage(room, name, text) {
  const isMine = name === myName;
  const line = element("div", isMine ? "message mine" : "message");
  const by = element("p", "by");
  const said = spokenBy(text);
  if (said.name !== "") {
    by.append(stranger("bdi", "chosen", said.name), " ");
  }
  by.append(stranger("bdi", "name", name), isMine ? " (you) " : " ", timeNow());
  line.append(by, stranger("p", "text", said.text));
  addLine(room, line);
  if (room !== current) {
    room.unread++;
    showRoom(room);
  }
  if (document.hidden) {
    unseen++;
    showTitle();
  }
}

function showTitle() {
  if (!$("view-chat").hidden) {
    document.title = unseen > 0 ? `(${unseen}) ${TITLE}` : TITLE;
  }
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) {
    unseen = 0;
    showTitle();
  }
});

// --- Rooms

const notes = { joining: "joining…", in: "", leaving: "leaving…", away: "not connected" };

// Brings what stands in the list of rooms up to date.
function showRoom(room) {
  const unread = room.unread > 0 ? `${room.unread} new` : "";
  room.note.textContent = notes[room.state] || unread;
  room.note.classList.toggle("badge", room.state === "in" && unread !== "");
  if (room === current) {
    room.choose.setAttribute("aria-current", "true");
  } else {
    room.choose.removeAttribute("aria-current");
  }
}

function addRoom(name) {
  const room = { name, state: "joining", unread: 0, wasIn: false };
  room.item = element("li", "");
  room.choose = button("choose", "", () => {
    choose(room);
    $("text").focus();
  });
  room.note = element("span", "note");
  room.choose.append(stranger("bdi", "room-name", name), " ", room.note);
  const leaveButton = button("leave", "Leave", () => leave(room));
  leaveButton.setAttribute("aria-label", `Leave ${visible(name)}`);
  room.item.append(room.choose, leaveButton);
  $("rooms").append(room.item);
  room.log = element("div", "log");
  room.log.setAttribute("role", "log");
  room.log.setAttribute("aria-label", `Messages in ${visible(name)}`);
  room.log.tabIndex = 0; // so that the keyboard can scroll it
  room.log.hidden = true;
  $("logs").append(room.log);
  rooms.set(name, room);
  return room;
}

function choose(room) {
  const before = current;
  current = room;
  if (before) {
    before.log.hidden = true;
    showRoom(before);
  }
  $("welcome").hidden = room !== null;
  $("send").hidden = room === null;
  $("hint").hidden = room === null;
  $("chat-title").textContent = room ? visible(room.name) : "Welcome";
  $("chat-title").dir = room ? "auto" : "";
  if (room) {
    room.unread = 0;
    room.log.hidden = false;
    room.log.scrollTop = room.log.scrollHeight;
    $("send-room").textContent = visible(room.name);
    showRoom(room);
  }
}

function removeRoom(room) {
  const hadFocus = room.item.contains(document.activeElement) || room === current;
  rooms.delete(room.name);
  room.item.remove();
  room.log.remove();
  if (room === current) {
    current = null;
    choose([...rooms.values()].at(-1) || null);
  }
  if (hadFocus) {
    (current ? current.choose : $("room")).focus();
  }
}

function setState(room, state) {
  room.state = state;
  showRoom(room);
}

// --- What is asked of the gateway

function ask(request, name) {
  if (connection.send(`${request}:${name}`)) {
    asked.push(name);
    return true;
  }
  return false;
}

function join(room) {
  setState(room, ask("join", room.name) ? "joining" : "away");
}

function leave(room) {
  if (ask("leave", room.name)) {
    setState(room, "leaving");
  } else {
    removeRoom(room); // who is not connected is in no room
  }
}

// The gateway doesn't say under which name a client is known to others. But it tells a room who
// joined; and in one that nobody else can know of, that is us.
function askMyName() {
  const numbers = crypto.getRandomValues(new Uint32Array(4));
  probe = "page-" + [...numbers].map((number) => number.toString(16).padStart(8, "0")).join("");
  connection.send(`join:${probe}`);
  connection.send(`leave:${probe}`);
}

function showMyName(name) {
  myName = name;
  $("name").textContent = name;
  $("you").hidden = name === "";
}

// --- What comes from the gateway

function answered(name) {
  const at = asked.indexOf(name);
  if (at >= 0) {
    asked.splice(at, 1);
  }
}

function onJoined(name) {
  answered(name);
  const room = rooms.get(name);
  if (!room) {
    return;
  }
  ownArrivals.push(room);
  if (room.state !== "leaving") {
    setState(room, "in");
  }
  if (room.wasIn) {
    addEvent(room, "You are back. What was said meanwhile is not here.");
  }
  room.wasIn = true;
}

function onLeft(name) {
  answered(name);
  const room = rooms.get(name);
  if (room) {
    removeRoom(room);
  }
}

// It names who, but not the room: that is known of ourselves, and if there is only one.
function onArrival(name) {
  if (name === myName) {
    const room = ownArrivals.shift();
    if (room && rooms.has(room.name)) {
      addEvent(room, "You joined");
    }
    return;
  }
  const where = rooms.size > 1 ? " joined one of your rooms" : " joined";
  for (const room of rooms.values()) {
    addEvent(room, element("code", "name", name), where);
  }
}

// An error: of the oldest question that is still open, if there is one.
function onNotice(text) {
  const room = rooms.get(asked.shift());
  if (room && room.state === "joining") {
    removeRoom(room);
    showFault(visible(`${room.name}: ${text}`));
    return;
  }
  if (room && room.state === "leaving") {
    setState(room, "in");
  }
  if (current) {
    addEvent(current, stranger("span", "", text));
  } else {
    showFault(visible(text));
  }
}

// While the name is being asked for, there is no other room.
function onProbe(message) {
  if (message.kind === "arrival") {
    showMyName(message.name);
  }
  if (message.kind === "left" && message.room === probe) {
    probe = "";
  }
}

function onText(text) {
  const message = read(text, [...rooms.keys()]);
  if (probe !== "") {
    onProbe(message);
    return;
  }
  switch (message.kind) {
    case "joined":
      onJoined(message.room);
      break;
    case "left":
      onLeft(message.room);
      break;
    case "arrival":
      onArrival(message.name);
      break;
    case "spoken":
      addMessage(rooms.get(message.room), message.name, message.text);
      break;
    case "notice":
      onNotice(message.text);
      break;
  }
}

// --- The state of the connection

let countdown = 0;
let isLost = false; // and not regained yet

function showState(phase, shown, said = shown) {
  clearInterval(countdown);
  $("state").dataset.phase = phase;
  $("state-shown").textContent = shown;
  $("state-said").textContent = said;
  $("send-button").disabled = phase !== "connected";
}

function showWaiting(until) {
  const text = () => {
    const seconds = Math.max(1, Math.ceil((until - performance.now()) / 1000));
    const again = `in ${seconds} s`;
    return navigator.onLine ? `Reconnecting ${again}` : `Offline; trying again ${again}`;
  };
  showState(navigator.onLine ? "waiting" : "offline", text());
  countdown = setInterval(() => ($("state-shown").textContent = text()), 250);
}

// Who has just pressed the button must not lose the focus with it.
function showRetry(isShown) {
  if (!isShown && document.activeElement === $("retry")) {
    (current ? $("text") : $("room")).focus();
  }
  $("retry").hidden = !isShown;
}

function showTrouble(text) {
  if ($("trouble").textContent !== text) {
    $("trouble").textContent = text; // which a screen reader says, so once
  }
  $("trouble").hidden = text === "";
}

function onConnected() {
  showState("connected", "Connected");
  askMyName();
  for (const room of rooms.values()) {
    join(room);
  }
}

function onLost() {
  isLost = true;
  asked.length = 0;
  ownArrivals.length = 0;
  probe = "";
  showMyName("");
  for (const room of [...rooms.values()]) {
    if (room.state === "leaving") {
      removeRoom(room); // it is left now
    } else {
      setState(room, "away");
    }
  }
}

function onState(phase, detail, said) {
  if (phase === "connecting") {
    // Of each further attempt the screen reader needs to say no more than that it will be made.
    showState("connecting", "Connecting…", isLost ? $("state-said").textContent : "Connecting…");
    return;
  }
  showRetry(phase !== "connected");
  if (phase === "connected") {
    isLost = false;
    showTrouble("");
    onConnected();
    return;
  }
  onLost();
  if (phase === "waiting") {
    showTrouble(said && `The host has ended the connection: ${visible(said)}`);
    showWaiting(detail);
  } else {
    showState("missing", "Not connected");
    showTrouble(detail);
  }
}

// --- What people do

function showFault(text) {
  $("room-fault").textContent = text;
  if (text === "") {
    $("room").removeAttribute("aria-invalid");
  } else {
    $("room").setAttribute("aria-invalid", "true");
  }
}

$("room").addEventListener("input", () => showFault(""));

$("join").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = roomName($("room").value);
  const fault = roomFault(name);
  showFault(fault);
  if (fault !== "") {
    $("room").focus();
    return;
  }
  let room = rooms.get(name);
  if (!room) {
    room = addRoom(name);
    join(room);
  }
  $("room").value = "";
  choose(room);
  $("text").focus();
});

$("send").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("text").value;
  if (current && text.trim() !== "" && connection.send(`msg:${current.name}:${naming(chosenName, text)}`)) {
    $("text").value = "";
    current.log.scrollTop = current.log.scrollHeight;
  }
  $("text").focus();
});

$("retry").addEventListener("click", () => connection.retry());

// --- The name that one chooses

function keptName() {
  try {
    return localStorage.getItem(NAME_KEY) || "";
  } catch {
    return ""; // the browser keeps nothing
  }
}

function keepName(name) {
  try {
    localStorage.setItem(NAME_KEY, name);
  } catch {
    // It holds until the page is closed.
  }
}

// What can't be a name is not taken: the one before stays.
function takeName() {
  const name = $("own-name").value.trim();
  const fault = nameFault(name);
  $("own-name-fault").textContent = fault;
  if (fault === "") {
    $("own-name").removeAttribute("aria-invalid");
    chosenName = name;
    keepName(name);
  } else {
    $("own-name").setAttribute("aria-invalid", "true");
  }
}

$("own-name").addEventListener("input", takeName);
$("naming").addEventListener("submit", (event) => event.preventDefault());

// find(attempt): where the gateway is, see connection.js.
export function startChat(find) {
  $("own-name").value = keptName();
  takeName();
  connection = new Connection(find, {
    state: onState,
    message: (data) => typeof data === "string" && onText(data),
  });
  return { showTitle };
}
