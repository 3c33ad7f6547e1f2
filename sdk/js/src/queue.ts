// What waits to be handed to a socket: in order, and bounded by number and bytes. Handed over, it is gone from here,
// and is never handed over again.
import { ignore } from "./emitter.js";
import { QueueFullError } from "./errors.js";

export type Data = string | ArrayBuffer | ArrayBufferView;

/** As UTF-8, in bytes. */
export const size_of = (text: string): number => new TextEncoder().encode(text).length;

export interface QueueLimits {
  /** So many messages may wait. */
  messages: number;
  /** So many bytes of them. */
  bytes: number;
}

/** A message on its way to a socket. */
export class Outgoing {
  /** Settled when it was handed to a socket, or never will be. */
  declare readonly sent: Promise<void>;
  is_sent = false;
  declare bytes: number;
  declare data: Data;
  /** Means nothing on another connection: dropped when the present one ends. */
  declare readonly is_bound: boolean;
  declare done: () => void;
  declare fail: (error: unknown) => void;

  constructor(data: Data, is_bound: boolean) {
    this.data = data;
    this.is_bound = is_bound;
    this.sent = new Promise((resolve, reject) => {
      this.done = resolve;
      this.fail = reject;
    });
  }

  // As WebSocket.send does: what the caller changes later is not sent.
  keep(): void {
    const { data } = this;
    if (typeof data === "string") {
      this.bytes = size_of(data);
    } else {
      const bytes = ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data);
      this.data = bytes.slice();
      this.bytes = bytes.length;
    }
  }
}

export class Queue {
  readonly #limits: QueueLimits;
  #waiting: Outgoing[] = [];
  #bytes = 0;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  get messages(): number {
    return this.#waiting.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Puts it at place `index`, or fails it if there is no room. */
  add(item: Outgoing, index: number): void {
    const { messages, bytes } = this.#limits;
    item.keep();
    if (this.messages >= messages) {
      item.fail(new QueueFullError(`${messages} messages`));
    } else if (this.#bytes + item.bytes > bytes) {
      item.fail(new QueueFullError(`${this.#bytes} of ${bytes} bytes`));
    } else {
      this.#waiting.splice(index, 0, item);
      this.#bytes += item.bytes;
    }
  }

  /** The next one, which is taken out. */
  take(): Outgoing {
    const item = this.#waiting.shift()!;
    this.#bytes -= item.bytes;
    return item;
  }

  /** Who is not told by a promise that these are dropped, has dropped them. */
  forgive(): void {
    for (const item of this.#waiting) {
      item.sent.catch(ignore);
    }
  }

  /** Takes out all that `is_out` says, and fails them. */
  drop(is_out: (item: Outgoing) => boolean, error: unknown): void {
    const all = this.#waiting;
    this.#waiting = [];
    this.#bytes = 0;
    for (const item of all) {
      if (is_out(item)) {
        item.fail(error);
      } else {
        this.#waiting.push(item);
        this.#bytes += item.bytes;
      }
    }
  }
}
