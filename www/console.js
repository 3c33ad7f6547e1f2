// The view of one gateway: what it is, a connection to it, what goes both ways, its events, its rooms.
import { Composer } from "./composer.js";
import { Connection } from "./connection.js";
import { Elsewhere } from "./elsewhere.js";
import { Calls, makeShape } from "./events.js";
import { addressOf, ask } from "./host.js";
import { Messages, shortened } from "./messages.js";
import { Rooms } from "./rooms.js";
import { button, count, element, labelled, show, visible } from "./text.js";

// RFC 6455, section 7.4.1, and the registry of close codes: those that people meet.
const CODES = {
  1000: "a normal end",
  1001: "the host goes away",
  1002: "a protocol error",
  1003: "data that it can’t take",
  1006: "the connection was lost",
  1007: "text that is not UTF-8",
  1008: "against its policy",
  1009: "a message that is too big",
  1011: "a fault of the gateway",
  1012: "the host starts anew",
  1013: "try again later",
};

const PHASES = {
  connecting: "Connecting…",
  connected: "Connected",
  closed: "Not connected",
  missing: "Not connected",
};

export class Console {
  // changed(): its state is another one. counted(): the host has a client more, or less. take(host): it
  // has been told what runs.
  constructor(gateway, host, { changed, counted, take }) {
    this.name = gateway.name;
    this.gateway = gateway;
    this.host = host;
    this.changed = changed;
    this.counted = counted;
    this.take = take;
    this.connection = null;
    this.phase = "closed";
    this.countdown = 0;
    const events = gateway.events || null;
    this.shape = JSON.stringify([gateway.events, gateway.lists_rooms]);
    this.calls = new Calls(events ? events.field : "event");
    this.messages = new Messages(gateway.name);
    this.composer = new Composer(events, (data, about) => this.send(data, about));
    this.elsewhere = new Elsewhere(() => ({ url: this.url(), protocols: this.protocols() }));
    this.element = element("article", "gateway");
    this.element.setAttribute("aria-label", `Gateway ${visible(gateway.name)}`);
    const card = element("section", "card console");
    card.append(
      this.makeHead(),
      this.makeConnect(),
      this.elsewhere.element,
      this.messages.element,
      this.composer.element
    );
    this.side = element("div", "side");
    this.fillSide();
    this.element.append(card, this.side);
    this.update(gateway, host);
    this.showPhase("closed");
  }

  // --- What it is

  makeHead() {
    const head = element("div", "head");
    const title = element("h2", "");
    title.append(show(element("bdi", ""), this.name));
    this.path = element("code", "path");
    this.facts = element("p", "facts");
    this.pill = element("p", "pill");
    this.pill.setAttribute("role", "status");
    head.append(title, this.path, this.facts, this.pill);
    return head;
  }

  // The host has been asked again.
  update(gateway, host) {
    this.gateway = gateway;
    this.host = host;
    show(this.path, gateway.path);
    const facts = [];
    if (gateway.plugin) {
      facts.push(`plugin ${gateway.plugin.name} ${gateway.plugin.version}`.trim());
      facts.push(`${count(gateway.clients)} ${gateway.clients === 1 ? "client" : "clients"}`);
    }
    if (gateway.guarded) {
      facts.push("asks a guard");
    }
    show(this.facts, facts.join(" · "));
    if (!this.isAddressEdited) {
      this.address.value = addressOf(host, gateway.path) || "";
    }
    this.elsewhere.update();
  }

  fillSide() {
    const { events, lists_rooms: listsRooms } = this.gateway;
    if (events && events.handled.length > 0) {
      this.side.append(this.makeEvents(events));
    }
    if (listsRooms) {
      this.rooms = new Rooms(this.name);
      this.side.append(this.rooms.element);
    }
    this.side.hidden = this.side.childElementCount === 0;
  }

  makeEvents(events) {
    const panel = element("section", "panel");
    const head = element("div", "panel-head");
    head.append(element("h3", "", "Events"), element("span", "note", `field “${visible(events.field)}”`));
    const list = element("ul", "events");
    for (const event of events.handled) {
      const item = element("li", "");
      const choose = button("event-name", "", () => this.composer.startEvent(event));
      choose.append(show(element("bdi", ""), event.name));
      choose.title = "Write this event";
      item.append(choose);
      if (event.data) {
        item.append(makeShape(event.data));
      } else {
        item.append(element("p", "note", "any data, or none"));
      }
      list.append(item);
    }
    panel.append(head, list);
    return panel;
  }

  // --- The connection

  makeConnect() {
    this.form = element("form", "connect");
    this.form.noValidate = true;
    this.form.autocomplete = "off";
    this.address = element("input", "");
    this.query = element("input", "");
    this.query.placeholder = "key=value";
    this.protocol = element("input", "");
    this.protocol.placeholder = "none";
    for (const input of [this.address, this.query, this.protocol]) {
      input.spellcheck = false;
      input.autocapitalize = "none";
      input.addEventListener("input", () => {
        this.showFault("");
        this.elsewhere.update();
      });
    }
    this.address.addEventListener("input", () => (this.isAddressEdited = this.address.value !== ""));
    const declared = this.gateway.subprotocols || [];
    if (declared.length > 0) {
      const list = element("datalist", "");
      list.id = `protocols-${CSS.escape(this.name)}`;
      list.append(...declared.map((name) => Object.assign(element("option", ""), { value: name })));
      this.protocol.setAttribute("list", list.id);
      this.protocol.placeholder = declared.join(", ");
      this.form.append(list);
    }
    this.toggle = element("button", "", "Connect");
    this.toggle.type = "submit";
    this.fault = element("p", "fault");
    this.fault.setAttribute("role", "alert");
    this.form.append(
      labelled("Address", this.address, "field address"),
      labelled("Query", this.query),
      labelled("Subprotocols", this.protocol),
      this.toggle,
      this.fault
    );
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.connection) {
        this.isLeaving = true;
        this.connection.close();
      } else {
        this.connect();
      }
    });
    return this.form;
  }

  url(base = this.address.value.trim()) {
    const query = this.query.value.trim().replace(/^\?/u, "");
    return query === "" ? base : `${base}${base.includes("?") ? "&" : "?"}${query}`;
  }

  protocols() {
    return this.protocol.value.split(/[\s,]+/u).filter((name) => name !== "");
  }

  showFault(text) {
    this.fault.textContent = text;
  }

  // The host may have other ports by now: so it is asked, unless the address is of the person's own.
  async find(attempt) {
    if (this.isAddressEdited) {
      return { url: this.url(), protocols: this.protocols() };
    }
    const host = await ask("host.json");
    this.take(host);
    const gateway = host.gateways.find(({ name }) => name === this.name);
    const address = gateway && addressOf(host, gateway.path, attempt);
    if (!address) {
      return {
        missing: gateway
          ? "This host takes WebSocket clients on Unix sockets only, where no browser can reach it."
          : "This host has no such gateway any more.",
      };
    }
    return { url: this.url(address), protocols: this.protocols() };
  }

  connect() {
    this.showFault("");
    try {
      // What the browser would refuse is said where it was written.
      const probe = new URL(this.url());
      if (!/^wss?:$/u.test(probe.protocol)) {
        throw new SyntaxError("an address begins with ws:// or wss://");
      }
      const bad = this.protocols().find((name) => !/^[\w!#$%&'*+.^`|~-]+$/u.test(name));
      if (bad !== undefined || new Set(this.protocols()).size < this.protocols().length) {
        throw new SyntaxError("subprotocols are different names, of letters, digits and -");
      }
    } catch (error) {
      this.showFault(`Can’t connect: ${visible(error.message)}`);
      return;
    }
    this.isLeaving = false;
    this.connection = new Connection(
      (attempt) => this.find(attempt),
      {
        state: (...change) => this.onState(...change),
        message: (data) => this.onMessage(data),
      },
      false
    );
  }

  onState(phase, detail, said, code) {
    if (phase === "connected") {
      this.note(detail ? `connected, speaking ${detail}` : "connected");
      this.composer.setConnected(true);
    } else {
      this.composer.setConnected(false);
    }
    if (phase === "waiting") {
      this.noteEnd(code, said);
    } else if (phase === "missing") {
      this.note(detail);
    } else if (phase === "closed") {
      if (this.phase === "connecting" && !this.isLeaving) {
        this.note(
          "the handshake failed: a browser does not say why. See “From a terminal”: curl shows what the host answers"
        );
      } else if (this.phase !== "closed") {
        this.noteEnd(detail, said);
      }
      this.connection = null;
    }
    this.showPhase(phase, detail);
    this.changed();
    if (phase === "connected" || phase === "closed") {
      this.counted();
      if (this.rooms) {
        this.rooms.pages.renew();
      }
    }
  }

  note(text) {
    this.messages.add("note", { text });
  }

  noteEnd(code, reason) {
    const what = CODES[code] ? `, ${CODES[code]}` : "";
    if (this.phase === "connected") {
      this.note(`closed: ${code}${what}${reason ? `: ${reason}` : ""}`);
    }
  }

  showPhase(phase, until) {
    clearInterval(this.countdown);
    this.phase = phase;
    this.pill.dataset.phase = phase;
    const text = () => {
      if (phase !== "waiting") {
        return PHASES[phase];
      }
      return `Connecting again in ${Math.max(1, Math.ceil((until - performance.now()) / 1000))} s`;
    };
    this.pill.textContent = text();
    if (phase === "waiting") {
      this.countdown = setInterval(() => (this.pill.textContent = text()), 500);
    }
    this.toggle.textContent = this.connection ? "Disconnect" : "Connect";
    this.toggle.classList.toggle("plain", this.connection !== null);
  }

  // --- Messages

  send(data, { name, id }) {
    if (!this.connection || !this.connection.send(data)) {
      return false;
    }
    const isText = typeof data === "string";
    if (name !== undefined) {
      this.calls.begin(name, id);
      this.messages.add("out", shortened(data), { kind: "event", about: name });
    } else {
      this.messages.add("out", shortened(data), isText ? {} : { kind: "binary" });
    }
    return true;
  }

  onMessage(data) {
    const how = typeof data === "string" ? this.calls.read(data) : { kind: "binary" };
    this.messages.add("in", shortened(data), how);
  }

  // Its gateway is gone.
  end() {
    clearInterval(this.countdown);
    if (this.connection) {
      this.connection.close();
    }
    this.element.remove();
  }
}
