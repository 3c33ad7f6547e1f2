// What is sent next: text, bytes or an event. Knows neither the connection nor what came.
import { eventText, exampleData } from "./events.js";
import { button, bytesOf, element, labelled, sizeOf } from "./text.js";

const KINDS = ["Text", "Binary", "Event"];
let composers = 0;

export class Composer {
  // events: of the gateway, or null. send(data, about): about is {kind, name, id} of an event; returns
  // whether it went out.
  constructor(events, send) {
    this.events = events;
    this.send = send;
    this.number = ++composers;
    this.nextId = 1;
    this.file = null;
    this.element = element("form", "composer");
    this.element.noValidate = true;
    this.element.autocomplete = "off";
    this.parts = { Text: this.makeText(), Binary: this.makeBinary(), Event: this.makeEvent() };
    this.fault = element("p", "fault");
    this.fault.setAttribute("role", "alert");
    this.submit = element("button", "", "Send");
    this.submit.type = "submit";
    const what = element("div", "what");
    what.append(...Object.values(this.parts), this.submit);
    this.element.append(this.makeKinds(), what, this.fault);
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      this.trySend();
    });
    this.element.addEventListener("input", () => (this.fault.textContent = ""));
    this.choose(events ? "Event" : "Text");
    this.setConnected(false);
  }

  makeKinds() {
    const kinds = element("fieldset", "kinds");
    kinds.append(element("legend", "unseen", "What to send"));
    this.radios = KINDS.map((kind) => {
      const label = element("label", "");
      const radio = element("input", "");
      radio.type = "radio";
      radio.name = `kind-${this.number}`;
      radio.value = kind;
      radio.addEventListener("change", () => this.choose(kind));
      label.append(radio, element("span", "", kind));
      kinds.append(label);
      return radio;
    });
    return kinds;
  }

  choose(kind) {
    this.kind = kind;
    for (const radio of this.radios) {
      radio.checked = radio.value === kind;
    }
    for (const [name, part] of Object.entries(this.parts)) {
      part.hidden = name !== kind;
    }
    this.fault.textContent = "";
  }

  setConnected(isConnected) {
    this.submit.disabled = !isConnected;
    this.submit.title = isConnected ? "" : "Connect first";
  }

  // --- The three kinds

  makeText() {
    this.text = element("textarea", "");
    this.text.rows = 2;
    this.text.spellcheck = false;
    this.text.placeholder = "Enter sends, Shift and Enter begins a line";
    this.text.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        this.element.requestSubmit();
      }
    });
    return labelled("Text", this.text);
  }

  makeBinary() {
    const part = element("div", "binary");
    this.hex = element("input", "");
    this.hex.spellcheck = false;
    this.hex.autocapitalize = "none";
    this.hex.placeholder = "00 ff 7f";
    const chosen = element("input", "unseen");
    chosen.type = "file";
    chosen.tabIndex = -1;
    chosen.setAttribute("aria-label", "A file to send");
    this.chosen = element("p", "note");
    chosen.addEventListener("change", () => this.setFile(chosen.files[0] || null));
    this.hex.addEventListener("input", () => {
      chosen.value = "";
      this.setFile(null);
    });
    const row = element("div", "row");
    row.append(
      labelled("Bytes in hexadecimal", this.hex, "field grow"),
      button("", "File…", () => chosen.click()),
      chosen
    );
    part.append(row, this.chosen);
    return part;
  }

  setFile(file) {
    this.file = file;
    this.chosen.textContent = file ? `${file.name}, ${sizeOf(file.size)}` : "";
  }

  makeEvent() {
    const part = element("div", "event-part");
    const row = element("div", "row");
    this.name = element("input", "");
    this.name.spellcheck = false;
    this.name.autocapitalize = "none";
    this.id = element("input", "");
    this.id.value = "1";
    this.id.spellcheck = false;
    this.data = element("textarea", "");
    this.data.rows = 2;
    this.data.spellcheck = false;
    this.data.placeholder = "JSON; nothing for none";
    if (this.events) {
      const names = element("datalist", "");
      names.id = `events-${this.number}`;
      for (const { name } of this.events.handled) {
        const option = element("option", "");
        option.value = name;
        names.append(option);
      }
      this.name.setAttribute("list", names.id);
      part.append(names);
    }
    row.append(
      labelled("Event", this.name, "field grow"),
      labelled("id, for an answer", this.id, "field id")
    );
    part.append(row, labelled("data", this.data));
    if (this.events && this.events.handled.length > 0) {
      this.takeEvent(this.events.handled[0]);
    }
    this.name.addEventListener("change", () => this.takeNamed());
    this.data.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        this.element.requestSubmit();
      }
    });
    return part;
  }

  takeNamed() {
    const event = this.events && this.events.handled.find(({ name }) => name === this.name.value);
    if (event) {
      this.takeEvent(event);
    }
  }

  // Its name, and an example of its data.
  takeEvent(event) {
    this.name.value = event.name;
    const example = event.data ? exampleData(event.data) : {};
    this.data.value = Object.keys(example).length > 0 ? JSON.stringify(example, null, 2) : "";
    this.data.rows = Math.min(8, Math.max(2, this.data.value.split("\n").length));
  }

  // Has been chosen elsewhere on the page.
  startEvent(event) {
    this.choose("Event");
    this.takeEvent(event);
    this.data.focus();
  }

  // --- Sending

  async trySend() {
    const fault = await { Text: () => this.sendText(), Binary: () => this.sendBinary(), Event: () => this.sendEvent() }[
      this.kind
    ]();
    this.fault.textContent = fault || "";
  }

  sendText() {
    if (this.send(this.text.value, {})) {
      this.text.value = "";
    }
    this.text.focus();
  }

  async sendBinary() {
    const bytes = this.file ? new Uint8Array(await this.file.arrayBuffer()) : bytesOf(this.hex.value);
    if (!bytes) {
      this.hex.focus();
      return "Bytes are two hexadecimal digits each, such as 00 ff.";
    }
    this.send(bytes, {});
    return "";
  }

  sendEvent() {
    const field = this.events ? this.events.field : "event";
    const name = this.name.value;
    const id = this.id.value.trim();
    if (name === "") {
      this.name.focus();
      return "An event needs a name.";
    }
    try {
      if (this.data.value.trim() !== "") {
        JSON.parse(this.data.value);
      }
    } catch (error) {
      this.data.focus();
      return `data is no JSON: ${error.message}`;
    }
    if (this.send(eventText(field, name, id, this.data.value), { kind: "event", name, id }) && /^\d+$/u.test(id)) {
      this.id.value = String(BigInt(id) + 1n);
    }
    return "";
  }
}
