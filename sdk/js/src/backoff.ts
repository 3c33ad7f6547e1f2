// When to come back after a connection has ended, and whether to come back at all.

export interface Backoff {
  /** The first wait is up to so long; each further one up to twice as long as the one before. */
  first_ms: number;
  /** No wait is longer. */
  most_ms: number;
}

// All of a host's clients lose their connections in the same instant. With 4 s, a thousand of them come back evenly
// over 4 s; a first wait that is short for all would bring all at once.
export const BACKOFF: Backoff = { first_ms: 4000, most_ms: 60000 };

/** Full jitter: any time from none to the most is equally likely, so that a herd spreads.
 * @param failures  How many attempts in a row have failed; 0 after a connection that was lost. */
export function delay_ms({ first_ms, most_ms }: Backoff, failures: number): number {
  return Math.random() * Math.min(most_ms, first_ms * 2 ** failures);
}

/** Whether an end is the host's last word: its reason does not go away by itself. 1000: it is done;
 * 1008: a rule was broken, or a guard refuses; 4000 to 4999: what the gateway says to this client alone, such as
 * 4001 `revoked`. All others are tried again: 1001 `going away`, 1006 (no word at all), 1011, 1013 and so on. */
export function is_final(close_code: number): boolean {
  return close_code === 1000 || close_code === 1008 || (close_code >= 4000 && close_code <= 4999);
}

/** Whether another token may help: 4001 `token expired`, and the 401 of a guard, as the reason of a 1008. */
export function wants_token(close_code: number, reason: string): boolean {
  return (close_code === 4001 && reason !== "revoked") || (close_code === 1008 && reason.startsWith("401"));
}

/** Whether a message of ours may have ended the connection: sent again, it would end the next one. */
export function is_poisoned(close_code: number | undefined): boolean {
  return close_code !== undefined && [1002, 1003, 1007, 1009, 1011].includes(close_code);
}
