// A streamed answer, as an async iterator: keeps what has come until it is asked for.

type Waiting<T> = { resolve: (result: IteratorResult<T>) => void; reject: (error: unknown) => void };

export class Parts<T> implements AsyncIterableIterator<T> {
  readonly #cancel: () => void;
  #parts: T[] = [];
  #waiting: Waiting<T>[] = [];
  #end: { error?: unknown } | undefined; // of the stream; what has come is given out before it is told

  /** @param cancel  Called when nobody wants the rest. */
  constructor(cancel: () => void) {
    this.#cancel = cancel;
  }

  /** How many have come that nobody has asked for. */
  get length(): number {
    return this.#parts.length;
  }

  push(value: T): void {
    const waiting = this.#waiting.shift();
    if (waiting) {
      waiting.resolve({ value, done: false });
    } else {
      this.#parts.push(value);
    }
  }

  /** @param end  With an error: that it is told after all parts. */
  finish(end: { error?: unknown }): void {
    this.#end ??= end;
    for (const waiting of this.#waiting.splice(0)) {
      this.#tell(waiting);
    }
  }

  #tell({ resolve, reject }: Waiting<T>): void {
    const end = this.#end!;
    this.#end = {}; // an error is told once
    if ("error" in end) {
      reject(end.error);
    } else {
      resolve({ value: undefined, done: true });
    }
  }

  next(): Promise<IteratorResult<T>> {
    return new Promise((resolve, reject) => {
      if (this.#parts.length > 0) {
        resolve({ value: this.#parts.shift()!, done: false });
      } else if (this.#end) {
        this.#tell({ resolve, reject });
      } else {
        this.#waiting.push({ resolve, reject });
      }
    });
  }

  /** Ends a `for await` that is left: the rest is cancelled. */
  async return(): Promise<IteratorResult<T>> {
    const is_over = this.#end !== undefined;
    this.#parts = [];
    this.finish({});
    this.#end = {};
    if (!is_over) {
      this.#cancel();
    }
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
