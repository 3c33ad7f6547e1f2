// What can go wrong, as classes: `code` is for programs, `message` is a sentence for people.

export class ToniError extends Error {
  // Written out: a minifier changes the names of classes.
  override name = "ToniError";
  /** A word such as "timeout"; each class says which. */
  declare readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Why there is no connection. `code`:
 * "handshake": it could not be opened; "lost": it has ended; "dead": nothing came any more; "token":
 * the option `token` gave none. After these it is tried again. "refused": the host has said no, or
 * goodbye; "gave_up": too many attempts failed; "closed": the caller has closed it. These are final. */
export class ConnectionError extends ToniError {
  override name = "ConnectionError";
  /** The code and reason of the WebSocket's end, if there was one: 1006 is none that the host sent. */
  declare readonly close_code: number | undefined;
  declare readonly reason: string;

  constructor(code: string, message: string, close_code?: number, reason = "", cause?: unknown) {
    super(code, message, { cause });
    this.close_code = close_code;
    this.reason = reason;
  }
}

/** `code` "queue_full": this message was not taken, and is not sent. */
export class QueueFullError extends ToniError {
  override name = "QueueFullError";
  constructor(what: string) {
    super("queue_full", `the message is not sent: ${what} wait already, which is the most`);
  }
}

/** `code` "timeout": no answer has come in time. */
export class TimeoutError extends ToniError {
  override name = "TimeoutError";
  /** Whether it was sent: if so, it may have been done; if not, it never will be. */
  declare readonly is_sent: boolean;

  constructor(what: string, timeout_ms: number, is_sent: boolean) {
    super("timeout", `${what} was not ${is_sent ? "answered" : "sent"} within ${timeout_ms} ms`);
    this.is_sent = is_sent;
  }
}

/** `code` "unknown": it was sent, and the connection ended before the answer. It may have been done. */
export class UnknownOutcomeError extends ToniError {
  override name = "UnknownOutcomeError";
  constructor(what: string) {
    super("unknown", `the connection ended before ${what} was answered: it may have been done, or not`);
  }
}

/** The gateway's answer is an error. `code` and `kind` are its kind: "forbidden", "not_found", … */
export class CallError extends ToniError {
  override name = "CallError";
  declare readonly kind: string;
  /** What is wrong where, if the gateway says: `[{ path: "/size", message: "is not from 1 to 100" }]`. */
  declare readonly details: readonly { path: string; message: string }[];

  constructor(kind: string, message: string, details: readonly { path: string; message: string }[] = []) {
    super(kind, message);
    this.kind = kind;
    this.details = details;
  }
}
