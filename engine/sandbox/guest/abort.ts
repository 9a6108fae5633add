import { Event, EventTarget } from "./events.ts";
import type { Core } from "./parts.ts";

declare const core: Core;
const { domException } = core;

let signalsFromHere = false;

/** https://dom.spec.whatwg.org/#interface-AbortSignal */
export class AbortSignal extends EventTarget {
  #aborted = false;
  #reason: unknown = undefined;
  onabort: ((event: Event) => unknown) | null = null;

  constructor() {
    super();
    if (!signalsFromHere) throw new TypeError("Illegal constructor");
    this.addEventListener("abort", (event) => this.onabort?.(event));
  }

  get aborted(): boolean {
    return this.#aborted;
  }

  get reason(): unknown {
    return this.#reason;
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

  static any(signals: Iterable<AbortSignal>): AbortSignal {
    const controller = new AbortController();
    const all = [...signals];
    const aborted = all.find((signal) => signal.aborted);
    if (aborted !== undefined) controller.abort(aborted.reason);
    else for (const signal of all) signal.addEventListener("abort", () => controller.abort(signal.reason));
    return controller.signal;
  }

  throwIfAborted(): void {
    if (this.#aborted) throw this.#reason;
  }

  /** Not part of the standard: what the controller does to its signal. */
  static end(signal: AbortSignal, reason: unknown): void {
    if (signal.#aborted) return;
    signal.#aborted = true;
    signal.#reason = reason;
    signal.dispatchEvent(new Event("abort"));
  }
}

const { end } = AbortSignal;
Reflect.deleteProperty(AbortSignal, "end");

/** https://dom.spec.whatwg.org/#interface-abortcontroller */
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
