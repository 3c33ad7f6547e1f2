// Rooms that this client wants to be in: joined when there is a connection, and again whenever there is a new one.
// How a room is joined is the gateway's own language, so each kind of gateway has its words (RoomWords).
import type { Connection } from "./connection.js";
import { Emitter, ignore } from "./emitter.js";
import { type ConnectionError, ToniError } from "./errors.js";
import type { Events } from "./events.js";

/** How a gateway is asked. The promises are fulfilled when it has said yes, and rejected when it says no. */
export interface RoomWords {
  readonly connection: Connection;
  join(room: string): Promise<unknown>;
  leave(room: string): Promise<unknown>;
  /** So many joins may wait for their answers: without it, any number. The others are asked for as answers come. */
  readonly most_joins?: number;
  /** A room that was joined before is left while there is nothing to ask for. */
  forget?(room: string): void;
}

/** Half of what a gateway with events takes of unanswered calls (`max_inflight`), which leaves room for others. */
export const MOST_JOINS = 16;

/** "joining": asked, or to be asked; "joined"; "away": joined before, and the connection is lost; "left". */
export type RoomState = "joining" | "joined" | "away" | "left";

export interface RoomChange {
  room: string;
  state: RoomState;
  /** Of "left", if it was not `leave`: why the gateway did not let this client in again. */
  why?: unknown;
}

// A room that is wanted.
interface Wanted {
  state: RoomState;
  /** Of `join`. */
  promise: Promise<void>;
  resolve: () => void;
  reject: (error: unknown) => void;
}

export class Rooms extends Emitter<{ change: RoomChange }> {
  readonly #words: RoomWords;
  readonly #wanted = new Map<string, Wanted>();
  readonly #to_ask = new Set<string>(); // rooms that are wanted, and that this connection was not asked for yet
  #asked = 0; // joins of this connection that are not answered

  constructor(words: RoomWords) {
    super();
    this.#words = words;
    words.connection.on("state", (state) => {
      if (state.name === "open") {
        this.#asked = 0;
        for (const [room, wanted] of [...this.#wanted]) {
          this.#to_ask.add(room);
          if (wanted.state !== "joining") {
            this.#set(room, wanted, "joining");
          }
        }
        this.#ask_some();
      } else if (state.name !== "connecting") {
        this.#on_lost(state.name === "closed" ? state.why : undefined);
      }
    });
  }

  /** The rooms that are wanted. */
  get names(): string[] {
    return [...this.#wanted.keys()];
  }

  state(room: string): RoomState {
    return this.#wanted.get(room)?.state ?? "left";
  }

  /** Joins a room, at once or when there is a connection, and again after each loss. Rejected if the gateway says no
   * (then it is not wanted any more), or if the connection is closed. Of a room that was joined before, fulfilled at
   * once, connected or not. */
  join(room: string): Promise<void> {
    const before = this.#wanted.get(room);
    if (before) {
      return before.promise;
    }
    const { state } = this.#words.connection;
    if (state.name === "closed") {
      return Promise.reject(state.why);
    }
    const wanted = { state: "joining" } as Wanted;
    wanted.promise = new Promise((resolve, reject) => Object.assign(wanted, { resolve, reject }));
    this.#wanted.set(room, wanted);
    this.#set(room, wanted, "joining");
    if (state.name === "open") {
      this.#to_ask.add(room);
      this.#ask_some();
    }
    return wanted.promise;
  }

  /** Leaves a room. Without a connection there is nothing to ask for: who is not connected is in no room. */
  async leave(room: string): Promise<void> {
    const wanted = this.#wanted.get(room);
    if (wanted) {
      this.#forget(room, wanted, new ToniError("left", `the room ${room} was left before it was joined`));
      const { session, state } = this.#words.connection;
      if (this.#to_ask.delete(room) || state.name !== "open") {
        this.#words.forget?.(room);
      } else {
        await this.#words.leave(room).catch((error) => {
          if (session === this.#words.connection.session) {
            throw error;
          } // else the loss has done it
        });
      }
    }
  }

  #ask_some(): void {
    for (const room of this.#to_ask) {
      const wanted = this.#wanted.get(room)!;
      if (this.#asked >= (this.#words.most_joins ?? Infinity)) {
        return;
      }
      this.#to_ask.delete(room);
      this.#asked++;
      void this.#ask(room, wanted);
    }
  }

  async #ask(room: string, wanted: Wanted): Promise<void> {
    const { connection } = this.#words;
    const { session } = connection;
    const is_old = (): boolean => session !== connection.session || this.#wanted.get(room) !== wanted;
    try {
      await this.#words.join(room);
      if (!is_old()) {
        this.#set(room, wanted, "joined");
        wanted.resolve();
      }
    } catch (error) {
      if (!is_old()) {
        this.#forget(room, wanted, error, error);
      }
    }
    if (session === connection.session) {
      this.#asked--;
      this.#ask_some();
    }
  }

  #on_lost(closed: ConnectionError | undefined): void {
    this.#to_ask.clear();
    for (const [room, wanted] of [...this.#wanted]) {
      if (wanted.state === "joined" || wanted.state === "away") {
        this.#set(room, wanted, "away");
      } else if (closed) {
        this.#forget(room, wanted, closed, closed);
      }
    }
  }

  #set(room: string, wanted: Wanted, state: RoomState): void {
    wanted.state = state;
    this.emit("change", { room, state });
  }

  #forget(room: string, wanted: Wanted, error: unknown, why?: unknown): void {
    this.#wanted.delete(room);
    wanted.state = "left";
    if (["closed", "left"].includes((error as ToniError).code)) {
      wanted.promise.catch(ignore); // this side has done it: who does not wait for the answer need not hear of it
    }
    wanted.reject(error);
    this.emit("change", why === undefined ? { room, state: "left" } : { room, state: "left", why });
  }
}

/** The words of a gateway with events: of which name they are, and what their data is. There are none that all
 * gateways have; the lobby's are `{ join: "lobby.join", leave: "lobby.leave" }`, and data `{ name: ROOM }`. */
export function event_rooms(
  events: Pick<Events, "call" | "connection">,
  { join, leave, data = (room) => ({ name: room }) }: { join: string; leave: string; data?: (room: string) => unknown }
): RoomWords {
  return {
    connection: events.connection,
    most_joins: MOST_JOINS,
    join: (room) => events.call(join, data(room), { is_bound: true }),
    leave: (room) => events.call(leave, data(room), { is_bound: true }),
  };
}
