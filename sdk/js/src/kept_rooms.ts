// Rooms that keep their messages, of a gateway that has the built-in events for them (TONI_EVENTS_ROOM; docs/plugins.md,
// Coming back): what is said while this client is away, it gets when it comes back, or it is told that it does not.
import type { Connection } from "./connection.js";
import { Emitter } from "./emitter.js";
import { UnknownOutcomeError } from "./errors.js";
import type { Events } from "./events.js";
import { MOST_JOINS, type RoomWords } from "./rooms.js";

export interface KeptRoomsOptions {
  /** Of a room that it was not in: so many of its last messages, if it keeps so many: 0. */
  last?: number | ((room: string) => number);
  /** The name of the event that tells of lost messages, as the gateway's `gap_event` says: "room.gap". */
  gap?: string;
}

/** How a client has come back to a room that it was in. */
export interface Recovery {
  room: string;
  /** true: each message since the last one comes now, before all that are new. false: none of them does, so what is
   * shown of the room may be old. */
  recovered: boolean;
  /** So many. */
  messages: number;
  /** Why not, in a word: "trimmed" (not kept any more), "epoch" (its numbers began anew), "no_history", … */
  why?: string;
}

/** The host has dropped messages before they were sent to this client. */
export interface Gap {
  /** null: of several rooms, or of none. */
  room: string | null;
  /** null: nobody knows. */
  count: number | null;
}

// What is known of a room.
interface Kept {
  /** Where this client is in it: the position of the last message that was handed on, or, after none, of the answer. */
  at?: string | undefined;
  /** It was in the room, on this connection or one before. */
  was_in: boolean;
  /** What has come on this connection and is not handed on; undefined: all is handed on as it comes. */
  held?: (() => void)[] | undefined;
  /** It was left: the answer. */
  leaving?: Promise<unknown>;
}

// Epoch 0 is no position: the room does not keep messages.
const POSITION = /^(?!0{16})[0-9a-f]{16}:[0-9a-f]{16}$/;

/** @returns Whether position `at` is none that is beyond `before`. Of another epoch each one is. */
const is_known = (at: string, before: string): boolean => at.slice(0, 16) === before.slice(0, 16) && at <= before;

/** `new Rooms(new KeptRooms(events))`. What comes of a room between a loss and the answer to the next join is held back
 * until that answer. So a listener hears of `recovery` first, then what was missed, then what is new, each message once.
 * What came on a connection that ended before the gateway said whether something is missing, is asked for again. */
export class KeptRooms
  extends Emitter<{ recovery: Recovery; gap: Gap }>
  implements RoomWords
{
  readonly connection: Connection;
  readonly most_joins = MOST_JOINS;

  readonly #events: Events<any>;
  readonly #options: KeptRoomsOptions;
  readonly #rooms = new Map<string, Kept>();

  constructor(events: Events<any>, options: KeptRoomsOptions = {}) {
    super();
    this.connection = events.connection;
    this.#events = events;
    this.#options = options;
    events.on_event = (name, message, tell) => this.#on_event(name, message, tell);
    this.connection.on("state", ({ name }) => {
      if (name === "waiting" || name === "closed") {
        for (const [room, kept] of this.#rooms) {
          kept.held = [];
          if (kept.leaving) {
            this.#rooms.delete(room);
          }
        }
      }
    });
  }

  /** Where this client is in a room; undefined: it is not in it, or the room keeps no messages. */
  position(room: string): string | undefined {
    return this.#rooms.get(room)?.at;
  }

  async join(room: string): Promise<void> {
    const { session } = this.connection;
    const leaving = this.#rooms.get(room)?.leaving;
    if (leaving) {
      await leaving; // till then what comes is of the former stay
      if (session !== this.connection.session) {
        throw new UnknownOutcomeError(`leaving ${room}`); // and the next connection was asked for it
      }
    }
    const kept: Kept = this.#rooms.get(room) ?? { was_in: false };
    this.#rooms.set(room, kept);
    kept.held = [];
    try {
      const answer = await this.#events.call("room.join", { room, ...this.#since(room, kept) }, { is_bound: true });
      if (session === this.connection.session && !kept.leaving) {
        this.#begin(room, kept, Object(answer));
      }
    } catch (error) {
      if (session === this.connection.session) {
        this.forget(room, kept);
      } // else it comes back
      throw error;
    }
  }

  async leave(room: string): Promise<void> {
    const kept = this.#rooms.get(room);
    const answer = this.#events.call("room.leave", { room }, { is_bound: true });
    if (kept) {
      const forget = (): void => this.forget(room, kept);
      kept.leaving = answer.then(forget, forget);
    }
    await answer;
  }

  /** @internal */
  forget(room: string, kept = this.#rooms.get(room)): void {
    if (this.#rooms.get(room) === kept) {
      this.#rooms.delete(room);
    }
  }

  #since(room: string, { at, was_in }: Kept): { since?: string; last?: number } {
    const { last = 0 } = this.#options;
    if (at !== undefined) {
      return { since: at };
    }
    return was_in ? {} : { last: typeof last === "number" ? last : last(room) };
  }

  // The gateway has said how things are: what was held back is handed on.
  #begin(room: string, kept: Kept, { recovered, messages, why = "no_history", at }: any): void {
    const { held = [] } = kept;
    const is_whole = kept.at !== undefined && recovered === true;
    kept.held = undefined;
    if (!is_whole) {
      kept.at = undefined;
    }
    if (kept.was_in) {
      this.emit("recovery", is_whole ? { room, recovered: true, messages } : { room, recovered: false, messages: 0, why });
    }
    kept.was_in = true;
    held.forEach((hand_on) => hand_on());
    this.#advance(kept, at); // if nothing has come, or nothing of late
  }

  // Returns false if the client was there already.
  #advance(kept: Kept, at: unknown): boolean {
    if (typeof at === "string" && POSITION.test(at)) {
      if (kept.at !== undefined && is_known(at, kept.at)) {
        return false;
      }
      kept.at = at;
    }
    return true;
  }

  #on_event(name: string, message: any, tell: () => void): void {
    const is_gap = name === (this.#options.gap ?? "room.gap");
    const room = is_gap ? message.data?.room : message.room;
    const kept = this.#rooms.get(room);
    const hand_on = (): void => {
      if (kept?.leaving || (kept && !this.#advance(kept, message.at))) {
        return;
      }
      if (is_gap) {
        this.emit("gap", { room, count: message.data?.count ?? null });
      }
      tell();
    };
    if (kept?.held) {
      kept.held.push(hand_on);
    } else {
      hand_on();
    }
  }
}
