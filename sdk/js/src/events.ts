// Events by name, in the words of toni's sdk/events (docs/plugins.md, "Events by name"): calls with one answer or a
// streamed one, events of the server's, and its requests.
import { is_poisoned } from "./backoff.js";
import type { Connection, State } from "./connection.js";
import { Emitter, ignore, type Off, report } from "./emitter.js";
import { CallError, type ConnectionError, TimeoutError, ToniError, UnknownOutcomeError } from "./errors.js";
import { Parts } from "./parts.js";
import type { Outgoing } from "./queue.js";

export interface EventsOptions {
  /** The name of the field with the event's name, as the gateway has it: "event". */
  field?: string;
  /** Until an answer, or the next part of one: 30,000. */
  timeout_ms?: number;
  /** Told of each message that makes no sense: no JSON, an answer to no call (too late, or twice), and so on. */
  on_unread?: (why: string, message: string) => void;
}

export interface CallOptions {
  /** From the call to its answer, waiting for a connection included; of a stream also from part to part. */
  timeout_ms?: number;
  /** Takes the call back: it is not sent if it waits, and cancelled if it was sent. */
  signal?: AbortSignal;
  /** Doing it twice does no harm: it is sent again if the connection ends before the answer. */
  idempotent?: boolean;
  /** @internal It means nothing on another connection: not sent before this one ends, it never is. */
  is_bound?: boolean;
}

export interface StreamOptions extends CallOptions {
  /** So many parts are kept for who is slow to ask; with one more the stream fails, with the code "overflow": 1,000. */
  most_parts?: number;
}

/** Answers a request of the server's. A CallError goes to the server as it is, any other error as `internal`. */
export type Handler = (data: any) => unknown;

/** Where an event comes from, if it is one of a room that keeps its messages (docs/plugins.md, Coming back). */
export interface Origin {
  readonly room?: string;
  /** The position of the room with this message. */
  readonly at?: string;
}

// What is to be done with what comes of an answer.
interface Sink {
  part: (data: any) => void;
  complete: () => void;
  fail: (error: unknown) => void;
}

// A call that is not over.
interface Call {
  readonly id: number;
  readonly name: string;
  readonly text: string;
  readonly timeout_ms: number;
  readonly sink: Sink;
  may_repeat: boolean;
  item: Outgoing;
  timer?: ReturnType<typeof setTimeout>;
  unhear: () => void;
}

const PING = "ping"; // as an id: calls have numbers
const LONGEST_MS = 0x7fffffff; // of setTimeout
const LONE_SURROGATE = /(^|[^\\])(\\\\)*\\ud[89a-f]/; // as JSON.stringify escapes it; the host takes none

function encode(message: unknown): string {
  const text = JSON.stringify(message);
  if (LONE_SURROGATE.test(text)) {
    throw new ToniError("invalid", "the data has half of a surrogate pair, which is no text");
  }
  return text;
}

// What the host sends may be of any type: String() throws at an object whose `toString` is none.
const text_or = (value: unknown, otherwise: string): string => (typeof value === "string" ? value : otherwise);

export class Events<Heard extends Record<string, any> = Record<string, any>> {
  readonly connection: Connection;
  /** @internal Is given each event that comes, and calls `tell` when the listeners may hear of it, or never; set by
   * who knows of rooms (`KeptRooms`). */
  on_event: ((name: string, message: any, tell: () => void) => void) | undefined;

  readonly #options: EventsOptions;
  readonly #field: string;
  readonly #calls = new Map<unknown, Call>();
  readonly #handlers = new Map<string, Handler>();
  readonly #heard = new Emitter<Heard>();
  #last_id = 0;
  #renewal: ReturnType<typeof setTimeout> | undefined;

  constructor(connection: Connection, options: EventsOptions = {}) {
    this.connection = connection;
    this.#options = options;
    this.#field = options.field ?? "event";
    // Known or not, an event with an id is answered.
    connection.ping = () => JSON.stringify({ [this.#field]: "ping", id: PING });
    connection.on("message", (data) => typeof data === "string" && this.#read(data));
    connection.on("state", (state) => this.#on_state(state));
    this.#await_renewal();
  }

  /** Calls `listener` with the data of each event of this name, and of which room it is, until the function that is
   * returned is called. */
  on<Name extends keyof Heard>(name: Name, listener: (data: Heard[Name], from: Origin) => void): Off {
    return this.#heard.on(name, listener);
  }

  /** Answers the server's requests of this name, until the function that is returned is called. What the handler
   * returns, or its promise gives, is the answer. One handler a name: the last. */
  handle(name: string, handler: Handler): Off {
    this.#handlers.set(name, handler);
    return () => void (this.#handlers.get(name) === handler && this.#handlers.delete(name));
  }

  /** Sends an event that is not answered. The promise is that of `Connection.send`. */
  send(name: string, data?: unknown, options?: { signal?: AbortSignal }): Promise<void> {
    return this.connection.send(encode({ [this.#field]: name, data }), options);
  }

  /** Sends an event, and gives the data of its answer; undefined, if it is answered without.
   * It is rejected with a CallError (the gateway says no), a TimeoutError, an UnknownOutcomeError (sent, and the
   * connection ended), a QueueFullError, a ConnectionError (closed, and it was not sent), or the signal's reason. */
  call<T = any>(name: string, data?: unknown, options: CallOptions = {}): Promise<T> {
    return new Promise((resolve, reject) => {
      const call = this.#begin(name, data, options, {
        part: (value) => {
          this.#finish(call);
          resolve(value);
        },
        complete: () => resolve(undefined as T),
        fail: reject,
      });
    });
  }

  /** Sends an event whose answer is streamed: `for await (const part of events.stream("log.tail"))`. Who leaves the
   * loop cancels it. It fails as `call` does, after the parts that have come. The handler has to be one that streams:
   * nothing on the wire tells that a single answer is the last. */
  stream<T = any>(name: string, data?: unknown, options: StreamOptions = {}): AsyncIterableIterator<T> {
    const { most_parts = 1000 } = options;
    const parts: Parts<T> = new Parts(() => this.#cancel(call, undefined));
    const call = this.#begin(name, data, options, {
      part: (value) => {
        call.may_repeat = false;
        if (parts.length < most_parts) {
          parts.push(value);
          this.#await_answer(call);
        } else {
          const why = `\`${name}\` is cancelled: ${most_parts} parts of its answer wait to be read, which is the most`;
          this.#cancel(call, new ToniError("overflow", why));
        }
      },
      complete: () => parts.finish({}),
      fail: (error) => parts.finish({ error }),
    });
    return parts;
  }

  /** Asks the option `token` for another token, and hands it to the gateway by the event `token`, which it must have
   * (TONI_EVENT_TOKEN). Called by itself when four fifths of the time are over for which a token is good.
   * @returns When the new one ends, in seconds since 1970; null: never. */
  async refresh(): Promise<{ expires: number | null }> {
    const token = await this.connection.take_token();
    const answer = await this.call("token", { token }, { idempotent: true });
    this.#await_renewal();
    return answer;
  }

  // --- Calls

  #begin(name: string, data: unknown, options: CallOptions, sink: Sink): Call {
    const { timeout_ms = this.#options.timeout_ms ?? 30000, signal, idempotent = false } = options;
    signal?.throwIfAborted();
    const id = ++this.#last_id;
    const text = encode({ [this.#field]: name, id, data });
    const item = this.connection.enqueue(text, options.is_bound);
    const call: Call = { id, name, text, timeout_ms, sink, may_repeat: idempotent, item, unhear: ignore };
    this.#calls.set(id, call);
    if (signal) {
      const on_abort = (): void => this.#cancel(call, signal.reason);
      signal.addEventListener("abort", on_abort);
      call.unhear = () => signal.removeEventListener("abort", on_abort);
    }
    this.#await_answer(call);
    this.#await_sending(call);
    return call;
  }

  #await_sending(call: Call): void {
    call.item.sent.catch((error) => this.#fail(call, error));
  }

  #await_answer(call: Call): void {
    clearTimeout(call.timer);
    const late = (): void => this.#cancel(call, new TimeoutError(`\`${call.name}\``, call.timeout_ms, call.item.is_sent));
    call.timer = setTimeout(late, Math.min(call.timeout_ms, LONGEST_MS));
  }

  // Returns false if it was over already.
  #finish(call: Call): boolean {
    clearTimeout(call.timer);
    call.unhear();
    return this.#calls.delete(call.id);
  }

  #fail(call: Call, error: unknown): void {
    if (this.#finish(call)) {
      call.sink.fail(error);
    }
  }

  // By this side's will: the gateway is told, if it has heard of it.
  #cancel(call: Call, error: unknown): void {
    if (!this.#calls.has(call.id)) {
      return;
    }
    this.#fail(call, error);
    if (!call.item.is_sent) {
      this.connection.withdraw(call.item, error);
    } else if (this.connection.state.name === "open") {
      const text = JSON.stringify({ [this.#field]: "cancel", id: call.id });
      this.connection.enqueue(text, true).sent.catch(ignore);
    }
  }

  // --- The connection comes and goes

  #on_state(state: State): void {
    clearTimeout(this.#renewal);
    if (state.name === "open") {
      this.#await_renewal();
    } else if (state.name !== "connecting") {
      // From the last on: each that is sent again is put before all others.
      for (const call of [...this.#calls.values()].reverse()) {
        this.#on_lost(call, state.why, state.name === "closed");
      }
    }
  }

  // What waits goes on waiting. Of what was sent, only what may be done twice is sent again.
  #on_lost(call: Call, why: ConnectionError, is_closed: boolean): void {
    if (!call.item.is_sent) {
      if (is_closed) {
        this.#fail(call, why);
      }
    } else if (call.may_repeat && !is_closed && !is_poisoned(why.close_code)) {
      call.item = this.connection.enqueue(call.text, false, true);
      this.#await_sending(call);
    } else {
      this.#fail(call, new UnknownOutcomeError(`\`${call.name}\``));
    }
  }

  #await_renewal(): void {
    clearTimeout(this.#renewal);
    const { token_ms, state } = this.connection;
    if (token_ms !== undefined && state.name === "open") {
      // If that fails, the connection ends with its token, and comes back with another.
      this.#renewal = setTimeout(() => this.refresh().catch(ignore), Math.min(token_ms * 0.8, LONGEST_MS));
    }
  }

  // --- What comes

  #read(text: string): void {
    const unread = (why: string): void => this.#options.on_unread?.(why, text);
    let message: any;
    try {
      message = JSON.parse(text);
    } catch {
      return unread("it is no JSON");
    }
    if (typeof message !== "object" || message === null) {
      return unread("it is no JSON object");
    }
    const name = message[this.#field];
    if (typeof name === "string") {
      if ("id" in message) {
        void this.#answer(name, message.id, message.data);
      } else {
        const { room, at, data } = message;
        const tell = (): void => this.#heard.emit(name, data, { room, at });
        if (this.on_event) {
          this.on_event(name, message, tell);
        } else {
          tell();
        }
      }
      return;
    }
    const call = this.#calls.get(message.id);
    if (!call) {
      if (message.id !== PING) {
        unread(message.id === null ? "the gateway could not read what it was sent" : "no call of this id waits for an answer");
      }
    } else if ("error" in message) {
      const { kind, message: why, details } = Object(message.error);
      const error = new CallError(text_or(kind, "internal"), text_or(why, "the gateway does not say why"), Array.isArray(details) ? details : []);
      this.#fail(call, error);
    } else if ("data" in message) {
      call.sink.part(message.data);
    } else if (message.complete === true) {
      this.#finish(call);
      call.sink.complete();
    } else {
      unread("it has neither `data` nor `error` nor `complete`");
    }
  }

  // A request of the server's. Its id means nothing on another connection.
  async #answer(name: string, id: unknown, data: unknown): Promise<void> {
    const { session } = this.connection;
    let answer: string;
    try {
      const handler = this.#handlers.get(name);
      if (!handler) {
        throw new CallError("unimplemented", `this client has no handler of \`${name}\``);
      }
      answer = encode({ id, data: (await handler(data)) ?? null });
    } catch (error) {
      const is_told = error instanceof CallError;
      if (!is_told) {
        report(error);
      }
      const { kind, message } = is_told ? error : { kind: "internal", message: "the client's handler has failed" };
      answer = JSON.stringify({ id, error: { kind, message } });
    }
    if (session === this.connection.session) {
      this.connection.enqueue(answer, true).sent.catch(ignore);
    }
  }
}
