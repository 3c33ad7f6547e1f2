// Listeners by name.

/** Ends the listening. */
export type Off = () => void;

/** For what may fail, and is told elsewhere, or to nobody. */
export const ignore = (): void => {};

type Listener<T> = (value: T, from?: any) => void;

/** A fault of the application's own code: shown as one that nobody has caught, while others go on. */
export function report(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

export class Emitter<Heard extends Record<string, any>> {
  readonly #listeners = new Map<keyof Heard, Set<Listener<never>>>();

  /** Calls `listener` whenever it happens, until the function that is returned is called. */
  on<Name extends keyof Heard>(name: Name, listener: Listener<Heard[Name]>): Off {
    const all = this.#listeners.get(name) ?? new Set<Listener<never>>();
    this.#listeners.set(name, all);
    const own: Listener<Heard[Name]> = (value, from) => listener(value, from); // who listens twice hears twice
    all.add(own);
    return () => void all.delete(own);
  }

  /** @internal */
  emit<Name extends keyof Heard>(name: Name, value: Heard[Name], from?: unknown): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])] as Listener<Heard[Name]>[]) {
      try {
        listener(value, from);
      } catch (error) {
        report(error);
      }
    }
  }
}
