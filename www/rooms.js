// The rooms of a gateway and who is in them, page by page; of one that allows it (`list_rooms`).
import { ask } from "./host.js";
import { button, count, element, show, visible } from "./text.js";

const EMPTY_PAGES = 20; // pages of other gateways' rooms that are passed over at a time

async function nextPage(file, parameters, key) {
  let page = { next: parameters.cursor, [key]: [] };
  for (let asked = 0; asked < EMPTY_PAGES && page[key].length === 0; asked++) {
    page = await ask(file, { ...parameters, cursor: page.next || "" });
    if (!page.next) {
      break;
    }
  }
  return page;
}

// A list that is filled page by page.
class Pages {
  // load(cursor): {items, next}.
  constructor(load, makeItem, none, more) {
    this.load = load;
    this.makeItem = makeItem;
    this.none = none;
    this.element = element("div", "pages");
    this.list = element("ul", "");
    this.note = element("p", "note");
    this.more = button("small", more, () => this.add());
    this.more.hidden = true;
    this.next = "";
    this.element.append(this.list, this.note, this.more);
  }

  async add() {
    this.more.disabled = true;
    try {
      const { items, next } = await this.load(this.next);
      this.list.append(...items.map(this.makeItem));
      this.next = next || "";
      this.more.hidden = !next;
      this.note.textContent = this.list.childElementCount === 0 && !next ? this.none : "";
    } catch (error) {
      this.note.textContent = `Not to be had: ${visible(error.message)}`;
    }
    this.more.disabled = false;
  }

  async renew() {
    this.list.replaceChildren();
    this.next = "";
    await this.add();
  }
}

export class Rooms {
  constructor(gateway) {
    this.gateway = gateway;
    this.element = element("section", "panel");
    const head = element("div", "panel-head");
    const title = element("h3", "", "Rooms");
    const refresh = button("small", "Refresh", () => this.pages.renew());
    refresh.setAttribute("aria-label", "Refresh the rooms");
    head.append(title, refresh);
    this.pages = new Pages(
      async (cursor) => {
        const page = await nextPage("rooms.json", { gateway, cursor }, "rooms");
        return { items: page.rooms, next: page.next };
      },
      (room) => this.makeRoom(room),
      "Nobody is in a room.",
      "More rooms"
    );
    this.element.append(head, this.pages.element);
    this.pages.renew();
  }

  makeRoom({ name, members, more }) {
    const item = element("li", "");
    const details = element("details", "room");
    const summary = element("summary", "");
    const shown = show(element("bdi", "room-name"), name);
    shown.dir = "auto";
    const figure = element("span", "figure", `${count(members)}${more ? "+" : ""}`);
    figure.setAttribute("aria-label", `${count(members)}${more ? " or more" : ""} members`);
    summary.append(shown, figure);
    const inside = new Pages(
      async (cursor) => {
        const page = await nextPage("members.json", { gateway: this.gateway, room: name, cursor }, "members");
        return { items: page.members, next: page.next };
      },
      (member) => {
        const one = element("li", "");
        one.append(show(element("code", ""), member));
        return one;
      },
      "Nobody is here any more.",
      "More members"
    );
    details.append(summary, inside.element);
    details.addEventListener("toggle", () => details.open && inside.renew());
    item.append(details);
    return item;
  }
}
