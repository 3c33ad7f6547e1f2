// One WebSocket to a gateway, for as long as it is wanted: opens it, finds out that it is dead, opens it again, and
// keeps meanwhile what is to be sent. What the messages mean is not known here.
import { BACKOFF, type Backoff, delay_ms, is_final, wants_token } from "./backoff.js";
import { Emitter, ignore, type Off } from "./emitter.js";
import { ConnectionError, ToniError } from "./errors.js";
import { type Data, Outgoing, Queue, type QueueLimits } from "./queue.js";

/** What is used of a WebSocket: a browser's, that of Node 22, or npm's `ws`. */
export interface Socket {
  readonly readyState: number;
  readonly bufferedAmount: number;
  binaryType: string;
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  send(data: any): void;
  close(code?: number, reason?: string): void;
}
export type SocketClass = new (url: string, protocols?: string[]) => Socket;

/** How the connection is; `why` has a sentence for people. */
export type State =
  | { readonly name: "connecting" }
  | { readonly name: "open" }
  /** It is opened again in `retry_ms`. */
  | { readonly name: "waiting"; readonly retry_ms: number; readonly why: ConnectionError }
  /** And stays so, until `connect` is called. */
  | { readonly name: "closed"; readonly why: ConnectionError };

/** A token, and in how many seconds it ends, if that is known: then another is asked for in time. */
export type Token = string | { token: string; expires_in?: number };

export interface ConnectionOptions {
  /** Where there is no global one (Node before 22): that of npm's `ws`. */
  WebSocket?: SocketClass;
  /** Subprotocols to offer. */
  protocols?: string[];
  /** Asked before each attempt; what it gives is offered as the subprotocol `bearer.TOKEN`. */
  token?: () => Token | Promise<Token>;
  backoff?: Partial<Backoff>;
  /** An attempt that takes longer has failed: 10,000. The hook `token` is part of it. */
  connect_ms?: number;
  /** A connection that lasts so long ends a series of failures: 5,000. */
  steady_ms?: number;
  /** After so many failed attempts in a row none is made: Infinity. */
  most_failures?: number;
  /** What may wait to be sent: 1,000 messages, 1 MiB. */
  queue?: Partial<QueueLimits>;
  /** When nothing has come for `every_ms` (25,000), something that is answered is sent; when nothing comes for
   * `timeout_ms` (10,000) after that, the connection is dead. false: never. */
  heartbeat?: { every_ms?: number; timeout_ms?: number } | false;
  /** Another rule than that of `is_final`. */
  is_final?: (close_code: number, reason: string) => boolean;
  /** Closes the connection. */
  signal?: AbortSignal;
}

export interface SendOptions {
  /** Takes the message back, if it waits yet. */
  signal?: AbortSignal;
}

type Timer = ReturnType<typeof setTimeout> | undefined;

const OPEN = 1; // of readyState
const IN_SOCKET_BYTES = 65536; // more waits here, since a socket forgets what it has when the connection is lost
const LOOK_MS = 20; // whether the socket has sent some of it
const ASLEEP_MS = 2000; // a timer that is so late: the computer slept, or the tab was frozen

export class Connection extends Emitter<{ state: State; message: string | ArrayBuffer }> {
  readonly url: string;
  /** What the gateway answers whatever it is; set by who knows its language (`Events`, `TextRooms`). Without it there
   * is no heartbeat, for a page can send no ping of the protocol's own. */
  ping: (() => string) | undefined;
  /** How long the last token is good for, in ms; undefined: not known. */
  token_ms: number | undefined;

  readonly #options: ConnectionOptions;
  readonly #backoff: Backoff;
  readonly #queue: Queue;
  #socket: Socket | undefined;
  #state: State = { name: "connecting" };
  #changes: State[] = []; // to be told, in order
  #session = 0; // of each attempt another number, so that what belongs to an earlier one is known
  #failures = 0; // attempts in a row
  #refusals = 0; // of tokens, in a row
  #ahead: number | undefined; // while listeners of "open" run: so many of their messages wait before all others
  #heard_at = 0;
  #heard = 0; // messages; browsers' clocks are too coarse to tell what came after a question
  #outside: AbortController | undefined; // ends listening to the page, and to the option `signal`
  #retry: Timer;
  #late: Timer;
  #steady: Timer;
  #drain: Timer;
  #beat: Timer;
  #check: Timer;

  /** Connects at once. @throws ToniError "invalid": no URL of a WebSocket, or no WebSocket. */
  constructor(url: string, options: ConnectionOptions = {}) {
    super();
    if (!/^wss?:\/\//i.test(url)) {
      throw new ToniError("invalid", `\`${url}\` does not begin with ws:// or wss://`);
    }
    if (!options.WebSocket && !globalThis.WebSocket) {
      throw new ToniError("invalid", "there is no WebSocket here: hand one over by the option `WebSocket`, such as that of npm's `ws`");
    }
    this.url = url;
    this.#options = options;
    this.#backoff = { ...BACKOFF, ...options.backoff };
    this.#queue = new Queue({ messages: 1000, bytes: 1048576, ...options.queue });
    if (options.signal?.aborted) {
      this.close();
    } else {
      this.#dial();
    }
  }

  get state(): State {
    return this.#state;
  }

  /** How much waits to be sent. */
  get queued(): { messages: number; bytes: number } {
    return { messages: this.#queue.messages, bytes: this.#queue.bytes };
  }

  /** @internal Another number for each connection. */
  get session(): number {
    return this.#session;
  }

  /** Connects at once, if it waits or is closed. */
  connect(): void {
    if (this.#state.name === "waiting" || this.#state.name === "closed") {
      this.#dial();
    }
  }

  /** Fulfilled when it is open; rejected when it is closed, or the signal says so. */
  opened({ signal }: { signal?: AbortSignal } = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): boolean => {
        if (this.#state.name === "open") {
          resolve();
        } else if (this.#state.name === "closed") {
          reject(this.#state.why);
        } else if (signal?.aborted) {
          reject(signal.reason);
        } else {
          return false;
        }
        off();
        signal?.removeEventListener("abort", look);
        return true;
      };
      let off: Off = ignore;
      if (!look()) {
        off = this.on("state", look);
        signal?.addEventListener("abort", look);
      }
    });
  }

  /** Sends a text or binary message, now or when there is a connection. The promise is fulfilled when it was handed to
   * a socket; whether it arrives, only an answer tells. It is rejected if that never happens: the queue is full, or the
   * connection is closed for good. */
  send(data: Data, { signal }: SendOptions = {}): Promise<void> {
    if (signal?.aborted) {
      return Promise.reject(signal.reason);
    }
    const item = this.enqueue(data);
    if (signal && !item.is_sent) {
      const take_back = (): void => this.withdraw(item, signal.reason);
      const settled = (): void => signal.removeEventListener("abort", take_back);
      signal.addEventListener("abort", take_back);
      item.sent.then(settled, settled);
    }
    return item.sent;
  }

  /** Ends it. What was not sent is dropped, and its promises are rejected. */
  close(code = 1000, reason = ""): void {
    if (this.#state.name !== "closed") {
      this.#socket?.close(code, reason); // which throws if these can't be sent
      this.#queue.forgive();
      this.#end(new ConnectionError("closed", "the connection was closed by this side"));
    }
  }

  // --- For those who know the gateway's language

  /** @internal
   * @param is_bound  It means nothing on another connection.
   * @param is_first  It goes before all that waits. */
  enqueue(data: Data, is_bound = false, is_first = false): Outgoing {
    const item = new Outgoing(data, is_bound);
    if (this.#state.name === "closed") {
      item.fail(this.#state.why);
    } else if (this.#is_free() && (this.#queue.messages === 0 || this.#ahead === 0)) {
      this.#hand_over(item);
    } else if (is_first) {
      this.#queue.add(item, 0);
    } else {
      this.#queue.add(item, this.#ahead === undefined ? this.#queue.messages : this.#ahead++);
      this.#flush();
    }
    return item;
  }

  /** @internal */
  withdraw(item: Outgoing, error: unknown): void {
    this.#queue.drop((other) => other === item, error);
  }

  /** @internal Asks the application for a token. */
  async take_token(): Promise<string> {
    try {
      const given = await this.#options.token!();
      const is_text = typeof given === "string";
      this.token_ms = is_text || !given.expires_in ? undefined : given.expires_in * 1000;
      return is_text ? given : given.token;
    } catch (cause) {
      throw new ConnectionError("token", `no token was given: ${(cause as Error)?.message ?? cause}`, undefined, "", cause);
    }
  }

  // What comes behind may be a secret.
  get #where(): string {
    return this.url.replace(/[?#].*/s, "");
  }

  // --- From one state to the next

  #set(state: State): void {
    this.#state = state;
    this.#changes.push(state);
    if (this.#changes.length > 1) {
      return; // a listener has caused it: all are told when all have been told of the one before
    }
    while (this.#changes.length > 0) {
      this.emit("state", this.#changes[0]!);
      this.#changes.shift();
    }
  }

  async #dial(): Promise<void> {
    const session = ++this.#session;
    this.#listen();
    clearTimeout(this.#retry);
    const { connect_ms = 10000, protocols = [], token } = this.#options;
    this.#late = setTimeout(
      () => this.#lose(new ConnectionError("handshake", `${this.#where} did not answer within ${connect_ms} ms`)),
      connect_ms
    );
    this.#set({ name: "connecting" });
    try {
      const bearer = token ? ["bearer", `bearer.${await this.take_token()}`] : [];
      if (session === this.#session) {
        this.#open([...new Set([...protocols, ...bearer])]); // a WebSocket refuses one that stands twice
      }
    } catch (error) {
      if (session === this.#session) {
        this.#lose(error as ConnectionError);
      }
    }
  }

  #open(protocols: string[]): void {
    let socket: Socket;
    try {
      socket = new (this.#options.WebSocket ?? (globalThis.WebSocket as SocketClass))(this.url, protocols);
    } catch (cause) {
      // Neither time nor the host mends what the WebSocket itself refuses: a subprotocol with a space, a URL with a #.
      this.#end(new ConnectionError("refused", `the WebSocket can't be made: ${(cause as Error).message}`, undefined, "", cause));
      return;
    }
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    let is_open = false;
    let said = ""; // by npm's ws: "Unexpected server response: 401"; a browser tells nobody
    socket.onopen = () => {
      is_open = true;
      this.#on_open();
    };
    socket.onmessage = ({ data }) => {
      this.#heard_at = performance.now();
      this.#heard++;
      this.emit("message", data);
    };
    socket.onerror = (event) => (said = event.message ?? "");
    socket.onclose = ({ code, reason }) => (is_open ? this.#on_close(code, reason) : this.#on_failure(code, said));
  }

  #on_open(): void {
    clearTimeout(this.#late);
    this.#steady = setTimeout(() => {
      this.#failures = this.#refusals = 0;
    }, this.#options.steady_ms ?? 5000);
    this.#heard_at = performance.now();
    this.#await_beat();
    // What listeners send now, such as joins of rooms, goes before what has waited.
    this.#ahead = 0;
    this.#set({ name: "open" });
    this.#ahead = undefined;
    this.#flush();
  }

  #on_failure(close_code: number, said: string): void {
    const status = /\b40[13]\b/.exec(said)?.[0];
    const why = said || "the host is not there, or lets nobody in from here: a browser doesn't tell which";
    const error = (code: string): ConnectionError =>
      new ConnectionError(code, `${this.#where} could not be opened: ${why}`, close_code, said);
    if (status && !(status === "401" && this.#may_renew())) {
      this.#end(error("refused"));
    } else {
      this.#lose(error("handshake"));
    }
  }

  #on_close(close_code: number, reason: string): void {
    const error = (code: string): ConnectionError =>
      new ConnectionError(code, `the connection has ended: ${close_code}${reason && ` ${reason}`}`, close_code, reason);
    const is_no = (this.#options.is_final ?? is_final)(close_code, reason);
    if (is_no && !(wants_token(close_code, reason) && this.#may_renew())) {
      this.#end(error("refused"));
    } else {
      this.#lose(error("lost"));
    }
  }

  // Once: who refuses the next token, too, means it.
  #may_renew(): boolean {
    return this.#options.token !== undefined && this.#refusals++ < 1;
  }

  #lose(why: ConnectionError): void {
    this.#forget_socket();
    this.#queue.drop((item) => item.is_bound, why);
    const failures = this.#failures++;
    const { most_failures = Infinity } = this.#options;
    if (failures >= most_failures) {
      this.#end(new ConnectionError("gave_up", `${why.message}; no more than ${most_failures} attempts are made`, why.close_code, why.reason, why));
      return;
    }
    const retry_ms = delay_ms(this.#backoff, failures);
    this.#retry = setTimeout(() => this.#dial(), retry_ms);
    this.#set({ name: "waiting", retry_ms, why });
  }

  #end(why: ConnectionError): void {
    this.#forget_socket();
    clearTimeout(this.#retry);
    this.#outside?.abort();
    this.#outside = undefined;
    this.#failures = this.#refusals = 0;
    this.#queue.drop(() => true, why);
    this.#set({ name: "closed", why });
  }

  #forget_socket(): void {
    this.#session++; // whatever is under way is of no use any more
    for (const timer of [this.#late, this.#steady, this.#drain, this.#beat, this.#check]) {
      clearTimeout(timer);
    }
    this.#check = undefined;
    const socket = this.#socket;
    if (socket) {
      this.#socket = undefined;
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.onerror = ignore; // npm's ws throws what nobody hears
      socket.close();
    }
  }

  // --- Sending

  // Whether a socket takes what it is given: one that is closing drops it.
  #is_free(): boolean {
    const socket = this.#socket;
    return this.#state.name === "open" && socket!.readyState === OPEN && socket!.bufferedAmount < IN_SOCKET_BYTES;
  }

  #hand_over(item: Outgoing): void {
    item.is_sent = true;
    this.#socket!.send(item.data);
    item.done();
  }

  #flush(): void {
    clearTimeout(this.#drain);
    while (this.#ahead === undefined && this.#queue.messages > 0 && this.#is_free()) {
      this.#hand_over(this.#queue.take());
    }
    if (this.#state.name === "open" && this.#queue.messages > 0) {
      this.#drain = setTimeout(() => this.#flush(), LOOK_MS);
    }
  }

  // --- Whether it is alive

  #await_beat(): void {
    const { heartbeat = {} } = this.#options;
    if (heartbeat === false) {
      return;
    }
    const every_ms = heartbeat.every_ms ?? 25000;
    const due_ms = (): number => this.#heard_at + every_ms - performance.now();
    const look = (): void => (this.ping && due_ms() <= 0 ? this.#look_alive() : this.#await_beat());
    this.#beat = setTimeout(look, this.ping ? Math.max(0, due_ms()) : every_ms);
  }

  // Asks for a sign of life.
  #look_alive(): void {
    const { heartbeat = {} } = this.#options;
    const socket = this.#socket;
    if (heartbeat === false || !this.ping || this.#check !== undefined || socket?.readyState !== OPEN) {
      return;
    }
    clearTimeout(this.#beat);
    const timeout_ms = heartbeat.timeout_ms ?? 10000;
    const asked_at = performance.now();
    const heard = this.#heard;
    socket.send(this.ping());
    const unsent = socket.bufferedAmount;
    this.#check = setTimeout(() => {
      this.#check = undefined;
      const is_late = performance.now() - asked_at > timeout_ms + ASLEEP_MS;
      if (this.#heard > heard) {
        this.#await_beat();
      } else if (is_late || (socket.bufferedAmount > 0 && socket.bufferedAmount < unsent)) {
        this.#look_alive(); // an answer may be about to be read, or the question is on its way yet
      } else {
        this.#lose(new ConnectionError("dead", `the connection is dead: no answer within ${timeout_ms} ms`));
      }
    }, timeout_ms);
  }

  // What a page can tell: a person looks again, or the network is back. One that is closed listens to nobody: who
  // listens is kept by whom it listens to.
  #listen(): void {
    if (this.#outside) {
      return;
    }
    const { signal } = (this.#outside = new AbortController());
    const look = (): void => {
      if (this.#state.name === "waiting") {
        this.#dial();
      } else {
        this.#look_alive();
      }
    };
    this.#options.signal?.addEventListener("abort", () => this.close(), { signal });
    globalThis.addEventListener?.("online", look, { signal });
    globalThis.addEventListener?.("offline", () => this.#look_alive(), { signal });
    globalThis.document?.addEventListener("visibilitychange", () => document.hidden || look(), { signal });
  }
}
