// The page as a whole: what runs here, and which of it is shown. Each gateway has a view, made when it
// is first looked at, whose connection goes on while another one is shown.
import { startChat } from "./chat.js";
import { Console } from "./console.js";
import { addressOf, ask, HostWatch, isRooms } from "./host.js";
import { count, element, show, visible } from "./text.js";

const $ = (id) => document.getElementById(id);
const CHAT = "#/chat";
const GATEWAY = "#/gateway/";

const consoles = new Map(); // by the gateway's name
let chat = null;
let hasChat = false;
let home = null; // what is shown if the address says nothing: CHAT, or the name of a gateway

function linkTo(name) {
  return GATEWAY + encodeURIComponent(name);
}

function wanted() {
  const { hash } = location;
  if (hash.startsWith(GATEWAY)) {
    try {
      return decodeURIComponent(hash.slice(GATEWAY.length));
    } catch {
      return null;
    }
  }
  return null;
}

// --- Where things are

function makeEntry(gateway) {
  const item = element("li", "");
  const link = element("a", "");
  link.href = linkTo(gateway.name);
  const name = show(element("bdi", "name"), gateway.name);
  const path = show(element("span", "path"), gateway.path);
  const figure = element("span", "figure");
  if (gateway.clients !== undefined) {
    figure.textContent = count(gateway.clients);
    figure.title = `${count(gateway.clients)} clients`;
  }
  link.append(name, figure, path);
  const view = consoles.get(gateway.name);
  if (view && view.phase !== "closed") {
    link.dataset.phase = view.phase;
  }
  item.append(link);
  return item;
}

// The list is made anew only where it differs: focus and what is read aloud stay.
let shown = "";

function showGateways() {
  const { host } = watch;
  if (!host) {
    return;
  }
  const phases = [...consoles].map(([name, { phase }]) => [name, phase]);
  const what = JSON.stringify([host.gateways.map(({ name, path, clients }) => [name, path, clients]), phases]);
  if (what !== shown) {
    const focused = document.activeElement && document.activeElement.getAttribute("href");
    $("gateways").replaceChildren(...host.gateways.map(makeEntry));
    shown = what;
    const again = focused && [...$("gateways").querySelectorAll("a")].find((a) => a.getAttribute("href") === focused);
    if (again) {
      again.focus();
    }
  }
  $("nav-chat").hidden = !hasChat;
  mark();
}

function mark() {
  const current = !$("view-chat").hidden ? CHAT : linkTo(wantedOrFirst() || "");
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === current) {
      link.setAttribute("aria-current", "page");
    } else {
      link.removeAttribute("aria-current");
    }
  }
}

function wantedOrFirst() {
  const { host } = watch;
  const name = wanted() ?? home;
  if (host.gateways.some((gateway) => gateway.name === name)) {
    return name;
  }
  return host.gateways.length > 0 ? host.gateways[0].name : null;
}

function consoleOf(name) {
  const gateway = watch.host.gateways.find((other) => other.name === name);
  if (!consoles.has(name)) {
    const view = new Console(gateway, watch.host, {
      changed: showGateways,
      counted: () => watch.lookSoon(),
      take: (host) => watch.take(host),
    });
    consoles.set(name, view);
    $("consoles").append(view.element);
  }
  return consoles.get(name);
}

// What the address says; without it the chat where there was one at first, else the first gateway: what
// comes later takes nobody away from where he is.
function route() {
  const { host } = watch;
  if (!host) {
    return;
  }
  const isChat = hasChat && (location.hash === CHAT || (wanted() === null && home === CHAT));
  const name = isChat ? null : wantedOrFirst();
  $("view-chat").hidden = !isChat;
  $("view-none").hidden = isChat || name !== null;
  const view = name === null ? null : consoleOf(name);
  for (const other of consoles.values()) {
    other.element.hidden = other !== view;
  }
  if (isChat && !chat) {
    chat = startChat(findRooms);
  }
  if (!isChat) {
    document.title = name === null ? "toni" : `toni: ${visible(name)}`;
  } else {
    chat.showTitle();
  }
  showGateways();
}

// --- What runs

function takeHost(host) {
  const found = host.gateways.find(isRooms);
  hasChat = hasChat || found !== undefined; // who is in the middle of a talk stays there
  if (home === null && host.gateways.length > 0) {
    home = found ? CHAT : host.gateways[0].name;
  }
  for (const [name, view] of consoles) {
    const gateway = host.gateways.find((other) => other.name === name);
    const isOther = gateway && JSON.stringify([gateway.events, gateway.lists_rooms]) !== view.shape;
    if (!gateway || (isOther && !view.connection)) {
      view.end();
      consoles.delete(name);
    } else {
      view.update(gateway, host);
    }
  }
  $("version").textContent = host.version;
  $("nav-note").hidden = host.workbench;
  route();
}

function showAnswers(answers) {
  const text = answers ? "" : "The host does not answer. Trying again…";
  if ($("host-state").textContent !== text) {
    $("host-state").textContent = text;
  }
}

// Where the chat finds its gateway.
async function findRooms(attempt) {
  const host = await ask("host.json");
  watch.take(host);
  const gateway = host.gateways.find(isRooms);
  if (!gateway) {
    return { missing: "This host has no gateway for rooms any more." };
  }
  const url = addressOf(host, gateway.path, attempt);
  return url
    ? { url }
    : {
        missing:
          "This host takes WebSocket clients on Unix sockets only, where no browser can reach it. " +
          "Add an IP address to listen.websocket in its gateways.conf, and start it again.",
      };
}

window.addEventListener("hashchange", () => route());
const watch = new HostWatch(takeHost, showAnswers);
