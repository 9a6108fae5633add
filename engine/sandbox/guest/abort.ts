import type { Core } from "./parts.ts";

declare const core: Core;
const { domException } = core;

type Listener = () => unknown;

let signalsFromHere = false;

/** The DOM standard's AbortSignal, with the one event that it has. */
export class AbortSignal {
  aborted = false;
  reason: unknown = undefined;
  onabort: Listener | null = null;
  #listeners = new Set<Listener>();

  constructor() {
    if (!signalsFromHere) throw new TypeError("Illegal constructor");
  }

  static abort(reason?: unknown): AbortSignal {
    const controller = new AbortController();
    controller.abort(reason);
    return controller.signal;
  }

  static timeout(ms: number): AbortSignal {
    const controller = new AbortController();
    setTimeout(() => controller.abort(domException("The operation timed out", "TimeoutError")), ms);
    return controller.signal;
  }

  static any(signals: readonly AbortSignal[]): AbortSignal {
    const controller = new AbortController();
    for (const signal of signals) {
      if (signal.aborted) controller.abort(signal.reason);
      else signal.addEventListener("abort", () => controller.abort(signal.reason));
    }
    return controller.signal;
  }

  addEventListener(type: string, listener: Listener): void {
    if (type === "abort") this.#listeners.add(listener);
  }

  removeEventListener(type: string, listener: Listener): void {
    if (type === "abort") this.#listeners.delete(listener);
  }

  throwIfAborted(): void {
    if (this.aborted) throw this.reason;
  }

  /** Not part of the standard: what the controller does to its signal. */
  static end(signal: AbortSignal, reason: unknown): void {
    if (signal.aborted) return;
    signal.aborted = true;
    signal.reason = reason;
    const listeners = [...signal.#listeners];
    signal.#listeners.clear();
    signal.onabort?.();
    for (const listener of listeners) listener();
  }
}

const { end } = AbortSignal;
Reflect.deleteProperty(AbortSignal, "end");

/** The DOM standard's AbortController. */
export class AbortController {
  readonly signal: AbortSignal;

  constructor() {
    signalsFromHere = true;
    this.signal = new AbortSignal();
    signalsFromHere = false;
  }

  abort(reason: unknown = domException("This operation was aborted", "AbortError")): void {
    end(this.signal, reason);
  }
}
